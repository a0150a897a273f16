"""Points of sale: the shops."""

import polars as pl

from nkdash.contracts import Column, Table
from nkdash.datasets.columns import identifier
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.settings import Settings

TABLE = Table(
    "dim_pos_configs",
    grain="one point of sale",
    key=("pos_config_id",),
    partitioned=False,
    columns=(
        identifier("pos_config_id", "Point of sale", "pos.config.id", nullable=False),
        Column("name", pl.String(), "Name", source="pos.config.name"),
        identifier("company_id", "Company", "pos.config.company_id"),
        identifier(
            "warehouse_id",
            "Warehouse that its goods are taken from",
            "stock.picking.type.warehouse_id",
        ),
        Column(
            "active",
            pl.Boolean(),
            "False when archived",
            source="pos.config.active",
            nullable=False,
        ),
    ),
)

FIELDS = (
    Field("id", pl.Int64(), "Point of sale"),
    Field("name", pl.String(), "Name"),
    Field("company_id", pl.Int64(), "Company"),
    # Its own warehouse_id is for goods that are shipped later, and mostly the main one.
    Field("picking_type_id", pl.Int64(), "Operation type of its sales", required=False),
    Field(
        "picking_type_id.warehouse_id",
        pl.Int64(),
        "Warehouse that its goods are taken from",
        required=False,
    ),
    Field("active", pl.Boolean(), "False when archived"),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
)


def make(raw: pl.LazyFrame) -> pl.LazyFrame:
    """dim_pos_configs: closed shops too."""
    return raw.select(
        pos_config_id="id",
        name="name",
        company_id="company_id",
        warehouse_id="picking_type_id.warehouse_id",
        active=pl.col("active").fill_null(True),
    )


def dimension(settings: Settings) -> Dimension:
    """Points of sale of this retailer."""
    return Dimension(
        name="pos_configs",
        description="Points of sale: the shops.",
        model="pos.config",
        fields=FIELDS,
        table=TABLE,
        make=make,
    )
