"""One product: sales, price and cost, stock, vendors, what is bought with it, its transactions."""

from collections.abc import Callable
from typing import Any

import polars as pl

from dashboard import html
from dashboard.components.coverage import veiled
from dashboard.components.lines import Cell, Row, lines_table, units
from dashboard.components.parts import card, change, message, nothing_sold
from dashboard.components.price_chart import price_card
from dashboard.components.product_head import product_head
from dashboard.components.ranking import ranking, ranks
from dashboard.components.tiles import tiles
from dashboard.components.trend import trend_card
from dashboard.context import Context
from dashboard.data import products
from dashboard.data.scope import WithheldError
from dashboard.links import odoo_link, product_href
from dashboard.pages.sales import receipt
from dashboard.sections import Page, Section
from dashboard.tables import Column, Table
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Good, Query
from nkdash.kpis.registry import kpi, measure, trend

OF_SALES = (
    "net_revenue",
    "net_items",
    "average_selling_price",
    "discount_rate",
)
OF_PROFIT = ("gross_profit", "gross_margin", "cost_coverage")
OF_STOCK = ("on_hand", "stock_cover")
OF_RETURNS = ("items_returned", "return_rate_units")
"""In the place of stock, where none is kept of it or the reader may not see it."""

CHARTED = (*OF_SALES, *OF_PROFIT[:2])
KEYS = ["period", "bucket", "is_total"]
MOVES = Table(
    "product_moves",
    key="move_line_id",
    sort="-moved_at_local",
    columns=(
        Column("moved_at_local", "moment", 165),
        Column("movement_type", "word", 150),
        Column("quantity", "count", 100),
        Column("from_location", "text", 200, grows=True),
        Column("to_location", "text", 200, grows=True),
        Column("move_reference", "text", 170),
    ),
    query=lambda ctx: products.moves(_chosen(ctx), ctx.selection.companies, ctx.period),
)
SALES = Table(
    "product_sales",
    key="txn_key",
    sort="-ordered_at_local",
    columns=(
        Column("ordered_at_local", "moment", 165),
        Column("net_revenue", "money", 130),
        Column("quantity", "count", 100),
        Column("average_selling_price", "money", 130),
        Column("discounts", "money", 115),
        Column("store", "text", 140),
        Column("order_ref", "text", 170, grows=True),
        Column("seller", "text", 130),
        Column("customer", "text", 150),
    ),
    query=lambda ctx: products.lines(ctx.selection),
    drawer=receipt,
)


def _chosen(ctx: Context) -> int:
    """The product, or 0, which no product has, where none or several are chosen."""
    return ctx.state.product[0] if len(ctx.state.product) == 1 else 0


def _of_one(draw: Callable[[Context, Row], Any]) -> Callable[[Context], Any]:
    """``draw`` with the row of the product's identity; words where there is no one product."""

    def drawn(ctx: Context) -> Any:
        asked = products.identity(_chosen(ctx), ctx.selection.companies)
        found = ctx.session.frame(asked).to_dicts()
        if found:
            return draw(ctx, found[0])
        key = "several" if len(ctx.state.product) > 1 else "unknown" if ctx.state.product else "no"
        only = ctx.state.with_(product=(), tab="", sort="", metric="")
        return message(
            ctx.t(f"product.{key}"),
            ctx.t(f"product.{key}.words"),
            remedy=html.A(ctx.t("product.choose"), href=ctx.href(only, "/products")),
        )

    return drawn


def _head(ctx: Context, product: Row) -> html.Section:
    found = _seen(ctx, _vendors(ctx))
    return product_head(ctx, product, found[0]["vendor_id"] if found else None)


def _seen(ctx: Context, query: Query) -> list[Row] | None:
    """The rows, or None where the reader may not see them: the rest of the page he may."""
    try:
        return ctx.session.frame(query).to_dicts()
    except WithheldError:
        return None


def _withheld(ctx: Context, what: str) -> html.Section:
    words = html.P(ctx.t("withheld.card"), className="hint")
    return card(ctx, ctx.t(f"product.{what}"), words)


def _vendors(ctx: Context) -> Query:
    return products.vendors(_chosen(ctx), ctx.selection.companies, ctx.period)


