"""KPIs of what happened on days: rows with a date, filtered, cut into periods, added up."""

from collections.abc import Callable, Mapping
from typing import Any

from nkdash.kpis.model import Kpi, KpiError, Query, TaxBasis
from nkdash.kpis.periods import Grain
from nkdash.kpis.selection import Selection, period_params, periods, sql

Source = Callable[[Selection, tuple[Kpi, ...], tuple[str, ...]], tuple[str, dict[str, Any]]]
"""The rows to add up for some KPIs and dimensions: SQL with a column ``date``, the dimensions'
columns and the measures of the KPIs; and its parameters."""

CALENDAR = ("day", "week", "month")


def trend(source: Source, selection: Selection, kpis: tuple[Kpi, ...], grain: Grain) -> Query:
    """See Family.trend."""
    rows, params = source(selection, kpis, ())
    text = sql("trend").format(
        periods=periods(selection), source=rows, kpis=select_list(kpis, selection.tax)
    )
    return Query(text, {**params, **period_params(selection), "grain": grain.value})


def measure(
    source: Source,
    columns: Mapping[str, str],
    selection: Selection,
    kpis: tuple[Kpi, ...],
    by: tuple[str, ...],
) -> Query:
    """See Family.measure; ``columns`` gives the source's column of each dimension."""
    if unknown := [name for name in by if name not in columns and name not in CALENDAR]:
        raise KpiError(
            f"{kpis[0].name} cannot be told by {', '.join(unknown)}; "
            f"it can by {', '.join((*CALENDAR, *columns))}"
        )
    rows, params = source(selection, kpis, tuple(name for name in by if name in columns))
    dimensions = "".join(f"\n    {dimension(name, columns)} AS {name}," for name in by)
    text = sql("measure").format(
        periods=periods(selection),
        source=rows,
        dimensions=dimensions,
        order=", ".join(("period", *by)),
        kpis=select_list(kpis, selection.tax),
    )
    return Query(text, {**params, **period_params(selection)})


def measure_each(
    source: Source,
    columns: Mapping[str, str],
    selection: Selection,
    kpis: tuple[Kpi, ...],
    kinds: tuple[str, ...],
) -> Query:
    """See Family.measure_each; ``columns`` as in ``measure``."""
    rows, params = source(selection, kpis, kinds)
    of = {kind: f"source.{columns[kind]}" for kind in kinds}
    known = " ".join(f"WHEN grouping({column}) = 0 THEN '{kind}'" for kind, column in of.items())
    return each(
        selection,
        kpis,
        rows,
        params,
        kind=f"CASE {known} END",
        record=f"coalesce({', '.join(of.values())})",
        groups=f"GROUPING SETS ({', '.join(f'(period, {column})' for column in of.values())})",
    )


def each(
    selection: Selection,
    kpis: tuple[Kpi, ...],
    rows: str,
    params: Mapping[str, Any],
    *,
    kind: str,
    record: str,
    groups: str = "ALL",
) -> Query:
    """The question of ``measure_each``; ``kind`` and ``record`` are SQL over ``source``."""
    text = sql("measure_each").format(
        periods=periods(selection),
        source=rows,
        kind=kind,
        record=record,
        groups=groups,
        kpis=select_list(kpis, selection.tax),
    )
    return Query(text, {**params, **period_params(selection)})


def dimension(name: str, columns: Mapping[str, str]) -> str:
    """The SQL of a dimension over ``source`` joined with ``periods``."""
    if name not in CALENDAR:
        return f"source.{columns[name]}"
    # As in a trend: the base lies on the current days, and the first bucket is clipped.
    return sql("bucket").format(grain=f"'{name}'")


def select_list(kpis: tuple[Kpi, ...], tax: TaxBasis) -> str:
    """The KPIs as a SELECT list."""
    return ",\n    ".join(kpi.expression(tax) for kpi in kpis)
