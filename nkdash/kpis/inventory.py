"""Inventory at the end of a day: on hand, value at cost, cover, what is low, out and dead;
sell-through, stock turn and lost sales of the period up to it. Units are the products' own; values
tax out.

Stock is that of the period's last day, worked out from the nearest snapshot and the moves between;
a day whose stock is not known has no rows and so no figures. Storable products only.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from nkdash.kpis.flow import CALENDAR, select_list
from nkdash.kpis.gmroi import year_to
from nkdash.kpis.model import COLUMNS, Basis, Family, Good, Kpi, KpiError, Query, Unit, ratio
from nkdash.kpis.selection import Selection, all_of, sql

PRODUCT_COLUMNS = {
    "category": "p.category_id",
    "brand": "p.brand_id",
    "principal": "p.principal_id",
    "vendor": "v.vendor_id",
    "product": "source.product_id",
}
DIMENSIONS = {
    "company": "source.company_id",
    **PRODUCT_COLUMNS,
    "root_category": "p.root_category_id",
}
WITHOUT = ("company", "product")
"""Dimensions that need no other table."""
FILTERS = ("store", *PRODUCT_COLUMNS)
LOW_DAYS = 7
REORDER_DAYS = 14
TARGET_DAYS = 30
PROMOTE_DAYS = 90
UNKNOWN = "The stock of that day is not known."
INCOMING = ("receipt", "production_in")
INCOMING_OF_STORES = (*INCOMING, "transfer", "transit_in")
"""What fills a store's shelves: its warehouse gets most from the other ones."""


class Abc(StrEnum):
    """How products are put into classes A, B and C."""

    REVENUE_RANK = "revenue_rank"
    REVENUE_SHARE = "revenue_share"
    PROFIT_RANK = "profit_rank"
    PROFIT_SHARE = "profit_share"


def _units(name: str, title: str, words: str, formula: str, expression: str, good: Good) -> Kpi:
    return Kpi(
        name,
        title,
        words,
        formula,
        expression,
        Unit.COUNT,
        good,
        Basis.NONE,
        additive=True,
        none=UNKNOWN,
    )


def _value(name: str, title: str, words: str, formula: str, expression: str, good: Good) -> Kpi:
    return Kpi(
        name,
        title,
        words,
        formula,
        expression,
        Unit.MONEY,
        good,
        Basis.TAX_EX,
        additive=True,
        none=f"{UNKNOWN} Or no product has a known cost.",
    )


def _ratio(
    name: str,
    title: str,
    words: str,
    formula: str,
    parts: tuple[str, str],
    unit: Unit,
    good: Good,
    none: str,
) -> Kpi:
    return Kpi(
        name,
        title,
        words,
        formula,
        ratio(*parts),
        unit,
        good,
        Basis.NONE,
        additive=False,
        none=none,
    )


