"""Every check, both ways: well, and really failing."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat

from nkdash import clock
from nkdash.automation import gate
from nkdash.catalog import load_catalog
from nkdash.health import checks
from nkdash.health.checks import GIB, all_checks, run_checks
from nkdash.health.incidents import settle
from nkdash.health.result import EXIT_CODES, Result, Status, overall
from nkdash.lake import Layer, partition_path
from nkdash.odoo import OdooCredentialsError
from nkdash.sandbox import SandboxServer
from nkdash.settings import Settings, load_settings
from nkdash.standing import Day, State
from nkdash.warehouse import current, publish
from nkdash_tests.health.conftest import Clock, Webhook
from nkdash_tests.pipeline.conftest import FIRST, LAST, Pipeline, connect_env, odoo, pipeline

__all__ = ["connect_env", "odoo", "pipeline"]

With = Callable[..., Settings]
TODAY, YESTERDAY = date(2026, 10, 20), date(2026, 10, 19)


def test_the_worst_result_makes_the_exit_code() -> None:
    def made(*statuses: Status) -> Status:
        return overall(Result("x", status, "") for status in statuses)

    ok, warn, fail, unknown = Status.OK, Status.WARN, Status.FAIL, Status.UNKNOWN
    assert EXIT_CODES[made(ok, ok)] == 0
    assert EXIT_CODES[made(ok, warn, unknown)] == 1
    assert EXIT_CODES[made(warn, fail, unknown)] == 2
    assert EXIT_CODES[made(ok, unknown)] == 3
    assert EXIT_CODES[made()] == 3


def test_a_check_that_breaks_or_hangs_keeps_no_other_from_its_result() -> None:
    release = threading.Event()

    def breaks() -> Result:
        raise ZeroDivisionError("by zero")

    def hangs() -> Result:
        release.wait(60)
        return Result("hangs", Status.OK, "")

    def well() -> Result:
        return Result("well", Status.OK, "fine")

    started = time.monotonic()
    results = run_checks({"breaks": breaks, "hangs": hangs, "well": well}, 0.3)
    release.set()
    assert time.monotonic() - started < 5
    assert [(r.name, r.status) for r in results] == [
        ("breaks", Status.UNKNOWN),
        ("hangs", Status.UNKNOWN),
        ("well", Status.OK),
    ]
    assert "ZeroDivisionError: by zero" in results[0].detail
    assert "0.3 s" in results[1].detail


def test_odoo_answers_or_not_or_may_not_be_asked(
    odoo: SandboxServer,
    connect_env: Callable[[SandboxServer], None],
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert checks.odoo(load_settings(), instance).status is Status.FAIL
    connect_env(odoo)
    settings = load_settings()
    well = checks.odoo(settings, instance)
    assert (well.status, well.unit) == (Status.OK, "seconds")
    assert "Odoo 17.0" in well.detail
    refused = OdooCredentialsError("Odoo does not accept the user", remedy="Check ODOO_API_KEY.")
    gate.refuse(instance, settings.odoo_connection(), refused)
    closed = checks.odoo(settings, instance)
    assert closed.status is Status.FAIL
    assert "ODOO_API_KEY" in closed.detail
    monkeypatch.setenv("ODOO_PORT", "9")
    down = checks.odoo(load_settings(), instance)
    assert down.status is Status.FAIL
    assert down.remedy


@pytest.fixture
def own_home(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance that needs daemons, as that of a real installation does."""
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as found:
        yield found


def beat(instance: dg.DagsterInstance, seconds_ago: float) -> None:
    for kind in instance.get_required_daemon_types():
        heartbeat = DaemonHeartbeat(time.time() - seconds_ago, kind, "here", [])
        instance.add_daemon_heartbeat(heartbeat)


def test_a_daemon_is_dead_long_before_dagster_says_so(
    own_home: dg.DagsterInstance, with_settings: With
) -> None:
    settings = with_settings()
    assert own_home.get_required_daemon_types()
    never = checks.daemons(settings, own_home)
    assert (never.status, "never seen: " in never.detail) == (Status.FAIL, True)
    for age, status in ((1, Status.OK), (120, Status.WARN), (400, Status.FAIL)):
        beat(own_home, age)
        found = checks.daemons(settings, own_home)
        assert found.status is status
        assert found.value == pytest.approx(age, abs=5)


