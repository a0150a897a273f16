"""The sensor ``changed_days``: loads again what was changed in Odoo after its day was loaded.

It asks Odoo what was written since it last looked (``touched``), and hears of days on which the
reconciliation found another sum and of those on which the weekly sweep found other ids. What it
finds stays *pending* until raw of that day is newer than the raw that was found wrong, and the
later layers are not older than that. All it knows is one memory, kept in one stroke: the cursors
move only together with what was found before them, so a kill at any point forgets nothing.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import dagster as dg

from nkdash.automation.assets import CHANGES_ONLY
from nkdash.automation.failures import asset_keys
from nkdash.automation.gate import refuse, why_closed
from nkdash.automation.memory import recall, remember
from nkdash.automation.requests import (
    LOAD_RANGE,
    REASON,
    UNFINISHED,
    in_flight,
    load_requests,
    run_days,
)
from nkdash.automation.touched import (
    Asker,
    DatasetDay,
    Loaded,
    Watch,
    slice_end,
    touched_days,
    watches,
    whole_days,
)
from nkdash.catalog import Catalog
from nkdash.clock import utc_now
from nkdash.datasets.spec import Dataset
from nkdash.lake import Layer, partition_path, read_footer
from nkdash.odoo import OdooClient, PermanentOdooError, TransientOdooError
from nkdash.settings import Settings
from nkdash.standing import State, standing, tables

CHANGES = "changes"
SWEEP = "sweep"
CHANGED = "changed"
# Odoo stamps a record when its transaction begins, and others see it when that ends.
OVERLAP = timedelta(minutes=15)
MOST_RECORDS = 10_000
"""Written records that are looked at in one go."""
MOST_SECONDS = 20.0
"""After that long a tick looks no further; Dagster ends a tick after a minute."""
FIRST_DELAY, LONGEST_DELAY = timedelta(minutes=5), timedelta(hours=6)


@dataclass(frozen=True)
class Pending:
    """A day of a dataset that must be loaded again.

    ``raw_as_of`` is that of the raw which was found wrong, ``why`` a sentence, ``tries`` how often
    a load was asked for, ``asked_at`` when last (naive UTC).
    """

    dataset: str
    day: date
    raw_as_of: datetime
    found_at: datetime
    why: str
    tries: int = 0
    asked_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether a load may be asked for: at once, then later and later."""
        if self.asked_at is None:
            return True
        delay: timedelta = min(FIRST_DELAY * 2 ** min(self.tries - 1, 10), LONGEST_DELAY)
        return now >= self.asked_at + delay


@dataclass
class Known:
    """What the sensor remembers.

    ``cursors``: up to when (naive UTC, whole seconds) the changes of a model were looked at.
    ``loads``: as of when the raw of each day was read (seconds since 1970) that the cursors are
    true of.
    ``verdicts``: the reconciliation that a differing day was last loaded again for. ``sweep``: the
    last sweep that was heard of.
    """

    cursors: dict[str, datetime] = field(default_factory=dict)
    loads: dict[str, dict[date, int]] = field(default_factory=dict)
    pending: dict[DatasetDay, Pending] = field(default_factory=dict)
    verdicts: dict[DatasetDay, str] = field(default_factory=dict)
    sweep: str | None = None


def known(instance: dg.DagsterInstance) -> Known:
    """What the sensor remembers; the operator's list of waiting days is its ``pending``."""
    kept = recall(instance, CHANGES)
    if kept is None:
        return Known()
    moments = ("raw_as_of", "found_at", "asked_at")
    pending = [
        Pending(
            **{
                **item,
                "day": date.fromisoformat(item["day"]),
                **{m: item[m] and datetime.fromisoformat(item[m]) for m in moments},
            }
        )
        for item in kept["pending"]
    ]
    return Known(
        cursors={model: datetime.fromisoformat(at) for model, at in kept["cursors"].items()},
        loads={
            dataset: {date.fromisoformat(day): at for day, at in found.items()}
            for dataset, found in kept["loads"].items()
        },
        pending={(item.dataset, item.day): item for item in pending},
        verdicts={(d, date.fromisoformat(day)): sha for d, day, sha in kept["verdicts"]},
        sweep=kept["sweep"],
    )


def keep(instance: dg.DagsterInstance, memory: Known) -> None:
    """Remember it, all in one stroke."""
    pending = [
        {k: v.isoformat() if isinstance(v, date) else v for k, v in asdict(item).items()}
        for item in memory.pending.values()
    ]
    kept: dict[str, Any] = {
        "cursors": {model: at.isoformat() for model, at in memory.cursors.items()},
        "loads": {
            dataset: {day.isoformat(): at for day, at in found.items()}
            for dataset, found in memory.loads.items()
        },
        "pending": pending,
        "verdicts": [[d, day.isoformat(), sha] for (d, day), sha in memory.verdicts.items()],
        "sweep": memory.sweep,
    }
    remember(instance, CHANGES, kept)


