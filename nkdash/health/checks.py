"""The health checks, one function a question. None of them changes anything."""

import contextlib
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import dagster as dg
import duckdb

from nkdash import clock
from nkdash.automation.backfill import BEAT_SECONDS
from nkdash.automation.gate import why_closed
from nkdash.catalog import Catalog
from nkdash.cli.days import in_words
from nkdash.datasets.spec import Dataset
from nkdash.health.incidents import undelivered
from nkdash.health.notify import receivers
from nkdash.health.result import Result, Status
from nkdash.lake import Layer, partition_path, read_footer
from nkdash.lake.place import LakePath, is_remote
from nkdash.odoo import OdooClient, OdooError
from nkdash.settings import Settings, SettingsError
from nkdash.standing import Day, State, failed_days, standing
from nkdash.warehouse import NoWarehouseError, Warehouse, WarehouseError, current
from nkdash.warehouse.pending import pending

Check = Callable[[], Result | list[Result]]

GIB = 1024**3
ODOO_SECONDS = 8.0
NAMES_TOLD = 5
THERE = (State.LOADED, State.EMPTY)


class Facts:
    """What several checks look at, found out once, by whichever of them comes first."""

    def __init__(self, settings: Settings, catalog: Catalog, instance: dg.DagsterInstance) -> None:
        self.settings = settings
        self.catalog = catalog
        self.instance = instance
        self._lock = threading.Lock()
        self._in_lake: list[Day] | None = None
        self._days: list[Day] | None = None

    def in_lake(self) -> list[Day]:
        """How every expected day of every dataset stands in the lake, whatever its last load."""
        with self._lock:
            if self._in_lake is None:
                self._in_lake = standing(self.settings, self.catalog)
            return self._in_lake

    def days(self) -> list[Day]:
        """How every expected day of every dataset stands, failed loads included."""
        in_lake = self.in_lake()
        with self._lock:
            if self._days is None:
                failed = failed_days(self.instance, self.catalog)
                self._days = standing(self.settings, self.catalog, failed) if failed else in_lake
            return self._days


def checks(facts: Facts) -> dict[str, Check]:
    """Every check by name. Those of datasets give one result a dataset."""
    settings, instance = facts.settings, facts.instance
    return {
        "odoo": partial(odoo, settings, instance),
        "daemons": partial(daemons, settings, instance),
        "disk": partial(disk, settings),
        "freshness": lambda: freshness(settings, facts.catalog, facts.in_lake()),
        "refresh": partial(refresh, settings, facts.catalog),
        "failed days": lambda: failed(facts.days()),
        "missing days": lambda: missing(facts.days()),
        "reconciliation": lambda: reconciliation(facts.days()),
        "published": partial(published, settings, facts.catalog),
        "warehouse": partial(warehouse, settings),
        "alerts": partial(alerts, settings, instance),
    }


def run_checks(wanted: dict[str, Check], seconds: float) -> list[Result]:
    """The results of all checks, in their order, after at most ``seconds``.

    They run side by side. One that fails by itself, or takes too long, is unknown and keeps no
    other from its result.
    """
    found: dict[str, list[Result]] = {}

    def run(name: str, check: Check) -> None:
        try:
            result = check()
        except Exception as error:
            result = _cannot_tell(name, f"{type(error).__name__}: {error}")
        found[name] = result if isinstance(result, list) else [result]

    # Threads that end with the process: one that hangs must not keep it.
    threads = {
        name: threading.Thread(target=run, args=(name, check), name=f"check {name}", daemon=True)
        for name, check in wanted.items()
    }
    deadline = time.monotonic() + seconds
    for thread in threads.values():
        thread.start()
    for name, thread in threads.items():
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            found[name] = [_cannot_tell(name, f"no answer within {seconds:g} s")]
    return [result for name in wanted for result in found[name]]


def all_checks(settings: Settings, catalog: Catalog, instance: dg.DagsterInstance) -> list[Result]:
    """Everything, within ``NKDASH_CHECK_SECONDS``."""
    wanted = checks(Facts(settings, catalog, instance))
    return run_checks(wanted, settings.nkdash_check_seconds)


def _cannot_tell(name: str, why: str) -> Result:
    return Result(name, Status.UNKNOWN, f"cannot tell: {why}", "Mend that, then look again.")


