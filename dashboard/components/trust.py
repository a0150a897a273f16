"""The trust strip: how far the data reach, what is missing, what may still move."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl

from dashboard import html
from dashboard.components.parts import attributes
from dashboard.components.tiles import totals
from dashboard.context import Context
from dashboard.data.scope import WithheldError
from nkdash.kpis import format as fmt
from nkdash.kpis.periods import Period
from nkdash.kpis.profit import ENOUGH
from nkdash.kpis.registry import measure
from nkdash.kpis.selection import Selection


def trust(ctx: Context, frame: pl.DataFrame) -> html.Dl:
    """From a trend with provisional_share and cost_coverage, and from the KPIs of trust."""
    now, _ = totals(frame)
    provisional, covered = now.get("provisional_share"), now.get("cost_coverage")
    yesterday = ctx.today - timedelta(days=1)
    newest = replace(ctx.selection.now, period=Period(yesterday, yesterday))
    fresh = _asked(ctx, ("last_complete_day", "days_behind"), newest)
    last, behind = fresh["last_complete_day"], fresh["days_behind"] or 0
    days = _of_days(ctx)
    coverage = ctx.coverage
    loaded = [ctx.t("trust.days_of", loaded=len(coverage.loaded), days=coverage.period.days)]
    told = {"missing": days["days_missing"], "lost": days["days_lost"]}
    told["empty"] = len(coverage.empty)
    loaded += [ctx.t(f"trust.{name}", count=count) for name, count in told.items() if count]
    differing, unexplained = days["days_differing"], days.get("unexplained_stock")
    items = [
        _item(
            ctx.t("trust.last_day"),
            (ctx.day(last) if last else fmt.NO_FIGURE)
            + (" · " + ctx.t("trust.behind", count=behind) if behind > 0 else ""),
            warn=behind > 0,
        ),
        _item(ctx.t("trust.loaded"), " · ".join(loaded), warn=bool(days["days_missing"])),
        _item(
            ctx.t("trust.odoo"),
            ctx.t("trust.differ", count=differing) if differing else ctx.t("trust.agrees"),
            warn=bool(differing),
        ),
        _item(
            ctx.t("trust.cost"),
            fmt.percent(covered),
            warn=covered is not None and covered < ENOUGH,
        ),
        _item(
            ctx.t("trust.provisional"),
            fmt.percent(provisional),
            warn=bool(provisional and provisional > 0.05),
        ),
        unexplained and _item(ctx.t("trust.stock"), fmt.count(unexplained), warn=True),
        _item(ctx.t("trust.as_of"), ctx.moment(coverage.as_of)),
        _item(ctx.t("trust.version"), str(ctx.session.version)),
    ]
    return html.Dl(
        [item for item in items if item],
        className="trust",
        **attributes(aria_label=ctx.t("trust.label")),
    )


def _asked(ctx: Context, names: tuple[str, ...], selection: Selection) -> dict[str, Any]:
    rows = ctx.session.frame(measure(names, selection)).to_dicts()
    return rows[0] if rows else dict.fromkeys(names)


def _of_days(ctx: Context) -> dict[str, Any]:
    """What is wrong with days of the range; without stock where the reader may not see it."""
    days = ("days_missing", "days_lost", "days_differing")
    try:
        return _asked(ctx, (*days, "unexplained_stock"), ctx.selection.now)
    except WithheldError:
        return _asked(ctx, days, ctx.selection.now)


def _item(term: str, words: str, *, warn: bool = False) -> html.Div:
    return html.Div([html.Dt(term), html.Dd(words)], className="warn" if warn else None)
