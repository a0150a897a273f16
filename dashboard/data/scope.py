"""What of the warehouse a reader may see: views that stand before its tables on his own cursor.

A temporary view with a table's name takes its place for that cursor alone, in the bodies of views
and macros too. Every table falls under one rule; one that no rule knows is withheld.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import duckdb

from nkdash.warehouse.ddl import quoted
from nkdash.warehouse.derived import derived_tables

STORE = "pos_config_id"
# Names of things and of staff, and what says how the warehouse was made: no figures of any store.
OPEN = frozenset(
    {
        "dim_brands",
        "dim_categories",
        "dim_companies",
        "dim_date",
        "dim_employees",
        "dim_locations",
        "dim_lots",
        "dim_payment_methods",
        "dim_products",
        "dim_taxes",
        "dim_uoms",
        "mart_basket_extras",
        "mart_days",
        "pos_invoices",
        "product_vendors",
        "warehouse_state",
    }
)
# Rows that belong to no store: nobody who may see some stores alone has any of them.
STORELESS = frozenset({"fact_invoice_sales"})
# Without a store, but made of a table that has one: made again, of his stores.
REMADE = frozenset({"agg_customers_daily", "agg_sales_product_daily"})
COVERAGE = "data_coverage"
PARTNERS = "dim_partners"
# Odoo's users are staff, and customers who have a login to the shop's website.
USERS = "dim_users"
_OF_NOBODY = frozenset({"partner_id", "user_id", "is_company", "active"})
_WORD = re.compile(r"[a-z_][a-z0-9_]*")


class Rule(StrEnum):
    """What becomes of a table for somebody who may see some stores alone."""

    OPEN = "open"
    STORES = "stores"
    STORELESS = "storeless"
    REMADE = "remade"
    COVERAGE = "coverage"
    PARTNERS = "partners"
    USERS = "users"
    WITHHELD = "withheld"


@dataclass(frozen=True)
class Scope:
    """``stores`` are ids of pos_config, None is all of them; ``personal``: names of customers."""

    stores: tuple[int, ...] | None = None
    personal: bool = True

    @property
    def is_whole(self) -> bool:
        """Nothing is kept from this reader."""
        return self.stores is None and self.personal


WHOLE = Scope()


class WithheldError(Exception):
    """The question is about tables that only those may see who may see all stores."""

    def __init__(self, tables: Iterable[str]) -> None:
        self.tables = tuple(sorted(tables))
        super().__init__(
            f"{', '.join(self.tables)}: only for people who may see all stores; "
            "an admin can give that (nkdash user stores NAME --all)"
        )


@dataclass(frozen=True)
class Schema:
    """The tables and views of one version with their columns, and bodies of views and macros."""

    database: str
    columns: Mapping[str, frozenset[str]]
    bodies: Mapping[str, str]

    def named(self, sql: str) -> frozenset[str]:
        """The tables that ``sql`` can read: every one it names, and those of the views and macros
        it names. What is not named cannot be read; a name in a comment counts too.
        """
        found: set[str] = set()
        texts = [sql]
        while texts:
            words = set(_WORD.findall(texts.pop().lower())) - found
            found |= words & (self.columns.keys() | self.bodies.keys())
            texts += [self.bodies[word] for word in words if word in self.bodies]
        return frozenset(found & self.columns.keys())


def read_schema(cursor: duckdb.DuckDBPyConnection) -> Schema:
    """The schema of the version that a cursor without views of ours is on."""
    [(database,)] = cursor.execute("SELECT current_database()").fetchall()
    columns = cursor.execute(
        "SELECT table_name, list(column_name) FROM duckdb_columns() "
        "WHERE database_name = current_database() AND schema_name = 'main' GROUP BY table_name"
    ).fetchall()
    bodies = cursor.execute(
        "SELECT view_name, sql FROM duckdb_views() "
        "WHERE database_name = current_database() AND NOT internal UNION ALL "
        "SELECT function_name, macro_definition FROM duckdb_functions() "
        "WHERE database_name = current_database() AND NOT internal"
    ).fetchall()
    remade = {table.name: table.select for table in derived_tables() if table.name in REMADE}
    return Schema(
        database,
        {table.lower(): frozenset(names) for table, names in columns},
        {name.lower(): body for name, body in bodies} | remade,
    )


def rule(table: str, columns: Iterable[str]) -> Rule:
    """The one rule for a table."""
    if table in OPEN:
        return Rule.OPEN
    if table in STORELESS:
        return Rule.STORELESS
    if table in REMADE:
        return Rule.REMADE
    if table == COVERAGE:
        return Rule.COVERAGE
    if table == PARTNERS:
        return Rule.PARTNERS
    if table == USERS:
        return Rule.USERS
    return Rule.STORES if STORE in columns else Rule.WITHHELD


def views(scope: Scope, schema: Schema, tables: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each of ``tables`` that the scope changes, and the CREATE TEMP VIEW that takes its place.

    Raises WithheldError where one of them may not be read at all.
    """
    rules = {table: rule(table, schema.columns[table]) for table in sorted(tables)}
    if scope.stores is not None and Rule.WITHHELD in rules.values():
        raise WithheldError(t for t, found in rules.items() if found is Rule.WITHHELD)
    for table, found in rules.items():
        if select := _select(scope, schema, table, found):
            yield table, f"CREATE TEMP VIEW {quoted(table)} AS {select}"


