"""Sensors that tell people: a failed run at once, its recovery, and health by the hour."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import dagster as dg
import pytest

from nkdash import clock
from nkdash.automation import alerts
from nkdash.automation.alerts import HEALTH, health_sensor, look_at_runs, run_alerts_sensor, wrong
from nkdash.automation.memory import remember
from nkdash.health.failing import Causes, Ended, fold, sentences
from nkdash.health.incidents import Incident
from nkdash.health.result import Result, Status
from nkdash.settings import load_settings
from nkdash_tests.health.conftest import Webhook
from nkdash_tests.pipeline.conftest import FIRST, LAST, Pipeline, connect_env, odoo, pipeline

__all__ = ["connect_env", "odoo", "pipeline"]

DAILY = {"raw__orders": False, "clean__orders": False, "raw__stock": True}
BROKEN = {"raw__orders": ("Broken-1", "no such field")}


def run(*days: int, ok: tuple[str, ...] = (), failed: object = None, run_id: str = "r") -> Ended:
    return Ended(
        run_id,
        tuple(date(2026, 10, day).isoformat() for day in days),
        ok,
        failed or {},  # type: ignore[arg-type]
    )


def folded(*runs: Ended) -> Causes:
    causes: Causes = {}
    for ended in runs:
        causes = fold(causes, ended, DAILY)
    return causes


def test_a_cause_that_fails_twenty_days_is_one_incident_until_the_last_is_made() -> None:
    failing = [run(day, failed=BROKEN, run_id=f"r{day}") for day in range(1, 21)]
    causes = folded(*failing)
    assert list(sentences(causes, "http://dagster")) == ["Broken-1"]
    assert sentences(causes, "http://dagster")["Broken-1"] == (
        "raw/orders of 2026-10-01..2026-10-20 failed: no such field. http://dagster/runs/r20"
    )
    mended = [*failing, run(*range(1, 20), ok=("raw__orders",))]
    assert list(folded(*mended)) == ["Broken-1"]
    assert folded(*mended, run(20, ok=("raw__orders",))) == {}


def test_another_day_or_another_step_that_succeeds_is_no_recovery() -> None:
    failing = run(5, failed=BROKEN)
    assert folded(failing, run(6, ok=("raw__orders", "clean__orders")))
    assert folded(failing, run(5, ok=("clean__orders",)))


def test_steps_of_one_cause_share_an_incident_and_a_day_has_its_last_cause_only() -> None:
    both = {"raw__orders": ("odoo", "down"), "raw__products": ("odoo", "down")}
    causes = folded(run(5, failed=both))
    assert causes["odoo"]["steps"] == {"raw__orders": ["2026-10-05"], "raw__products": [""]}
    causes = fold(causes, run(5, ok=("raw__products",), failed=BROKEN), DAILY)
    assert causes.keys() == {"Broken-1"}


def test_a_snapshot_that_failed_is_over_with_the_next_one() -> None:
    lost = run(5, failed={"raw__stock": ("X", "down")})
    assert folded(lost, run(6, ok=("raw__stock",))) == {}


def look(pipeline: Pipeline) -> Causes:
    return look_at_runs(pipeline.instance, pipeline.catalog)


def tick(pipeline: Pipeline, make: Callable[..., dg.SensorDefinition]) -> str:
    sensor = make(load_settings(), pipeline.catalog)
    context = dg.build_sensor_context(instance=pipeline.instance)
    result = sensor(context)
    assert isinstance(result, dg.SkipReason)
    return result.skip_message or ""


@pytest.fixture
def told(webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> Webhook:
    monkeypatch.setenv("NKDASH_ALERT_WEBHOOK", webhook.url)
    return webhook


def test_a_failed_run_is_told_at_once_and_so_is_its_recovery(
    pipeline: Pipeline, told: Webhook
) -> None:
    pipeline.odoo.control.add_fault("http", model="pos.payment", method="search_read", times=1)
    assert not pipeline.load().succeeded
    for _ in range(2):
        tick(pipeline, run_alerts_sensor)
    assert told.states == [("odoo", "opened")]
    text = told.posted[0]["text"]
    assert "raw/pos_payments of 2026-10-13..2026-10-16" in text
    assert "502" in text or "500" in text or "HTTP" in text
    assert "http://127.0.0.1:3000/runs/" in text
    assert pipeline.load(FIRST, FIRST).succeeded
    tick(pipeline, run_alerts_sensor)
    assert told.states == [("odoo", "opened")], "three of four days still lack payments"
    assert pipeline.load().succeeded
    for _ in range(2):
        tick(pipeline, run_alerts_sensor)
    assert told.states == [("odoo", "opened"), ("odoo", "closed")]


def test_wrong_credentials_are_one_incident_over_all_runs_and_steps(
    pipeline: Pipeline, told: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_API_KEY", "s3cret-key-of-nobody")
    for day in (FIRST, LAST):
        assert not pipeline.load(day, day).succeeded
        tick(pipeline, run_alerts_sensor)
    assert told.states == [("odoo", "opened")]
    assert "ODOO_API_KEY" in told.posted[0]["text"]
    assert "s3cret" not in str(told.posted)


def test_an_odoo_that_is_down_is_one_incident_of_runs_and_health(
    pipeline: Pipeline, told: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = str(pipeline.odoo.port)
    monkeypatch.setenv("ODOO_PORT", "9")
    pipeline.load(FIRST, FIRST)
    tick(pipeline, run_alerts_sensor)
    tick(pipeline, health_sensor)
    assert [s for s in told.states if s[0] == "odoo"] == [("odoo", "opened")]
    monkeypatch.setenv("ODOO_PORT", port)
    tick(pipeline, health_sensor)
    assert ("odoo", "closed") not in told.states, "the run that failed was not made yet"
    assert pipeline.load(FIRST, FIRST).succeeded
    tick(pipeline, run_alerts_sensor)
    assert [s for s in told.states if s[0] == "odoo"] == [("odoo", "opened"), ("odoo", "closed")]


def test_a_run_that_was_killed_fails_what_it_did_not_make(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pipeline.load(FIRST, FIRST).succeeded
    look(pipeline)
    key = dg.AssetKey(["raw", "pos_orders"])
    job = pipeline.definitions.get_repository_def().get_implicit_job_def_for_assets({key})
    assert job is not None
    started = pipeline.instance.create_run_for_job(
        job, tags={"dagster/partition": LAST.isoformat()}, asset_selection=frozenset({key})
    )
    pipeline.instance.report_run_failed(started, "The run worker died.")
    [cause] = look(pipeline).values()
    assert cause["steps"] == {"raw__pos_orders": [LAST.isoformat()]}
    assert "died" in cause["text"]
    assert pipeline.load(LAST, LAST).succeeded
    assert look(pipeline) == {}


def test_runs_are_folded_once_whatever_the_number_of_ticks(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    ended = alerts.ended

    def counted(instance: dg.DagsterInstance, one: dg.DagsterRun) -> Ended:
        seen.append(one.run_id)
        return ended(instance, one)

    monkeypatch.setattr(alerts, "ended", counted)
    for day in (FIRST, LAST):
        pipeline.load(day, day)
        for _ in range(3):
            look(pipeline)
    assert len(seen) == len(set(seen)) == 4, "dimensions and days, twice"


def test_a_failure_that_is_stamped_anew_does_not_come_back(pipeline: Pipeline) -> None:
    pipeline.odoo.control.add_fault("http", model="pos.payment", method="search_read", times=1)
    failed = pipeline.load(FIRST, FIRST).run_ids[-1]
    assert look(pipeline)
    assert pipeline.load(FIRST, FIRST).succeeded
    assert look(pipeline) == {}
    pipeline.instance.add_run_tags(failed, {"dagster/did_retry": "true"})
    assert look(pipeline) == {}


def test_what_ended_long_before_the_first_look_is_history(pipeline: Pipeline) -> None:
    pipeline.odoo.control.add_fault("http", model="pos.payment", method="search_read", times=1)
    pipeline.load(FIRST, FIRST)
    later = (clock.machine_now() + timedelta(hours=1)).isoformat()
    remember(pipeline.instance, alerts.MEMORY, {"after": later, "seen": [], "causes": {}})
    assert look(pipeline) == {}


def test_only_what_fails_is_an_incident_and_not_to_know_is_no_recovery() -> None:
    ok = Result("disk lake", Status.OK, "room")
    warn = Result("missing days", Status.WARN, "one")
    fail = Result("freshness pos_orders", Status.FAIL, "not there", "Load it.")
    assert wrong([ok, warn, fail], []) == {"freshness pos_orders": "not there. Load it."}
    failed = Result("failed days", Status.FAIL, "told by the sensor of runs")
    assert wrong([failed], []) == {}
    known = Incident("freshness pos_orders", "not there", "2026-10-20", (HEALTH,))
    unknown = Result("freshness", Status.UNKNOWN, "cannot tell: no answer within 20 s")
    found = wrong([ok, unknown], [known, replace(known, key="odoo")])
    assert found.keys() == {"check of freshness", "freshness pos_orders"}


def test_both_sensors_run_from_the_start(pipeline: Pipeline) -> None:
    for name, seconds in (("health", 3600), ("run_alerts", 30)):
        sensor = pipeline.definitions.resolve_sensor_def(name)
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
        assert sensor.minimum_interval_seconds == seconds


def test_health_sensor_tells_staleness_once_and_its_end(
    pipeline: Pipeline, told: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NKDASH_START_DATE", "2026-10-15")
    monkeypatch.setenv("NKDASH_NOW", "2026-10-17T05:00:00+00:00")
    pipeline.settings = load_settings()
    said = tick(pipeline, health_sensor)
    assert "freshness pos_orders fail" in said
    tick(pipeline, health_sensor)
    stale = ("freshness pos_orders", "opened")
    assert told.states.count(stale) == 1
    assert len(told.posted) == 1, "one message a tick"
    assert pipeline.load(date(2026, 10, 15), date(2026, 10, 17), publish=True).succeeded
    said = tick(pipeline, health_sensor)
    assert told.states.count(("freshness pos_orders", "closed")) == 1
    assert len(told.posted) == 2
    assert "over: " in said
