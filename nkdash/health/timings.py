"""What runs cost: seconds, rows, bytes, calls and retries of each step, from Dagster's event log.

One query a run, of a handful of events a step; the events of single days are left alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

import dagster as dg
from dagster._core.events import HandledOutputData

from nkdash.automation.requests import run_days
from nkdash.lake.io_manager import RUN_BYTES, RUN_ROWS

RUNS = 20
ENDED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]
_EVENTS = {
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_UP_FOR_RETRY,
    dg.DagsterEventType.STEP_OUTPUT,
    dg.DagsterEventType.HANDLED_OUTPUT,
}


@dataclass
class StepTiming:
    """One step of one run. ``rows`` and ``bytes_written`` are what it wrote, of all its days;
    ``odoo_*`` what it asked; ``retries`` further tries of the step itself."""

    run_id: str
    job: str
    step: str
    days: int
    succeeded: bool = False
    seconds: float = 0.0
    rows: int | None = None
    bytes_written: int | None = None
    odoo_calls: int = 0
    odoo_retries: int = 0
    odoo_bytes: int = 0
    odoo_seconds: float = 0.0
    retries: int = 0

    def as_dict(self) -> dict[str, object]:
        """JSON-able."""
        return asdict(self)


@dataclass(frozen=True)
class Summary:
    """One step over several runs; sums but for the seconds of a run's median and maximum."""

    step: str
    runs: int
    failed: int
    days: int
    median_seconds: float
    max_seconds: float
    rows: int
    bytes_written: int
    odoo_calls: int
    odoo_retries: int
    odoo_bytes: int
    odoo_seconds: float
    retries: int

    def as_dict(self) -> dict[str, object]:
        """JSON-able."""
        return asdict(self)


def last_runs(instance: dg.DagsterInstance, count: int) -> list[dg.DagsterRun]:
    """The runs that ended last, newest first."""
    return list(instance.get_runs(dg.RunsFilter(statuses=ENDED), limit=count))


def run_timings(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[StepTiming]:
    """The steps of a run that were begun, in that order."""
    days = run_length(run)
    steps: dict[str, StepTiming] = {}
    began: dict[str, float] = {}
    for entry in instance.all_logs(run.run_id, _EVENTS):
        event = entry.dagster_event
        if event is None or event.step_key is None:
            continue
        step = steps.setdefault(
            event.step_key, StepTiming(run.run_id, run.job_name, event.step_key, days)
        )
        if event.event_type is dg.DagsterEventType.STEP_START:
            began.setdefault(event.step_key, entry.timestamp)
        elif event.is_step_up_for_retry:
            step.retries += 1
        elif event.is_step_success or event.is_step_failure:
            step.succeeded = event.is_step_success
            # From the first try to the last, waiting included.
            since = began.get(event.step_key, entry.timestamp)
            step.seconds = round(entry.timestamp - since, 3)
        elif event.is_successful_output:
            _take(step, event.step_output_data.metadata)
        elif isinstance(data := event.event_specific_data, HandledOutputData):
            _take(step, data.metadata)
    return list(steps.values())


def run_length(run: dg.DagsterRun) -> int:
    """How many business days a run makes; 0 where it has none."""
    return len(run_days(run))


def _take(step: StepTiming, metadata: Mapping[str, dg.MetadataValue]) -> None:
    """Add what an output says of itself."""
    said = {
        name: number
        for name, value in metadata.items()
        if isinstance(number := getattr(value, "value", None), int | float)
    }
    rows = said.get(RUN_ROWS, said.get("dagster/row_count"))
    step.rows = step.rows if rows is None else int(rows)
    if RUN_BYTES in said:
        step.bytes_written = int(said[RUN_BYTES])
    step.odoo_calls += int(said.get("odoo_calls", 0))
    step.odoo_retries += int(said.get("odoo_retries", 0))
    step.odoo_bytes += int(said.get("odoo_bytes", 0))
    step.odoo_seconds = round(step.odoo_seconds + float(said.get("odoo_seconds", 0)), 3)


def summarize(timings: Iterable[StepTiming]) -> list[Summary]:
    """Each step over its runs, the costliest median first."""
    by_step: dict[str, list[StepTiming]] = {}
    for timing in timings:
        by_step.setdefault(timing.step, []).append(timing)
    found = [_summary(step, of_step) for step, of_step in by_step.items()]
    return sorted(found, key=lambda s: (-s.median_seconds, s.step))


def _summary(step: str, found: Sequence[StepTiming]) -> Summary:
    return Summary(
        step=step,
        runs=len(found),
        failed=sum(not t.succeeded for t in found),
        days=sum(t.days for t in found),
        median_seconds=round(median(t.seconds for t in found), 3),
        max_seconds=max(t.seconds for t in found),
        rows=sum(t.rows or 0 for t in found),
        bytes_written=sum(t.bytes_written or 0 for t in found),
        odoo_calls=sum(t.odoo_calls for t in found),
        odoo_retries=sum(t.odoo_retries for t in found),
        odoo_bytes=sum(t.odoo_bytes for t in found),
        odoo_seconds=round(sum(t.odoo_seconds for t in found), 3),
        retries=sum(t.retries for t in found),
    )


def timings_of(instance: dg.DagsterInstance, runs: Iterable[dg.DagsterRun]) -> Iterator[StepTiming]:
    """The steps of several runs."""
    for run in runs:
        yield from run_timings(instance, run)
