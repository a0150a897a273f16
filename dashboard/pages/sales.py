"""Sales: by time, store, cashier, hour, payment, category, brand, product; discounts, returns."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from dash import html

from dashboard.components.heat import heat_table
from dashboard.components.lines import Cell, Row, lines_table, product, units
from dashboard.components.parts import card, empty_selection, nothing_sold
from dashboard.components.ranking import ranking, ranks
from dashboard.components.tiles import tiles
from dashboard.components.trend import trend_card
from dashboard.context import Context
from dashboard.data import sales
from dashboard.sections import Page, Section
from dashboard.tables import Column, Table
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Query
from nkdash.kpis.periods import trend_grain
from nkdash.kpis.registry import kpi, measure, trend
from nkdash.kpis.sales import PRODUCT_FILTERS

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
RANKED_BY = ("store", "cashier", "category", "brand", "principal")


def _of_product(ctx: Context, row: Mapping[str, Any]) -> str:
    only = ctx.state.with_(product=(row["product_id"],), tab="summary", sort="", metric="")
    return ctx.href(only)


def receipt(ctx: Context, transaction: str) -> Any:
    """The lines of one transaction."""
    query = sales.transaction_lines(transaction, ctx.selection.companies)
    rows = ctx.session.frame(query).to_dicts()
    column = "revenue_tax_in" if ctx.tax == "in" else "net_tax_ex"

    def money(name: str) -> Callable[[Row], str]:
        return lambda row: fmt.money(row[name], ctx.currency)

    cells = (
        Cell("name", product, is_number=False),
        Cell("line_kind", lambda row: ctx.t(f"kind.{row['line_kind']}"), is_number=False),
        Cell("quantity", lambda row: units(row["quantity"])),
        Cell("price_unit", money("price_unit")),
        Cell("discount", money("discount")),
        Cell("net_revenue", money(column)),
    )
    total = fmt.money(sum(row[column] for row in rows), ctx.currency)
    return lines_table(ctx, cells, rows, total)


PRODUCTS = Table(
    "products",
    key="product_id",
    sort="-net_revenue",
    columns=(
        Column("name", "text", 230, grows=True),
        Column("net_revenue", "money", 140),
        Column("share", "ratio", 80),
        Column("items_sold", "count", 100),
        Column("items_returned", "count", 100),
        Column("average_selling_price", "money", 120),
        Column("discounts", "money", 120),
        Column("returns", "money", 115),
        Column("sku", "text", 130),
        Column("category", "text", 120),
        Column("brand", "text", 140),
    ),
    query=lambda ctx: sales.products(ctx.selection),
    href=_of_product,
)
TRANSACTIONS = Table(
    "transactions",
    key="txn_key",
    sort="-ordered_at_local",
    columns=(
        Column("ordered_at_local", "moment", 165),
        Column("net_revenue", "money", 130),
        Column("store", "text", 140),
        Column("order_ref", "text", 170, grows=True),
        Column("cashier", "text", 130),
        Column("customer", "text", 150),
        Column("lines", "count", 80),
        Column("items", "count", 80),
        Column("gross_sales", "money", 120),
        Column("discounts", "money", 115),
        Column("returns", "money", 105),
    ),
    query=lambda ctx: sales.transactions(ctx.selection),
    drawer=receipt,
)


def _tiles_and_trend(ctx: Context, names: tuple[str, ...], default: str) -> Any:
    grain = trend_grain(ctx.state.grain, ctx.period)
    frame = ctx.session.frame(trend(names, ctx.selection, grain))
    chosen = ctx.state.metric if ctx.state.metric in names else default
    return [
        tiles(ctx, names, frame, chosen),
        empty_selection(ctx)
        if nothing_sold(frame)
        else html.Div(trend_card(ctx, kpi(chosen), frame), className="grid"),
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
            ("store", ranked(ctx, "store"), "card.stores"),
            ("cashier", ranked(ctx, "cashier"), "card.cashiers"),
        ],
    )


def mix(ctx: Context) -> Any:
    """Category, brand, principal by net revenue, and how it was paid."""
    by_product = [(by, ranked(ctx, by), f"card.{by}") for by in ("category", "brand", "principal")]
    return _rankings(ctx, by_product, payments(ctx))


def ranked(ctx: Context, by: str) -> Query:
    """Net revenue by a dimension."""
    return measure(RANKED, ctx.selection, (by,))


def paid(ctx: Context) -> Query:
    """Payments by method."""
    return measure(("payments",), ctx.selection, ("method",))


def payments(ctx: Context) -> Any:
    """The payment mix, from payments with the change netted, never from lines."""
    frame = ctx.session.frame(paid(ctx))
    by_product = ctx.selection.has(*PRODUCT_FILTERS)
    return card(
        ctx,
        ctx.t("card.payments"),
        ranking(ctx, "method", ranks(frame, "method", "payments")),
        hint=ctx.t("card.payments_whole" if by_product else "card.payments_hint"),
        explain="sales.payments",
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
                ranking(ctx, kind, ranks(frame, kind, "net_revenue")),
                hint=ctx.t("card.click_filters"),
                explain=f"sales.{kind}",
            )
            for kind, frame, title in frames
        ]
        + list(further),
        className="grid",
    )


def when(ctx: Context) -> Any:
    """Weekday by hour, an average per open store-hour."""
    frame = ctx.session.frame(sales.heatmap(ctx.selection))
    if frame.is_empty():
        return empty_selection(ctx)
    return html.Div(
        card(
            ctx,
            ctx.t("heat.title"),
            heat_table(ctx, frame),
            hint=ctx.t("heat.hint", days=ctx.days(ctx.period), tax=ctx.t(f"tax.{ctx.tax}")),
            explain="sales.heatmap",
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
        tables={"products": PRODUCTS, "transactions": TRANSACTIONS},
        explains={
            **{by: partial(ranked, by=by) for by in RANKED_BY},
            "payments": paid,
            "heatmap": lambda ctx: sales.heatmap(ctx.selection),
        },
        rows=dict.fromkeys(
            ("sales", "payments", "overview", "customers", "loyalty"), "transactions"
        ),
    )
