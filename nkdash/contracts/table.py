"""What a table promises: columns, types, units, key and ranges, and how a frame is held to it.

A frame that breaks its contract never reaches the lake: ``conform`` runs before the rename.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

MONEY = pl.Decimal(18, 2)
PRICE = pl.Decimal(18, 6)
QUANTITY = pl.Decimal(18, 4)
TIMESTAMP = pl.Datetime("us")


class ContractViolationError(Exception):
    """A frame does not keep its contract; the message names table, column and an example."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    ``unit`` says currency and tax, UTC or local; ``source`` names the Odoo field or the formula.
    """

    name: str
    dtype: pl.DataType | type[pl.DataType]
    description: str
    unit: str | None = None
    source: str | None = None
    nullable: bool = True
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table's contract. ``grain`` is what one row stands for, ``key`` the columns unique in it.

    ``partitioned`` tables hold a ``date`` column, the local business day of their partition.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partitioned: bool = True
    volatile: tuple[str, ...] = field(default=())

    @property
    def schema(self) -> pl.Schema:
        """Column names and polars types, in order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})


def empty(table: Table) -> pl.DataFrame:
    """A frame without rows and with the full schema: 'nothing happened', not 'not loaded'."""
    return pl.DataFrame(schema=table.schema)


def conform(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """``frame`` with the contract's columns in the contract's order, sorted by its key.

    Raises ContractViolationError when a column is missing, has another type, or a rule is broken.
    """
    missing = [c.name for c in table.columns if c.name not in frame.columns]
    if missing:
        raise ContractViolationError(f"{table.name}: columns {missing} are missing")
    wrong = [
        f"{c.name} is {frame.schema[c.name]}, not {c.dtype}"
        for c in table.columns
        if frame.schema[c.name] != c.dtype
    ]
    if wrong:
        raise ContractViolationError(f"{table.name}: " + "; ".join(wrong))
    frame = frame.select(table.schema.names())
    if broken := check(frame, table):
        raise ContractViolationError(f"{table.name}: " + "; ".join(broken))
    return frame.sort(sort_key(table)) if frame.height > 1 and table.key else frame


def sort_key(table: Table) -> list[str]:
    """The order of rows in a file: the day, then the key, so equal content is equal bytes."""
    return [*(["date"] if table.partitioned and "date" not in table.key else []), *table.key]


def check(frame: pl.DataFrame, table: Table) -> list[str]:
    """Every broken rule of ``table`` in ``frame`` (nulls, values, ranges, unique key), in words."""
    broken: list[str] = []
    for column in table.columns:
        series = frame.get_column(column.name)
        if not column.nullable and (nulls := series.null_count()):
            broken.append(f"{column.name} is null in {nulls} rows{_example(frame, table, column)}")
        if column.values:
            strange = series.filter(~series.is_in(list(column.values))).drop_nulls().unique().sort()
            if strange.len():
                broken.append(f"{column.name} has unknown values {strange.head(3).to_list()}")
        if column.minimum is not None or column.maximum is not None:
            broken += _out_of_range(series, column)
    if table.key and frame.height > 1:
        twice = frame.height - frame.select(pl.struct(table.key).n_unique()).item()
        if twice:
            example = frame.filter(pl.struct(table.key).is_duplicated()).select(table.key).row(0)
            broken.append(f"key {table.key} is not unique: {twice} rows too many, e.g. {example}")
    return broken


def _out_of_range(series: pl.Series, column: Column) -> list[str]:
    values = series.cast(pl.Float64)
    found = []
    if column.minimum is not None and (values < column.minimum).any():
        found.append(f"{column.name} is {values.min()!r}, below {column.minimum}")
    if column.maximum is not None and (values > column.maximum).any():
        found.append(f"{column.name} is {values.max()!r}, above {column.maximum}")
    return found


def _example(frame: pl.DataFrame, table: Table, column: Column) -> str:
    keys: Sequence[str] = [k for k in table.key if k != column.name]
    if not keys:
        return ""
    row = frame.filter(pl.col(column.name).is_null()).select(keys).row(0)
    return f", e.g. {dict(zip(keys, row, strict=True))}"


def money(expr: pl.Expr) -> pl.Expr:
    """A Float64 amount as DECIMAL(18,2), rounded once, half away from zero."""
    return expr.round(2, mode="half_away_from_zero").cast(MONEY)


def price(expr: pl.Expr) -> pl.Expr:
    """A Float64 unit price or unit cost as DECIMAL(18,6), rounded once, half away from zero."""
    return expr.round(6, mode="half_away_from_zero").cast(PRICE)


def quantity(expr: pl.Expr) -> pl.Expr:
    """A Float64 quantity as DECIMAL(18,4), rounded once, half away from zero."""
    return expr.round(4, mode="half_away_from_zero").cast(QUANTITY)
