"""The generated retailer's documents: they balance, and agree with sales and stock."""

from datetime import datetime, timedelta

import polars as pl
import pytest
import requests
from polars.testing import assert_frame_equal

from nkdash.sandbox import World, generate, serve
from nkdash.sandbox.retailer import catalog
from nkdash_tests.sandbox.conftest import Client

NOW = datetime.fromisoformat("2026-11-19T09:30:00")
c = pl.col
DOZEN = pl.when(c("product_uom_id") == catalog.DOZENS).then(12).otherwise(1)


def frame(world: World, model: str) -> pl.DataFrame:
    return world.tables[model].frame


@pytest.fixture(scope="module")
def shop() -> World:
    return generate(now=NOW, days=60, products=400, orders_per_day=120)


@pytest.fixture(scope="module")
def moves(shop: World) -> pl.DataFrame:
    return frame(shop, "account.move")


@pytest.fixture(scope="module")
def lines(shop: World) -> pl.DataFrame:
    return frame(shop, "account.move.line")


def cents(column: str) -> pl.Expr:
    return (c(column) * 100).round(0).cast(pl.Int64)


def test_every_document_balances(moves: pl.DataFrame, lines: pl.DataFrame) -> None:
    sums = lines.group_by("move_id").agg(
        balance=cents("balance").sum(),
        total=cents("price_total").filter(c("display_type") == "product").sum(),
        untaxed=cents("price_subtotal").filter(c("display_type") == "product").sum(),
        due=cents("balance").filter(c("display_type") == "payment_term").sum().abs(),
    )
    assert (sums["balance"] == 0).all()
    both = moves.join(sums, left_on="id", right_on="move_id", how="left")
    assert both.select((cents("amount_total") == c("total")).all()).item()
    assert both.select((cents("amount_untaxed") == c("untaxed")).all()).item()
    assert both.select((cents("amount_total").abs() == c("due")).all()).item()
    assert (lines["balance"] - (lines["debit"] - lines["credit"])).abs().max() == 0


def test_signs_are_odoos(lines: pl.DataFrame) -> None:
    products = lines.filter(c("display_type") == "product")
    sign = {"out_invoice": -1, "out_receipt": -1, "in_refund": -1}
    sign |= {"out_refund": 1, "in_invoice": 1, "in_receipt": 1}
    assert set(products["move_type"]) == set(sign)
    signed = c("price_subtotal") * c("move_type").replace_strict(sign)
    assert products.select((signed == c("balance")).all()).item()
    assert (products["quantity"] > 0).all()


def test_documents_of_every_kind(shop: World, moves: pl.DataFrame, lines: pl.DataFrame) -> None:
    kinds = set(moves.select("move_type", "state").iter_rows())
    assert kinds >= {
        ("out_invoice", "posted"),
        ("out_invoice", "draft"),
        ("out_invoice", "cancel"),
        ("out_refund", "posted"),
        ("out_receipt", "posted"),
        ("in_invoice", "posted"),
        ("in_invoice", "draft"),
        ("in_refund", "posted"),
        ("in_receipt", "posted"),
    }
    bills = lines.filter(move_type="in_invoice", display_type="product")
    assert {tuple(taxes) for taxes in bills["tax_ids"].to_list()} == {
        (),
        (catalog.BILL_TAX,),
        (catalog.BILL_TAX_INCLUDED,),
        (catalog.BILL_TAX, catalog.WITHHELD),
    }
    assert bills.filter(c("price_unit") < 0, c("product_id").is_null()).height > 5
    assert bills.filter(c("price_unit") == 0).height > 5
    assert bills.filter(c("discount") > 0).height > 50
    assert bills.filter(product_uom_id=catalog.DOZENS).height > 50
    withheld = bills.filter(c("tax_ids").list.contains(catalog.WITHHELD))
    assert (withheld["price_total"] / withheld["price_subtotal"]).round(6).unique().to_list() == [
        1.09
    ]
    late = moves.filter(c("date") != c("invoice_date"))
    assert 0 < late.height < 0.5 * moves.height
    assert {"product", "tax", "payment_term", "cogs"} == set(lines["display_type"])
    orders = frame(shop, "purchase.order")
    received = orders.filter(receipt_status="full")
    assert received["id"].is_in(moves["id"].implode()).all()
    coming = frame(shop, "purchase.order.line").filter(c("qty_received") < c("product_qty"))
    assert 0 < coming.height < 0.1 * frame(shop, "purchase.order.line").height
    assert set(coming["order_id"]) == set(orders["id"]) - set(received["id"])


