"""What the Profit page asks beside its KPIs; company currency, on the tax basis asked for."""

from dashboard.data.queries import sql
from nkdash.kpis import profit
from nkdash.kpis.model import COLUMNS, Query
from nkdash.kpis.sales import PRODUCT_COLUMNS, PRODUCT_FILTERS, where
from nkdash.kpis.selection import Selection
from nkdash.kpis.selection import sql as kpi_sql


def products(selection: Selection, *, uncovered: bool) -> Query:
    """One row a product sold, with revenue, cost, profit, margin and coverage.

    Without ``uncovered`` cost, profit and margin are null where coverage is too little.
    """
    source, params = profit.rows(selection.now, (), ("product",))
    text = sql("profit/products").format(source=source, **COLUMNS[selection.tax])
    return Query(text, {**params, "uncovered": uncovered, "enough": profit.ENOUGH})


def losses(selection: Selection) -> Query:
    """One row a line sold below cost: revenue, cost and what was lost."""
    return _of_lines("losses", selection)


def loss_reasons(selection: Selection) -> Query:
    """By reason (free, discounted, priced): lines, products, revenue and what was lost."""
    return _of_lines("loss_reasons", selection)


def discounts(selection: Selection) -> Query:
    """By band of discount (0 none, 1 to 10 %, 2 to 20 %, 3 to 30 %, 4 to 50 %, 5 more, 6 free):
    lines, revenue, discounts (tax in), revenue with and without cost, gross profit.
    """
    return _of_lines("discounts", selection)


def _of_lines(name: str, selection: Selection) -> Query:
    condition, params = where(selection.now, product="p")
    _, joins = profit.joined(selection, ())
    text = sql(f"profit/{name}").format(joins=joins, where=condition, **COLUMNS[selection.tax])
    return Query(text, params)


def receipt(transaction: str, selection: Selection) -> Query:
    """The lines of one receipt or document, with cost and profit where known."""
    text = sql("profit/receipt").format(**COLUMNS[selection.tax])
    return Query(text, {"transaction": transaction, "companies": selection.companies})


def cost_changes(selection: Selection) -> Query:
    """One row a bill that changed the unit cost of a product, with the effect on what was sold at
    the new cost. Of the filters those on products alone.
    """
    terms = []
    for kind in PRODUCT_FILTERS:
        if selection.has(kind) and kind == "vendor":
            terms.append(kpi_sql("of_vendor").format(line="c"))
        elif selection.has(kind):
            terms.append(f"p.{PRODUCT_COLUMNS[kind]} = ANY(${kind})")
    text = sql("profit/cost_changes").format(
        where="".join(f"\n        AND {term}" for term in terms), **COLUMNS[selection.tax]
    )
    held = {kind: ids for kind, ids in selection.filters.items() if kind in PRODUCT_FILTERS}
    days = {"from_day": selection.period.first, "to_day": selection.period.last}
    return Query(text, {**days, "companies": selection.companies, **held})


def cost_effect(selection: Selection) -> Query:
    """The cost changes added up: dearer and cheaper products, and what that gave to profit."""
    changes = cost_changes(selection)
    return Query(sql("profit/cost_effect").format(changes=changes.sql), changes.params)
