"""Which days are under way, and how wanted days become runs."""

from collections.abc import Mapping
from datetime import date, timedelta

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nkdash.automation.requests import (
    RANGE_END,
    RANGE_START,
    WAREHOUSE,
    in_flight,
    load_requests,
    run_days,
)
from nkdash_tests.automation.conftest import DAYS, FIRST, Shop

KEYS = [dg.AssetKey(["raw", name]) for name in ("a", "b", "c")]
days = st.integers(0, 40).map(lambda n: date(2026, 1, 1) + timedelta(days=n))
by_asset = st.dictionaries(st.sampled_from(KEYS), st.sets(days), max_size=3)


def covered(requests: list[dg.RunRequest]) -> list[tuple[dg.AssetKey, date]]:
    return [
        (key, day)
        for request in requests
        for key in request.asset_selection or ()
        if key != WAREHOUSE
        for day in run_days(request)
    ]


def ask(
    wanted: Mapping[dg.AssetKey, set[date]],
    busy: Mapping[dg.AssetKey, set[date]],
    most_days: int = 31,
    most_requests: int = 1000,
) -> list[dg.RunRequest]:
    return load_requests(
        wanted, busy, reason="test", most_days=most_days, most_requests=most_requests
    )


@given(by_asset, by_asset, st.integers(1, 10))
def test_exactly_what_is_wanted_and_not_busy_is_asked_for_once(
    wanted: dict[dg.AssetKey, set[date]], busy: dict[dg.AssetKey, set[date]], most_days: int
) -> None:
    asked = covered(ask(wanted, busy, most_days))
    expected = {(k, d) for k, ds in wanted.items() for d in ds - busy.get(k, set())}
    assert len(asked) == len(set(asked))
    assert set(asked) == expected


@given(by_asset, st.integers(1, 10), st.integers(1, 5))
def test_requests_are_bounded_newest_first_and_publish(
    wanted: dict[dg.AssetKey, set[date]], most_days: int, most_requests: int
) -> None:
    requests = ask(wanted, {}, most_days, most_requests)
    assert len(requests) <= most_requests
    assert all(len(run_days(request)) <= most_days for request in requests)
    assert all(WAREHOUSE in (request.asset_selection or ()) for request in requests)
    lasts = [run_days(request)[-1] for request in requests]
    assert lasts == sorted(lasts, reverse=True)
    assert all(request.run_key is None for request in requests), "a key is used once for ever"


@given(st.sets(days, min_size=1))
def test_days_in_a_row_of_the_same_assets_share_a_run(wanted: set[date]) -> None:
    requests = ask(dict.fromkeys(KEYS, wanted), {})
    starts = {day for day in wanted if day - timedelta(days=1) not in wanted}
    spans = sum(1 for day in starts)
    assert len(requests) <= spans + len(wanted) // 31


def test_runs_of_every_kind_are_in_flight_until_they_end(shop: Shop) -> None:
    raw = dg.AssetKey(["raw", "pos_orders"])
    job = shop.definitions.get_repository_def().get_job("daily_load")
    whole_job = shop.instance.create_run_for_job(
        job, tags={"dagster/partition": FIRST.isoformat()}, status=dg.DagsterRunStatus.STARTED
    )
    tags = {RANGE_START: DAYS[1].isoformat(), RANGE_END: DAYS[2].isoformat()}
    ranged = shop.queue(dg.RunRequest(asset_selection=[raw], tags=tags))
    busy = in_flight(shop.instance)
    assert busy[raw] == set(DAYS[:3])
    assert busy[dg.AssetKey(["star", "fact_sales"])] == {FIRST}
    for run in (whole_job, ranged):
        shop.instance.report_run_failed(run)
    assert in_flight(shop.instance) == {}


# Dagster's own code asks for the old name.
@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources`")
def test_a_backfill_that_waits_for_the_daemon_is_in_flight(shop: Shop) -> None:
    from dagster._core.execution.backfill import PartitionBackfill

    raw = dg.AssetKey(["raw", "pos_orders"])
    shop.instance.add_backfill(
        PartitionBackfill.from_asset_partitions(
            backfill_id="waits",
            asset_graph=shop.definitions.resolve_asset_graph(),
            partition_names=[day.isoformat() for day in DAYS],
            asset_selection=[raw],
            backfill_timestamp=shop.now.timestamp(),
            tags={},
            dynamic_partitions_store=shop.instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
    )
    assert in_flight(shop.instance) == {raw: set(DAYS)}
