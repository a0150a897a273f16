"""What Prometheus scrapes: checks, days, runs and calls to Odoo, collected when it asks.

Names by its convention: base units, ``_total`` for counters. Nothing is kept but for the calls to
Odoo, which are added up from the runs that end while this process lives.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, timedelta

import dagster as dg
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from nkdash import clock
from nkdash.automation.requests import UNFINISHED
from nkdash.catalog import Catalog
from nkdash.health.checks import Facts, checks, free_bytes, heartbeat_ages, read_at, run_checks
from nkdash.health.incidents import open_incidents
from nkdash.health.result import Result, Status
from nkdash.health.timings import ENDED, run_timings
from nkdash.settings import Settings
from nkdash.standing import State
from nkdash.warehouse import WarehouseError, current

CACHE_SECONDS = 10.0
BACKFILLS = "__ASSET_JOB"
"""Dagster's name for runs of backfills and of assets picked by hand."""

RUNS_A_SCRAPE = 200
# What ended first may be stored last.
OVERLAP = timedelta(minutes=2)
SEEN_KEPT = 500
_VALUES = {Status.OK: 0, Status.WARN: 1, Status.FAIL: 2, Status.UNKNOWN: 3}


class Health(Collector):
    """The health of one installation as a Prometheus collector, and as results of checks.

    Both are found out at most every ten seconds, however often they are asked for. Of the runs
    those of ``jobs`` (names) and of backfills are counted.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        instance: dg.DagsterInstance,
        jobs: Sequence[str],
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._instance = instance
        self._jobs = (*jobs, BACKFILLS)
        self._lock = threading.Lock()
        self._at = float("-inf")
        self._results: list[Result] = []
        self._metrics: list[Metric] = []
        self._calls = _Calls(instance)

    def results(self) -> list[Result]:
        """What the checks found, at most ten seconds ago."""
        with self._lock:
            self._look()
            return self._results

    def collect(self) -> Iterable[Metric]:
        """The metrics, at most ten seconds old."""
        with self._lock:
            self._look()
            return self._metrics

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before it is looked at."""
        return []

    def registry(self) -> CollectorRegistry:
        """A registry of this collector alone."""
        registry = CollectorRegistry()
        registry.register(self)
        return registry

    def _look(self) -> None:
        if time.monotonic() - self._at < CACHE_SECONDS:
            return
        started = time.perf_counter()
        facts = Facts(self._settings, self._catalog, self._instance)
        self._results = run_checks(checks(facts), self._settings.nkdash_check_seconds)
        metrics = list(_of_checks(self._results))
        for part in (
            self._of_days(facts),
            self._of_datasets(),
            self._of_machine(),
            self._of_warehouse(),
            self._of_runs(),
            self._calls.collect(),
        ):
            # What cannot be found out is missing from the page; its check says why.
            metrics += _as_far_as_possible(part)
        took = GaugeMetricFamily(
            "nkdash_scrape_duration_seconds", "Time that it took to find all this out."
        )
        took.add_metric([], time.perf_counter() - started)
        self._metrics = [*metrics, took]
        self._at = time.monotonic()

    def _of_days(self, facts: Facts) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "nkdash_dataset_days",
            "Expected business days of a dataset by how they stand.",
            labels=["dataset", "state"],
        )
        if any(r.name == "failed days" and r.status is Status.UNKNOWN for r in self._results):
            return
        counts = Counter((day.dataset, day.state) for day in facts.days())
        for dataset in self._catalog.datasets:
            for state in State:
                labels = [dataset.name, state.value]
                family.add_metric(labels, counts[dataset.name, state])
        yield family

    def _of_datasets(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "nkdash_dataset_age_seconds",
            "Time since today or yesterday of a dataset was read from Odoo.",
            labels=["dataset"],
        )
        now = clock.utc_now(self._settings).replace(tzinfo=None)
        for dataset in self._catalog.datasets:
            for day in (clock.today(self._settings), clock.yesterday(self._settings)):
                if as_of := read_at(self._settings, dataset, day):
                    family.add_metric([dataset.name], max(timedelta(), now - as_of).total_seconds())
                    break
        yield family

    def _of_machine(self) -> Iterator[Metric]:
        free = GaugeMetricFamily(
            "nkdash_disk_free_bytes", "Free room of a volume.", labels=["volume"]
        )
        for volume, room in free_bytes(self._settings).items():
            if room is not None:
                free.add_metric([volume], room)
        yield free
        beat = GaugeMetricFamily(
            "nkdash_daemon_heartbeat_age_seconds",
            "Time since the last heartbeat of one of Dagster's daemons.",
            labels=["daemon"],
        )
        for daemon, age in heartbeat_ages(self._instance).items():
            if age is not None:
                beat.add_metric([daemon], age)
        yield beat
        incidents = GaugeMetricFamily("nkdash_incidents_open", "Incidents that are not over.")
        incidents.add_metric([], len(open_incidents(self._instance)))
        yield incidents

    def _of_warehouse(self) -> Iterator[Metric]:
        try:
            published = current(self._settings.warehouse_dir)
        except WarehouseError:
            return
        if published is None:
            return
        at = published.published_at
        age = clock.utc_now(self._settings).replace(tzinfo=None) - at
        for name, words, value in (
            ("version", "Number of the published version.", published.version),
            ("bytes", "Size of the published version.", published.size),
            (
                "published_timestamp_seconds",
                "When it was published, since the epoch.",
                at.replace(tzinfo=UTC).timestamp(),
            ),
            ("age_seconds", "Time since it was published.", max(0.0, age.total_seconds())),
        ):
            family = GaugeMetricFamily(f"nkdash_warehouse_{name}", words)
            family.add_metric([], value)
            yield family

    def _of_runs(self) -> Iterator[Metric]:
        total = CounterMetricFamily(
            "nkdash_runs",
            "Runs that ended, by job and status, of those that Dagster still keeps.",
            labels=["job", "status"],
        )
        active = GaugeMetricFamily(
            "nkdash_runs_unfinished", "Runs that wait or are at work.", labels=["job"]
        )
        seconds = GaugeMetricFamily(
            "nkdash_run_last_duration_seconds",
            "How long the last run took that succeeded.",
            labels=["job"],
        )
        success = GaugeMetricFamily(
            "nkdash_run_last_success_timestamp_seconds",
            "When the last run that succeeded ended, since the epoch.",
            labels=["job"],
        )
        for job in self._jobs:
            for status in ENDED:
                filters = dg.RunsFilter(job_name=job, statuses=[status])
                count = self._instance.get_runs_count(filters)
                total.add_metric([job, status.value.lower()], count)
            filters = dg.RunsFilter(job_name=job, statuses=UNFINISHED)
            active.add_metric([job], self._instance.get_runs_count(filters))
            filters = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS])
            for record in self._instance.get_run_records(filters, limit=1):
                if record.start_time and record.end_time:
                    seconds.add_metric([job], record.end_time - record.start_time)
                    success.add_metric([job], record.end_time)
        yield from (total, active, seconds, success)


