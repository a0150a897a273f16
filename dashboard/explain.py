"""What a figure means: its definition, the SQL that made it, as of when, and the rows behind."""

from typing import Any

from dash import html

from dashboard import tables
from dashboard.components.tiles import tax_words
from dashboard.context import Context
from dashboard.data import queries
from dashboard.data.session import Query
from dashboard.kpis import KPIS, Good
from dashboard.pages import overview, sales
from dashboard.periods import trend_grain


def explain(ctx: Context, what: str) -> Any:
    """The body of the dialog for ``what``, e.g. 'kpi:net_revenue' or 'breakdown:store'.

    Raises KeyError for what no tile asks.
    """
    sort, _, name = what.partition(":")
    query = _query(ctx, sort, name)
    rows = ctx.state.with_(tab="transactions", sort="", metric="")
    return [
        *(_definition(ctx, name) if sort in ("kpi", "trend") else _words(ctx, what)),
        html.Dl(
            [
                html.Dt(ctx.t("explain.range")),
                html.Dd(ctx.days(ctx.period)),
                html.Dt(ctx.t("trust.as_of")),
                html.Dd(ctx.moment(ctx.coverage.as_of)),
                html.Dt(ctx.t("trust.version")),
                html.Dd(str(ctx.session.version)),
            ]
        ),
        html.P(html.A(ctx.t("explain.rows"), href=ctx.href(rows, "/sales"))),
        html.H3(ctx.t("explain.sql")),
        html.Pre(html.Code(_listing(query)), tabIndex=0),
    ]


def _definition(ctx: Context, name: str) -> list[Any]:
    kpi = KPIS[name]
    good = {Good.UP: "good.up", Good.DOWN: "good.down", Good.NEITHER: "good.neither"}
    return [
        html.H2(ctx.t(f"kpi.{name}.title")),
        html.P(ctx.t(f"kpi.{name}.words")),
        html.P(html.Code(f"= {kpi.formula}")),
        html.P(" · ".join(w for w in (tax_words(ctx, kpi), ctx.t(good[kpi.good])) if w)),
    ]


def _words(ctx: Context, what: str) -> list[Any]:
    return [html.P(ctx.t(f"explain.{what}"))]


def _query(ctx: Context, sort: str, name: str) -> Query:
    match sort:
        case "kpi" | "trend":
            grain = trend_grain(ctx.state.grain, ctx.period)
            return queries.trend(ctx.selection, (KPIS[name].name,), grain)
        case "breakdown" if name in queries.BREAKDOWNS:
            return queries.breakdown(ctx.selection, name, overview.RANKED)
        case "breakdown":
            return queries.product_breakdown(ctx.selection, name, sales.RANKED)
        case "payments":
            return queries.payments(ctx.selection)
        case "heatmap":
            return queries.heatmap(ctx.selection)
        case "table":
            return tables.TABLES[name].query(ctx.selection)
        case _:
            raise KeyError(sort)


def _listing(query: Query) -> str:
    """SQL and its parameters, so that ``nkdash query`` can answer the same."""
    used = [
        f"-- ${name} = {list(value) if isinstance(value, tuple) else value}"
        for name, value in sorted(query.params.items())
    ]
    return "\n".join([*used, query.sql])
