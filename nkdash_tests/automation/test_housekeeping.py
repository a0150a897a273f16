"""Housekeeping deletes what is superseded, and never what says that a day was loaded."""

import os
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from nkdash.automation.housekeeping import pack, stray_files, tidy
from nkdash.automation.requests import RANGE_END, RANGE_START
from nkdash.settings import Settings, load_settings

DAYS = dg.DailyPartitionsDefinition("2026-10-01", end_date="2026-10-08")
CHECK = dg.AssetCheckSpec("whole", asset="loaded")


@dg.asset(partitions_def=DAYS, check_specs=[CHECK])
def loaded(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
    if "fail" in context.run.tags:
        raise dg.Failure("Odoo is away", allow_retries=False)
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])


@dg.asset
def dimension() -> None: ...


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "home"
    home.mkdir()
    overrides = {
        "telemetry": {"enabled": False},
        "event_log_storage": {
            "module": "nkdash.automation.event_log",
            "class": "BatchingSqliteEventLogStorage",
            "config": {"base_dir": str(home)},
        },
    }
    with dg.DagsterInstance.local_temp(str(home), overrides=overrides) as made:
        yield made


@pytest.fixture
def settings(settings_env: pytest.MonkeyPatch) -> Settings:
    later = datetime.now(UTC) + timedelta(days=31)
    settings_env.setenv("NKDASH_NOW", later.isoformat())
    return load_settings()


def load(
    instance: dg.DagsterInstance,
    *days: str,
    fail: bool = False,
    only: Sequence[str] = ("loaded",),
    tags: Mapping[str, str] = {},
) -> str:
    """A run over a range of days, as ours are; its id."""
    run_id = str(uuid.uuid4())
    given = dict(tags)
    if days:
        given[RANGE_START], given[RANGE_END] = days[0], days[-1]
    if fail:
        given["fail"] = "yes"
    chosen = [a for a in (loaded, dimension) if a.key.path[-1] in only]
    job = dg.Definitions(assets=chosen).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance,
        run_id=run_id,
        tags=given,
        raise_on_error=False,
    )
    assert result.success is not fail
    return run_id


def run_ids(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.get_run_ids())


def days_shown(instance: dg.DagsterInstance) -> set[str]:
    return instance.get_materialized_partitions(loaded.key)


def test_what_was_loaded_again_goes_and_every_day_stays_shown(
    instance: dg.DagsterInstance, settings: Settings, tmp_path: Path
) -> None:
    range_run = load(instance, "2026-10-01", "2026-10-02", "2026-10-03")
    first, second = load(instance, "2026-10-04"), load(instance, "2026-10-04")
    third = load(instance, "2026-10-04")
    dims = [load(instance, only=["dimension"]) for _ in range(3)]
    before = days_shown(instance)
    shards = tmp_path / "home" / "history" / "runs"

    told = tidy(instance, settings, dry_run=True)
    assert (told.runs, told.kept_runs) == (4, 3)
    assert first in run_ids(instance)

    tidy(instance, settings)
    assert run_ids(instance) == {range_run, third, dims[-1]}
    assert days_shown(instance) == before
    assert not (shards / f"{second}.db").exists()
    assert (shards / f"{third}.db").exists()
    with sqlite3.connect(shards / "index.db") as index:
        for table in ("event_logs", "asset_check_executions"):
            kept = {row[0] for row in index.execute(f"SELECT DISTINCT run_id FROM {table}")}
            assert kept <= {range_run, third, dims[-1]}
    latest = instance.get_latest_materialization_event(loaded.key)
    assert latest is not None
    assert latest.run_id == third


def test_a_range_goes_only_when_each_of_its_days_was_loaded_again(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    range_run = load(instance, "2026-10-01", "2026-10-02")
    load(instance, "2026-10-01")
    tidy(instance, settings)
    assert range_run in run_ids(instance)
    load(instance, "2026-10-02")
    tidy(instance, settings)
    assert range_run not in run_ids(instance)
    assert days_shown(instance) == {"2026-10-01", "2026-10-02"}


def test_a_failure_of_a_day_that_was_loaded_before_does_not_cost_the_load(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    good = load(instance, "2026-10-01")
    load(instance, "2026-10-01", fail=True)
    tidy(instance, settings)
    assert good in run_ids(instance)
    assert days_shown(instance) == {"2026-10-01"}


def test_young_and_unfinished_runs_stay(
    instance: dg.DagsterInstance, settings_env: pytest.MonkeyPatch
) -> None:
    load(instance, "2026-10-01")
    load(instance, "2026-10-01")
    assert tidy(instance, load_settings()).runs == 0
    later = datetime.now(UTC) + timedelta(days=31)
    settings_env.setenv("NKDASH_NOW", later.isoformat())
    running = instance.create_run_for_job(
        dg.Definitions(assets=[dimension]).resolve_implicit_global_asset_job_def()
    )
    instance.report_run_failed(running)
    started = instance.create_run_for_job(
        dg.Definitions(assets=[dimension]).resolve_implicit_global_asset_job_def()
    )
    tidy(instance, load_settings())
    assert started.run_id in run_ids(instance)
    assert running.run_id not in run_ids(instance)


def test_refreshes_of_today_go_after_three_days(
    instance: dg.DagsterInstance, settings_env: pytest.MonkeyPatch
) -> None:
    refresh = {"dagster/schedule_name": "intraday"}
    first = load(instance, "2026-10-01", tags=refresh)
    failed = load(instance, "2026-10-01", fail=True)
    other, last = load(instance, "2026-10-01"), load(instance, "2026-10-01", tags=refresh)
    for days, left in ((2, {first, failed, other, last}), (4, {failed, other, last})):
        later = datetime.now(UTC) + timedelta(days=days)
        settings_env.setenv("NKDASH_NOW", later.isoformat())
        tidy(instance, load_settings())
        assert run_ids(instance) == left


def test_stray_files_older_than_a_day_go(settings: Settings, instance: dg.DagsterInstance) -> None:
    folder = Path(str(settings.lake_root)) / "raw" / "pos_orders" / "date=2026-10-01"
    folder.mkdir(parents=True)
    old, young, data = (
        folder / name for name in (".data.parquet.a.tmp", ".data.parquet.b.tmp", "data.parquet")
    )
    for path in (old, young, data):
        path.write_bytes(b"1234")
    os.utime(old, (0, 0))
    os.utime(data, (0, 0))
    assert list(stray_files(settings)) == [(old, 4)]
    tidied = tidy(instance, settings)
    assert (tidied.stray_files, tidied.stray_bytes) == (1, 4)
    assert set(folder.iterdir()) == {young, data}


def test_a_file_with_much_free_room_is_packed_unless_somebody_writes(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("CREATE TABLE t (v BLOB)")
    for _ in range(4):
        writer.execute("INSERT INTO t VALUES (zeroblob(1000000))")
    assert pack(path) == 0
    writer.execute("DELETE FROM t")
    size = path.stat().st_size
    assert pack(path) > 3_000_000
    assert path.stat().st_size < size / 10
    writer.close()
