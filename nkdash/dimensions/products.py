"""Products: variants, archived ones too, since an archived product has been sold."""

import polars as pl

from nkdash.contracts import PRICE, Column, Table, price
from nkdash.datasets.columns import identifier, utc_column
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.settings import Settings

TABLE = Table(
    "dim_products",
    grain="one product variant",
    key=("product_id",),
    partitioned=False,
    columns=(
        identifier("product_id", "Product", "product.product.id", nullable=False),
        identifier("template_id", "Product template", "product.product.product_tmpl_id"),
        Column("name", pl.String(), "Name", source="product.product.name"),
        Column("sku", pl.String(), "Internal reference", source="product.product.default_code"),
        Column("barcode", pl.String(), "Barcode", source="product.product.barcode"),
        identifier("category_id", "Category", "product.product.categ_id"),
        identifier("brand_id", "Brand", "NKDASH_BRAND_FIELD on product.product"),
        identifier("uom_id", "Unit of measure", "product.product.uom_id"),
        Column(
            "list_price",
            PRICE,
            "Today's sales price",
            "company currency, tax as the shop keys it",
            "product.product.list_price",
        ),
        Column(
            "type", pl.String(), "consu, product, service, combo", source="product.product.type"
        ),
        Column("storable", pl.Boolean(), "Stock is kept of it", nullable=False),
        Column(
            "purchase_tax_ids",
            pl.List(pl.Int64()),
            "Taxes that a vendor charges on it, of every company",
            source="product.product.supplier_taxes_id",
        ),
        Column("active", pl.Boolean(), "False when archived", nullable=False),
        utc_column("changed_at", "Last change", "product.product.write_date", nullable=True),
    ),
)


def fields(brand_field: str) -> tuple[Field, ...]:
    """What is asked of product.product; ``brand_field`` is the retailer's own brand relation."""
    return (
        Field("id", pl.Int64(), "Product"),
        Field("product_tmpl_id", pl.Int64(), "Product template"),
        Field("name", pl.String(), "Name"),
        Field("default_code", pl.String(), "Internal reference"),
        Field("barcode", pl.String(), "Barcode"),
        Field("categ_id", pl.Int64(), "Category"),
        Field(brand_field, pl.Int64(), "Brand", required=False, column="brand_id"),
        Field("uom_id", pl.Int64(), "Unit of measure"),
        Field("list_price", pl.Float64(), "Sales price"),
        Field("type", pl.String(), "Product type"),
        Field("is_storable", pl.Boolean(), "Stock is kept (18 and later)", required=False),
        Field("supplier_taxes_id", pl.List(pl.Int64()), "Purchase taxes", required=False),
        Field("active", pl.Boolean(), "False when archived"),
        Field("write_date", pl.Datetime("us"), "Last change, UTC"),
    )


def make(raw: pl.LazyFrame) -> pl.LazyFrame:
    """dim_products; up to 17 the type 'product' is the storable one, from 18 on is_storable."""
    return raw.select(
        product_id="id",
        template_id="product_tmpl_id",
        name="name",
        sku="default_code",
        barcode="barcode",
        category_id="categ_id",
        brand_id="brand_id",
        uom_id="uom_id",
        list_price=price(pl.col("list_price")),
        type="type",
        storable=(pl.col("type") == "product").fill_null(False)
        | pl.col("is_storable").fill_null(False),
        purchase_tax_ids="supplier_taxes_id",
        active=pl.col("active").fill_null(True),
        changed_at="write_date",
    )


def dimension(settings: Settings) -> Dimension:
    """Products of this retailer."""
    return Dimension(
        name="products",
        description="Product variants, archived ones too.",
        model="product.product",
        fields=fields(settings.nkdash_brand_field),
        table=TABLE,
        make=make,
    )
