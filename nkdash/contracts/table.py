"""What a table promises: columns, types, units, key and ranges, and how a frame is held to it.

A frame that breaks its contract never reaches the lake: ``conform`` runs before the rename.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from nkdash.contracts.decimals import MONEY_DECIMALS

MONEY = pl.Decimal(18, MONEY_DECIMALS)
PRICE = pl.Decimal(18, 6)
QUANTITY = pl.Decimal(18, 4)
TIMESTAMP = pl.Datetime("us")

Severity = Literal["error", "warn"]
"""What a broken rule does: 'error' refuses the frame, 'warn' lets it land and is told."""


class ContractViolationError(Exception):
    """A frame does not keep its contract; the message names table, column and an example."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    ``unit`` says currency and tax, UTC or local; ``source`` names the Odoo field or the formula.
    ``severity`` is that of its rules: nullable, minimum, maximum and values.
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
    severity: Severity = "error"


@dataclass(frozen=True)
class Finding:
    """A broken rule, in words, and what it does."""

    words: str
    severity: Severity


@dataclass(frozen=True)
class Table:
    """A table's contract. ``grain`` is what one row stands for, ``key`` the columns unique in it.

    ``partitioned`` tables hold a ``date`` column, the local business day of their partition.
    ``key_severity`` is that of a key that is not unique.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partitioned: bool = True
    volatile: tuple[str, ...] = field(default=())
    key_severity: Severity = "error"

    @property
    def schema(self) -> pl.Schema:
        """Column names and polars types, in order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})


def empty(table: Table) -> pl.DataFrame:
    """A frame without rows and with the full schema: 'nothing happened', not 'not loaded'."""
    return pl.DataFrame(schema=table.schema)


def conform(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """``frame`` with the contract's columns in the contract's order, sorted by its key.

    Raises ContractViolationError when a column is missing, has another type, or a rule of severity
    'error' is broken.
    """
    if broken := [f.words for f in findings(frame, table) if f.severity == "error"]:
        raise ContractViolationError(f"{table.name}: " + "; ".join(broken))
    frame = frame.select(table.schema.names())
    return frame.sort(sort_key(table)) if frame.height > 1 and table.key else frame


def sort_key(table: Table) -> list[str]:
    """The order of rows in a file: the day, then the key, so equal content is equal bytes."""
    return [*(["date"] if table.partitioned and "date" not in table.key else []), *table.key]


def findings(frame: pl.DataFrame, table: Table) -> list[Finding]:
    """Every broken rule of ``table`` in ``frame``: columns, types, nulls, values, ranges, key.

    Where columns are missing or have another type, only those are told.
    """
    if misshapen := list(_misshapen(frame, table)):
        return [Finding(words, "error") for words in misshapen]
    found = [Finding(w, c.severity) for c in table.columns for w in _broken(frame, table, c)]
    if table.key and frame.height > 1:
        twice = frame.height - frame.select(pl.struct(table.key).n_unique()).item()
        if twice:
            example = frame.filter(pl.struct(table.key).is_duplicated()).select(table.key).row(0)
            words = f"key {table.key} is not unique: {twice} rows too many, e.g. {example}"
            found.append(Finding(words, table.key_severity))
    return found


def _misshapen(frame: pl.DataFrame, table: Table) -> Iterator[str]:
    if missing := [c.name for c in table.columns if c.name not in frame.columns]:
        yield f"columns {missing} are missing"
        return
    for column in table.columns:
        if (found := frame.schema[column.name]) != column.dtype:
            yield f"{column.name} is {found}, not {column.dtype}"


def _broken(frame: pl.DataFrame, table: Table, column: Column) -> Iterator[str]:
    series = frame.get_column(column.name)
    if not column.nullable and (nulls := series.null_count()):
        yield f"{column.name} is null in {nulls} rows{_example(frame, table, column)}"
    if column.values:
        strange = series.filter(~series.is_in(list(column.values))).drop_nulls().unique().sort()
        if strange.len():
            yield f"{column.name} has unknown values {strange.head(3).to_list()}"
    if column.minimum is None and column.maximum is None:
        return
    numbers = series.cast(pl.Float64)
    if column.minimum is not None and (numbers < column.minimum).any():
        yield f"{column.name} is {numbers.min()!r}, below {column.minimum}"
    if column.maximum is not None and (numbers > column.maximum).any():
        yield f"{column.name} is {numbers.max()!r}, above {column.maximum}"


def _example(frame: pl.DataFrame, table: Table, column: Column) -> str:
    keys: Sequence[str] = [k for k in table.key if k != column.name]
    if not keys:
        return ""
    row = frame.filter(pl.col(column.name).is_null()).select(keys).row(0)
    return f", e.g. {dict(zip(keys, row, strict=True))}"


def money(expr: pl.Expr) -> pl.Expr:
    """A Float64 amount as MONEY, rounded once, half away from zero."""
    return expr.round(MONEY_DECIMALS, mode="half_away_from_zero").cast(MONEY)


def price(expr: pl.Expr) -> pl.Expr:
    """A Float64 unit price or unit cost as DECIMAL(18,6), rounded once, half away from zero."""
    return expr.round(6, mode="half_away_from_zero").cast(PRICE)


def quantity(expr: pl.Expr) -> pl.Expr:
    """A Float64 quantity as DECIMAL(18,4), rounded once, half away from zero."""
    return expr.round(4, mode="half_away_from_zero").cast(QUANTITY)