def headline(ctx: Context, product: Row) -> Any:
    """Who it is, its figures, and the trend of the chosen one."""
    sold = ctx.session.frame(trend((*OF_SALES, *OF_RETURNS), ctx.selection, ctx.grain))
    earned = veiled(ctx, ctx.session.frame(trend(OF_PROFIT, ctx.selection, ctx.grain)))
    parts = [earned]
    held = _seen(ctx, measure(OF_STOCK, ctx.selection))
    if held:
        parts.append(
            pl.DataFrame(held, infer_schema_length=None).with_columns(
                bucket=pl.lit(None, pl.Date), is_total=pl.lit(True)
            )
        )
    frame = sold
    for part in parts:
        frame = frame.join(part, on=KEYS, how="full", coalesce=True, nulls_equal=True)
    # The days are loaded: without a line nothing was sold, though something may be on hand.
    frame = frame.sort(KEYS, nulls_last=True).with_columns(
        pl.when("is_total").then(pl.col(name).fill_null(0)).otherwise(name).alias(name)
        for name in ("net_revenue", "net_items", "items_returned")
    )
    chosen = ctx.state.metric if ctx.state.metric in (*CHARTED, *OF_RETURNS) else CHARTED[0]
    return [
        _head(ctx, product),
        tiles(ctx, (*CHARTED, *(OF_STOCK if held else OF_RETURNS)), frame, chosen),
        html.Div(trend_card(ctx, kpi(chosen), frame), className="grid"),
    ]


def by_store(ctx: Context) -> Query:
    """Net revenue of the product by store."""
    return measure(("net_revenue",), ctx.selection, ("store",))


def pairs(ctx: Context) -> Query:
    """What is bought together with it."""
    return products.pairs(_chosen(ctx), ctx.selection.companies)


def company(ctx: Context) -> Any:
    """Where it sells, and with what."""
    if not _chosen(ctx):
        return None
    stores = ctx.session.frame(by_store(ctx))
    return html.Div(
        [
            card(
                ctx,
                ctx.t("card.stores"),
                ranking(ctx, "store", ranks(stores, "store", "net_revenue"))
                if not nothing_sold(stores)
                else html.P(ctx.t("product.not_sold"), className="hint"),
                hint=ctx.t("card.click_filters"),
                explain="product.store",
            ),
            _pairs(ctx),
        ],
        className="grid",
    )


def _pairs(ctx: Context) -> Any:
    rows = _seen(ctx, pairs(ctx))
    if rows is None:
        return _withheld(ctx, "pairs")
    cells = (
        Cell("name", lambda row: _link(ctx, row), is_number=False),
        Cell("baskets_both", lambda row: fmt.count(row["baskets_both"])),
        Cell("confidence", lambda row: fmt.percent(row["confidence"])),
        Cell("lift", lambda row: fmt.count(row["lift"], 1)),
    )
    days = fmt.days(rows[0]["from_date"], rows[0]["to_date"], ctx.t("months")) if rows else ""
    return card(
        ctx,
        ctx.t("product.pairs"),
        lines_table(ctx, cells, rows)
        if rows
        else html.P(ctx.t("product.pairs.none"), className="hint"),
        hint=ctx.t("product.pairs.hint", days=days) if rows else None,
        explain="product.pairs",
    )


def _link(ctx: Context, row: Row) -> html.A:
    href = product_href(ctx, row["product_id"])
    return html.A([row["name"], html.Small(row["sku"] or "")], href=href)


def costs(ctx: Context) -> Query:
    """What a unit cost from which day on."""
    return products.costs(_chosen(ctx), ctx.selection.companies, ctx.period, ctx.tax)


def prices(ctx: Context, product: Row) -> Any:
    """What it was sold for, what it cost, and from whom it comes."""
    sold = ctx.session.frame(trend(OF_SALES, ctx.selection, ctx.grain))
    events = _seen(ctx, costs(ctx)) or []
    listed = None if product["list_price"] is None else float(product["list_price"])
    steps = [(event["date"], float(event["cost"])) for event in events]
    return [
        _head(ctx, product),
        html.Div([price_card(ctx, sold, steps, listed), _vendor_card(ctx)], className="grid"),
    ]


