"""Customers: who is new, who returns, segments, cohorts, the best ones, what is bought together."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from dashboard import html
from dashboard.components.arrivals import arrivals_card
from dashboard.components.cohorts import MOST, cohort_table
from dashboard.components.parts import (
    attributes,
    card,
    change,
    choice,
    empty_selection,
    message,
    nothing_sold,
)
from dashboard.components.segments import segment_map, segment_table
from dashboard.components.tiles import tiles
from dashboard.components.trend import trend_card
from dashboard.context import Context
from dashboard.data import customers, queries
from dashboard.odoo import record_url
from dashboard.sections import Page, Section
from dashboard.tables import Column, Table
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Query, Unit
from nkdash.kpis.periods import Period
from nkdash.kpis.registry import kpi, measure, trend
from nkdash.kpis.selection import ALL_FILTERS

OF_CUSTOMERS = (
    "active_customers",
    "new_customers",
    "returning_customers",
    "revenue_per_customer",
    "new_customer_revenue",
    "returning_customer_revenue",
)
HEADLINE = (
    "active_customers",
    "new_customers",
    "returning_customers",
    "customer_share",
    "revenue_per_customer",
    "new_customer_revenue",
    "returning_customer_revenue",
    "repeat_rate",
)
OF_ONE = (
    "net_revenue",
    "transactions",
    "average_transaction",
    "items_sold",
    "gross_sales",
    "discounts",
    "discount_rate",
    "returns",
)
OF_STORES = ("active_customers", "new_customers", "returning_customers", "revenue_per_customer")
KEYS = ["period", "bucket", "is_total"]


def _of_customer(ctx: Context, row: Mapping[str, Any]) -> str:
    only = ctx.state.with_(customer=(row["customer_id"],), tab="", sort="", metric="")
    return ctx.href(only)


def _of_pair(ctx: Context, row: Mapping[str, Any]) -> str:
    both = (row["product_a"], row["product_b"])
    return ctx.href(ctx.state.with_(product=both, tab="", sort="", metric=""))


TOP = Table(
    "customers",
    key="customer_key",
    sort="-net_revenue",
    columns=(
        Column("customer", "text", 200, grows=True),
        Column("net_revenue", "money", 140),
        Column("share", "ratio", 80),
        Column("transactions", "count", 130),
        Column("average_transaction", "money", 175),
        Column("items_sold", "count", 100),
        Column("returns", "money", 120),
        Column("last_date", "day", 120),
        Column("first_date", "day", 120),
    ),
    query=lambda ctx: customers.top(ctx.selection),
    href=_of_customer,
)
MEMBERS = Table(
    "segment_customers",
    key="customer_key",
    sort="-net_revenue",
    columns=(
        Column("customer", "text", 200, grows=True),
        Column("net_revenue", "money", 140),
        Column("transactions", "count", 130),
        Column("average_transaction", "money", 175),
        Column("days_since_last", "count", 145),
        Column("last_date", "day", 120),
        Column("recency_score", "count", 105),
        Column("frequency_score", "count", 115),
        Column("monetary_score", "count", 100),
    ),
    query=lambda ctx: customers.members(ctx.selection, segment_of(ctx)),
    href=_of_customer,
)
PAIRS = Table(
    "pairs",
    key="pair",
    sort="-baskets_both",
    columns=(
        Column("name_a", "text", 210, grows=True),
        Column("name_b", "text", 210, grows=True),
        Column("baskets_both", "count", 110),
        Column("lift", "decimal", 80),
        Column("confidence_a_b", "ratio", 110),
        Column("confidence_b_a", "ratio", 110),
        Column("support", "ratio", 95),
        Column("baskets_a", "count", 140),
        Column("baskets_b", "count", 140),
    ),
    query=lambda ctx: customers.pairs(ctx.selection),
    href=_of_pair,
)


def segment_of(ctx: Context) -> str:
    """The segment that the URL names; '' for all."""
    return ctx.state.metric if ctx.state.metric in customers.SEGMENTS else ""


def summary(ctx: Context) -> Any:
    """The figures, their trend, new and returning, and the stores."""
    if len(ctx.state.customer) == 1:
        return [person(ctx, ctx.state.customer[0]), *_spent(ctx)]
    of_customers = ctx.session.frame(trend(OF_CUSTOMERS, ctx.selection, ctx.grain))
    of_sales = ctx.session.frame(trend(("customer_share",), ctx.selection, ctx.grain))
    repeat = ctx.session.frame(trend(("repeat_rate",), ctx.selection, ctx.grain))
    frame = _known_zeros(ctx, together(of_customers, of_sales, repeat))
    chosen = ctx.state.metric if ctx.state.metric in HEADLINE else HEADLINE[0]
    head = [tiles(ctx, HEADLINE, frame, chosen), _knows_since(ctx)]
    if nothing_sold(of_sales):
        return [*head, empty_selection(ctx)]
    if nothing_sold(of_customers):
        return [*head, message(ctx.t("customers.nobody"), ctx.t("customers.nobody.words"))]
    return [*head, html.Div(trend_card(ctx, kpi(chosen), frame), className="grid")]


def together(*frames: pl.DataFrame) -> pl.DataFrame:
    """Trends of several families as one, which tiles and trend card read."""
    first, *others = frames
    for other in others:
        first = first.join(other, on=KEYS, how="full", coalesce=True, nulls_equal=True)
    return first.sort(KEYS, nulls_last=True)


def _known_zeros(ctx: Context, frame: pl.DataFrame) -> pl.DataFrame:
    """Nobody on days that are loaded is a true zero, though customers do not add up."""
    loaded = [bucket.first for bucket, is_loaded in ctx.buckets.items() if is_loaded]
    known = pl.col("is_total") | pl.col("bucket").is_in(loaded)
    sums = pl.col(*(n for n in OF_CUSTOMERS if n != "revenue_per_customer"))
    return frame.with_columns(pl.when(known).then(sums.fill_null(0)).otherwise(sums))


def _knows_since(ctx: Context) -> html.P:
    first = ctx.session.frame(queries.freshness(ctx.today)).to_dicts()[0]["first_day"]
    words = ctx.t("customers.since", day=ctx.day(first)) if first else ""
    return html.P(words, className="customers-note")


def _spent(ctx: Context) -> list[Any]:
    """What the one customer of the filter bought in the period."""
    frame = ctx.session.frame(trend(OF_ONE, ctx.selection, ctx.grain))
    chosen = ctx.state.metric if ctx.state.metric in OF_ONE else OF_ONE[0]
    drawn = trend_card(ctx, kpi(chosen), frame)
    return [
        tiles(ctx, OF_ONE, frame, chosen),
        empty_selection(ctx) if nothing_sold(frame) else html.Div(drawn, className="grid"),
    ]


def person(ctx: Context, customer: int) -> html.Section:
    """Who the one customer of the filter is: his history, and where to go on."""
    row = ctx.session.frame(customers.one(ctx.selection, customer)).to_dicts()[0]
    rows = ctx.href(ctx.state.with_(tab="transactions", sort="", metric=""), "/sales")
    odoo = record_url(ctx.settings, "res.partner", customer)
    links = [
        html.A(ctx.t("customers.transactions"), href=rows, className="button"),
        odoo
        and html.A(
            ctx.t("customers.in_odoo"),
            href=odoo,
            className="button",
            target="_blank",
            rel="noopener noreferrer",
        ),
    ]
    facts = [
        (ctx.t("column.first_date"), _day(ctx, row["first_date"])),
        (ctx.t("column.last_date"), _day(ctx, row["last_date"])),
        (ctx.t("kpi.transactions.title"), fmt.count(row["transactions"])),
        (ctx.t("kpi.net_revenue.title"), fmt.money(row["net_revenue"], ctx.currency)),
    ]
    return card(
        ctx,
        ctx.label("customer", customer),
        html.Dl(
            [html.Div([html.Dt(term), html.Dd(words)]) for term, words in facts],
            className="customer-facts",
        ),
        hint=ctx.t("customers.person.hint"),
        actions=html.Div([link for link in links if link], className="links"),
        wide=True,
    )


def _day(ctx: Context, day: Any) -> str:
    return ctx.day(day) if day else fmt.NO_FIGURE


def arrivals(ctx: Context) -> Query:
    """New and returning customers by day, week or month."""
    return trend(("new_customers", "returning_customers"), ctx.selection, ctx.grain)


def by_store(ctx: Context) -> Query:
    """Customers of each store."""
    return measure(OF_STORES, ctx.selection, ("store",))


def parts(ctx: Context) -> Any:
    """New and returning, and the stores; nothing where nobody is known."""
    if len(ctx.state.customer) == 1:
        return None
    frame = ctx.session.frame(arrivals(ctx))
    if nothing_sold(frame):
        return None
    return html.Div([arrivals_card(ctx, frame), stores_card(ctx)], className="grid")


def stores_card(ctx: Context) -> html.Section:
    """Stores by customers; a click filters by the store."""
    frame = ctx.session.frame(by_store(ctx))
    base = {r["store"]: r for r in frame.filter(pl.col("period") == "base").to_dicts()}
    now = frame.filter(pl.col("period") == "now").sort("active_customers", descending=True)
    head = [
        html.Th(ctx.t("column.store"), scope="col"),
        *(
            html.Th(ctx.t(f"column.{name}"), className=f"number {name}", scope="col")
            for name in (*OF_STORES, "change")
        ),
    ]
    body = [_store(ctx, row, base.get(row["store"], {})) for row in now.to_dicts()]
    return card(
        ctx,
        ctx.t("card.stores"),
        html.Div(
            html.Table([html.Thead(html.Tr(head)), html.Tbody(body)], className="lines stores"),
            className="heat-scroll",
            tabIndex=0,
            role="group",
            **attributes(aria_label=ctx.t("card.stores")),
        ),
        hint=ctx.t("customers.stores.hint"),
        explain="customers.stores",
    )


def _store(ctx: Context, row: Mapping[str, Any], base: Mapping[str, Any]) -> html.Tr:
    store = row["store"]
    name = ctx.label("store", store)
    was = base.get("active_customers") if ctx.comparable else None
    link = html.A(name, href=ctx.href(ctx.state.toggled("store", store))) if store else name
    active = kpi("active_customers")
    return html.Tr(
        [
            html.Th(link, scope="row"),
            *(html.Td(_figure(ctx, n, row[n]), className=f"number {n}") for n in OF_STORES),
            html.Td(
                change(fmt.change(row["active_customers"], was), active.good) if ctx.base else None,
                className="number",
            ),
        ],
        **attributes(aria_current="true" if store in ctx.state.store else None),
    )


def _figure(ctx: Context, name: str, value: fmt.Number | None) -> str:
    asked = kpi(name)
    return ctx.value(asked, value, short=asked.unit is Unit.MONEY)


def _span(ctx: Context) -> dict[str, Any]:
    return ctx.session.frame(customers.marts()).to_dicts()[0]


def _no_mart(ctx: Context) -> html.Div:
    return message(ctx.t("customers.no_mart"), ctx.t("customers.no_mart.words"))


def _year(ctx: Context, span: Mapping[str, Any]) -> str:
    """Of which days a mart is, and that nothing but the company moves it."""
    return ctx.t("customers.span", days=ctx.days(Period(span["first"], span["last"])))


def segments(ctx: Context) -> Any:
    """The RFM segments."""
    frame = ctx.session.frame(customers.segments(ctx.selection))
    if frame.is_empty():
        return _no_mart(ctx)
    chosen = segment_of(ctx)
    told = ctx.t(f"segment.{chosen}.words") if chosen else ctx.t("rfm.click")
    return html.Div(
        card(
            ctx,
            ctx.t("rfm.title"),
            [
                html.Div(
                    [segment_map(ctx, frame, chosen), segment_table(ctx, frame, chosen)],
                    className="rfm-both",
                ),
                html.P(
                    [html.Strong(ctx.t(f"segment.{chosen}")), " ", told] if chosen else told,
                    className="customers-note",
                ),
            ],
            hint=_year(ctx, _span(ctx)),
            explain="customers.segments",
            wide=True,
        ),
        className="grid",
    )


def cohorts(ctx: Context) -> Any:
    """The retention triangle."""
    frame = ctx.session.frame(customers.cohorts(ctx.selection))
    if frame.is_empty():
        return _no_mart(ctx)
    counted = ctx.state.metric == "count"
    shown = choice(
        ctx,
        ctx.t("cohort.show"),
        [
            (ctx.t("cohort.share"), ctx.href(ctx.state.with_(metric="")), not counted),
            (ctx.t("cohort.count"), ctx.href(ctx.state.with_(metric="count")), counted),
        ],
    )
    span = _span(ctx)
    return html.Div(
        card(
            ctx,
            ctx.t("cohort.title"),
            [
                cohort_table(ctx, frame, counted=counted),
                html.P(
                    [html.Span(className="key partial"), ctx.t("cohort.partial.words")],
                    className="customers-note",
                ),
                html.P(
                    ctx.t("cohort.words", day=ctx.day(span["lake_first"]), most=MOST),
                    className="customers-note",
                ),
            ],
            hint=ctx.t("cohort.hint", day=ctx.day(span["last"])),
            explain="customers.cohorts",
            actions=shown,
            wide=True,
        ),
        className="grid",
    )


def pairs(ctx: Context) -> Any:
    """How to read the table of pairs, and of which days it is."""
    span = _span(ctx)
    if span["last"] is None:
        return _no_mart(ctx)
    words = [
        html.Div([html.Dt(ctx.t(f"column.{name}")), html.Dd(ctx.t(f"pairs.{name}"))])
        for name in ("support", "confidence", "lift")
    ]
    return html.Div(
        card(
            ctx,
            ctx.t("pairs.title"),
            html.Dl(words, className="customer-facts words"),
            hint=_year(ctx, span),
            wide=True,
        ),
        className="grid",
    )


def page() -> Page:
    """The fourth page."""
    return Page(
        name="customers",
        path="/customers",
        icon="users",
        order=4,
        tabs={
            "summary": (
                Section("customers-summary", summary, 620),
                Section("customers-parts", parts, 380),
            ),
            "segments": (Section("customers-segments", segments, 560),),
            "cohorts": (Section("customers-cohorts", cohorts, 560),),
            "top_customers": (),
            "bought_together": (Section("customers-pairs", pairs, 150),),
        },
        filters=ALL_FILTERS,
        tables={"segments": MEMBERS, "top_customers": TOP, "bought_together": PAIRS},
        explains={
            "arrivals": arrivals,
            "stores": by_store,
            "segments": lambda ctx: customers.segments(ctx.selection),
            "cohorts": lambda ctx: customers.cohorts(ctx.selection),
        },
    )
