"""Rows of the lake's Parquet files into an open candidate.

DuckDB reads local files itself. What lies on S3 goes through polars and Arrow, in batches: DuckDB
never reaches out.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import duckdb
import polars as pl

from nkdash.lake import LakePath, Source, is_remote, open_files
from nkdash.warehouse.ddl import quoted

_BATCH_FILES = 64
_ROWS = "lake_rows"


def opened(paths: Sequence[LakePath]) -> Iterator[dict[LakePath, Source]]:
    """The files that are there, opened; those on S3 in batches that fit into memory."""
    size = _BATCH_FILES if paths and is_remote(paths[0]) else max(len(paths), 1)
    for start in range(0, len(paths), size):
        batch = paths[start : start + size]
        found = zip(batch, open_files(batch), strict=True)
        yield {path: source for path, source in found if source is not None}


def insert(
    connection: duckdb.DuckDBPyConnection,
    into: str,
    sources: Sequence[Source],
    columns: Sequence[str] = (),
) -> None:
    """Append the rows of files to the table ``into``, by column name; ``columns`` or all of them.

    Raises duckdb.Error.
    """
    if not sources:
        return
    chosen = ", ".join(map(quoted, columns)) or "*"
    local = [str(source) for source in sources if isinstance(source, Path)]
    if local:
        connection.execute(
            # A path part like date=… must never stand in for the column.
            f"INSERT INTO {into} BY NAME SELECT {chosen} "
            "FROM read_parquet(?, hive_partitioning = false)",
            [local],
        )
        return
    contents: list[IO[bytes]] = [s for s in sources if not isinstance(s, Path)]
    connection.register(_ROWS, pl.read_parquet(contents, hive_partitioning=False))
    connection.execute(f"INSERT INTO {into} BY NAME SELECT {chosen} FROM {_ROWS}")
    connection.unregister(_ROWS)
