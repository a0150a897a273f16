"""The generated retailer's stock: quants are the sum of the moves, whenever one looks."""

from datetime import datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from nkdash.sandbox import Store, World, generate
from nkdash.sandbox.retailer import catalog
from nkdash.sandbox.retailer.places import TRANSIT, stock_locations

NOW = datetime.fromisoformat("2026-11-19T01:30:00")
"""A Thursday morning, when goods are on the road."""
JAKARTA = timedelta(hours=7)
c = pl.col


def retailer(now: datetime, days: int = 30) -> World:
    return generate(now=now, days=days, products=300, orders_per_day=60)


@pytest.fixture(scope="module")
def shop() -> World:
    return retailer(NOW)


def frame(world: World, model: str) -> pl.DataFrame:
    return world.tables[model].frame


def on_hand(world: World) -> pl.DataFrame:
    """product_id, location_id, quantity of our locations out of the moves alone."""
    lines = frame(world, "stock.move.line")
    storable = frame(world, "product.template").filter(type="product")["id"]
    moved = c("quantity_product_uom")
    legs = pl.concat(
        [
            lines.select("product_id", "location_id", quantity=-moved),
            lines.select("product_id", location_id=c("location_dest_id"), quantity=moved),
        ]
    )
    return (
        legs.filter(c("product_id").is_in(storable.implode()))
        .group_by("product_id", "location_id")
        .agg(c("quantity").sum())
        .filter(c("location_id").is_in([*stock_locations(), TRANSIT]))
        .sort("product_id", "location_id")
    )


def held(world: World) -> pl.DataFrame:
    quants = frame(world, "stock.quant")
    return quants.select("product_id", "location_id", "quantity").sort("product_id", "location_id")


def in_stock(quants: pl.DataFrame) -> pl.DataFrame:
    return quants.filter(c("quantity") != 0)


def test_quants_are_the_sum_of_the_moves(shop: World) -> None:
    assert_frame_equal(held(shop), on_hand(shop))
    assert frame(shop, "stock.quant").height > 2_000
    some = in_stock(held(shop))
    assert 0 < some.filter(c("quantity") < 0).height < 0.1 * some.height
    on_the_road = some.filter(location_id=TRANSIT)["quantity"]
    assert on_the_road.len() > 10
    assert (on_the_road > 0).all()


@pytest.mark.parametrize("days", [3, 9, 29, 45])
def test_stock_does_not_depend_on_when_the_span_begins(shop: World, days: int) -> None:
    assert_frame_equal(in_stock(held(retailer(NOW, days))), in_stock(held(shop)))


def test_a_later_now_leaves_the_moves_of_past_days_alone(shop: World) -> None:
    later = retailer(NOW + timedelta(days=3), days=40)
    first = (NOW + JAKARTA - timedelta(days=30)).replace(hour=0, minute=0) - JAKARTA
    shared = c("date").is_between(first, NOW)
    for model in ("stock.move", "stock.move.line", "stock.picking"):
        before, after = (frame(world, model).filter(shared) for world in (shop, later))
        assert_frame_equal(before, after)
        assert before.height > 100


def test_stock_goes_on_as_the_clock_runs() -> None:
    """Sessions close, a day ends, a week is supplied: the store's quants are still its moves'."""
    since = datetime.fromisoformat("2026-11-16T14:00:00")
    store = Store(retailer(since, days=9))
    for hours in (10, 20, 60):
        later = since + timedelta(hours=hours)
        store.absorb(retailer(later, days=9), since)
        since = later
    quants, fresh = in_stock(held(store.world)), retailer(since, days=9)
    assert_frame_equal(quants, in_stock(on_hand(store.world)))
    assert_frame_equal(quants, in_stock(held(fresh)))
    known = set(frame(store.world, "stock.move")["id"])
    opening = c("reference") == "Product Quantity Updated"
    assert set(frame(fresh, "stock.move").filter(~opening)["id"]) <= known
    assert set(frame(fresh, "account.move")["id"]) <= set(frame(store.world, "account.move")["id"])


