"""Payments at the till, change netted; never from sales lines. Company currency, tax in."""

from functools import partial
from typing import Any

from nkdash.kpis import flow
from nkdash.kpis.model import Basis, Family, Good, Kpi, Unit
from nkdash.kpis.sales import where
from nkdash.kpis.selection import ALL_FILTERS, Selection, sql

DIMENSIONS = {
    "company": "company_id",
    "store": "pos_config_id",
    "cashier": "cashier_id",
    "method": "payment_method_id",
}
OF_A_DAY = frozenset({"store", "cashier", "method", "weekday"})
"""Filters that payments added up by day know; ``source`` and ``salesperson`` none of them do."""
KPIS = (
    Kpi(
        "payments",
        "Payments",
        "What was paid at the tills, change given back taken off.",
        "sum of amount",
        "sum(amount)",
        Unit.MONEY,
        Good.UP,
        Basis.TAX_IN,
        additive=True,
        none="Days that are not loaded.",
    ),
)


def rows(
    selection: Selection, _kpis: tuple[Kpi, ...], _by: tuple[str, ...]
) -> tuple[str, dict[str, Any]]:
    """See flow.Source. A product filter means every payment of receipts that hold one."""
    condition, params = where(selection, payments=True, own=True)
    name = "source_daily" if selection.filters.keys() <= OF_A_DAY else "source"
    return sql(f"payments/{name}").format(where=condition), params


def family() -> Family:
    """The family of payments."""
    return Family(
        name="payments",
        title="Payments",
        kpis=KPIS,
        by=(*flow.CALENDAR, *DIMENSIONS),
        filters=tuple(kind for kind in ALL_FILTERS if kind not in ("source", "salesperson")),
        measure=partial(flow.measure, rows, DIMENSIONS),
        trend=partial(flow.trend, rows),
    )
