"""Products: all of them, which moved revenue and why, and by brand, category and principal."""

from functools import partial
from typing import Any

import polars as pl

from dashboard import html
from dashboard.components.category_tree import category_card
from dashboard.components.effects import effects_list, movers_list
from dashboard.components.parts import card, empty_selection, message, nothing_sold
from dashboard.components.ranking import ranking, ranks_each
from dashboard.components.tiles import tiles
from dashboard.components.treemap import areas, treemap
from dashboard.context import Context
from dashboard.data import products
from dashboard.links import product_href
from dashboard.sections import Page, Section
from dashboard.tables import Column, Table
from nkdash.kpis.model import Query
from nkdash.kpis.price_mix import EFFECTS
from nkdash.kpis.profit import ENOUGH
from nkdash.kpis.registry import measure, measure_each
from nkdash.kpis.selection import ALL_FILTERS

OF_SALES = ("net_revenue", "items_sold", "average_selling_price", "discount_rate")
OF_PRODUCTS = ("products_sold", "revenue_per_product", "items_per_product", "top_products_share")
RANKED = ("net_revenue",)
GROUPS = ("category", "brand", "principal")
CATALOG = Table(
    "catalog",
    key="product_id",
    sort="-net_revenue",
    columns=(
        Column("name", "text", 200, grows=True),
        Column("net_revenue", "money", 140),
        Column("share", "ratio", 80),
        Column("sku", "text", 150),
        Column("items_sold", "count", 100),
        Column("average_selling_price", "money", 120),
        Column("list_price", "money", 120),
        Column("discount_rate", "ratio", 110),
        Column("gross_margin", "ratio", 110),
        Column("last_sold", "day", 120),
        Column("category", "text", 130),
        Column("brand", "text", 130),
        Column("barcode", "text", 140),
    ),
    query=lambda ctx: products.catalog(ctx.selection, 0.0 if ctx.state.uncovered else ENOUGH),
    href=lambda ctx, row: product_href(ctx, row["product_id"]),
)
MOVERS = Table(
    "movers",
    key="product_id",
    sort="-revenue_change",
    columns=(
        Column("name", "text", 200, grows=True),
        Column("revenue_change", "money", 140),
        Column("revenue_now", "money", 130),
        Column("revenue_base", "money", 130),
        Column("price_effect", "money", 120),
        Column("volume_effect", "money", 120),
        Column("mix_effect", "money", 120),
        Column("units_now", "count", 110),
        Column("units_base", "count", 110),
        Column("sku", "text", 150),
        Column("category", "text", 130),
        Column("brand", "text", 130),
    ),
    query=lambda ctx: products.movers(ctx.selection),
    href=lambda ctx, row: product_href(ctx, row["product_id"]),
)


def headline(ctx: Context) -> Any:
    """What was sold, of how many products, and how much hangs on the best of them."""
    sold = ctx.session.frame(measure(OF_SALES, ctx.selection))
    spread = ctx.session.frame(measure(OF_PRODUCTS, ctx.selection))
    if nothing_sold(sold):
        return empty_selection(ctx)
    frame = sold.join(spread, on="period").with_columns(
        bucket=pl.lit(None, pl.Date), is_total=pl.lit(True)
    )
    return tiles(ctx, (*OF_SALES, *OF_PRODUCTS), frame, None)


def effects(ctx: Context) -> Query:
    """The change of net revenue and the effects in it."""
    return measure(("revenue_change", *EFFECTS), ctx.selection)


def changes(ctx: Context) -> Any:
    """Price, volume and mix of the change, and the products that gained and lost most."""
    if ctx.base is None:
        return message(ctx.t("movers.no_base"), ctx.t("movers.no_base.words"))
    if not ctx.comparable:
        words = ctx.t("movers.not_loaded.words", days=ctx.days(ctx.base))
        return message(ctx.t("movers.not_loaded"), words)
    sold = ctx.session.frame(measure(RANKED, ctx.selection))
    moved = ctx.session.frame(products.extremes(ctx.selection)).to_dicts()
    if not moved:
        return empty_selection(ctx)
    revenue = dict(sold.iter_rows())
    totals = ctx.session.frame(effects(ctx)).to_dicts()[0]
    gained = [row for row in moved if row["revenue_change"] > 0][:8]
    lost = [row for row in reversed(moved) if row["revenue_change"] < 0][:8]
    return html.Div(
        [
            card(
                ctx,
                ctx.t("movers.effects"),
                effects_list(
                    ctx,
                    {
                        **totals,
                        "revenue_now": revenue.get("now") or 0,
                        "revenue_base": revenue.get("base") or 0,
                    },
                ),
                hint=ctx.t(
                    "movers.effects.hint",
                    days=ctx.days(ctx.period),
                    base=ctx.days(ctx.base),
                    tax=ctx.t(f"tax.{ctx.tax}"),
                ),
                explain="products.effects",
                wide=True,
            ),
            *(
                card(
                    ctx,
                    ctx.t(f"movers.{name}"),
                    movers_list(ctx, rows) if rows else html.P(ctx.t(f"movers.{name}.none")),
                    hint=ctx.t("movers.hint"),
                    explain="products.extremes",
                )
                for name, rows in (("gained", gained), ("lost", lost))
            ),
        ],
        className="grid",
    )


def ranked(ctx: Context, by: str) -> Query:
    """Net revenue by a dimension."""
    return measure(RANKED, ctx.selection, (by,))


def groups(ctx: Context) -> Any:
    """The category tree as areas and as a list, brands and principals."""
    frame = ctx.session.frame(measure_each(RANKED, ctx.selection, GROUPS))
    if nothing_sold(frame):
        return empty_selection(ctx)
    of = ranks_each(frame, GROUPS, "net_revenue")
    below = ctx.state.category[0] if len(ctx.state.category) == 1 else None
    return html.Div(
        [
            card(
                ctx,
                ctx.t("card.category_map"),
                treemap(ctx, areas(ctx, of["category"], below=below)),
                hint=ctx.t("card.category_map.hint"),
                explain="products.category",
            ),
            category_card(ctx, of["category"], explain="products.category"),
            *(
                card(
                    ctx,
                    ctx.t(f"card.{by}"),
                    ranking(ctx, by, of[by]),
                    hint=ctx.t("card.click_filters"),
                    explain=f"products.{by}",
                )
                for by in ("brand", "principal")
            ),
        ],
        className="grid",
    )


def page() -> Page:
    """The third page."""
    return Page(
        name="products",
        path="/products",
        icon="tags",
        order=3,
        tabs={
            "list": (Section("products-headline", headline, 270),),
            "movers": (Section("products-changes", changes, 860),),
            "groups": (Section("products-groups", groups, 900),),
        },
        tables={"list": CATALOG, "movers": MOVERS},
        explains={
            "effects": effects,
            "extremes": lambda ctx: products.extremes(ctx.selection),
            **{by: partial(ranked, by=by) for by in GROUPS},
        },
        filters=ALL_FILTERS,
    )
