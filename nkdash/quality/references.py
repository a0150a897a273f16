"""Referential check: does every id in a fact have its row in the dimension?

Which column leads where is told by its name: ``product_id`` and ``from_location_id`` lead to the
dimensions whose keys they end in, ``vendor_id`` to that of what a vendor is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from nkdash.contracts import Table

ROLES = {
    "cashier": "employee",
    "customer": "partner",
    "owner": "partner",
    "salesperson": "user",
    "vendor": "partner",
}
"""What a record is called in facts, to what it is."""

EXAMPLES = 5


@dataclass(frozen=True)
class Orphans:
    """Ids in a column of a fact that its dimension lacks: how many, in how many rows, and some."""

    column: str
    dimension: str
    ids: int
    rows: int
    examples: tuple[int, ...]

    def __str__(self) -> str:
        return (
            f"{self.column}: {self.ids} not in {self.dimension}, in {self.rows} rows, "
            f"e.g. {', '.join(map(str, self.examples))}"
        )


def references(fact: Table, dimensions: Sequence[Table]) -> dict[str, Table]:
    """Each column of ``fact`` that leads to a dimension, with that dimension."""
    keys = {table.key[0]: table for table in dimensions if len(table.key) == 1}
    found = {column.name: _dimension(column.name, keys) for column in fact.columns}
    return {name: table for name, table in found.items() if table is not None}


def _dimension(column: str, keys: Mapping[str, Table]) -> Table | None:
    if not column.endswith("_id"):
        return None
    role = column.removesuffix("_id")
    name = f"{ROLES.get(role, role)}_id"
    fitting = [key for key in keys if name == key or name.endswith(f"_{key}")]
    return keys[max(fitting, key=len)] if fitting else None


def orphans(
    fact: pl.LazyFrame, referenced: Mapping[str, Table], dimensions: Mapping[str, pl.LazyFrame]
) -> list[Orphans]:
    """The orphans in each column of ``referenced`` (as ``references`` tells them).

    ``dimensions`` by table name; columns of one that is not there are not looked at.
    """
    found = []
    for column, table in referenced.items():
        if table.name not in dimensions:
            continue
        known = dimensions[table.name].select(pl.col(table.key[0]).alias(column))
        counts = (
            fact.select(column)
            .drop_nulls()
            .group_by(column)
            .len()
            .join(known, on=column, how="anti")
            .sort(column)
            .collect()
        )
        if counts.height:
            examples = tuple(counts.get_column(column).head(EXAMPLES))
            rows = int(counts.get_column("len").sum())
            found.append(Orphans(column, table.name, counts.height, rows, examples))
    return found
