"""Customer invoices, credit notes and receipts, and fact_invoice_sales: one row a line, signed."""

from collections.abc import Mapping

import polars as pl

from nkdash.contracts import MONEY, PRICE, QUANTITY, Column, Table, money, price, quantity
from nkdash.datasets import account_moves
from nkdash.datasets.account_moves import SALES
from nkdash.datasets.columns import DISCOUNT_TAX_IN, GROSS_TAX_IN, TAX, identifier
from nkdash.datasets.pos_order_lines import LINE_KINDS
from nkdash.datasets.spec import Dataset, Fact, Field
from nkdash.settings import Settings

FIELDS = (
    *account_moves.FIELDS,
    Field("is_downpayment", pl.Boolean(), "An advance, or its settlement", required=False),
    Field("move_id.invoice_user_id", pl.Int64(), "Salesperson", required=False),
    Field("move_id.pos_order_ids", pl.List(pl.Int64()), "POS orders invoiced", required=False),
)

OWN = (
    Column(
        "move_type",
        pl.String(),
        "Kind of document",
        source="account.move.move_type",
        nullable=False,
        values=SALES.types,
    ),
    identifier("customer_id", "Customer", "account.move.partner_id"),
    identifier("salesperson_id", "Salesperson (user)", "account.move.invoice_user_id"),
    identifier("pos_order_id", "POS order that this invoices", "account.move.pos_order_ids"),
    Column(
        "net_tax_ex",
        MONEY,
        "Revenue of the line without tax; negative in credit notes",
        "company currency, tax out",
        "- account.move.line.balance",
        nullable=False,
    ),
    Column("is_refund", pl.Boolean(), "The document is a credit note", nullable=False),
)

CLEAN = Table(
    "invoice_sales",
    grain="one product line of a posted customer invoice, credit note or receipt",
    key=("line_id",),
    columns=(
        *account_moves.COMMON,
        *OWN,
        *account_moves.CLEAN_ONLY,
        Column("is_downpayment", pl.Boolean(), "An advance, or its settlement", nullable=False),
    ),
)

FACT = Table(
    "fact_invoice_sales",
    grain="one line of a customer invoice, credit note or receipt",
    key=("line_id",),
    columns=(
        *account_moves.COMMON,
        *OWN,
        Column(
            "line_kind",
            pl.String(),
            "discount: price_unit < 0, or a line without a product that lowers its document; "
            "service: an advance; return: quantity < 0; free: price 0 or 100 %; "
            "service: product of type service; else sale",
            values=LINE_KINDS,
            nullable=False,
        ),
        Column(
            "quantity",
            QUANTITY,
            "Quantity; negative in credit notes",
            "product unit",
            "account.move.line.quantity, signed, by dim_uoms",
            nullable=False,
        ),
        Column(
            "price_unit",
            PRICE,
            "Unit price as keyed; holds the line's included taxes, not its excluded ones",
            "company currency per product unit",
            "account.move.line.price_unit x |balance / price_subtotal|, by dim_uoms",
        ),
        GROSS_TAX_IN,
        DISCOUNT_TAX_IN,
        Column(
            "revenue_tax_in",
            MONEY,
            "Revenue of the line with tax, withholding left out",
            "company currency, tax in",
            "net_tax_ex x price_total / price_subtotal; 0 where that is 0",
            nullable=False,
        ),
        TAX,
    ),
)


def clean(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Posted product lines, one row a line, signed; net_tax_ex in company currency."""
    return account_moves.posted_lines(
        raw,
        SALES,
        customer_id="move_id.partner_id",
        salesperson_id="move_id.invoice_user_id",
        pos_order_id=pl.col("move_id.pos_order_ids").list.min(),
        is_downpayment=pl.col("is_downpayment").fill_null(False),
    ).select(CLEAN.schema.names())


def fact(clean: pl.LazyFrame, dimensions: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """fact_invoice_sales from clean lines, dim_products, dim_taxes and dim_uoms.

    Where no discount is given gross is the revenue itself, rounding of the line included.
    """
    services = dimensions["dim_products"].select(
        "product_id", is_service=(pl.col("type") == "service").fill_null(False)
    )
    lowers = (pl.col("net_currency") < 0) != pl.col("is_refund")
    free = (pl.col("document_price_unit") == 0) | (pl.col("discount_pct") >= 100)
    kind = (
        pl.when(
            (pl.col("document_price_unit") < 0)
            | (pl.col("product_id").is_null() & lowers & (pl.col("net_currency") != 0))
        )
        .then(pl.lit("discount"))
        .when("is_downpayment")
        .then(pl.lit("service"))
        .when(pl.col("units") < 0)
        .then(pl.lit("return"))
        .when(free)
        .then(pl.lit("free"))
        .when("is_service")
        .then(pl.lit("service"))
        .otherwise(pl.lit("sale"))
    )
    listed = 1 + pl.col("excluded_rate") / 100
    excluded = pl.when("has_included").then(listed).otherwise(pl.coalesce("tax_ratio", listed))
    return (
        account_moves.in_company_terms(clean, dimensions)
        .join(services, on="product_id", how="left")
        .with_columns(
            line_kind=kind,
            quantity=quantity(pl.col("units")),
            price_unit=price(pl.col("unit_price")),
            revenue_tax_in=money(pl.col("net") * pl.col("tax_ratio").fill_null(0.0)),
        )
        .with_columns(
            gross_tax_in=pl.when(pl.col("line_kind") == "discount")
            .then(money(pl.lit(0.0)))
            .when(pl.col("discount_pct") == 0)
            .then("revenue_tax_in")
            .otherwise(
                pl.coalesce(
                    money(pl.col("unit_price") * pl.col("units") * excluded), "revenue_tax_in"
                )
            ),
            tax=(pl.col("revenue_tax_in") - pl.col("net_tax_ex")).cast(MONEY),
        )
        .with_columns(
            discount_tax_in=(pl.col("gross_tax_in") - pl.col("revenue_tax_in")).cast(MONEY)
        )
        .select(FACT.schema.names())
    )


def dataset(settings: Settings) -> Dataset:
    """Customer invoices of this retailer."""
    return Dataset(
        name="invoice_sales",
        description="Lines of customer invoices, credit notes and receipts, by accounting date.",
        source=account_moves.source(SALES, FIELDS),
        clean_table=CLEAN,
        clean=clean,
        fact=Fact(
            FACT,
            fact,
            dimensions=account_moves.DIMENSIONS,
            measures=("quantity", "net_tax_ex", "revenue_tax_in", "discount_tax_in"),
        ),
        reconcile=account_moves.reconcile(SALES),
    )
