"""Products, one product, and what Sales leads to: the figures, the links, the words."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager

import polars as pl
import pytest

from dashboard import tables
from dashboard.context import Context, open_context
from dashboard.data import products as ask
from dashboard.data import sales as ask_sales
from dashboard.data.scope import Scope
from dashboard.data.session import Data
from dashboard.i18n import texts
from dashboard.links import product_href
from dashboard.odoo import record_url
from dashboard.pages import product, products, sales
from dashboard.state import parse
from nkdash.kpis.registry import measure
from nkdash.settings import Settings
from nkdash_tests.dashboard.conftest import drawn
from nkdash_tests.dashboard.shop import PRODUCTS, Shop

Look = Callable[..., AbstractContextManager[Context]]
RANGE = "range=2026-09-25..2026-11-22"


def sold_of(shop: Shop, ctx: Context) -> pl.DataFrame:
    """The lines of the period in the main company, by plain polars."""
    return shop.sold.filter(
        pl.col("date").is_between(ctx.period.first, ctx.period.last), pl.col("company_id") == 1
    )


@pytest.mark.parametrize("search", ["", "store=1,2", "source=pos", "cashier=1", "hour=12,13"])
def test_the_list_holds_every_product_with_the_figures_of_its_lines(
    shop: Shop, look: Look, search: str
) -> None:
    with look(f"?{RANGE}&{search}", "/products") as ctx:
        found = ctx.session.frame(ask.catalog(ctx.selection, 0.0))
        lines = sold_of(shop, ctx)
        for kind, column in (("store", "pos_config_id"), ("cashier", "cashier_id")):
            if chosen := getattr(ctx.state, kind):
                lines = lines.filter(pl.col(column).is_in(chosen))
        if ctx.state.source:
            lines = lines.filter(pl.col("order_id") > 0)
        if ctx.state.hour:
            lines = lines.filter(pl.col("hour").is_in(ctx.state.hour))
    expected = dict(
        lines.filter(pl.col("product_id").is_not_null())
        .group_by("product_id")
        .agg(pl.col("revenue_tax_in").sum())
        .iter_rows()
    )
    known = found.filter(pl.col("net_revenue").is_not_null())
    assert dict(known.select("product_id", "net_revenue").iter_rows()) == expected
    # Product 3 is archived: it is listed for its sales alone.
    listed = set(found.get_column("product_id"))
    assert listed == set(expected) | (set(PRODUCTS) - {3})


def test_a_list_of_a_category_has_its_products_sold_or_not(look: Look) -> None:
    with look("?range=2026-11-05..2026-11-05&source=pos&category=3", "/products") as ctx:
        found = ctx.session.frame(ask.catalog(ctx.selection, 0.0))
    assert set(found.get_column("product_id")) == {1, 7}
    assert found.get_column("net_revenue").to_list() == [None, None]


def test_too_little_cost_hides_a_margin_until_asked_for(look: Look) -> None:
    with look(f"?{RANGE}", "/products") as ctx:
        hidden = ctx.session.frame(ask.catalog(ctx.selection, 2.0))
        shown = ctx.session.frame(ask.catalog(ctx.selection, 0.0))
    assert hidden.get_column("gross_margin").drop_nulls().is_empty()
    assert shown.get_column("gross_margin").drop_nulls().len() > 2


def test_what_moved_is_the_change_of_net_revenue(look: Look) -> None:
    with look("?range=2026-10-20..2026-11-20&tab=movers", "/products") as ctx:
        moved = ctx.session.frame(ask.movers(ctx.selection))
        revenue = ctx.session.frame(measure(("net_revenue",), ctx.selection, ("product",)))
        extremes = ctx.session.frame(ask.extremes(ctx.selection))
        page = drawn(products.changes(ctx))
    sums = dict(revenue.group_by("period").agg(pl.col("net_revenue").sum()).iter_rows())
    assert moved.get_column("revenue_change").sum() == sums["now"] - sums["base"]
    best = moved.sort("revenue_change", "product_id", descending=[True, False]).row(0, named=True)
    assert extremes.row(0, named=True)["product_id"] == best["product_id"]
    assert f"/product?range=2026-10-20..2026-11-20&product={best['product_id']}" in page


@pytest.mark.parametrize("tab", products.page().tabs)
@pytest.mark.parametrize("search", ["", "&compare=none&tax=ex", "&store=2&category=2"])
def test_each_part_of_the_products_page_draws(look: Look, tab: str, search: str) -> None:
    with look(f"?range=2026-10-20..2026-11-20{search}", "/products") as ctx:
        for section in products.page().tabs[tab]:
            assert "className" in drawn(section.render(ctx))


@pytest.mark.parametrize(
    ("search", "title"),
    [
        ("compare=none", "movers.no_base"),
        ("range=2026-09-05..2026-09-20", "movers.not_loaded"),
    ],
)
def test_without_days_to_compare_with_it_says_so(look: Look, search: str, title: str) -> None:
    with look(f"?{search}", "/products") as ctx:
        assert ctx.t(title) in drawn(products.changes(ctx))


@pytest.mark.parametrize(
    ("search", "key"),
    [("", "no"), ("product=1,2", "several"), ("product=987", "unknown")],
)
def test_one_product_is_asked_for(look: Look, search: str, key: str) -> None:
    with look(f"?{search}", "/product") as ctx:
        for tab in product.page().tabs.values():
            assert ctx.t(f"product.{key}") in drawn(tab[0].render(ctx))


@pytest.mark.parametrize("tab", product.page().tabs)
@pytest.mark.parametrize("asked", [1, 5, 6])
def test_each_part_of_a_products_page_draws(look: Look, tab: str, asked: int) -> None:
    with look(f"?{RANGE}&product={asked}", "/product") as ctx:
        for section in product.page().tabs[tab]:
            section.render(ctx)
        head = drawn(product.page().tabs[tab][0].render(ctx))
        assert json.dumps(PRODUCTS[asked][0])[1:-1] in head


def test_a_products_page_leaves_the_filters_of_sales_alone_behind(look: Look) -> None:
    head = product.page().tabs["summary"][0]
    with look(f"?{RANGE}&product=1", "/product") as ctx:
        plain = drawn(head.render(ctx))
    with look(f"?{RANGE}&product=1&hour=12&weekday=6", "/product") as ctx:
        # Its links keep them, for the way back.
        assert drawn(head.render(ctx)).replace("&weekday=6&hour=12", "") == plain
    with look(f"?{RANGE}&hour=12", "/sales") as ctx:
        assert product_href(ctx, 1) == f"/product?{RANGE}&product=1"


def test_a_service_has_no_stock_and_goods_have_theirs(look: Look) -> None:
    with look("?product=5", "/product") as ctx:
        assert ctx.t("product.no_stock") in drawn(product.page().tabs["stock"][0].render(ctx))
    with look("?product=1", "/product") as ctx:
        held = ctx.session.frame(product.on_hand(ctx))
        page = drawn(product.page().tabs["stock"][0].render(ctx))
        assert held.get_column("is_complete").all()
        for place in held.get_column("location"):
            assert place in page


def test_the_newest_bill_of_a_vendor_and_its_cost(shop: Shop, look: Look) -> None:
    with look("?product=1", "/product") as ctx:
        found = ctx.session.frame(ask.vendors(1, ctx.selection.companies, ctx.period)).to_dicts()
        last = ctx.period.last
    bills = shop.purchases.filter(
        pl.col("product_id") == 1,
        pl.col("company_id") == 1,
        pl.col("date") <= last,
        ~pl.col("is_refund"),
        ~pl.col("is_free_item"),
        pl.col("cost_unit_tax_ex") > 0,
    )
    assert {row["vendor_id"] for row in found} == set(bills.get_column("vendor_id"))
    for row in found:
        of_vendor = bills.filter(pl.col("vendor_id") == row["vendor_id"])
        assert row["last_date"] == of_vendor.get_column("date").max()
        assert row["bills"] == of_vendor.get_column("move_id").n_unique()


def test_a_receipt_names_the_record_in_odoo(look: Look, published: Settings) -> None:
    with look(f"?{RANGE}", "/sales") as ctx:
        rows, _ = tables.block(ctx, sales.TRANSACTIONS, 0, 1, "-net_revenue", {})
        page = drawn(sales.receipt(ctx, rows[0]["txn_key"]))
    assert rows[0]["order_ref"] in page
    assert "/web#" not in page
    own = published.model_copy(
        update={"odoo_host": "odoo.example.com", "odoo_protocol": "auto+ssl", "odoo_port": None}
    )
    assert record_url(own, "pos.order", 7) == (
        "https://odoo.example.com:443/web#id=7&model=pos.order&view_type=form"
    )
    assert record_url(own, "pos.order", None) is None
    assert record_url(published, "pos.order", 7) is None


def test_an_address_of_version_six_is_bracketed(published: Settings) -> None:
    own = published.model_copy(
        update={"odoo_host": "::1", "odoo_protocol": "jsonrpc", "odoo_port": None}
    )
    found = record_url(own, "product.product", 3)
    assert found is not None
    assert found.startswith("http://[::1]:8069/web#id=3")


def test_a_cell_of_the_heat_map_leads_to_its_transactions(shop: Shop, look: Look) -> None:
    with look(f"?{RANGE}&tab=when", "/sales") as ctx:
        assert "tab=transactions" in drawn(sales.when(ctx))
    with look(f"?{RANGE}&weekday=6&hour=12,13", "/sales") as ctx:
        found = ctx.session.frame(ask_sales.transactions(ctx.selection))
        payments = ctx.session.frame(measure(("payments",), ctx.selection))
        lines = sold_of(shop, ctx).filter(
            pl.col("date").dt.weekday() == 6, pl.col("hour").is_in([12, 13])
        )
        total = ctx.session.frame(measure(("net_revenue",), ctx.selection))
    assert found.height == lines.get_column("order_id").n_unique() > 0
    now = total.filter(pl.col("period") == "now")
    assert now.get_column("net_revenue").item() == lines.get_column("revenue_tax_in").sum()
    paid = payments.filter(pl.col("period") == "now").get_column("payments").item()
    assert paid == lines.get_column("revenue_tax_in").sum()


def test_documents_have_salespeople_and_receipts_have_none(shop: Shop, look: Look) -> None:
    with look(f"?{RANGE}&compare=none", "/sales") as ctx:
        found = ctx.session.frame(sales.by_salesperson(ctx))
        expected = (
            sold_of(shop, ctx)
            .filter(pl.col("order_id") < 0)
            .select(pl.col("revenue_tax_in").sum())
            .item()
        )
        [seller] = found.get_column("salesperson").unique().to_list()
    assert found.get_column("net_revenue").sum() == expected
    with look(f"?{RANGE}&compare=none&salesperson={seller}", "/sales") as ctx:
        total = ctx.session.frame(measure(("net_revenue",), ctx.selection))
    assert total.get_column("net_revenue").item() == expected


def test_the_category_tree_goes_down_and_up(look: Look) -> None:
    with look(f"?{RANGE}", "/sales") as ctx:
        top = drawn(sales.mix(ctx))
    assert "category=2" in top
    with look(f"?{RANGE}&category=2", "/sales") as ctx:
        below = drawn(sales.mix(ctx))
        assert ctx.t("tree.itself", name="Skincare") in below
    assert "category=3" in below
    assert f'"/sales?{RANGE}"' in below


def test_who_may_see_some_stores_has_their_products_alone(
    shop: Shop, published: Settings, data: Data
) -> None:
    mine = data.seen_by(Scope(stores=(1,)))
    for search in ("", "&product=1"):
        state = parse(f"?{RANGE}{search}")
        with open_context(published, mine, texts("en"), "/product", state) as ctx:
            products.changes(ctx)
            for sections in product.page().tabs.values():
                sections[-1].render(ctx)
            found = ctx.session.frame(ask.catalog(ctx.selection, 0.0))
            lines = sold_of(shop, ctx).filter(
                pl.col("pos_config_id") == 1,
                pl.col("product_id").is_in(ctx.state.product or list(PRODUCTS)),
            )
        total = found.get_column("net_revenue").sum()
        assert total == lines.get_column("revenue_tax_in").sum()
