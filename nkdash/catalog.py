"""Everything NKDash loads: the datasets and dimensions found in their rooms, by name."""

from dataclasses import dataclass

import nkdash.datasets
import nkdash.dimensions
from nkdash.contracts import Table
from nkdash.datasets import opening_costs
from nkdash.datasets.spec import Dataset
from nkdash.dimensions.spec import Dimension
from nkdash.discovery import offers
from nkdash.settings import Settings


@dataclass(frozen=True)
class Catalog:
    """The datasets and dimensions of one retailer."""

    datasets: tuple[Dataset, ...]
    dimensions: tuple[Dimension, ...]

    @property
    def facts(self) -> tuple[Table, ...]:
        """Contracts of the fact tables in the star schema."""
        return tuple(d.fact.table for d in self.datasets if d.fact)

    @property
    def dimension_tables(self) -> tuple[Table, ...]:
        """Contracts of the tables in the star schema that have no days."""
        return (*(d.table for d in self.dimensions), opening_costs.TABLE)

    def dimension_table(self, name: str) -> Table:
        """Contract of the dimension table ``name``, e.g. dim_taxes. Raises KeyError."""
        return {table.name: table for table in self.dimension_tables}[name]


def load_catalog(settings: Settings) -> Catalog:
    """Ask every module of the two rooms for its dataset or dimension."""
    return Catalog(
        datasets=tuple(make(settings) for make in offers(nkdash.datasets, "dataset")),
        dimensions=tuple(make(settings) for make in offers(nkdash.dimensions, "dimension")),
    )
