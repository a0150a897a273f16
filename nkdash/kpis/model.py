"""What a KPI, a family of KPIs and a question are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nkdash.kpis.periods import Grain
    from nkdash.kpis.selection import Selection

Params = Mapping[str, Any]


class KpiError(ValueError):
    """A question that a family cannot answer; says why and what can be asked instead."""


class Unit(StrEnum):
    """What a KPI is counted in."""

    MONEY = "money"
    COUNT = "count"
    DECIMAL = "decimal"
    RATIO = "ratio"
    DAYS = "days"
    DATE = "date"


class Good(StrEnum):
    """Which direction is better; decides green and red."""

    UP = "up"
    DOWN = "down"
    NEITHER = "neither"


class Basis(StrEnum):
    """Tax in the figure: as the reader chooses, always in, always out, or no money at all."""

    CHOSEN = "chosen"
    TAX_IN = "tax_in"
    TAX_EX = "tax_ex"
    NONE = "none"


class TaxBasis(StrEnum):
    """Whether revenue holds the tax."""

    IN = "in"
    EX = "ex"


@dataclass(frozen=True)
class Kpi:
    """One KPI. ``formula`` names columns or other KPIs; ``sql`` is an aggregate over the columns of
    its family's sources, where ``{revenue}``, ``{cogs}`` and the like stand for the column of the
    tax basis asked for. ``none`` says what no figure (null) means, beside a true zero.

    ``additive``: its figures over disjoint slices add up to the figure of the whole.
    """

    name: str
    title: str
    words: str
    formula: str
    sql: str
    unit: Unit
    good: Good
    basis: Basis
    additive: bool
    none: str = "Nothing to divide by."

    def expression(self, tax: TaxBasis) -> str:
        """Its SQL for a tax basis, named."""
        return f"{self.sql.format(**COLUMNS[tax])} AS {self.name}"


COLUMNS: Mapping[TaxBasis, Mapping[str, str]] = {
    TaxBasis.IN: {
        "revenue": "revenue_tax_in",
        "cogs": "cogs_tax_in",
        "profit": "gross_profit_tax_in",
        "costed_revenue": "costed_revenue_tax_in",
        "cost_unit": "cost_unit_tax_in",
        "before_unit": "before_unit_tax_in",
    },
    TaxBasis.EX: {
        "revenue": "net_tax_ex",
        "cogs": "cogs_tax_ex",
        "profit": "gross_profit_tax_ex",
        "costed_revenue": "costed_net_tax_ex",
        "cost_unit": "cost_unit_tax_ex",
        "before_unit": "before_unit_tax_ex",
    },
}
"""The columns of a tax basis: revenue and cost are always on the same one."""


@dataclass(frozen=True)
class Query:
    """One question: SQL with ``$name`` parameters. Lists are tuples here, so it can be a key."""

    sql: str
    params: Params

    @property
    def key(self) -> tuple[str, tuple[tuple[str, Any], ...]]:
        """What tells it from other questions."""
        return self.sql, tuple(sorted(self.params.items()))

    @property
    def values(self) -> dict[str, Any]:
        """The parameters as DuckDB takes them."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in self.params.items()}


@dataclass(frozen=True)
class Family:
    """KPIs that are measured together.

    ``by`` are its dimensions (beside day, week and month where ``trend`` is one), ``filters`` the
    filters of a Selection that it knows; it ignores the others. ``measure(selection, kpis, by)``
    answers a row for each period ('now', and 'base' where there is one) and value of ``by``:
    columns period, one named as each dimension (an id, or null), one a KPI. ``trend(selection,
    kpis, grain)`` answers a row for each period and bucket: columns period, bucket (DATE, its
    first day, clipped to the range; base buckets lie on the current days), is_total (the row of the
    whole period), one a KPI. ``measure_each(selection, kpis, kinds)`` answers several dimensions at
    once, a row for each period and value of each: columns period, kind (the dimension), id, one a
    KPI. All raise KpiError.
    """

    name: str
    title: str
    kpis: tuple[Kpi, ...]
    by: tuple[str, ...]
    filters: tuple[str, ...]
    measure: Callable[["Selection", tuple[Kpi, ...], tuple[str, ...]], Query]
    trend: Callable[["Selection", tuple[Kpi, ...], "Grain"], Query] | None = None
    measure_each: Callable[["Selection", tuple[Kpi, ...], tuple[str, ...]], Query] | None = None


def ratio(top: str, bottom: str) -> str:
    """SQL of a quotient in double precision; null where there is nothing to divide by."""
    return f"CAST({top} AS DOUBLE) / nullif(CAST({bottom} AS DOUBLE), 0)"
