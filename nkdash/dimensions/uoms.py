"""Units of measure, each with the one ratio that turns its quantities into the reference unit's."""

import polars as pl

from nkdash.contracts import Column, Table
from nkdash.datasets.columns import identifier
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.odoo import versions
from nkdash.settings import Settings

TABLE = Table(
    "dim_uoms",
    grain="one unit of measure",
    key=("uom_id",),
    partitioned=False,
    columns=(
        identifier("uom_id", "Unit of measure", "uom.uom.id", nullable=False),
        Column("name", pl.String(), "Name", source="uom.uom.name"),
        Column(
            "ratio_to_reference",
            pl.Float64(),
            "Reference units in one of these, e.g. 12 in a dozen; a quantity in another unit is "
            "quantity x this / the other ratio, a price the other way round",
            "reference units",
            "1 / uom.uom.factor; factor where the Odoo has relative_factor (19)",
            minimum=0,
        ),
        Column("active", pl.Boolean(), "False when archived", nullable=False),
    ),
)

FIELDS = (
    Field("id", pl.Int64(), "Unit of measure"),
    Field("name", pl.String(), "Name"),
    Field("factor", pl.Float64(), "Ratio to the reference unit, its direction by version"),
    Field("relative_factor", pl.Float64(), "Ratio to the unit it is made of (19)", required=False),
    Field("active", pl.Boolean(), "False when archived"),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
)


def make(raw: pl.LazyFrame) -> pl.LazyFrame:
    """dim_uoms; the factor's direction is settled here, once."""
    return raw.select(
        uom_id="id",
        name="name",
        ratio_to_reference=versions.uom_ratio(),
        active=pl.col("active").fill_null(True),
    )


def dimension(settings: Settings) -> Dimension:
    """Units of measure of this retailer."""
    return Dimension(
        name="uoms",
        description="Units of measure and their ratios.",
        model="uom.uom",
        fields=FIELDS,
        table=TABLE,
        make=make,
    )
