"""The import itself: which local days two old UTC days make up, and what may be believed of them.

The old system cut days at UTC midnight, wrote empty files over good days when Odoo failed, and
kept drafts beside sales. So rows are cut anew by their own time stamp, a local day is taken only
where every old day that it lies in is there and not empty, and raw keeps every state, which clean
filters. What is in our lake is never overwritten.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from nkdash import clock
from nkdash.catalog import Catalog
from nkdash.clock import day_window, days_between
from nkdash.contracts import ContractViolationError
from nkdash.datasets.columns import to_local
from nkdash.datasets.spec import Dataset
from nkdash.importer.convert import RefusedError, cast_column, convert, day_column, needed_columns
from nkdash.importer.mapping import Renames
from nkdash.lake import EXTRACTED_AT, Layer, days_present, write_days
from nkdash.settings import Settings

DAY_FOLDER = re.compile(r"year=(\d{4})/month=(\d{1,2})/day=(\d{1,2})")
# What older pulls may have called the time at which they read.
READ_AT = (EXTRACTED_AT, "extracted_at", "_loaded_at", "loaded_at", "_ingested_at")
# Old days that are kept converted: neighbours share them.
KEPT_DAYS = 4


class Outcome(StrEnum):
    """What became of a local day."""

    IMPORTED = "imported"
    EXISTS = "exists"
    INCOMPLETE = "incomplete"
    EMPTY = "empty"
    REFUSED = "refused"
    OPEN = "open"


@dataclass(frozen=True)
class ImportedDay:
    """A local day of a dataset: what became of it, its rows, and why where it was not taken."""

    dataset: str
    day: date
    outcome: Outcome
    rows: int = 0
    detail: str = ""
    as_of: datetime | None = None


@dataclass
class ImportReport:
    """Every local day that the old lake touches. ``notes`` are about whole datasets."""

    days: list[ImportedDay] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def of(self, outcome: Outcome) -> list[ImportedDay]:
        """The days with that outcome."""
        return [day for day in self.days if day.outcome is outcome]


@dataclass(frozen=True)
class _Options:
    zone: str
    renames: Renames
    companies: tuple[int, ...]
    trust_empty: bool


def import_lake(
    source: Path,
    settings: Settings,
    catalog: Catalog,
    mapping: Mapping[str, Renames],
    *,
    datasets: Collection[str] = (),
    first: date | None = None,
    last: date | None = None,
    trust_empty: bool = False,
    dry_run: bool = False,
    on_day: Callable[[ImportedDay], None] = lambda _: None,
) -> ImportReport:
    """Take the old lake ``source`` (the folder that holds raw/) into ours, day by day.

    ``datasets`` (all by default) and ``first``..``last`` narrow it. With ``dry_run`` everything is
    read and judged, and nothing written. Raises NotADirectoryError, LakeWriteError.
    """
    root = source / "raw" if (source / "raw").is_dir() else source
    if not root.is_dir():
        raise NotADirectoryError(f"there is no folder {root}")
    report = ImportReport()
    for dataset in catalog.datasets:
        if datasets and dataset.name not in datasets:
            continue
        if dataset.is_snapshot:
            report.notes.append(
                f"{dataset.name} is not imported: what an old snapshot's instant was, its files do "
                "not say for sure; stock_on_hand(day) goes back from the first one of your own"
            )
            continue
        renames = mapping[dataset.name]
        folder = next((root / f for f in renames.folders if (root / f).is_dir()), None)
        if folder is None:
            report.notes.append(
                f"{dataset.name}: none of the folders {', '.join(renames.folders)} is below {root}"
            )
            continue
        options = _Options(
            settings.nkdash_timezone, renames, settings.nkdash_companies, trust_empty
        )
        old = _OldDataset(dataset, old_days(folder), options)
        if not old.files:
            report.notes.append(f"{dataset.name}: {folder} holds no year=/month=/day= folders")
            continue
        present = days_present(settings.lake_root, Layer.RAW, dataset.name)
        for day in _local_days(old, settings, first, last):
            found, frame = _judge(old, day, present, settings)
            if frame is not None and found.as_of is not None and not dry_run:
                try:
                    write_days(
                        settings.lake_root,
                        Layer.RAW,
                        dataset.raw_table,
                        frame,
                        [day],
                        as_of=found.as_of,
                    )
                except ContractViolationError as error:
                    found = ImportedDay(dataset.name, day, Outcome.REFUSED, detail=str(error))
            report.days.append(found)
            on_day(found)
    return report


def old_days(folder: Path) -> dict[date, list[Path]]:
    """The Parquet files of each old day, in order of their age."""
    found: dict[date, list[Path]] = {}
    for path in folder.glob("year=*/month=*/day=*/*.parquet"):
        match = DAY_FOLDER.fullmatch(path.parent.relative_to(folder).as_posix())
        if match and not path.name.startswith((".", "_")):
            found.setdefault(date(*map(int, match.groups())), []).append(path)
    return {day: sorted(paths, key=lambda p: p.stat().st_mtime_ns) for day, paths in found.items()}


@dataclass
class _OldDataset:
    """One dataset of the old lake, its last few days converted."""

    dataset: Dataset
    files: dict[date, list[Path]]
    options: _Options
    _kept: OrderedDict[date, pl.DataFrame | RefusedError] = field(default_factory=OrderedDict)
    _needed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._needed = needed_columns(self.dataset)

    @property
    def is_cut_by_utc(self) -> bool:
        """Whether a local day lies in two old days."""
        return self.dataset.source.day_kind == "utc" and self.options.renames.days == "utc"

    def needed(self, day: date) -> list[date]:
        """The old days in which the local ``day`` lies."""
        if not self.is_cut_by_utc:
            return [day]
        start, end = day_window(day, day, ZoneInfo(self.options.zone))
        return days_between(start.date(), (end - timedelta(microseconds=1)).date())

    def read(self, day: date) -> pl.DataFrame:
        """The rows of an old day in our raw contract. Raises RefusedError."""
        if day not in self._kept:
            try:
                self._kept[day] = self._convert(day)
            except RefusedError as error:
                self._kept[day] = error
            while len(self._kept) > KEPT_DAYS:
                self._kept.popitem(last=False)
        found = self._kept[day]
        if isinstance(found, RefusedError):
            raise found
        return found

    def _convert(self, day: date) -> pl.DataFrame:
        dataset, frames = self.dataset, []
        for path in self.files[day]:
            try:
                old = pl.read_parquet(path, hive_partitioning=False, glob=False)
                read_at = _read_at(old, path)
                frame = convert(old, dataset, self.options.renames, self._needed)
            except RefusedError as error:
                raise RefusedError(f"{path}: {error}") from error
            except (OSError, pl.exceptions.PolarsError) as error:
                raise RefusedError(f"{path} cannot be read: {error}") from error
            frames.append(
                frame.with_columns(pl.lit(read_at, pl.Datetime("us")).alias(EXTRACTED_AT))
            )
        rows = pl.concat(frames)
        instant = pl.col(day_column(dataset))
        if rows.get_column(day_column(dataset)).null_count():
            raise RefusedError(f"{self.files[day][0]}: {day_column(dataset)} is empty in some rows")
        local = (
            instant if dataset.source.day_kind == "date" else to_local(instant, self.options.zone)
        )
        strays = rows.filter((instant if self.is_cut_by_utc else local).cast(pl.Date) != day)
        if strays.height:
            raise RefusedError(
                f"{self.files[day][0].parent}: {strays.height} of {rows.height} rows are of other "
                f"days by {day_column(dataset)}, e.g. {strays.get_column(day_column(dataset))[0]}; "
                'the old days were cut by another rule (days = "local" in the mapping file?)'
            )
        if self.options.companies and dataset.source.company_field in rows.columns:
            rows = rows.filter(pl.col(dataset.source.company_field).is_in(self.options.companies))
        return rows.with_columns(local.cast(pl.Date).alias("date")).select(
            dataset.raw_table.schema.names()
        )


def _read_at(frame: pl.DataFrame, path: Path) -> datetime:
    """When the old system read these rows: what they say, else the file's own time. Naive UTC."""
    for name in READ_AT:
        if name in frame.columns and frame.height:
            try:
                earliest = cast_column(frame.get_column(name), pl.Datetime("us")).min()
            except (TypeError, pl.exceptions.PolarsError):
                continue
            if isinstance(earliest, datetime):
                return earliest
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)


