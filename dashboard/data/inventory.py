"""What the Inventory page asks beside its KPIs. Stock is that of the period's last day."""

from dashboard.data.queries import sql
from nkdash.kpis import movements
from nkdash.kpis.inventory import (
    LOW_DAYS,
    PROMOTE_DAYS,
    REORDER_DAYS,
    Abc,
    abc,
    at_place,
    day_params,
    product_terms,
    rows,
    used,
)
from nkdash.kpis.model import Query
from nkdash.kpis.registry import measure
from nkdash.kpis.selection import Selection, all_of, conditions
from nkdash.kpis.selection import sql as kpi_sql

REORDER = (
    f"abc_class IN ('A', 'B') AND (cover < {REORDER_DAYS} OR (stock_state = 'out' AND net_30 > 0))"
)
# Whatever was not sold at all in the period is no better than C.
PROMOTE = (
    "coalesce(abc_class, 'C') = 'C' AND on_hand > 0 "
    f"AND (cover > {PROMOTE_DAYS} OR cover IS NULL OR stock_state = 'dead')"
)
TOP = "abc_class = 'A' AND stock_state = 'healthy' AND NOT is_negative"
MOVED = (
    "received_units",
    "sent_back_units",
    "delivered_units",
    "brought_back_units",
    "adjusted_units",
    "scrapped_units",
    "produced_units",
    "transferred_units",
    "other_units",
)


def snapshot(selection: Selection) -> Query:
    """One row: snapshot_date, taken_at (UTC), is_known, and sales_days, which of the 90 days up to
    the last have their sales loaded.
    """
    return Query(sql("inventory/snapshot"), {"last": selection.period.last})


def places(selection: Selection) -> Query:
    """The warehouses of the chosen stores; none where they are not known."""
    return Query(sql("inventory/places"), {"store": selection.filters["store"]})


def orders(selection: Selection) -> Query:
    """One row: known, whether it can be told what is on order."""
    return Query(sql("inventory/orders").format(orders=_orders(selection)), {})


def _orders(selection: Selection) -> str:
    # An order is a company's: it does not say for which store.
    return "false" if selection.has("store") else "true"


def _over_products(selection: Selection, name: str, **parts: str) -> Query:
    terms, params = product_terms(selection)
    text = sql(f"inventory/{name}").format(where=all_of(terms), **parts)
    return Query(text, used(text, {**params, **day_params(selection)}))


def products(selection: Selection, how: Abc, rule: str = "") -> Query:
    """One row a product with stock or sales: stock, cover, state, ABC class, orders; ``rule`` names
    which. What is on order is a company's, so with a store chosen it is not known.
    """
    now = selection.now
    every = _over_products(
        now,
        "products",
        positions=rows(now, "positions"),
        abc=abc(now, how),
        orders=_orders(now),
        low=str(LOW_DAYS),
        plenty=str(PROMOTE_DAYS),
    )
    if not rule:
        return every
    return Query(sql("inventory/chosen").format(products=every.sql, rule=rule), every.params)


def actions(selection: Selection, how: Abc) -> Query:
    """One row: products and money of each list of things to do."""
    every = products(selection, how)
    text = sql("inventory/actions").format(
        products=every.sql, reorder=REORDER, promote=PROMOTE, top=TOP
    )
    return Query(text, every.params)


def warehouses(selection: Selection) -> Query:
    """One row a warehouse: on_hand, stock_value, stocked_products, negative_products."""
    now = selection.now
    return _over_products(
        now, "warehouses", positions=rows(now, "positions"), at_place=at_place(now)
    )


def pareto(selection: Selection, how: Abc) -> Query:
    """The Pareto curve of what is shown: number, share_of_products, share_of_amount, class."""
    now = selection.now
    return _over_products(now, "pareto", abc=abc(now, how))


def ranked(selection: Selection, how: Abc) -> Query:
    """One row a product sold: rank, abc_class, amount, share and the share up to it."""
    return _over_products(selection.now, "ranked", abc=abc(selection.now, how))


def classes(selection: Selection, how: Abc) -> Query:
    """One row a class ('-' is what was not sold): products, amount, stock_value, out, low."""
    now = selection.now
    return _over_products(
        now,
        "abc_classes",
        abc=abc(now, how),
        positions=rows(now, "positions"),
        low=str(LOW_DAYS),
    )


def lost(selection: Selection) -> Query:
    """One row a product that was out of stock on some day: lost_days, lost_units, lost_revenue."""
    now = selection.now
    return _over_products(now, "lost", lost=rows(now, "lost"))


def moved_products(selection: Selection) -> Query:
    """One row a product that moved, a column a movement type."""
    measured = measure(MOVED, selection.now, ("company", "product"))
    return Query(sql("inventory/moved_products").format(measured=measured.sql), measured.params)


def adjustments(selection: Selection) -> Query:
    """One row a move that was counted or scrapped, with its value at the cost of its day."""
    terms, params = movements.where(selection.now)
    text = sql("inventory/adjustments").format(
        signed=movements.signed(selection), costs=kpi_sql("movements/costs"), where=all_of(terms)
    )
    return Query(text, params)


def variance(selection: Selection) -> Query:
    """One row a product and location whose stock no move explains."""
    columns = {kind: f"p.{column}" for kind, column in movements.PRODUCT_COLUMNS.items()}
    terms, params = conditions(selection.now, columns)
    if selection.has("vendor"):
        terms.append(kpi_sql("of_vendor").format(line="s"))
        params["vendor"] = selection.filters["vendor"]
    if selection.has("store"):
        terms.append(f"s.location_id IN ({kpi_sql('movements/warehouses')})")
        params["store"] = selection.filters["store"]
    return Query(sql("inventory/variance").format(where=all_of(terms)), params)


def compared(selection: Selection) -> Query:
    """One row: snapshots of the period, how many could be compared, and what they differ by."""
    found = variance(selection)
    return Query(sql("inventory/compared").format(rows=found.sql), found.params)
