"""POS order lines and fact_sales: gross, discount, revenue, tax and kind of every line."""

from collections.abc import Mapping

import polars as pl

from nkdash.contracts import MONEY, PRICE, QUANTITY, Column, Table, money, price, quantity
from nkdash.datasets.columns import (
    COMPANY,
    DATE,
    DISCOUNT_TAX_IN,
    GROSS_TAX_IN,
    SOLD_STATES,
    TAX,
    identifier,
    local_column,
    order_rate,
    to_local,
    utc_column,
)
from nkdash.datasets.line_taxes import rates_of_lines
from nkdash.datasets.spec import Dataset, Fact, Field, Reconcile, Source
from nkdash.settings import Settings

LINE_KINDS = ("sale", "return", "discount", "free", "service")


def fields(discount_field: str | None) -> tuple[Field, ...]:
    """What is asked of pos.order.line; ``discount_field`` is the retailer's own discount amount."""
    return (
        Field("id", pl.Int64(), "Line"),
        Field("order_id", pl.Int64(), "Order"),
        Field("product_id", pl.Int64(), "Product"),
        Field("company_id", pl.Int64(), "Company"),
        Field("qty", pl.Float64(), "Quantity, product unit; negative when returned"),
        Field("price_unit", pl.Float64(), "Unit price as keyed, order currency"),
        Field("discount", pl.Float64(), "Discount, percent"),
        Field("price_subtotal", pl.Float64(), "Line total without tax, order currency"),
        Field("price_subtotal_incl", pl.Float64(), "Line total with tax, order currency"),
        Field("tax_ids", pl.List(pl.Int64()), "Taxes"),
        Field("total_cost", pl.Float64(), "Cost as Odoo has it, company currency", required=False),
        Field("is_total_cost_computed", pl.Boolean(), "Odoo knows the cost", required=False),
        Field(
            discount_field or "",
            pl.Float64(),
            "Further discount amount with tax, order currency (NKDASH_POS_DISCOUNT_FIELD)",
            required=False,
            column="discount_amount",
        ),
        Field("write_date", pl.Datetime("us"), "Last change, UTC"),
        Field("order_id.name", pl.String(), "Order reference"),
        Field("order_id.state", pl.String(), "State of the order"),
        Field("order_id.date_order", pl.Datetime("us"), "When it was sold, UTC"),
        Field("order_id.config_id", pl.Int64(), "Point of sale (shop)"),
        Field("order_id.session_id", pl.Int64(), "Session of the till"),
        Field("order_id.user_id", pl.Int64(), "Odoo user"),
        Field("order_id.employee_id", pl.Int64(), "Cashier (needs pos_hr)", required=False),
        Field("order_id.partner_id", pl.Int64(), "Customer; null is a walk-in"),
        Field("order_id.account_move", pl.Int64(), "Customer invoice of the order"),
        Field("order_id.currency_rate", pl.Float64(), "Order currency per company currency"),
        Field("order_id.write_date", pl.Datetime("us"), "Last change of the order, UTC"),
    )


COMMON = (
    DATE,
    identifier("line_id", "POS line", "pos.order.line.id", nullable=False),
    identifier("order_id", "Order", "pos.order.line.order_id", nullable=False),
    Column("order_ref", pl.String(), "Order reference", source="pos.order.name"),
    utc_column("ordered_at", "When it was sold", "pos.order.date_order"),
    local_column("ordered_at_local", "When it was sold", "pos.order.date_order"),
    Column("order_state", pl.String(), "State in Odoo", values=SOLD_STATES, nullable=False),
    COMPANY,
    identifier("pos_config_id", "Point of sale (shop)", "pos.order.config_id"),
    identifier("session_id", "Session of the till", "pos.order.session_id"),
    identifier("user_id", "Odoo user", "pos.order.user_id"),
    identifier("cashier_id", "Cashier (employee)", "pos.order.employee_id"),
    identifier("customer_id", "Customer; null is a walk-in", "pos.order.partner_id"),
    identifier("account_move_id", "Customer invoice", "pos.order.account_move"),
    identifier("product_id", "Product", "pos.order.line.product_id", nullable=False),
    Column(
        "quantity",
        QUANTITY,
        "Quantity; negative when returned",
        "product unit",
        "pos.order.line.qty",
        nullable=False,
    ),
    Column(
        "price_unit",
        PRICE,
        "Unit price as keyed; holds the line's included taxes, not its excluded ones",
        "company currency",
        "pos.order.line.price_unit / currency_rate",
        nullable=False,
    ),
    Column(
        "discount_pct",
        PRICE,
        "Discount",
        "percent",
        "pos.order.line.discount",
        minimum=0,
        maximum=100,
        severity="warn",
    ),
)

RECONCILE = Reconcile(
    sums=("qty", "price_subtotal", "price_subtotal_incl"),
    kept=(("order_id.state", "in", SOLD_STATES),),
)

NET_TAX_EX = Column(
    "net_tax_ex",
    MONEY,
    "Revenue of the line without tax",
    "company currency, tax out",
    "price_subtotal / currency_rate, less discount_amount",
    nullable=False,
)
REVENUE_TAX_IN = Column(
    "revenue_tax_in",
    MONEY,
    "Revenue of the line with tax",
    "company currency, tax in",
    "price_subtotal_incl / currency_rate, less discount_amount",
    nullable=False,
)
ODOO_COST = Column(
    "odoo_cost",
    MONEY,
    "Cost of the line as Odoo has it; null where Odoo has not computed it",
    "company currency, tax out",
    "pos.order.line.total_cost",
)

