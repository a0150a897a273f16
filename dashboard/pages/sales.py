"""Sales: by time, store, cashier, hour, payment, category, brand, product; discounts, returns."""

from typing import Any

from dash import html

from dashboard.components.heat import heat_table
from dashboard.components.parts import card, empty_selection, nothing_sold
from dashboard.components.ranking import ranking, ranks
from dashboard.components.tiles import tiles
from dashboard.components.trend import trend_card
from dashboard.context import Context
from dashboard.data import queries
from dashboard.data.session import Query
from dashboard.kpis import KPIS
from dashboard.periods import trend_grain
from dashboard.sections import Page, Section

SUMMARY = (
    "gross_sales",
    "discounts",
    "returns",
    "net_revenue",
    "transactions",
    "average_transaction",
    "units_per_transaction",
    "average_selling_price",
)
LEAKS = (
    "discounts",
    "discount_rate",
    "returns",
    "return_rate",
    "return_rate_units",
    "items_returned",
    "refund_transactions",
    "lines_per_basket",
)
RANKED = ("net_revenue",)


def _tiles_and_trend(ctx: Context, names: tuple[str, ...], default: str) -> Any:
    grain = trend_grain(ctx.state.grain, ctx.period)
    frame = ctx.session.frame(queries.trend(ctx.selection, names, grain))
    chosen = ctx.state.metric if ctx.state.metric in names else default
    return [
        tiles(ctx, names, frame, chosen),
        empty_selection(ctx)
        if nothing_sold(frame)
        else html.Div(trend_card(ctx, KPIS[chosen], frame), className="grid"),
    ]


def summary(ctx: Context) -> Any:
    """From gross to net, and the trend."""
    return _tiles_and_trend(ctx, SUMMARY, "net_revenue")


def leaks(ctx: Context) -> Any:
    """Discounts and returns, and their trend."""
    return _tiles_and_trend(ctx, LEAKS, "discount_rate")


def people(ctx: Context) -> Any:
    """Stores and cashiers by net revenue."""
    return _rankings(
        ctx,
        [
            ("store", queries.breakdown(ctx.selection, "store", RANKED), "card.stores"),
            ("cashier", queries.breakdown(ctx.selection, "cashier", RANKED), "card.cashiers"),
        ],
    )


def mix(ctx: Context) -> Any:
    """Category, brand, principal by net revenue, and how it was paid."""
    by_product = [
        (by, queries.product_breakdown(ctx.selection, by, RANKED), f"card.{by}")
        for by in ("category", "brand", "principal")
    ]
    return _rankings(ctx, by_product, payments(ctx))


def payments(ctx: Context) -> Any:
    """The payment mix, from payments with the change netted, never from lines."""
    frame = ctx.session.frame(queries.payments(ctx.selection))
    return card(
        ctx,
        ctx.t("card.payments"),
        ranking(ctx, "method", ranks(frame, "amount")),
        hint=ctx.t("card.payments_whole" if ctx.selection.by_product else "card.payments_hint"),
        explain="payments:",
    )


def _rankings(ctx: Context, asked: list[tuple[str, Query, str]], *further: Any) -> Any:
    frames = [(kind, ctx.session.frame(query), title) for kind, query, title in asked]
    if all(nothing_sold(frame) for _, frame, _ in frames):
        return empty_selection(ctx)
    return html.Div(
        [
            card(
                ctx,
                ctx.t(title),
                ranking(ctx, kind, ranks(frame, "net_revenue")),
                hint=ctx.t("card.click_filters"),
                explain=f"breakdown:{kind}",
            )
            for kind, frame, title in frames
        ]
        + list(further),
        className="grid",
    )


def when(ctx: Context) -> Any:
    """Weekday by hour, an average per open store-hour."""
    frame = ctx.session.frame(queries.heatmap(ctx.selection))
    if frame.is_empty():
        return empty_selection(ctx)
    return html.Div(
        card(
            ctx,
            ctx.t("heat.title"),
            heat_table(ctx, frame),
            hint=ctx.t("heat.hint", days=ctx.days(ctx.period), tax=ctx.t(f"tax.{ctx.state.tax}")),
            explain="heatmap:",
            wide=True,
        ),
        className="grid",
    )


def page() -> Page:
    """The second page."""
    return Page(
        name="sales",
        path="/sales",
        icon="chart-bar",
        order=2,
        tabs={
            "summary": (
                Section("sales-summary", summary, 580),
                Section("sales-people", people, 320),
            ),
            "when": (Section("sales-when", when, 360),),
            "mix": (Section("sales-mix", mix, 640),),
            "products": (),
            "discounts": (Section("sales-discounts", leaks, 580),),
            "transactions": (),
        },
        tables={"products": "products", "transactions": "transactions"},
    )