POSITION = (
    _value(
        "stock_value",
        "Stock value",
        "What the stock on hand had cost, at the cost of each product as of that day. Products "
        "without a known cost are left out.",
        "sum of on hand x unit cost",
        "sum(stock_value)",
        Good.NEITHER,
    ),
    _ratio(
        "stock_cost_coverage",
        "Cost known",
        "The part of the units on hand whose cost is known.",
        "units on hand with a cost / units on hand, of products above zero",
        (
            "sum(on_hand) FILTER (on_hand > 0 AND cost_unit IS NOT NULL)",
            "sum(on_hand) FILTER (on_hand > 0)",
        ),
        Unit.RATIO,
        Good.UP,
        "Nothing is on hand.",
    ),
    _units(
        "on_hand",
        "On hand",
        "Units at our own locations, goods in transit between them included.",
        "sum of on hand",
        "sum(on_hand)",
        Good.NEITHER,
    ),
    _units(
        "reserved",
        "Reserved",
        "Units that were promised to transfers when the stock was last counted in Odoo.",
        "sum of reserved",
        "sum(reserved)",
        Good.NEITHER,
    ),
    _units(
        "available",
        "Available",
        "Units on hand that are not reserved.",
        "on hand - reserved",
        "sum(available)",
        Good.NEITHER,
    ),
    _units(
        "stocked_products",
        "Products in stock",
        "Products of which something is on hand.",
        "products with on hand > 0",
        "count(*) FILTER (on_hand > 0)",
        Good.NEITHER,
    ),
    Kpi(
        "daily_units",
        "Units a day",
        "What was sold an average day of the last 30, returns taken off.",
        "net units of 30 days / 30",
        "CAST(sum(net_30) AS DOUBLE) / 30",
        Unit.DECIMAL,
        Good.UP,
        Basis.NONE,
        additive=True,
        none=UNKNOWN,
    ),
    _ratio(
        "stock_cover",
        "Cover",
        "How long the available stock lasts if it goes on selling as in the last 30 days.",
        "available / average daily units",
        ("sum(available)", "(CAST(sum(net_30) AS DOUBLE) / 30)"),
        Unit.DAYS,
        Good.NEITHER,
        "Nothing was sold in 30 days.",
    ),
    _units(
        "low_products",
        "Low",
        f"Products whose stock lasts less than {LOW_DAYS} days.",
        f"products with 0 < cover < {LOW_DAYS} days",
        f"count(*) FILTER (cover > 0 AND cover < {LOW_DAYS})",
        Good.DOWN,
    ),
    _units(
        "out_of_stock_products",
        "Out of stock",
        "Products of which nothing is on hand, though they sold in the last 56 days.",
        "products with on hand <= 0 and units sold in 56 days",
        "count(*) FILTER (is_out)",
        Good.DOWN,
    ),
    _units(
        "dead_products",
        "Dead",
        "Products that are on hand and did not sell in the last 90 days.",
        "products with on hand > 0 and nothing sold in 90 days",
        "count(*) FILTER (is_dead)",
        Good.DOWN,
    ),
    _value(
        "dead_value",
        "Dead stock value",
        "What the stock had cost that did not sell in the last 90 days.",
        "sum of on hand x unit cost of dead products",
        "sum(stock_value) FILTER (is_dead)",
        Good.DOWN,
    ),
    _units(
        "negative_products",
        "Below zero",
        "Products whose book stock is below zero at some location: more went out than was booked "
        "in.",
        "products with on hand < 0 at a location",
        "count(*) FILTER (is_negative)",
        Good.DOWN,
    ),
)
THROUGH = (
    _ratio(
        "sell_through",
        "Sell-through",
        "The part of what was there to sell that was sold: the stock at the beginning and what "
        "came in from vendors and production. What customers brought back is not taken off. For "
        "chosen stores, what other warehouses sent counts as come in.",
        "units sold / (on hand at begin + receipts + production)",
        ("sum(sold)", "(coalesce(sum(opening), 0) + coalesce(sum(received), 0))"),
        Unit.RATIO,
        Good.UP,
        "The stock at the beginning is not known, or moves of the period are not all loaded.",
    ),
)
TURN = (
    _ratio(
        "stock_turn",
        "Stock turn",
        "How often the stock was sold in the twelve months up to the last day: cost of goods sold "
        "by the average value of the stock at the month-ends. All stores together.",
        "COGS of 12 months / average inventory value at cost",
        ("sum(cogs_year)", "sum(average_value)"),
        Unit.DECIMAL,
        Good.UP,
        "Stock at fewer than 12 month-ends is known, or sales of the year are not all loaded.",
    ),
)
LOST = (
    Kpi(
        "lost_sales",
        "Lost sales",
        "An estimate of what empty shelves cost: for each day that a product was out of stock, "
        "what it sold on an average same weekday with stock, since 56 days before the period.",
        "out-of-stock days x average in-stock sales of the same weekday",
        "coalesce(sum(lost_revenue), 0)",
        Unit.MONEY,
        Good.DOWN,
        Basis.CHOSEN,
        additive=True,
        none=UNKNOWN,
    ),
    Kpi(
        "lost_units",
        "Lost units",
        "An estimate of the units that were not sold since the product was out of stock.",
        "out-of-stock days x average in-stock units of the same weekday",
        "coalesce(sum(lost_units), 0)",
        Unit.DECIMAL,
        Good.DOWN,
        Basis.NONE,
        additive=True,
        none=UNKNOWN,
    ),
    _units(
        "empty_days",
        "Out-of-stock days",
        "Days on which a product was out of stock, added up over products.",
        "sum of out-of-stock days",
        "coalesce(sum(lost_days), 0)",
        Good.DOWN,
    ),
)
SOURCES: Mapping[str, tuple[Kpi, ...]] = {
    "positions": POSITION,
    "through": THROUGH,
    "turn": TURN,
    "lost": LOST,
}


def measure(selection: Selection, kpis: tuple[Kpi, ...], by: tuple[str, ...]) -> Query:
    """See Family.measure: as of the last day of the period, and of the base. Raises KpiError."""
    if unknown := [name for name in by if name not in DIMENSIONS]:
        ends = " It is known for the end of a range only." if {*unknown} & {*CALENDAR} else ""
        raise KpiError(
            f"{kpis[0].name} cannot be told by {', '.join(unknown)}; "
            f"it can by {', '.join(DIMENSIONS)}.{ends}"
        )
    wanted = [name for name, members in SOURCES.items() if {*members} & {*kpis}]
    terms, params = product_terms(selection)
    told = {*by} | {*selection.filters}
    text = sql("inventory/measure").format(
        # The whole stock needs none of what products are filed under.
        joins=sql("inventory/of_products") + "\n" if told & {*DIMENSIONS} - {*WITHOUT} else "",
        source="\nUNION ALL BY NAME\n".join(f"(\n{rows(selection, name)}\n)" for name in wanted),
        dimensions="".join(f"\n    {DIMENSIONS[name]} AS {name}," for name in by),
        kpis=select_list(kpis, selection.tax),
        where=all_of(terms),
        order=", ".join(("period", *by)),
    )
    return Query(text, used(text, {**params, **day_params(selection)}))