def changed_days(settings: Settings, catalog: Catalog) -> dg.SensorDefinition:
    """Every ``NKDASH_CHANGED_MINUTES``: the days that were changed in Odoo are loaded again."""

    @dg.sensor(
        name="changed_days",
        job_name=LOAD_RANGE,
        minimum_interval_seconds=settings.nkdash_changed_minutes * 60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Loads the days again whose records were changed in Odoo since.",
    )
    def _changed_days(
        context: dg.SensorEvaluationContext,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        return tick(context.instance, settings, catalog)

    return _changed_days


def connect(settings: Settings) -> OdooClient:
    """A client of the Odoo that the settings name. Raises SettingsError."""
    return OdooClient(settings.odoo_connection())


def tick(
    instance: dg.DagsterInstance,
    settings: Settings,
    catalog: Catalog,
    connected: Callable[[Settings], OdooClient] = connect,
) -> list[dg.RunRequest] | dg.SkipReason:
    """Look for changes, remember them, and ask for what is pending.

    Raises PermanentOdooError; what was found until then is remembered.
    """
    if reason := why_closed(instance, settings):
        return dg.SkipReason(reason)
    now = _now(settings)
    memory = known(instance)
    loaded = whole_days(settings, catalog)
    memory.pending = unresolved(memory.pending, loaded, settings, catalog)
    trouble = ""
    try:
        with connected(settings) as client:
            _log_in(client, instance, settings)
            look(client, memory, loaded, settings, catalog, now, partial(keep, instance))
    except TransientOdooError as error:
        trouble = str(error)
    except PermanentOdooError:
        keep(instance, memory)
        raise
    hear_of_verdicts(memory, loaded, settings, catalog, now)
    hear_of_sweep(memory, recall(instance, SWEEP), loaded, now)
    requests = requests_for(instance, memory, loaded, settings, catalog, now)
    keep(instance, memory)
    if requests:
        return requests
    waiting = f"{len(memory.pending)} days wait to be loaded again." if memory.pending else ""
    return dg.SkipReason(" ".join(filter(None, [trouble, waiting])) or "Nothing was changed.")


def _log_in(client: OdooClient, instance: dg.DagsterInstance, settings: Settings) -> None:
    """Connect; what is refused for good closes the gate. Raises OdooError."""
    try:
        client.companies()
    except PermanentOdooError as error:
        refuse(instance, settings.odoo_connection(), error)
        raise


def look(
    client: Asker,
    memory: Known,
    loaded: Loaded,
    settings: Settings,
    catalog: Catalog,
    now: datetime,
    save: Callable[[Known], None],
) -> None:
    """Bring cursors and pending days up to ``now``, or as far as a tick may go; ``save`` after each
    slice with changes, so that even a tick that Dagster ends gets further. Raises OdooError.

    A load that was not there at the last tick is compared from when it was read: a change between
    that and its landing was seen too early. Without a cursor, that is all there is.
    """
    deadline = time.monotonic() + MOST_SECONDS
    watched = {
        m: [w for w in ws if loaded[w.dataset.name]] for m, ws in watches(client, catalog).items()
    }
    behind = {m: since for m, ws in watched.items() if (since := _start(memory, m, ws, loaded))}
    for dataset, days in loaded.items():
        memory.loads[dataset] = {day: _epoch(as_of) for day, as_of in days.items()}
    # Until a slice was looked at, this is where the next tick must begin.
    memory.cursors |= behind
    while behind:
        # The one that is furthest behind, so that none waits for ever for a busy one.
        model = min(behind, key=lambda name: behind[name])
        since = behind.pop(model)
        until, count = slice_end(client, model, since, now, MOST_RECORDS)
        if count:
            for key in touched_days(client, model, watched[model], since, until, loaded, settings):
                add(memory, key, loaded, now, f"changed in Odoo ({model})")
        memory.cursors[model] = min(until, now - OVERLAP)
        if until < now:
            behind[model] = until
        if count:
            save(memory)
        if time.monotonic() > deadline:
            return


def _start(memory: Known, model: str, readers: Sequence[Watch], loaded: Loaded) -> datetime | None:
    """Where to begin with a model; None where nothing is loaded that it could have changed."""
    new = [
        as_of - OVERLAP
        for watch in readers
        for day, as_of in loaded[watch.dataset.name].items()
        if memory.loads.get(watch.dataset.name, {}).get(day) != _epoch(as_of)
    ]
    starts = [*new, *([memory.cursors[model]] if model in memory.cursors else [])]
    return min(starts).replace(microsecond=0) if starts else None


def _epoch(as_of: datetime) -> int:
    return int(as_of.replace(tzinfo=UTC).timestamp())


def _now(settings: Settings) -> datetime:
    """Now as naive UTC, whole seconds: the second that is not over is left to the next tick."""
    return utc_now(settings).replace(tzinfo=None, microsecond=0)


def add(memory: Known, key: DatasetDay, loaded: Loaded, now: datetime, why: str) -> None:
    """Make a loaded day pending; what waits for the same raw already keeps its turn."""
    dataset, day = key
    as_of = loaded.get(dataset, {}).get(day)
    if as_of is None:
        return
    before = memory.pending.get(key)
    if before is None or before.raw_as_of < as_of:
        memory.pending[key] = Pending(dataset, day, as_of, now, why)


def unresolved(
    pending: Mapping[DatasetDay, Pending], loaded: Loaded, settings: Settings, catalog: Catalog
) -> dict[DatasetDay, Pending]:
    """What is still to be loaded: where raw is what it was, or a later layer is older than raw.

    A day that is no longer there whole is a missing one, which another sensor asks for.
    """
    datasets = {d.name: d for d in catalog.datasets}
    kept = {}
    for key, item in pending.items():
        as_of = loaded.get(item.dataset, {}).get(item.day)
        if as_of is None:
            continue
        if as_of <= item.raw_as_of or not _made_from(
            datasets[item.dataset], item.day, as_of, settings
        ):
            kept[key] = item
    return kept


def _made_from(dataset: Dataset, day: date, raw_as_of: datetime, settings: Settings) -> bool:
    """Whether clean and star of a day are there and not older than its raw."""
    _, *later = tables(dataset)
    try:
        return all(
            read_footer(partition_path(settings.lake_root, layer, table, day)).as_of >= raw_as_of
            for layer, table in later
        )
    except FileNotFoundError:
        return False


def hear_of_verdicts(
    memory: Known, loaded: Loaded, settings: Settings, catalog: Catalog, now: datetime
) -> None:
    """Days that differ from Odoo become pending, once for each verdict that says something new.

    A verdict that is older than the day's raw is about rows that are gone.
    """
    differing = {
        (item.dataset, item.day)
        for item in standing(settings, catalog)
        if item.state is State.DIFFERS
    }
    memory.verdicts = {key: sha for key, sha in memory.verdicts.items() if key in differing}
    for key in differing:
        dataset, day = key
        verdict = read_footer(partition_path(settings.lake_root, Layer.QUALITY, dataset, day))
        as_of = loaded.get(dataset, {}).get(day)
        if as_of is None or memory.verdicts.get(key) == verdict.rows_sha256:
            continue
        memory.verdicts[key] = verdict.rows_sha256
        if verdict.as_of >= as_of:
            add(memory, key, loaded, now, "other sums in Odoo (reconciliation)")


def hear_of_sweep(memory: Known, sweep: Any, loaded: Loaded, now: datetime) -> None:
    """Days on which the last sweep found other ids than raw has become pending, once a sweep."""
    if sweep is None or sweep["finished_at"] == memory.sweep:
        return
    memory.sweep = sweep["finished_at"]
    for dataset, text, raw_as_of in sweep["days"]:
        day = date.fromisoformat(text)
        as_of = loaded.get(dataset, {}).get(day)
        if as_of and as_of <= datetime.fromisoformat(raw_as_of):
            add(memory, (dataset, day), loaded, now, "other ids in Odoo (weekly sweep)")


def requests_for(
    instance: dg.DagsterInstance,
    memory: Known,
    loaded: Loaded,
    settings: Settings,
    catalog: Catalog,
    now: datetime,
) -> list[dg.RunRequest]:
    """Loads of the pending days that are due and not under way; they count as asked for.

    Where raw has come and only the later layers are wanting, the search for missing days asks.
    """
    due = [
        item
        for item in memory.pending.values()
        if item.is_due(now) and loaded[item.dataset][item.day] <= item.raw_as_of
    ]
    if not due:
        return []
    unfinished = dg.RunsFilter(statuses=UNFINISHED, tags={REASON: CHANGED})
    free = settings.nkdash_max_runs_per_tick - instance.get_runs_count(unfinished)
    if free <= 0:
        return []
    busy = in_flight(instance)
    wanted: dict[dg.AssetKey, set[date]] = {}
    for item in due:
        keys = asset_keys(catalog, item.dataset)
        if not any(item.day in busy.get(key, ()) for key in keys):
            for key in keys:
                wanted.setdefault(key, set()).add(item.day)
    requests = load_requests(
        wanted,
        busy,
        reason=CHANGED,
        most_days=settings.nkdash_max_partitions_per_run,
        most_requests=free,
    )
    going = {(key, day) for r in requests for key in r.asset_selection or () for day in run_days(r)}
    for item in due:
        if (asset_keys(catalog, item.dataset)[0], item.day) in going:
            asked = replace(item, tries=item.tries + 1, asked_at=now)
            memory.pending[item.dataset, item.day] = asked
    return [_with_dimensions(request, catalog) for request in requests]


def _with_dimensions(request: dg.RunRequest, catalog: Catalog) -> dg.RunRequest:
    """The request with the dimensions that its facts are made from, by what was written since.

    An order that comes late may hold a product that is younger than the last night.
    """
    selected = list(request.asset_selection or ())
    facts = [d.fact for d in catalog.datasets if d.fact]
    needed = {
        name
        for fact in facts
        if dg.AssetKey(["star", fact.table.name]) in selected
        for name in fact.dimensions
    }
    dimensions = [d for d in catalog.dimensions if d.table.name in needed]
    keys = [dg.AssetKey(["raw", d.name]) for d in dimensions]
    keys += [dg.AssetKey(["star", d.table.name]) for d in dimensions]
    return request.with_replaced_attrs(
        asset_selection=[*selected, *keys], tags={**request.tags, **CHANGES_ONLY}
    )
