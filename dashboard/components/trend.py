"""The trend card: one KPI by day, week or month, with the base behind it."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
from dash import dcc

from dashboard import charts, html
from dashboard.components.parts import card, choice
from dashboard.components.tiles import tax_words
from dashboard.context import Context
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Kpi
from nkdash.kpis.periods import Grain, Period


def trend_card(ctx: Context, kpi: Kpi, frame: pl.DataFrame, *, wide: bool = True) -> html.Section:
    """The card of ``kpi`` from a trend frame; a day that is not loaded is a gap, not a zero."""
    title = ctx.t(f"kpi.{kpi.name}.title")
    drawn = points(ctx, kpi, frame)
    figure = charts.trend(
        drawn,
        lambda value: _axis(ctx, kpi, value),
        compared=ctx.comparable,
        least=fmt.least(kpi.unit, ctx.currency),
    )
    graph = dcc.Graph(
        id={"type": "graph", "name": kpi.name},
        figure=figure,
        config={"displayModeBar": False},
        responsive=True,
        className="chart",
    )
    keys = [
        html.Span([html.Span(className="key now"), ctx.days(ctx.period)]),
        ctx.base
        and ctx.comparable
        and html.Span([html.Span(className="key base"), ctx.days(ctx.base)]),
        tax_words(ctx, kpi),
    ]
    grains = choice(
        ctx,
        ctx.t("grain.label"),
        [
            (ctx.t(f"grain.{g}"), ctx.href(ctx.state.with_(grain=g)), g is ctx.grain)
            for g in (Grain.DAY, Grain.WEEK, Grain.MONTH)
        ],
    )
    return card(
        ctx,
        ctx.t(f"trend.{ctx.grain}", kpi=title),
        graph,
        hint=html.Span(
            [k for k in keys if k],
            className="hint bars" if len(drawn) <= charts.BARS_UP_TO else "hint",
        ),
        explain=f"kpi:{kpi.name}",
        actions=grains,
        wide=wide,
        picture=True,
    )


def _axis(ctx: Context, kpi: Kpi, value: float) -> str:
    # Ticks are round: 'Rp 80M' says as much as 'Rp 80.0M'.
    return re.sub(r"\.0(?=[TBMK%]|$)", "", ctx.value(kpi, value, short=True))


def points(ctx: Context, kpi: Kpi, frame: pl.DataFrame) -> list[charts.Point]:
    """One point a bucket of the period, in order."""
    rows = frame.filter(~pl.col("is_total")).to_dicts()
    by_bucket = {(r["period"], r["bucket"]): r[kpi.name] for r in rows}
    return [_point(ctx, kpi, bucket, loaded, by_bucket) for bucket, loaded in ctx.buckets.items()]


def _point(
    ctx: Context,
    kpi: Kpi,
    bucket: Period,
    loaded: bool,
    values: Mapping[tuple[str, date], Any],
) -> charts.Point:
    value = _value(kpi, values, ("now", bucket.first), loaded)
    base = _value(kpi, values, ("base", bucket.first), ctx.comparable)
    weekday = ctx.t("weekdays").split()[bucket.first.weekday()]
    when = f"{weekday} {ctx.day(bucket.first)}" if ctx.grain is Grain.DAY else ctx.days(bucket)
    lines = [f"<b>{when}</b>"]
    lines.append(ctx.value(kpi, value) if loaded else ctx.t("trend.not_loaded"))
    if ctx.comparable and base is not None:
        ratio = fmt.signed_change(kpi.unit, fmt.change_of(kpi.unit, value, base))
        lines.append(ctx.t("trend.base", value=ctx.value(kpi, base), change=ratio))
    return charts.Point(
        label(ctx, bucket),
        "<br>".join(lines),
        ctx.href(ctx.state.with_(custom=bucket)),
        value,
        base,
    )


def label(ctx: Context, bucket: Period) -> str:
    """A bucket as the axis names it."""
    month = ctx.t("months").split()[bucket.first.month - 1]
    is_month = ctx.grain is Grain.MONTH
    return f"{month} {bucket.first.year}" if is_month else f"{bucket.first.day} {month}"


def _value(
    kpi: Kpi, values: Mapping[tuple[str, date], Any], key: tuple[str, date], loaded: bool
) -> float | None:
    # No row is a day without sales; a row without a figure is a figure that is not known.
    if key not in values:
        return 0.0 if loaded and kpi.additive else None
    return None if values[key] is None else float(values[key])