def odoo(settings: Settings, instance: dg.DagsterInstance) -> Result:
    """Whether Odoo answers (its version, without logging in), and loading is not stopped."""
    name = "odoo"
    try:
        connection = settings.odoo_connection()
    except SettingsError as error:
        return Result(name, Status.FAIL, "; ".join(error.problems), "Set it, then restart NKDash.")
    quick = replace(
        connection,
        max_attempts=1,
        connect_timeout=min(connection.connect_timeout, ODOO_SECONDS),
        read_timeout=min(connection.read_timeout, ODOO_SECONDS),
    )
    started = time.perf_counter()
    try:
        with OdooClient(quick) as client:
            serie = client.version().serie
    except OdooError as error:
        return Result(name, Status.FAIL, error.message, error.remedy)
    seconds = time.perf_counter() - started
    if closed := why_closed(instance, settings):
        return Result(name, Status.FAIL, closed, value=seconds, unit="seconds")
    words = f"Odoo {serie} answers in {seconds:.2f} s"
    return Result(name, Status.OK, words, value=seconds, unit="seconds")


def daemons(settings: Settings, instance: dg.DagsterInstance) -> Result:
    """Whether each daemon that Dagster needs has beaten lately.

    Dagster calls one healthy for half an hour after its last beat; they come each 30 s.
    """
    ages = heartbeat_ages(instance)
    never = sorted(daemon for daemon, age in ages.items() if age is None)
    oldest = max((age for age in ages.values() if age is not None), default=None)
    silent = sorted(
        f"{daemon} for {age:,.0f} s" for daemon, age in ages.items() if age and age > BEAT_SECONDS
    )
    value, unit = oldest, "seconds"
    remedy = "Start the Dagster daemon (nkdash up, or its service); its log says why it ended."
    if never:
        words = f"never seen: {', '.join(never)}"
        return Result("daemons", Status.FAIL, words, remedy, value, unit)
    if silent:
        dead = oldest is not None and oldest > settings.nkdash_daemon_seconds
        status = Status.FAIL if dead else Status.WARN
        words = f"no heartbeat of {', '.join(silent)}"
        return Result("daemons", status, words, remedy, value, unit)
    return Result("daemons", Status.OK, f"all {len(ages)} beat", value=value, unit=unit)


def heartbeat_ages(instance: dg.DagsterInstance) -> dict[str, float | None]:
    """Seconds since the last beat of each daemon that the instance needs; None: never."""
    beats = instance.get_daemon_heartbeats()
    # Heartbeats carry the machine's own time, whatever NKDASH_NOW says.
    now = time.time()
    return {
        kind: max(0.0, now - beats[kind].timestamp) if kind in beats else None
        for kind in instance.get_required_daemon_types()
    }


def disk(settings: Settings) -> list[Result]:
    """Whether the volumes of lake and warehouse have room."""
    return [_room(settings, name, free) for name, free in free_bytes(settings).items()]


def free_bytes(settings: Settings) -> dict[str, int | None]:
    """Free bytes of the volumes of lake and warehouse; None for object storage."""
    folders = {"lake": settings.lake_root, "warehouse": settings.warehouse_dir}
    return {name: _free(folder) for name, folder in folders.items()}


def _free(folder: LakePath) -> int | None:
    if is_remote(folder):
        return None
    local = Path(str(folder))
    there = next(path for path in (local, *local.parents) if path.exists())
    return shutil.disk_usage(there).free


def _room(settings: Settings, volume: str, free: int | None) -> Result:
    name = f"disk {volume}"
    if free is None:
        return Result(name, Status.OK, "object storage, which has no end that we know")
    words = f"{free / GIB:,.1f} GiB free"
    for status, limit in (
        (Status.FAIL, settings.nkdash_disk_fail_gib),
        (Status.WARN, settings.nkdash_disk_warn_gib),
    ):
        if free < limit * GIB:
            words += f", less than {limit:g}"
            remedy = "Free some: publishing copies the warehouse each time."
            return Result(name, status, words, remedy, free, "bytes")
    return Result(name, Status.OK, words, value=free, unit="bytes")


