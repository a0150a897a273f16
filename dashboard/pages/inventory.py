"""Inventory: what is there and what it is worth, what to order and to promote, ABC, movements.

Stock is that of the end of the range; sales and movements are those of the range.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import polars as pl

from dashboard import html
from dashboard.components.parts import card, choice, message, nothing_sold
from dashboard.components.stock import breakdown, classes, facts, pareto_chart, to_do
from dashboard.components.tiles import tiles
from dashboard.components.trend import trend_card
from dashboard.context import Context
from dashboard.data import inventory
from dashboard.links import product_href
from dashboard.sections import Page, Section
from dashboard.tables import Column, Table
from nkdash.kpis import format as fmt
from nkdash.kpis.inventory import FILTERS, Abc
from nkdash.kpis.model import Query
from nkdash.kpis.registry import kpi, measure, trend

HEADLINE = (
    "stock_value",
    "on_hand",
    "available",
    "stock_cover",
    "out_of_stock_products",
    "low_products",
    "dead_value",
    "negative_products",
)
PACE = ("sell_through", "stock_turn")
MISSED = ("lost_sales", "empty_days")
LOST = ("lost_sales", "lost_units", "empty_days")
MOVED = tuple(name for name in inventory.MOVED if name != "other_units")
MOVED_OF_STORES = tuple(name for name in inventory.MOVED if name != "produced_units")
COUNTED = ("stock_losses", "missing_units", "found_units", "scrapped_units")
BY = ("category", "brand", "principal", "vendor", "warehouse")
BROKEN_DOWN = (
    "stock_value",
    "on_hand",
    "stocked_products",
    "stock_cover",
    "low_products",
    "out_of_stock_products",
    "dead_value",
    "negative_products",
)

SALES_DAYS = 90
"""What is dead is told by the sales of so many days."""

Draw = Callable[[Context], Any]


def known(draw: Draw) -> Draw:
    """A section that begins with what the stock stands on; words where it is not known."""

    def drawn(ctx: Context) -> Any:
        return unknown(ctx) or [stands_on(ctx), draw(ctx)]

    return drawn


def quiet(draw: Draw) -> Draw:
    """A further section, empty where the first one says that the stock is not known."""

    def drawn(ctx: Context) -> Any:
        return None if unknown(ctx) else draw(ctx)

    return drawn


def snapshot(ctx: Context) -> Mapping[str, Any]:
    """What the stock of the last day is worked out from."""
    return ctx.session.frame(inventory.snapshot(ctx.selection)).row(0, named=True)


def unknown(ctx: Context) -> html.Div | None:
    """Why the stock of the last day cannot be told, and what to do; None where it can."""
    row = snapshot(ctx)
    if row["is_known"]:
        if ctx.selection.has("store") and _unplaced(ctx):
            return message(ctx.t("stock.unplaced"), ctx.t("stock.unplaced.words"))
        return None
    day = ctx.day(ctx.period.last)
    title = ctx.t("stock.unknown", day=day)
    if row["snapshot_date"] is None:
        return message(title, ctx.t("stock.never"), sort="problem")
    first, last = sorted((row["snapshot_date"], ctx.period.last))
    return message(
        title,
        ctx.t("stock.gap", day=day, snapshot=ctx.day(row["snapshot_date"])),
        remedy=ctx.t("stock.gap.remedy", first=first, last=last),
        sort="problem",
    )


def _unplaced(ctx: Context) -> bool:
    return ctx.session.frame(inventory.places(ctx.selection)).is_empty()


def stands_on(ctx: Context, cost_known: float | None = None) -> html.Dl:
    """As of when the stock is, the snapshot behind it, and what else limits it."""
    row = snapshot(ctx)
    pairs = [
        (ctx.t("stock.as_of"), ctx.t("stock.end_of", day=ctx.day(ctx.period.last))),
        (ctx.t("stock.snapshot"), ctx.moment(row["taken_at"])),
    ]
    if cost_known is not None:
        pairs.append((ctx.t("kpi.stock_cost_coverage.title"), fmt.percent(cost_known)))
    if row["sales_days"] < SALES_DAYS:
        days = ctx.t("stock.sales_days", count=row["sales_days"])
        pairs.append((ctx.t("stock.sales"), days))
    return facts(pairs)


def as_of_last(names: tuple[str, ...], ctx: Context) -> pl.DataFrame:
    """KPIs of the last day and of the base's, in the shape of a trend without buckets."""
    return ctx.session.frame(measure(names, ctx.selection)).with_columns(
        is_total=pl.lit(True), bucket=pl.lit(None, pl.Date)
    )