def _vendor_card(ctx: Context) -> Any:
    rows = _seen(ctx, _vendors(ctx))
    if rows is None:
        return _withheld(ctx, "vendors")

    def vendor(row: Row) -> html.A:
        href = ctx.href(ctx.state.with_(product=(), vendor=(row["vendor_id"],)), "/products")
        return html.A(row["vendor"], href=href)

    def changed(row: Row) -> html.Span:
        return change(fmt.change(row["cost"], row["cost_before"]), Good.DOWN)

    cells = (
        Cell("vendor", vendor, is_number=False),
        Cell("last_bill", lambda row: ctx.day(row["last_date"]), is_number=False),
        Cell("bill", lambda row: _bill(ctx, row), is_number=False),
        Cell("unit_cost", lambda row: fmt.money(row["cost"], ctx.currency)),
        Cell("cost_change", changed),
        Cell("quantity", lambda row: units(row["quantity"])),
        Cell("bills", lambda row: fmt.count(row["bills"])),
    )
    return card(
        ctx,
        ctx.t("product.vendors"),
        html.Div(lines_table(ctx, cells, rows), className="scroll", tabIndex=0)
        if rows
        else html.P(ctx.t("product.vendors.none"), className="hint"),
        hint=ctx.t("product.vendors.hint"),
        explain="product.vendors",
        wide=True,
    )


def _bill(ctx: Context, row: Row) -> Any:
    return odoo_link(ctx, "account.move", row["move_id"], row["move_name"] or f"#{row['move_id']}")


def on_hand(ctx: Context) -> Query:
    """What lies where at the end of the range."""
    return products.stock(_chosen(ctx), ctx.selection.companies, ctx.period)


def moved(ctx: Context) -> Query:
    """Stock moves of the range by why they moved."""
    return products.moved(_chosen(ctx), ctx.selection.companies, ctx.period)


def stock(ctx: Context, product: Row) -> Any:
    """On hand by location, and what came and went."""
    if not product["storable"]:
        words = ctx.t("product.no_stock.words")
        return [_head(ctx, product), message(ctx.t("product.no_stock"), words)]
    return [
        _head(ctx, product),
        html.Div([_on_hand_card(ctx, product), _moved_card(ctx)], className="grid"),
    ]


def _on_hand_card(ctx: Context, product: Row) -> Any:
    rows = _seen(ctx, on_hand(ctx))
    if rows is None:
        return _withheld(ctx, "on_hand")
    known = rows or ctx.session.frame(products.snapshots()).item()
    whole = all(row["is_complete"] for row in rows)
    total = sum(row["quantity"] for row in rows)
    cells = (
        Cell("location", lambda row: row["location"], is_number=False),
        Cell("on_hand", lambda row: units(row["quantity"])),
    )
    return card(
        ctx,
        ctx.t("product.on_hand"),
        [
            None if whole else message(ctx.t("product.unsure"), ctx.t("product.unsure.words")),
            lines_table(ctx, cells, rows, f"{units(total)} {product['uom'] or ''}".strip())
            if rows
            else html.P(
                ctx.t("product.on_hand.none" if known else "product.on_hand.unknown"),
                className="hint",
            ),
        ],
        hint=ctx.t("product.on_hand.hint", day=ctx.day(ctx.period.last)),
        explain="product.on_hand",
    )


def _moved_card(ctx: Context) -> Any:
    rows = _seen(ctx, moved(ctx))
    if rows is None:
        return _withheld(ctx, "moved")
    cells = (
        Cell("movement_type", lambda row: ctx.t(f"movement_type.{row['movement_type']}"), False),
        Cell("moves", lambda row: fmt.count(row["moves"])),
        Cell("quantity", lambda row: units(row["quantity"])),
        Cell("net_quantity", lambda row: fmt.count(row["quantity_signed"])),
        Cell("last_move", lambda row: ctx.day(row["last_date"])),
    )
    return card(
        ctx,
        ctx.t("product.moved"),
        html.Div(lines_table(ctx, cells, rows), className="scroll", tabIndex=0)
        if rows
        else html.P(ctx.t("product.moved.none"), className="hint"),
        hint=ctx.t("product.moved.hint", days=ctx.days(ctx.period)),
        explain="product.moved",
    )


def page() -> Page:
    """Reached by links: one product has no place in the navigation."""
    return Page(
        name="product",
        path="/product",
        icon="tags",
        order=30,
        tabs={
            "summary": (
                Section("product-headline", _of_one(headline), 720),
                Section("product-company", company, 360),
            ),
            "prices": (Section("product-prices", _of_one(prices), 640),),
            "stock": (Section("product-stock", _of_one(stock), 420),),
            "sales": (Section("product-sold", _of_one(_head), 130),),
        },
        tables={"stock": MOVES, "sales": SALES},
        explains={
            "store": by_store,
            "pairs": pairs,
            "prices": costs,
            "vendors": _vendors,
            "on_hand": on_hand,
            "moved": moved,
        },
        in_nav=False,
    )
