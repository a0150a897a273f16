"""Overview: how is it going, where, and can the numbers be trusted."""

from typing import Any

from dash import html

from dashboard.components.parts import card, empty_selection, nothing_sold
from dashboard.components.ranking import ranking, ranks
from dashboard.components.tiles import tiles
from dashboard.components.trend import trend_card
from dashboard.components.trust import trust
from dashboard.context import Context
from dashboard.data import queries
from dashboard.kpis import KPIS
from dashboard.periods import trend_grain
from dashboard.sections import Page, Section

HEADLINE = (
    "net_revenue",
    "transactions",
    "average_transaction",
    "items_sold",
    "units_per_transaction",
    "discount_rate",
    "return_rate",
    "customer_share",
)
RANKED = ("net_revenue",)


def headline(ctx: Context) -> Any:
    """Trust strip, tiles and the trend of the chosen KPI: one query."""
    grain = trend_grain(ctx.state.grain, ctx.period)
    frame = ctx.session.frame(queries.trend(ctx.selection, (*HEADLINE, "provisional_share"), grain))
    chosen = ctx.state.metric if ctx.state.metric in HEADLINE else HEADLINE[0]
    return [
        trust(ctx, frame),
        tiles(ctx, HEADLINE, frame, chosen),
        empty_selection(ctx)
        if nothing_sold(frame)
        else html.Div(trend_card(ctx, KPIS[chosen], frame), className="grid"),
    ]


def rankings(ctx: Context) -> Any:
    """Stores and root categories by net revenue."""
    stores = ctx.session.frame(queries.breakdown(ctx.selection, "store", RANKED))
    roots = ctx.session.frame(queries.product_breakdown(ctx.selection, "root_category", RANKED))
    if nothing_sold(stores):
        return []
    return html.Div(
        [
            card(
                ctx,
                ctx.t("card.stores"),
                ranking(ctx, "store", ranks(stores, "net_revenue")),
                hint=ctx.t("card.click_filters"),
                explain="breakdown:store",
            ),
            card(
                ctx,
                ctx.t("card.root_categories"),
                ranking(ctx, "category", ranks(roots, "net_revenue")),
                hint=ctx.t("card.click_filters"),
                explain="breakdown:root_category",
            ),
        ],
        className="grid",
    )


def page() -> Page:
    """The first page."""
    return Page(
        name="overview",
        path="/",
        icon="layout-dashboard",
        order=1,
        tabs={
            "": (
                Section("overview-headline", headline, 620),
                Section("overview-rankings", rankings, 320),
            )
        },
        tables={},
    )
