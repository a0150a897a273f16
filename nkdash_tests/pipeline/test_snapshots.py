"""Snapshots through Dagster: today's lands, another day's is refused, a range leaves them out."""

from datetime import UTC, date, datetime

import dagster as dg
import pytest

from nkdash.automation.backfill import plan
from nkdash.automation.requests import WAREHOUSE
from nkdash.automation.schedules import this_evening
from nkdash.lake import Layer, days_present, read_footer
from nkdash.lake.files import partition_path
from nkdash_tests.pipeline.conftest import Pipeline

TODAY = date(2026, 11, 23)
NOW = "2026-11-22T17:30:00"  # half past midnight of TODAY, local time
FACT = "fact_stock_on_hand_snapshot"


@pytest.fixture
def frozen(settings_env: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Pipeline:
    """The pipeline with the clock on the last recorded day."""
    settings_env.setenv("NKDASH_NOW", NOW)
    found: Pipeline = request.getfixturevalue("pipeline")
    return found


def snapshots(pipeline: Pipeline) -> set[date]:
    return days_present(pipeline.lake, Layer.STAR, FACT)


def test_a_range_backfill_takes_no_snapshot(frozen: Pipeline) -> None:
    wanted = plan(frozen.definitions, frozen.catalog, frozen.settings, TODAY, TODAY)
    names = {"/".join(key.path) for key in wanted.daily}
    assert "star/fact_inventory_moves" in names
    assert not any("stock_quants" in name or FACT in name for name in names)


def test_a_backfill_of_a_past_snapshot_is_refused_before_it_starts(frozen: Pipeline) -> None:
    with pytest.raises(ValueError, match="stock_quants of 2026-11-20 cannot be loaded"):
        frozen.load(date(2026, 11, 20), date(2026, 11, 20), "stock_quants")


def test_todays_snapshot_lands_and_a_past_one_fails_for_good_and_changes_nothing(
    frozen: Pipeline,
) -> None:
    assert frozen.load(TODAY, TODAY, "stock_quants").succeeded
    assert snapshots(frozen) == {TODAY}
    path = partition_path(frozen.lake, Layer.STAR, FACT, TODAY)
    before = read_footer(path)
    job = frozen.definitions.get_repository_def().get_implicit_job_def_for_assets(
        {dg.AssetKey(["raw", "stock_quants"]), dg.AssetKey(["clean", "stock_quants"])}
    )
    assert job
    result = job.execute_in_process(
        instance=frozen.instance, partition_key="2026-11-20", raise_on_error=False
    )
    assert not result.success
    [failed] = result.get_step_failure_events()
    description = failed.step_failure_data.user_failure_data
    assert description
    assert "a missed day is lost" in (description.description or "")
    assert snapshots(frozen) == {TODAY}
    assert read_footer(path) == before


def test_the_snapshot_job_takes_the_snapshot_and_publishes(frozen: Pipeline) -> None:
    job = frozen.definitions.resolve_job_def("snapshot")
    result = job.execute_in_process(instance=frozen.instance, partition_key=TODAY.isoformat())
    assert result.success
    made = {event.asset_key for event in result.get_asset_materialization_events()}
    assert made == {
        WAREHOUSE,
        dg.AssetKey(["raw", "stock_quants"]),
        dg.AssetKey(["clean", "stock_quants"]),
        dg.AssetKey(["star", FACT]),
    }


def test_the_schedule_takes_todays_snapshot_and_lets_a_missed_one_go(frozen: Pipeline) -> None:
    def tick(day: int) -> object:
        at = datetime(2026, 11, day, 16, 30, tzinfo=UTC)
        return this_evening(frozen.instance, frozen.settings, frozen.catalog, at)

    request = tick(23)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-11-23"
    missed = tick(22)
    assert isinstance(missed, dg.SkipReason)
    assert "2026-11-22 is over: its snapshot is lost" in (missed.skip_message or "")
