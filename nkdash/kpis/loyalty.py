"""Loyalty: of the customers of a year, those who came again. See ``customers`` for who is one."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from nkdash.kpis import flow
from nkdash.kpis.customers import DIMENSIONS, days, receipts
from nkdash.kpis.model import Basis, Family, Good, Kpi, KpiError, Query, Unit, ratio
from nkdash.kpis.periods import Grain, Period
from nkdash.kpis.selection import ALL_FILTERS, Selection, period_params, periods, sql

YEAR = 365
KPIS = (
    Kpi(
        "repeat_rate",
        "Repeat rate",
        "Of the customers who bought in the 12 months (365 days) up to the last day shown, those "
        "who bought twice or more. With fewer months loaded it is of those.",
        "customers with two or more transactions in 12 months / customers with one or more",
        ratio("sum(repeaters)", "sum(customers)"),
        Unit.RATIO,
        Good.UP,
        Basis.NONE,
        additive=False,
        none="No known customer in those 12 months.",
    ),
)


def rows(selection: Selection, ends: tuple[Period, ...]) -> tuple[str, dict[str, Any]]:
    """One row a transaction of the year before each of ``ends`` and in it."""
    return receipts(_year_before(selection, ends))


def _year_before(selection: Selection, ends: tuple[Period, ...]) -> Selection:
    first = min(period.first for period in ends) - timedelta(days=YEAR - 1)
    return replace(selection, period=Period(first, max(p.last for p in ends)), base=None)


def _asked(selection: Selection) -> tuple[Period, ...]:
    return tuple(period for period in (selection.period, selection.base) if period)


def measure(selection: Selection, kpis: tuple[Kpi, ...], by: tuple[str, ...]) -> Query:
    """See Family.measure; as of the last day of a period. Raises KpiError."""
    if unknown := [name for name in by if name not in DIMENSIONS]:
        raise KpiError(
            f"{kpis[0].name} is told as of the last day, over 12 months, and cannot be told by "
            f"{', '.join(unknown)}; it can by {', '.join(DIMENSIONS)}"
        )
    last_days = tuple(Period(asked.last, asked.last) for asked in _asked(selection))
    source, params = rows(selection, last_days)
    text = sql("loyalty/measure").format(
        periods=periods(selection),
        source=source,
        dimensions="".join(f"\n        {flow.dimension(n, DIMENSIONS)} AS {n}," for n in by),
        groups=", ".join(("period", *by)),
        kpis=flow.select_list(kpis, selection.tax),
    )
    return Query(text, {**params, **period_params(selection)})


def trend(selection: Selection, kpis: tuple[Kpi, ...], grain: Grain) -> Query:
    """See Family.trend; each bucket as of its last day."""
    asked = _year_before(selection, _asked(selection))
    source, params = receipts(asked) if selection.filters else days(asked)
    text = sql("loyalty/trend").format(
        steps=sql("loyalty/steps" if selection.filters else "loyalty/steps_days"),
        periods=periods(selection),
        source=source,
        bucket=sql("bucket").format(grain="$grain"),
        kpis=flow.select_list(kpis, selection.tax),
    )
    return Query(text, {**params, **period_params(selection), "grain": grain.value})


def family() -> Family:
    """The family of loyalty."""
    return Family(
        name="loyalty",
        title="Loyalty",
        kpis=KPIS,
        by=tuple(DIMENSIONS),
        filters=ALL_FILTERS,
        measure=measure,
        trend=trend,
    )
