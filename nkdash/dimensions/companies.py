"""Companies and their currencies."""

import polars as pl

from nkdash.contracts import MONEY_DECIMALS, Column, Table
from nkdash.datasets.columns import identifier
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.settings import Settings

TABLE = Table(
    "dim_companies",
    grain="one company",
    key=("company_id",),
    partitioned=False,
    columns=(
        identifier("company_id", "Company", "res.company.id", nullable=False),
        Column("name", pl.String(), "Name", source="res.company.name"),
        identifier("currency_id", "Currency", "res.company.currency_id"),
        Column("currency", pl.String(), "Currency code, ISO 4217", source="res.currency.name"),
        Column("currency_symbol", pl.String(), "Currency symbol", source="res.currency.symbol"),
        Column(
            "decimal_places",
            pl.Int64(),
            "Decimals of the currency",
            source="res.currency.decimal_places",
            # Amounts would be rounded to fewer: NKDASH_MONEY_DECIMALS is to be raised first.
            maximum=MONEY_DECIMALS,
        ),
    ),
)

FIELDS = (
    Field("id", pl.Int64(), "Company"),
    Field("name", pl.String(), "Name"),
    Field("currency_id", pl.Int64(), "Currency"),
    Field("currency_id.name", pl.String(), "Currency code"),
    Field("currency_id.symbol", pl.String(), "Currency symbol"),
    Field("currency_id.decimal_places", pl.Int64(), "Decimals of the currency", required=False),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
)


def make(raw: pl.LazyFrame) -> pl.LazyFrame:
    """dim_companies: each with the currency its figures are in."""
    return raw.select(
        company_id="id",
        name="name",
        currency_id="currency_id",
        currency="currency_id.name",
        currency_symbol="currency_id.symbol",
        decimal_places="currency_id.decimal_places",
    )


def dimension(settings: Settings) -> Dimension:
    """Companies and their currencies of this retailer."""
    return Dimension(
        name="companies",
        description="Companies and their currencies.",
        model="res.company",
        fields=FIELDS,
        table=TABLE,
        make=make,
    )
