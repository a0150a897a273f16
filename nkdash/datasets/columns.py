"""Columns and polars expressions that several datasets share."""

import polars as pl

from nkdash.contracts import MONEY, TIMESTAMP, Column

DATE = Column("date", pl.Date(), "Business day", "local", nullable=False)
COMPANY = Column("company_id", pl.Int64(), "Company", nullable=False, source="company_id")

GROSS_TAX_IN = Column(
    "gross_tax_in",
    MONEY,
    "price_unit x quantity plus the line's excluded taxes; 0 for a line of kind discount",
    "company currency, tax in",
    nullable=False,
)
DISCOUNT_TAX_IN = Column(
    "discount_tax_in",
    MONEY,
    "gross_tax_in - revenue_tax_in",
    "company currency, tax in",
    nullable=False,
)
TAX = Column("tax", MONEY, "revenue_tax_in - net_tax_ex", "company currency", nullable=False)

SOLD_STATES = ("paid", "done", "invoiced")
"""States of a POS order that is a sale, not a draft nor cancelled (19 has no invoiced)."""


def identifier(name: str, description: str, source: str, *, nullable: bool = True) -> Column:
    """A column that holds the id of an Odoo record."""
    return Column(name, pl.Int64(), description, source=source, nullable=nullable)


def utc_column(name: str, description: str, source: str, *, nullable: bool = False) -> Column:
    """A naive timestamp that means UTC."""
    return Column(name, TIMESTAMP, description, "UTC", source, nullable)


def local_column(name: str, description: str, source: str, *, nullable: bool = False) -> Column:
    """A naive timestamp of the business time zone."""
    return Column(name, TIMESTAMP, description, "local", source, nullable)


def order_rate(column: str) -> pl.Expr:
    """Order currency per company currency, which divides an order's amounts; 1 where unset."""
    rate = pl.col(column)
    return pl.when(rate > 0).then(rate).otherwise(1.0)


def to_local(utc: pl.Expr, zone: str) -> pl.Expr:
    """A naive UTC timestamp as naive local time of ``zone``."""
    return utc.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.replace_time_zone(None)
