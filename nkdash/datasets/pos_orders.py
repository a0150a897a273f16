"""POS orders: one row an order, the totals that lines and payments are held against."""

import polars as pl

from nkdash.contracts import MONEY, Column, Table, money
from nkdash.datasets.columns import (
    COMPANY,
    DATE,
    SOLD_STATES,
    identifier,
    local_column,
    order_rate,
    to_local,
    utc_column,
)
from nkdash.datasets.spec import Dataset, Field, Reconcile, Source
from nkdash.settings import Settings

FIELDS = (
    Field("id", pl.Int64(), "Order"),
    Field("name", pl.String(), "Order reference; '/' while a draft"),
    Field("pos_reference", pl.String(), "Receipt number", required=False),
    Field("state", pl.String(), "draft, cancel, paid, done, invoiced"),
    Field("date_order", pl.Datetime("us"), "When it was sold, UTC"),
    Field("company_id", pl.Int64(), "Company"),
    Field("config_id", pl.Int64(), "Point of sale (shop)"),
    Field("session_id", pl.Int64(), "Session of the till"),
    Field("user_id", pl.Int64(), "Odoo user"),
    Field("employee_id", pl.Int64(), "Cashier (needs pos_hr)", required=False),
    Field("partner_id", pl.Int64(), "Customer; null is a walk-in"),
    Field("account_move", pl.Int64(), "Customer invoice of the order"),
    Field("currency_rate", pl.Float64(), "Order currency per company currency"),
    Field("amount_total", pl.Float64(), "Total with tax, order currency"),
    Field("amount_tax", pl.Float64(), "Tax, order currency"),
    Field("amount_paid", pl.Float64(), "Paid, order currency"),
    Field("amount_return", pl.Float64(), "Change given, order currency"),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
)

RECONCILE = Reconcile(
    sums=("amount_total", "amount_tax", "amount_paid", "amount_return"),
    kept=(("state", "in", SOLD_STATES),),
)

CLEAN = Table(
    "pos_orders",
    grain="one POS order in state paid, done or invoiced",
    key=("order_id",),
    columns=(
        DATE,
        identifier("order_id", "Order", "pos.order.id", nullable=False),
        Column("order_ref", pl.String(), "Order reference", source="pos.order.name"),
        Column("receipt_ref", pl.String(), "Receipt number", source="pos.order.pos_reference"),
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
        Column("amount_total_tax_in", MONEY, "Total", "company currency, tax in"),
        Column("amount_tax", MONEY, "Tax", "company currency"),
        Column("amount_paid", MONEY, "Paid", "company currency"),
        Column("amount_return", MONEY, "Change given", "company currency"),
    ),
)


def clean(raw: pl.LazyFrame, zone: str) -> pl.LazyFrame:
    """Sold orders only, one row an order, amounts in company currency."""
    rate = order_rate("currency_rate")
    return (
        raw.filter(pl.col("state").is_in(SOLD_STATES))
        .unique("id", keep="last", maintain_order=True)
        .select(
            "date",
            order_id="id",
            order_ref="name",
            receipt_ref="pos_reference",
            ordered_at="date_order",
            ordered_at_local=to_local(pl.col("date_order"), zone),
            order_state="state",
            company_id="company_id",
            pos_config_id="config_id",
            session_id="session_id",
            user_id="user_id",
            cashier_id="employee_id",
            customer_id="partner_id",
            account_move_id="account_move",
            amount_total_tax_in=money(pl.col("amount_total") / rate),
            amount_tax=money(pl.col("amount_tax") / rate),
            amount_paid=money(pl.col("amount_paid") / rate),
            amount_return=money(pl.col("amount_return") / rate),
        )
    )


def dataset(settings: Settings) -> Dataset:
    """POS orders of this retailer."""
    return Dataset(
        name="pos_orders",
        description="POS orders, one row an order.",
        source=Source("pos.order", "date_order", "utc", FIELDS),
        clean_table=CLEAN,
        clean=lambda raw: clean(raw, settings.nkdash_timezone),
        reconcile=RECONCILE,
    )
