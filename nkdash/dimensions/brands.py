"""Brands: a model of the retailer's own (Studio), each with its principal; absent without harm."""

import polars as pl

from nkdash.contracts import Column, Table
from nkdash.datasets.columns import identifier
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.settings import Settings

TABLE = Table(
    "dim_brands",
    grain="one brand",
    key=("brand_id",),
    partitioned=False,
    columns=(
        identifier("brand_id", "Brand", "NKDASH_BRAND_MODEL.id", nullable=False),
        Column("name", pl.String(), "Name", source="NKDASH_BRAND_MODEL.display_name"),
        identifier("principal_id", "Principal (partner)", "NKDASH_PRINCIPAL_FIELD"),
        Column("active", pl.Boolean(), "False when archived", nullable=False),
    ),
)


def fields(principal_field: str) -> tuple[Field, ...]:
    """What is asked of the brand model; Studio prefixes its own fields with x_."""
    return (
        Field("id", pl.Int64(), "Brand"),
        Field("display_name", pl.String(), "Name"),
        Field(principal_field, pl.Int64(), "Principal", required=False, column="principal_id"),
        Field("active", pl.Boolean(), "False when archived", required=False),
        Field("x_active", pl.Boolean(), "False when archived (Studio)", required=False),
        Field("write_date", pl.Datetime("us"), "Last change, UTC"),
    )


def make(raw: pl.LazyFrame) -> pl.LazyFrame:
    """dim_brands: archived brands too."""
    return raw.select(
        brand_id="id",
        name="display_name",
        principal_id="principal_id",
        active=pl.coalesce("active", "x_active", pl.lit(True)),
    )


def dimension(settings: Settings) -> Dimension:
    """Brands of this retailer."""
    return Dimension(
        name="brands",
        description="Brands and their principals.",
        model=settings.nkdash_brand_model,
        fields=fields(settings.nkdash_principal_field),
        table=TABLE,
        make=make,
        optional=True,
    )
