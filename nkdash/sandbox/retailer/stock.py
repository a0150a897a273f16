"""Stock as Odoo keeps it: pickings, moves, move lines, quants, lots and scrap orders."""

import numpy as np
import polars as pl

from nkdash.sandbox.retailer import catalog as c
from nkdash.sandbox.retailer.catalog import Catalog
from nkdash.sandbox.retailer.documents import KIND
from nkdash.sandbox.retailer.flows import FLOWS
from nkdash.sandbox.retailer.places import (
    ADJUSTMENT,
    TRANSIT,
    shop_stock,
    stock_locations,
)
from nkdash.sandbox.retailer.sales import DAY, Calendar, utc
from nkdash.sandbox.retailer.tables import OPENED, lore, table
from nkdash.sandbox.store import Table

LOCATIONS = 64
"""Quant ids set aside for a product: one a location."""
_WEEKS_IN_SHOP, _WEEKS_IN_WAREHOUSE = 3, 4
_UNITS_AN_ORDER = 4.2
_NOT_LISTED = 0.03
"""Share of products that a shop sells now and then but is never supplied ahead with."""

_PICKING_KINDS = {
    "pos": c.POS_ORDERS,
    "pos_return": c.POS_ORDERS,
    "delivery": c.DELIVERIES,
    "delivery_return": c.RECEIPTS,
    "receipt": c.RECEIPTS,
    "vendor_return": c.DELIVERIES,
    "sent": c.INTERNAL,
    "arrived": c.INTERNAL,
    "surplus": c.INTERNAL,
}
"""The picking type of each kind of flow; the others have no picking."""


def stock_tables(
    seed: int,
    goods: Catalog,
    orders_per_day: int,
    span: Calendar,
    flows: pl.DataFrame,
    documents: pl.DataFrame,
) -> list[Table]:
    """The tables of all flows in the span up to now, over the stock that it opened with.

    ``flows`` begin on ``span.supplied_from``, ``documents`` are the numbered ones.
    """
    levels = _levels(seed, goods, orders_per_day)
    opening = _opening(levels, flows.filter(pl.col("at") < span.first * DAY), goods, span)
    moves = _numbered(flows, orders_per_day).filter(
        pl.col("at").is_between(span.first * DAY, span.now)
    )
    links = documents.select("doc", "move_id")
    lots = goods.products.select("product_id", "lot_id", "storable", "cost")
    moves = (
        pl.concat([opening, moves], how="diagonal")
        .join(links, on="doc", how="left", maintain_order="left")
        .join(lots, on="product_id", how="left", maintain_order="left")
        .with_columns(
            _reference(),
            _origin(),
            moment=utc(pl.col("at")),
            # Known from the first, so that a sandbox that goes on never takes a later opening over.
            stamp=pl.when(pl.col("kind") == "opening").then(OPENED).otherwise(utc(pl.col("at"))),
            user=_user(),
        )
    )
    return [
        _picking_table(moves.filter(pl.col("picking_id").is_not_null())),
        _move_table(moves),
        _move_line_table(moves),
        _quant_table(moves.filter("storable")),
        _lot_table(goods),
        _scrap_table(moves.filter(pl.col("kind") == "scrap")),
        _production_table(moves.filter(pl.col("kind") == "produced")),
    ]


def _levels(seed: int, goods: Catalog, orders_per_day: int) -> pl.DataFrame:
    """product_id, location, level: what each location is filled up to, week by week."""
    u = np.random.default_rng([seed, 8]).random((len(goods.popularity), len(stock_locations())))
    weights = np.array([shop["weight"] for shop in lore()["shops"]])
    weekly = goods.popularity * 7 * orders_per_day * _UNITS_AN_ORDER
    of_shop = np.ceil(np.outer(weekly, weights) * _WEEKS_IN_SHOP) + 1
    of_shop[u[:, 1:] < _NOT_LISTED] = 0
    central = np.ceil(weekly * _WEEKS_IN_WAREHOUSE) + 6
    level = np.column_stack([central, of_shop]).astype(np.int64)
    many, places = level.shape
    return pl.DataFrame(
        {
            "product_id": np.repeat(np.arange(many) + c.FIRST_PRODUCT, places),
            "location": np.tile(stock_locations(), many),
            "level": level.reshape(-1),
        }
    )