def headline(ctx: Context) -> Any:
    """What is there, what it is worth, and what needs a look."""
    if words := unknown(ctx):
        return words
    frame = as_of_last((*HEADLINE, "stock_cost_coverage"), ctx)
    now = frame.filter(period="now").get_column("stock_cost_coverage").to_list()
    return [stands_on(ctx, *now), tiles(ctx, HEADLINE, frame, None)]


def pace(ctx: Context) -> Any:
    """How fast it sells."""
    return tiles(ctx, PACE, as_of_last(PACE, ctx), None)


def missed(ctx: Context) -> Any:
    """What was not there to sell."""
    return tiles(ctx, MISSED, as_of_last(MISSED, ctx), None)


def actions(ctx: Context) -> Any:
    """The three lists of things to do."""
    row = ctx.session.frame(inventory.actions(ctx.selection, abc_of(ctx))).row(0, named=True)
    return html.Div(
        card(
            ctx,
            ctx.t("stock.to_do"),
            to_do(ctx, row),
            hint=ctx.t("stock.to_do.hint"),
            explain="inventory.actions",
            wide=True,
        ),
        className="grid",
    )


def by(ctx: Context, kind: str) -> Query:
    """The stock by a dimension, now only."""
    if kind == "warehouse":
        return inventory.warehouses(ctx.selection)
    return measure(BROKEN_DOWN, ctx.selection.now, (kind,))


def where_it_is(ctx: Context) -> Any:
    """The stock by category, brand, principal, vendor or warehouse."""
    kind = ctx.state.metric if ctx.state.metric in BY else BY[0]
    options = [
        (ctx.t(f"stock.by.{name}"), ctx.href(ctx.state.with_(metric=name)), name == kind)
        for name in BY
    ]
    return html.Div(
        card(
            ctx,
            ctx.t("stock.where"),
            breakdown(ctx, kind, ctx.session.frame(by(ctx, kind))),
            hint=ctx.t("stock.where.hint"),
            explain=f"inventory.{kind}",
            actions=choice(ctx, ctx.t("stock.where"), options),
            wide=True,
        ),
        className="grid",
    )


def abc_of(ctx: Context) -> Abc:
    """How the classes are made: what the URL says, else by rank of revenue."""
    return Abc(ctx.state.metric) if ctx.state.metric in set(Abc) else Abc.REVENUE_RANK


def abc(ctx: Context) -> Any:
    """The classes and the Pareto curve behind them."""
    how = abc_of(ctx)
    options = [
        (ctx.t(f"stock.abc.{name}"), ctx.href(ctx.state.with_(metric=name)), name is how)
        for name in Abc
    ]
    curve = ctx.session.frame(inventory.pareto(ctx.selection, how))
    found = ctx.session.frame(inventory.classes(ctx.selection, how))
    if found.is_empty():
        return message(ctx.t("stock.nothing"), ctx.t("stock.nothing.words"))
    basis = ctx.t(f"tax.{ctx.tax}")
    return html.Div(
        [
            card(
                ctx,
                ctx.t("stock.abc"),
                classes(ctx, found),
                hint=ctx.t(f"stock.abc.{how}.hint", days=ctx.days(ctx.period), tax=basis),
                explain="inventory.classes",
                actions=choice(ctx, ctx.t("stock.abc"), options),
                wide=True,
            ),
            curve.height
            and card(
                ctx,
                ctx.t("stock.pareto"),
                pareto_chart(ctx, curve),
                hint=ctx.t("stock.pareto.hint"),
                explain="inventory.pareto",
                wide=True,
                picture=True,
            ),
        ],
        className="grid",
    )


def list_words(ctx: Context, name: str) -> Any:
    """What a list of things to do is made of; and where orders are not known."""
    words = [html.P(ctx.t(f"stock.{name}.words"))]
    if name == "reorder" and not ctx.session.frame(inventory.orders(ctx.selection)).item():
        words.append(html.P(ctx.t("stock.orders_unknown"), className="warn"))
    return html.Div(words, className="stock-words")


