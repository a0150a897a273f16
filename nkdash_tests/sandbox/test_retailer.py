"""The generated retailer: the same every time, consistent to the cent, and lifelike."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from nkdash.sandbox import Store, World, generate, serve
from nkdash.sandbox.retailer import sales
from nkdash.sandbox.retailer.catalog import FIRST_CASH, TAX_EXCLUDED, TAX_INCLUDED
from nkdash_tests.sandbox.conftest import Client

NOW = datetime.fromisoformat("2026-11-23T09:30:00")
JAKARTA = timedelta(hours=7)
c = pl.col


@pytest.fixture(scope="module")
def shop() -> World:
    return generate(now=NOW, days=60, products=600, orders_per_day=80)


@pytest.fixture(scope="module")
def orders(shop: World) -> pl.DataFrame:
    return shop.tables["pos.order"].frame.with_columns(local=c("date_order") + JAKARTA)


@pytest.fixture(scope="module")
def lines(shop: World) -> pl.DataFrame:
    return shop.tables["pos.order.line"].frame


def test_the_same_arguments_give_the_same_bytes() -> None:
    def answers(seed: int) -> list[bytes]:
        world = generate(now=NOW, days=3, products=50, orders_per_day=20, seed=seed)
        with serve(world, now=NOW) as server, requests.Session() as session:
            client = Client(server, session)
            return [client.raw(model, "search_read", []).content for model in sorted(world.tables)]

    assert answers(7) == answers(7)
    assert answers(7) != answers(8)


def test_a_later_now_leaves_past_days_alone() -> None:
    first = generate(now=NOW, days=10, products=100, orders_per_day=30)
    later = generate(now=NOW + timedelta(days=2), days=20, products=100, orders_per_day=30)
    start = NOW - timedelta(days=2)
    end = (NOW + JAKARTA).replace(hour=0, minute=0) - JAKARTA
    shared = c("date_order").is_between(start, end, closed="left")
    before, after = (w.tables["pos.order"].frame.filter(shared) for w in (first, later))
    # The last night's session may have been open; everything else is final.
    assert_frame_equal(before.drop("state", "write_date"), after.drop("state", "write_date"))
    of_orders = c("order_id").is_in(before["id"].implode())
    old, new = (w.tables["pos.order.line"].frame.filter(of_orders) for w in (first, later))
    assert_frame_equal(old, new)
    assert old.height > 100
    assert_frame_equal(first.tables["product.product"].frame, later.tables["product.product"].frame)


def test_a_sandbox_sells_on_as_its_clock_runs() -> None:
    def retailer(now: datetime) -> World:
        return generate(now=now, days=4, products=50, orders_per_day=40)

    store, later = Store(retailer(NOW)), NOW + timedelta(hours=12)
    recent = store.world.tables["pos.order"].frame.filter(c("date_order") > NOW - JAKARTA)
    edited, deleted = recent["id"].head(2)
    store.set_now(NOW)
    store.update("pos.order", [edited], {"note": "mine"})
    store.delete("pos.order", [deleted])
    store.absorb(retailer(later), since=NOW)

    held, wanted = (w.tables["pos.order"].frame for w in (store.world, retailer(later)))
    ids = set(wanted["id"])
    assert ids - set(held["id"]) == {deleted}
    assert held["id"].is_sorted()
    sold = wanted.filter(c("date_order") > NOW)["id"]
    assert sold.len() > 5
    assert held.filter(id=edited)["note"].item() == "mine"
    # Sessions have closed meanwhile, and their orders are done.
    closed = held.filter(c("id").is_in(wanted.filter(c("state") == "done")["id"].implode()))
    assert set(closed["state"]) == {"done"}
    lines = store.world.tables["pos.order.line"].frame
    assert set(sold) <= set(lines["order_id"])


def test_the_span(orders: pl.DataFrame) -> None:
    days = orders["local"].dt.date()
    assert days.n_unique() == 61
    assert (orders["date_order"] <= NOW).all()
    assert orders.filter(days == (NOW + JAKARTA).date()).height > 10


def test_totals_are_those_of_the_lines(orders: pl.DataFrame, lines: pl.DataFrame) -> None:
    sums = lines.group_by("order_id").agg(
        incl=c("price_subtotal_incl").sum().round(2), excl=c("price_subtotal").sum().round(2)
    )
    joined = orders.join(sums, left_on="id", right_on="order_id", how="left")
    assert ((joined["amount_total"] - joined["incl"]).abs() < 0.005).all()
    tax = joined["incl"] - joined["excl"]
    assert ((joined["amount_tax"] - tax).abs() < 0.005).all()


def test_payments_add_up_to_what_was_paid(shop: World, orders: pl.DataFrame) -> None:
    payments = shop.tables["pos.payment"].frame
    sums = payments.group_by("pos_order_id").agg(c("amount").sum().round(2))
    joined = orders.join(sums, left_on="id", right_on="pos_order_id", how="left")
    assert ((joined["amount_paid"] - joined["amount"].fill_null(0)).abs() < 0.005).all()
    settled = joined.filter(c("state").is_in(["paid", "done", "invoiced"]))
    assert settled["amount_paid"].to_list() == settled["amount_total"].to_list()
    change = payments.filter("is_change")
    assert change.height > 100
    assert (change["amount"] < 0).all()
    assert (change["payment_method_id"] >= FIRST_CASH).all()


@given(
    price=st.integers(1, 9_999_999),
    quantity=st.integers(-9, 9).filter(bool),
    discount=st.sampled_from([0, 5, 10, 15, 33, 100]),
    tax=st.sampled_from([0, TAX_EXCLUDED, TAX_INCLUDED]),
)
def test_lines_are_taxed_as_odoo_does(price: int, quantity: int, discount: int, tax: int) -> None:
    line = {"price": [price], "qty": [quantity], "discount": [discount], "tax": [tax]}
    priced = sales.priced(pl.DataFrame(line))

    def cents(amount: Decimal) -> int:
        return int((amount * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))

    base = Decimal(price) * quantity * (100 - discount) / 100
    wanted_excl = base / Decimal("1.11") if tax == TAX_INCLUDED else base
    wanted_incl = cents(base)
    if tax == TAX_EXCLUDED:
        wanted_incl += cents(base * Decimal("0.11"))
    assert priced.select("excl", "incl").row(0) == (cents(wanted_excl), wanted_incl)


def test_what_happens_in_shops_happens_here(orders: pl.DataFrame, lines: pl.DataFrame) -> None:
    assert set(orders["state"]) >= {"done", "paid", "invoiced", "cancel"}
    utc_day, day = orders["date_order"].dt.date(), orders["local"].dt.date()
    assert (utc_day != day).sum() > 20
    assert (orders["local"].dt.hour() < 2).sum() > 10
    assert 0.35 < orders["partner_id"].is_not_null().sum() / orders.height < 0.5
    returning = orders["partner_id"].drop_nulls().value_counts()["count"]
    assert (returning > 10).any()
    assert (returning == 1).sum() > 50
    assert lines.filter(c("discount").is_between(1, 99)).height > 100
    assert lines.filter(c("discount") == 100).height > 20
    assert lines.filter(c("price_unit") == 0).height > 5
    assert lines.filter(c("price_unit") < 0).height > 20
    assert lines.filter(c("qty") < 0).height > 20
    weekday = orders.group_by(c("local").dt.weekday().alias("weekday")).len().sort("weekday")
    assert weekday["len"][5] > 1.2 * weekday["len"][1]


def test_taxes_are_included_excluded_and_absent(lines: pl.DataFrame) -> None:
    kinds = {tuple(taxes) for taxes in lines["tax_ids"].to_list()}
    assert kinds == {(), (TAX_EXCLUDED,), (TAX_INCLUDED,)}


def test_refunds_point_to_what_they_return(orders: pl.DataFrame, lines: pl.DataFrame) -> None:
    back = lines.filter(c("refunded_orderline_id").is_not_null()).join(
        lines, left_on="refunded_orderline_id", right_on="id", suffix="_sold"
    )
    assert back.height > 15
    assert (back["qty"] == -back["qty_sold"]).all()
    assert (back["price_unit"] == back["price_unit_sold"]).all()
    assert (back["create_date"] > back["create_date_sold"]).all()
    refunds = orders.filter(c("refunded_order_ids").list.len() > 0)
    assert refunds["name"].str.ends_with(" REFUND").all()
    assert (refunds["amount_total"] <= 0).all()


def test_every_link_leads_somewhere(shop: World) -> None:
    for model, table in shop.tables.items():
        for name in table.frame.columns:
            relation = table.fields[name].relation
            if table.fields[name].type != "many2one" or relation is None:
                continue
            if relation in shop.tables:
                held = shop.tables[relation].frame["id"].implode()
                linked = table.frame.select(c(name).is_in(held).all()).item()
                assert linked, (model, name)


def test_sessions_close_and_todays_are_open(shop: World, orders: pl.DataFrame) -> None:
    sessions = shop.tables["pos.session"].frame
    assert sessions.filter(c("state") == "opened").height == 6
    joined = orders.join(sessions, left_on="session_id", right_on="id", suffix="_session")
    assert joined.height == orders.height
    assert (joined["date_order"] >= joined["start_at"]).all()
    closed = joined.filter(c("state_session") == "closed")
    assert (closed["date_order"] <= closed["stop_at"]).all()
    assert not closed["state"].is_in(["paid", "draft"]).any()


def test_archived_products_were_sold(shop: World, lines: pl.DataFrame) -> None:
    products = shop.tables["product.product"].frame
    archived = products.filter(~c("active"))["id"]
    assert lines.filter(c("product_id").is_in(archived.implode())).height > 0
    assert products.height == 600
    assert products["default_code"].n_unique() == 600


def test_barcodes_have_their_check_digit(shop: World) -> None:
    codes = shop.tables["product.product"].frame["barcode"].drop_nulls()
    for code in codes.head(50):
        assert sum(int(d) * (3 if n % 2 else 1) for n, d in enumerate(code)) % 10 == 0