def _select(scope: Scope, schema: Schema, table: str, found: Rule) -> str | None:
    there = f"{quoted(schema.database)}.main"
    whole = f"SELECT * FROM {there}.{quoted(table)}"
    if found in (Rule.PARTNERS, Rule.USERS):
        return _named(scope, schema, table, there)
    if scope.stores is None:
        return None
    match found:
        case Rule.STORES:
            return f"{whole} WHERE {_of_stores(scope.stores)}"
        case Rule.STORELESS:
            return f"{whole} WHERE false"
        case Rule.REMADE:
            return schema.bodies[table]
        case Rule.COVERAGE:
            # Whether a day has rows is told, how many all stores together have is not.
            rows = "least(rows, 1) AS rows, least(fact_rows, 1) AS fact_rows"
            return f"SELECT * REPLACE ({rows}) FROM {there}.{table}"
        case _:
            return None


def _of_stores(stores: Iterable[int]) -> str:
    ids = ", ".join(str(int(store)) for store in stores)
    return f"{STORE} IN ({ids})" if ids else "false"


def _named(scope: Scope, schema: Schema, table: str, there: str) -> str | None:
    """Names of companies, vendors, principals and staff stay; of customers those who may be known.

    A user is staff who is an employee, or whom a customer document names as its salesperson.
    """
    if scope.is_whole:
        return None
    key = "partner_id" if table == PARTNERS else "user_id"
    known = (
        [
            "is_company",
            f"partner_id IN (SELECT principal_id FROM {there}.dim_brands)",
            f"partner_id IN (SELECT vendor_id FROM {there}.fact_purchases)",
        ]
        if table == PARTNERS
        else [
            f"user_id IN (SELECT user_id FROM {there}.dim_employees)",
            f"user_id IN (SELECT user_id FROM {there}.agg_sales_people_daily)",
        ]
    )
    if table == PARTNERS and scope.personal and scope.stores is not None:
        known.append(
            f"partner_id IN (SELECT customer_id FROM {there}.fact_transactions "
            f"WHERE {_of_stores(scope.stores)})"
        )
    hidden = [
        f"CASE WHEN known THEN {name} ELSE {_instead(name, key)} END AS {name}"
        for name in sorted(schema.columns[table] - _OF_NOBODY)
    ]
    return (
        f"SELECT * EXCLUDE (known) REPLACE ({', '.join(hidden)}) "
        f"FROM (SELECT *, coalesce({' OR '.join(known)}, false) AS known FROM {there}.{table})"
    )


def _instead(column: str, key: str) -> str:
    return f"'#' || {key}" if column == "name" else "NULL"
