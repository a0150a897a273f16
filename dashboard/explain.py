"""What a figure means: its definition, the SQL that made it, as of when, and the rows behind."""

from collections.abc import Sequence
from typing import Any

from dashboard import html
from dashboard.components.tiles import tax_words
from dashboard.context import Context
from dashboard.sections import Page, all_tables
from nkdash.kpis.model import Good, Query
from nkdash.kpis.registry import family_of, kpi, measure, trend

GOOD = {Good.UP: "good.up", Good.DOWN: "good.down", Good.NEITHER: "good.neither"}


def explain(ctx: Context, pages: Sequence[Page], what: str) -> Any:
    """The body of the dialog for ``what``: 'kpi:<name>', 'table:<name>' or '<page>.<key>'.

    Raises KeyError or KpiError for what no tile asks.
    """
    sort, _, name = what.partition(":")
    if sort == "kpi":
        head, query = _definition(ctx, name), _measured(ctx, name)
        family = family_of(name).name
    else:
        head = [html.P(ctx.t(f"explain.{what}"))]
        query, family = _card(ctx, pages, what)
    rows = _rows(ctx, pages, family)
    return [
        *head,
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
        rows and html.P(html.A(ctx.t("explain.rows"), href=rows)),
        html.H3(ctx.t("explain.sql")),
        html.Pre(html.Code(listing(query)), tabIndex=0),
    ]


def _definition(ctx: Context, name: str) -> list[Any]:
    asked = kpi(name)
    return [
        html.H2(ctx.t(f"kpi.{name}.title")),
        html.P(ctx.t(f"kpi.{name}.words")),
        html.P(html.Code(f"= {asked.formula}")),
        html.P(" · ".join(w for w in (tax_words(ctx, asked), ctx.t(GOOD[asked.good])) if w)),
    ]


def _measured(ctx: Context, name: str) -> Query:
    if family_of(name).trend is None:
        return measure((name,), ctx.selection)
    return trend((name,), ctx.selection, ctx.grain)


def _card(ctx: Context, pages: Sequence[Page], what: str) -> tuple[Query, str]:
    """The question behind a card or table, and the page that its rows are on."""
    sort, _, name = what.partition(":")
    if sort == "table":
        page = next(p for p in pages if name in {t.name for t in p.tables.values()})
        return all_tables(pages)[name].query(ctx), page.name
    page_name, _, key = what.partition(".")
    page = next((p for p in pages if p.name == page_name), pages[0])
    return page.explains[key](ctx), page.name


def _rows(ctx: Context, pages: Sequence[Page], family: str) -> str | None:
    """Where the rows behind a family (or a page of that name) are listed."""
    for page in pages:
        if family in page.rows:
            rows = ctx.state.with_(tab=page.rows[family], sort="", metric="")
            return ctx.href(rows, page.path)
    return None


def listing(query: Query) -> str:
    """SQL and its parameters, so that ``nkdash query`` can answer the same."""
    used = [
        f"-- ${name} = {list(value) if isinstance(value, tuple) else value}"
        for name, value in sorted(query.params.items())
    ]
    return "\n".join([*used, query.sql])