def test_invoices_of_orders_say_what_the_orders_say(shop: World, moves: pl.DataFrame) -> None:
    orders = frame(shop, "pos.order").filter(c("account_move").is_not_null())
    assert orders.height > 20
    invoices = orders.join(moves, left_on="account_move", right_on="id", suffix="_move")
    assert invoices.height == orders.height
    assert (invoices["amount_total"] == invoices["amount_total_move"]).all()
    assert (invoices["partner_id"] == invoices["partner_id_move"]).all()
    with serve(shop, now=NOW) as server, requests.Session() as session:
        [found] = Client(server, session)(
            "account.move", "read", [int(orders["account_move"][0])], ["pos_order_ids"], load=False
        )
    assert found["pos_order_ids"] == [int(orders["id"][0])]


def test_credit_notes_take_back_earlier_documents(moves: pl.DataFrame) -> None:
    notes = moves.filter(move_type="out_refund").drop_nulls("reversed_entry_id")
    pairs = notes.join(moves, left_on="reversed_entry_id", right_on="id", suffix="_of")
    assert pairs.height == notes.height > 5
    assert (pairs["date"] > pairs["date_of"]).all()
    assert (pairs["amount_total"] <= pairs["amount_total_of"]).all()
    assert (pairs["partner_id"] == pairs["partner_id_of"]).all()
    assert pairs["invoice_origin_of"].is_not_null().any(), "one of a POS order's invoice"


def test_what_is_billed_is_what_came_in(shop: World, lines: pl.DataFrame) -> None:
    receipts = frame(shop, "stock.picking").filter(c("name").str.contains("/IN/"), location_id=4)
    moves = frame(shop, "stock.move").filter(c("picking_id").is_in(receipts["id"].implode()))
    came = moves.group_by("origin", "product_id").agg(c("product_qty").sum())
    bills = lines.filter(
        c("product_id").is_not_null(), move_type="in_invoice", display_type="product"
    )
    billed = bills.group_by(pl.format("P{}", "move_id").alias("origin"), "product_id").agg(
        billed=(c("quantity") * DOZEN).sum()
    )
    both = billed.join(came, on=["origin", "product_id"], how="left")
    # Bills of the first day may be for goods that came on the day before.
    first = NOW.date() - timedelta(days=60)
    early = frame(shop, "account.move").filter(c("date") <= first + timedelta(days=1))["id"]
    known = both.filter(~c("origin").str.strip_prefix("P").cast(pl.Int64).is_in(early.implode()))
    assert known.height > 1_000
    assert (known["billed"] == known["product_qty"]).all()


def test_a_later_now_leaves_past_documents_alone(shop: World) -> None:
    later = generate(now=NOW + timedelta(days=2), days=55, products=400, orders_per_day=120)
    since = NOW - timedelta(days=45)  # links from the first week to what was before it are cut
    for model in ("account.move", "account.move.line", "purchase.order.line"):
        shared = c("write_date").is_between(since, NOW)
        if model == "purchase.order.line":
            shared &= c("qty_received") == c("product_qty")
        before, after = (frame(world, model).filter(shared) for world in (shop, later))
        assert_frame_equal(before, after)
        assert before.height > 20


def test_prices_paid_leave_a_margin(shop: World, lines: pl.DataFrame) -> None:
    bills = lines.filter(c("price_unit") > 0, c("product_id") >= catalog.FIRST_PRODUCT).filter(
        display_type="product", move_type="in_invoice"
    )
    paid = bills.group_by("product_id").agg(
        cost=(c("price_subtotal").sum() / (c("quantity") * DOZEN).sum())
    )
    shelf = frame(shop, "product.template").select(product_id="id", price="list_price")
    share = paid.join(shelf, on="product_id").select(c("cost") / c("price") * 1.11).to_series()
    assert share.len() > 300
    assert share.is_between(0.35, 0.85).all()
