"""Lines of confirmed purchase orders that are still to come, in whole or in part."""

import polars as pl

from nkdash.contracts import QUANTITY, TIMESTAMP, Column, Table, quantity
from nkdash.datasets.columns import identifier
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.settings import Settings

CONFIRMED = ("purchase", "done")
"""States of an order that the vendor has been sent; a locked one is 'done'."""

TABLE = Table(
    "dim_open_purchase_lines",
    grain="one line of a confirmed purchase order that is not wholly received",
    key=("open_purchase_line_id",),
    partitioned=False,
    columns=(
        identifier("open_purchase_line_id", "Line", "purchase.order.line.id", nullable=False),
        identifier("purchase_order_id", "Purchase order", "purchase.order.line.order_id"),
        identifier("company_id", "Company", "purchase.order.line.company_id"),
        identifier("vendor_id", "Vendor", "purchase.order.line.partner_id"),
        identifier("product_id", "Product", "purchase.order.line.product_id", nullable=False),
        Column(
            "ordered", QUANTITY, "Ordered", "product unit", "purchase.order.line.product_uom_qty"
        ),
        Column(
            "on_order",
            QUANTITY,
            "Of it still to come",
            "product unit",
            "product_uom_qty x (1 - qty_received / product_qty)",
            nullable=False,
        ),
        Column(
            "expected_at",
            TIMESTAMP,
            "When it is expected",
            "UTC",
            "purchase.order.line.date_planned",
        ),
    ),
)

FIELDS = (
    Field("id", pl.Int64(), "Line"),
    Field("order_id", pl.Int64(), "Purchase order"),
    Field("state", pl.String(), "State of the order"),
    Field("company_id", pl.Int64(), "Company"),
    Field("partner_id", pl.Int64(), "Vendor"),
    Field("product_id", pl.Int64(), "Product; null for sections and notes"),
    Field("product_qty", pl.Float64(), "Ordered, unit of the line"),
    Field("product_uom_qty", pl.Float64(), "Ordered, product unit"),
    Field("qty_received", pl.Float64(), "Received, unit of the line"),
    Field("date_planned", pl.Datetime("us"), "When it is expected, UTC"),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
)


def make(raw: pl.LazyFrame) -> pl.LazyFrame:
    """dim_open_purchase_lines; Odoo has what was ordered in both units, what came in the line's."""
    return raw.filter(
        pl.col("state").is_in(CONFIRMED)
        & pl.col("product_id").is_not_null()
        & (pl.col("product_qty") > pl.col("qty_received").fill_null(0))
    ).select(
        open_purchase_line_id="id",
        purchase_order_id="order_id",
        company_id="company_id",
        vendor_id="partner_id",
        product_id="product_id",
        ordered=quantity(pl.col("product_uom_qty")),
        on_order=quantity(
            pl.col("product_uom_qty")
            * (1 - pl.col("qty_received").fill_null(0) / pl.col("product_qty"))
        ),
        expected_at="date_planned",
    )


def dimension(settings: Settings) -> Dimension:
    """What this retailer has on order."""
    return Dimension(
        name="open_purchase_lines",
        description="Purchase order lines; the star table keeps those still to be received.",
        model="purchase.order.line",
        fields=FIELDS,
        table=TABLE,
        make=make,
        optional=True,
    )
