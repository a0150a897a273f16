"""Cohorts as a triangle: a real table, a row a month of first purchase, shaded by who came back."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from dashboard import html
from dashboard.components.parts import attributes
from dashboard.context import Context
from nkdash.kpis import format as fmt

MOST = 24
"""Cohorts shown, the newest ones."""
STRONGEST = 45
"""Per cent of the accent under a figure: more of it and the figure could not be read."""

Cells = Mapping[int, Mapping[str, Any]]


def cohort_table(ctx: Context, frame: pl.DataFrame, *, counted: bool) -> html.Div:
    """From cells of cohorts; ``counted`` shows customers, else the share that came back."""
    cohorts: dict[Any, dict[int, dict[str, Any]]] = {}
    for row in frame.to_dicts():
        cohorts.setdefault(row["cohort_month"], {})[row["months_after"]] = row
    newest = sorted(cohorts)[-MOST:]
    shown = [cohorts[month] for month in newest]
    columns = range(max(max(cells) for cells in shown) + 1)
    scale = _scale(shown, counted)
    body = [
        html.Tr(
            [
                html.Th(_month(ctx, month), scope="row"),
                html.Td(fmt.count(cells[0]["cohort_customers"]), className="size"),
                *(_cell(ctx, cells.get(after), scale, counted) for after in columns),
            ]
        )
        for month, cells in zip(newest, shown, strict=True)
    ]
    over = [
        html.Th(ctx.t("cohort.month"), rowSpan=2, scope="col"),
        html.Th(ctx.t("cohort.size"), rowSpan=2, scope="col", className="size"),
        html.Th(ctx.t("cohort.later"), colSpan=len(columns), scope="colgroup", className="over"),
    ]
    head = html.Thead(
        [html.Tr(over), html.Tr([html.Th(str(after), scope="col") for after in columns])]
    )
    foot = html.Tfoot(_all_of_them(ctx, shown, columns)) if not counted else None
    return html.Div(
        html.Table([head, html.Tbody(body), foot], className="cohorts"),
        className="heat-scroll",
        tabIndex=0,
        role="group",
        **attributes(aria_label=ctx.t("cohort.title")),
    )


def _month(ctx: Context, month: Any) -> str:
    return f"{ctx.t('months').split()[month.month - 1]} {month.year}"


def _cell(
    ctx: Context, cell: Mapping[str, Any] | None, scale: tuple[float, float], counted: bool
) -> html.Td:
    if cell is None:
        return html.Td(className="none")
    words = ctx.t(
        "cohort.cell",
        month=_month(ctx, cell["month"]),
        customers=fmt.count(cell["customers"]),
        of=fmt.count(cell["cohort_customers"]),
        share=fmt.percent(cell["retention"]),
    )
    if cell["is_partial"]:
        words += f" · {ctx.t('cohort.partial')}"
    shown = fmt.count(cell["customers"]) if counted else fmt.percent(cell["retention"])
    low, high = scale
    place = (_value(cell, counted) - low) / (high - low or 1)
    # Month 0 is all of them by definition: it would drown what the others tell.
    strength = 0 if cell["months_after"] == 0 else round(STRONGEST * min(max(place, 0), 1))
    marks = ["first" if cell["months_after"] == 0 else "", "partial" if cell["is_partial"] else ""]
    return html.Td(
        shown,
        title=words,
        className=" ".join(mark for mark in marks if mark) or None,
        style={"--heat": f"{strength}%"},
    )


def _value(cell: Mapping[str, Any], counted: bool) -> float:
    return float(cell["customers"] if counted else cell["retention"])


def _scale(shown: Sequence[Cells], counted: bool) -> tuple[float, float]:
    """Lowest and highest of the months after the first that have ended."""
    later = [
        _value(cell, counted)
        for cells in shown
        for after, cell in cells.items()
        if after > 0 and not cell["is_partial"]
    ]
    return min(later, default=0.0), max(later, default=1.0)


def _all_of_them(ctx: Context, shown: Sequence[Cells], columns: range) -> html.Tr:
    """Retention of all cohorts shown, months that had not ended left out."""
    shares = []
    for after in columns:
        whole = [c[after] for c in shown if after in c and not c[after]["is_partial"]]
        of = sum(float(cell["cohort_customers"]) for cell in whole)
        came = sum(float(cell["customers"]) for cell in whole)
        shares.append(came / of if of else None)
    size = sum(cells[0]["cohort_customers"] for cells in shown)
    return html.Tr(
        [
            html.Th(ctx.t("cohort.all"), scope="row"),
            html.Td(fmt.count(size), className="size"),
            *(html.Td(fmt.percent(share)) for share in shares),
        ]
    )