def test_why_goods_move(shop: World) -> None:
    usage = dict(frame(shop, "stock.location").select("id", "usage").iter_rows())
    moves = frame(shop, "stock.move").with_columns(
        source=c("location_id").replace_strict(usage),
        target=c("location_dest_id").replace_strict(usage),
    )
    found = dict(moves.group_by(pl.format("{}>{}", "source", "target")).len().iter_rows())
    assert set(found) >= {
        "inventory>internal",
        "internal>inventory",
        "internal>customer",
        "customer>internal",
        "supplier>internal",
        "internal>supplier",
        "internal>internal",
        "internal>transit",
        "transit>internal",
        "internal>production",
        "production>internal",
    }
    assert moves["scrap_id"].drop_nulls().len() == frame(shop, "stock.scrap").height > 5
    made = moves["production_id"].drop_nulls()
    assert set(made) == set(frame(shop, "mrp.production")["id"])
    assert moves["raw_material_production_id"].drop_nulls().len() == 2 * made.len()


def test_a_shop_delivers_what_it_sold_when_its_session_closes(shop: World) -> None:
    orders = frame(shop, "pos.order").filter(c("state") == "done")
    sessions = frame(shop, "pos.session").filter(c("stop_at").is_not_null())
    first = frame(shop, "pos.order")["date_order"].min()
    whole = sessions.filter(c("start_at") >= first)["id"]
    products = frame(shop, "product.template").filter(c("type") != "service")["id"]
    sold = (
        frame(shop, "pos.order.line")
        .join(orders.select(order_id="id", session="session_id"), on="order_id")
        .filter(c("session").is_in(whole.implode()), c("product_id").is_in(products.implode()))
        .group_by("session", "product_id")
        .agg(qty=c("qty").sum())
        .sort("session", "product_id")
    )
    pickings = frame(shop, "stock.picking").select(
        picking_id="id", session="pos_session_id", done="date_done"
    )
    sign = pl.when(c("location_dest_id") == 5).then(1).otherwise(-1)
    moves = frame(shop, "stock.move").join(
        pickings.filter(c("session").is_in(whole.implode())), on="picking_id"
    )
    delivered = (
        moves.group_by("session", "product_id")
        .agg(qty=(sign * c("quantity")).sum())
        .sort("session", "product_id")
    )
    assert_frame_equal(sold, delivered)
    closed = moves.join(sessions.select(session="id", stop="stop_at"), on="session")
    assert (closed["date"] == closed["stop"]).all()


def test_goods_in_dozens_are_counted_in_units(shop: World) -> None:
    lines = frame(shop, "stock.move.line").filter(product_uom_id=catalog.DOZENS)
    assert lines.height > 10
    assert (lines["quantity"] * 12 == lines["quantity_product_uom"]).all()


def test_products_kept_by_lot_move_with_their_lot(shop: World) -> None:
    lots = dict(frame(shop, "stock.lot").select("product_id", "id").iter_rows())
    assert len(lots) > 2
    for model in ("stock.move.line", "stock.quant"):
        of_lot = c("product_id").replace_strict(lots, default=None, return_dtype=pl.Int64)
        assert frame(shop, model).select((of_lot.eq_missing(c("lot_id"))).all()).item()


def test_ids_are_unique(shop: World) -> None:
    for model, table in shop.tables.items():
        assert table.frame["id"].is_unique().all(), model


@pytest.mark.parametrize(("products", "orders"), [(6, 1), (10, 5), (4_000, 20)])
def test_small_and_lopsided_retailers_hold_together(products: int, orders: int) -> None:
    world = generate(now=NOW, days=5, products=products, orders_per_day=orders)
    assert_frame_equal(held(world), on_hand(world))
    for table in world.tables.values():
        assert table.frame["id"].is_unique().all(), table.model
