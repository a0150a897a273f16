"""The shape of a dataset: what to ask Odoo for, and the pure functions that make its tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from nkdash.contracts import Column, Table
from nkdash.lake import EXTRACTED_AT

Dtype = pl.DataType | type[pl.DataType]


@dataclass(frozen=True)
class Field:
    """One field to ask Odoo for.

    ``name`` may lead through relations (``order_id.state``). ``dtype`` is its type in raw.
    An optional field that an Odoo lacks is a null column; a required one is an error.
    ``column`` renames it in raw, for fields whose Odoo name is a setting.
    """

    name: str
    dtype: Dtype
    description: str
    required: bool = True
    column: str = ""

    @property
    def raw_name(self) -> str:
        """Its column in raw."""
        return self.column or self.name


@dataclass(frozen=True)
class Source:
    """What a daily dataset reads: records of ``model`` whose ``day_field`` lies in the window.

    ``day_kind`` 'utc' is an Odoo datetime (UTC), cut at local midnight; 'date' an accounting date.
    ``company_field`` is filtered by ``NKDASH_COMPANIES``.
    """

    model: str
    day_field: str
    day_kind: Literal["utc", "date"]
    fields: tuple[Field, ...]
    domain: tuple[object, ...] = ()
    company_field: str = "company_id"


@dataclass(frozen=True)
class Fact:
    """The star table of a dataset: its contract and the function that makes it.

    ``make(clean, dimensions)`` gets the clean rows and the dimensions named in ``dimensions``.
    """

    table: Table
    make: Callable[[pl.LazyFrame, Mapping[str, pl.LazyFrame]], pl.LazyFrame]
    dimensions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """A daily dataset: raw/<name>, clean/<name> and, where it has a fact, star/<fact>."""

    name: str
    description: str
    source: Source
    clean_table: Table
    clean: Callable[[pl.LazyFrame], pl.LazyFrame]
    fact: Fact | None = None

    @property
    def raw_table(self) -> Table:
        """The contract of raw: Odoo's own names and types, every state."""
        return raw_table(self.name, self.source.model, self.source.fields, partitioned=True)


def raw_table(name: str, model: str, fields: tuple[Field, ...], *, partitioned: bool) -> Table:
    """The raw contract of ``fields`` of ``model``, with ``date`` and ``_extracted_at``."""
    day = (Column("date", pl.Date(), "Business day", "local", nullable=False),)
    columns = tuple(
        Column(
            f.raw_name,
            f.dtype,
            f.description,
            source=f"{model}.{f.name}",
            nullable=f.name != "id",
        )
        for f in fields
    )
    extracted = Column(
        EXTRACTED_AT, pl.Datetime("us"), "When NKDash read the record", "UTC", nullable=False
    )
    return Table(
        name=name,
        grain=f"one record of {model}",
        key=("id",),
        columns=(*(day if partitioned else ()), *columns, extracted),
        partitioned=partitioned,
    )
