"""Verdicts of the reconciliation: one file a dataset and business day, ``quality/<dataset>/``.

The last reconciliation of a day replaces the one before. Publish reads them: a day that differs
keeps the rows that were published before.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

import polars as pl

from nkdash.contracts import Column, Table
from nkdash.datasets.columns import DATE, utc_column
from nkdash.lake import LakePath, Layer, days_present, scan_days, write_days

VALUE = pl.Decimal(18, 4)

TABLE = Table(
    "reconciliation",
    grain="one figure of a business day of a dataset, as Odoo and as the lake have it",
    key=("dataset", "date", "figure"),
    columns=(
        Column("dataset", pl.String(), "Dataset", nullable=False),
        DATE,
        Column(
            "figure",
            pl.String(),
            "count, a field of Odoo that is summed up, or rows of <layer>/<table>",
            nullable=False,
        ),
        Column("odoo_value", VALUE, "As Odoo has it", "that of the field in Odoo", nullable=False),
        Column(
            "lake_value",
            VALUE,
            "As the lake has it; null: not there, or older than what it is made from",
            "that of the field in Odoo",
        ),
        Column("agrees", pl.Boolean(), "Equal, group by group", nullable=False),
        Column("detail", pl.String(), "Groups that differ, or what is wrong with the lake"),
        utc_column("checked_at", "When Odoo was asked", "the clock of the machine"),
    ),
    volatile=("checked_at",),
)


def of_dataset(dataset: str) -> Table:
    """The contract of a dataset's own files of verdicts."""
    return replace(TABLE, name=dataset)


def write_verdicts(
    root: LakePath, dataset: str, verdicts: pl.DataFrame, days: Sequence[date], checked_at: datetime
) -> None:
    """Replace the verdicts of ``days``. Raises as nkdash.lake.write_days."""
    write_days(root, Layer.QUALITY, of_dataset(dataset), verdicts, days, as_of=checked_at)


def read_verdicts(root: LakePath, dataset: str, days: Sequence[date]) -> pl.DataFrame:
    """What the last reconciliations said of ``days``; those never reconciled are left out."""
    table = of_dataset(dataset)
    known = sorted(days_present(root, Layer.QUALITY, dataset) & set(days))
    return scan_days(root, Layer.QUALITY, table, known).collect()


def differing_days(verdicts: pl.DataFrame) -> list[date]:
    """The days of ``verdicts`` on which a figure differs, oldest first."""
    return verdicts.filter(~pl.col("agrees")).get_column("date").unique().sort().to_list()
