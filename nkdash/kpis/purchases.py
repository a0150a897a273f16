"""Purchases: spend, what units cost, returns to vendors, free goods. By accounting date.

From posted vendor bills, refunds and receipts; company currency, tax out. The cheapest source that
knows the filters and dimensions is taken: day x vendor, else day x vendor x category, else lines.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from nkdash.kpis import flow
from nkdash.kpis.model import Basis, Family, Good, Kpi, Unit, ratio
from nkdash.kpis.selection import Selection, all_of, conditions, sql

OF_PRODUCTS = {
    "category": "category_id",
    "root_category": "root_category_id",
    "brand": "brand_id",
    "principal": "principal_id",
}
DIMENSIONS = {
    "company": "company_id",
    "vendor": "vendor_id",
    **OF_PRODUCTS,
    "product": "product_id",
}
FILTERS = ("vendor", "category", "brand", "principal", "product")
# Measures that a bill has as a whole: it may hold several products.
OF_BILLS = ("sum(bills)", "sum(refunds)")
NOT_LOADED = "Days that are not loaded."


def _sum(
    name: str, title: str, words: str, formula: str, expression: str, unit: Unit, good: Good
) -> Kpi:
    basis = Basis.TAX_EX if unit is Unit.MONEY else Basis.NONE
    return Kpi(
        name, title, words, formula, expression, unit, good, basis, additive=True, none=NOT_LOADED
    )


def _number(name: str, title: str, words: str, formula: str, expression: str) -> Kpi:
    """How many different ones: those of two slices may be the same."""
    return Kpi(
        name,
        title,
        words,
        formula,
        expression,
        Unit.COUNT,
        Good.NEITHER,
        Basis.NONE,
        additive=False,
        none=NOT_LOADED,
    )


KPIS = (
    _sum(
        "spend",
        "Spend",
        "What vendors billed, less what they refunded. Bills of goods and of anything else.",
        "sum of net_tax_ex",
        "sum(net_tax_ex)",
        Unit.MONEY,
        Good.NEITHER,
    ),
    _sum(
        "vendor_returns",
        "Returns to vendors",
        "What vendors refunded.",
        "- sum of net_tax_ex of vendor refunds",
        "sum(returned_tax_ex)",
        Unit.MONEY,
        Good.DOWN,
    ),
    Kpi(
        "vendor_return_rate",
        "Return rate, vendors",
        "The part of what vendors billed that they refunded, by value.",
        "returns to vendors / (spend + returns to vendors)",
        ratio("sum(returned_tax_ex)", "sum(billed_tax_ex)"),
        Unit.RATIO,
        Good.DOWN,
        Basis.NONE,
        additive=False,
    ),
    _sum(
        "units_bought",
        "Units bought",
        "Units of products on bills, free ones included. Refunded units are not taken off.",
        "sum of quantity of billed goods",
        "sum(goods_units)",
        Unit.COUNT,
        Good.NEITHER,
    ),
    Kpi(
        "average_unit_cost",
        "Average unit cost",
        "What a unit cost, free ones included, with the discounts of its bill spread over it.",
        "cost of billed goods after discounts / units bought",
        ratio("sum(goods_cost_tax_ex)", "sum(goods_units)"),
        Unit.MONEY,
        Good.DOWN,
        Basis.TAX_EX,
        additive=False,
    ),
    Kpi(
        "cost_change",
        "Cost change",
        "How much more or less the same units cost than by the bill before, of the same product "
        "and an earlier day. Products bought for the first time are no part of it.",
        "paid more / (quantity of those units x unit cost by the bill before)",
        ratio("sum(cost_change_tax_ex)", "sum(previous_cost_tax_ex)"),
        Unit.RATIO,
        Good.DOWN,
        Basis.NONE,
        additive=False,
        none="Nothing that had been bought before.",
    ),
    _sum(
        "cost_change_value",
        "Paid more",
        "What the change of unit costs against the bill before came to; below zero it was saved.",
        "sum of (unit cost - unit cost by the bill before) x quantity",
        "coalesce(sum(cost_change_tax_ex), 0)",
        Unit.MONEY,
        Good.DOWN,
    ),
    _sum(
        "free_goods_value",
        "Free goods",
        "Units received free, at what the product cost by its last bill up to that day. A product "
        "whose cost is not known counts as nothing.",
        "sum of quantity of free items x cost as of the day",
        "sum(free_value_tax_ex)",
        Unit.MONEY,
        Good.UP,
    ),
    _sum(
        "free_units",
        "Free units",
        "Units received free: price 0, or 100 % discount.",
        "sum of quantity of free items",
        "sum(free_units)",
        Unit.COUNT,
        Good.UP,
    ),
    _number(
        "bills",
        "Bills",
        "Vendor bills and receipts. Refunds are counted apart.",
        "documents that are no refund",
        "sum(bills)",
    ),
    _number(
        "vendor_refunds",
        "Vendor refunds",
        "Documents in which vendors gave something back.",
        "documents that are a refund",
        "sum(refunds)",
    ),
    _number(
        "vendors",
        "Vendors",
        "Vendors who sent a bill.",
        "different vendors of bills",
        "count(DISTINCT vendor_id) FILTER (billed_lines > 0)",
    ),
    _number(
        "products_bought",
        "Products bought",
        "Different products on bills, free ones included.",
        "different products of billed goods",
        "count(DISTINCT product_id) FILTER (is_goods)",
    ),
)


def where(
    selection: Selection, *, products: str = "p", ignore: tuple[str, ...] = ()
) -> tuple[str, dict[str, Any]]:
    """Conditions on alias s, and on ``products`` for columns of the product."""
    columns: Mapping[str, str] = {
        "vendor": "s.vendor_id",
        "product": "s.product_id",
        **{kind: f"{products}.{column}" for kind, column in OF_PRODUCTS.items()},
    }
    known = {kind: column for kind, column in columns.items() if kind not in ignore}
    terms, params = conditions(selection, known)
    return all_of(terms), params


def rows(
    selection: Selection,
    kpis: tuple[Kpi, ...],
    by: tuple[str, ...],
    *,
    ignore: tuple[str, ...] = (),
) -> tuple[str, dict[str, Any]]:
    """See flow.Source; without the filters to ``ignore``."""
    of_products = selection.has(*OF_PRODUCTS) or any(name in OF_PRODUCTS for name in by)
    of_lines = selection.has("product") or "product" in by
    of_lines = of_lines or any("product_id" in kpi.sql for kpi in kpis)
    counted = any(kpi.sql in OF_BILLS for kpi in kpis)
    if of_lines or (of_products and counted):
        return _lines(selection, by, ignore)
    table = "agg_purchases_category_daily" if of_products else "agg_purchases_daily"
    condition, params = where(selection, products="s", ignore=ignore)
    return sql("purchases/source").format(table=table, where=condition), params


def _lines(
    selection: Selection, by: tuple[str, ...], ignore: tuple[str, ...]
) -> tuple[str, dict[str, Any]]:
    """Bill lines; the first of a bill in each slice stands for the bill."""
    columns = dict.fromkeys(
        f"{'p' if name in OF_PRODUCTS else 's'}.{DIMENSIONS[name]}" for name in by
    )
    condition, params = where(selection, ignore=ignore)
    text = sql("purchases/source_lines").format(
        columns="".join(f",\n    {c}" for c in columns if c.startswith("p.")),
        slice=", ".join(("s.move_id", *columns)),
        where=condition,
    )
    return text, params


def family() -> Family:
    """The family of purchases."""
    return Family(
        name="purchases",
        title="Purchases",
        kpis=KPIS,
        by=(*flow.CALENDAR, *DIMENSIONS),
        filters=FILTERS,
        measure=partial(flow.measure, rows, DIMENSIONS),
        trend=partial(flow.trend, rows),
        measure_each=partial(flow.measure_each, rows, DIMENSIONS),
    )
