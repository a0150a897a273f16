"""The chain's stock, day by day: what is sold leaves it, what runs low is ordered and sent on.

Shops and warehouse are filled up to a level that follows from what they sell. A shop can give no
more than the warehouse has, a vendor sometimes does not deliver, and tills sell what the books do
not have: stock runs out, and below zero.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from nkdash.contracts import QUANTITY, money
from nkdash.sandbox.demo_lake.chain import Chain, day_of, stores_stock
from nkdash.sandbox.demo_lake.sales import local_time, on_date, utc
from nkdash.sandbox.retailer import catalog as c
from nkdash.sandbox.retailer import places
from nkdash.sandbox.retailer.catalog import Floats, Ints

WAREHOUSE = 0
_UNITS_A_LINE = 1.32
_HOUR = 3_600
_MOVES_A_DAY = 10_000_000
_GIFTS_AN_ORDER = 0.015

FLOWS = pl.Schema(
    {
        "kind": pl.String(),
        "day": pl.Int64(),
        "at": pl.Int64(),
        "source": pl.Int64(),
        "target": pl.Int64(),
        "item": pl.Int64(),
        "qty": pl.Int64(),
        "partner": pl.Int64(),
        "doc": pl.Int64(),
    }
)
"""What moves: ``at`` in local seconds of the day, ends as locations, ``item`` a row of the stock,
``doc`` the document it belongs to (a session, a bill's vendor, a production order)."""

# Movement type, picking type, document, of each kind of flow.
_KINDS = {
    "opening": ("adjustment", None, "Product Quantity Updated"),
    "adjustment": ("adjustment", None, "Product Quantity Updated (Opname)"),
    "scrap": ("scrap", None, "SP"),
    "sold": ("delivery", "outgoing", "POS"),
    "back": ("return_from_customer", "outgoing", "POS"),
    "delivery": ("delivery", "outgoing", "GP/OUT"),
    "delivery_back": ("return_from_customer", "incoming", "GP/IN"),
    "receipt": ("receipt", "incoming", "GP/IN"),
    "vendor_return": ("return_to_vendor", "outgoing", "GP/OUT"),
    "sent": ("transfer", "internal", "GP/INT"),
    "sent_far": ("transit_out", "internal", "GP/INT"),
    "arrived": ("transit_in", "internal", "GP/INT"),
    "consumed": ("production_out", None, "GP/MO"),
    "produced": ("production_in", None, "GP/MO"),
}
_USAGES = {
    places.VENDORS: "supplier",
    places.CUSTOMERS: "customer",
    places.TRANSIT: "transit",
    places.ADJUSTMENT: "inventory",
    places.PRODUCTION: "production",
    places.SCRAP: "inventory",
}


@dataclass
class Stock:
    """What lies where now: ``on_hand`` by place (warehouse, shops, transit) and item (regular
    products, then the gift). ``road`` is what reaches each far shop tomorrow."""

    on_hand: Ints
    road: dict[int, Ints] = field(default_factory=dict)


@dataclass(frozen=True)
class Levels:
    """By place (warehouse, shops) and item: filled up to ``target`` from ``reorder`` or less."""

    target: Ints
    reorder: Ints


@dataclass(frozen=True)
class Moved:
    """What a stretch of days moved, what was received of vendors and sent back to them (day,
    vendor, item, qty), and the stock at 23:30 of the days whose snapshot was asked for."""

    flows: pl.DataFrame
    received: pl.DataFrame
    returned: pl.DataFrame
    snapshots: dict[int, Ints]


def open_stock(chain: Chain) -> Stock:
    """Nothing anywhere."""
    return Stock(np.zeros((chain.stores + 2, chain.products + 1), dtype=np.int64))


def items_of(chain: Chain) -> pl.DataFrame:
    """item, product_id, vendor, cost, lot_id of everything of which stock is kept; and of bags,
    which move but are not counted, as the last one."""
    known = chain.goods.products.select("product_id", "vendor", "cost", "lot_id")
    regular = known.filter(pl.col("product_id") >= c.FIRST_PRODUCT)
    special = [known.filter(pl.col("product_id") == one) for one in (c.GIFT, c.BAG)]
    return pl.concat([regular, *special]).with_row_index("item").cast({"item": pl.Int64})


def levels(chain: Chain, shares: Floats, day: int) -> Levels:
    """What each place is filled up to about ``day``; a shop gets its first goods ten days early."""
    within = min(max(day, chain.first), chain.last)
    lines_a_week = 7 * chain.orders[within] * 3.1
    open_ = chain.opened - 10 <= day
    weekly = shares * (chain.store_shares(day) * lines_a_week * _UNITS_A_LINE)[:, None]
    kept = chain.listed & (chain.launched <= day) & open_[:, None]
    of_shops = np.where(kept, np.ceil(weekly * 3) + 1, 0)
    first_fill = np.where(kept, np.ceil(weekly * 1.4), -1)
    total = weekly.sum(axis=0)
    on_sale = chain.launched <= day
    # A carton is what a vendor delivers least.
    central = np.where(on_sale, np.ceil((total * 7 + 2) / 6) * 6, 0)
    low = np.where(on_sale, np.ceil(total * 3.5), -1)
    given = 7 * chain.orders[within] * _GIFTS_AN_ORDER * chain.store_shares(day)
    gifts = np.ceil([5 * given.sum() + 12, *np.where(open_, 3 * given + 2, 0)])[:, None]
    return Levels(
        np.hstack([np.vstack([central, of_shops]), gifts]).astype(np.int64),
        np.hstack([np.vstack([low, first_fill]), gifts // 2]).astype(np.int64),
    )


def move(
    chain: Chain,
    stock: Stock,
    days: list[int],
    level: Levels,
    sold: pl.DataFrame,
    wholesale: pl.DataFrame,
    snapshots: set[int],
) -> Moved:
    """Live through ``days``: changes ``stock``.

    ``sold`` is what left the shops (day, store, item, back, qty), ``wholesale`` what left the
    warehouse (day, item, back, qty).
    """
    flows: list[pl.DataFrame] = []
    received, returned = [], []
    taken: dict[int, Ints] = {}
    of_day = {key[0]: part for key, part in sold.partition_by("day", as_dict=True).items()}
    of_trade = {key[0]: part for key, part in wholesale.partition_by("day", as_dict=True).items()}
    vendors = items_of(chain)["vendor"].cast(pl.Int64).to_numpy()[: chain.products]
    for day in days:
        rng = np.random.default_rng([chain.size.seed, 6, day])
        if day == chain.first:
            flows.append(_opening(chain, stock, level, day))
        flows += _to_shops(chain, stock, level, day)
        goods = _from_vendors(chain, stock, level, day, vendors, rng)
        received.append(goods)
        flows.append(_vendor_flow(goods, "receipt", 11 * _HOUR))
        back = _to_vendors(stock, day, vendors, rng)
        returned.append(back)
        flows.append(_vendor_flow(back, "vendor_return", 15 * _HOUR))
        flows += _production(chain, stock, level, day)
        flows += _trade(stock, of_trade.get(day))
        flows += _tills(chain, stock, of_day.get(day))
        flows += _counted(chain, stock, day, rng)
        if day in snapshots:
            taken[day] = stock.on_hand.copy()
    return Moved(pl.concat(flows), pl.concat(received), pl.concat(returned), taken)


def location(place: Ints | int) -> Ints:
    """The location of a place by its number: the warehouse, then the shops."""
    return np.where(
        np.asarray(place) == WAREHOUSE, places.STOCK, stores_stock(np.asarray(place) - 1)
    )


def _flow(
    kind: str,
    day: int,
    at: Ints | int,
    source: Ints | int,
    target: Ints | int,
    item: Ints,
    qty: Ints,
    doc: Ints | int,
    partner: Ints | None = None,
) -> pl.DataFrame:
    columns = {"day": day, "at": at, "source": source, "target": target, "doc": doc}
    same = {name: np.broadcast_to(value, item.shape) for name, value in columns.items()}
    frame = pl.DataFrame({**same, "item": item, "qty": qty}).with_columns(
        kind=pl.lit(kind), partner=pl.lit(None) if partner is None else pl.Series(partner)
    )
    return frame.select(list(FLOWS)).cast(FLOWS)


def _opening(chain: Chain, stock: Stock, level: Levels, day: int) -> pl.DataFrame:
    """The stock counted before the first sale."""
    open_ = np.concatenate([[True], chain.opened <= day])[:, None]
    counted = np.where(open_, level.target, 0)
    stock.on_hand[: chain.stores + 1] += counted
    place, item = np.nonzero(counted)
    return _flow(
        "opening", day, 5 * _HOUR, places.ADJUSTMENT, location(place), item, counted[place, item], 0
    )


def _to_shops(chain: Chain, stock: Stock, level: Levels, day: int) -> list[pl.DataFrame]:
    """Each shop is supplied on two days of the week; every third lies a day away."""
    flows = []
    for store in sorted(stock.road):
        sent = stock.road.pop(store)
        item = np.nonzero(sent)[0]
        stock.on_hand[-1] -= sent
        stock.on_hand[store + 1] += sent
        flows.append(
            _flow(
                "arrived", day, 10 * _HOUR, places.TRANSIT, location(store + 1), item,
                sent[item], day * 100 + store,
            )
        )  # fmt: skip
    for store in range(chain.stores):
        if day % 7 not in (store % 5, (store + 3) % 7):
            continue
        here = stock.on_hand[store + 1]
        short = here <= level.reorder[store + 1]
        wanted = np.where(short, level.target[store + 1] - here, 0)
        sent = np.minimum(wanted, np.maximum(stock.on_hand[WAREHOUSE], 0)).clip(0)
        item = np.nonzero(sent)[0]
        stock.on_hand[WAREHOUSE] -= sent
        far = store % 3 == 2
        if far:
            stock.road[store] = sent
        stock.on_hand[-1 if far else store + 1] += sent
        target = places.TRANSIT if far else location(store + 1)
        flows.append(
            _flow(
                "sent_far" if far else "sent", day, 8 * _HOUR + 60 * store, places.STOCK, target,
                item, sent[item], day * 100 + store,
            )
        )  # fmt: skip
    return flows


def _from_vendors(
    chain: Chain, stock: Stock, level: Levels, day: int, vendors: Ints, rng: np.random.Generator
) -> pl.DataFrame:
    """What the vendors of that weekday bring to the warehouse, in cartons of six."""
    here = stock.on_hand[WAREHOUSE, : chain.products]
    target, reorder = level.target[WAREHOUSE, :-1], level.reorder[WAREHOUSE, :-1]
    weekday = day_of(day).weekday()
    # A vendor has nothing for three weeks once in a while.
    stopped = (day // 21 * 7 + vendors * 11) % 29 == 0
    delivered = (vendors % 4 == weekday) & ~stopped & (rng.random(chain.products) > 0.04)
    wanted = np.where((here <= reorder) & delivered, target - here, 0)
    qty = -(-wanted // 6) * 6
    item = np.nonzero(qty > 0)[0]
    stock.on_hand[WAREHOUSE, item] += qty[item]
    return _bought(day, vendors, item, qty[item])


def _bought(day: int, vendors: Ints, item: Ints, qty: Ints) -> pl.DataFrame:
    columns = {"vendor": vendors[item], "item": item, "qty": qty}
    frame = pl.DataFrame(columns).with_columns(day=pl.lit(day, pl.Int64))
    return frame.cast(pl.Int64).sort("vendor", "item")


def _to_vendors(stock: Stock, day: int, vendors: Ints, rng: np.random.Generator) -> pl.DataFrame:
    """On Thursdays some of what the warehouse has goes back."""
    none = np.zeros(0, dtype=np.int64)
    if day_of(day).weekday() != 3:
        return _bought(day, vendors, none, none)
    here = stock.on_hand[WAREHOUSE, : len(vendors)]
    chosen = np.nonzero((rng.random(len(vendors)) < 0.0006) & (here >= 6))[0]
    qty = here[chosen] // 3
    stock.on_hand[WAREHOUSE, chosen] -= qty
    return _bought(day, vendors, chosen, qty)


def on_order(chain: Chain, stock: Stock, level: Levels) -> pl.DataFrame:
    """Records of purchase.order.line: what is ordered on the last evening, a line a product and an
    order a vendor. Of a few vendors the first half has come already."""
    here = stock.on_hand[WAREHOUSE, : chain.products]
    wanted = np.where(here <= level.reorder[WAREHOUSE, :-1], level.target[WAREHOUSE, :-1] - here, 0)
    ordered = pl.DataFrame({"item": np.nonzero(wanted > 0)[0], "qty": wanted[wanted > 0]})
    vendor = pl.col("vendor").cast(pl.Int64)
    number = pl.int_range(1, pl.len() + 1)
    qty = (pl.col("qty") + 5) // 6 * 6
    come = pl.when(vendor % 5 == 1).then(qty // 2).otherwise(0)
    return ordered.join(items_of(chain), on="item", how="left").select(
        "product_id",
        id=chain.last * _MOVES_A_DAY + number,
        order_id=chain.last * 100 + vendor,
        state=pl.lit("purchase"),
        company_id=pl.lit(c.COMPANY, pl.Int64),
        partner_id=vendor + c.FIRST_PRINCIPAL,
        product_qty=qty.cast(pl.Float64),
        product_uom_qty=qty.cast(pl.Float64),
        qty_received=come.cast(pl.Float64),
        date_planned=(pl.lit(day_of(chain.last + 1)) + pl.duration(days=vendor % 5)).cast(
            pl.Datetime("us")
        ),
    )


def _vendor_flow(goods: pl.DataFrame, kind: str, at: int) -> pl.DataFrame:
    inward = kind == "receipt"
    vendor = pl.col("vendor")
    return goods.select(
        kind=pl.lit(kind),
        day="day",
        at=at + 300 * vendor,
        source=pl.lit(places.VENDORS if inward else places.STOCK),
        target=pl.lit(places.STOCK if inward else places.VENDORS),
        item="item",
        qty="qty",
        partner=vendor + c.FIRST_PRINCIPAL,
        doc=pl.col("day") * 100 + vendor,
    ).cast(FLOWS)


def _production(chain: Chain, stock: Stock, level: Levels, day: int) -> list[pl.DataFrame]:
    """Gifts are packed of two bestsellers when the warehouse has few."""
    gift = chain.products
    if stock.on_hand[WAREHOUSE, gift] > level.reorder[WAREHOUSE, gift]:
        return []
    parts, made = chain.by_rank[:2], np.array([gift])
    many = level.target[WAREHOUSE, [gift]]
    each = np.repeat(many // 4 + 1, len(parts))
    stock.on_hand[WAREHOUSE, parts] -= each
    stock.on_hand[WAREHOUSE, made] += many
    return [
        _flow("consumed", day, 13 * _HOUR, places.STOCK, places.PRODUCTION, parts, each, day),
        _flow("produced", day, 14 * _HOUR, places.PRODUCTION, places.STOCK, made, many, day),
    ]


def _trade(stock: Stock, goods: pl.DataFrame | None) -> list[pl.DataFrame]:
    """The back office's sales leave the warehouse."""
    if goods is None:
        return []
    flows = []
    for (back,), part in goods.partition_by("back", as_dict=True).items():
        item, qty = part["item"].to_numpy(), part["qty"].to_numpy()
        np.add.at(stock.on_hand[WAREHOUSE], item, qty if back else -qty)
        ends = (places.CUSTOMERS, places.STOCK) if back else (places.STOCK, places.CUSTOMERS)
        flows.append(
            _flow(
                "delivery_back" if back else "delivery", int(part["day"][0]), 16 * _HOUR, *ends,
                item, qty, part["doc"].to_numpy(), part["partner"].to_numpy(),
            )
        )  # fmt: skip
    return flows


def _tills(chain: Chain, stock: Stock, sold: pl.DataFrame | None) -> list[pl.DataFrame]:
    """When the shops' sessions close, all that they sold leaves their stock at once."""
    if sold is None:
        return []
    flows = []
    for (back,), part in sold.partition_by("back", as_dict=True).items():
        store, item, qty = (part[name].to_numpy() for name in ("store", "item", "qty"))
        counted = item <= chain.products
        change = qty if back else -qty
        np.add.at(stock.on_hand, (store[counted] + 1, item[counted]), change[counted])
        shop = stores_stock(store)
        there = np.full(len(shop), places.CUSTOMERS)
        source, target = (there, shop) if back else (shop, there)
        day = int(part["day"][0])
        at = 22 * _HOUR + 600 + 60 * store
        flows.append(_flow("back" if back else "sold", day, at, source, target, item, qty, store))
    return flows


def _counted(chain: Chain, stock: Stock, day: int, rng: np.random.Generator) -> list[pl.DataFrame]:
    """Every evening each place counts a few products, and throws broken ones away."""
    many = 3 * (chain.stores + 1)
    place, item = np.nonzero(stock.on_hand[: chain.stores + 1, : chain.products] > 2)
    if not len(item):
        return []
    drawn = np.unique(rng.integers(0, len(item), many))
    place, item = place[drawn], item[drawn]
    u = rng.random(len(drawn))
    broken, lost = u < 0.3, u < 0.75
    qty = np.where(lost, -1, 1) * (1 + (u * 97).astype(np.int64) % 2)
    np.add.at(stock.on_hand, (place, item), qty)
    at = 22 * _HOUR + 3_000
    flows = []
    for kind, which, other in (
        ("scrap", broken, places.SCRAP),
        ("adjustment", ~broken, places.ADJUSTMENT),
    ):
        ours, change = location(place[which]), qty[which]
        source, target = np.where(change < 0, ours, other), np.where(change < 0, other, ours)
        flows.append(_flow(kind, day, at, source, target, item[which], np.abs(change), day))
    return flows


def clean_moves(chain: Chain, flows: pl.DataFrame, items: pl.DataFrame, zone: str) -> pl.LazyFrame:
    """The columns of clean/inventory_moves."""
    kinds = pl.DataFrame(
        [(kind, *told) for kind, told in _KINDS.items()],
        schema=["kind", "movement_type", "picking_type_code", "document"],
        orient="row",
    )
    number = pl.int_range(1, pl.len() + 1).over("day")
    flows = flows.sort("day", "at", "kind", "source", "target", "doc", "item").with_columns(
        id=pl.col("day") * _MOVES_A_DAY + number
    )
    local = local_time()
    inner = [places.TRANSIT, *location(np.arange(chain.stores + 1)).tolist()]
    picked = pl.col("picking_type_code").is_not_null()
    is_till = pl.col("kind").is_in(["sold", "back"])
    is_made = pl.col("movement_type").str.starts_with("production")
    session = pl.col("day") * chain.stores + pl.col("doc") + 1

    def usage(end: str) -> pl.Expr:
        return pl.col(end).replace_strict(_USAGES, default="internal", return_dtype=pl.String)

    return (
        flows.lazy()
        .join(kinds.lazy(), on="kind", how="left")
        .join(items.lazy(), on="item", how="left")
        .select(
            date=on_date(),
            move_line_id="id",
            move_id="id",
            moved_at=utc(local, zone),
            moved_at_local=local,
            company_id=pl.lit(c.COMPANY, pl.Int64),
            product_id="product_id",
            lot_id="lot_id",
            owner_id=pl.lit(None, pl.Int64),
            from_location_id="source",
            from_usage=usage("source"),
            to_location_id="target",
            to_usage=usage("target"),
            picking_id=pl.when(picked).then(
                pl.col("id").min().over("day", "kind", "source", "target", "doc")
            ),
            picking_type_code="picking_type_code",
            partner_id="partner",
            reference=pl.when(picked | is_made)
            .then(pl.format("{}/{}", "document", "doc"))
            .otherwise("document"),
            origin=pl.when(is_till).then(pl.format("POS/{}", session)),
            manufacturing_order_id=pl.when(is_made).then("doc"),
            uom_id=pl.lit(c.UNITS, pl.Int64),
            line_quantity=pl.col("qty").cast(pl.Float64),
            quantity_product_uom=pl.col("qty").cast(pl.Float64),
            from_ours=pl.col("source").is_in(inner),
            to_ours=pl.col("target").is_in(inner),
            movement_type="movement_type",
        )
    )


def clean_quants(
    chain: Chain, day: int, on_hand: Ints, items: pl.DataFrame, zone: str
) -> pl.LazyFrame:
    """The columns of clean/stock_quants at 23:30 of ``day``; what is used up has none."""
    place, item = np.nonzero(on_hand)
    where = np.where(place == chain.stores + 1, places.TRANSIT, location(place))
    rng = np.random.default_rng([chain.size.seed, 9, day])
    many = on_hand[place, item]
    asked = (place == WAREHOUSE) & (rng.random(len(item)) < 0.02) & (many > 0)
    frame = pl.DataFrame(
        {
            "quant_id": place * (chain.products + 1) + item + 1,
            "item": item,
            "location_id": where,
            "qty": many,
            "reserved": np.where(asked, -(-many // 8), 0),
        }
    ).cast(pl.Int64)
    local = local_time()
    return (
        frame.lazy()
        .with_columns(day=pl.lit(day, pl.Int64), at=pl.lit(23 * _HOUR + 1_800, pl.Int64))
        .join(items.lazy(), on="item", how="left")
        .select(
            date=on_date(),
            quant_id="quant_id",
            taken_at=utc(local, zone),
            taken_at_local=local,
            company_id=pl.lit(c.COMPANY, pl.Int64),
            product_id="product_id",
            location_id="location_id",
            lot_id="lot_id",
            owner_id=pl.lit(None, pl.Int64),
            quantity=pl.col("qty").cast(QUANTITY),
            reserved_quantity=pl.col("reserved").cast(QUANTITY),
            value=money(pl.col("qty") * pl.col("cost")),
        )
    )
