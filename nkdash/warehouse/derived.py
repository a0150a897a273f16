"""Tables made in the warehouse from its facts and dimensions: one .sql file each.

A file in ``sql/tables`` is one SELECT; its name is the table's. Its head says in words what a row
is, and, in lines of their own, when the table is stale:

    -- days: <tables>    their changed days are made anew here, and only those
    -- since: <tables>   every day from their first changed one on is made anew
    -- whole: <tables>   a change of one makes the table anew, whole
    -- after: <tables>   it is made from them too, but their changes alone do not make it stale

    -- kind: view        it holds no rows of its own; its changed days are those it is made from

and what its columns hold, with the unit where there is one:

    --   items [product unit]: units of kinds sale, free and service
    --       on a longer line

A column that is not told of means what the column of that name means in the first table that this
one is made from and that has it.
Of a table that is always made whole and that others are made from, only what then differs counts
as changed: the days, or all where it has none.
A file named as a table of the catalog takes its place; the lake's table is ``base.<name>`` there.

A file in ``sql/macros`` is one CREATE OR REPLACE MACRO over those tables, with such a head.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files

import duckdb

from nkdash.contracts import MONEY_DECIMALS, Table
from nkdash.settings import Settings
from nkdash.warehouse.ddl import literal, quoted

Changed = Mapping[str, frozenset[date] | None]
"""Tables that changed: the days that did, or None for all of the table."""

_HEAD = re.compile(r"^-- (days|since|whole|after|kind): (.+)$", re.MULTILINE)
_COLUMN = re.compile(r"^--   (\w+)(?: \[(.+)\])?: (.+(?:\n--    +.+)*)$", re.MULTILINE)
_BEFORE = "made_before"


@dataclass(frozen=True)
class Note:
    """What a column holds, and its unit."""

    description: str
    unit: str | None = None

    def __str__(self) -> str:
        return f"{self.description} ({self.unit})" if self.unit else self.description


Notes = Mapping[str, Mapping[str, Note]]
"""Notes by table and column."""


@dataclass(frozen=True)
class Derived:
    """A derived table; its lists of tables and ``columns`` as in its file's head."""

    name: str
    description: str
    select: str
    days: tuple[str, ...]
    since: tuple[str, ...]
    whole: tuple[str, ...]
    after: tuple[str, ...]
    is_view: bool = False
    columns: Mapping[str, Note] = field(default_factory=dict, hash=False)

    @property
    def needs(self) -> tuple[str, ...]:
        """Every table that it is made from."""
        return (*self.days, *self.since, *self.whole, *self.after)


@cache
def sql_files(folder: str) -> Mapping[str, str]:
    """The SQL files of a folder of ``sql/``, text by name without suffix, in order of names."""
    found = (files(__package__) / "sql" / folder).iterdir()
    return {
        file.name.removesuffix(".sql"): _in_money(file.read_text(encoding="utf-8"))
        for file in sorted(found, key=lambda file: file.name)
        if file.name.endswith(".sql")
    }


def _in_money(sql: str) -> str:
    """The SQL with amounts in as many decimals as the contracts give them."""
    return sql.replace("DECIMAL(18, 2)", f"DECIMAL(18, {MONEY_DECIMALS})")


@cache
def derived_tables() -> tuple[Derived, ...]:
    """Every derived table, each after those it is made from. Raises CycleError."""
    found = {name: _parse(name, text) for name, text in sql_files("tables").items()}
    needs = {
        name: [t for t in table.needs if t in found and t != name] for name, table in found.items()
    }
    return tuple(found[name] for name in TopologicalSorter(needs).static_order())


@cache
def macros() -> tuple[Derived, ...]:
    """Every macro, by name."""
    return tuple(_parse(name, text) for name, text in sql_files("macros").items())


def _parse(name: str, text: str) -> Derived:
    head = {key: tuple(names.replace(",", " ").split()) for key, names in _HEAD.findall(text)}
    words = [
        line.removeprefix("--").strip()
        for line in text.splitlines()
        if line.startswith("-- ") and not line.startswith("--   ") and not _HEAD.match(line)
    ]
    columns = {
        column: Note(re.sub(r"\n--\s+", " ", description), unit or None)
        for column, unit, description in _COLUMN.findall(text)
    }
    return Derived(
        name=name,
        description=" ".join(words),
        select=text.strip().removesuffix(";"),
        days=head.get("days", ()),
        since=head.get("since", ()),
        whole=head.get("whole", ()),
        after=head.get("after", ()),
        is_view=head.get("kind") == ("view",),
        columns=columns,
    )


