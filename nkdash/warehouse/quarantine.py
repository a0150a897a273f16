"""Days that differ from Odoo: what the reconciliation found, and the rows that stay meanwhile.

The verdicts of ``nkdash.quality`` lie in the lake; publish copies them into the table
``reconciliation``. As long as the last one of a dataset's day differs, the snapshot keeps the rows
that it had of that day (none, if it had none), and ``data_coverage`` says so.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from nkdash.contracts import Table
from nkdash.lake import Layer, PartitionFile
from nkdash.quality.verdicts import TABLE
from nkdash.warehouse import manifest, parquet
from nkdash.warehouse.ddl import duckdb_type, quoted
from nkdash.warehouse.manifest import Entry, Key
from nkdash.warehouse.snapshot import open_snapshot

Day = tuple[str, date]
"""A dataset and a business day."""

_CARRIED = "carried_rows"


def load_verdicts(
    connection: duckdb.DuckDBPyConnection,
    files: Mapping[Key, PartitionFile],
    stale: Collection[Key],
    gone: Collection[Key],
) -> None:
    """Bring the table ``reconciliation`` up to the lake's files of verdicts."""
    new = [key for key in stale if key.layer is Layer.QUALITY]
    if leave := [*new, *(key for key in gone if key.layer is Layer.QUALITY)]:
        connection.execute(
            f"DELETE FROM {TABLE.name} WHERE (dataset, date) IN (SELECT unnest(?), unnest(?))",
            [[key.table for key in leave], [key.day for key in leave]],
        )
    for batch in parquet.opened(sorted(files[key].path for key in new)):
        parquet.insert(connection, TABLE.name, list(batch.values()))


def held_days(connection: duckdb.DuckDBPyConnection) -> frozenset[Day]:
    """The days whose last reconciliation differs. Raises duckdb.Error."""
    rows = connection.execute(f"SELECT DISTINCT dataset, date FROM {TABLE.name} WHERE NOT agrees")
    return frozenset((dataset, day) for dataset, day in rows.fetchall())


def carry_over(
    connection: duckdb.DuckDBPyConnection,
    earlier: Path | None,
    facts: Mapping[str, Table],
    held: Collection[Day],
) -> dict[Key, Entry]:
    """Copy the ``held`` days of ``facts`` (by the name of the table that takes them) from the
    version ``earlier`` into a candidate that is built anew; returns their manifest.

    Days of a table whose contract changed too much, and all where ``earlier`` cannot be read, are
    left out: there are no rows to keep.
    """
    if earlier is None or not held:
        return {}
    try:
        known, kept = _published(earlier, facts.values(), held)
    except duckdb.Error:
        return {}
    for into, table in facts.items():
        if (rows := kept.get(table.name)) is not None:
            connection.register(_CARRIED, rows)
            connection.execute(f"INSERT INTO {into} BY NAME FROM {_CARRIED}")
            connection.unregister(_CARRIED)
    return {k: e for k, e in known.items() if k.layer is Layer.RAW or k.table in kept}


def _published(
    version: Path, tables: Iterable[Table], held: Collection[Day]
) -> tuple[dict[Key, Entry], dict[str, pl.DataFrame]]:
    """The manifest of the ``held`` days in a version, and their rows by table."""
    connection = open_snapshot(version)
    try:
        entries = {
            key: entry
            for key, entry in manifest.read(connection).items()
            if (entry.dataset, entry.day) in held and key.layer in (Layer.RAW, Layer.STAR)
        }
        kept = {}
        for table in tables:
            days = [key.day for key in entries if key.table == table.name and key.day]
            if days and (columns := _common_columns(connection, table)):
                literals = ", ".join(f"DATE '{day}'" for day in days)
                kept[table.name] = connection.sql(
                    f"SELECT {', '.join(map(quoted, columns))} FROM main.{quoted(table.name)} "
                    f"WHERE date IN ({literals})"
                ).pl()
        return entries, kept
    finally:
        connection.close()


def _common_columns(connection: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    """The contract's columns that a version holds; none where a needed one is missing."""
    rows = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND table_name = ?",
        [table.name],
    ).fetchall()
    there = {name: kind.replace(" ", "") for name, kind in rows}
    fits = {
        c.name: there.get(c.name) == duckdb_type(c.dtype).replace(" ", "") for c in table.columns
    }
    lacking = [c for c in table.columns if not fits[c.name] and (c.name in there or not c.nullable)]
    return [] if lacking else [name for name, fit in fits.items() if fit]
