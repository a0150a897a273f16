"""Files of the lake.

``<root>/raw/<dataset>/date=YYYY-MM-DD/data.parquet``, the same under ``clean/`` and
``star-schema/``; tables that are not partitioned are ``<root>/<layer>/<table>.parquet``.
What Odoo said of a dataset's day when it was asked again is under ``quality/<dataset>/``.

Every file is replaced whole (``nkdash.lake.storage``), so a reader, or a kill -9, sees the old
file or the new one. An empty day is a file without rows: 'no sales' and 'not loaded' differ.
The SHA-256 of the rows (without ``_extracted_at``) is kept in the file's own metadata.
The lake may lie on S3: paths are ``LakePath``, and what cannot be reached raises S3Error.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from typing import IO, Any

import polars as pl

from nkdash.contracts import ContractViolationError, Table, conform, empty
from nkdash.lake.place import LakePath
from nkdash.lake.s3 import S3RefusedError
from nkdash.lake.storage import FILE_NAME, Found, Source, storage_of

EXTRACTED_AT = "_extracted_at"
FOOTER_HASH = "nkdash.rows_sha256"
FOOTER_ROWS = "nkdash.rows"
FOOTER_AS_OF = "nkdash.as_of"

# Is told the bytes of a file that was written.
OnFile = Callable[[int], object]


class Layer(StrEnum):
    """The lake's layers, by folder name."""

    RAW = "raw"
    CLEAN = "clean"
    STAR = "star-schema"
    QUALITY = "quality"


class NotInLakeError(Exception):
    """A table or day that was asked for was never loaded."""


class LakeWriteError(Exception):
    """The lake could not be written; no file of it is half written."""

    @property
    def permanent(self) -> bool:
        """Whether trying again cannot help: S3 refuses credentials or rights."""
        return isinstance(self.__cause__, S3RefusedError)


@dataclass(frozen=True)
class Footer:
    """What a file says of itself: row hash, rows, and as of when the source was read."""

    rows_sha256: str
    rows: int
    as_of: datetime


@dataclass(frozen=True)
class PartitionFile:
    """One file of a table; ``day`` is None for a table that is not partitioned.

    Of equal size, time and ETag (empty where the lake is local) the content is equal.
    """

    table: str
    day: date | None
    path: LakePath
    size: int
    mtime_ns: int
    etag: str = ""


def table_path(root: LakePath, layer: Layer, table: str) -> LakePath:
    """File of a table that is not partitioned."""
    return root / layer.value / f"{table}.parquet"


def partition_path(root: LakePath, layer: Layer, table: str, day: date) -> LakePath:
    """File of one business day of a table."""
    return root.joinpath(layer.value, table, f"date={day.isoformat()}", FILE_NAME)


def write_days(
    root: LakePath,
    layer: Layer,
    table: Table,
    frame: pl.DataFrame,
    days: Sequence[date],
    *,
    as_of: datetime,
    on_file: OnFile | None = None,
) -> dict[date, int]:
    """Replace the partitions ``days`` of ``table`` by the rows of ``frame``; rows written, by day.

    ``as_of`` is the naive UTC instant at which the source was read; the file keeps it. ``on_file``
    is told the bytes of each file.

    All files are complete before the first takes its place. Raises ContractViolationError when the
    frame breaks the contract or holds another day, LakeWriteError when disk or S3 refuse; every day
    is then whole, as it was or (where renames or PUTs had begun) as it is to be.
    """
    frame = conform(frame, table)
    wanted = set(days)
    strays = set(frame.get_column("date").unique().to_list()) - wanted
    if strays:
        raise ContractViolationError(
            f"{table.name}: rows of {sorted(map(str, strays))} in a load of "
            f"{min(wanted)} to {max(wanted)}"
        )
    parts = {key[0]: part for key, part in frame.partition_by("date", as_dict=True).items()}
    targets = [
        (parts.get(day, empty(table)), partition_path(root, layer, table.name, day))
        for day in sorted(wanted)
    ]
    _replace_all(root, targets, table, as_of, on_file)
    return {day: parts[day].height if day in parts else 0 for day in sorted(wanted)}


def write_table(
    root: LakePath,
    layer: Layer,
    table: Table,
    frame: pl.DataFrame,
    *,
    as_of: datetime,
    on_file: OnFile | None = None,
) -> int:
    """Replace a table that is not partitioned; returns its rows. All else as in write_days."""
    frame = conform(frame, table)
    _replace_all(root, [(frame, table_path(root, layer, table.name))], table, as_of, on_file)
    return frame.height


def _replace_all(
    root: LakePath,
    targets: Iterable[tuple[pl.DataFrame, LakePath]],
    table: Table,
    as_of: datetime,
    on_file: OnFile | None,
) -> None:
    storage = storage_of(root)

    def write(frame: pl.DataFrame, file: IO[bytes]) -> None:
        footer = {
            FOOTER_HASH: rows_hash(frame, table),
            FOOTER_ROWS: str(frame.height),
            FOOTER_AS_OF: as_of.isoformat(),
        }
        frame.write_parquet(file, compression="zstd", metadata=footer)
        if on_file:
            on_file(file.tell())

    try:
        storage.write_all((path, partial(write, frame)) for frame, path in targets)
    except OSError as error:
        raise LakeWriteError(
            f"{table.name} could not be written to the lake: {error}. Nothing was replaced "
            f"by a partial file; {storage.remedy}."
        ) from error