def rows(selection: Selection, source: str) -> str:
    """Rows of one of SOURCES for the period, and for the base where there is one.

    With a store the stock of its warehouse and its own sales. See ``day_params``.
    """
    stores, place = selection.has("store"), at_place(selection)
    elsewhere = place.replace("h.location_id", "h.from_location_id")
    products, some = _products(selection), selection.has(*PRODUCT_COLUMNS)
    common = {
        "products": products,
        "of_chosen": f" AND product_id IN ({products})" if some else "",
        "only": f", products := (SELECT list(product_id) FROM ({products}))" if some else "",
        "sales": sql("inventory/store_sales") if stores else "agg_sales_product_daily",
        "at_place": place,
        "from_elsewhere": f" AND NOT {elsewhere}" if stores else "",
        "incoming": ", ".join(f"'{kind}'" for kind in (INCOMING_OF_STORES if stores else INCOMING)),
        "revenue": COLUMNS[selection.tax]["revenue"],
    }
    periods = {"now": ""} | ({"base": "base_"} if selection.base else {})
    text = sql(f"inventory/{source}").replace(
        "{levels}", sql("inventory/store_levels" if stores else "inventory/levels")
    )
    return "\n)\nUNION ALL BY NAME\n(\n".join(
        text.format(
            period=period,
            first=f"${prefix}first",
            last=f"${prefix}last",
            year=f"${prefix}year",
            **common,
        )
        for period, prefix in periods.items()
    )


def _products(selection: Selection) -> str:
    """SQL of the ids of the storable products that are meant, if only by some company's vendor."""
    kinds = [kind for kind in PRODUCT_COLUMNS if selection.has(kind)]
    columns = {**PRODUCT_COLUMNS, "product": "p.product_id"}
    terms = ["p.storable", *(f"{columns[kind]} = ANY(${kind})" for kind in kinds)]
    vendors = " LEFT JOIN product_vendors AS v ON v.product_id = p.product_id"
    return (
        f"SELECT p.product_id FROM dim_products AS p{vendors if 'vendor' in kinds else ''} "
        f"WHERE {' AND '.join(terms)}"
    )


def at_place(selection: Selection) -> str:
    """SQL telling whether the location of ``h`` is meant: with stores, one of their warehouses."""
    return sql("inventory/in_warehouses") if selection.has("store") else "true"


def product_terms(selection: Selection) -> tuple[list[str], dict[str, Any]]:
    """Conditions on companies and products: ``source``, dim_products p and product_vendors v."""
    terms = ["source.company_id = ANY($companies)"]
    params: dict[str, Any] = {"companies": selection.companies}
    for kind, ids in selection.filters.items():
        if kind in PRODUCT_COLUMNS:
            terms.append(f"{PRODUCT_COLUMNS[kind]} = ANY(${kind})")
        if kind in FILTERS:
            params[kind] = ids
    return terms, params


def day_params(selection: Selection) -> dict[str, Any]:
    """The parameters of ``rows`` that are days."""
    params: dict[str, Any] = {}
    for prefix, period in (("", selection.period), ("base_", selection.base)):
        if period:
            params |= {
                f"{prefix}first": period.first,
                f"{prefix}last": period.last,
                f"{prefix}year": year_to(period.last).first,
            }
    return params


def used(text: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``params`` that ``text`` names; DuckDB refuses any other."""
    names = set(re.findall(r"\$(\w+)", text))
    return {name: value for name, value in params.items() if name in names}


def abc(selection: Selection, how: Abc) -> str:
    """SQL of the products sold in the period with rank and class: columns company_id, product_id,
    amount, rank, products, before, total, class. See ``day_params``.
    """
    of, method = how.split("_")
    column = COLUMNS[selection.tax]["revenue" if of == "revenue" else "profit"]
    return sql("inventory/abc").format(amount=f"s.{column}", method=f"'{method}'")


def family() -> Family:
    """The family of inventory."""
    return Family(
        name="inventory",
        title="Inventory",
        kpis=tuple(kpi for members in SOURCES.values() for kpi in members),
        by=tuple(DIMENSIONS),
        filters=FILTERS,
        measure=measure,
    )
