"""Partners: customers, vendors, principals. Personal data: contacts only when switched on."""

import polars as pl

from nkdash.contracts import Column, Table
from nkdash.datasets.columns import identifier
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.settings import Settings

TABLE = Table(
    "dim_partners",
    grain="one partner",
    key=("partner_id",),
    partitioned=False,
    columns=(
        identifier("partner_id", "Partner", "res.partner.id", nullable=False),
        Column("name", pl.String(), "Name; null where Odoo has none", source="res.partner.name"),
        identifier("parent_id", "Company the contact belongs to", "res.partner.parent_id"),
        Column("is_company", pl.Boolean(), "A company, not a person", nullable=False),
        Column("city", pl.String(), "City", source="res.partner.city"),
        Column("email", pl.String(), "E-mail; only with NKDASH_PARTNER_CONTACTS"),
        Column("phone", pl.String(), "Phone; only with NKDASH_PARTNER_CONTACTS"),
        Column("active", pl.Boolean(), "False when archived", nullable=False),
    ),
)


def fields(contacts: bool) -> tuple[Field, ...]:
    """What is asked of res.partner; e-mail and phone are not even read unless ``contacts``."""
    return (
        Field("id", pl.Int64(), "Partner"),
        Field("name", pl.String(), "Name"),
        Field("parent_id", pl.Int64(), "Company the contact belongs to"),
        Field("is_company", pl.Boolean(), "A company, not a person"),
        Field("city", pl.String(), "City", required=False),
        Field("email" if contacts else "", pl.String(), "E-mail", required=False, column="email"),
        Field("phone" if contacts else "", pl.String(), "Phone", required=False, column="phone"),
        Field("active", pl.Boolean(), "False when archived"),
        Field("write_date", pl.Datetime("us"), "Last change, UTC"),
    )


def make(raw: pl.LazyFrame) -> pl.LazyFrame:
    """dim_partners: archived partners too."""
    return raw.select(
        "name",
        "parent_id",
        "city",
        "email",
        "phone",
        partner_id="id",
        is_company=pl.col("is_company").fill_null(False),
        active=pl.col("active").fill_null(True),
    )


def dimension(settings: Settings) -> Dimension:
    """Partners of this retailer."""
    return Dimension(
        name="partners",
        description="Customers, vendors and principals.",
        model="res.partner",
        fields=fields(settings.nkdash_partner_contacts),
        table=TABLE,
        make=make,
    )
