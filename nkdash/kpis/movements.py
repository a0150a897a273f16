"""Stock movements: what came in, went out, was counted, scrapped, produced and moved, in product
units; and what was lost, at cost. By the business day that it moved. Storable products only.
"""

from functools import partial
from typing import Any

from nkdash.kpis import flow
from nkdash.kpis.model import Basis, Family, Good, Kpi, Unit
from nkdash.kpis.selection import Selection, all_of, conditions, sql

PRODUCT_COLUMNS = {
    "category": "category_id",
    "brand": "brand_id",
    "principal": "principal_id",
    "product": "product_id",
}
DIMENSIONS = {
    "company": "company_id",
    **PRODUCT_COLUMNS,
    "root_category": "root_category_id",
    "movement_type": "movement_type",
}
FILTERS = ("store", "vendor", *PRODUCT_COLUMNS)
NOT_LOADED = "Days that are not loaded."
NAMED = (
    "receipt",
    "return_to_vendor",
    "delivery",
    "return_from_customer",
    "adjustment",
    "scrap",
    "production_in",
    "production_out",
)
COUNTED = ("adjustment", "scrap")


def _listed(kinds: tuple[str, ...]) -> str:
    return ", ".join(f"'{kind}'" for kind in kinds)


def _moved(name: str, title: str, words: str, kinds: tuple[str, ...], sign: str, good: Good) -> Kpi:
    return Kpi(
        name,
        title,
        words,
        f"{sign}quantity of {' and '.join(kinds)}",
        f"coalesce({sign}sum(signed) FILTER (movement_type IN ({_listed(kinds)})), 0)",
        Unit.COUNT,
        good,
        Basis.NONE,
        additive=True,
        none=NOT_LOADED,
    )


LOSSES = Kpi(
    "stock_losses",
    "Losses at cost",
    "What was missing when counted or scrapped, less what was found, at the cost of its day. "
    "Products without a known cost are left out.",
    "- sum of quantity x unit cost of adjustments and scrap",
    # Decimals add up to the same in whatever order they come; doubles do not.
    "coalesce(-sum(CAST(CAST(signed AS DOUBLE) * cost_unit AS DECIMAL(24, 6))) "
    "FILTER (movement_type IN ('adjustment', 'scrap')), 0)",
    Unit.MONEY,
    Good.DOWN,
    Basis.TAX_EX,
    additive=True,
    none=NOT_LOADED,
)
KPIS = (
    _moved(
        "received_units",
        "Received",
        "Units that vendors delivered.",
        ("receipt",),
        "",
        Good.NEITHER,
    ),
    _moved(
        "sent_back_units",
        "Sent back",
        "Units that went back to vendors.",
        ("return_to_vendor",),
        "-",
        Good.DOWN,
    ),
    _moved(
        "delivered_units",
        "Delivered",
        "Units that went to customers, at the tills and by delivery.",
        ("delivery",),
        "-",
        Good.UP,
    ),
    _moved(
        "brought_back_units",
        "Brought back",
        "Units that customers brought back into the stock.",
        ("return_from_customer",),
        "",
        Good.DOWN,
    ),
    _moved(
        "adjusted_units",
        "Adjusted",
        "Units found less units missing when the stock was counted.",
        ("adjustment",),
        "",
        Good.NEITHER,
    ),
    _moved("scrapped_units", "Scrapped", "Units thrown away.", ("scrap",), "-", Good.DOWN),
    _moved(
        "produced_units",
        "Produced",
        "Units that came out of production, less those that went into it.",
        ("production_in", "production_out"),
        "",
        Good.NEITHER,
    ),
    Kpi(
        "transferred_units",
        "Transferred",
        "Units moved between our own locations; in two steps, by way of transit, both count.",
        "quantity of transfer, transit_in and transit_out",
        "coalesce(sum(quantity) "
        "FILTER (movement_type IN ('transfer', 'transit_in', 'transit_out')), 0)",
        Unit.COUNT,
        Good.NEITHER,
        Basis.NONE,
        additive=True,
        none=NOT_LOADED,
    ),
    Kpi(
        "other_units",
        "Other, net",
        "What came into the stock less what left it in any other way: with a store chosen, what "
        "other warehouses sent and got.",
        "quantity of all other moves, + in, - out",
        f"coalesce(sum(signed) FILTER (movement_type NOT IN ({_listed(NAMED)})), 0)",
        Unit.COUNT,
        Good.NEITHER,
        Basis.NONE,
        additive=True,
        none=NOT_LOADED,
    ),
    Kpi(
        "missing_units",
        "Missing",
        "Units that were not there when the stock was counted.",
        "- quantity of adjustments out of the stock",
        "coalesce(-sum(signed) FILTER (movement_type = 'adjustment' AND signed < 0), 0)",
        Unit.COUNT,
        Good.DOWN,
        Basis.NONE,
        additive=True,
        none=NOT_LOADED,
    ),
    Kpi(
        "found_units",
        "Found",
        "Units that were there when the stock was counted, though not booked.",
        "quantity of adjustments into the stock",
        "coalesce(sum(signed) FILTER (movement_type = 'adjustment' AND signed > 0), 0)",
        Unit.COUNT,
        Good.NEITHER,
        Basis.NONE,
        additive=True,
        none=NOT_LOADED,
    ),
    LOSSES,
)
OF_COUNTS = {
    "adjusted_units",
    "scrapped_units",
    "missing_units",
    "found_units",
    "stock_losses",
}