CLEAN = Table(
    "pos_order_lines",
    grain="one line of a POS order in state paid, done or invoiced",
    key=("line_id",),
    columns=(
        *COMMON,
        NET_TAX_EX,
        REVENUE_TAX_IN,
        Column(
            "excluded_tax_rate",
            pl.Float64(),
            "price_subtotal_incl / price_subtotal - 1; null where the subtotal is 0",
            "ratio",
        ),
        Column("tax_ids", pl.List(pl.Int64()), "Taxes", source="pos.order.line.tax_ids"),
        ODOO_COST,
    ),
)

FACT = Table(
    "fact_sales",
    grain="one POS line",
    key=("line_id",),
    columns=(
        *COMMON,
        Column(
            "hour", pl.Int8(), "Hour of the day", "local", nullable=False, minimum=0, maximum=23
        ),
        Column(
            "line_kind",
            pl.String(),
            "discount: price_unit < 0; return: quantity < 0; free: price 0 or 100 %; "
            "service: product of type service; else sale",
            values=LINE_KINDS,
            nullable=False,
        ),
        GROSS_TAX_IN,
        DISCOUNT_TAX_IN,
        NET_TAX_EX,
        REVENUE_TAX_IN,
        TAX,
        ODOO_COST,
        Column("is_refund", pl.Boolean(), "The line is of kind return", nullable=False),
    ),
)


def clean(raw: pl.LazyFrame, zone: str) -> pl.LazyFrame:
    """Lines of sold orders only, one row a line, amounts in company currency."""
    rate = order_rate("order_id.currency_rate")
    incl = pl.col("price_subtotal_incl")
    revenue = incl - pl.col("discount_amount").fill_null(0.0)
    # The further discount lowers both tax bases in proportion.
    kept = pl.when(incl != 0).then(revenue / incl).otherwise(1.0)
    return (
        raw.filter(pl.col("order_id.state").is_in(SOLD_STATES))
        .unique("id", keep="last", maintain_order=True)
        .select(
            "date",
            line_id="id",
            order_id="order_id",
            order_ref="order_id.name",
            ordered_at="order_id.date_order",
            ordered_at_local=to_local(pl.col("order_id.date_order"), zone),
            order_state="order_id.state",
            company_id="company_id",
            pos_config_id="order_id.config_id",
            session_id="order_id.session_id",
            user_id="order_id.user_id",
            cashier_id="order_id.employee_id",
            customer_id="order_id.partner_id",
            account_move_id="order_id.account_move",
            product_id="product_id",
            quantity=quantity(pl.col("qty")),
            price_unit=price(pl.col("price_unit") / rate),
            discount_pct=price(pl.col("discount").fill_null(0.0)),
            net_tax_ex=money(pl.col("price_subtotal") * kept / rate),
            revenue_tax_in=money(revenue / rate),
            excluded_tax_rate=pl.when(pl.col("price_subtotal") != 0).then(
                incl / pl.col("price_subtotal") - 1
            ),
            tax_ids="tax_ids",
            odoo_cost=money(pl.when("is_total_cost_computed").then(pl.col("total_cost"))),
        )
    )


def fact(clean: pl.LazyFrame, dimensions: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """fact_sales from clean lines, dim_taxes (rate, price_included) and dim_products (type).

    The excluded rate is what Odoo charged (subtotal with tax over subtotal without) where all of a
    line's taxes are excluded ones; at 100 % discount, or where both kinds meet, the rates of the
    excluded taxes themselves.
    """
    of_line = rates_of_lines(clean, dimensions["dim_taxes"])
    services = (
        dimensions["dim_products"]
        .filter(pl.col("type") == "service")
        .select("product_id", is_service=pl.lit(True))
    )
    free = (pl.col("price_unit") == 0) | (pl.col("discount_pct") >= 100)
    excluded_rate = (
        pl.when(pl.col("has_included") | pl.col("excluded_tax_rate").is_null())
        .then(pl.col("excluded_rate") / 100)
        .otherwise("excluded_tax_rate")
        .fill_null(0.0)
    )
    gross = (
        pl.col("price_unit").cast(pl.Float64)
        * pl.col("quantity").cast(pl.Float64)
        * (1 + excluded_rate)
    )
    return (
        clean.join(of_line, on="line_id", how="left")
        .join(services, on="product_id", how="left")
        .with_columns(
            hour=pl.col("ordered_at_local").dt.hour(),
            line_kind=pl.when(pl.col("price_unit") < 0)
            .then(pl.lit("discount"))
            .when(pl.col("quantity") < 0)
            .then(pl.lit("return"))
            .when(free)
            .then(pl.lit("free"))
            .when("is_service")
            .then(pl.lit("service"))
            .otherwise(pl.lit("sale")),
        )
        .with_columns(
            gross_tax_in=money(
                pl.when(pl.col("line_kind") == "discount").then(0.0).otherwise(gross)
            ),
            is_refund=pl.col("line_kind") == "return",
            tax=(pl.col("revenue_tax_in") - pl.col("net_tax_ex")).cast(MONEY),
        )
        .with_columns(
            discount_tax_in=(pl.col("gross_tax_in") - pl.col("revenue_tax_in")).cast(MONEY)
        )
        .select(FACT.schema.names())
    )


def dataset(settings: Settings) -> Dataset:
    """POS lines of this retailer."""
    return Dataset(
        name="pos_order_lines",
        description="POS lines, one row a line, on the business day of their order.",
        source=Source(
            "pos.order.line",
            "order_id.date_order",
            "utc",
            fields(settings.nkdash_pos_discount_field),
        ),
        clean_table=CLEAN,
        clean=lambda raw: clean(raw, settings.nkdash_timezone),
        fact=Fact(
            FACT,
            fact,
            dimensions=("dim_products", "dim_taxes"),
            measures=("quantity", "net_tax_ex", "revenue_tax_in", "discount_tax_in"),
        ),
        reconcile=RECONCILE,
    )
