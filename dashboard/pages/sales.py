"""Sales: by time, store, cashier, hour, payment, category, brand, product; discounts, returns."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl

from dashboard import html
from dashboard.components.category_tree import category_card
from dashboard.components.heat import heat_table
from dashboard.components.lines import Cell, Row, lines_table, product, units
from dashboard.components.parts import card, empty_selection, nothing_sold
from dashboard.components.ranking import Ranks, ranking, ranks, ranks_each
from dashboard.components.tiles import tiles
from dashboard.components.trend import trend_card
from dashboard.context import Context
from dashboard.data import sales
from dashboard.links import odoo_link, product_href
from dashboard.sections import Page, Section
from dashboard.tables import Column, Table
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Good, Query
from nkdash.kpis.registry import kpi, measure, measure_each, trend
from nkdash.kpis.sales import PRODUCT_FILTERS
from nkdash.kpis.selection import ALL_FILTERS

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
    "net_items",
)
BASKETS = (
    "transactions",
    "refund_transactions",
    "average_transaction",
    "customer_share",
    "items_sold",
    "net_items",
    "units_per_transaction",
    "lines_per_basket",
)
OF_RETURNS = ("returns", "return_rate", "return_rate_units", "items_returned")
LEAKED_BY = ("cashier", "category", "product")
RANKED = ("net_revenue",)
SELLERS = ("store", "cashier", "source", "salesperson")
PRODUCTS_BY = ("category", "brand", "principal")
TITLES = {
    "store": "card.stores",
    "cashier": "card.cashiers",
    **{by: f"card.{by}" for by in PRODUCTS_BY},
}


def receipt(ctx: Context, transaction: str) -> Any:
    """Who sold what to whom, with the record in Odoo, and the lines of one transaction."""
    companies = ctx.selection.companies
    head = ctx.session.frame(sales.transaction(transaction, companies)).to_dicts()
    rows = ctx.session.frame(sales.transaction_lines(transaction, companies)).to_dicts()
    column = "revenue_tax_in" if ctx.tax == "in" else "net_tax_ex"

    def money(name: str) -> Callable[[Row], str]:
        return lambda row: fmt.money(row[name], ctx.currency)

    cells = (
        Cell("name", lambda row: _product(ctx, row), is_number=False),
        Cell("line_kind", lambda row: ctx.t(f"kind.{row['line_kind']}"), is_number=False),
        Cell("quantity", lambda row: units(row["quantity"])),
        Cell("price_unit", money("price_unit")),
        Cell("discount", money("discount")),
        Cell("net_revenue", money(column)),
    )
    total = fmt.money(sum(row[column] for row in rows), ctx.currency)
    return [*(_receipt_head(ctx, row) for row in head), lines_table(ctx, cells, rows, total)]


def _receipt_head(ctx: Context, row: Row) -> html.Dl:
    model, record = (
        ("pos.order", row["order_id"]) if row["order_id"] else ("account.move", row["move_id"])
    )
    at = row["ordered_at_local"]
    facts = (
        ("reference", odoo_link(ctx, model, record, row["order_ref"] or f"#{record}")),
        ("time", fmt.moment(at, ctx.t("months")) if at else ctx.day(row["date"])),
        ("source", ctx.t(f"source.{row['source']}")),
        ("store", ctx.label("store", row["pos_config_id"]) if row["pos_config_id"] else None),
        ("sold_by", row["seller"]),
        ("customer", ctx.label("customer", row["customer_id"])),
    )
    return html.Dl(
        [
            part
            for name, words in facts
            if words
            for part in (html.Dt(ctx.t(f"lines.{name}")), html.Dd(words))
        ],
        className="receipt-head",
    )


def _product(ctx: Context, row: Row) -> list[Any]:
    if row["product_id"] is None:
        return product(row)
    name = html.A(row["name"], href=product_href(ctx, row["product_id"]))
    return [name, html.Small(row["sku"] or "")]


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
    href=lambda ctx, row: product_href(ctx, row["product_id"]) if row["product_id"] else "",
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
        Column("seller", "text", 130),
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
    frame = ctx.session.frame(trend(names, ctx.selection, ctx.grain))
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


def baskets(ctx: Context) -> Any:
    """Transactions, what is in them, and their trend."""
    return _tiles_and_trend(ctx, BASKETS, "transactions")


def leaks(ctx: Context) -> Any:
    """Discounts and returns, and their trend."""
    return _tiles_and_trend(ctx, LEAKS, "discount_rate")


def leaked(ctx: Context, by: str) -> Query:
    """Discounts and returns by a dimension."""
    return measure(("discounts", "returns"), ctx.selection, (by,))


def leakers(ctx: Context) -> Any:
    """By whom, of which category and product: discounts, or returns where these are looked at."""
    name = "returns" if ctx.state.metric in OF_RETURNS else "discounts"
    frames = {by: ctx.session.frame(leaked(ctx, by)) for by in LEAKED_BY}
    if nothing_sold(frames["category"]):
        return []
    title = ctx.t(f"kpi.{name}.title")
    return html.Div(
        [
            card(
                ctx,
                ctx.t("leaks.by", kpi=title, what=ctx.t(f"leaks.{by}")),
                ranking(
                    ctx,
                    by,
                    ranks(frame.filter(pl.col(name) != 0), by, name),
                    good=Good.DOWN,
                    href=partial(product_href, ctx) if by == "product" else None,
                ),
                hint=ctx.t("leaks.product.hint" if by == "product" else "leaks.click"),
                explain=f"sales.leaks_{by}",
            )
            for by, frame in frames.items()
        ],
        className="grid thirds",
    )


def people(ctx: Context) -> Any:
    """Stores, cashiers, and the salespeople of documents by net revenue."""
    frame = ctx.session.frame(measure(RANKED, ctx.selection, SELLERS))
    if nothing_sold(frame):
        return empty_selection(ctx)
    cards = [_ranked(ctx, by, _added(frame, by)) for by in ("store", "cashier")]
    documents = frame.filter(pl.col("source") == "invoice")
    if nothing_sold(documents):
        return html.Div(cards, className="grid")
    sellers = card(
        ctx,
        ctx.t("card.salespeople"),
        ranking(ctx, "salesperson", _added(documents, "salesperson")),
        hint=ctx.t("card.salespeople.hint"),
        explain="sales.salesperson",
    )
    return html.Div([*cards, sellers], className="grid thirds")


def _added(frame: pl.DataFrame, by: str) -> Ranks:
    """Net revenue by one of several dimensions."""
    return ranks(frame.group_by("period", by).agg(pl.col("net_revenue").sum()), by, "net_revenue")


def by_salesperson(ctx: Context) -> Query:
    """Net revenue of customer documents by salesperson; of none where only tills are chosen."""
    source = tuple({"invoice"} & set(ctx.selection.filters.get("source", ("invoice",))))
    documents = replace(ctx.selection, filters={**ctx.selection.filters, "source": source})
    return measure(RANKED, documents, ("salesperson",))


def mix(ctx: Context) -> Any:
    """The category tree, brand, principal by net revenue, and how it was paid."""
    frame = ctx.session.frame(measure_each(RANKED, ctx.selection, PRODUCTS_BY))
    if nothing_sold(frame):
        return empty_selection(ctx)
    of = ranks_each(frame, PRODUCTS_BY, "net_revenue")
    return html.Div(
        [
            category_card(ctx, of["category"], explain="sales.category"),
            *(_ranked(ctx, by, of[by]) for by in ("brand", "principal")),
            payments(ctx),
        ],
        className="grid",
    )


def _ranked(ctx: Context, by: str, of: Ranks) -> html.Section:
    return card(
        ctx,
        ctx.t(TITLES[by]),
        ranking(ctx, by, of),
        hint=ctx.t("card.click_filters"),
        explain=f"sales.{by}",
    )


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
            hint=ctx.t("heat.hint", days=ctx.days(ctx.period), tax=ctx.t(f"tax.{ctx.tax}"))
            + "; "
            + ctx.t("heat.click"),
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
            "baskets": (Section("sales-baskets", baskets, 580),),
            "when": (Section("sales-when", when, 360),),
            "mix": (Section("sales-mix", mix, 640),),
            "products": (),
            "discounts": (
                Section("sales-discounts", leaks, 580),
                Section("sales-leakers", leakers, 360),
            ),
            "transactions": (),
        },
        tables={"products": PRODUCTS, "transactions": TRANSACTIONS},
        explains={
            **{by: partial(ranked, by=by) for by in TITLES},
            **{f"leaks_{by}": partial(leaked, by=by) for by in LEAKED_BY},
            "salesperson": by_salesperson,
            "payments": paid,
            "heatmap": lambda ctx: sales.heatmap(ctx.selection),
        },
        rows=dict.fromkeys(
            ("sales", "payments", "overview", "customers", "loyalty", "products", "price_mix"),
            "transactions",
        ),
        filters=ALL_FILTERS,
    )
