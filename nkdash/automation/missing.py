"""The sensor ``missing_days``: finds the days that the lake lacks, and asks for them.

The lake's files say what is there; Dagster's events are told of files that it has not heard of.
A day is asked for again only after a pause that grows, and what fails for good once a day.
"""

import time
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from nkdash import clock
from nkdash.automation.dead_runs import fail_dead_runs
from nkdash.automation.failures import DatasetDay, LoadFailure, asset_keys, failures
from nkdash.automation.gate import why_closed
from nkdash.automation.memory import recall, remember
from nkdash.automation.requests import (
    LOAD_RANGE,
    REASON,
    UNFINISHED,
    in_flight,
    load_requests,
    run_days,
)
from nkdash.catalog import Catalog
from nkdash.datasets import opening_costs
from nkdash.lake import Layer, list_table
from nkdash.settings import Settings
from nkdash.standing import Day, InLake, State, in_lake, standing

NAME = "missing_days"
MISSING = "missing"
NIGHTLY = "nightly"
STORAGE = "storage"
TICK_SECONDS = 60

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=1)
PAUSE_FOR_GOOD = timedelta(days=1)
# What the nightly schedule asked for is in flight by then; one that is stopped never asks.
NIGHTLY_STARTS = timedelta(minutes=1)
NIGHTLY_GRACE = timedelta(minutes=10)
# A file this young may belong to a run that has yet to log its event.
SETTLED = timedelta(minutes=5)
TELL_SECONDS = 2.0

ASK_ODOO = {State.MISSING, State.UNFINISHED}


@dataclass(frozen=True)
class Attempts:
    """How loads of a dataset's day went: ``tries`` in vain, the last one noticed ``at``.

    ``pending``: a load was asked for since. ``run_id`` is the last failed run that was counted,
    ``permanent`` whether that one failed for good.
    """

    tries: int = 0
    at: datetime | None = None
    pending: bool = False
    run_id: str | None = None
    permanent: bool = False

    def may_be_asked(self, now: datetime) -> bool:
        """Whether the pause since the last try in vain is over."""
        if self.at is None:
            return True
        pause = (
            PAUSE_FOR_GOOD
            if self.permanent
            else min(FIRST_PAUSE * 2 ** min(self.tries - 1, 10), LONGEST_PAUSE)
        )
        return now >= self.at + pause


def needs(days: Iterable[Day], snapshots: Collection[str], last: date) -> dict[DatasetDay, bool]:
    """What has to be made of the days up to ``last``: True where Odoo has to be asked, False where
    only the layers after raw are wanting. Never a snapshot."""
    return {
        (day.dataset, day.day): day.state in ASK_ODOO
        for day in days
        if day.state in {*ASK_ODOO, State.OUTDATED}
        and day.dataset not in snapshots
        and day.day <= last
    }


def noticed(
    wanted: Collection[DatasetDay],
    busy: Collection[DatasetDay],
    failed: Mapping[DatasetDay, LoadFailure],
    attempts: Mapping[DatasetDay, Attempts],
    now: datetime,
) -> dict[DatasetDay, Attempts]:
    """The attempts of the days that are still wanted, with those counted that were in vain.

    A load was in vain that failed, and also one that was asked for and changed nothing. As long as
    a day is ``busy`` nothing is counted; days that are there now are forgotten.
    """
    found = {}
    for day in wanted:
        before = attempts.get(day, Attempts())
        failure = failed.get(day)
        is_new = failure is not None and failure.run_id != before.run_id
        if day not in busy and (before.pending or is_new):
            before = Attempts(
                tries=before.tries + 1,
                at=now,
                run_id=failure.run_id if failure else before.run_id,
                permanent=failure is not None and failure.permanent and is_new,
            )
        found[day] = before
    return found


def ripe(
    wanted: Mapping[DatasetDay, bool],
    busy: Collection[DatasetDay],
    attempts: Mapping[DatasetDay, Attempts],
    now: datetime,
) -> dict[DatasetDay, bool]:
    """What of ``wanted`` may be asked for now: neither being loaded nor in a pause."""
    return {
        day: asks
        for day, asks in wanted.items()
        if day not in busy and attempts[day].may_be_asked(now)
    }


def most_days_of(attempts: Attempts, most_days: int) -> int:
    """Days in one run: what failed for good is tried in ever smaller ranges, so that in the end
    one bad day does not keep its neighbours out."""
    return max(1, most_days >> attempts.tries) if attempts.permanent else most_days