def where(selection: Selection) -> tuple[list[str], dict[str, Any]]:
    """Terms on fact_inventory_moves s and dim_products p; with a store, its warehouse's moves."""
    columns = {kind: f"p.{column}" for kind, column in PRODUCT_COLUMNS.items()}
    terms, params = conditions(selection, columns)
    if selection.has("store"):
        terms.append(f"({_inside('to')} OR {_inside('from')})")
        params["store"] = selection.filters["store"]
    if selection.has("vendor"):
        terms.append(sql("of_vendor").format(line="s"))
        params["vendor"] = selection.filters["vendor"]
    return terms, params


def signed(selection: Selection) -> str:
    """SQL of the quantity of s, + into our stock, - out of it; with a store, its warehouse's."""
    if not selection.has("store"):
        return "s.quantity_signed"
    return f"s.quantity * (CAST({_inside('to')} AS INTEGER) - CAST({_inside('from')} AS INTEGER))"


def _inside(end: str) -> str:
    return f"coalesce(s.{end}_location_id IN ({sql('movements/warehouses')}), false)"


def rows(
    selection: Selection, kpis: tuple[Kpi, ...], by: tuple[str, ...]
) -> tuple[str, dict[str, Any]]:
    """See flow.Source. With a store, moves into and out of its warehouse."""
    terms, params = where(selection)
    if {kpi.name for kpi in kpis} <= OF_COUNTS and "movement_type" not in by:
        terms.append(f"s.movement_type IN ({_listed(COUNTED)})")
    costed = LOSSES in kpis
    known = ", ".join(f"{source}.cost_unit_tax_ex" for source in ("b", "o", "n"))
    cost = f",\n    CAST(coalesce({known}) AS DOUBLE) AS cost_unit"
    text = sql("movements/source").format(
        signed=signed(selection),
        cost=cost if costed else "",
        costs=sql("movements/costs") + "\n" if costed else "",
        where=all_of(terms),
    )
    if not costed and {*by} <= {"company", "movement_type"}:
        text = sql("movements/summed").format(source=text)
    return text, params


def family() -> Family:
    """The family of stock movements."""
    return Family(
        name="movements",
        title="Stock movements",
        kpis=KPIS,
        by=(*flow.CALENDAR, *DIMENSIONS),
        filters=FILTERS,
        measure=partial(flow.measure, rows, DIMENSIONS),
        trend=partial(flow.trend, rows),
    )
