"""Product categories: a tree, each with its path and its root below 'All'."""

import polars as pl

from nkdash.contracts import Column, Table
from nkdash.datasets.columns import identifier
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.settings import Settings

TABLE = Table(
    "dim_categories",
    grain="one product category",
    key=("category_id",),
    partitioned=False,
    columns=(
        identifier("category_id", "Category", "product.category.id", nullable=False),
        Column("name", pl.String(), "Name", source="product.category.name"),
        identifier("parent_id", "Parent category", "product.category.parent_id"),
        Column("path", pl.String(), "Full path", source="product.category.complete_name"),
        identifier(
            "root_id", "Topmost ancestor; the one below 'All' where Odoo has it", "parent_path"
        ),
        Column("level", pl.Int64(), "1 for a root", nullable=False),
    ),
)

FIELDS = (
    Field("id", pl.Int64(), "Category"),
    Field("name", pl.String(), "Name"),
    Field("parent_id", pl.Int64(), "Parent category"),
    Field("complete_name", pl.String(), "Full path"),
    Field("parent_path", pl.String(), "Ids from the root, each followed by /"),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
)


def make(raw: pl.LazyFrame) -> pl.LazyFrame:
    """dim_categories; up to 18 every category hangs below one named 'All', which says nothing."""
    ancestors = (
        pl.coalesce("parent_path", pl.format("{}/", "id"))
        .str.strip_chars_end("/")
        .str.split("/")
        .list.eval(pl.element().cast(pl.Int64))
    )
    nameless = raw.filter(pl.col("parent_id").is_null() & (pl.col("name") == "All")).select(
        top="id", below_all=pl.lit(True)
    )
    return (
        raw.with_columns(ancestors=ancestors)
        .with_columns(top=pl.col("ancestors").list.first())
        .join(nameless, on="top", how="left")
        .with_columns(
            skip=(pl.col("below_all").fill_null(False) & (pl.col("ancestors").list.len() > 1))
        )
        .select(
            category_id="id",
            name="name",
            parent_id="parent_id",
            path="complete_name",
            root_id=pl.when("skip")
            .then(pl.col("ancestors").list.get(1, null_on_oob=True))
            .otherwise("top"),
            level=(pl.col("ancestors").list.len() - pl.col("skip")).cast(pl.Int64),
        )
    )


def dimension(settings: Settings) -> Dimension:
    """Product categories of this retailer."""
    return Dimension(
        name="categories",
        description="Product categories.",
        model="product.category",
        fields=FIELDS,
        table=TABLE,
        make=make,
    )
