"""Tables made in the warehouse from its facts and dimensions: one .sql file each.

A file in ``sql/tables`` is one SELECT; its name is the table's. Its head says in words what a row
is, and, in lines of their own, when the table is stale:

    -- days: <tables>    their changed days are made anew here, and only those
    -- whole: <tables>   a change of one makes the table anew, whole

A file named as a table of the catalog takes its place; the lake's table is ``base.<name>`` there.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files

import duckdb

from nkdash.warehouse.ddl import literal

Changed = Mapping[str, frozenset[date] | None]
"""Tables that changed: the days that did, or None for all of the table."""

_HEAD = re.compile(r"^-- (days|whole): (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Derived:
    """A derived table; ``days`` and ``whole`` as in its file's head."""

    name: str
    description: str
    select: str
    days: tuple[str, ...]
    whole: tuple[str, ...]


@cache
def sql_files(folder: str) -> Mapping[str, str]:
    """The SQL files of a folder of ``sql/``, text by name without suffix, in order of names."""
    found = (files(__package__) / "sql" / folder).iterdir()
    return {
        file.name.removesuffix(".sql"): file.read_text(encoding="utf-8")
        for file in sorted(found, key=lambda file: file.name)
        if file.name.endswith(".sql")
    }


@cache
def derived_tables() -> tuple[Derived, ...]:
    """Every derived table, each after those it is made from. Raises CycleError."""
    found = {name: _parse(name, text) for name, text in sql_files("tables").items()}
    needs = {
        name: [t for t in (*table.days, *table.whole) if t in found and t != name]
        for name, table in found.items()
    }
    return tuple(found[name] for name in TopologicalSorter(needs).static_order())


def _parse(name: str, text: str) -> Derived:
    head = {key: tuple(names.replace(",", " ").split()) for key, names in _HEAD.findall(text)}
    words = [
        line.removeprefix("--").strip()
        for line in text.splitlines()
        if line.startswith("--") and not _HEAD.match(line)
    ]
    return Derived(
        name=name,
        description=" ".join(words),
        select=text.strip().removesuffix(";"),
        days=head.get("days", ()),
        whole=head.get("whole", ()),
    )


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
    for table in tables:
        days = [done[name] for name in table.days if name in done]
        # A table named as the lake's own depends on that one, under another schema.
        if table.name not in existing or None in days or any(t in done for t in table.whole):
            _make(connection, table)
            done[table.name] = None
        elif stale := frozenset[date]().union(*(d for d in days if d is not None)):
            _remake_days(connection, table, stale)
            done[table.name] = stale
    return done


def _make(connection: duckdb.DuckDBPyConnection, table: Derived) -> None:
    connection.execute(f"CREATE OR REPLACE TABLE main.{table.name} AS\n{table.select}")
    connection.execute(f"COMMENT ON TABLE main.{table.name} IS {literal(table.description)}")


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