class _Calls:
    """What runs asked of Odoo and wrote, of the runs that ended since this was made."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._after = clock.machine_now()
        self._seen: deque[str] = deque(maxlen=SEEN_KEPT)
        self._sums: Counter[str] = Counter()

    def collect(self) -> Iterator[Metric]:
        """The counters, after a look at the runs that ended meanwhile."""
        records = self._instance.get_run_records(
            dg.RunsFilter(statuses=ENDED, updated_after=self._after),
            limit=RUNS_A_SCRAPE + len(self._seen),
            order_by="update_timestamp",
            ascending=True,
        )
        # A run is stamped anew when it gets a tag, and counts once all the same.
        for record in records:
            if record.dagster_run.run_id not in self._seen:
                self._seen.append(record.dagster_run.run_id)
                self._add(record.dagster_run)
        if records:
            newest = max(record.update_timestamp for record in records)
            self._after = max(self._after, newest - OVERLAP)
        for name, key, words in (
            ("nkdash_odoo_calls", "calls", "Calls to Odoo by runs that ended."),
            ("nkdash_odoo_retries", "retries", "Calls to Odoo that were tried again."),
            ("nkdash_odoo_received_bytes", "received_bytes", "Answers of Odoo, uncompressed."),
            ("nkdash_step_retries", "step_retries", "Steps of runs that were tried again."),
        ):
            family = CounterMetricFamily(name, words)
            family.add_metric([], self._sums[key])
            yield family

    def _add(self, run: dg.DagsterRun) -> None:
        for step in run_timings(self._instance, run):
            self._sums["calls"] += step.odoo_calls
            self._sums["retries"] += step.odoo_retries
            self._sums["received_bytes"] += step.odoo_bytes
            self._sums["step_retries"] += step.retries


def _of_checks(results: Iterable[Result]) -> Iterator[Metric]:
    status = GaugeMetricFamily(
        "nkdash_check_status",
        "A health check: 0 ok, 1 warn, 2 fail, 3 the check cannot tell.",
        labels=["check"],
    )
    up = GaugeMetricFamily("nkdash_odoo_up", "1 where Odoo answers and may be asked.")
    for result in results:
        status.add_metric([result.name], _VALUES[result.status])
        if result.name == "odoo":
            up.add_metric([], float(result.status is Status.OK))
    yield from (status, up)


def _as_far_as_possible(part: Iterator[Metric]) -> list[Metric]:
    found: list[Metric] = []
    try:
        found.extend(part)
    except Exception:
        return found
    return found
