"""Every KPI once: its SQL over the measure columns, unit, tax basis, and which way is good.

The SQL is an aggregate over the columns that the three sources in ``data/sql/source_*.sql`` share
(transactions, refund_transactions, customer_transactions, provisional_transactions, lines, items,
returned_units, gross_tax_in, discount_tax_in, returns_tax_in, revenue_tax_in, net_tax_ex).
``{revenue}`` is the revenue column of the tax basis asked for. Title and definition in words are
in the catalogue of texts, as ``kpi.<name>.title`` and ``kpi.<name>.words``.
"""

from dataclasses import dataclass
from enum import StrEnum

from dashboard.state import TaxBasis


class Unit(StrEnum):
    """What a KPI is counted in."""

    MONEY = "money"
    COUNT = "count"
    DECIMAL = "decimal"
    RATIO = "ratio"


class Good(StrEnum):
    """Which direction is better; decides green and red."""

    UP = "up"
    DOWN = "down"
    NEITHER = "neither"


class Basis(StrEnum):
    """Tax in the figure: as the reader chooses, always in, or no money at all."""

    CHOSEN = "chosen"
    TAX_IN = "tax_in"
    NONE = "none"


@dataclass(frozen=True)
class Kpi:
    """One KPI. ``formula`` names the columns; without rows a sum is null (no data), not 0."""

    name: str
    sql: str
    formula: str
    unit: Unit
    good: Good
    basis: Basis
    additive: bool

    def expression(self, tax: TaxBasis) -> str:
        """Its SQL for a tax basis, named."""
        return f"{self.sql.format(revenue=REVENUE[tax])} AS {self.name}"


REVENUE = {TaxBasis.IN: "revenue_tax_in", TaxBasis.EX: "net_tax_ex"}


def _ratio(top: str, bottom: str) -> str:
    return f"CAST({top} AS DOUBLE) / nullif(CAST({bottom} AS DOUBLE), 0)"


def _sum(name: str, column: str, unit: Unit, good: Good, basis: Basis) -> Kpi:
    return Kpi(name, f"sum({column})", f"sum of {column}", unit, good, basis, additive=True)


def _quotient(name: str, top: str, bottom: str, formula: str, unit: Unit, good: Good) -> Kpi:
    basis = Basis.CHOSEN if "{revenue}" in top else Basis.NONE
    basis = Basis.TAX_IN if "tax_in" in top else basis
    return Kpi(name, _ratio(top, bottom), formula, unit, good, basis, additive=False)


KPIS = {
    kpi.name: kpi
    for kpi in (
        Kpi(
            "net_revenue",
            "sum({revenue})",
            "gross sales - discounts - returns = revenue of all lines",
            Unit.MONEY,
            Good.UP,
            Basis.CHOSEN,
            additive=True,
        ),
        _sum("gross_sales", "gross_tax_in", Unit.MONEY, Good.UP, Basis.TAX_IN),
        _sum("discounts", "discount_tax_in", Unit.MONEY, Good.DOWN, Basis.TAX_IN),
        _sum("returns", "returns_tax_in", Unit.MONEY, Good.DOWN, Basis.TAX_IN),
        _sum("transactions", "transactions", Unit.COUNT, Good.UP, Basis.NONE),
        _sum("refund_transactions", "refund_transactions", Unit.COUNT, Good.DOWN, Basis.NONE),
        _sum("items_sold", "items", Unit.COUNT, Good.UP, Basis.NONE),
        _sum("items_returned", "returned_units", Unit.COUNT, Good.DOWN, Basis.NONE),
        Kpi(
            "net_items",
            "sum(items) - sum(returned_units)",
            "items sold - items returned",
            Unit.COUNT,
            Good.UP,
            Basis.NONE,
            additive=True,
        ),
        _quotient(
            "discount_rate",
            "sum(discount_tax_in)",
            "sum(gross_tax_in)",
            "discounts / gross sales",
            Unit.RATIO,
            Good.DOWN,
        ),
        _quotient(
            "return_rate",
            "sum(returns_tax_in)",
            "(sum(gross_tax_in) - sum(discount_tax_in))",
            "returns / (gross sales - discounts)",
            Unit.RATIO,
            Good.DOWN,
        ),
        _quotient(
            "return_rate_units",
            "sum(returned_units)",
            "sum(items)",
            "items returned / items sold",
            Unit.RATIO,
            Good.DOWN,
        ),
        _quotient(
            "average_transaction",
            "sum({revenue})",
            "sum(transactions)",
            "net revenue / transactions",
            Unit.MONEY,
            Good.UP,
        ),
        _quotient(
            "units_per_transaction",
            "sum(items)",
            "sum(transactions)",
            "items sold / transactions",
            Unit.DECIMAL,
            Good.UP,
        ),
        _quotient(
            "lines_per_basket",
            "sum(lines)",
            "(sum(transactions) + sum(refund_transactions))",
            "lines / (transactions + refund-only transactions)",
            Unit.DECIMAL,
            Good.UP,
        ),
        _quotient(
            "average_selling_price",
            "sum({revenue})",
            "(sum(items) - sum(returned_units))",
            "net revenue / (items sold - items returned)",
            Unit.MONEY,
            Good.UP,
        ),
        _quotient(
            "customer_share",
            "sum(customer_transactions)",
            "sum(transactions)",
            "transactions with a customer / transactions",
            Unit.RATIO,
            Good.UP,
        ),
        _quotient(
            "provisional_share",
            "sum(provisional_transactions)",
            "sum(transactions)",
            "transactions of open POS sessions / transactions",
            Unit.RATIO,
            Good.NEITHER,
        ),
    )
}


def select_list(names: tuple[str, ...], tax: TaxBasis) -> str:
    """The KPIs as a SELECT list. Raises KeyError for a name that is not registered."""
    return ",\n    ".join(KPIS[name].expression(tax) for name in names)
