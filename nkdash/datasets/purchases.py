"""Vendor bills, refunds and receipts, and fact_purchases: what every line and unit really cost."""

from collections.abc import Mapping

import polars as pl

from nkdash.contracts import (
    MONEY,
    MONEY_DECIMALS,
    PRICE,
    QUANTITY,
    Column,
    Table,
    money,
    price,
    quantity,
)
from nkdash.datasets import account_moves
from nkdash.datasets.account_moves import PURCHASES
from nkdash.datasets.columns import identifier
from nkdash.datasets.spec import Dataset, Fact, Field
from nkdash.settings import Settings

UNITS = 10**MONEY_DECIMALS
"""Smallest units of the currency in one of it: cents in a rupiah."""

FIELDS = (
    *account_moves.FIELDS,
    Field("purchase_order_id", pl.Int64(), "Purchase order (needs purchase)", required=False),
    Field("purchase_line_id", pl.Int64(), "Line of it (needs purchase)", required=False),
)

OWN = (
    Column(
        "move_type",
        pl.String(),
        "Kind of document",
        source="account.move.move_type",
        nullable=False,
        values=PURCHASES.types,
    ),
    identifier("vendor_id", "Vendor", "account.move.partner_id"),
    identifier("purchase_order_id", "Purchase order", "account.move.line.purchase_order_id"),
    identifier("purchase_line_id", "Line of it", "account.move.line.purchase_line_id"),
    Column(
        "net_tax_ex",
        MONEY,
        "Spend of the line without tax; negative in refunds",
        "company currency, tax out",
        "account.move.line.balance",
        nullable=False,
    ),
    Column("is_refund", pl.Boolean(), "The document is a vendor refund", nullable=False),
)

CLEAN = Table(
    "purchases",
    grain="one product line of a posted vendor bill, refund or receipt",
    key=("line_id",),
    columns=(*account_moves.COMMON, *OWN, *account_moves.CLEAN_ONLY),
)

