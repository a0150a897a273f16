"""What stock earns: gross profit of twelve months over the stock held for it, at cost.

Stock at month-ends is known for the company and not for its stores, and at cost without tax, so
profit is taken in the same way. Amounts are company currency.
"""

from dataclasses import replace
from datetime import date
from typing import Any

from nkdash.kpis import profit
from nkdash.kpis.model import Basis, Family, Good, Kpi, KpiError, Query, Unit, ratio
from nkdash.kpis.periods import Period
from nkdash.kpis.sales import PRODUCT_COLUMNS, PRODUCT_FILTERS, where
from nkdash.kpis.selection import Selection, period_params, periods, sql

DIMENSIONS = {"company": "company_id", "vendor": "vendor_id", **PRODUCT_COLUMNS}
KPIS = (
    Kpi(
        "gmroi",
        "GMROI",
        "What each unit of money in stock earned in gross profit over the twelve months up to the "
        "last day shown; all stores together. 2 means that stock earned twice its cost.",
        "gross profit of 12 months / average of the 12 month-end inventory values at cost",
        ratio("sum(gross_profit_tax_ex)", "sum(stock_value)"),
        Unit.DECIMAL,
        Good.UP,
        Basis.TAX_EX,
        additive=False,
        none="Stock at fewer than 12 month-ends is known, sales of the year are not all loaded, or "
        "there was no stock with a known cost.",
    ),
)


def year_to(last: date) -> Period:
    """The twelve months that end with a day."""
    try:
        before = last.replace(year=last.year - 1)
    except ValueError:
        before = date(last.year - 1, 2, 28)
    return Period(date.fromordinal(before.toordinal() + 1), last)


def measure(selection: Selection, kpis: tuple[Kpi, ...], by: tuple[str, ...]) -> Query:
    """See Family.measure: of the twelve months to the last day of the period, and of the base."""
    if unknown := [name for name in by if name not in DIMENSIONS]:
        raise KpiError(
            f"{kpis[0].name} cannot be told by {', '.join(unknown)}; "
            f"it can by {', '.join(DIMENSIONS)}"
        )
    held = {kind: ids for kind, ids in selection.filters.items() if kind in PRODUCT_FILTERS}
    year = replace(
        selection,
        period=year_to(selection.period.last),
        base=year_to(selection.base.last) if selection.base else None,
        filters=held,
    )
    earned, params = profit.rows(year, (), by)
    held_stock, more = _stock(year, by)
    text = sql("gmroi/measure").format(
        periods=periods(year),
        profit=earned,
        stock=held_stock,
        columns="".join(f"{DIMENSIONS[name]}, " for name in by),
        dimensions="".join(f"\n    source.{DIMENSIONS[name]} AS {name}," for name in by),
        kpis=",\n    ".join(kpi.expression(selection.tax) for kpi in kpis),
        order=", ".join(("period", *by)),
    )
    return Query(text, {**params, **more, **period_params(year)})


def _stock(year: Selection, by: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    condition, params = where(year, product="p")
    columns, joins = profit.joined(year, by)
    return sql("gmroi/stock").format(columns=columns, joins=joins, where=condition), params


def family() -> Family:
    """The family of returns on stock."""
    return Family(
        name="gmroi",
        title="Return on stock",
        kpis=KPIS,
        by=tuple(DIMENSIONS),
        filters=PRODUCT_FILTERS,
        measure=measure,
    )