def flow(ctx: Context, names: tuple[str, ...]) -> Any:
    """Tiles of what moved in the range, and the trend of the chosen one."""
    frame = ctx.session.frame(trend(names, ctx.selection, ctx.grain))
    chosen = ctx.state.metric if ctx.state.metric in names else names[0]
    return [
        tiles(ctx, names, frame, chosen),
        message(ctx.t("stock.unmoved"), ctx.t("stock.nothing.words"))
        if nothing_sold(frame)
        else html.Div(trend_card(ctx, kpi(chosen), frame), className="grid"),
    ]


def moved(ctx: Context) -> Any:
    """What came in and went out; for stores with what other warehouses sent and got."""
    return flow(ctx, MOVED_OF_STORES if ctx.selection.has("store") else MOVED)


def lost(ctx: Context) -> Any:
    """What empty shelves cost, an estimate."""
    return tiles(ctx, LOST, as_of_last(LOST, ctx), None)


def compared(ctx: Context) -> Any:
    """How far the book stock of the range could be checked, and what it came to."""
    row = ctx.session.frame(inventory.compared(ctx.selection)).row(0, named=True)
    if not row["compared"]:
        return message(ctx.t("stock.uncompared"), ctx.t("stock.uncompared.words"))
    return [
        facts(
            [
                (
                    ctx.t("stock.compared"),
                    ctx.t("stock.compared_of", count=row["compared"], of=row["snapshots"]),
                ),
                (ctx.t("stock.differences"), fmt.count(row["differences"])),
                (ctx.t("stock.more"), fmt.count(row["more"])),
                (ctx.t("stock.less"), fmt.count(row["less"])),
            ]
        ),
        html.Div(html.P(ctx.t("stock.variance.words")), className="stock-words"),
    ]


def _its_page(ctx: Context, row: Mapping[str, Any]) -> str:
    return product_href(ctx, row["product_id"])


NAME = Column("name", "text", 230, grows=True)
FILED = (
    Column("sku", "text", 130),
    Column("category", "text", 130),
    Column("brand", "text", 130),
    Column("vendor", "text", 160),
)
CLASS = Column("abc_class", "text", 90)
STATE = Column("stock_state", "word", 120)
STOCK = (
    Column("on_hand", "count", 100),
    Column("available", "count", 100),
    Column("daily_units", "decimal", 100),
    Column("cover", "days", 120),
)


def _list(name: str, sort: str, rule: str, columns: tuple[Column, ...]) -> Table:
    return Table(
        name,
        key="stock_key",
        sort=sort,
        columns=columns,
        query=lambda ctx: inventory.products(ctx.selection, abc_of(ctx), rule),
        href=_its_page,
    )


