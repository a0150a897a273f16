"""Stock locations: where goods lie, come from and go to."""

import polars as pl

from nkdash.contracts import Column, Table
from nkdash.datasets.columns import identifier
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.settings import Settings

TABLE = Table(
    "dim_locations",
    grain="one stock location",
    key=("location_id",),
    partitioned=False,
    columns=(
        identifier("location_id", "Location", "stock.location.id", nullable=False),
        Column("name", pl.String(), "Name", source="stock.location.name"),
        Column(
            "path",
            pl.String(),
            "Name with the locations above it",
            source="stock.location.complete_name",
        ),
        identifier("parent_id", "Location above it", "stock.location.location_id"),
        Column(
            "usage",
            pl.String(),
            "internal, transit, supplier, customer, inventory, production, view",
            source="stock.location.usage",
        ),
        Column(
            "scrap",
            pl.Boolean(),
            "Holds scrap; null where Odoo knows scrap by its order only (19)",
            source="stock.location.scrap_location",
        ),
        identifier("warehouse_id", "Warehouse (15+)", "stock.location.warehouse_id"),
        Column(
            "warehouse", pl.String(), "Name of the warehouse (15+)", source="stock.warehouse.name"
        ),
        identifier(
            "company_id", "Company; null where companies share it", "stock.location.company_id"
        ),
        Column(
            "active",
            pl.Boolean(),
            "False when archived",
            source="stock.location.active",
            nullable=False,
        ),
    ),
)

FIELDS = (
    Field("id", pl.Int64(), "Location"),
    Field("name", pl.String(), "Name"),
    Field("complete_name", pl.String(), "Name with the locations above it"),
    Field("location_id", pl.Int64(), "Location above it"),
    Field("usage", pl.String(), "Usage"),
    Field("scrap_location", pl.Boolean(), "Holds scrap (up to 18)", required=False),
    Field("warehouse_id", pl.Int64(), "Warehouse (15+)", required=False),
    Field("warehouse_id.name", pl.String(), "Name of the warehouse", required=False),
    Field("company_id", pl.Int64(), "Company"),
    Field("active", pl.Boolean(), "False when archived"),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
)


def make(raw: pl.LazyFrame) -> pl.LazyFrame:
    """dim_locations: virtual and archived ones too, since moves name them."""
    return raw.select(
        "usage",
        "warehouse_id",
        "company_id",
        "name",
        location_id="id",
        path="complete_name",
        parent_id="location_id",
        scrap="scrap_location",
        warehouse="warehouse_id.name",
        active=pl.col("active").fill_null(True),
    )


def dimension(settings: Settings) -> Dimension:
    """Stock locations of this retailer."""
    return Dimension(
        name="locations",
        description="Stock locations, virtual ones too.",
        model="stock.location",
        fields=FIELDS,
        table=TABLE,
        make=make,
    )
