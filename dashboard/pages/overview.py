"""Overview: how is it going, where, and can the numbers be trusted."""

from typing import Any

from dash import html

from dashboard.components.parts import card, empty_selection, nothing_sold
from dashboard.components.ranking import ranking, ranks
from dashboard.components.tiles import tiles
from dashboard.components.trend import trend_card
from dashboard.components.trust import trust
from dashboard.context import Context
from dashboard.sections import Page, Section
from nkdash.kpis.periods import trend_grain
from nkdash.kpis.registry import kpi, measure, trend

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
    frame = ctx.session.frame(trend((*HEADLINE, "provisional_share"), ctx.selection, grain))
    chosen = ctx.state.metric if ctx.state.metric in HEADLINE else HEADLINE[0]
    return [
        trust(ctx, frame),
        tiles(ctx, HEADLINE, frame, chosen),
        empty_selection(ctx)
        if nothing_sold(frame)
        else html.Div(trend_card(ctx, kpi(chosen), frame), className="grid"),
    ]


def rankings(ctx: Context) -> Any:
    """Stores and root categories by net revenue."""
    stores = ctx.session.frame(measure(RANKED, ctx.selection, ("store",)))
    roots = ctx.session.frame(measure(RANKED, ctx.selection, ("root_category",)))
    if nothing_sold(stores):
        return []
    return html.Div(
        [
            card(
                ctx,
                ctx.t("card.stores"),
                ranking(ctx, "store", ranks(stores, "store", "net_revenue")),
                hint=ctx.t("card.click_filters"),
                explain="overview.store",
            ),
            card(
                ctx,
                ctx.t("card.root_categories"),
                ranking(ctx, "category", ranks(roots, "root_category", "net_revenue")),
                hint=ctx.t("card.click_filters"),
                explain="overview.root_category",
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
        explains={
            "store": lambda ctx: measure(RANKED, ctx.selection, ("store",)),
            "root_category": lambda ctx: measure(RANKED, ctx.selection, ("root_category",)),
        },
    )
