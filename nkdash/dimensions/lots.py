"""Lots and serial numbers."""

import polars as pl

from nkdash.contracts import TIMESTAMP, Column, Table
from nkdash.datasets.columns import identifier
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.settings import Settings

TABLE = Table(
    "dim_lots",
    grain="one lot or serial number",
    key=("lot_id",),
    partitioned=False,
    columns=(
        identifier("lot_id", "Lot or serial number", "stock.lot.id", nullable=False),
        Column("name", pl.String(), "Number as printed", source="stock.lot.name"),
        Column("ref", pl.String(), "Internal reference", source="stock.lot.ref"),
        identifier("product_id", "Product", "stock.lot.product_id"),
        identifier("company_id", "Company; null where companies share it", "stock.lot.company_id"),
        Column(
            "expires_at",
            TIMESTAMP,
            "When it expires (needs product_expiry)",
            "UTC",
            "stock.lot.expiration_date",
        ),
    ),
)

FIELDS = (
    Field("id", pl.Int64(), "Lot or serial number"),
    Field("name", pl.String(), "Number as printed"),
    Field("ref", pl.String(), "Internal reference"),
    Field("product_id", pl.Int64(), "Product"),
    Field("company_id", pl.Int64(), "Company"),
    Field("expiration_date", pl.Datetime("us"), "When it expires, UTC", required=False),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
)


def make(raw: pl.LazyFrame) -> pl.LazyFrame:
    """dim_lots: every lot, used up ones too."""
    return raw.select(
        "name",
        "ref",
        "product_id",
        "company_id",
        lot_id="id",
        expires_at="expiration_date",
    )


def dimension(settings: Settings) -> Dimension:
    """Lots of this retailer."""
    return Dimension(
        name="lots",
        description="Lots and serial numbers.",
        model="stock.lot",
        fields=FIELDS,
        table=TABLE,
        make=make,
    )
