"""Table contracts as DuckDB tables."""

import hashlib
from collections.abc import Iterable

import polars as pl

from nkdash.contracts import Column, Table

_TYPES: dict[type[pl.DataType], str] = {
    pl.Boolean: "BOOLEAN",
    pl.Date: "DATE",
    pl.Float32: "FLOAT",
    pl.Float64: "DOUBLE",
    pl.Int8: "TINYINT",
    pl.Int16: "SMALLINT",
    pl.Int32: "INTEGER",
    pl.Int64: "BIGINT",
    pl.String: "VARCHAR",
}


def duckdb_type(dtype: pl.DataType | type[pl.DataType]) -> str:
    """The DuckDB type of a polars type. Raises TypeError for a type that contracts do not use."""
    if isinstance(dtype, pl.List):
        inner = dtype.inner
        return f"{duckdb_type(inner if isinstance(inner, pl.DataType) else inner())}[]"
    if isinstance(dtype, pl.Decimal):
        return f"DECIMAL({dtype.precision}, {dtype.scale})"
    if dtype == pl.Datetime("us"):
        return "TIMESTAMP"
    known = _TYPES.get(dtype if isinstance(dtype, type) else type(dtype))
    if known is None:
        raise TypeError(f"no DuckDB type is known for {dtype}; add it to nkdash/warehouse/ddl.py")
    return known


def quoted(name: str) -> str:
    """A name as a DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a DuckDB literal, for statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def create_table(table: Table, name: str) -> list[str]:
    """The statements that create ``table`` under the qualified ``name``, comments included."""
    columns = ", ".join(
        f"{quoted(c.name)} {duckdb_type(c.dtype)}{' NOT NULL' if _never_null(c) else ''}"
        for c in table.columns
    )
    return [
        f"CREATE TABLE {name} ({columns})",
        f"COMMENT ON TABLE {name} IS {literal(table.grain)}",
        *(
            f"COMMENT ON COLUMN {name}.{quoted(c.name)} IS {literal(_comment(c))}"
            for c in table.columns
        ),
    ]


def _never_null(column: Column) -> bool:
    return not column.nullable and column.severity == "error"


def _comment(column: Column) -> str:
    return f"{column.description} ({column.unit})" if column.unit else column.description


def fingerprint(parts: Iterable[str]) -> str:
    """A hash of everything that shapes a snapshot; another one means: build anew."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