def column_notes(lake_tables: Iterable[Table]) -> Notes:
    """What the columns of every table of a snapshot hold; of some that a table lacks, too."""
    found: dict[str, dict[str, Note]] = {
        table.name: {c.name: Note(c.description, c.unit) for c in table.columns}
        for table in lake_tables
    }
    for table in (*derived_tables(), *macros()):
        notes: dict[str, Note] = {}
        for name in reversed(table.needs):
            notes |= found.get(name, {})
        found[table.name] = {**notes, **table.columns}
    return found


def comment_columns(connection: duckdb.DuckDBPyConnection, notes: Notes) -> None:
    """Say of every column that has no comment yet what it holds."""
    silent = connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND NOT internal AND comment IS NULL"
    ).fetchall()
    statements = [
        f"COMMENT ON COLUMN main.{table}.{quoted(column)} IS {literal(str(note))}"
        for table, column in silent
        if (note := notes.get(table, {}).get(column))
    ]
    connection.execute(";".join(["BEGIN", *statements, "COMMIT"]))


def set_variables(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Give the connection the settings that the SQL of tables asks for with ``getvariable``."""
    connection.execute("SET VARIABLE cost_fallback = ?", [settings.nkdash_cost_fallback])
    connection.execute("SET VARIABLE business_zone = ?", [settings.nkdash_timezone])


def refresh(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[Derived], changed: Changed
) -> dict[str, frozenset[date] | None]:
    """Bring ``tables`` (in order) up to date; returns ``changed`` with what was made anew."""
    done = dict(changed)
    existing = {
        name
        for (name,) in connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'"
        ).fetchall()
    }
    followed = {name for table in tables for name in table.needs if name != table.name}
    for table in tables:
        days = [done[name] for name in table.days if name in done]
        since = [done[name] for name in table.since if name in done]
        whole = None in days + since or any(t in done for t in table.whole)
        stale = frozenset[date]().union(*(d for d in days if d is not None))
        # A table named as the lake's own depends on that one, under another schema.
        if table.is_view:
            _make(connection, table)
            if whole or stale:
                done[table.name] = None if whole else stale
        elif table.name not in existing:
            _make(connection, table)
            done[table.name] = None
        elif whole and table.name in followed and not (table.days or table.since):
            differing = _make_compared(connection, table)
            if differing is None or differing:
                done[table.name] = differing
        elif whole:
            _make(connection, table)
            done[table.name] = None
        else:
            later = frozenset[date]().union(*(d for d in since if d is not None))
            if later:
                stale |= _days_from(connection, table, min(later))
            if stale:
                _remake_days(connection, table, stale)
                done[table.name] = stale
    return done


def create_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the macros, once the tables they name are there."""
    for statement in sql_files("macros").values():
        connection.execute(statement)


def _days_from(
    connection: duckdb.DuckDBPyConnection, table: Derived, first: date
) -> frozenset[date]:
    """The days of a table from ``first`` on."""
    rows = connection.execute(
        f"SELECT DISTINCT date FROM main.{table.name} WHERE date >= DATE '{first}'"
    ).fetchall()
    return frozenset(day for (day,) in rows)


def _make_compared(connection: duckdb.DuckDBPyConnection, table: Derived) -> frozenset[date] | None:
    """Make a table anew; the days that then differ, None where it has no days but does differ."""
    made = f"main.{table.name}"
    connection.execute(f"CREATE TEMP TABLE {_BEFORE} AS FROM {made}")
    _make(connection, table)
    differing = connection.sql(
        f"(FROM {_BEFORE} EXCEPT ALL FROM {made}) UNION ALL (FROM {made} EXCEPT ALL FROM {_BEFORE})"
    )
    if "date" in differing.columns:
        rows = differing.select("date").distinct().fetchall()
        days: frozenset[date] | None = frozenset(day for (day,) in rows)
    else:
        days = None if differing.limit(1).fetchall() else frozenset()
    connection.execute(f"DROP TABLE temp.{_BEFORE}")
    return days


def _make(connection: duckdb.DuckDBPyConnection, table: Derived) -> None:
    kind = "VIEW" if table.is_view else "TABLE"
    connection.execute(f"CREATE OR REPLACE {kind} main.{table.name} AS\n{table.select}")
    connection.execute(f"COMMENT ON {kind} main.{table.name} IS {literal(table.description)}")


def _remake_days(
    connection: duckdb.DuckDBPyConnection, table: Derived, days: frozenset[date]
) -> None:
    # Literals, unlike a joined list, are pushed through GROUP BY down to the scan's zone maps.
    literals = ", ".join(f"DATE '{day}'" for day in sorted(days))
    within = f"date IN ({literals})"
    connection.execute(f"DELETE FROM main.{table.name} WHERE {within}")
    connection.execute(
        f"INSERT INTO main.{table.name} BY NAME SELECT * FROM (\n{table.select}\n) WHERE {within}"
    )