def test_a_disk_is_full_by_the_thresholds(with_settings: With, tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free / GIB
    for warn, fail, status in (
        ("0", "0", Status.OK),
        (str(free * 2), "0", Status.WARN),
        (str(free * 3), str(free * 2), Status.FAIL),
    ):
        settings = with_settings(NKDASH_DISK_WARN_GIB=warn, NKDASH_DISK_FAIL_GIB=fail)
        lake, warehouse = checks.disk(settings)
        assert (lake.status, warehouse.status) == (status, status)
        assert lake.value == pytest.approx(free * GIB, rel=0.2)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.LOADED, Status.OK),
        (State.EMPTY, Status.OK),
        (State.DIFFERS, Status.OK),
        (State.MISSING, Status.FAIL),
        (State.UNFINISHED, Status.FAIL),
        (State.OUTDATED, Status.FAIL),
    ],
)
def test_a_dataset_is_fresh_when_the_latest_complete_day_is_there(
    with_settings: With, stopped: Clock, state: State, status: Status
) -> None:
    settings = with_settings()
    catalog = load_catalog(settings)
    days = [Day(d.name, YESTERDAY, state) for d in catalog.datasets if not d.is_snapshot]
    found = {r.name: r.status for r in checks.freshness(settings, catalog, days)}
    assert {s for name, s in found.items() if "stock_quants" not in name} == {status}


def test_until_the_night_is_over_the_day_before_yesterday_is_enough(
    with_settings: With, stopped: Clock
) -> None:
    settings = with_settings(NKDASH_FRESH_HOUR="5")
    catalog = load_catalog(settings)
    days = [Day(d.name, date(2026, 10, 18), State.LOADED) for d in catalog.datasets]
    stopped.now = datetime(2026, 10, 19, 21, 59, tzinfo=UTC)
    assert overall(checks.freshness(settings, catalog, days)) is Status.OK
    stopped.now = datetime(2026, 10, 19, 22, 0, tzinfo=UTC)
    assert overall(checks.freshness(settings, catalog, days)) is Status.FAIL


