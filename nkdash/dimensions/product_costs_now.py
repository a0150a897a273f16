"""Today's cost of every product, as each company has it."""

import polars as pl

from nkdash.contracts import PRICE, Column, Table, price
from nkdash.datasets.columns import COMPANY, identifier
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.settings import Settings

TABLE = Table(
    "dim_product_costs_now",
    grain="one product in one company",
    key=("company_id", "product_id"),
    partitioned=False,
    columns=(
        COMPANY,
        identifier("product_id", "Product", "product.product.id", nullable=False),
        Column(
            "standard_price",
            PRICE,
            "Cost as Odoo has it today; 0 where none was set",
            "company currency, tax out",
            "product.product.standard_price",
        ),
    ),
)

FIELDS = (
    Field("id", pl.Int64(), "Product"),
    Field("standard_price", pl.Float64(), "Cost, company currency"),
)


def make(raw: pl.LazyFrame) -> pl.LazyFrame:
    """dim_product_costs_now: a row for every product and company."""
    return raw.select("company_id", product_id="id", standard_price=price(pl.col("standard_price")))


def dimension(settings: Settings) -> Dimension:
    """Costs of this retailer's products, read once for each company."""
    return Dimension(
        name="product_costs_now",
        description="Today's cost of every product, in each company.",
        model="product.product",
        fields=FIELDS,
        table=TABLE,
        make=make,
        per_company=True,
    )
