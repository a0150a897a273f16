"""Customers: who bought, who is new, and what they spent.

A customer is one of a company: who buys from two companies is a customer of each. A transaction
without a customer is a walk-in, and in none of these figures. A customer is new in a slice of the
sales (days, store, cashier, …) that holds his first transaction, as the lake knows it: so he is new
once, and new customers add up. Amounts are company currency.
"""

from typing import Any

from nkdash.kpis import flow, sales
from nkdash.kpis.model import Basis, Family, Good, Kpi, KpiError, Query, Unit, ratio
from nkdash.kpis.periods import Grain
from nkdash.kpis.selection import ALL_FILTERS, Selection, period_params, periods, sql

DIMENSIONS = {
    kind: column for kind, column in sales.DIMENSIONS.items() if kind not in sales.PRODUCT_COLUMNS
}
_BOUGHT = "transactions > 0"


def _count(name: str, title: str, words: str, formula: str, which: str, *, additive: bool) -> Kpi:
    return Kpi(
        name,
        title,
        words,
        formula,
        f"count(*) FILTER ({which})",
        Unit.COUNT,
        Good.UP,
        Basis.NONE,
        additive,
        none="No known customer on these days.",
    )


def _revenue(name: str, title: str, words: str, formula: str, which: str) -> Kpi:
    return Kpi(
        name,
        title,
        words,
        formula,
        f"coalesce(sum({{revenue}}) FILTER ({which}), 0)",
        Unit.MONEY,
        Good.UP,
        Basis.CHOSEN,
        additive=False,
        none="No known customer on these days.",
    )


KPIS = (
    _count(
        "active_customers",
        "Active customers",
        "Known customers who bought something. Who buys twice, or in two stores, is one customer, "
        "so days and stores do not add up.",
        "distinct customers with a transaction",
        _BOUGHT,
        additive=False,
    ),
    _count(
        "new_customers",
        "New customers",
        "Customers whose first transaction is among those shown. First means the first that was "
        "loaded: who bought before the loaded days begin counts as new on the next visit.",
        "distinct customers whose first transaction is in the selection",
        f"{_BOUGHT} AND is_new",
        additive=True,
    ),
    _count(
        "returning_customers",
        "Returning customers",
        "Active customers who are not new: they had bought before.",
        "active customers - new customers",
        f"{_BOUGHT} AND NOT is_new",
        additive=False,
    ),
    _revenue(
        "new_customer_revenue",
        "Revenue of new customers",
        "Net revenue of the customers who are new, all their transactions shown.",
        "revenue of new customers",
        "is_new",
    ),
    _revenue(
        "returning_customer_revenue",
        "Revenue of returning customers",
        "Net revenue of the known customers who are not new, what they brought back taken off.",
        "revenue of known customers - revenue of new customers",
        "NOT is_new",
    ),
    Kpi(
        "revenue_per_customer",
        "Revenue per customer",
        "Net revenue of known customers for each active one. Walk-ins are in neither.",
        "revenue of known customers / active customers",
        ratio("sum({revenue})", f"count(*) FILTER ({_BOUGHT})"),
        Unit.MONEY,
        Good.UP,
        Basis.CHOSEN,
        additive=False,
        none="No known customer on these days.",
    ),
)


def receipts(selection: Selection) -> tuple[str, dict[str, Any]]:
    """One row a transaction, walk-ins too; with product filters of its lines of those products."""
    if selection.has(*sales.PRODUCT_FILTERS):
        condition, params = sales.where(selection, product="p", own=True)
        text = sql("sales/source_lines").format(
            where=condition, line_measures=sql("sales/line_measures")
        )
        return text, params
    condition, params = sales.where(selection, own=True)
    return sql("sales/source_transactions").format(where=condition), params


def rows(selection: Selection) -> tuple[str, dict[str, Any]]:
    """The receipts of known customers, with ``is_first``."""
    transactions, params = receipts(selection)
    return sql("customers/source").format(transactions=transactions), params


def measure(selection: Selection, kpis: tuple[Kpi, ...], by: tuple[str, ...]) -> Query:
    """See Family.measure. Raises KpiError for customers by product."""
    if unknown := [name for name in by if name not in DIMENSIONS and name not in flow.CALENDAR]:
        raise KpiError(
            f"{kpis[0].name} cannot be told by {', '.join(unknown)}; it can by "
            f"{', '.join((*flow.CALENDAR, *DIMENSIONS))}, and filtered by any product"
        )
    source, params = rows(selection)
    text = sql("customers/measure").format(
        periods=periods(selection),
        source=source,
        dimensions="".join(f"\n        {flow.dimension(n, DIMENSIONS)} AS {n}," for n in by),
        customer=sql("customers/customer"),
        groups=", ".join(("period", *by)),
        kpis=flow.select_list(kpis, selection.tax),
    )
    return Query(text, {**params, **period_params(selection)})


def days(selection: Selection) -> tuple[str, dict[str, Any]]:
    """One row a day of a known customer, over all sales of the companies."""
    condition, params = sales.where(selection)
    return sql("customers/source_days").format(where=condition), params


def trend(selection: Selection, kpis: tuple[Kpi, ...], grain: Grain) -> Query:
    """See Family.trend. How a customer stood on a day is kept for all sales together; with filters
    it is worked out from his receipts.
    """
    if selection.filters:
        source, params = rows(selection)
        found = sql("customers/of_receipts").format(customer=sql("customers/customer"))
    else:
        source, params = days(selection)
        found = sql("customers/of_days")
    text = sql("customers/trend").format(
        periods=periods(selection),
        source=source,
        bucket=sql("bucket").format(grain="$grain"),
        customers=found,
        kpis=flow.select_list(kpis, selection.tax),
    )
    return Query(text, {**params, **period_params(selection), "grain": grain.value})


def family() -> Family:
    """The family of customers."""
    return Family(
        name="customers",
        title="Customers",
        kpis=KPIS,
        by=(*flow.CALENDAR, *DIMENSIONS),
        filters=ALL_FILTERS,
        measure=measure,
        trend=trend,
    )
