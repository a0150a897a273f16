"""Backfills from the command line: asset range runs through Dagster, with or without a daemon.

With a running daemon the backfill is handed to it and watched; without one the very same range
runs are executed in this process, one after the other. Both are in Dagster's event log.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

import dagster as dg
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from nkdash.automation.dead_runs import PROCESS, fail_dead_runs, this_process
from nkdash.automation.failures import sentence
from nkdash.automation.jobs import daily_selection, dimension_selection
from nkdash.automation.requests import RANGE_END, RANGE_START, WAREHOUSE
from nkdash.catalog import Catalog
from nkdash.clock import days_between, today
from nkdash.datasets.extract import only_today
from nkdash.settings import Settings

BACKFILL_ID = "dagster/backfill"
WATCH_SECONDS = 1.0
BEAT_SECONDS = 90.0
# Events go to the event log and to the progress display, not line by line to the terminal.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Progress:
    """What just happened: ``done`` of ``total`` partitions of assets are there."""

    done: int
    total: int
    what: str


@dataclass
class BackfillReport:
    """How a backfill ended. ``failures`` are sentences: step, cause, remedy."""

    succeeded: bool
    run_ids: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    odoo_seconds: float = 0.0
    odoo_calls: int = 0


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Plan:
    """Which assets over which days. ``chunks`` are the ranges of the runs, oldest first."""

    dimensions: tuple[dg.AssetKey, ...]
    daily: tuple[dg.AssetKey, ...]
    publish: bool
    chunks: tuple[tuple[date, date], ...]

    @property
    def days(self) -> list[date]:
        """Every day of the plan."""
        return [day for first, last in self.chunks for day in days_between(first, last)]

    @property
    def total(self) -> int:
        """Materializations that the plan asks for."""
        return len(self.dimensions) + len(self.daily) * len(self.days) + self.publish


def plan(
    definitions: dg.Definitions,
    catalog: Catalog,
    settings: Settings,
    first: date,
    last: date,
    datasets: Sequence[str] = (),
    *,
    publish: bool = True,
) -> Plan:
    """The runs that load ``first`` to ``last`` (both included) of ``datasets`` (all by default).

    Snapshots are loaded only where named, and for today. Raises ValueError naming what is wrong
    with the range or the dataset names.
    """
    known = {d.name for d in catalog.datasets}
    if strange := sorted(set(datasets) - known):
        raise ValueError(f"there is no dataset {', '.join(strange)}; known: {sorted(known)}")
    if last < first:
        raise ValueError(f"--to {last} lies before --from {first}")
    for dataset in catalog.datasets:
        if dataset.is_snapshot and dataset.name in datasets:
            only_today(dataset, first, last, today(settings))
    if first < settings.nkdash_start_date:
        raise ValueError(
            f"{first} lies before NKDASH_START_DATE ({settings.nkdash_start_date}); "
            "set that to an earlier day first"
        )
    graph = definitions.resolve_asset_graph()
    size = settings.nkdash_max_partitions_per_run
    days = days_between(first, last)
    return Plan(
        dimensions=tuple(sorted(dimension_selection(catalog).resolve(graph))),
        daily=tuple(sorted(daily_selection(catalog, tuple(datasets)).resolve(graph))),
        publish=publish,
        chunks=tuple(
            (days[i], days[min(i + size, len(days)) - 1]) for i in range(0, len(days), size)
        ),
    )


def daemon_is_running(instance: dg.DagsterInstance) -> bool:
    """Whether a daemon that works off backfills has beaten within the last 90 s.

    Dagster itself calls one healthy for half an hour after its last beat; they come each 30 s.
    """
    beat = instance.get_daemon_heartbeats().get("BACKFILL")
    return beat is not None and time.time() - beat.timestamp < BEAT_SECONDS


def run_here(
    definitions: dg.Definitions, instance: dg.DagsterInstance, plan: Plan, on_progress: OnProgress
) -> BackfillReport:
    """Execute the plan in this process: dimensions, then each range, then publish.

    The first run that fails ends the loading, since what failed it mostly fails the next one too;
    what was loaded before is published all the same.
    """
    started = time.perf_counter()
    fail_dead_runs(instance)
    report = BackfillReport(succeeded=True)
    done = 0

    def count(event: dg.DagsterEvent) -> None:
        nonlocal done
        done += 1
        key = event.asset_key
        on_progress(Progress(done, plan.total, "/".join(key.path) if key else ""))

    loads: list[tuple[tuple[dg.AssetKey, ...], dict[str, str]]] = []
    if plan.dimensions:
        loads.append((plan.dimensions, {}))
    for first, last in plan.chunks:
        days = {RANGE_START: first.isoformat(), RANGE_END: last.isoformat()}
        loads.append((plan.daily, days))
    for keys, tags in loads:
        _run(definitions, instance, keys, tags, count, report)
        if not report.succeeded:
            break
    if plan.publish:
        _run(definitions, instance, (WAREHOUSE,), {}, count, report)
    report.seconds = time.perf_counter() - started
    return report


def _run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: tuple[dg.AssetKey, ...],
    tags: dict[str, str],
    count: Callable[[dg.DagsterEvent], None],
    report: BackfillReport,
) -> None:
    repository = definitions.get_repository_def()
    job = repository.get_implicit_job_def_for_assets(set(keys))
    if job is None:
        raise ValueError(f"no job holds {keys}")
    run_id = str(uuid.uuid4())
    failures: list[str] = []

    def listen(entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None:
            return
        if event.is_step_materialization:
            count(event)
        elif event.is_step_failure or (event.is_run_failure and not failures):
            failures.append(sentence(event))

    instance.add_event_listener(run_id, listen)
    result = job.execute_in_process(
        instance=instance,
        asset_selection=list(keys),
        run_id=run_id,
        run_config=QUIET,
        tags={**tags, PROCESS: this_process()},
        raise_on_error=False,
    )
    report.run_ids.append(run_id)
    report.succeeded &= result.success
    report.failures += failures
    _tally(report, result.all_events)


def _tally(report: BackfillReport, events: Iterable[dg.DagsterEvent]) -> None:
    """Add what the steps reported of their calls to Odoo."""
    for event in events:
        if event.is_successful_output:
            metadata = event.step_output_data.metadata
            report.odoo_seconds += _number(metadata.get("odoo_seconds"))
            report.odoo_calls += int(_number(metadata.get("odoo_calls")))


def _number(value: dg.MetadataValue | None) -> float:
    found = getattr(value, "value", 0)
    return float(found) if isinstance(found, int | float) else 0.0


def hand_to_daemon(
    definitions: dg.Definitions, instance: dg.DagsterInstance, plan: Plan, on_progress: OnProgress
) -> BackfillReport:
    """Submit the plan as one asset backfill and watch the daemon work it off."""
    started = time.perf_counter()
    backfill_id = f"nkdash-{uuid.uuid4().hex[:8]}"
    keys = [*plan.dimensions, *plan.daily, *([WAREHOUSE] if plan.publish else [])]
    instance.add_backfill(
        PartitionBackfill.from_asset_partitions(
            backfill_id=backfill_id,
            asset_graph=definitions.resolve_asset_graph(),
            partition_names=[day.isoformat() for day in plan.days],
            asset_selection=keys,
            backfill_timestamp=time.time(),
            tags={},
            dynamic_partitions_store=instance,
            all_partitions=False,
            title=f"nkdash backfill {plan.chunks[0][0]} to {plan.chunks[-1][1]}",
            description=None,
            run_config=None,
        )
    )
    while True:
        backfill = instance.get_backfill(backfill_id)
        if backfill is None:
            raise RuntimeError(f"backfill {backfill_id} was deleted while it ran")
        on_progress(Progress(_materialized(backfill), plan.total, backfill.status.value.lower()))
        if backfill.status in _ENDED:
            break
        if not daemon_is_running(instance):
            gone = (
                f"the Dagster daemon stopped; it goes on with backfill {backfill_id} once started"
            )
            seconds = time.perf_counter() - started
            return BackfillReport(succeeded=False, failures=[gone], seconds=seconds)
        time.sleep(WATCH_SECONDS)
    runs = instance.get_runs(dg.RunsFilter(tags={BACKFILL_ID: backfill_id}))
    report = BackfillReport(
        succeeded=backfill.status is BulkActionStatus.COMPLETED_SUCCESS,
        run_ids=[run.run_id for run in runs],
        seconds=time.perf_counter() - started,
    )
    for run in runs:
        _tally(report, _events(instance, run.run_id, dg.DagsterEventType.STEP_OUTPUT))
        failed = _events(instance, run.run_id, dg.DagsterEventType.STEP_FAILURE)
        report.failures += [sentence(event) for event in failed]
    if not report.succeeded and not report.failures:
        report.failures = [f"backfill {backfill_id}: {backfill.status.value}"]
    return report


def _events(
    instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType
) -> list[dg.DagsterEvent]:
    return [e.dagster_event for e in instance.all_logs(run_id, kind) if e.dagster_event]


_ENDED = {
    BulkActionStatus.COMPLETED_SUCCESS,
    BulkActionStatus.COMPLETED_FAILED,
    BulkActionStatus.COMPLETED,
    BulkActionStatus.FAILED,
    BulkActionStatus.CANCELED,
}


def _materialized(backfill: PartitionBackfill) -> int:
    data = backfill.asset_backfill_data
    return data.materialized_subset.num_partitions_and_non_partitioned_assets if data else 0