STOCK_PRODUCTS = _list(
    "stock_products",
    "-stock_value",
    "",
    (
        NAME,
        STATE,
        CLASS,
        Column("stock_value", "money", 145),
        Column("on_hand", "count", 100),
        Column("reserved", "count", 100),
        Column("available", "count", 100),
        Column("on_order", "count", 100),
        Column("daily_units", "decimal", 100),
        Column("cover", "days", 120),
        Column("last_sold", "day", 115),
        *FILED,
    ),
)
REORDER = _list(
    "reorder",
    "-reorder_value",
    inventory.REORDER,
    (
        NAME,
        Column("reorder_quantity", "count", 110),
        Column("reorder_value", "money", 130),
        STATE,
        CLASS,
        *STOCK,
        Column("on_order", "count", 100),
        Column("expected", "day", 115),
        FILED[3],
        FILED[0],
        FILED[2],
    ),
)
PROMOTE = _list(
    "promote",
    "-stock_value",
    inventory.PROMOTE,
    (
        NAME,
        Column("stock_value", "money", 145),
        STATE,
        CLASS,
        *STOCK,
        Column("last_sold", "day", 115),
        *FILED,
    ),
)
TOP = _list(
    "top_performers",
    "-daily_units",
    inventory.TOP,
    (
        NAME,
        Column("daily_units", "decimal", 100),
        Column("cover", "days", 120),
        Column("on_hand", "count", 100),
        Column("available", "count", 100),
        Column("stock_value", "money", 145),
        Column("on_order", "count", 100),
        *FILED,
    ),
)
EMPTY = Table(
    "lost_sales",
    key="stock_key",
    sort="-lost_revenue",
    columns=(
        NAME,
        Column("lost_revenue", "money", 140),
        Column("lost_units", "decimal", 110),
        Column("lost_days", "count", 130),
        *FILED,
    ),
    query=lambda ctx: inventory.lost(ctx.selection),
    href=_its_page,
)
CLASSED = Table(
    "abc_products",
    key="stock_key",
    sort="rank",
    columns=(
        Column("rank", "count", 100),
        NAME,
        CLASS,
        Column("amount", "money", 140),
        Column("share", "ratio", 90),
        Column("cumulated", "ratio", 110),
        *FILED,
    ),
    query=lambda ctx: inventory.ranked(ctx.selection, abc_of(ctx)),
    href=_its_page,
)
MOVED_PRODUCTS = Table(
    "moved_products",
    key="stock_key",
    sort="-delivered_units",
    columns=(
        NAME,
        *(Column(name, "count", 112) for name in inventory.MOVED),
        Column("sku", "text", 130),
        Column("category", "text", 130),
        Column("brand", "text", 130),
    ),
    query=lambda ctx: inventory.moved_products(ctx.selection),
    href=_its_page,
)
ADJUSTED = Table(
    "stock_adjustments",
    key="move_line_id",
    sort="-moved_at_local",
    columns=(
        Column("moved_at_local", "moment", 165),
        NAME,
        Column("movement_type", "word", 120),
        Column("quantity", "count", 100),
        Column("value_at_cost", "money", 130),
        Column("location", "text", 180),
        Column("move_reference", "text", 180),
        Column("sku", "text", 130),
    ),
    query=lambda ctx: inventory.adjustments(ctx.selection),
    href=_its_page,
)
VARIANCE = Table(
    "stock_variance",
    key="variance_key",
    sort="-date",
    columns=(
        Column("date", "day", 115),
        NAME,
        Column("location", "text", 180),
        Column("quantity_before", "count", 120),
        Column("moved", "count", 100),
        Column("quantity", "count", 110),
        Column("variance", "count", 110),
        Column("sku", "text", 130),
    ),
    query=lambda ctx: inventory.variance(ctx.selection),
    href=_its_page,
)


def page() -> Page:
    """The page of whoever keeps the stock."""
    counted = partial(flow, names=COUNTED)
    return Page(
        name="inventory",
        path="/inventory",
        icon="packages",
        order=6,
        tabs={
            "stock": (
                Section("inventory-stock", headline, 330),
                Section("inventory-pace", quiet(pace), 100),
                Section("inventory-missed", quiet(missed), 100),
                Section("inventory-actions", quiet(actions), 170),
                Section("inventory-where", quiet(where_it_is), 480),
            ),
            "stock_products": (Section("inventory-products", known(lambda ctx: None), 40),),
            "reorder": (
                Section("inventory-reorder", known(partial(list_words, name="reorder")), 80),
            ),
            "promote": (
                Section("inventory-promote", known(partial(list_words, name="promote")), 80),
            ),
            "top": (Section("inventory-top", known(partial(list_words, name="top")), 80),),
            "empty": (Section("inventory-empty", known(lost), 180),),
            "abc": (Section("inventory-abc", known(abc), 700),),
            "movements": (Section("inventory-moves", moved, 620),),
            "adjustments": (Section("inventory-counted", counted, 520),),
            "variance": (Section("inventory-variance", compared, 90),),
        },
        tables={
            "stock_products": STOCK_PRODUCTS,
            "reorder": REORDER,
            "promote": PROMOTE,
            "top": TOP,
            "empty": EMPTY,
            "abc": CLASSED,
            "movements": MOVED_PRODUCTS,
            "adjustments": ADJUSTED,
            "variance": VARIANCE,
        },
        explains={
            **{kind: partial(by, kind=kind) for kind in BY},
            "actions": lambda ctx: inventory.actions(ctx.selection, abc_of(ctx)),
            "classes": lambda ctx: inventory.classes(ctx.selection, abc_of(ctx)),
            "pareto": lambda ctx: inventory.pareto(ctx.selection, abc_of(ctx)),
        },
        rows={"inventory": "stock_products", "movements": "movements"},
        filters=FILTERS,
    )
