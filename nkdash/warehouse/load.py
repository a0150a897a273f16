"""Bringing an open candidate up to the lake: partitions whose rows changed, days that vanished.

A day that differs from Odoo stays as it was published before, or is left out.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from nkdash.catalog import Catalog
from nkdash.contracts import Table
from nkdash.lake import LakePath, Layer, PartitionFile, Source
from nkdash.quality import verdicts
from nkdash.warehouse import manifest, parquet, quarantine, restatements
from nkdash.warehouse.ddl import create_table, quoted
from nkdash.warehouse.derived import derived_tables
from nkdash.warehouse.errors import PublishError
from nkdash.warehouse.manifest import Key

BASE = "base"
# Landings go on while we load: after this many rounds what is consistent is good enough, since
# whoever landed a later partition publishes after us.
_ROUNDS_FOR_NEWEST = 3
_ROUNDS_FOR_CONSISTENT = 30

Touched = dict[str, frozenset[date] | None]


def star_tables(catalog: Catalog) -> tuple[Table, ...]:
    """Contracts of all tables that come from the lake."""
    return (*catalog.facts, *catalog.dimension_tables)


def qualified(table: Table) -> str:
    """Where the rows of a lake table go: schema ``base`` where a derived table takes its name."""
    replaced = {derived.name for derived in derived_tables()}
    return f"{BASE if table.name in replaced else 'main'}.{quoted(table.name)}"


def create_statements(catalog: Catalog) -> list[str]:
    """The statements that make an empty snapshot for ``catalog``."""
    return [
        f"CREATE SCHEMA {BASE}",
        manifest.CREATE,
        *create_table(verdicts.TABLE, verdicts.TABLE.name),
        *create_table(restatements.TABLE, restatements.TABLE.name),
        *(s for table in star_tables(catalog) for s in create_table(table, qualified(table))),
    ]


def bring_up_to_date(
    connection: duckdb.DuckDBPyConnection,
    root: LakePath,
    catalog: Catalog,
    files: Mapping[Key, PartitionFile],
    earlier: Path | None = None,
) -> tuple[Touched, dict[str, int]]:
    """Make the candidate's lake tables and manifest equal the lake, which was listed as ``files``.

    ``earlier`` is the version that a candidate built anew takes the days from that are held back.
    Returns the tables that changed (with their days, or None for a table without days), and the
    partitions replaced or removed by table. Raises PublishError, duckdb.Error.
    """
    known = manifest.read(connection)
    facts = {qualified(table): table for table in catalog.facts}
    replaced: set[Key] = set()
    again: set[Key] = set()
    for round_ in range(1, _ROUNDS_FOR_CONSISTENT + 1):
        described = manifest.describe(files, known, catalog)
        # A partition that moved while it was loaded is loaded again, whatever its hash says.
        stale = {
            key
            for key, entry in described.items()
            if key in again or not manifest.same_rows(entry, known.get(key))
        }
        gone = known.keys() - described.keys()
        failure: duckdb.Error | None = None
        try:
            with _transaction(connection):
                quarantine.load_verdicts(connection, files, stale, gone)
                held = quarantine.held_days(connection)
                carried = quarantine.carry_over(connection, earlier, facts, held)
                entries = manifest.hold_back(described, known | carried, held)
                stale &= {key for key, entry in entries.items() if entry is described.get(key)}
                gone = known.keys() - entries.keys()
                _replace(connection, catalog, files, stale, gone)
                manifest.write(connection, entries.values())
        except duckdb.Error as error:
            failure = error
        else:
            known, earlier = entries, None
            replaced |= stale | gone
        listed = manifest.list_lake(root, catalog)
        moved = {key for key in files.keys() | listed.keys() if files.get(key) != listed.get(key)}
        if failure and not moved:
            raise failure
        if not failure and (
            not moved or (round_ >= _ROUNDS_FOR_NEWEST and not moved & (stale | gone))
        ):
            return _touched(replaced), _counts(replaced)
        files, again = listed, (moved & stale) | (again if failure else set())
    raise PublishError(
        f"the lake under {root} changed faster than it could be read, "
        f"{_ROUNDS_FOR_CONSISTENT} times in a row; publish again when the load has ended"
    )


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _replace(
    connection: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    files: Mapping[Key, PartitionFile],
    stale: set[Key],
    gone: set[Key],
) -> None:
    for table in star_tables(catalog):
        into = qualified(table)
        mine = sorted(
            (k for k in stale if k.layer is Layer.STAR and k.table == table.name),
            key=lambda key: key.day or date.min,
        )
        leave = [k for k in (*mine, *gone) if k.layer is Layer.STAR and k.table == table.name]
        if not leave:
            continue
        if not table.partitioned:
            connection.execute(f"DELETE FROM {into}")
        elif days := sorted({key.day for key in leave if key.day}):
            literals = ", ".join(f"DATE '{day}'" for day in days)
            connection.execute(f"DELETE FROM {into} WHERE date IN ({literals})")
        for batch in parquet.opened([files[key].path for key in mine]):
            for columns, sources in _by_columns(table, batch).items():
                parquet.insert(connection, into, sources, columns)


def _by_columns(
    table: Table, files: Mapping[LakePath, Source]
) -> dict[tuple[str, ...], list[Source]]:
    """``files`` by the contract's columns they hold: a nullable one may be younger than a file.

    Raises PublishError for a file that was written under another contract.
    """
    groups: dict[tuple[str, ...], list[Source]] = defaultdict(list)
    for path, source in files.items():
        try:
            schema = pl.scan_parquet(source, glob=False, hive_partitioning=False).collect_schema()
        except FileNotFoundError:
            continue  # vanished since it was listed: the next round sees it
        wrong = [
            f"{c.name} is {schema.get(c.name, 'missing')}, not {c.dtype}"
            for c in table.columns
            if (c.name in schema or not c.nullable) and schema.get(c.name) != c.dtype
        ]
        if wrong:
            raise PublishError(
                f"{path} was written under another contract of {table.name}: {'; '.join(wrong)}. "
                "Make that day or table again (nkdash backfill)"
            )
        groups[tuple(c.name for c in table.columns if c.name in schema)].append(source)
    return groups


def _touched(keys: Iterable[Key]) -> Touched:
    days: dict[str, set[date] | None] = {}
    for key in keys:
        if key.layer is not Layer.STAR:
            continue
        if key.day is None:
            days[key.table] = None
        else:
            of_table = days.setdefault(key.table, set())
            if of_table is not None:
                of_table.add(key.day)
    return {name: None if found is None else frozenset(found) for name, found in days.items()}


def _counts(keys: Iterable[Key]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for key in keys:
        if key.layer is Layer.STAR:
            counts[key.table] += 1
    return dict(sorted(counts.items()))