def freshness(settings: Settings, catalog: Catalog, days: Iterable[Day]) -> list[Result]:
    """Per dataset: whether the latest complete business day is there, read after its end.

    Until ``NKDASH_FRESH_HOUR`` that is the day before yesterday, since yesterday is being loaded.
    """
    local = clock.utc_now(settings).astimezone(settings.zone)
    wanted = clock.yesterday(settings)
    if local.hour < settings.nkdash_fresh_hour:
        wanted = clock.day_before(wanted)
    by_dataset = {(day.dataset, day.day): day for day in days}
    return [
        _fresh(settings, dataset, wanted, by_dataset.get((dataset.name, wanted)))
        for dataset in catalog.datasets
    ]


def _fresh(settings: Settings, dataset: Dataset, wanted: date, day: Day | None) -> Result:
    name = f"freshness {dataset.name}"
    if wanted < settings.nkdash_start_date:
        return Result(name, Status.OK, "no business day has to be there yet")
    if day and day.state in (*THERE, State.DIFFERS):
        return Result(name, Status.OK, f"{wanted} is there")
    if dataset.is_snapshot:
        return _fresh_snapshot(settings, dataset, wanted, day)
    state = f"{day.state.value}: {day.detail}" if day and day.detail else ""
    state = state or (day.state.value if day else "missing")
    return Result(
        name,
        Status.FAIL,
        f"{wanted} is not there ({state})",
        f"It is asked for by itself; by hand: nkdash backfill --from {wanted} --to {wanted}.",
    )


def _fresh_snapshot(settings: Settings, dataset: Dataset, wanted: date, day: Day | None) -> Result:
    """A snapshot of a day gone by cannot be had: the next one heals it."""
    name = f"freshness {dataset.name}"
    if read_at(settings, dataset, clock.today(settings)):
        return Result(name, Status.OK, "today's snapshot is there")
    if day is None:
        return Result(
            name,
            Status.WARN,
            f"no snapshot of {wanted}",
            f"One is taken each evening; by hand: "
            f"nkdash backfill --dataset {dataset.name} --from today --to today.",
        )
    return Result(
        name,
        Status.FAIL,
        f"the snapshot of {wanted} is lost",
        "The next one is taken this evening; see the runs of the job snapshot for the cause.",
    )


def refresh(settings: Settings, catalog: Catalog) -> Result:
    """Whether today's data is not older than a few intraday intervals."""
    name, today = "refresh", clock.today(settings)
    if today < settings.nkdash_start_date:
        return Result(name, Status.OK, "no business day has begun yet")
    limit = timedelta(minutes=settings.nkdash_intraday_minutes * settings.nkdash_refresh_intervals)
    began = clock.day_window(today, today, settings.zone)[0]
    now = clock.utc_now(settings).replace(tzinfo=None)
    ages = {
        dataset.name: now - (read_at(settings, dataset, today) or began)
        for dataset in catalog.datasets
        if not dataset.is_snapshot
    }
    oldest = max(ages.values(), default=timedelta())
    late = sorted(dataset for dataset, age in ages.items() if age > limit)
    value, unit = oldest.total_seconds(), "seconds"
    if late:
        words = f"today's {_listed(late)} not read for {_duration(oldest)}"
        remedy = "See the ticks of the schedule intraday and its last run in Dagster."
        return Result(name, Status.FAIL, words, remedy, value, unit)
    return Result(name, Status.OK, f"today's data is {_duration(oldest)} old", "", value, unit)


def read_at(settings: Settings, dataset: Dataset, day: date) -> datetime | None:
    """When a day was read from Odoo (naive UTC); None where it never was."""
    try:
        return read_footer(partition_path(settings.lake_root, Layer.RAW, dataset.name, day)).as_of
    except FileNotFoundError:
        return None


def failed(days: Iterable[Day]) -> Result:
    """Days whose last load failed, with the first cause."""
    wrong = [day for day in days if day.state is State.FAILED]
    if not wrong:
        return Result("failed days", Status.OK, "none", value=0, unit="days")
    last = max(wrong, key=lambda day: day.day)
    words = f"{_by_dataset(wrong)}; {last.dataset} of {last.day}: {last.detail}"
    remedy = "They are tried again by themselves where that can help; see the cause."
    return Result("failed days", Status.FAIL, words, remedy, len(wrong), "days")


