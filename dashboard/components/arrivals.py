"""New and returning customers by day, week or month: one bar, two parts."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from dash import dcc

from dashboard import charts, html
from dashboard.components.parts import card
from dashboard.components.trend import label
from dashboard.context import Context
from nkdash.kpis import format as fmt
from nkdash.kpis.periods import Period
from nkdash.kpis.registry import kpi

PARTS = (("returning_customers", "token:line-strong"), ("new_customers", "token:accent"))
"""From the axis up, each with its colour."""


def arrivals_card(ctx: Context, frame: pl.DataFrame) -> html.Section:
    """From a trend with both KPIs; who is new on one day may return on a later one."""
    keys = [
        html.Span([html.Span(className=f"key {name}"), ctx.t(f"kpi.{name}.title")])
        for name, _ in reversed(PARTS)
    ]
    return card(
        ctx,
        ctx.t(f"customers.arrivals.{ctx.grain}"),
        dcc.Graph(
            id={"type": "graph", "name": "arrivals"},
            figure=figure(ctx, frame),
            config={"displayModeBar": False},
            responsive=True,
            className="chart",
        ),
        hint=html.Span(keys, className="hint bars"),
        explain="customers.arrivals",
        picture=True,
    )


def figure(ctx: Context, frame: pl.DataFrame) -> charts.Figure:
    """Stacked bars; a day that is not loaded has none."""
    rows = frame.filter(~pl.col("is_total") & (pl.col("period") == "now")).to_dicts()
    by_bucket = {row["bucket"]: row for row in rows}
    shown = [*ctx.buckets]
    values = {
        name: [int(by_bucket.get(b.first, {}).get(name) or 0) for b in shown] for name, _ in PARTS
    }
    highest = max(map(sum, zip(*values.values(), strict=True)), default=0)
    ticks = charts.nice_ticks(0, highest, least=1)
    positions = list(range(len(shown)))
    step = max(1, -(-len(shown) // charts.TICKS))
    shared: dict[str, Any] = {
        "type": "bar",
        "x": positions,
        "customdata": [ctx.href(ctx.state.with_(custom=b)) for b in shown],
    }
    first, *others = [
        {**shared, "y": values[name], "marker": {"color": colour}} for name, colour in PARTS
    ]
    told = {
        "text": [_hover(ctx, b, by_bucket.get(b.first, {})) for b in shown],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
    }
    return {
        "data": [{**first, **told}, *({**other, "hoverinfo": "skip"} for other in others)],
        "layout": {
            "barmode": "stack",
            "xaxis": {
                "tickmode": "array",
                "tickvals": positions[::step],
                "ticktext": [label(ctx, shown[i]) for i in positions[::step]],
                "range": [-0.5, len(shown) - 0.5],
            },
            "yaxis": {
                "tickmode": "array",
                "tickvals": ticks,
                "ticktext": [fmt.count(tick) for tick in ticks],
                "range": [0, highest * 1.06 or 1],
            },
        },
    }


def _hover(ctx: Context, bucket: Period, row: Mapping[str, Any]) -> str:
    lines = [f"<b>{ctx.days(bucket)}</b>"]
    if not ctx.buckets[bucket]:
        return "<br>".join([*lines, ctx.t("trend.not_loaded")])
    for name, _ in reversed(PARTS):
        lines.append(f"{ctx.t(f'kpi.{name}.title')} {ctx.value(kpi(name), row.get(name) or 0)}")
    return "<br>".join(lines)
