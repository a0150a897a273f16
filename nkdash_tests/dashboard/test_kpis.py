"""The SQL of every KPI equals an independent computation in polars from the lines themselves."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl
import pytest

from dashboard.context import Context
from dashboard.data import sales
from dashboard.i18n import LANGUAGES, texts
from nkdash.kpis.model import KpiError, Query
from nkdash.kpis.periods import Grain
from nkdash.kpis.registry import families, kpis, measure, trend
from nkdash_tests.dashboard.shop import (
    BRANDS,
    CATEGORIES,
    EMPTY_DAY,
    LOST_DAY,
    PRODUCTS,
    Shop,
)

Look = Callable[..., AbstractContextManager[Context]]
KPIS = {kpi.name: kpi for kpi in families()["sales"].kpis}
ALL = tuple(KPIS)
RANGE = "range=2026-09-25..2026-11-22"
SEARCHES = [
    "",
    "company=2",
    "store=2",
    "cashier=1",
    "method=1",
    "brand=2",
    "category=2",
    "principal=91",
    "product=5",
    "customer=11",
    "brand=2&method=3&store=1,2",
    "tax=ex&category=4",
    "source=invoice&tax=ex",
]


def lines_of(shop: Shop, ctx: Context) -> pl.DataFrame:
    """The lines that a page shows, by plain polars."""
    brand = {i: row[2] for i, row in PRODUCTS.items()}
    lines = shop.sold.filter(
        pl.col("date").is_between(ctx.period.first, ctx.period.last),
        pl.col("company_id") == (ctx.state.company or 1),
    ).with_columns(
        brand=pl.col("product_id").replace_strict(brand, return_dtype=pl.Int64),
        category=pl.col("product_id").replace_strict({i: r[1] for i, r in PRODUCTS.items()}),
    )
    inside = set()
    for wanted in ctx.state.category:
        inside |= {wanted} | {i for i, (_, parent) in CATEGORIES.items() if parent == wanted}
    principal = {i for i, (_, owner) in BRANDS.items() if owner in ctx.state.principal}
    paid = shop.payments.filter(pl.col("payment_method_id").is_in(list(ctx.state.method)))
    conditions: list[tuple[Any, pl.Expr]] = [
        (
            ctx.state.source,
            pl.lit("invoice").is_in(list(ctx.state.source)) == (pl.col("order_id") < 0),
        ),
        (ctx.state.store, pl.col("pos_config_id").is_in(list(ctx.state.store))),
        (ctx.state.cashier, pl.col("cashier_id").is_in(list(ctx.state.cashier))),
        (ctx.state.customer, pl.col("customer_id").is_in(list(ctx.state.customer))),
        (ctx.state.brand, pl.col("brand").is_in(list(ctx.state.brand))),
        (ctx.state.product, pl.col("product_id").is_in(list(ctx.state.product))),
        (ctx.state.category, pl.col("category").is_in(list(inside))),
        (ctx.state.principal, pl.col("brand").is_in(list(principal))),
        (ctx.state.method, pl.col("order_id").is_in(paid.get_column("order_id").to_list())),
    ]
    for chosen, condition in conditions:
        if chosen:
            lines = lines.filter(condition)
    return lines


def by_hand(shop: Shop, ctx: Context) -> dict[str, float | None]:
    """Every KPI from the lines, by its definition in words."""
    lines = lines_of(shop, ctx).to_dicts()
    everything = shop.sold.to_dicts()
    went_out = {r["order_id"] for r in everything if r["line_kind"] in ("sale", "free", "service")}
    came_back = {r["order_id"] for r in everything if r["line_kind"] == "return"}
    open_orders = {r["order_id"] for r in everything if r["order_state"] == "paid"}
    orders = {r["order_id"]: r["customer_id"] for r in lines}
    sales = {o for o in orders if o in went_out or o not in came_back}
    out = [r for r in lines if r["line_kind"] in ("sale", "free", "service")]
    back = [r for r in lines if r["line_kind"] == "return"]
    column = "net_tax_ex" if ctx.tax == "ex" else "revenue_tax_in"

    def total(rows: list[dict[str, Any]], name: str) -> Decimal:
        return sum((r[name] for r in rows), Decimal(0))

    def ratio(top: Any, bottom: Any) -> float | None:
        return None if not bottom else float(top) / float(bottom)

    net = total(lines, column)
    gross = total(out, "gross_tax_in")
    discounts = total([r for r in lines if r["line_kind"] != "return"], "discount_tax_in")
    returns = -total(back, "revenue_tax_in")
    items, returned = total(out, "quantity"), -total(back, "quantity")
    return {
        "net_revenue": float(net),
        "gross_sales": float(gross),
        "discounts": float(discounts),
        "returns": float(returns),
        "transactions": float(len(sales)),
        "refund_transactions": float(len(orders) - len(sales)),
        "items_sold": float(items),
        "items_returned": float(returned),
        "net_items": float(items - returned),
        "discount_rate": ratio(discounts, gross),
        "return_rate": ratio(returns, gross - discounts),
        "return_rate_units": ratio(returned, items),
        "average_transaction": ratio(net, len(sales)),
        "units_per_transaction": ratio(items, len(sales)),
        "lines_per_basket": ratio(len(lines), len(orders)),
        "average_selling_price": ratio(net, items - returned),
        "customer_share": ratio(len([o for o in sales if orders[o]]), len(sales)),
        "provisional_share": ratio(len(sales & open_orders), len(sales)),
    }


def total_of(ctx: Context, kpis: tuple[str, ...] = ALL) -> dict[str, Any]:
    """The KPIs of the period, as a page asks for them."""
    frame = ctx.session.frame(trend(kpis, ctx.selection, Grain.DAY))
    [row] = frame.filter(pl.col("is_total") & (pl.col("period") == "now")).to_dicts()
    return row


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("days", [RANGE, "range=today"])
def test_every_kpi_is_what_its_words_say(shop: Shop, look: Look, days: str, search: str) -> None:
    with look(f"?{days}&{search}") as ctx:
        assert ctx.state.problems == ()
        expected = by_hand(shop, ctx)
        if not lines_of(shop, ctx).height:
            pytest.skip("the open day has no such sale")
        found = total_of(ctx)
        for name, value in expected.items():
            if value is None:
                assert found[name] is None, name
            else:
                assert float(found[name]) == pytest.approx(value, rel=1e-9), name


@pytest.mark.parametrize("search", SEARCHES)
def test_slices_add_up_to_the_total(look: Look, search: str) -> None:
    additive = tuple(name for name, kpi in KPIS.items() if kpi.additive)
    of_lines = ("net_revenue", "gross_sales", "discounts", "returns", "items_sold", "net_items")
    with look(f"?{RANGE}&compare=none&{search}") as ctx:
        total = total_of(ctx, additive)
        for grain in (Grain.DAY, Grain.WEEK, Grain.MONTH):
            frame = ctx.session.frame(trend(additive, ctx.selection, grain))
            parts = frame.filter(~pl.col("is_total"))
            assert parts.get_column("bucket").min() >= ctx.period.first  # type: ignore[operator]
            for name in additive:
                assert parts.get_column(name).sum() == total[name], (grain, name)
        for by in ("company", "source", "store", "cashier", "customer", "day", "week"):
            parts = ctx.session.frame(measure(additive, ctx.selection, (by,)))
            for name in additive:
                assert parts.get_column(name).sum() == total[name], (by, name)
        # Documents have no time of day: the hours add up to what the tills sold.
        hours = ctx.session.frame(measure(additive, ctx.selection, ("hour",)))
        sources = ctx.session.frame(measure(additive, ctx.selection, ("source",)))
        told, tills = hours.drop_nulls("hour"), sources.filter(pl.col("source") == "pos")
        for name in additive:
            assert told.get_column(name).sum() == tills.get_column(name).sum(), name
        for by in ("category", "root_category", "brand", "principal", "product"):
            parts = ctx.session.frame(measure(of_lines, ctx.selection, (by,)))
            for name in of_lines:
                assert parts.get_column(name).sum() == total[name], (by, name)
        products = ctx.session.frame(sales.products(ctx.selection))
        assert products.get_column("net_revenue").sum() == total["net_revenue"]
        assert products.get_column("share").sum() == pytest.approx(1)


def test_net_is_gross_less_discounts_less_returns(look: Look) -> None:
    with look(f"?{RANGE}") as ctx:
        row = total_of(ctx)
        assert row["net_revenue"] == row["gross_sales"] - row["discounts"] - row["returns"]


@pytest.mark.parametrize("compare", ["previous", "week", "year"])
def test_the_base_is_what_the_same_page_showed_then(look: Look, compare: str) -> None:
    days = "range=2026-11-09..2026-11-15"
    with look(f"?{days}&compare={compare}&store=2") as ctx:
        frame = ctx.session.frame(trend(ALL, ctx.selection, Grain.DAY))
        base = frame.filter(pl.col("is_total") & (pl.col("period") == "base")).to_dicts()
        assert ctx.base is not None
        then = f"?range={ctx.base.first}..{ctx.base.last}&store=2"
    with look(then) as ctx:
        if compare == "year":
            assert base == []
            assert not ctx.coverage.loaded
            return
        now = total_of(ctx)
        assert {k: base[0][k] for k in ALL} == {k: now[k] for k in ALL}


def test_base_buckets_lie_on_the_days_they_are_compared_with(shop: Shop, look: Look) -> None:
    with look("?range=2026-11-09..2026-11-15&compare=week") as ctx:
        frame = ctx.session.frame(trend(("net_revenue",), ctx.selection, Grain.DAY))
        [found] = frame.filter(
            (pl.col("period") == "base") & (pl.col("bucket") == date(2026, 11, 11))
        ).to_dicts()
    day = date(2026, 11, 11) - timedelta(days=7)
    lines = shop.sold.filter((pl.col("date") == day) & (pl.col("company_id") == 1))
    assert found["net_revenue"] == lines.get_column("revenue_tax_in").sum()


def test_payments_are_net_of_change_and_equal_the_revenue(shop: Shop, look: Look) -> None:
    with look(f"?{RANGE}&compare=none") as ctx:
        frame = ctx.session.frame(measure(("payments",), ctx.selection, ("method",)))
        expected = (
            shop.payments.filter(
                pl.col("date").is_between(ctx.period.first, ctx.period.last),
                pl.col("company_id") == 1,
            )
            .group_by("payment_method_id")
            .agg(pl.col("amount").sum())
        )
        assert dict(frame.select("method", "payments").iter_rows()) == dict(expected.iter_rows())
        assert frame.get_column("payments").sum() == expected.get_column("amount").sum()
    with look(f"?{RANGE}&compare=none&source=pos") as ctx:
        assert expected.get_column("amount").sum() == total_of(ctx)["net_revenue"]


def test_payments_of_a_product_are_those_of_the_transactions_that_hold_it(
    shop: Shop, look: Look
) -> None:
    with look(f"?{RANGE}&compare=none&product=4") as ctx:
        frame = ctx.session.frame(measure(("payments",), ctx.selection, ("method",)))
        orders = lines_of(shop, ctx).get_column("order_id").unique().to_list()
        paid = shop.payments.filter(pl.col("order_id").is_in(orders)).get_column("amount").sum()
        assert frame.get_column("payments").sum() == paid


def test_the_heat_map_averages_over_open_store_hours(shop: Shop, look: Look) -> None:
    with look(f"?{RANGE}&store=2") as ctx:
        cells = ctx.session.frame(sales.heatmap(ctx.selection)).to_dicts()
        lines = lines_of(shop, ctx).with_columns(weekday=pl.col("date").dt.weekday())
        total = total_of(ctx)["net_revenue"]
    days = dict(lines.group_by("weekday").agg(pl.col("date").n_unique()).iter_rows())
    spent = lines.group_by("weekday", "hour").agg(pl.col("revenue_tax_in").sum())
    assert len(cells) == spent.height
    for weekday, hour, revenue in spent.iter_rows():
        [cell] = [c for c in cells if (c["weekday"], c["hour"]) == (weekday, hour)]
        assert cell["store_hours"] == days[weekday]
        assert cell["revenue"] == revenue
        assert cell["revenue_per_hour"] == pytest.approx(float(revenue) / days[weekday])
    assert sum(c["revenue"] for c in cells) == total


def test_loaded_empty_and_lost_days_differ(look: Look) -> None:
    with look("?range=2026-09-08..2026-11-06") as ctx:
        assert ctx.coverage.missing == 1
        assert LOST_DAY not in ctx.coverage.loaded
        assert ctx.coverage.empty == {EMPTY_DAY}
        assert not ctx.comparable


def test_no_sale_is_no_row_and_no_figure(look: Look) -> None:
    with look(f"?range={EMPTY_DAY}..{EMPTY_DAY}&compare=none") as ctx:
        assert ctx.session.frame(trend(ALL, ctx.selection, Grain.DAY)).is_empty()
        assert ctx.coverage.loaded == {EMPTY_DAY}


def test_what_a_receipt_has_as_a_whole_is_not_told_by_product(look: Look) -> None:
    with look("") as ctx, pytest.raises(KpiError, match="may hold several"):
        measure(("transactions",), ctx.selection, ("brand",))


def test_currencies_are_never_added(look: Look) -> None:
    with look("") as ctx:
        assert ctx.selection.companies == (1,)
        assert ctx.currency.code == "IDR"
    with look("?company=2") as ctx:
        assert ctx.selection.companies == (2,)
        assert ctx.currency.symbol == "S$"


def test_a_filter_on_what_does_not_exist_is_left_out_and_reported(look: Look) -> None:
    with look("?store=2,999&company=77&brand=5") as ctx:
        assert ctx.state.store == (2,)
        assert ctx.state.company is None
        assert ctx.state.brand == ()
        assert {(p.key, p.value) for p in ctx.state.problems} == {
            ("store", "999"),
            ("company", "77"),
            ("brand", "5"),
        }


def test_answers_are_kept_for_the_version_they_are_of(look: Look) -> None:
    with look("") as ctx:
        query = sales.products(ctx.selection)
        assert ctx.session.frame(query) is ctx.session.frame(query)


def test_what_is_asked_goes_in_as_parameters_only(look: Look) -> None:
    with look("?store=2&brand=1&method=2") as ctx:
        for query in (
            trend(ALL, ctx.selection, Grain.WEEK),
            sales.products(ctx.selection),
            sales.transactions(ctx.selection),
        ):
            assert {"store", "brand", "method", "companies"} <= set(query.params)
            with pytest.raises(duckdb.Error):
                ctx.session.frame(Query(query.sql, {}))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kpi_has_words_in_every_language(language: str) -> None:
    t = texts(language)
    for name in kpis():
        assert t(f"kpi.{name}.title")
        assert t(f"kpi.{name}.words").endswith(".")


def test_the_languages_have_the_same_texts_and_blanks() -> None:
    from string import Formatter

    def blanks(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    english, indonesian = texts("en").texts, texts("id").texts
    assert english.keys() == indonesian.keys()
    assert {k: blanks(v) for k, v in english.items()} == {
        k: blanks(v) for k, v in indonesian.items()
    }
