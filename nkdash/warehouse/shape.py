"""What the tables look like that are made in the warehouse: told by DuckDB, without any data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from nkdash.catalog import Catalog
from nkdash.settings import Settings
from nkdash.warehouse.ddl import quoted
from nkdash.warehouse.derived import (
    Derived,
    Note,
    column_notes,
    create_macros,
    derived_tables,
    macros,
    refresh,
    set_variables,
)
from nkdash.warehouse.load import create_statements, star_tables


@dataclass(frozen=True)
class MadeColumn:
    """A column of a derived table; ``type`` is DuckDB's, ``note`` None if nothing tells of it."""

    name: str
    type: str
    note: Note | None


@dataclass(frozen=True)
class MadeTable:
    """A derived table or, with ``arguments``, a table macro, as its SQL makes it."""

    derived: Derived
    columns: tuple[MadeColumn, ...]
    arguments: tuple[str, ...] = ()


def made_tables(catalog: Catalog, settings: Settings) -> list[MadeTable]:
    """Every derived table and table macro of a snapshot, by name. Raises duckdb.Error."""
    notes = column_notes(star_tables(catalog))
    with duckdb.connect() as connection:
        for statement in create_statements(catalog):
            connection.execute(statement)
        set_variables(connection, settings)
        refresh(connection, derived_tables(), {})
        create_macros(connection)
        tables = [
            MadeTable(t, _columns(connection, f"main.{quoted(t.name)}", notes.get(t.name, {})))
            for t in derived_tables()
        ]
        tables += [_macro(connection, macro, notes.get(macro.name, {})) for macro in macros()]
    return sorted(tables, key=lambda table: table.derived.name)


def _macro(
    connection: duckdb.DuckDBPyConnection, macro: Derived, notes: Mapping[str, Note]
) -> MadeTable:
    [(arguments,)] = connection.execute(
        "SELECT parameters FROM duckdb_functions() WHERE function_name = ?", [macro.name]
    ).fetchall()
    call = f"{macro.name}({', '.join('NULL' for _ in arguments)})"
    return MadeTable(macro, _columns(connection, call, notes), tuple(arguments))


def _columns(
    connection: duckdb.DuckDBPyConnection, source: str, notes: Mapping[str, Note]
) -> tuple[MadeColumn, ...]:
    found: Sequence[tuple[str, str]] = connection.execute(
        f"SELECT column_name, column_type FROM (DESCRIBE FROM {source})"
    ).fetchall()
    return tuple(MadeColumn(name, type_, notes.get(name)) for name, type_ in found)
