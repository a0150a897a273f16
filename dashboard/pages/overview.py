"""Overview: how is it going, where, and can the numbers be trusted."""

from collections.abc import Callable
from typing import Any

import polars as pl

from dashboard import html
from dashboard.components.coverage import enough, hidden_words, veiled
from dashboard.components.parts import card, empty_selection, nothing_sold
from dashboard.components.ranking import ranking, ranks
from dashboard.components.tiles import tiles, totals
from dashboard.components.treemap import areas, treemap
from dashboard.components.trend import trend_card
from dashboard.components.trust import trust
from dashboard.context import Context
from dashboard.sections import Page, Section
from nkdash.kpis.model import Query
from nkdash.kpis.registry import kpi, measure, trend

SALES = (
    "net_revenue",
    "transactions",
    "average_transaction",
    "items_sold",
    "discount_rate",
    "customer_share",
    "provisional_share",
)
PROFIT = ("gross_profit", "gross_margin", "cost_coverage")
HEADLINE = (
    "net_revenue",
    "gross_profit",
    "gross_margin",
    "transactions",
    "average_transaction",
    "items_sold",
    "discount_rate",
    "customer_share",
)
RANKED = ("net_revenue",)


def headline(ctx: Context) -> Any:
    """Trust strip, tiles, the trend of the chosen KPI, and that of profit beside it."""
    sold = ctx.session.frame(trend(SALES, ctx.selection, ctx.grain))
    earned = ctx.session.frame(trend(PROFIT, ctx.selection, ctx.grain))
    frame = sold.join(
        veiled(ctx, earned), on=("period", "bucket", "is_total"), how="left", nulls_equal=True
    )
    chosen = ctx.state.metric if ctx.state.metric in HEADLINE else HEADLINE[0]
    return [
        trust(ctx, frame),
        tiles(ctx, HEADLINE, frame, chosen),
        empty_selection(ctx) if nothing_sold(frame) else _trends(ctx, chosen, frame),
    ]


def _trends(ctx: Context, chosen: str, frame: pl.DataFrame) -> html.Div:
    covered = totals(frame)[0].get("cost_coverage")
    profit = "gross_margin" if chosen == "gross_profit" else "gross_profit"
    return html.Div(
        [
            trend_card(ctx, kpi(chosen), frame, wide=False),
            trend_card(ctx, kpi(profit), frame, wide=False)
            if enough(ctx, covered)
            else card(ctx, ctx.t(f"kpi.{profit}.title"), hidden_words(ctx, covered)),
        ],
        className="grid",
    )


def where(ctx: Context) -> Any:
    """Stores by net revenue, and the category tree."""
    stores = ctx.session.frame(by("store")(ctx))
    if nothing_sold(stores):
        return []
    categories = ranks(ctx.session.frame(by("category")(ctx)), "category", "net_revenue")
    below = ctx.state.category[0] if len(ctx.state.category) == 1 else None
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
                ctx.t("overview.tree"),
                treemap(ctx, areas(ctx, categories, below=below)),
                hint=ctx.t("overview.tree.hint"),
                explain="overview.category",
            ),
        ],
        className="grid uneven",
    )


def by(dimension: str) -> Callable[[Context], Query]:
    """Net revenue by a dimension."""
    return lambda ctx: measure(RANKED, ctx.selection, (dimension,))


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
                Section("overview-where", where, 430),
            )
        },
        explains={"store": by("store"), "category": by("category")},
    )