def test_a_lost_snapshot_fails_until_the_next_one(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = next(d for d in pipeline.catalog.datasets if d.is_snapshot)
    yesterday = clock.yesterday(pipeline.settings)
    lost = [Day(stock.name, yesterday, State.LOST)]
    monkeypatch.setenv("NKDASH_FRESH_HOUR", "0")
    settings = load_settings()

    def fresh() -> Status:
        results = checks.freshness(settings, pipeline.catalog, lost)
        return next(r.status for r in results if stock.name in r.name)

    assert fresh() is Status.FAIL
    today = clock.today(settings)
    assert pipeline.load(today, today, stock.name).succeeded
    assert fresh() is Status.OK


def test_today_is_stale_after_a_few_intervals(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = clock.today(pipeline.settings)
    read_at = clock.machine_now()
    assert pipeline.load(today, today).succeeded
    limit = timedelta(minutes=30 * 4)
    start = clock.day_window(today, today, pipeline.settings.zone)[0].replace(tzinfo=UTC)
    for now, status in (
        (read_at + timedelta(minutes=5), Status.OK),
        (read_at + limit + timedelta(minutes=2), Status.FAIL),
    ):
        monkeypatch.setattr(clock, "today", lambda _: today)
        monkeypatch.setenv("NKDASH_NOW", now.isoformat())
        assert checks.refresh(load_settings(), pipeline.catalog).status is status
    day = partition_path(pipeline.lake, Layer.RAW, "pos_orders", today)
    day.unlink()
    monkeypatch.setenv("NKDASH_NOW", (start + limit + timedelta(minutes=1)).isoformat())
    late = checks.refresh(load_settings(), pipeline.catalog)
    assert late.status is Status.FAIL
    assert "pos_orders" in late.detail


def test_days_that_failed_are_missing_or_differ_are_named() -> None:
    days = [Day("pos_orders", YESTERDAY - timedelta(days=n), State.LOADED) for n in range(6)]
    for check in (checks.failed, checks.missing, checks.reconciliation):
        assert check(days).status is Status.OK
    bad = [
        replace(days[0], state=State.FAILED, detail="Odoo says no"),
        replace(days[1], state=State.MISSING),
        replace(days[2], state=State.MISSING),
        replace(days[3], state=State.LOST),
        replace(days[4], state=State.DIFFERS),
    ]
    failed = checks.failed(bad)
    assert (failed.status, failed.value) == (Status.FAIL, 1)
    assert "Odoo says no" in failed.detail
    missing = checks.missing(bad)
    assert (missing.status, missing.value) == (Status.WARN, 3)
    assert missing.detail == (
        "missing: pos_orders 2026-10-17..2026-10-18; lost: pos_orders 2026-10-16"
    )
    differs = checks.reconciliation(bad)
    assert (differs.status, differs.value) == (Status.FAIL, 1)


def test_what_is_published_is_old_or_the_lake_waits_or_all_is_well(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = checks.published(pipeline.settings, pipeline.catalog)
    assert nothing.status is Status.FAIL
    assert checks.warehouse(pipeline.settings).status is Status.WARN
    assert pipeline.load(FIRST, LAST, publish=True).succeeded
    assert checks.published(pipeline.settings, pipeline.catalog).status is Status.OK
    assert checks.warehouse(pipeline.settings).status is Status.OK
    now = clock.machine_now()
    monkeypatch.setenv("NKDASH_NOW", (now + timedelta(hours=27)).isoformat())
    assert checks.published(load_settings(), pipeline.catalog).status is Status.WARN
    assert pipeline.load(FIRST - timedelta(days=1), FIRST - timedelta(days=1)).succeeded
    monkeypatch.setenv("NKDASH_NOW", (now + timedelta(minutes=80)).isoformat())
    assert checks.published(load_settings(), pipeline.catalog).status is Status.OK
    monkeypatch.setenv("NKDASH_NOW", (now + timedelta(minutes=95)).isoformat())
    waiting = checks.published(load_settings(), pipeline.catalog)
    assert waiting.status is Status.FAIL
    assert "wait to be published" in waiting.detail
    monkeypatch.delenv("NKDASH_NOW")
    publish(pipeline.settings, pipeline.catalog)
    assert checks.published(load_settings(), pipeline.catalog).status is Status.OK


def test_alerts_that_do_not_arrive_are_a_warning(
    instance: dg.DagsterInstance, with_settings: With, webhook: Webhook
) -> None:
    assert checks.alerts(with_settings(), instance).status is Status.OK
    settings = with_settings(NKDASH_ALERT_WEBHOOK=webhook.url)
    webhook.status = 500
    settle(instance, settings, {"odoo": "down"}, "health")
    late = checks.alerts(settings, instance)
    assert (late.status, "HTTP 500" in late.detail) == (Status.WARN, True)
    assert "T0KEN" not in str(late)
    webhook.status = 200
    settle(instance, settings, {"odoo": "down"}, "health")
    assert checks.alerts(settings, instance).status is Status.OK


def test_a_broken_warehouse_file_is_told(pipeline: Pipeline) -> None:
    assert pipeline.load(FIRST, FIRST, publish=True).succeeded
    published = current(pipeline.settings.warehouse_dir)
    assert published is not None
    content = published.path.read_bytes()
    published.path.write_bytes(content[:4096] + bytes(len(content) - 4096))
    broken = checks.warehouse(pipeline.settings)
    assert broken.status is Status.FAIL
    assert "nkdash publish" in str(broken)
    published.path.write_bytes(content[:4096])
    assert checks.warehouse(pipeline.settings).status is Status.FAIL


def test_everything_is_asked_within_the_time_and_one_name_appears_once(
    pipeline: Pipeline,
) -> None:
    assert pipeline.load(FIRST, LAST, publish=True).succeeded
    started = time.monotonic()
    results = all_checks(pipeline.settings, pipeline.catalog, pipeline.instance)
    assert time.monotonic() - started < pipeline.settings.nkdash_check_seconds
    names = [r.name for r in results]
    assert len(names) == len(set(names))
    assert {r.status for r in results} <= {Status.OK, Status.WARN, Status.FAIL}
    assert overall(results) is Status.FAIL, "yesterday was not loaded"