def missing_days(settings: Settings, catalog: Catalog) -> dg.SensorDefinition:
    """Every minute: asks for the days that the lake lacks, newest first."""

    @dg.sensor(
        name=NAME,
        job_name=LOAD_RANGE,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Loads business days that are not in the lake, or not whole, newest first.",
    )
    def _missing_days(
        context: dg.SensorEvaluationContext,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        return look(context.instance, settings, catalog)

    return _missing_days


def look(
    instance: dg.DagsterInstance, settings: Settings, catalog: Catalog
) -> list[dg.RunRequest] | dg.SkipReason:
    """What the sensor does at one tick."""
    fail_dead_runs(instance)
    busy = in_flight(instance)
    there = in_lake(settings, catalog)
    tell_dagster(instance, catalog, there, busy)
    if reason := why_closed(instance, settings):
        return dg.SkipReason(reason)
    now = clock.utc_now(settings)
    memory = recall(instance, MISSING) or {}
    last, waiting = last_day(instance, settings, memory.get("waiting"), now)
    snapshots = {d.name for d in catalog.datasets if d.is_snapshot}
    wanted = needs(standing(settings, catalog, there=there), snapshots, last)
    datasets_busy = {
        (d.name, day)
        for d in catalog.datasets
        for key in asset_keys(catalog, d.name)
        for day in busy.get(key, ())
    }
    failed = failures(instance, catalog) if wanted else {}
    attempts = noticed(wanted, datasets_busy, failed, _from_memory(memory), now)
    due = ripe(wanted, datasets_busy, attempts, now)
    requests = _requests(instance, due, attempts, busy, settings, catalog)
    for day in _asked_for(requests, due, catalog):
        attempts[day] = replace(attempts[day], pending=True)
    _remember(instance, memory, attempts, waiting)
    return requests or dg.SkipReason(_why_nothing(wanted, due, datasets_busy, last))


def _why_nothing(
    wanted: Collection[DatasetDay],
    due: Collection[DatasetDay],
    busy: Collection[DatasetDay],
    last: date,
) -> str:
    if not wanted:
        return f"Every day up to {last} is there."
    at_work = len(busy & set(wanted)) if isinstance(busy, set) else 0
    return (
        f"Days of datasets up to {last} that are wanting: {len(wanted)}; being loaded: {at_work}, "
        f"in a pause after a failure: {len(wanted) - at_work - len(due)}, in line: {len(due)}."
    )


def last_day(
    instance: dg.DagsterInstance, settings: Settings, waiting: Any, now: datetime
) -> tuple[date, Any]:
    """The last day that may be asked for, and since when the nightly load is waited for.

    Yesterday is the nightly load's until it was asked for, or ought to have been: ``waiting`` is
    the day and instant from which this was waited for.
    """
    yesterday = clock.yesterday(settings)
    local = now.astimezone(settings.zone)
    due = datetime.combine(local.date(), settings.nkdash_nightly_at, tzinfo=settings.zone)
    before = clock.day_before(yesterday)
    if local < due:
        return before, None
    night = recall(instance, NIGHTLY)
    if night and night["day"] == yesterday.isoformat():
        begun = now - datetime.fromisoformat(night["at"]) >= NIGHTLY_STARTS
        return (yesterday if begun else before), None
    if not waiting or waiting["day"] != yesterday.isoformat():
        return before, {"day": yesterday.isoformat(), "since": now.isoformat()}
    over = now - datetime.fromisoformat(waiting["since"]) >= NIGHTLY_GRACE
    return (yesterday if over else before), waiting


def nightly_asked(instance: dg.DagsterInstance, day: date, now: datetime) -> None:
    """Remember that the nightly schedule has had its chance to load ``day``."""
    remember(instance, NIGHTLY, {"day": day.isoformat(), "at": now.isoformat()})


def forget_attempts(instance: dg.DagsterInstance) -> None:
    """Ask again for everything that is wanting, without a pause."""
    memory = recall(instance, MISSING) or {}
    # What is known of failed runs stays known, or they would count anew.
    known = {day: Attempts(run_id=a.run_id) for day, a in _from_memory(memory).items()}
    _remember(instance, memory, known, memory.get("waiting"))


def _requests(
    instance: dg.DagsterInstance,
    due: Mapping[DatasetDay, bool],
    attempts: Mapping[DatasetDay, Attempts],
    busy: Mapping[dg.AssetKey, set[date]],
    settings: Settings,
    catalog: Catalog,
) -> list[dg.RunRequest]:
    """Runs for the days that are ``due``, newest first, no more than may be under way at once."""
    unfinished = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    of_ours = [run for run in unfinished if run.tags.get(REASON) == MISSING]
    room = settings.nkdash_max_runs_per_tick - len(of_ours)
    dimensions = absent_dimensions(settings, catalog)
    if dimensions:
        # One run brings them; those after it find them there.
        room = 0 if any(run_days(run) for run in unfinished) else 1
    if room <= 0:
        return []
    by_size: dict[int, dict[dg.AssetKey, set[date]]] = {}
    for (name, day), asks_odoo in due.items():
        size = most_days_of(attempts[name, day], settings.nkdash_max_partitions_per_run)
        keys = asset_keys(catalog, name)
        for key in keys if asks_odoo else keys[1:]:
            by_size.setdefault(size, {}).setdefault(key, set()).add(day)
    requests = [
        request
        for size, wanted in by_size.items()
        for request in load_requests(
            wanted, busy, reason=MISSING, most_days=size, most_requests=room, also=dimensions
        )
    ]
    requests.sort(key=_last, reverse=True)
    return requests[:room]


def _last(request: dg.RunRequest) -> date:
    return run_days(request)[-1]


def absent_dimensions(settings: Settings, catalog: Catalog) -> list[dg.AssetKey]:
    """The assets of the dimensions that the lake lacks; raw first."""
    absent = {
        table.name
        for table in catalog.dimension_tables
        if list_table(settings.lake_root, Layer.STAR, table.name) is None
    }
    keys = [["raw", d.name] for d in catalog.dimensions if d.table.name in absent]
    keys += [["star", d.table.name] for d in catalog.dimensions if d.table.name in absent]
    keys += [["star", opening_costs.TABLE.name]] if opening_costs.TABLE.name in absent else []
    return [dg.AssetKey(key) for key in keys]


def _asked_for(
    requests: Sequence[dg.RunRequest], due: Collection[DatasetDay], catalog: Catalog
) -> set[DatasetDay]:
    """The days of datasets that the requests will load."""
    found = set()
    for request in requests:
        selected = set(request.asset_selection or ())
        for dataset in catalog.datasets:
            if selected.intersection(asset_keys(catalog, dataset.name)):
                found |= {(dataset.name, day) for day in run_days(request)}
    return found.intersection(due)


def tell_dagster(
    instance: dg.DagsterInstance,
    catalog: Catalog,
    there: InLake,
    busy: Mapping[dg.AssetKey, set[date]],
) -> int:
    """Report days that are ``there`` in the lake but in no event, e.g. imported or restored ones.

    Newest first, for about two seconds a tick; returns how many.
    """
    until = time.monotonic() + TELL_SECONDS
    settled = (clock.machine_now() - SETTLED).replace(tzinfo=None)
    told = 0
    storage = _storage_id(instance)
    for dataset in catalog.datasets:
        for key, files in zip(asset_keys(catalog, dataset.name), there[dataset.name], strict=True):
            days = {file.day.isoformat() for file in files if file.as_of < settled}
            days -= {day.isoformat() for day in busy.get(key, ())}
            for day in sorted(days - _events(instance, storage, key, days), reverse=True):
                if time.monotonic() > until:
                    return told
                instance.report_runless_asset_event(
                    dg.AssetMaterialization(
                        asset_key=key, partition=day, description="Found in the lake."
                    )
                )
                _known_events[storage, key].add(day)
                told += 1
    return told


_known_events: dict[tuple[str, dg.AssetKey], set[str]] = {}


def _events(
    instance: dg.DagsterInstance, storage: str, key: dg.AssetKey, days: set[str]
) -> set[str]:
    """The days of an asset that Dagster has heard of; asked only where one of ``days`` is new."""
    known = _known_events.get((storage, key), set())
    if not days <= known:
        known = set(instance.get_materialized_partitions(key))
        _known_events[storage, key] = known
    return known


def _storage_id(instance: dg.DagsterInstance) -> str:
    """What names Dagster's storage; the instance itself is another one at each tick."""
    if (known := recall(instance, STORAGE)) is None:
        known = uuid.uuid4().hex
        remember(instance, STORAGE, known)
    return str(known)


def _from_memory(memory: Mapping[str, Any]) -> dict[DatasetDay, Attempts]:
    return {
        (name, date.fromisoformat(day)): Attempts(
            tries=kept["tries"],
            at=datetime.fromisoformat(kept["at"]).astimezone(UTC) if kept["at"] else None,
            pending=kept["pending"],
            run_id=kept["run_id"],
            permanent=kept["permanent"],
        )
        for name, days in memory.get("days", {}).items()
        for day, kept in days.items()
    }


def _remember(
    instance: dg.DagsterInstance,
    before: Mapping[str, Any],
    attempts: Mapping[DatasetDay, Attempts],
    waiting: Any,
) -> None:
    days: dict[str, dict[str, Any]] = {}
    for (name, day), tried in sorted(attempts.items()):
        if tried != Attempts():
            days.setdefault(name, {})[day.isoformat()] = {
                "tries": tried.tries,
                "at": tried.at and tried.at.isoformat(),
                "pending": tried.pending,
                "run_id": tried.run_id,
                "permanent": tried.permanent,
            }
    memory = {"days": days, "waiting": waiting}
    if memory != before:
        remember(instance, MISSING, memory)
