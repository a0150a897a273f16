"""Sales: from gross to net revenue, transactions, items; POS and customer documents together.

The cheapest source that knows the filters and dimensions is taken: day x store, else one slice of
it, else day x store x category, else day x product, else transactions, else lines. Amounts are
company currency.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from nkdash.kpis import flow
from nkdash.kpis.model import Basis, Family, Good, Kpi, KpiError, Query, Unit, ratio
from nkdash.kpis.selection import ALL_FILTERS, Selection, all_of, conditions, sql

PRODUCT_COLUMNS = {
    "category": "category_id",
    "root_category": "root_category_id",
    "brand": "brand_id",
    "principal": "principal_id",
    "product": "product_id",
}
PEOPLE = ("cashier", "customer", "salesperson")
SOLD_BY = ("cashier", "salesperson")
FINE_FILTERS = ("method", *PEOPLE, "hour")
"""Filters that no sales by product and day know."""
FILED = ("category", "brand", "principal")
PRODUCT_FILTERS = ("category", "brand", "principal", "vendor", "product")
SLICED_FILTERS = ("category", "brand", "principal", "method")
SLICED_DIMENSIONS = {
    "category": "own_category",
    **{kind: kind for kind in ("root_category", "brand", "principal")},
}
"""What agg_sales_slice_daily tells of one at a time: filters, and dimensions with their kind."""
OF_A_DAY = ("store", "source", "weekday")
DIMENSIONS = {
    "company": "company_id",
    "source": "source",
    "store": "pos_config_id",
    "cashier": "cashier_id",
    "customer": "customer_id",
    "salesperson": "salesperson_id",
    "hour": "hour",
    **PRODUCT_COLUMNS,
}
OF_TRANSACTIONS = (
    "transactions",
    "refund_transactions",
    "customer_transactions",
    "provisional_transactions",
)
"""Measures that a receipt has as a whole: it may hold several products, so they are not told by
product.
"""


def _sum(name: str, title: str, words: str, column: str, unit: Unit, good: Good) -> Kpi:
    basis = Basis.TAX_IN if unit is Unit.MONEY else Basis.NONE
    return Kpi(
        name,
        title,
        words,
        f"sum of {column}",
        f"sum({column})",
        unit,
        good,
        basis,
        additive=True,
        none="Days that are not loaded.",
    )


def _quotient(
    name: str, title: str, words: str, parts: tuple[str, str], formula: str, unit: Unit, good: Good
) -> Kpi:
    top, bottom = parts
    basis = Basis.CHOSEN if "{revenue}" in top else Basis.NONE
    basis = Basis.TAX_IN if "tax_in" in top else basis
    return Kpi(name, title, words, formula, ratio(top, bottom), unit, good, basis, additive=False)


KPIS = (
    Kpi(
        "net_revenue",
        "Net revenue",
        "What was sold, after discounts and returns.",
        "gross sales - discounts - returns = revenue of all lines",
        "sum({revenue})",
        Unit.MONEY,
        Good.UP,
        Basis.CHOSEN,
        additive=True,
        none="Days that are not loaded.",
    ),
    _sum(
        "gross_sales",
        "Gross sales",
        "What was sold at the price keyed in, before any discount. Returned and voucher lines are "
        "no part of it.",
        "gross_tax_in",
        Unit.MONEY,
        Good.UP,
    ),
    _sum(
        "discounts",
        "Discounts",
        "Discounts on lines, and vouchers and other lines with a negative price. Free items count "
        "with their full price where they have one.",
        "discount_tax_in",
        Unit.MONEY,
        Good.DOWN,
    ),
    _sum(
        "returns",
        "Returns",
        "What customers got back for returned goods.",
        "returns_tax_in",
        Unit.MONEY,
        Good.DOWN,
    ),
    _sum(
        "transactions",
        "Transactions",
        "Receipts in which something was sold. Pure refunds are counted apart.",
        "transactions",
        Unit.COUNT,
        Good.UP,
    ),
    _sum(
        "refund_transactions",
        "Refund-only receipts",
        "Receipts in which goods came back and none went out.",
        "refund_transactions",
        Unit.COUNT,
        Good.DOWN,
    ),
    _sum(
        "items_sold",
        "Items sold",
        "Units sold, free ones and services included. Returned units are counted apart.",
        "items",
        Unit.COUNT,
        Good.UP,
    ),
    _sum(
        "items_returned",
        "Items returned",
        "Units that customers brought back.",
        "returned_units",
        Unit.COUNT,
        Good.DOWN,
    ),
    Kpi(
        "net_items",
        "Net items",
        "Units sold less units returned.",
        "items sold - items returned",
        "sum(items) - sum(returned_units)",
        Unit.COUNT,
        Good.UP,
        Basis.NONE,
        additive=True,
        none="Days that are not loaded.",
    ),
    _quotient(
        "discount_rate",
        "Discount rate",
        "The part of gross sales that was given away as discount.",
        ("sum(discount_tax_in)", "sum(gross_tax_in)"),
        "discounts / gross sales",
        Unit.RATIO,
        Good.DOWN,
    ),
    _quotient(
        "return_rate",
        "Return rate",
        "The part of sales after discounts that was returned, by value.",
        ("sum(returns_tax_in)", "(sum(gross_tax_in) - sum(discount_tax_in))"),
        "returns / (gross sales - discounts)",
        Unit.RATIO,
        Good.DOWN,
    ),
    _quotient(
        "return_rate_units",
        "Return rate, units",
        "The part of the units sold that was returned.",
        ("sum(returned_units)", "sum(items)"),
        "items returned / items sold",
        Unit.RATIO,
        Good.DOWN,
    ),
    _quotient(
        "average_transaction",
        "Average transaction",
        "Net revenue for each transaction.",
        ("sum({revenue})", "sum(transactions)"),
        "net revenue / transactions",
        Unit.MONEY,
        Good.UP,
    ),
    _quotient(
        "units_per_transaction",
        "Units per transaction",
        "Items sold for each transaction.",
        ("sum(items)", "sum(transactions)"),
        "items sold / transactions",
        Unit.DECIMAL,
        Good.UP,
    ),
    _quotient(
        "lines_per_basket",
        "Lines per basket",
        "Lines on a receipt, refund-only receipts included.",
        ("sum(lines)", "(sum(transactions) + sum(refund_transactions))"),
        "lines / (transactions + refund-only transactions)",
        Unit.DECIMAL,
        Good.UP,
    ),
    _quotient(
        "average_selling_price",
        "Average price",
        "Net revenue for each item that stayed sold.",
        ("sum({revenue})", "(sum(items) - sum(returned_units))"),
        "net revenue / (items sold - items returned)",
        Unit.MONEY,
        Good.UP,
    ),
    _quotient(
        "customer_share",
        "Known customers",
        "The part of the transactions that has a customer. The others are walk-ins.",
        ("sum(customer_transactions)", "sum(transactions)"),
        "transactions with a customer / transactions",
        Unit.RATIO,
        Good.UP,
    ),
    _quotient(
        "provisional_share",
        "Provisional",
        "The part of the transactions whose POS session is still open, so that they may change.",
        ("sum(provisional_transactions)", "sum(transactions)"),
        "transactions of open POS sessions / transactions",
        Unit.RATIO,
        Good.NEITHER,
    ),
)


def rows(
    selection: Selection, kpis: tuple[Kpi, ...], by: tuple[str, ...]
) -> tuple[str, dict[str, Any]]:
    """See flow.Source. Raises KpiError for receipts by product."""
    of_products = [name for name in by if name in PRODUCT_COLUMNS]
    refused = [k.name for k in kpis if any(m in k.sql for m in OF_TRANSACTIONS)]
    if of_products and refused:
        raise KpiError(
            f"{', '.join(refused)} cannot be told by {', '.join(of_products)}: one receipt may "
            "hold several. Ask for net_revenue or items_sold, or filter by it instead."
        )
    if found := _slice(selection, by):
        return found
    if of_products:
        return _product_rows(selection, by)
    if selection.has(*PRODUCT_FILTERS):
        if kpis and not any(m in k.sql for k in kpis for m in OF_TRANSACTIONS):
            return _product_rows(selection, by)
        condition, params = where(selection, product="p", own=True)
        text = sql("sales/source_lines").format(
            where=condition, line_measures=sql("sales/line_measures")
        )
        return text, params
    condition, params = where(selection, own=True)
    return sql(f"sales/source_{_days(selection, by)}").format(where=condition), params


def _days(selection: Selection, by: tuple[str, ...]) -> str:
    """The coarsest rows of whole transactions that know all filters and dimensions."""
    asked = {*by, *selection.filters}
    of_people = bool(asked & {*SOLD_BY})
    if asked & {"method", "customer"} or selection.has("hour") or (of_people and "hour" in by):
        return "transactions"
    if of_people:
        return "people"
    return "hourly" if "hour" in by else "daily"


def _slice(selection: Selection, by: tuple[str, ...]) -> tuple[str, dict[str, Any]] | None:
    """The rows of one slice, or of all of a kind; None where more than one kind is asked for."""
    kinds = [kind for kind in selection.filters if kind not in OF_A_DAY]
    told = [name for name in by if name not in ("company", "store", "source")]
    if len({*kinds, *told}) != 1:
        return None
    [kind] = {*kinds, *told}
    if (kinds and kind not in SLICED_FILTERS) or (told and kind not in SLICED_DIMENSIONS):
        return None
    if kinds and told and kind == "category":
        return None
    known = {k: ids for k, ids in selection.filters.items() if k in OF_A_DAY}
    condition, params = where(replace(selection, filters=known), own=True)
    if kinds:
        ids = selection.filters[kind] if kind != "category" else (selection.category,)
        if len(ids) != 1 or ids[0] is None:
            return None
        condition += f"\n    AND s.id = ${kind}"
        params[kind] = ids[0]
    column = f",\n    s.id AS {DIMENSIONS[kind]}" if told else ""
    name = kind if kinds else SLICED_DIMENSIONS[kind]
    text = sql("sales/source_slice").format(where=condition, kind=name, column=column)
    return text, params


def measure_each(selection: Selection, kpis: tuple[Kpi, ...], kinds: tuple[str, ...]) -> Query:
    """See Family.measure_each."""
    if not {*selection.filters} <= {*OF_A_DAY} or not {*kinds} <= {*SLICED_DIMENSIONS}:
        return flow.measure_each(rows, DIMENSIONS, selection, kpis, kinds)
    condition, params = where(selection, own=True)
    sliced = {SLICED_DIMENSIONS[kind]: kind for kind in kinds}
    source = sql("sales/source_slices").format(
        kinds=", ".join(f"'{kind}'" for kind in sliced), where=condition
    )
    known = " ".join(f"WHEN '{kind}' THEN '{name}'" for kind, name in sliced.items())
    return flow.each(
        selection, kpis, source, params, kind=f"CASE source.kind {known} END", record="source.id"
    )


def _product_rows(selection: Selection, by: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Lines added up by product dimensions, without their transactions."""
    coarse = not selection.has(*FINE_FILTERS) and not {*PEOPLE, "hour"} & {*by}
    if coarse and not selection.has("product", "vendor") and "product" not in by:
        condition, params = where(selection, product="s", own=True)
        return sql("sales/source_categories").format(where=condition), params
    condition, params = where(selection, product="p", own=True)
    if coarse and not selection.has("store", "source") and not {"store", "source"} & {*by}:
        # A join of a million rows that nobody asks for costs more than all the rest.
        filed = selection.has(*FILED) or {*by} & {*PRODUCT_COLUMNS} - {"product"}
        name = "source_product_daily" if filed else "source_product_daily_alone"
        return sql(f"sales/{name}").format(where=condition), params
    columns = dict.fromkeys(_line_column(name) for name in by)
    joined = selection.has(*FILED) or any(column.startswith("p.") for column in columns)
    text = sql("sales/source_products").format(
        dimensions="".join(f"\n    {column}," for column in columns),
        join=f"{sql('sales/filed')}\n" if joined else "",
        where=condition,
        line_measures=sql("sales/line_measures"),
    )
    return text, params


