"""The trust strip: how far the data reach, what is missing, what may still move."""

import polars as pl
from dash import html

from dashboard.components.parts import attributes
from dashboard.components.tiles import totals
from dashboard.context import Context
from dashboard.data import queries
from nkdash.kpis import format as fmt


def trust(ctx: Context, frame: pl.DataFrame) -> html.Dl:
    """From a trend with provisional_share and from the coverage of the period."""
    fresh = ctx.session.frame(queries.freshness(ctx.today)).to_dicts()[0]
    now, _ = totals(frame)
    provisional = now.get("provisional_share")
    coverage = ctx.coverage
    last = fresh["last_complete_day"]
    behind = (ctx.today - last).days - 1 if last else 0
    days = ctx.t("trust.days_of", loaded=len(coverage.loaded), days=coverage.period.days)
    if coverage.missing:
        days += " · " + ctx.t("trust.missing", count=coverage.missing)
    if coverage.empty:
        days += " · " + ctx.t("trust.empty", count=len(coverage.empty))
    return html.Dl(
        [
            _item(
                ctx.t("trust.last_day"),
                (ctx.day(last) if last else fmt.NO_FIGURE)
                + (" · " + ctx.t("trust.behind", count=behind) if behind > 0 else ""),
                warn=behind > 0,
            ),
            _item(ctx.t("trust.loaded"), days, warn=coverage.missing > 0),
            _item(
                ctx.t("trust.provisional"),
                fmt.percent(provisional),
                warn=bool(provisional and provisional > 0.05),
            ),
            _item(ctx.t("trust.as_of"), ctx.moment(coverage.as_of)),
            _item(ctx.t("trust.version"), str(fresh["version"])),
        ],
        className="trust",
        **attributes(aria_label=ctx.t("trust.label")),
    )


def _item(term: str, words: str, *, warn: bool = False) -> html.Div:
    return html.Div([html.Dt(term), html.Dd(words)], className="warn" if warn else None)