def missing(days: Iterable[Day]) -> Result:
    """Days that are missing, lost, unfinished or half made."""
    states = (State.MISSING, State.LOST, State.UNFINISHED, State.OUTDATED)
    wrong = [day for day in days if day.state in states]
    if not wrong:
        return Result("missing days", Status.OK, "none", value=0, unit="days")
    words = "; ".join(
        f"{state.value}: {_by_dataset(of_state)}"
        for state in states
        if (of_state := [day for day in wrong if day.state is state])
    )
    remedy = "All but lost ones are asked for by themselves, newest first."
    return Result("missing days", Status.WARN, words, remedy, len(wrong), "days")


def reconciliation(days: Iterable[Day]) -> Result:
    """Days that differ from what Odoo adds up itself."""
    wrong = [day for day in days if day.state is State.DIFFERS]
    if not wrong:
        return Result("reconciliation", Status.OK, "no day differs", value=0, unit="days")
    remedy = "Load them again (nkdash backfill); until then their former rows stay published."
    words = f"differing: {_by_dataset(wrong)}"
    return Result("reconciliation", Status.FAIL, words, remedy, len(wrong), "days")


def _by_dataset(days: Sequence[Day]) -> str:
    counts = Counter(day.dataset for day in days)
    return ", ".join(
        f"{dataset} {in_words(sorted(d.day for d in days if d.dataset == dataset))}"
        for dataset in sorted(counts)
    )


def published(settings: Settings, catalog: Catalog) -> Result:
    """How old the published warehouse is, and whether loaded data waits for too long."""
    name = "published"
    found = current(settings.warehouse_dir)
    if found is None:
        return Result(name, Status.FAIL, "nothing was published yet", "Load days, then publish.")
    now = clock.utc_now(settings).replace(tzinfo=None)
    age = now - found.published_at
    words = f"version {found.version}, {_duration(age)} ago"
    value, unit = age.total_seconds(), "seconds"
    patience = timedelta(minutes=settings.nkdash_publish_lag_minutes)
    with contextlib.closing(_reader(settings)) as reader:
        waiting = [
            entry
            for entry in pending(settings, catalog, reader)
            if now - max(entry.as_of, found.published_at) > patience
        ]
    if waiting:
        words += f"; {len(waiting)} partitions of the lake wait to be published"
        remedy = "See the last run of warehouse/snapshot in Dagster, or run nkdash publish."
        return Result(name, Status.FAIL, words, remedy, value, unit)
    if age > timedelta(hours=settings.nkdash_publish_max_hours):
        remedy = "Nothing new came for that long: see freshness, and the schedules in Dagster."
        return Result(name, Status.WARN, words, remedy, value, unit)
    return Result(name, Status.OK, words, value=value, unit=unit)


def warehouse(settings: Settings) -> Result:
    """Whether the published version opens and answers."""
    started = time.perf_counter()
    try:
        with contextlib.closing(_reader(settings)) as reader:
            rows = reader.query("SELECT count(*) FROM fact_transactions").item()
    except NoWarehouseError:
        # That nothing was published is what the check before fails for.
        return Result("warehouse", Status.WARN, "nothing was published yet")
    except WarehouseError as error:
        return Result("warehouse", Status.FAIL, str(error))
    except duckdb.Error as error:
        words = f"the published version does not answer: {error}"
        return Result("warehouse", Status.FAIL, words, "Delete it and run nkdash publish.")
    seconds = time.perf_counter() - started
    words = f"opens and answers in {seconds:.2f} s; {rows:,} transactions"
    return Result("warehouse", Status.OK, words, value=seconds, unit="seconds")


def alerts(settings: Settings, instance: dg.DagsterInstance) -> Result:
    """Whether those who are to get alerts took the last one."""
    told = receivers(settings)
    if not told:
        return Result("alerts", Status.OK, "nobody is to get them")
    if failed := undelivered(instance, settings):
        words = "; ".join(f"{name}: {why}" for name, why in failed.items())
        remedy = "They are sent again with each tick; try nkdash alert-test."
        return Result("alerts", Status.WARN, words, remedy)
    return Result("alerts", Status.OK, f"{len(told)} receivers, none in arrears")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMES_TOLD
    return ", ".join(names[:NAMES_TOLD]) + (f" and {more} more" if more > 0 else "")


def _duration(time_: timedelta) -> str:
    minutes = max(0, int(time_.total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"


def _reader(settings: Settings) -> Warehouse:
    return Warehouse(settings.warehouse_dir, cache_dir=settings.warehouse_cache)
