"""The Customers page: its sections on the small shop, what it says when it cannot say anything."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import polars as pl
import pytest

from dashboard import tables
from dashboard.components.segments import AREAS
from dashboard.context import Context, open_context
from dashboard.data import customers as data_of
from dashboard.data.scope import Scope
from dashboard.data.session import Data
from dashboard.i18n import texts
from dashboard.pages import customers
from dashboard.state import parse
from nkdash.kpis.model import Query
from nkdash.kpis.registry import measure
from nkdash.settings import Settings
from nkdash_tests.dashboard.conftest import drawn
from nkdash_tests.dashboard.shop import Shop

Look = Callable[..., AbstractContextManager[Context]]
RANGE = "range=2026-10-01..2026-11-22"


def lines(shop: Shop, product: int | None = None) -> pl.DataFrame:
    """Lines of known customers of the first company in RANGE."""
    found = shop.sales.filter(
        pl.col("date").is_between(pl.date(2026, 10, 1), pl.date(2026, 11, 22)),
        pl.col("company_id") == 1,
        pl.col("customer_id").is_not_null(),
    )
    return found if product is None else found.filter(pl.col("product_id") == product)


def test_a_product_filter_leaves_the_lines_of_the_product(look: Look, shop: Shop) -> None:
    sold = lines(shop, 4)
    bought = sold.filter(pl.col("line_kind") != "return").get_column("customer_id").n_unique()
    with look(f"?{RANGE}&product=4") as ctx:
        names = ("active_customers", "new_customer_revenue", "returning_customer_revenue")
        [row] = ctx.session.frame(measure(names, ctx.selection.now)).to_dicts()
    assert row["active_customers"] == bought
    spent = row["new_customer_revenue"] + row["returning_customer_revenue"]
    assert spent == sold.get_column("revenue_tax_in").sum()


def test_the_top_customers_have_what_they_spent(look: Look, shop: Shop) -> None:
    spent = lines(shop).group_by("customer_id").agg(pl.col("revenue_tax_in").sum())
    with look(f"?{RANGE}&source=pos") as ctx:
        rows = ctx.session.frame(tables.whole(ctx, customers.TOP, "")).to_dicts()
        shown, total = tables.block(ctx, customers.TOP, 0, 10, "", {})
    assert {r["customer_id"]: r["net_revenue"] for r in rows} == dict(spent.iter_rows())
    assert [r["net_revenue"] for r in rows] == sorted(
        (r["net_revenue"] for r in rows), reverse=True
    )
    assert sum(r["share"] for r in rows) == pytest.approx(1)
    assert total == len(rows)
    assert shown[0]["href"] == f"/?{RANGE}&customer={rows[0]['customer_id']}&source=pos"


def test_segments_hold_every_customer_once(look: Look) -> None:
    with look("") as ctx:
        frame = ctx.session.frame(data_of.segments(ctx.selection))
        everybody = ctx.session.frame(data_of.members(ctx.selection, ""))
    assert frame.get_column("customers").sum() == everybody.height >= 2
    assert frame.get_column("net_revenue").sum() == everybody.get_column("net_revenue").sum()
    segment = frame.get_column("segment").to_list()[0]
    with look(f"?metric={segment}") as ctx:
        members = ctx.session.frame(customers.MEMBERS.query(ctx))
        words = drawn(customers.segments(ctx))
    assert set(members.get_column("segment")) == {segment}
    assert ctx.t(f"segment.{segment}.words") in words
    assert "23 Nov 2025 – 22 Nov 2026" in words


def test_every_pair_of_scores_lies_in_one_segment() -> None:
    assert set(AREAS) == set(data_of.SEGMENTS)
    for recent in range(1, 6):
        for often in range(1, 6):
            inside = [
                n for n, (a, b, c, d) in AREAS.items() if a <= recent <= b and c <= often <= d
            ]
            assert len(inside) == 1, (recent, often)


def test_areas_lie_where_the_mart_puts_their_scores(look: Look) -> None:
    with look("") as ctx:
        rows = ctx.session.frame(data_of.members(ctx.selection, "")).to_dicts()
    for row in rows:
        recent, recent_to, often, often_to = AREAS[row["segment"]]
        assert recent <= row["recency_score"] <= recent_to
        assert often <= row["frequency_score"] <= often_to


def test_all_of_a_cohort_bought_in_its_first_month(look: Look) -> None:
    with look("") as ctx:
        frame = ctx.session.frame(data_of.cohorts(ctx.selection))
        shares, counts = drawn(customers.cohorts(ctx)), ""
    with look("?metric=count") as ctx:
        counts = drawn(customers.cohorts(ctx))
    first = frame.filter(pl.col("months_after") == 0)
    assert set(first.get_column("retention")) == {1.0}
    assert frame.filter(pl.col("is_partial")).get_column("month").n_unique() == 1
    assert "100.0%" in shares
    assert "month not over yet" in shares
    assert '"2"' in counts


def test_marts_do_not_move_with_range_or_filters(look: Look) -> None:
    def asked(ctx: Context) -> list[Query]:
        chosen = ctx.selection
        return [
            data_of.segments(chosen),
            data_of.cohorts(chosen),
            data_of.pairs(chosen),
            data_of.members(chosen, "loyal"),
        ]

    with look("") as ctx:
        whole = asked(ctx)
    with look(f"?{RANGE}&store=2&brand=1&customer=11") as ctx:
        assert asked(ctx) == whole
    with look("?company=2") as ctx:
        assert asked(ctx) != whole


def test_a_pair_leads_to_those_who_buy_both(look: Look) -> None:
    with look("?tab=bought_together", "/customers") as ctx:
        shown, total = tables.block(ctx, customers.PAIRS, 0, 5, "-lift", {})
        lifts = ctx.session.frame(customers.PAIRS.query(ctx)).get_column("lift")
    assert total == len(lifts) > 0
    assert float(shown[0]["lift"]) == pytest.approx(max(lifts.to_list()), abs=0.005)
    assert shown[0]["href"].startswith("/customers?product=")


def test_the_summary_says_from_when_on_it_knows(look: Look) -> None:
    with look(f"?{RANGE}") as ctx:
        words = drawn(customers.summary(ctx))
        stores = drawn(customers.parts(ctx))
    assert "Sales are loaded from 1 Sep 2026 on" in words
    assert '"data-kpi": "repeat_rate"' in words
    assert "Toko Kemang" in stores


def test_nobody_known_is_a_true_zero_and_said_in_words(look: Look) -> None:
    with look("?range=2026-11-05..2026-11-05&store=1") as ctx:
        words = drawn(customers.summary(ctx))
        assert customers.parts(ctx) is None
    assert "No sales match" in words
    assert '"children": "0"' in words


def test_one_customer_has_a_card_with_the_ways_on(look: Look) -> None:
    with look(f"?{RANGE}&customer=11") as ctx:
        words = drawn(customers.summary(ctx))
        assert customers.parts(ctx) is None
    assert "Budi" in words
    assert "/sales?range=2026-10-01..2026-11-22&customer=11&tab=transactions" in words
    assert '"data-kpi": "average_transaction"' in words


@pytest.mark.parametrize("language", ["en", "id"])
def test_names_appear_to_those_only_who_may_see_them(
    published: Settings, data: Data, language: str
) -> None:
    def names(scope: Scope) -> set[str]:
        state = parse(f"?{RANGE}&source=pos")
        with open_context(
            published, data.seen_by(scope), texts(language), "/customers", state
        ) as ctx:
            rows: list[dict[str, Any]] = ctx.session.frame(customers.TOP.query(ctx)).to_dicts()
        return {row["customer"] for row in rows}

    assert names(Scope()) == {"Budi", "Sari"}
    assert names(Scope(personal=False)) == {"#11", "#12"}


def test_who_sees_some_stores_sees_them_as_new_who_began_there(
    published: Settings, data: Data, shop: Shop
) -> None:
    went_out = pl.col("line_kind").is_in(["sale", "free", "service"])
    first = (
        shop.sales.filter(went_out, pl.col("customer_id").is_not_null(), pl.col("company_id") == 1)
        .sort("ordered_at_local")
        .unique("customer_id", keep="first", maintain_order=True)
    )
    for store in (1, 2):
        state = parse("?range=2026-09-01..2026-11-22&compare=none")
        with open_context(
            published, data.seen_by(Scope((store,))), texts("en"), "/customers", state
        ) as ctx:
            [row] = ctx.session.frame(measure(("new_customers",), ctx.selection)).to_dicts()
        expected = first.filter(pl.col("pos_config_id") == store).height
        assert row["new_customers"] == expected
