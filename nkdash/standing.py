"""How every expected business day of every dataset stands: loaded, missing, failed, and why.

The lake's files are the facts; only which loads failed comes from Dagster. Footers and verdicts
are read once a file, so looking again costs little more than listing the lake.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from nkdash.catalog import Catalog
from nkdash.clock import day_window, days_between, yesterday
from nkdash.datasets.spec import Dataset
from nkdash.lake import Footer, LakePath, Layer, PartitionFile, list_days, read_footers
from nkdash.quality.verdicts import differing_days, read_verdicts
from nkdash.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance


class State(StrEnum):
    """How a day of a dataset stands."""

    LOADED = "loaded"
    EMPTY = "empty"
    MISSING = "missing"
    UNFINISHED = "unfinished"
    """Read before the day had ended."""
    OUTDATED = "outdated"
    """A later layer is absent, or older than raw."""
    DIFFERS = "differs"
    """The last reconciliation did not agree; publish holds the day back."""
    LOST = "lost"
    """A snapshot of a day gone by: Odoo only knows what is there now."""
    FAILED = "failed"
    """The last load failed; what was there before is still there."""


@dataclass(frozen=True)
class Day:
    """One expected day of a dataset; ``detail`` is a sentence where something is wrong."""

    dataset: str
    day: date
    state: State
    detail: str = ""


@dataclass(frozen=True)
class LoadedDay:
    """One day's file: its rows, and as of when Odoo was read (naive UTC)."""

    day: date
    rows: int
    as_of: datetime


Seen = tuple[int, int, str | None]
"""What a file is known by again."""

_footers: dict[LakePath, tuple[Seen, Footer]] = {}
_differing: dict[LakePath, tuple[Seen, bool]] = {}


InLake = Mapping[str, Sequence[Sequence[LoadedDay]]]
"""By dataset the days of each of its tables, raw first."""


def in_lake(settings: Settings, catalog: Catalog) -> InLake:
    """Every day of every dataset that lies in the lake."""
    return {
        dataset.name: [loaded_days(settings.lake_root, *table) for table in tables(dataset)]
        for dataset in catalog.datasets
    }


def standing(
    settings: Settings,
    catalog: Catalog,
    failed: Mapping[tuple[str, date], str] | None = None,
    there: InLake | None = None,
) -> list[Day]:
    """Every expected day, from NKDASH_START_DATE to yesterday, of every dataset, oldest first.

    Snapshots are expected from their first one on. ``failed`` is what ``failed_days`` found,
    ``there`` what ``in_lake`` did; without it the lake is listed.
    """
    there = in_lake(settings, catalog) if there is None else there
    expected = days_between(settings.nkdash_start_date, yesterday(settings))
    found: list[Day] = []
    for dataset in catalog.datasets:
        raw, *later = ({entry.day: entry for entry in layer} for layer in there[dataset.name])
        differing = _differing_days(settings.lake_root, dataset)
        first = min(raw, default=None)
        for day in expected:
            if dataset.is_snapshot and (first is None or day < first):
                continue
            stands = Day(dataset.name, day, State.LOADED)
            if (entry := raw.get(day)) is None:
                stands = _absent(stands, dataset)
            elif not dataset.is_snapshot and not is_whole(entry, settings.zone):
                stands = _told(stands, State.UNFINISHED, f"last read at {_utc(entry.as_of)}")
            elif any(_is_outdated(layer.get(day), entry) for layer in later):
                stands = _told(stands, State.OUTDATED, "raw is there, what is made of it is not")
            elif day in differing:
                stands = _told(
                    stands, State.DIFFERS, "does not agree with Odoo; publish holds it back"
                )
            elif entry.rows == 0:
                stands = replace(stands, state=State.EMPTY)
            if cause := (failed or {}).get((dataset.name, day)):
                stands = _told(stands, State.FAILED, f"({stands.state}) {cause}")
            found.append(stands)
    return found


def _told(day: Day, state: State, detail: str) -> Day:
    return replace(day, state=state, detail=detail)


def _absent(day: Day, dataset: Dataset) -> Day:
    if dataset.is_snapshot:
        return _told(day, State.LOST, "no snapshot was taken, and Odoo knows only what is now")
    return _told(day, State.MISSING, "never loaded")


def _is_outdated(made: LoadedDay | None, raw: LoadedDay) -> bool:
    return made is None or made.as_of < raw.as_of


def _utc(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC, before it had ended"


def failed_days(instance: "DagsterInstance", catalog: Catalog) -> dict[tuple[str, date], str]:
    """The (dataset, day) whose last load failed, each with the cause in a sentence."""
    from nkdash.automation.failures import failures

    return {day: failure.cause for day, failure in failures(instance, catalog).items()}


def is_whole(loaded: LoadedDay, zone: ZoneInfo) -> bool:
    """Whether the day was read after it had ended."""
    return loaded.as_of >= _end(loaded.day, zone)


@lru_cache(maxsize=10_000)
def _end(day: date, zone: ZoneInfo) -> datetime:
    return day_window(day, day, zone)[1]


def tables(dataset: Dataset) -> list[tuple[Layer, str]]:
    """The layers of a dataset and the table it has in each, raw first."""
    found = [(Layer.RAW, dataset.name), (Layer.CLEAN, dataset.clean_table.name)]
    return [*found, (Layer.STAR, dataset.fact.table.name)] if dataset.fact else found


def loaded_days(root: LakePath, layer: Layer, table: str) -> list[LoadedDay]:
    """The days of a table that lie in the lake, oldest first, from their files' footers."""
    files = list_days(root, layer, table)
    new = [file for file in files if not _is_known(_footers, file)]
    for file, footer in zip(new, read_footers([file.path for file in new]), strict=True):
        if footer is None:
            # It vanished since it was listed.
            _footers.pop(file.path, None)
        else:
            _footers[file.path] = (_seen(file), footer)
    loaded = [(file.day, _footers[file.path][1]) for file in files if file.path in _footers]
    return [LoadedDay(day, footer.rows, footer.as_of) for day, footer in loaded if day]


def _differing_days(root: LakePath, dataset: Dataset) -> set[date]:
    """The days whose last reconciliation did not agree."""
    files = list_days(root, Layer.QUALITY, dataset.name)
    if new := [file for file in files if not _is_known(_differing, file)]:
        differ = differing_days(read_verdicts(root, dataset.name, _days(new)))
        _differing.update({file.path: (_seen(file), file.day in differ) for file in new})
    return set(_days(file for file in files if _differing[file.path][1]))


def _days(files: Iterable[PartitionFile]) -> list[date]:
    return [file.day for file in files if file.day is not None]


def _seen(file: PartitionFile) -> Seen:
    return file.mtime_ns, file.size, file.etag


def _is_known(cache: Mapping[LakePath, tuple[Seen, object]], file: PartitionFile) -> bool:
    kept = cache.get(file.path)
    return kept is not None and kept[0] == _seen(file)