def _local_days(
    old: _OldDataset, settings: Settings, first: date | None, last: date | None
) -> Iterator[date]:
    """The local days that the old ones touch, from NKDASH_START_DATE on."""
    start, end = min(old.files), max(old.files)
    if old.is_cut_by_utc:
        start, end = start - timedelta(days=1), end + timedelta(days=1)
    start = max(start, settings.nkdash_start_date, first or start)
    touched = set(old.files)
    for day in days_between(start, min(end, last or end)):
        if touched & set(old.needed(day)):
            yield day


def _judge(
    old: _OldDataset, day: date, present: Collection[date], settings: Settings
) -> tuple[ImportedDay, pl.DataFrame | None]:
    """What may become of a local day, and its rows where it may be written."""

    def no(outcome: Outcome, detail: str = "") -> tuple[ImportedDay, None]:
        return ImportedDay(old.dataset.name, day, outcome, detail=detail), None

    if day in present:
        return no(Outcome.EXISTS, "is in the lake already")
    if day >= clock.today(settings):
        return no(Outcome.OPEN, "is not over yet")
    needed = old.needed(day)
    if absent := [d for d in needed if d not in old.files]:
        return no(Outcome.INCOMPLETE, f"the old lake lacks {_told(absent)} (UTC)")
    try:
        if empty := [d for d in needed if _is_empty(old.files[d])]:
            if not old.options.trust_empty:
                return no(Outcome.EMPTY, f"the old file of {_told(empty)} is empty: not believed")
            needed = [d for d in needed if d not in empty]
        frames = [old.read(d) for d in needed]
    except RefusedError as error:
        return no(Outcome.REFUSED, str(error))
    table = old.dataset.raw_table
    rows = pl.concat([pl.DataFrame(schema=table.schema), *frames])
    as_of = min(_file_time(old.files[d]) for d in old.needed(day))
    if rows.height and isinstance(earliest := rows.get_column(EXTRACTED_AT).min(), datetime):
        as_of = earliest
    frame = (
        rows.filter(pl.col("date") == day)
        # A record that was read twice: as it was read last.
        .sort(EXTRACTED_AT, maintain_order=True)
        .unique("id", keep="last", maintain_order=True)
    )
    found = ImportedDay(old.dataset.name, day, Outcome.IMPORTED, frame.height, as_of=as_of)
    return found, frame


def _is_empty(paths: Sequence[Path]) -> bool:
    try:
        return all(
            pl.scan_parquet(path, glob=False, hive_partitioning=False)
            .select(pl.len())
            .collect()
            .item()
            == 0
            for path in paths
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RefusedError(f"{paths[0]} cannot be read: {error}") from error


def _file_time(paths: Sequence[Path]) -> datetime:
    earliest = min(path.stat().st_mtime for path in paths)
    return datetime.fromtimestamp(earliest, UTC).replace(tzinfo=None)


def _told(days: Sequence[date]) -> str:
    return ", ".join(map(str, days))
