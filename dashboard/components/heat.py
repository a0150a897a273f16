"""Weekday by hour as a real table, shaded by value."""

import polars as pl

from dashboard import html
from dashboard.components.parts import attributes
from dashboard.context import Context
from nkdash.kpis import format as fmt


def heat_table(ctx: Context, frame: pl.DataFrame) -> html.Div:
    """Net revenue an open store-hour, from the heat map's columns weekday, hour and the rest."""
    cells = {(r["weekday"], r["hour"]): r for r in frame.to_dicts()}
    hours = range(min(h for _, h in cells), max(h for _, h in cells) + 1)
    highest = max(r["revenue_per_hour"] for r in cells.values()) or 1.0
    weekdays = ctx.t("weekdays").split()
    head = html.Tr(
        [
            html.Th(html.Span(ctx.t("heat.corner"), className="unseen")),
            *(html.Th(f"{h:02d}", scope="col") for h in hours),
        ]
    )
    rows = [
        html.Tr(
            [
                html.Th(name, scope="row"),
                *(_cell(ctx, (number, h), cells.get((number, h)), highest) for h in hours),
            ]
        )
        for number, name in enumerate(weekdays, 1)
    ]
    return html.Div(
        html.Table([html.Thead(head), html.Tbody(rows)], className="heat"),
        className="heat-scroll",
        tabIndex=0,
        role="group",
        **attributes(aria_label=ctx.t("heat.title")),
    )


def _cell(
    ctx: Context, place: tuple[int, int], row: dict[str, float] | None, highest: float
) -> html.Td:
    number, hour = place
    weekday = ctx.label("weekday", number)
    if row is None:
        return html.Td(className="shut", title=f"{weekday} {hour:02d}:00 · {ctx.t('heat.shut')}")
    value = row["revenue_per_hour"]
    words = ctx.t(
        "heat.cell",
        weekday=weekday,
        hour=f"{hour:02d}",
        value=fmt.money(value, ctx.currency),
        transactions=fmt.count(row["transactions_per_hour"], 1),
        hours=fmt.count(row["store_hours"]),
    )
    share = max(0.0, value / highest)
    # Half the table is low hours; the root spreads them so that they can be told apart.
    strength = round(100 * share**0.7)
    here = ctx.state.with_(tab="transactions", weekday=(number,), hour=(hour,), sort="", metric="")
    return html.Td(
        html.A(
            html.Span(fmt.money_short(value, ctx.currency), className="unseen"),
            href=ctx.href(here),
            className="heat-cell",
        ),
        title=words,
        className="hot" if strength > 60 else None,
        style={"--heat": f"{strength}%"},
    )