def _legs(flows: pl.DataFrame) -> pl.DataFrame:
    """location, product_id, qty: both ends of every flow, - at the source, + at the target."""
    return pl.concat(
        [
            flows.select("at", "product_id", location="source", qty=-pl.col("qty")),
            flows.select("at", "product_id", location="target", qty="qty"),
        ]
    )


def _opening(
    levels: pl.DataFrame, before: pl.DataFrame, goods: Catalog, span: Calendar
) -> pl.DataFrame:
    """The stock counted on the day before the span: the levels, less what is still to be supplied.

    What was negative or on the road then is counted too, so that all later stock is right.
    """
    kept = goods.products.filter("storable")["product_id"]
    ours = [*stock_locations(), TRANSIT]
    moved = (
        _legs(before)
        .filter(pl.col("location").is_in(ours) & pl.col("product_id").is_in(kept.implode()))
        .group_by("product_id", "location")
        .agg(pl.col("qty").sum())
    )
    counted = (
        levels.join(moved, on=["product_id", "location"], how="full", coalesce=True)
        .with_columns(qty=pl.col("level").fill_null(0) + pl.col("qty").fill_null(0))
        .filter(pl.col("qty") != 0)
        .sort("product_id", "location")
    )
    short = pl.col("qty") < 0
    return counted.select(
        kind=pl.lit("opening"),
        doc=pl.lit(0, dtype=pl.Int64),
        slot=pl.lit(0, dtype=pl.Int64),
        at=pl.lit(span.first * DAY - 14 * 3_600, dtype=pl.Int64),
        source=pl.when(short).then("location").otherwise(ADJUSTMENT),
        target=pl.when(short).then(ADJUSTMENT).otherwise("location"),
        product_id="product_id",
        qty=pl.col("qty").abs(),
        uom=pl.lit(c.UNITS, dtype=pl.Int64),
        partner=pl.lit(None, dtype=pl.Int64),
        id=pl.col("product_id") * LOCATIONS + pl.col("location"),
        picking_id=pl.lit(None, dtype=pl.Int64),
    )


def _numbered(flows: pl.DataFrame, orders_per_day: int) -> pl.DataFrame:
    """Flows with ids for moves and pickings, made of their day and their place in it."""
    day = pl.col("at") // DAY
    moves_a_day, pickings_a_day = 120 * orders_per_day + 20_000, 4 * orders_per_day + 1_000
    number = pl.int_range(1, pl.len() + 1).over("day")
    flows = flows.with_columns(day=day)
    pickings = (
        flows.filter(pl.col("kind").is_in(list(_PICKING_KINDS)))
        .select("day", "at", "kind", "doc")
        .unique()
        .sort("at", "kind", "doc")
        .select("kind", "doc", picking_id=pl.col("day") * pickings_a_day + number)
    )
    return (
        flows.join(pickings, on=["kind", "doc"], how="left")
        .sort("at", "kind", "doc", "product_id", "slot")
        .with_columns(id=pl.col("day") * moves_a_day + number)
        .select(*FLOWS, "id", "picking_id")
    )


