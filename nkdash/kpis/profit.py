"""Profit: what sales earned over the cost of their goods, wherever that cost is known.

Cost is that of the sale's day (fact_sales_profit); lines without one are in no cost, profit or
margin, and coverage tells how much revenue they are. Revenue and cost are always on the same tax
basis. The cheapest source that knows the filters and dimensions is taken: day x store, else day x
store x category, else day x product, else lines. Amounts are company currency.
"""

from functools import partial
from typing import Any

from nkdash.kpis import flow
from nkdash.kpis.model import Basis, Family, Good, Kpi, Unit, ratio
from nkdash.kpis.sales import PRODUCT_COLUMNS, PRODUCT_FILTERS, where
from nkdash.kpis.selection import FILTERS, Selection, sql

DIMENSIONS = {
    "company": "company_id",
    "source": "source",
    "store": "pos_config_id",
    "cashier": "cashier_id",
    "customer": "customer_id",
    "cost_source": "cost_source",
    "vendor": "vendor_id",
    **PRODUCT_COLUMNS,
}
OF_PRODUCTS = tuple(kind for kind in PRODUCT_COLUMNS if kind != "product")
ENOUGH = 0.95
"""A margin that stands on less cost coverage is hidden until asked for."""
NO_COST = "No line among these has a known cost, so there is none; never zero."

KPIS = (
    Kpi(
        "gross_profit",
        "Gross profit",
        "What is left of revenue once the cost of the goods is paid. Only lines whose cost is "
        "known.",
        "revenue with cost - cost of goods sold",
        "sum({profit})",
        Unit.MONEY,
        Good.UP,
        Basis.CHOSEN,
        additive=True,
        none=NO_COST,
    ),
    Kpi(
        "gross_margin",
        "Gross margin",
        "The part of revenue that is gross profit. Only lines whose cost is known.",
        "gross profit / revenue with cost",
        ratio("sum({profit})", "sum({costed_revenue})"),
        Unit.RATIO,
        Good.UP,
        Basis.CHOSEN,
        additive=False,
        none=NO_COST,
    ),
    Kpi(
        "cogs",
        "Cost of goods sold",
        "What the goods sold had cost as of the day of their sale; goods that came back are taken "
        "off. Only lines whose cost is known.",
        "sum of unit cost as of the day x quantity",
        "sum({cogs})",
        Unit.MONEY,
        Good.NEITHER,
        Basis.CHOSEN,
        additive=True,
        none=NO_COST,
    ),
    Kpi(
        "costed_revenue",
        "Revenue with cost",
        "Net revenue of the lines whose cost is known: what profit and margin are told of.",
        "net revenue of lines with a cost",
        "sum({costed_revenue})",
        Unit.MONEY,
        Good.UP,
        Basis.CHOSEN,
        additive=True,
        none="Days that are not loaded.",
    ),
    Kpi(
        "uncosted_revenue",
        "Revenue without cost",
        "Net revenue of the lines whose cost is not known: they are in no profit and no margin.",
        "net revenue - revenue with cost",
        "sum({revenue}) - sum({costed_revenue})",
        Unit.MONEY,
        Good.DOWN,
        Basis.CHOSEN,
        additive=True,
        none="Days that are not loaded.",
    ),
    Kpi(
        "cost_coverage",
        "Cost coverage",
        "The part of net revenue whose cost is known. Margins below 95 % coverage are hidden "
        "until asked for.",
        "revenue with cost / net revenue",
        ratio("sum({costed_revenue})", "sum({revenue})"),
        Unit.RATIO,
        Good.UP,
        Basis.CHOSEN,
        additive=False,
    ),
)


def rows(
    selection: Selection, _kpis: tuple[Kpi, ...], by: tuple[str, ...]
) -> tuple[str, dict[str, Any]]:
    """See flow.Source."""
    asked = {*by}
    of_people = asked & {"cashier", "customer"} or selection.has("method", "cashier", "customer")
    of_stores = asked & {"store", "source", "cost_source"} or selection.has("store", "source")
    of_products = asked & {"product", "vendor"} or selection.has("product", "vendor")
    if of_people or (of_products and of_stores):
        return _by_product("lines", selection, by)
    if of_products:
        return _by_product("products", selection, by)
    if asked & {*PRODUCT_COLUMNS} or selection.has(*PRODUCT_FILTERS):
        condition, params = where(selection, product="s")
        columns = "\n    ".join(f"s.{DIMENSIONS[kind]}," for kind in by)
        text = sql("profit/source_categories").format(dimensions=columns, where=condition)
        return text, params
    condition, params = where(selection)
    return sql("profit/source_daily").format(where=condition), params


def _by_product(name: str, selection: Selection, by: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    condition, params = where(selection, product="p")
    columns, joins = joined(selection, by)
    text = sql(f"profit/source_{name}").format(columns=columns, joins=joins, where=condition)
    return text, params


def joined(selection: Selection, by: tuple[str, ...]) -> tuple[str, str]:
    """Columns and joins of rows ``s`` by product, as far as dimensions and filters need them."""
    columns, joins = [], []
    named = [PRODUCT_COLUMNS[kind] for kind in by if kind in OF_PRODUCTS]
    if named or selection.has(*OF_PRODUCTS):
        columns += [f"p.{column}, " for column in named]
        joins.append(sql("sales/filed"))
    if "vendor" in by:
        columns.append("v.vendor_id, ")
        joins.append(sql("profit/vendors"))
    return "".join(columns), "".join(f"{join}\n" for join in joins)


def family() -> Family:
    """The family of profit."""
    return Family(
        name="profit",
        title="Profit",
        kpis=KPIS,
        by=(*flow.CALENDAR, *DIMENSIONS),
        filters=FILTERS,
        measure=partial(flow.measure, rows, DIMENSIONS),
        trend=partial(flow.trend, rows),
        measure_each=partial(flow.measure_each, rows, DIMENSIONS),
    )
