"""The shape of a dimension: one Odoo model read whole, one table that people join."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from nkdash.contracts import Table
from nkdash.datasets.spec import Field, raw_table


@dataclass(frozen=True)
class Dimension:
    """A dimension: raw/<name> mirrors the model, star/dim_<name> is what people join.

    ``optional`` models (a Studio model, an app that is not installed) may be absent from an Odoo;
    the dimension is then empty.
    """

    name: str
    description: str
    model: str
    fields: tuple[Field, ...]
    table: Table
    make: Callable[[pl.LazyFrame], pl.LazyFrame]
    optional: bool = False

    @property
    def raw_table(self) -> Table:
        """The contract of raw: Odoo's own names and types, archived records too."""
        return raw_table(self.name, self.model, self.fields, partitioned=False)
