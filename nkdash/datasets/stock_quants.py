"""Stock quants and fact_stock_on_hand_snapshot: what lies where, at the instant it was read."""

from collections.abc import Mapping

import polars as pl

from nkdash.contracts import MONEY, QUANTITY, Column, Table, money, quantity
from nkdash.datasets.columns import DATE, identifier, local_column, to_local, utc_column
from nkdash.datasets.spec import Dataset, Fact, Field, Source
from nkdash.settings import Settings

STOCK_USAGES = ("internal", "transit")
"""Usages of locations that hold stock; the others are where it comes from and goes to."""

FIELDS = (
    Field("id", pl.Int64(), "Quant"),
    Field("product_id", pl.Int64(), "Product"),
    Field("location_id", pl.Int64(), "Location"),
    Field("lot_id", pl.Int64(), "Lot or serial number"),
    Field("owner_id", pl.Int64(), "Owner of consigned goods"),
    Field("company_id", pl.Int64(), "Company; null at a location that companies share"),
    Field("quantity", pl.Float64(), "Quantity, product unit"),
    Field("reserved_quantity", pl.Float64(), "Of it reserved, product unit"),
    Field("value", pl.Float64(), "Value, company currency (needs stock_account)", required=False),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
    Field("location_id.usage", pl.String(), "Usage of the location"),
)

CLEAN = Table(
    "stock_quants",
    grain="one quant at an internal or transit location, at one instant",
    key=("date", "quant_id"),
    columns=(
        DATE,
        identifier("quant_id", "Quant", "stock.quant.id", nullable=False),
        utc_column("taken_at", "When the snapshot was taken", "the clock of NKDash"),
        local_column("taken_at_local", "When the snapshot was taken", "the clock of NKDash"),
        identifier(
            "company_id",
            "Company; null at a location that companies share",
            "stock.quant.company_id",
        ),
        identifier("product_id", "Product", "stock.quant.product_id", nullable=False),
        identifier("location_id", "Location", "stock.quant.location_id", nullable=False),
        identifier("lot_id", "Lot or serial number", "stock.quant.lot_id"),
        identifier("owner_id", "Owner of consigned goods", "stock.quant.owner_id"),
        Column(
            "quantity",
            QUANTITY,
            "Quantity; negative where more went out than was booked in",
            "product unit",
            "stock.quant.quantity",
            nullable=False,
        ),
        Column(
            "reserved_quantity",
            QUANTITY,
            "Of it reserved for transfers",
            "product unit",
            "stock.quant.reserved_quantity",
            nullable=False,
        ),
        Column(
            "value",
            MONEY,
            "Value as Odoo has it; null where it has none",
            "company currency",
            "stock.quant.value",
        ),
    ),
)

FACT = Table("fact_stock_on_hand_snapshot", "one quant of a snapshot", CLEAN.key, CLEAN.columns)


def clean(raw: pl.LazyFrame, zone: str) -> pl.LazyFrame:
    """Quants at internal and transit locations, one row a quant."""
    return (
        raw.filter(pl.col("location_id.usage").is_in(STOCK_USAGES))
        .unique(["date", "id"], keep="last", maintain_order=True)
        .select(
            "date",
            "taken_at",
            "company_id",
            "product_id",
            "location_id",
            "lot_id",
            "owner_id",
            quant_id="id",
            taken_at_local=to_local(pl.col("taken_at"), zone),
            quantity=quantity(pl.col("quantity")),
            reserved_quantity=quantity(pl.col("reserved_quantity").fill_null(0.0)),
            value=money(pl.col("value")),
        )
    )


def fact(clean: pl.LazyFrame, dimensions: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """fact_stock_on_hand_snapshot: the clean quants as they are."""
    return clean


def dataset(settings: Settings) -> Dataset:
    """Stock of this retailer, as it is."""
    return Dataset(
        name="stock_quants",
        description="Stock on hand as Odoo has it now, one row a quant; days gone by are lost.",
        source=Source("stock.quant", "taken_at", "now", FIELDS),
        clean_table=CLEAN,
        clean=lambda raw: clean(raw, settings.nkdash_timezone),
        fact=Fact(FACT, fact),
    )