def _line_column(name: str) -> str:
    if name == "salesperson":
        return "CASE WHEN s.source = 'invoice' THEN s.user_id END AS salesperson_id"
    of_product = name in PRODUCT_COLUMNS and name != "product"
    return f"{'p' if of_product else 's'}.{DIMENSIONS[name]}"


def where(
    selection: Selection, *, product: str = "", payments: bool = False, own: bool = False
) -> tuple[str, dict[str, Any]]:
    """Conditions on alias s, and on ``product`` for product columns; where that is empty, on whole
    transactions that hold such a product. With ``own`` the filters that only sales know, too.
    """
    columns = {"store": "s.pos_config_id", "cashier": "s.cashier_id", "customer": "s.customer_id"}
    if payments:
        columns["method"] = "s.payment_method_id"
    else:
        columns["source"] = "s.source"
    if product:
        columns |= {kind: f"{product}.{column}" for kind, column in PRODUCT_COLUMNS.items()}
        # On the line itself: behind the join it would be asked of every line.
        columns["product"] = "s.product_id"
    if own:
        columns["weekday"] = "isodow(s.date)"
    if own and not payments:
        columns["salesperson"] = "s.source = 'invoice' AND s.user_id"
    terms, params = conditions(selection, columns)
    if own and selection.has("hour"):
        terms.append(sql("sales/in_hours"))
        params["hour"] = selection.filters["hour"]
    if selection.has("method") and not payments:
        terms.append(sql("sales/paid_by"))
        params["method"] = selection.filters["method"]
    if product and selection.has("vendor"):
        terms.append(sql("of_vendor").format(line="s"))
        params["vendor"] = selection.filters["vendor"]
    if not product and selection.has(*PRODUCT_FILTERS):
        held = {kind: ids for kind, ids in selection.filters.items() if kind in PRODUCT_FILTERS}
        inside = [
            sql("of_vendor").format(line="l")
            if kind == "vendor"
            else f"{'l' if kind == 'product' else 'p'}.{PRODUCT_COLUMNS[kind]} = ANY(${kind})"
            for kind in held
        ]
        basket = "s.order_id" if payments else "coalesce(s.order_id, -s.move_id)"
        terms.append(sql("sales/holds_products").format(basket=basket, where=" AND ".join(inside)))
        params |= held
    return all_of(terms), params


def family() -> Family:
    """The family of sales."""
    return Family(
        name="sales",
        title="Sales",
        kpis=KPIS,
        by=(*flow.CALENDAR, *DIMENSIONS),
        filters=ALL_FILTERS,
        measure=partial(flow.measure, rows, DIMENSIONS),
        trend=partial(flow.trend, rows),
        measure_each=measure_each,
    )
