"""Employees: the cashiers of a POS with pos_hr."""

import polars as pl

from nkdash.contracts import Column, Table
from nkdash.datasets.columns import identifier
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.settings import Settings

TABLE = Table(
    "dim_employees",
    grain="one employee",
    key=("employee_id",),
    partitioned=False,
    columns=(
        identifier("employee_id", "Employee", "hr.employee.id", nullable=False),
        Column("name", pl.String(), "Name", source="hr.employee.name"),
        identifier("user_id", "Odoo user", "hr.employee.user_id"),
        identifier("company_id", "Company", "hr.employee.company_id"),
        Column(
            "active",
            pl.Boolean(),
            "False when archived",
            source="hr.employee.active",
            nullable=False,
        ),
    ),
)

FIELDS = (
    Field("id", pl.Int64(), "Employee"),
    Field("name", pl.String(), "Name"),
    Field("user_id", pl.Int64(), "Odoo user", required=False),
    Field("company_id", pl.Int64(), "Company", required=False),
    Field("active", pl.Boolean(), "False when archived"),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
)


def make(raw: pl.LazyFrame) -> pl.LazyFrame:
    """dim_employees: names and nothing private; former employees too."""
    return raw.select(
        employee_id="id",
        name="name",
        user_id="user_id",
        company_id="company_id",
        active=pl.col("active").fill_null(True),
    )


def dimension(settings: Settings) -> Dimension:
    """Employees of this retailer."""
    return Dimension(
        name="employees",
        description="Employees: the cashiers of a POS with pos_hr.",
        model="hr.employee",
        fields=FIELDS,
        table=TABLE,
        make=make,
        optional=True,
    )
