"""POS payments: one row a payment; the change given in cash is its own negative payment."""

from collections.abc import Mapping

import polars as pl

from nkdash.contracts import MONEY, Column, Table, money
from nkdash.datasets.columns import (
    COMPANY,
    DATE,
    SOLD_STATES,
    identifier,
    order_rate,
    utc_column,
)
from nkdash.datasets.spec import Dataset, Fact, Field, Reconcile, Source
from nkdash.settings import Settings

FIELDS = (
    Field("id", pl.Int64(), "Payment"),
    Field("pos_order_id", pl.Int64(), "Order"),
    Field("payment_method_id", pl.Int64(), "Payment method"),
    Field("payment_date", pl.Datetime("us"), "When it was paid, UTC"),
    Field("amount", pl.Float64(), "Amount, order currency"),
    Field("is_change", pl.Boolean(), "Change given back"),
    Field("company_id", pl.Int64(), "Company"),
    Field("session_id", pl.Int64(), "Session of the till"),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
    Field("pos_order_id.date_order", pl.Datetime("us"), "When the order was sold, UTC"),
    Field("pos_order_id.state", pl.String(), "State of the order"),
    Field("pos_order_id.config_id", pl.Int64(), "Point of sale (shop)"),
    Field("pos_order_id.partner_id", pl.Int64(), "Customer"),
    Field("pos_order_id.employee_id", pl.Int64(), "Cashier (needs pos_hr)", required=False),
    Field("pos_order_id.currency_rate", pl.Float64(), "Order currency per company currency"),
    Field("pos_order_id.write_date", pl.Datetime("us"), "Last change of the order, UTC"),
)

RECONCILE = Reconcile(
    sums=("amount",),
    kept=(("pos_order_id.state", "in", SOLD_STATES),),
    by=("payment_method_id",),
)

CLEAN = Table(
    "pos_payments",
    grain="one payment of a POS order in state paid, done or invoiced",
    key=("payment_id",),
    columns=(
        DATE,
        identifier("payment_id", "Payment", "pos.payment.id", nullable=False),
        identifier("order_id", "Order", "pos.payment.pos_order_id", nullable=False),
        utc_column("paid_at", "When it was paid", "pos.payment.payment_date", nullable=True),
        COMPANY,
        identifier("pos_config_id", "Point of sale (shop)", "pos.order.config_id"),
        identifier("session_id", "Session of the till", "pos.payment.session_id"),
        identifier("cashier_id", "Cashier (employee)", "pos.order.employee_id"),
        identifier("customer_id", "Customer; null is a walk-in", "pos.order.partner_id"),
        identifier("payment_method_id", "Payment method", "pos.payment.payment_method_id"),
        Column(
            "amount",
            MONEY,
            "Amount paid; change given and refunds are negative",
            "company currency, tax in",
            "pos.payment.amount / pos.order.currency_rate",
            nullable=False,
        ),
        Column("is_change", pl.Boolean(), "Change given back", source="pos.payment.is_change"),
    ),
)

FACT = Table("fact_payments", "one POS payment", CLEAN.key, CLEAN.columns)


def clean(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Payments of sold orders only, one row a payment, amounts in company currency."""
    rate = order_rate("pos_order_id.currency_rate")
    return (
        raw.filter(pl.col("pos_order_id.state").is_in(SOLD_STATES))
        .unique("id", keep="last", maintain_order=True)
        .select(
            "date",
            payment_id="id",
            order_id="pos_order_id",
            paid_at="payment_date",
            company_id="company_id",
            pos_config_id="pos_order_id.config_id",
            session_id="session_id",
            cashier_id="pos_order_id.employee_id",
            customer_id="pos_order_id.partner_id",
            payment_method_id="payment_method_id",
            amount=money(pl.col("amount") / rate),
            is_change=pl.col("is_change").fill_null(False),
        )
    )


def fact(clean: pl.LazyFrame, dimensions: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """fact_payments: the clean payments as they are."""
    return clean


def dataset(settings: Settings) -> Dataset:
    """POS payments of this retailer."""
    return Dataset(
        name="pos_payments",
        description="POS payments, one row a payment, on the business day of their order.",
        source=Source("pos.payment", "pos_order_id.date_order", "utc", FIELDS),
        clean_table=CLEAN,
        clean=clean,
        fact=Fact(FACT, fact, measures=("amount",)),
        reconcile=RECONCILE,
    )
