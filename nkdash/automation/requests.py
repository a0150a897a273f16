"""Runs that sensors ask for: which days are being loaded already, and which ranges to ask for."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

from nkdash.clock import days_between

LOAD_RANGE = "load_range"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"
REASON = "nkdash/reason"
WAREHOUSE = dg.AssetKey(["warehouse", "snapshot"])

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_BACKFILLS = [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING]


def in_flight(instance: dg.DagsterInstance) -> dict[dg.AssetKey, set[date]]:
    """The days that unfinished runs and unfinished asset backfills are going to load, by asset."""
    busy: dict[dg.AssetKey, set[date]] = {}
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        if days := run_days(run):
            for key in run_assets(instance, run):
                busy.setdefault(key, set()).update(days)
    for backfill in instance.get_backfills(BulkActionsFilter(statuses=_BACKFILLS)):
        if (data := backfill.asset_backfill_data) is None:
            continue
        done = data.materialized_subset | data.failed_and_downstream_subset
        for key, subset in (data.target_subset - done).partitions_subsets_by_asset_key.items():
            busy.setdefault(key, set()).update(map(date.fromisoformat, subset.get_partition_keys()))
    return busy


def run_days(run: dg.DagsterRun | dg.RunRequest) -> list[date]:
    """The business days that a run loads, oldest first; none where it has no days."""
    if key := run.tags.get(PARTITION):
        return [date.fromisoformat(key)]
    first, last = run.tags.get(RANGE_START), run.tags.get(RANGE_END)
    if not first or not last:
        return []
    return days_between(date.fromisoformat(first), date.fromisoformat(last))


def run_assets(instance: dg.DagsterInstance, run: dg.DagsterRun) -> set[dg.AssetKey]:
    """The assets that a run makes, of a whole job too."""
    if run.asset_selection:
        return set(run.asset_selection)
    if (plan_id := run.execution_plan_snapshot_id) is None:
        return set()
    if plan_id not in _assets_of_plans:
        plan = instance.get_execution_plan_snapshot(plan_id)
        outputs = [output for step in plan.steps for output in step.outputs]
        properties = [output.properties for output in outputs if output.properties]
        _assets_of_plans[plan_id] = frozenset(p.asset_key for p in properties if p.asset_key)
    return set(_assets_of_plans[plan_id])


# A snapshot's id is the hash of its content, and there are as many as kinds of runs.
_assets_of_plans: dict[str, frozenset[dg.AssetKey]] = {}


def load_requests(
    wanted: Mapping[dg.AssetKey, Collection[date]],
    busy: Mapping[dg.AssetKey, set[date]],
    *,
    reason: str,
    most_days: int,
    most_requests: int,
    also: Sequence[dg.AssetKey] = (),
) -> list[dg.RunRequest]:
    """Runs of ``load_range`` that load the ``wanted`` days of each daily asset, newest days first.

    Days that are ``busy`` for an asset are left out. Days in a row that want the same assets share
    a run of at most ``most_days``; at most ``most_requests`` runs are asked for. Each run makes the
    assets ``also`` (dimensions that are not there yet) and publishes. ``reason`` is the run's tag.
    """
    by_day: dict[date, set[dg.AssetKey]] = {}
    for key, days in wanted.items():
        for day in set(days) - busy.get(key, set()):
            by_day.setdefault(day, set()).add(key)
    return [
        dg.RunRequest(
            job_name=LOAD_RANGE,
            asset_selection=[*sorted(keys), *also, WAREHOUSE],
            tags={RANGE_START: first.isoformat(), RANGE_END: last.isoformat(), REASON: reason},
        )
        for first, last, keys in _newest_ranges(by_day, most_days)[:most_requests]
    ]


def _newest_ranges(
    by_day: Mapping[date, set[dg.AssetKey]], most_days: int
) -> list[tuple[date, date, set[dg.AssetKey]]]:
    """(first, last, assets) of days in a row that want the same assets, newest first."""
    ranges: list[tuple[date, date, set[dg.AssetKey]]] = []
    for day in sorted(by_day, reverse=True):
        if ranges:
            first, last, keys = ranges[-1]
            joins = first - day == timedelta(days=1) and keys == by_day[day]
            if joins and (last - day).days < most_days:
                ranges[-1] = (day, last, keys)
                continue
        ranges.append((day, day, by_day[day]))
    return ranges
