"""The shape of a dataset: what to ask Odoo for, and the pure functions that make its tables."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from nkdash.contracts import Column, Table
from nkdash.lake import EXTRACTED_AT
from nkdash.odoo.versions import Domain

Dtype = pl.DataType | type[pl.DataType]
WRITE_DATE = "write_date"


@dataclass(frozen=True)
class Field:
    """One field to ask Odoo for.

    ``name`` may lead through relations (``order_id.state``). ``dtype`` is its type in raw.
    An optional field that an Odoo lacks is a null column; a required one is an error. ``name`` is
    the newest Odoo's; what older ones call it is known to ``nkdash.odoo.versions``.
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


def everything(known: Collection[str]) -> Domain:
    """The domain that leaves nothing out."""
    return ()


@dataclass(frozen=True)
class Source:
    """What a daily dataset reads: records of ``model`` whose ``day_field`` lies in the window.

    ``day_kind`` 'utc' is an Odoo datetime (UTC), cut at local midnight; 'date' an accounting date;
    'now' a snapshot: all records as they are, with the instant of reading in ``day_field``.
    ``domain`` gets the names of the fields that the model has, since versions differ.
    ``company_field`` is filtered by ``NKDASH_COMPANIES``.
    """

    model: str
    day_field: str
    day_kind: Literal["utc", "date", "now"]
    fields: tuple[Field, ...]
    domain: Callable[[Collection[str]], Domain] = everything
    company_field: str = "company_id"

    @property
    def watched(self) -> tuple[str, ...]:
        """The many2ones whose records' changes touch it, '' for its own: where ``fields`` keep a
        ``write_date``."""
        stamps = (f.name for f in self.fields if f.name.split(".")[-1] == WRITE_DATE)
        return tuple(name.removesuffix(WRITE_DATE).rstrip(".") for name in stamps)

    @property
    def stamps(self) -> tuple[Field, ...]:
        """Of ``fields``: those that say which version of which records a row is, and its day."""
        needed = {"id", self.day_field}
        needed |= {f"{path}.{WRITE_DATE}".lstrip(".") for path in self.watched}
        # The many2ones on the way are needed too.
        parts = [name.split(".") for name in needed]
        needed |= {".".join(part[:i]) for part in parts for i in range(1, len(part))}
        return tuple(f for f in self.fields if f.name in needed)

    def raw_name(self, field: str) -> str:
        """What raw calls ``field``. Raises KeyError for one that is not asked for."""
        return {f.name: f.raw_name for f in self.fields}[field]


@dataclass(frozen=True)
class Fact:
    """The star table of a dataset: its contract and the function that makes it.

    ``make(clean, dimensions)`` gets the clean rows and the dimensions named in ``dimensions``.
    ``measures`` are the columns whose sums a day's restatement tells.
    """

    table: Table
    make: Callable[[pl.LazyFrame, Mapping[str, pl.LazyFrame]], pl.LazyFrame]
    dimensions: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()


Condition = tuple[str, Literal["in", "!="], object]


@dataclass(frozen=True)
class Reconcile:
    """What Odoo and the lake must agree on for each day: how many records, and sums.

    ``sums`` are numeric fields that Odoo stores. ``kept`` are the conditions of clean, so that a
    record that stopped to count shows. ``by`` are stored fields by whose values both sides are told
    apart; ``each`` does the same for a related field with few values, by which Odoo cannot group:
    one question a value. ``day_field`` is a stored field of the model that holds the day, where the
    source's is that of a related record; without one Odoo groups by that record.
    """

    sums: tuple[str, ...]
    kept: tuple[Condition, ...] = ()
    by: tuple[str, ...] = ()
    each: tuple[str, tuple[str, ...]] | None = None
    day_field: str | None = None


@dataclass(frozen=True)
class Dataset:
    """A daily dataset: raw/<name>, clean/<name> and, where it has a fact, star/<fact>.

    Without ``reconcile`` there is nothing that Odoo could be asked about a day gone by.
    """

    name: str
    description: str
    source: Source
    clean_table: Table
    clean: Callable[[pl.LazyFrame], pl.LazyFrame]
    fact: Fact | None = None
    reconcile: Reconcile | None = None

    @property
    def raw_table(self) -> Table:
        """The contract of raw: Odoo's own names and types, every state."""
        table = raw_table(self.name, self.source.model, self.source.fields, partitioned=True)
        if not self.is_snapshot:
            return table
        instant = Column(
            self.source.day_field, pl.Datetime("us"), "When it was taken", "UTC", nullable=False
        )
        return replace(table, columns=(*table.columns, instant))

    @property
    def is_snapshot(self) -> bool:
        """Whether it holds what is now: it has days of its own, and a missed one is lost."""
        return self.source.day_kind == "now"


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
