"""Taxes: rate, included or excluded, withholding."""

import polars as pl

from nkdash.contracts import Column, Table
from nkdash.datasets.columns import identifier
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.odoo import versions
from nkdash.settings import Settings

TABLE = Table(
    "dim_taxes",
    grain="one tax",
    key=("tax_id",),
    partitioned=False,
    columns=(
        identifier("tax_id", "Tax", "account.tax.id", nullable=False),
        Column("name", pl.String(), "Name", source="account.tax.name"),
        Column(
            "kind", pl.String(), "percent, division, fixed, group", source="account.tax.amount_type"
        ),
        Column(
            "rate",
            pl.Float64(),
            "Rate on the amount without tax; a group's is the sum of its taxes'; null if fixed",
            "percent",
            "account.tax.amount",
        ),
        Column(
            "charged_rate",
            pl.Float64(),
            "Rate without what is withheld: 0 for a withholding tax; a group's is the sum of its "
            "positive ones; null if fixed",
            "percent",
            "account.tax.amount",
        ),
        Column("price_included", pl.Boolean(), "The price holds the tax already", nullable=False),
        Column(
            "withholding",
            pl.Boolean(),
            "Negative rate: kept back, no part of a price",
            nullable=False,
        ),
        Column("use", pl.String(), "sale, purchase, none", source="account.tax.type_tax_use"),
        identifier("company_id", "Company", "account.tax.company_id"),
        Column("active", pl.Boolean(), "False when archived", nullable=False),
    ),
)

FIELDS = (
    Field("id", pl.Int64(), "Tax"),
    Field("name", pl.String(), "Name"),
    Field("amount", pl.Float64(), "Rate in percent, or a fixed amount"),
    Field("amount_type", pl.String(), "percent, division, fixed, group"),
    Field("price_include", pl.Boolean(), "The price holds the tax already", required=False),
    Field(
        "price_include_override",
        pl.String(),
        "tax_included, tax_excluded; empty: as the company has it (18 and later)",
        required=False,
    ),
    Field(
        "company_id.account_price_include",
        pl.String(),
        "tax_included, tax_excluded (18 and later)",
        required=False,
    ),
    Field("type_tax_use", pl.String(), "sale, purchase, none"),
    Field("children_tax_ids", pl.List(pl.Int64()), "Taxes of a group", required=False),
    Field("company_id", pl.Int64(), "Company"),
    Field("active", pl.Boolean(), "False when archived"),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
)


def make(raw: pl.LazyFrame) -> pl.LazyFrame:
    """dim_taxes; a division tax of 10 % is 10/90 of the amount without tax."""
    amount = pl.col("amount")
    own = raw.with_columns(
        price_included=versions.tax_included(),
        own_rate=pl.when(pl.col("amount_type") == "percent")
        .then(amount)
        .when((pl.col("amount_type") == "division") & (amount != 100))
        .then(amount / (100 - amount) * 100),
    )
    children = own.select(child="id", child_rate="own_rate", child_included="price_included")
    groups = (
        own.filter(pl.col("amount_type") == "group")
        .select("id", child="children_tax_ids")
        .explode("child", empty_as_null=False)
        .join(children, on="child", how="inner")
        .group_by("id")
        .agg(
            group_rate=pl.col("child_rate").sum(),
            group_charged=pl.col("child_rate").clip(lower_bound=0).sum(),
            group_included=pl.col("child_included").all(),
        )
    )
    return own.join(groups, on="id", how="left").select(
        tax_id="id",
        name="name",
        kind="amount_type",
        rate=pl.coalesce("group_rate", "own_rate"),
        charged_rate=pl.coalesce("group_charged", pl.col("own_rate").clip(lower_bound=0)),
        price_included=pl.coalesce("group_included", "price_included"),
        withholding=(pl.coalesce("group_rate", "own_rate") < 0).fill_null(False),
        use="type_tax_use",
        company_id="company_id",
        active=pl.col("active").fill_null(True),
    )


def dimension(settings: Settings) -> Dimension:
    """Taxes of this retailer."""
    return Dimension(
        name="taxes",
        description="Taxes and their rates.",
        model="account.tax",
        fields=FIELDS,
        table=TABLE,
        make=make,
    )