def _house() -> pl.Expr:
    """The warehouse that a picking belongs to: the shop's at one of its ends, else the main one."""
    first, last = shop_stock(0), stock_locations()[-1]
    ends = [pl.col(end) for end in ("source", "target")]
    of_shop = [
        pl.when(end.is_between(first, last)).then((end - first) // 2 + c.shop_warehouse(0))
        for end in ends
    ]
    return pl.coalesce(*of_shop, pl.lit(c.MAIN_WAREHOUSE))


def _type() -> pl.Expr:
    kind = pl.col("kind").replace_strict(_PICKING_KINDS, default=None, return_dtype=pl.Int64)
    return c.picking_type(1, 0) * _house() + kind


def _picking_name() -> pl.Expr:
    codes = [lore()["warehouse"]["code"], *(shop["code"] for shop in lore()["shops"])]
    by_house = {c.MAIN_WAREHOUSE + n: code for n, code in enumerate(codes)}
    short = {c.RECEIPTS: "IN", c.DELIVERIES: "OUT", c.INTERNAL: "INT", c.POS_ORDERS: "POS"}
    house = _house().replace_strict(by_house, return_dtype=pl.String)
    kind = (_type() % c.picking_type(1, 0)).replace_strict(
        short, default=None, return_dtype=pl.String
    )
    return pl.format("{}/{}/{}", house, kind, "picking_id")


def _reference() -> pl.Expr:
    return (
        pl.when(pl.col("picking_id").is_not_null())
        .then(_picking_name())
        .when(pl.col("kind") == "scrap")
        .then(pl.format("SP/{}", "id"))
        .when(pl.col("kind").is_in(["consumed", "produced"]))
        .then(pl.format("GP/MO/{}", pl.col("doc").cast(pl.String).str.zfill(5)))
        .when(pl.col("kind") == "opening")
        .then(pl.lit("Product Quantity Updated"))
        .otherwise(pl.lit("Product Quantity Updated (Opname)"))
        .alias("reference")
    )


def _origin() -> pl.Expr:
    kind, doc = pl.col("kind"), pl.col("doc")
    session = pl.format("POS/{}", doc.cast(pl.String).str.zfill(5))
    return (
        pl.when(kind.is_in(["pos", "pos_return"]) & (doc < KIND))
        .then(session)
        .when(kind == "receipt")
        .then(pl.format("P{}", "move_id"))
        .when(kind == "scrap")
        .then(pl.lit("pecah"))
        .when(kind.is_in(["sent", "arrived", "surplus"]))
        .then(pl.format("TRF-{}", "doc"))
        .alias("origin")
    )


def _user() -> pl.Expr:
    is_pos = pl.col("kind").is_in(["pos", "pos_return"])
    shop = _house() - c.shop_warehouse(0)
    return pl.when(is_pos).then(shop + c.FIRST_USER).otherwise(c.ADMIN_USER)


def _stamps() -> dict[str, pl.Expr]:
    stamp, user = pl.col("stamp"), pl.col("user")
    return {
        "create_date": stamp,
        "write_date": stamp,
        "create_uid": user,
        "write_uid": user,
    }


def _picking_table(moves: pl.DataFrame) -> Table:
    first = moves.unique("picking_id", keep="first", maintain_order=True).sort("picking_id")
    is_pos = pl.col("kind").is_in(["pos", "pos_return"])
    frame = first.select(
        id="picking_id",
        name="reference",
        origin="origin",
        picking_type_id=_type(),
        location_id="source",
        location_dest_id="target",
        partner_id="partner",
        date="moment",
        date_done="moment",
        scheduled_date="moment",
        pos_session_id=pl.when(is_pos & (pl.col("doc") < KIND)).then("doc"),
        pos_order_id=pl.when(is_pos & (pl.col("doc") > KIND)).then(pl.col("doc") - KIND),
        user_id="user",
        **_stamps(),
    )
    constants = {"company_id": c.COMPANY, "state": "done", "move_type": "direct", "priority": "0"}
    return table("stock.picking", {**frame.to_dict(), **constants})


def _in_unit() -> pl.Expr:
    return pl.when(pl.col("uom") == c.DOZENS).then(pl.col("qty") // 12).otherwise("qty")


def _move_table(moves: pl.DataFrame) -> Table:
    frame = moves.select(
        "id",
        "product_id",
        "reference",
        "origin",
        "picking_id",
        name="reference",
        date="moment",
        location_id="source",
        location_dest_id="target",
        product_uom="uom",
        product_qty="qty",
        product_uom_qty=_in_unit(),
        quantity=_in_unit(),
        partner_id="partner",
        picking_type_id=pl.when(pl.col("picking_id").is_not_null()).then(_type()),
        warehouse_id=_house(),
        is_inventory=pl.col("kind").is_in(["opening", "adjustment"]),
        scrapped=pl.col("kind") == "scrap",
        scrap_id=pl.when(pl.col("kind") == "scrap").then("id"),
        raw_material_production_id=pl.when(pl.col("kind") == "consumed").then("doc"),
        production_id=pl.when(pl.col("kind") == "produced").then("doc"),
        **_stamps(),
    )
    constants = {
        "company_id": c.COMPANY,
        "state": "done",
        "picked": True,
        "sequence": 10,
    }
    return table("stock.move", {**frame.to_dict(), **constants})


def _move_line_table(moves: pl.DataFrame) -> Table:
    frame = moves.select(
        "id",
        "product_id",
        "lot_id",
        "reference",
        "picking_id",
        move_id="id",
        date="moment",
        location_id="source",
        location_dest_id="target",
        product_uom_id="uom",
        quantity=_in_unit(),
        quantity_product_uom="qty",
        **_stamps(),
    )
    constants = {"company_id": c.COMPANY, "state": "done", "picked": True}
    return table("stock.move.line", {**frame.to_dict(), **constants})


def _quant_table(moves: pl.DataFrame) -> Table:
    """A quant for each product that a location of ours has had, those that are used up too."""
    known = moves.select("product_id", "lot_id", "cost").unique("product_id")
    quants = (
        _legs(moves)
        .filter(pl.col("location").is_in([*stock_locations(), TRANSIT]))
        .group_by("product_id", "location")
        .agg(pl.col("qty").sum(), first=pl.col("at").min(), last=pl.col("at").max())
        .join(known, on="product_id", how="left")
        .select(
            id=pl.col("product_id") * LOCATIONS + pl.col("location"),
            product_id="product_id",
            location_id="location",
            lot_id="lot_id",
            quantity="qty",
            in_date=utc(pl.col("first")),
            value=(pl.col("qty") * pl.col("cost")).round(2),
            create_date=utc(pl.col("first")),
            write_date=utc(pl.col("last")),
        )
    )
    constants = {"company_id": c.COMPANY, "reserved_quantity": 0.0}
    return table("stock.quant", {**quants.to_dict(), **constants})


def _lot_table(goods: Catalog) -> Table:
    lots = goods.products.drop_nulls("lot_id").sort("lot_id")
    return table(
        "stock.lot",
        {
            "id": lots["lot_id"],
            "name": pl.select(
                pl.format("LOT-{}", lots["lot_id"].cast(pl.String).str.zfill(6))
            ).to_series(),
            "product_id": lots["product_id"],
            "product_uom_id": c.UNITS,
            "company_id": c.COMPANY,
        },
    )


def _scrap_table(scrapped: pl.DataFrame) -> Table:
    frame = scrapped.select(
        "id",
        "product_id",
        "origin",
        name="reference",
        location_id="source",
        scrap_location_id="target",
        scrap_qty="qty",
        product_uom_id="uom",
        date_done="moment",
        **_stamps(),
    )
    return table("stock.scrap", {**frame.to_dict(), "company_id": c.COMPANY, "state": "done"})


def _production_table(produced: pl.DataFrame) -> Table:
    frame = produced.select(
        "product_id",
        id="doc",
        name="reference",
        product_qty="qty",
        product_uom_id="uom",
        date_start="moment",
        date_finished="moment",
        **_stamps(),
    )
    return table("mrp.production", {**frame.to_dict(), "company_id": c.COMPANY, "state": "done"})
