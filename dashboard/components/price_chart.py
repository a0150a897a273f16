"""What a product was sold for and what it cost, over the days of the range."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
from dash import dcc

from dashboard import charts, html
from dashboard.components.parts import card
from dashboard.context import Context
from nkdash.kpis import format as fmt
from nkdash.kpis.periods import Period

PRICE = "average_selling_price"
Costs = Sequence[tuple[date, float]]
"""From which day on a unit costs how much, in order."""


def price_card(
    ctx: Context, sold: pl.DataFrame, costs: Costs, list_price: float | None
) -> html.Section:
    """From a trend with the average selling price, cost events and today's list price."""
    cut = [*ctx.buckets]
    known = {
        row["bucket"]: row[PRICE]
        for row in sold.filter((pl.col("period") == "now") & ~pl.col("is_total")).to_dicts()
    }
    prices = [known.get(bucket.first) for bucket in cut]
    return card(
        ctx,
        ctx.t("product.prices"),
        dcc.Graph(
            id={"type": "graph", "name": "prices"},
            figure=_figure(ctx, cut, prices, [_cost_on(costs, b.last) for b in cut], list_price),
            config={"displayModeBar": False},
            responsive=True,
            className="chart",
        ),
        hint=html.Span(
            [
                html.Span([html.Span(className="key now"), ctx.t("product.price")]),
                html.Span([html.Span(className="key cost"), ctx.t("product.cost")]),
                html.Span([html.Span(className="key base"), ctx.t("product.list_price")]),
                ctx.t(f"tax.{ctx.tax}"),
            ],
            className="hint",
        ),
        explain="product.prices",
        wide=True,
        picture=True,
    )


def _cost_on(costs: Costs, day: date) -> float | None:
    return next((cost for first, cost in reversed(costs) if first <= day), None)


def _figure(
    ctx: Context,
    cut: Sequence[Period],
    prices: Sequence[float | None],
    costs: Sequence[float | None],
    list_price: float | None,
) -> charts.Figure:
    at = list(range(len(cut)))
    months = ctx.t("months").split()
    words = [
        f"<b>{ctx.days(bucket)}</b><br>"
        + "<br>".join(
            f"{ctx.t(f'product.{name}')} {fmt.money(value, ctx.currency)}"
            for name, value in (("price", price), ("cost", cost), ("list_price", list_price))
        )
        for bucket, price, cost in zip(cut, prices, costs, strict=True)
    ]
    line: dict[str, Any] = {"type": "scatter", "mode": "lines", "x": at}
    data = [
        {
            **line,
            "y": [list_price] * len(at),
            "line": {"color": "token:faint", "width": 1.25, "dash": "dot"},
            "hoverinfo": "skip",
        },
        {
            **line,
            "y": list(costs),
            "line": {"color": "token:warn", "width": 2, "shape": "hv"},
            "hoverinfo": "skip",
        },
        {
            **line,
            "mode": "lines+markers",
            "y": list(prices),
            "line": {"color": "token:accent", "width": 2},
            "marker": {"color": "token:accent", "size": 5},
            # A day without a sale has no price; the line goes on to the next.
            "connectgaps": True,
            "text": words,
            "hovertemplate": "%{text}<extra></extra>",
        },
    ]
    high = max((v for v in (*prices, *costs, list_price) if v is not None), default=1.0)
    ticks = charts.nice_ticks(0.0, float(high))
    step = max(1, -(-len(cut) // charts.TICKS))
    return {
        "data": data,
        "layout": {
            "xaxis": {
                "tickmode": "array",
                "tickvals": at[::step],
                "ticktext": [f"{b.first.day} {months[b.first.month - 1]}" for b in cut[::step]],
                "range": [-0.5, len(at) - 0.5],
            },
            "yaxis": {
                "tickmode": "array",
                "tickvals": ticks,
                "ticktext": [
                    fmt.money_short(tick, ctx.currency).replace(".0", "") for tick in ticks
                ],
                "range": [0, float(high) * 1.08],
            },
        },
    }