FACT = Table(
    "fact_purchases",
    grain="one line of a vendor bill, refund or receipt",
    key=("line_id",),
    columns=(
        *account_moves.COMMON,
        *OWN,
        Column(
            "quantity",
            QUANTITY,
            "Quantity; negative in refunds",
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
        Column("tax_names", pl.String(), "Names of the taxes", source="account.tax.name"),
        Column(
            "is_free_item",
            pl.Boolean(),
            "Goods without a price: price 0 or 100 % discount",
            nullable=False,
        ),
        Column(
            "total_tax_in",
            MONEY,
            "Spend of the line with tax, withholding left out",
            "company currency, tax in",
            "net_tax_ex x (price_total / price_subtotal - withheld rate)",
            nullable=False,
        ),
        Column(
            "cost_tax_ex",
            MONEY,
            "net_tax_ex after the document's negative lines are spread over its positive ones "
            "(the negative ones are then 0); adds up to the document",
            "company currency, tax out",
            nullable=False,
        ),
        Column(
            "cost_tax_in",
            MONEY,
            "total_tax_in, spread the same way by tax-in totals",
            "company currency, tax in",
            nullable=False,
        ),
        Column(
            "actual_price",
            PRICE,
            "Unit price after line discount and spread, on the tax basis of price_unit; "
            "null for a negative line",
            "company currency per product unit",
        ),
        Column(
            "cost_unit_tax_ex",
            PRICE,
            "Cost of one unit after line discount and spread; null for a negative line",
            "company currency per product unit, tax out",
        ),
        Column(
            "cost_unit_tax_in",
            PRICE,
            "The same with tax, withholding left out",
            "company currency per product unit, tax in",
        ),
    ),
)

# A line's total may be this far from what its listed taxes make of it, by rounding.
ROUNDING = 0.02


def clean(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Posted product lines, one row a line, signed; net_tax_ex in company currency."""
    return account_moves.posted_lines(
        raw,
        PURCHASES,
        vendor_id="move_id.partner_id",
        purchase_order_id="purchase_order_id",
        purchase_line_id="purchase_line_id",
    ).select(CLEAN.schema.names())


def fact(clean: pl.LazyFrame, dimensions: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """fact_purchases from clean lines, dim_products, dim_taxes and dim_uoms.

    A line is positive or negative as its document sees it: a refund is mirrored, spread, and
    mirrored back.
    """
    sign = pl.when("is_refund").then(-1.0).otherwise(1.0)
    ex, tax_in = pl.col("net") * sign, pl.col("net") * sign * _unit_tax_ratio()
    total = money(pl.col("net") * pl.col("tax_ratio").fill_null(0.0))
    units = pl.when((ex >= 0) & (pl.col("units") * sign > 0)).then(pl.col("units") * sign)
    unit_ex, unit_in = ex * _kept(ex) / units, tax_in * _kept(tax_in) / units
    # Mixed taxes: the included ones belong to the keyed price, the others do not.
    actual = (
        pl.when(~pl.col("has_included"))
        .then(unit_ex)
        .when(pl.col("excluded_rate") == 0)
        .then(unit_in)
        .otherwise(unit_ex * (1 + pl.col("included_rate") / 100))
    )
    return (
        account_moves.in_company_terms(clean, dimensions)
        .with_columns(
            quantity=quantity(pl.col("units")),
            price_unit=price(pl.col("unit_price")),
            is_free_item=((pl.col("document_price_unit") == 0) | (pl.col("net_currency") == 0))
            & (pl.col("units") != 0),
            total_tax_in=total,
            actual_price=price(actual),
            cost_unit_tax_ex=price(unit_ex),
            cost_unit_tax_in=price(unit_in),
        )
        .with_columns(
            cost_tax_ex=_spread("net_tax_ex", sign), cost_tax_in=_spread("total_tax_in", sign)
        )
        .select(FACT.schema.names())
    )


def _unit_tax_ratio() -> pl.Expr:
    """With tax / without, for unit costs: unrounded, so by the listed rates where they hold.

    Where they do not explain Odoo's total (fixed amounts, taxes on taxes), by that total.
    """
    subtotal = pl.col("net_currency").cast(pl.Float64)
    charged = pl.col("included_rate") + pl.col("excluded_rate")
    expected = subtotal * (1 + (charged + pl.col("withheld_rate")) / 100)
    explains = (expected - pl.col("total_currency").cast(pl.Float64)).abs() <= ROUNDING
    listed = 1 + charged / 100
    return (
        pl.when(pl.col("rates_known") & explains)
        .then(listed)
        .otherwise(pl.col("tax_ratio").fill_null(1.0))
    )


def _kept(amount: pl.Expr) -> pl.Expr:
    """What remains of a positive line's amount once the document's negative ones are spread."""
    positive = pl.when(amount > 0).then(amount).otherwise(0.0).sum().over("move_id")
    negative = pl.when(amount < 0).then(amount).otherwise(0.0).sum().over("move_id")
    return pl.when(positive > 0).then(1 + negative / positive).otherwise(1.0)


def _spread(column: str, sign: pl.Expr) -> pl.Expr:
    """A money column with negative lines spread over positive ones, to the cent.

    Counted in whole cents (the currency's smallest units); the last positive line takes the
    remainder. A document without positive lines stays as it is.
    """
    cents = (pl.col(column).cast(pl.Float64) * sign * UNITS).round(0).cast(pl.Int64)
    is_positive = cents > 0
    positive = pl.when(is_positive).then(cents).otherwise(0).sum().over("move_id")
    negative = pl.when(cents < 0).then(cents).otherwise(0).sum().over("move_id")
    share = (
        pl.when(is_positive)
        .then(negative * (cents / positive))
        .otherwise(0.0)
        .round(0, mode="half_away_from_zero")
        .cast(pl.Int64)
    )
    last = pl.col("line_id") == pl.when(is_positive).then("line_id").max().over("move_id")
    remainder = negative - share.sum().over("move_id")
    after = (
        pl.when(is_positive)
        .then(cents + share + pl.when(last).then(remainder).otherwise(0))
        .otherwise(0)
    )
    spread = pl.when(positive > 0).then(after).otherwise(cents)
    return money(spread / UNITS * sign)


def dataset(settings: Settings) -> Dataset:
    """Vendor bills of this retailer."""
    return Dataset(
        name="purchases",
        description="Lines of vendor bills, refunds and receipts, by accounting date.",
        source=account_moves.source(PURCHASES, FIELDS),
        clean_table=CLEAN,
        clean=clean,
        fact=Fact(
            FACT,
            fact,
            dimensions=account_moves.DIMENSIONS,
            measures=("quantity", "net_tax_ex", "total_tax_in"),
        ),
        reconcile=account_moves.reconcile(PURCHASES),
    )
