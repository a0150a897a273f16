"""Payment methods of the POS."""

import polars as pl

from nkdash.contracts import Column, Table
from nkdash.datasets.columns import identifier
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.settings import Settings

TABLE = Table(
    "dim_payment_methods",
    grain="one payment method",
    key=("payment_method_id",),
    partitioned=False,
    columns=(
        identifier("payment_method_id", "Payment method", "pos.payment.method.id", nullable=False),
        Column("name", pl.String(), "Name", source="pos.payment.method.name"),
        Column(
            "is_cash",
            pl.Boolean(),
            "Counted as cash",
            source="pos.payment.method.is_cash_count",
            nullable=False,
        ),
        identifier("company_id", "Company", "pos.payment.method.company_id"),
        Column(
            "active",
            pl.Boolean(),
            "False when archived",
            source="pos.payment.method.active",
            nullable=False,
        ),
    ),
)

FIELDS = (
    Field("id", pl.Int64(), "Payment method"),
    Field("name", pl.String(), "Name"),
    Field("is_cash_count", pl.Boolean(), "Counted as cash", required=False),
    Field("company_id", pl.Int64(), "Company", required=False),
    Field("active", pl.Boolean(), "False when archived", required=False),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
)


def make(raw: pl.LazyFrame) -> pl.LazyFrame:
    """dim_payment_methods: archived ones too."""
    return raw.select(
        payment_method_id="id",
        name="name",
        is_cash=pl.col("is_cash_count").fill_null(False),
        company_id="company_id",
        active=pl.col("active").fill_null(True),
    )


def dimension(settings: Settings) -> Dimension:
    """Payment methods of the POS of this retailer."""
    return Dimension(
        name="payment_methods",
        description="Payment methods of the POS.",
        model="pos.payment.method",
        fields=FIELDS,
        table=TABLE,
        make=make,
    )
