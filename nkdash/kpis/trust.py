"""Trust: how far the data reach, which days are missing, lost or differ from Odoo.

Of datasets as a whole, so for no company or store by itself. Cost coverage is a KPI of profit, the
provisional share one of sales.
"""

from nkdash.kpis import flow
from nkdash.kpis.model import Basis, Family, Good, Kpi, KpiError, Query, Unit
from nkdash.kpis.selection import Selection, period_params, periods, sql

DIMENSIONS = {"dataset": "dataset"}
NOTHING = "Nothing is loaded yet."
# A parameter: who may not see stock may not ask with the name of its table in the SQL.
SNAPSHOTS = "fact_stock_on_hand_snapshot"
# Of all datasets the one that is furthest behind; none where one was never complete.
COMPLETE_TO = (
    "CASE WHEN bool_and(complete_to IS NOT NULL) FILTER (NOT is_snapshot) "
    "THEN min(complete_to) FILTER (NOT is_snapshot) END"
)


def _days(name: str, title: str, words: str, formula: str, condition: str) -> Kpi:
    return Kpi(
        name,
        title,
        words,
        formula,
        f"count(DISTINCT source.date) FILTER ({condition})",
        Unit.COUNT,
        Good.DOWN,
        Basis.NONE,
        additive=False,
        none=NOTHING,
    )


KPIS = (
    Kpi(
        "last_complete_day",
        "Last complete day",
        "The last day up to the end of the range of which every dataset was read after the day had "
        "ended. Stock snapshots are no part of it.",
        "last day read after its end, of the dataset furthest behind",
        COMPLETE_TO,
        Unit.DATE,
        Good.UP,
        Basis.NONE,
        additive=False,
        none="Some dataset was never read whole.",
    ),
    Kpi(
        "days_behind",
        "Days behind",
        "Days from the last complete day to the end of the range; 0 is up to date where the range "
        "ends yesterday.",
        "end of the range - last complete day",
        f"date_diff('day', {COMPLETE_TO}, max(source.last))",
        Unit.COUNT,
        Good.DOWN,
        Basis.NONE,
        additive=False,
        none="Some dataset was never read whole.",
    ),
    _days(
        "days_missing",
        "Missing days",
        "Days of the range on which some dataset was never loaded. They can be loaded again.",
        "days with a dataset that is not loaded",
        "NOT is_snapshot AND NOT is_loaded",
    ),
    _days(
        "days_lost",
        "Lost days",
        "Days since the first stock snapshot on which none was taken. Odoo knows only what is now, "
        "so they cannot be fetched any more.",
        "days without a stock snapshot",
        "is_snapshot AND NOT is_loaded",
    ),
    _days(
        "days_differing",
        "Days that differ",
        "Days that did not agree with Odoo when it was asked again. They are held in quarantine: "
        "the figures published before stay, and none where there were none.",
        "days whose last reconciliation differs",
        "differs",
    ),
    Kpi(
        "unexplained_stock",
        "Unexplained stock",
        "Places of products at which a stock snapshot is not the one before plus the moves between "
        "the two.",
        "rows of stock_variance",
        "coalesce(sum(unexplained), 0)",
        Unit.COUNT,
        Good.DOWN,
        Basis.NONE,
        additive=True,
        none=NOTHING,
    ),
)


def measure(selection: Selection, kpis: tuple[Kpi, ...], by: tuple[str, ...]) -> Query:
    """See Family.measure."""
    if unknown := [name for name in by if name not in DIMENSIONS and name not in flow.CALENDAR]:
        raise KpiError(
            f"{kpis[0].name} cannot be told by {', '.join(unknown)}; "
            f"it can by {', '.join((*flow.CALENDAR, *DIMENSIONS))}"
        )
    # Only where it is asked for: who may see some stores alone may not see stock.
    stock = any("unexplained" in kpi.sql for kpi in kpis)
    text = sql("trust/measure").format(
        periods=periods(selection),
        unexplained=",\n        v.unexplained" if stock else "",
        variance=f"\n    {sql('trust/variance')}" if stock else "",
        dimensions="".join(f"\n    {flow.dimension(n, DIMENSIONS)} AS {n}," for n in by),
        kpis=flow.select_list(kpis, selection.tax),
        order=", ".join(("period", *by)),
    )
    return Query(text, {**period_params(selection), "snapshots": SNAPSHOTS})


def family() -> Family:
    """The family of trust."""
    return Family(
        name="trust",
        title="Trust",
        kpis=KPIS,
        by=(*flow.CALENDAR, *DIMENSIONS),
        filters=(),
        measure=measure,
    )