def rows_hash(frame: pl.DataFrame, table: Table) -> str:
    """SHA-256 of the rows and their types, without volatile columns; equal content, equal hash.

    Taken over CSV text: binary layouts of equal frames differ with how they were cut and joined.
    """
    stable = frame.drop([*table.volatile, EXTRACTED_AT], strict=False)
    lists = [name for name, dtype in stable.schema.items() if isinstance(dtype, pl.List)]
    text = stable.with_columns(
        pl.col(lists).list.eval(pl.element().cast(pl.String)).list.join(",")
    ).write_csv(include_header=False, null_value="\0")
    return hashlib.sha256(f"{list(stable.schema.items())}\n{text}".encode()).hexdigest()


def read_footer(path: LakePath) -> Footer:
    """What the file says of itself, without reading its rows. Raises FileNotFoundError."""
    kept = storage_of(path).metadata(path)
    return Footer(
        rows_sha256=kept[FOOTER_HASH],
        rows=int(kept[FOOTER_ROWS]),
        as_of=datetime.fromisoformat(kept[FOOTER_AS_OF]),
    )


def read_footers(paths: Sequence[LakePath]) -> list[Footer | None]:
    """What each file says of itself, None where it is gone; on S3 many at the same time."""
    return storage_of(paths[0]).each(_footer, paths) if paths else []


def _footer(path: LakePath) -> Footer | None:
    try:
        return read_footer(path)
    except FileNotFoundError:
        return None


def list_days(root: LakePath, layer: Layer, table: str) -> list[PartitionFile]:
    """Every loaded day of a table, oldest first."""
    files = []
    for found in storage_of(root).days(root.joinpath(layer.value, table)):
        with suppress(ValueError):
            day = date.fromisoformat(found.name.removeprefix("date="))
            files.append(_file(table, day, found))
    return files


def list_all_days(
    root: LakePath, tables: Sequence[tuple[Layer, str]]
) -> dict[tuple[Layer, str], list[PartitionFile]]:
    """Every loaded day of several tables; on S3 many at the same time."""
    found = storage_of(root).each(lambda table: list_days(root, *table), tables)
    return dict(zip(tables, found, strict=True))


def list_table(root: LakePath, layer: Layer, table: str) -> PartitionFile | None:
    """The file of a table that is not partitioned, or None where it was never loaded."""
    found = storage_of(root).find(table_path(root, layer, table))
    return None if found is None else _file(table, None, found)


def list_tables(root: LakePath, layer: Layer) -> list[PartitionFile]:
    """The files of all tables of a layer that are not partitioned."""
    found = storage_of(root).tables(root / layer.value)
    return [_file(file.name.removesuffix(".parquet"), None, file) for file in found]


def _file(table: str, day: date | None, found: Found) -> PartitionFile:
    stat = found.stat
    return PartitionFile(table, day, found.path, stat.size, stat.mtime_ns, stat.etag)


def days_present(root: LakePath, layer: Layer, table: str) -> set[date]:
    """The days that are loaded, empty ones too."""
    return {file.day for file in list_days(root, layer, table) if file.day is not None}


def open_files(paths: Sequence[LakePath]) -> list[Source | None]:
    """What polars can scan each file from, None where there is none.

    Locally that is the path; on S3 the whole content, which is fetched here.
    """
    if not paths:
        return []
    storage = storage_of(paths[0])
    return storage.each(storage.source, paths)


def scan_days(root: LakePath, layer: Layer, table: Table, days: Sequence[date]) -> pl.LazyFrame:
    """The rows of exactly ``days``, lazily. Raises NotInLakeError naming the days not loaded."""
    if not days:
        return empty(table).lazy()
    days = sorted(days)
    paths = [partition_path(root, layer, table.name, day) for day in days]
    sources = open_files(paths)
    absent = [str(day) for day, source in zip(days, sources, strict=True) if source is None]
    if absent:
        shown = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
        raise NotInLakeError(
            f"{layer.value}/{table.name} of {shown} is not in the lake; "
            "load those days first (nkdash backfill)"
        )
    # A column named as a folder must come from the file: a stray path part would win silently.
    there: Any = sources
    return pl.scan_parquet(there, glob=False, hive_partitioning=False, schema=table.schema)


def scan_table(root: LakePath, layer: Layer, table: Table) -> pl.LazyFrame:
    """A table that is not partitioned, lazily. Raises NotInLakeError where it was never loaded."""
    [source] = open_files([table_path(root, layer, table.name)])
    if source is None:
        raise NotInLakeError(
            f"{layer.value}/{table.name} is not in the lake; load the dimensions first "
            "(nkdash backfill does)"
        )
    return pl.scan_parquet(source, glob=False, hive_partitioning=False, schema=table.schema)
