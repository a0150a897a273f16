"""Dependency: how much of what is bought comes from one vendor. Spend, tax out."""

from typing import Any

from nkdash.kpis import flow
from nkdash.kpis.model import Basis, Family, Good, Kpi, KpiError, Query, Unit
from nkdash.kpis.purchases import DIMENSIONS, FILTERS, rows
from nkdash.kpis.selection import Selection, period_params, periods, sql

WHOLE = "nullif(greatest(CAST(max(whole) AS DOUBLE), 0), 0)"
KPIS = (
    Kpi(
        "vendor_share",
        "Vendor share",
        "The part of the spend that went to a vendor, or to the vendors chosen. Told by brand or "
        "category: of the spend on that brand or category.",
        "spend with the vendor / spend with all vendors",
        f"CAST(sum(spend) AS DOUBLE) / {WHOLE}",
        Unit.RATIO,
        Good.NEITHER,
        Basis.NONE,
        additive=False,
        none="No spend, or more refunded than billed.",
    ),
    Kpi(
        "largest_vendor_share",
        "Largest vendor",
        "The part of the spend that went to the one vendor who got most: how much depends on him.",
        "highest spend with one vendor / spend with all vendors",
        f"CAST(max(spend) AS DOUBLE) / {WHOLE}",
        Unit.RATIO,
        Good.DOWN,
        Basis.NONE,
        additive=False,
        none="No spend, or more refunded than billed.",
    ),
)


def measure(selection: Selection, kpis: tuple[Kpi, ...], by: tuple[str, ...]) -> Query:
    """See Family.measure."""
    if unknown := [name for name in by if name not in DIMENSIONS and name not in flow.CALENDAR]:
        raise KpiError(
            f"{kpis[0].name} cannot be told by {', '.join(unknown)}; "
            f"it can by {', '.join((*flow.CALENDAR, *DIMENSIONS))}"
        )
    others = tuple(name for name in by if name != "vendor")
    source, params = rows(selection, (), (*others, "vendor"), ignore=("vendor",))
    chosen: dict[str, Any] = {k: v for k, v in selection.filters.items() if k == "vendor"}
    text = sql("dependency/measure").format(
        periods=periods(selection),
        source=source,
        dimensions="".join(f"\n        {flow.dimension(n, DIMENSIONS)} AS {n}," for n in others),
        slice=", ".join(("period", *others)),
        names="".join(f"\n    {'vendor_id AS vendor' if n == 'vendor' else n}," for n in by),
        kpis=flow.select_list(kpis, selection.tax),
        chosen="vendor_id = ANY($vendor)" if chosen else "true",
        order=", ".join(("period", *by)),
    )
    return Query(text, {**params, **period_params(selection), **chosen})


def family() -> Family:
    """The family of dependency."""
    return Family(
        name="dependency",
        title="Dependency on vendors",
        kpis=KPIS,
        by=(*flow.CALENDAR, *DIMENSIONS),
        filters=FILTERS,
        measure=measure,
    )
