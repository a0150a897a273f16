"""Odoo users."""

import polars as pl

from nkdash.contracts import Column, Table
from nkdash.datasets.columns import identifier
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.settings import Settings

TABLE = Table(
    "dim_users",
    grain="one Odoo user",
    key=("user_id",),
    partitioned=False,
    columns=(
        identifier("user_id", "User", "res.users.id", nullable=False),
        Column("name", pl.String(), "Name", source="res.users.name"),
        Column(
            "active", pl.Boolean(), "False when archived", source="res.users.active", nullable=False
        ),
    ),
)

FIELDS = (
    Field("id", pl.Int64(), "User"),
    Field("name", pl.String(), "Name"),
    Field("active", pl.Boolean(), "False when archived"),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
)


def make(raw: pl.LazyFrame) -> pl.LazyFrame:
    """dim_users: who may sign in; archived users too."""
    return raw.select(
        user_id="id",
        name="name",
        active=pl.col("active").fill_null(True),
    )


def dimension(settings: Settings) -> Dimension:
    """Odoo users of this retailer."""
    return Dimension(
        name="users",
        description="Odoo users.",
        model="res.users",
        fields=FIELDS,
        table=TABLE,
        make=make,
    )
