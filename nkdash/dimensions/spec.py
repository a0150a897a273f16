"""The shape of a dimension: one Odoo model read whole, one table that people join."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import polars as pl

from nkdash.contracts import Table
from nkdash.datasets.columns import COMPANY
from nkdash.datasets.spec import Field, raw_table


@dataclass(frozen=True)
class Dimension:
    """A dimension: raw/<name> mirrors the model, star/dim_<name> is what people join.

    ``optional`` models (a Studio model, an app that is not installed) may be absent from an Odoo;
    the dimension is then empty. One ``per_company`` holds values that each company has of its own:
    the model is read once for each, and raw says for which in ``company_id``.
    """

    name: str
    description: str
    model: str
    fields: tuple[Field, ...]
    table: Table
    make: Callable[[pl.LazyFrame], pl.LazyFrame]
    optional: bool = False
    per_company: bool = False

    @property
    def raw_table(self) -> Table:
        """The contract of raw: Odoo's own names and types, archived records too."""
        table = raw_table(self.name, self.model, self.fields, partitioned=False)
        if not self.per_company:
            return table
        return replace(table, key=("company_id", *table.key), columns=(COMPANY, *table.columns))
