"""Which files of the lake a snapshot holds: listing the lake and comparing it with the manifest.

The manifest is a table inside the snapshot, one row a file: star-schema files and verdicts of the
reconciliation, whose rows are in the snapshot, and raw files of the datasets, of which only rows
and as-of are told. Of a day that is held back it still tells the files whose rows were published.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import NamedTuple

import duckdb
import polars as pl

from nkdash.catalog import Catalog
from nkdash.lake import (
    LakePath,
    Layer,
    PartitionFile,
    list_all_days,
    list_tables,
    read_footer,
)
from nkdash.warehouse.errors import PublishError

TABLE = "warehouse_manifest"
CREATE = (
    f"CREATE TABLE {TABLE} (layer VARCHAR NOT NULL, dataset VARCHAR, table_name VARCHAR NOT NULL, "
    "day DATE, size BIGINT NOT NULL, mtime_ns BIGINT NOT NULL, etag VARCHAR NOT NULL, "
    "rows_sha256 VARCHAR NOT NULL, rows BIGINT NOT NULL, as_of TIMESTAMP NOT NULL)"
)
# A file written this shortly before it was listed may change again under the same time stamp.
UNSETTLED_NS = 2_000_000_000
_READERS = 8


class Key(NamedTuple):
    """A file of the lake: layer, table (for raw: dataset) and day, None where not partitioned."""

    layer: Layer
    table: str
    day: date | None


@dataclass(frozen=True)
class Entry:
    """A row of the manifest; ``mtime_ns`` is 0 where the file's stat says nothing for sure.

    ``etag`` is empty where the lake is local.
    """

    layer: str
    dataset: str | None
    table_name: str
    day: date | None
    size: int
    mtime_ns: int
    etag: str
    rows_sha256: str
    rows: int
    as_of: datetime

    @property
    def key(self) -> Key:
        """The file this row is about."""
        return Key(Layer(self.layer), self.table_name, self.day)

    @property
    def stat(self) -> tuple[int, int, str]:
        """Size, time and ETag of the file when it was read."""
        return self.size, self.mtime_ns, self.etag

    @property
    def footer(self) -> tuple[str, int, datetime]:
        """What the file says of itself: row hash, rows, as-of."""
        return self.rows_sha256, self.rows, self.as_of


def list_lake(root: LakePath, catalog: Catalog) -> dict[Key, PartitionFile]:
    """Every file that publish follows, with its stat."""
    partitioned = [
        *((Layer.RAW, dataset.name) for dataset in catalog.datasets),
        *((Layer.QUALITY, dataset.name) for dataset in catalog.datasets),
        *((Layer.STAR, fact.name) for fact in catalog.facts),
    ]
    listed = list_all_days(root, partitioned)
    files = {
        Key(layer, file.table, file.day): file
        for (layer, _), days in listed.items()
        for file in days
    }
    dimensions = {dimension.name for dimension in catalog.dimension_tables}
    return files | {
        Key(Layer.STAR, file.table, None): file
        for file in list_tables(root, Layer.STAR)
        if file.table in dimensions
    }


def describe(
    files: Mapping[Key, PartitionFile], known: Mapping[Key, Entry], catalog: Catalog
) -> dict[Key, Entry]:
    """The manifest of ``files``: rows of ``known`` where the stat is the same, else read anew.

    A file that vanished since it was listed is left out. Raises PublishError for a file that is
    no Parquet file of the lake.
    """
    listed_ns = time.time_ns()
    datasets = {d.name: d.name for d in catalog.datasets}
    datasets |= {d.fact.table.name: d.name for d in catalog.datasets if d.fact}

    same = {
        key: old
        for key, file in files.items()
        if (old := known.get(key)) and old.stat == (file.size, file.mtime_ns, file.etag)
    }

    def entry(key: Key) -> Entry | None:
        file = files[key]
        try:
            footer = read_footer(file.path)
        except FileNotFoundError:
            return None
        except (OSError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
            raise PublishError(
                f"{file.path} is no readable file of the lake ({error!r}); "
                "load that day or table again (nkdash backfill)"
            ) from error
        settled = file.etag or listed_ns - file.mtime_ns > UNSETTLED_NS
        return Entry(
            layer=key.layer.value,
            dataset=datasets.get(key.table),
            table_name=key.table,
            day=key.day,
            size=file.size,
            mtime_ns=file.mtime_ns if settled else 0,
            etag=file.etag,
            rows_sha256=footer.rows_sha256,
            rows=footer.rows,
            as_of=footer.as_of,
        )

    with ThreadPoolExecutor(_READERS) as pool:
        anew = {e.key: e for e in pool.map(entry, files.keys() - same.keys()) if e}
    return same | anew


def same_rows(entry: Entry, known: Entry | None) -> bool:
    """Whether the snapshot, whose manifest has ``known``, holds the rows of ``entry``."""
    if known is None or entry.rows_sha256 != known.rows_sha256:
        return False
    # The hash of verdicts leaves out when they were made.
    return entry.layer != Layer.QUALITY or entry.as_of == known.as_of


def hold_back(
    entries: Mapping[Key, Entry], known: Mapping[Key, Entry], held: Collection[tuple[str, date]]
) -> dict[Key, Entry]:
    """``entries``, but of the ``held`` (dataset, day) what is ``known``, be that nothing."""

    def is_held(entry: Entry) -> bool:
        return entry.layer != Layer.QUALITY and (entry.dataset, entry.day) in held

    new = {key: entry for key, entry in entries.items() if not is_held(entry)}
    return new | {key: entry for key, entry in known.items() if is_held(entry)}


def read(connection: duckdb.DuckDBPyConnection) -> dict[Key, Entry]:
    """The manifest of an open snapshot. Raises duckdb.Error."""
    columns = ", ".join(f.name for f in fields(Entry))
    rows = connection.execute(f"SELECT {columns} FROM {TABLE}").fetchall()
    return {entry.key: entry for entry in (Entry(*row) for row in rows)}


def write(connection: duckdb.DuckDBPyConnection, entries: Iterable[Entry]) -> None:
    """Replace the manifest of an open candidate."""
    names = [f.name for f in fields(Entry)]
    rows = list(entries)
    connection.execute(f"DELETE FROM {TABLE}")
    if rows:
        connection.execute(
            f"INSERT INTO {TABLE} ({', '.join(names)}) "
            f"SELECT {', '.join('unnest(?)' for _ in names)}",
            [[getattr(row, name) for row in rows] for name in names],
        )
