"""Files of the lake.

``<root>/raw/<dataset>/date=YYYY-MM-DD/data.parquet``, the same under ``clean/`` and
``star-schema/``; tables that are not partitioned are ``<root>/<layer>/<table>.parquet``.
What Odoo said of a dataset's day when it was asked again is under ``quality/<dataset>/``.

Every file is written under a temporary name and renamed, so a reader, or a kill -9, sees the old
file or the new one. An empty day is a file without rows: 'no sales' and 'not loaded' differ.
The SHA-256 of the rows (without ``_extracted_at``) is kept in the file's own metadata.
"""

import hashlib
import os
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path

import polars as pl

from nkdash.contracts import ContractViolationError, Table, conform, empty

EXTRACTED_AT = "_extracted_at"
FOOTER_HASH = "nkdash.rows_sha256"
FOOTER_ROWS = "nkdash.rows"
FOOTER_AS_OF = "nkdash.as_of"


class Layer(StrEnum):
    """The lake's layers, by folder name."""

    RAW = "raw"
    CLEAN = "clean"
    STAR = "star-schema"
    QUALITY = "quality"


class NotInLakeError(Exception):
    """A table or day that was asked for was never loaded."""


class LakeWriteError(Exception):
    """The lake could not be written; what was there before is untouched."""


@dataclass(frozen=True)
class Footer:
    """What a file says of itself: row hash, rows, and as of when the source was read."""

    rows_sha256: str
    rows: int
    as_of: datetime


@dataclass(frozen=True)
class PartitionFile:
    """One file of a table; ``day`` is None for a table that is not partitioned."""

    table: str
    day: date | None
    path: Path
    size: int
    mtime_ns: int


def table_path(root: Path, layer: Layer, table: str) -> Path:
    """File of a table that is not partitioned."""
    return root / layer.value / f"{table}.parquet"


def partition_path(root: Path, layer: Layer, table: str, day: date) -> Path:
    """File of one business day of a table."""
    return root / layer.value / table / f"date={day.isoformat()}" / "data.parquet"


def write_days(
    root: Path,
    layer: Layer,
    table: Table,
    frame: pl.DataFrame,
    days: Sequence[date],
    *,
    as_of: datetime,
) -> dict[date, int]:
    """Replace the partitions ``days`` of ``table`` by the rows of ``frame``; rows written, by day.

    ``as_of`` is the naive UTC instant at which the source was read; the file keeps it.

    All files are complete under temporary names before the first is renamed. Raises
    ContractViolationError when the frame breaks the contract or holds another day,
    LakeWriteError when the disk refuses; the lake is then as it was.
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
    _replace_all(targets, table, as_of)
    return {day: parts[day].height if day in parts else 0 for day in sorted(wanted)}


def write_table(
    root: Path, layer: Layer, table: Table, frame: pl.DataFrame, *, as_of: datetime
) -> int:
    """Replace a table that is not partitioned; returns its rows. Errors as in write_days."""
    frame = conform(frame, table)
    _replace_all([(frame, table_path(root, layer, table.name))], table, as_of)
    return frame.height


def _replace_all(
    targets: Iterable[tuple[pl.DataFrame, Path]], table: Table, as_of: datetime
) -> None:
    written: list[tuple[Path, Path]] = []
    try:
        for frame, path in targets:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
            written.append((temporary, path))
            with temporary.open("wb") as file:
                footer = {
                    FOOTER_HASH: rows_hash(frame, table),
                    FOOTER_ROWS: str(frame.height),
                    FOOTER_AS_OF: as_of.isoformat(),
                }
                frame.write_parquet(file, compression="zstd", metadata=footer)
                file.flush()
                os.fsync(file.fileno())
        for temporary, path in written:
            _sweep(path, keep={t for t, _ in written})
            os.replace(temporary, path)
    except OSError as error:
        raise LakeWriteError(
            f"{table.name} could not be written to the lake: {error}. Nothing was replaced "
            "by a partial file; free space or mend the rights of the folder, then run again."
        ) from error
    finally:
        for temporary, _ in written:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _sweep(path: Path, keep: set[Path]) -> None:
    """Remove what a killed run left beside ``path``; a writer still at work is an hour young."""
    for stray in path.parent.glob(f".{path.name}.*.tmp"):
        with suppress(OSError):
            age = time.time() - stray.stat().st_mtime
            if stray not in keep and age > 3600:
                stray.unlink()


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


def read_footer(path: Path) -> Footer:
    """What the file says of itself, without reading its rows."""
    kept = pl.read_parquet_metadata(path)
    return Footer(
        rows_sha256=kept[FOOTER_HASH],
        rows=int(kept[FOOTER_ROWS]),
        as_of=datetime.fromisoformat(kept[FOOTER_AS_OF]),
    )


def list_days(root: Path, layer: Layer, table: str) -> list[PartitionFile]:
    """Every loaded day of a table, oldest first."""
    found = []
    for folder in sorted((root / layer.value / table).glob("date=????-??-??")):
        path = folder / "data.parquet"
        with suppress(FileNotFoundError, ValueError):
            day = date.fromisoformat(folder.name.removeprefix("date="))
            stat = path.stat()
            found.append(PartitionFile(table, day, path, stat.st_size, stat.st_mtime_ns))
    return found


def list_table(root: Path, layer: Layer, table: str) -> PartitionFile | None:
    """The file of a table that is not partitioned, or None where it was never loaded."""
    path = table_path(root, layer, table)
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return PartitionFile(table, None, path, stat.st_size, stat.st_mtime_ns)


def days_present(root: Path, layer: Layer, table: str) -> set[date]:
    """The days that are loaded, empty ones too."""
    return {file.day for file in list_days(root, layer, table) if file.day is not None}


def scan_days(root: Path, layer: Layer, table: Table, days: Sequence[date]) -> pl.LazyFrame:
    """The rows of exactly ``days``, lazily. Raises NotInLakeError naming the days not loaded."""
    if not days:
        return empty(table).lazy()
    paths = [partition_path(root, layer, table.name, day) for day in sorted(days)]
    absent = [p.parent.name.removeprefix("date=") for p in paths if not p.is_file()]
    if absent:
        shown = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
        raise NotInLakeError(
            f"{layer.value}/{table.name} of {shown} is not in the lake; "
            "load those days first (nkdash backfill)"
        )
    # A column named as a folder must come from the file: a stray path part would win silently.
    return pl.scan_parquet(paths, glob=False, hive_partitioning=False, schema=table.schema)


def scan_table(root: Path, layer: Layer, table: Table) -> pl.LazyFrame:
    """A table that is not partitioned, lazily. Raises NotInLakeError where it was never loaded."""
    path = table_path(root, layer, table.name)
    if not path.is_file():
        raise NotInLakeError(
            f"{layer.value}/{table.name} is not in the lake; load the dimensions first "
            "(nkdash backfill does)"
        )
    return pl.scan_parquet(path, glob=False, hive_partitioning=False, schema=table.schema)
