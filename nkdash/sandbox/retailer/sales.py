"""Sales: POS orders, lines, payments and sessions of a span of days.

Every day is drawn from the seed and its own date, and ids are built from the date, so a day looks
the same whenever it is generated; only what ``now`` hides is missing, and in the first week the
links of refunds to sales before the span.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nkdash.sandbox.retailer import catalog as c
from nkdash.sandbox.retailer.catalog import Catalog, Floats, Ints
from nkdash.sandbox.retailer.tables import lore, table
from nkdash.sandbox.store import Table

Bools = NDArray[np.bool_]

EPOCH = date(2024, 1, 1)
UTC_OFFSET = timedelta(hours=7)
"""Asia/Jakarta, which knows no daylight saving."""
REFUND_DAYS = 7
"""Goods come back within so many days; so many days before the span are drawn for them."""

LINES_MAX = 12
SLOTS = 24
"""Line ids for an order: its goods, then bag, gift, service and voucher."""
_BAG_SLOT, _GIFT_SLOT, _SERVICE_SLOT, _VOUCHER_SLOT = 14, 15, 16, 17
DAY = 86_400
_LINE_COUNTS = np.cumsum([0.27, 0.25, 0.17, 0.11, 0.075, 0.05, 0.03, 0.02, 0.012, 0.008, 0.003])
_WEEKDAYS = (0.84, 0.82, 0.88, 0.93, 1.12, 1.42, 1.36)
_DAYTIME = (0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 5, 7, 9, 7, 6, 7, 8, 10, 12, 13, 10, 4, 0, 0)
_NIGHT = (5, 3, 0, 0, 0, 0, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5, 6, 6, 7, 7, 7, 7, 8, 7)
_BILLS = (1_000, 5_000, 10_000, 50_000, 100_000)

# Columns of the orders' uniform draws.
_SHOP, _TIME, _WHO, _RETURNING, _CASHIER, _METHOD, _STATE, _COUNT = range(8)
_BAG, _GIFT, _SERVICE, _VOUCHER, _REFUND, _TENDER, _SPLIT = range(8, 15)
_ORDER_DRAWS = 15
# Columns of the lines' uniform draws.
_PRODUCT, _COMPANION, _QTY, _MARKDOWN, _FREE = range(5)
_LINE_DRAWS = 5


@dataclass(frozen=True)
class Draws:
    """Uniform draws: a row an order, a row a line; ``day`` counts from EPOCH."""

    day: Ints
    orders: Floats
    counts: Ints
    lines: Floats


@dataclass(frozen=True)
class Calendar:
    """The span to show, inclusive local days since EPOCH, and now in local seconds since EPOCH."""

    first: int
    last: int
    now: int

    @property
    def supplied_from(self) -> int:
        """The Monday whose week's sales are what the first week shown is supplied for."""
        return 7 * (self.first // 7 - 1)

    @property
    def drawn_from(self) -> int:
        """The first day drawn: Sunday night's sales end on Monday, and goods come back later."""
        return self.supplied_from - 1 - REFUND_DAYS


def calendar(now: datetime, days: int) -> Calendar:
    """Today, as far as it has gone at ``now`` (naive UTC), and ``days`` days before it."""
    local = now + UTC_OFFSET
    today = (local.date() - EPOCH).days
    seconds = int((local - datetime.combine(EPOCH, datetime.min.time())).total_seconds())
    return Calendar(today - days, today, seconds)


@dataclass(frozen=True)
class Sold:
    """All orders drawn and their priced lines, by order id: those before the span and after now
    too. ``closes`` is when an order's session closes, ``stop`` the same if it has closed."""

    orders: pl.DataFrame
    lines: pl.DataFrame


def draw_sales(seed: int, goods: Catalog, orders_per_day: int, span: Calendar) -> Sold:
    """What the shops sell on the days of the span and on those that lead up to it."""
    draws = _draw(seed, orders_per_day, span)
    orders = _orders(draws, goods, orders_per_day)
    lines = _with_extras(_lines(seed, draws, orders, goods), orders, draws, goods)
    refunds, refund_lines = _refunds(orders, lines, draws, orders_per_day)
    lines = priced(pl.concat([lines, refund_lines]))
    orders = _with_totals(pl.concat([orders, refunds]).sort("id"), lines, span)
    return Sold(orders, lines.sort("line_id"))


def sales_tables(sold: Sold, span: Calendar) -> list[Table]:
    """The tables of the sales that the span shows."""
    orders, lines = shown(sold, span)
    payments = _payments(orders)
    return [
        _order_table(orders, payments),
        _line_table(orders, lines),
        _payment_table(orders, payments),
        _session_table(span),
    ]


def _draw(seed: int, orders_per_day: int, span: Calendar) -> Draws:
    days, orders, counts, lines = [], [], [], []
    for day in range(span.drawn_from, span.last + 1):
        rng = np.random.default_rng([seed, 2, max(day, 0)])
        many = int(rng.poisson(orders_per_day * _demand(EPOCH + timedelta(days=day))))
        drawn = rng.random((many, _ORDER_DRAWS))
        count = np.searchsorted(_LINE_COUNTS, drawn[:, _COUNT]).clip(0, LINES_MAX - 1) + 1
        days.append(np.full(many, day))
        orders.append(drawn)
        counts.append(count)
        lines.append(rng.random((int(count.sum()), _LINE_DRAWS)))
    return Draws(
        np.concatenate(days).astype(np.int64),
        np.concatenate(orders),
        np.concatenate(counts).astype(np.int64),
        np.concatenate(lines),
    )


def _demand(day: date) -> float:
    """How busy a day is against the average: weekday, payday, twin dates, slow growth."""
    busy = _WEEKDAYS[day.weekday()]
    if day.day >= 25 or day.day <= 3:
        busy *= 1.22
    if day.day == day.month and day.month >= 9:
        busy *= 1.6
    return busy * (0.9 + 0.1 * min((day - EPOCH).days, 1_500) / 1_000)


def _orders(draws: Draws, goods: Catalog, orders_per_day: int) -> pl.DataFrame:
    """Orders by day and time, ``row`` pointing back to their draws."""
    u = draws.orders
    shops = lore()["shops"]
    weights = np.cumsum([shop["weight"] for shop in shops])
    shop = np.searchsorted(weights / weights[-1], u[:, _SHOP])
    night = np.array([bool(shop.get("night")) for shop in shops])[shop]
    second = np.where(night, _second(u[:, _TIME], _NIGHT), _second(u[:, _TIME], _DAYTIME))
    grown = 0.6 + 0.4 * np.clip(draws.day / 1_500, 0, 1)
    who = (goods.customers * grown * u[:, _RETURNING] ** 2.4).astype(np.int64) + c.FIRST_CUSTOMER
    known = u[:, _WHO] < 0.42
    # After midnight the night shop still sells on the session of the day before.
    session_day = draws.day - (night & (second < 3 * 3_600))
    frame = pl.DataFrame(
        {
            "row": np.arange(len(u)),
            "day": draws.day,
            "at": draws.day * DAY + second,
            "shop": shop,
            "session_day": session_day,
            "customer": pl.Series(who).set(pl.Series(~known), None),
            "cashier": shop * c.EMPLOYEES_PER_SHOP
            + (u[:, _CASHIER] * c.EMPLOYEES_PER_SHOP).astype(np.int64),
            "method": _methods(u[:, _METHOD], shop, known),
            "u_state": u[:, _STATE],
            "u_tender": u[:, _TENDER],
            "u_split": u[:, _SPLIT],
            "refunded": pl.Series([None] * len(u), dtype=pl.Int64),
            "is_refund": np.zeros(len(u), dtype=bool),
        }
    ).sort("at", "row")
    rank = pl.int_range(1, pl.len() + 1).over("day")
    return frame.with_columns((pl.col("day") * band(orders_per_day) + rank).alias("id"))


def band(orders_per_day: int) -> int:
    """Ids set aside for a day: sales in the lower half, refunds in the upper."""
    return 8 * orders_per_day + 400


def _second(u: Floats, by_hour: tuple[int, ...]) -> Ints:
    share = np.cumsum(by_hour) / sum(by_hour)
    hour = np.searchsorted(share, u, side="right").clip(0, 23)
    before = np.concatenate([[0.0], share[:-1]])[hour]
    within = (u - before) / (share[hour] - before)
    return np.asarray(hour * 3_600 + (within * 3_600).astype(np.int64).clip(0, 3_599))


def _methods(u: Floats, shop: Ints, known: Bools) -> Ints:
    shares = np.cumsum([0.38, 0.29, 0.20, 0.08, 0.04, 0.01])
    choice = np.searchsorted(shares / shares[-1], u).clip(0, 5)
    cash = c.FIRST_CASH + shop
    fixed = np.array([c.QRIS, 0, c.DEBIT, c.CREDIT, c.EWALLET, c.ON_ACCOUNT])[choice]
    return np.where((choice == 1) | ((choice == 5) & ~known), cash, fixed)


def _lines(seed: int, draws: Draws, orders: pl.DataFrame, goods: Catalog) -> pl.DataFrame:
    """Lines of regular goods, by order and slot."""
    v = draws.lines
    row = np.repeat(np.arange(len(draws.counts)), draws.counts)
    starts = np.cumsum(draws.counts) - draws.counts
    slot = np.arange(len(row)) - starts[row] + 1
    product = np.searchsorted(goods.share, v[:, _PRODUCT]).clip(0, len(goods.share) - 1)
    first = product[starts[row]]
    together = (slot > 1) & (v[:, _COMPANION] < 0.25)
    product = np.where(together, goods.companions[first], product)
    quantity = np.searchsorted([0.80, 0.94, 0.975, 0.985, 0.99, 0.998], v[:, _QTY]) + 1
    return pl.DataFrame(
        {
            "row": row,
            "slot": slot,
            "product_id": product + c.FIRST_PRODUCT,
            "qty": quantity,
            "price": goods.prices[product],
            "discount": _discounts(seed, draws.day[row], goods.brands[product], v),
            "tax": goods.taxes[product],
        }
    ).join(orders.select("row", "id"), on="row", how="inner", maintain_order="left")


def _discounts(seed: int, day: Ints, brand: Ints, v: Floats) -> Ints:
    """Percent: weekly brand campaigns, twin dates, the cashier's goodwill, free items."""
    weeks, week = np.unique(day // 7, return_inverse=True)
    campaigns = np.stack([_campaigns(seed, int(w)) for w in weeks])
    dates = pl.Series(day).cast(pl.Int32) + (EPOCH - date(1970, 1, 1)).days
    moment = dates.cast(pl.Date)
    twin = ((moment.dt.day() == moment.dt.month()) & (moment.dt.month() >= 9)).to_numpy()
    percent = campaigns[week, brand]
    percent = np.where(twin & (v[:, _MARKDOWN] < 0.4), np.maximum(percent, 20), percent)
    percent = np.where((percent == 0) & (v[:, _MARKDOWN] > 0.98), 5, percent)
    return np.where(v[:, _FREE] < 0.006, 100, percent).astype(np.int64)


def _campaigns(seed: int, week: int) -> Ints:
    """The percentage each brand takes off in a week, mostly none."""
    rng = np.random.default_rng([seed, 3, max(week, 0)])
    many = len(lore()["brands"])
    size = rng.choice([10, 15, 20, 25, 30, 40], many)
    return np.where(rng.random(many) < 0.12, size, 0)


def _with_extras(
    lines: pl.DataFrame, orders: pl.DataFrame, draws: Draws, goods: Catalog
) -> pl.DataFrame:
    """The lines with bags, gifts, services and vouchers, and every product's label and cost."""
    u = draws.orders[orders["row"].to_numpy()]
    spent = (
        lines.group_by("id")
        .agg((pl.col("price") * pl.col("qty") * (100 - pl.col("discount"))).sum().alias("cents"))
        .sort("id")
    )
    total = orders.select("id").join(spent, on="id", how="left", maintain_order="left")["cents"]
    rich = u[:, _VOUCHER] < 0.015
    voucher = np.where(rich, 50_000, 25_000)
    redeemed = (u[:, _VOUCHER] < 0.03) & (total.to_numpy() >= 200 * voucher)
    facial = u[:, _SERVICE] < 0.008
    given = u[:, _GIFT] < 0.01
    blank = np.zeros(len(u), dtype=np.int64)
    full = np.full(len(u), 1, dtype=np.int64)

    def extra(which: Bools, slot: int, **columns: Ints) -> pl.DataFrame:
        values = {"slot": full * slot, "qty": full, "discount": blank, **columns}
        return orders.select("row", "id").with_columns(**values).filter(pl.Series(which))

    included = full * c.TAX_INCLUDED
    extras = [
        extra(
            u[:, _BAG] < 0.14, _BAG_SLOT, product_id=full * c.BAG, price=full * 1_000, tax=included
        ),
        extra(
            u[:, _GIFT] < 0.02,
            _GIFT_SLOT,
            product_id=full * c.GIFT,
            # A free item is booked at no price, or at its price with all of it taken off.
            price=np.where(given, 0, 25_000),
            discount=np.where(given, 0, 100),
            tax=included,
        ),
        extra(
            u[:, _SERVICE] < 0.012,
            _SERVICE_SLOT,
            product_id=np.where(facial, c.FACIAL, c.CLASS),
            price=np.where(facial, 185_000, 250_000),
            tax=included,
        ),
        extra(redeemed, _VOUCHER_SLOT, product_id=full * c.VOUCHER, price=-voucher, tax=blank),
    ]
    every = pl.concat([lines, *extras], how="diagonal")
    known = goods.products.select("product_id", "label", "cost")
    return every.join(known, on="product_id", how="left").with_columns(
        (pl.col("id") * SLOTS + pl.col("slot")).alias("line_id"),
        pl.lit(None, dtype=pl.Int64).alias("refunded_line"),
    )


def _refunds(
    orders: pl.DataFrame, lines: pl.DataFrame, draws: Draws, orders_per_day: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Returns of a few orders, whole or their first line, one to seven days later."""
    u = draws.orders[orders["row"].to_numpy()]
    chance = 0.016
    days_later = 1 + (u[:, _REFUND] / chance * REFUND_DAYS).astype(np.int64)
    whole = pl.Series(u[:, _TENDER] < 0.6)
    day = pl.col("day") + pl.Series(days_later)
    returned = (
        orders.with_columns(
            pl.col("id").alias("refunded"),
            pl.lit(True).alias("is_refund"),
            whole.alias("whole"),
            day.alias("day"),
            day.alias("session_day"),
            # Whatever the shop, goods are taken back between 11:00 and 20:00.
            (day * DAY + 39_600 + pl.Series((u[:, _SPLIT] * 32_400).astype(np.int64))).alias("at"),
            pl.lit(1.0).alias("u_split"),
        )
        .filter(pl.Series((u[:, _REFUND] < chance) & (u[:, _STATE] >= 0.008)))
        .sort("day", "refunded")
        .with_columns(
            (
                pl.col("day") * band(orders_per_day)
                + band(orders_per_day) // 2
                + pl.int_range(1, pl.len() + 1).over("day")
            ).alias("id")
        )
    )
    links = returned.select(pl.col("refunded").alias("id"), pl.col("id").alias("refund"), "whole")
    goods_only = (pl.col("slot") <= LINES_MAX) & (pl.col("whole") | (pl.col("slot") == 1))
    back = (
        lines.join(links, on="id", how="inner", maintain_order="left")
        .filter(goods_only)
        .with_columns(
            pl.col("refund").alias("id"),
            -pl.col("qty").alias("qty"),
            pl.col("line_id").alias("refunded_line"),
            (pl.col("refund") * SLOTS + pl.col("slot")).alias("line_id"),
        )
    )
    return returned.select(orders.columns), back.select(lines.columns)


def shown(sold: Sold, span: Calendar) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Orders and lines of the span that are not after now; links to earlier orders are cut."""
    orders = sold.orders.filter(
        pl.col("day").is_between(span.first, span.last) & (pl.col("at") <= span.now)
    )
    lines = sold.lines.filter(pl.col("id").is_in(orders["id"].implode()))
    seen, seen_lines = orders["id"].implode(), lines["line_id"].implode()
    return (
        orders.with_columns(pl.when(pl.col("refunded").is_in(seen)).then("refunded")),
        lines.with_columns(
            pl.when(pl.col("refunded_line").is_in(seen_lines)).then("refunded_line")
        ),
    )


def rounded(numerator: pl.Expr, denominator: int) -> pl.Expr:
    """Whole cents, half away from zero, exactly."""
    return (2 * numerator + denominator) // (2 * denominator)


def priced(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines with ``excl`` and ``incl``, signed cents, rounded by line as Odoo does."""
    signed = pl.col("price") * pl.col("qty") * (100 - pl.col("discount"))
    base = signed.abs()
    included, excluded = (pl.col("tax") == tax for tax in (c.TAX_INCLUDED, c.TAX_EXCLUDED))
    return lines.with_columns(
        (signed.sign() * pl.when(included).then(rounded(100 * base, 111)).otherwise(base)).alias(
            "excl"
        ),
        (
            signed.sign() * pl.when(excluded).then(base + rounded(11 * base, 100)).otherwise(base)
        ).alias("incl"),
    )


def _with_totals(orders: pl.DataFrame, lines: pl.DataFrame, span: Calendar) -> pl.DataFrame:
    """Orders with totals in cents, their session and their state."""
    totals = lines.group_by("id").agg(pl.col("incl").sum(), pl.col("excl").sum())
    shops = lore()["shops"]
    night = pl.Series([bool(shop.get("night")) for shop in shops])[orders["shop"]]
    stop = pl.col("session_day") * DAY + pl.when(night).then(_NIGHT_STOP).otherwise(_DAY_STOP)
    draw = pl.col("u_state")
    is_sale, known = ~pl.col("is_refund"), pl.col("customer").is_not_null()
    state = (
        pl.when(is_sale & (draw < 0.004))
        .then(pl.lit("cancel"))
        .when(is_sale & (draw < 0.008) & pl.col("stop").is_null())
        .then(pl.lit("draft"))
        .when(is_sale & known & (draw > 0.985))
        .then(pl.lit("invoiced"))
        .otherwise(pl.when(pl.col("stop").is_null()).then(pl.lit("paid")).otherwise(pl.lit("done")))
    )
    return (
        orders.join(totals, on="id", how="left", maintain_order="left")
        .with_columns(
            stop.alias("closes"),
            pl.when(stop <= span.now).then(stop).alias("stop"),
            (pl.col("session_day") * len(shops) + pl.col("shop") + 1).alias("session"),
        )
        .with_columns(
            state.alias("state"),
            pl.col("at").rank("ordinal").over("session").cast(pl.Int64).alias("sequence"),
        )
    )


def _payments(orders: pl.DataFrame) -> pl.DataFrame:
    """Payments in cents: ``id`` the order's, ``slot`` 1 to 3, change as a negative one."""
    paid = orders.filter(~pl.col("state").is_in(["draft", "cancel"]) & (pl.col("incl") != 0))
    total, cash = pl.col("incl"), pl.col("method") >= c.FIRST_CASH
    is_split = (
        (pl.col("u_split") < 0.03) & (total > 20_000_000) & (pl.col("method") != c.ON_ACCOUNT)
    )
    bill = pl.Series(_BILLS)[(paid["u_tender"] * len(_BILLS)).cast(pl.Int64)] * 100
    tendered = (
        pl.when(cash & ~is_split & (total > 0)).then(-(-total // bill) * bill).otherwise(total)
    )
    part = pl.when(is_split).then(total // 200_000 * 100_000).otherwise(0)
    paid = paid.with_columns(tendered.alias("tendered"), part.alias("part"))
    base = ("id", "at", "method")
    rows = [
        paid.select(*base, slot=1, amount=pl.col("tendered") - pl.col("part")),
        paid.filter(pl.col("part") > 0)
        .with_columns(method=pl.lit(c.EWALLET, dtype=pl.Int64))
        .select(*base, slot=2, amount="part"),
        paid.filter(pl.col("tendered") > total).select(
            *base, slot=3, amount=total - pl.col("tendered")
        ),
    ]
    return pl.concat(rows).sort("id", "slot")


_DAY_START, _DAY_STOP = 30_600, 81_600
_NIGHT_START, _NIGHT_STOP = 19_800, 95_400
"""Local seconds at which sessions open and close, in shops that close in the evening or not."""


def utc(local_seconds: pl.Expr) -> pl.Expr:
    """Local seconds since EPOCH as naive UTC."""
    offset = pl.lit(datetime.combine(EPOCH, datetime.min.time()) - UTC_OFFSET)
    return offset + pl.duration(seconds=local_seconds, time_unit="us")


def money(cents: str | pl.Expr) -> pl.Expr:
    return (pl.col(cents) if isinstance(cents, str) else cents) / 100


def _order_table(orders: pl.DataFrame, payments: pl.DataFrame) -> Table:
    change = payments.filter(pl.col("slot") == 3).select("id", (-pl.col("amount")).alias("change"))
    orders = orders.join(change, on="id", how="left", maintain_order="left")
    names = pl.Series(c.shop_names())[orders["shop"]]
    cashiers = pl.Series(c.employee_names())[orders["cashier"]]
    unsettled = pl.col("state").is_in(["draft", "cancel"])
    number = pl.format("{}/{}", names, "id")
    settled_at = pl.when(pl.col("state").is_in(["done"])).then("stop").otherwise("at")
    user = pl.col("shop") + c.FIRST_USER
    shown = orders.select(
        "id",
        name=pl.when(unsettled)
        .then(pl.lit("/"))
        .when("is_refund")
        .then(pl.format("{} REFUND", number))
        .otherwise(number),
        pos_reference=pl.format(
            "Order {}-001-{}",
            pl.col("session").cast(pl.String).str.zfill(5),
            pl.col("sequence").cast(pl.String).str.zfill(4),
        ),
        date_order=utc(pl.col("at")),
        create_date=utc(pl.col("at")),
        write_date=utc(settled_at),
        create_uid=user,
        write_uid=user,
        user_id=user,
        employee_id=pl.col("cashier") + c.FIRST_EMPLOYEE,
        cashier=cashiers,
        config_id=pl.col("shop") + c.FIRST_SHOP,
        session_id="session",
        partner_id="customer",
        state="state",
        amount_total=money("incl"),
        amount_tax=money(pl.col("incl") - pl.col("excl")),
        amount_paid=pl.when(unsettled).then(0.0).otherwise(money("incl")),
        amount_return=money("change").fill_null(0.0),
        account_move=pl.when(pl.col("state") == "invoiced").then("id"),
        to_invoice=pl.col("state") == "invoiced",
        sequence_number="sequence",
        refunded_order_ids=pl.when(pl.col("refunded").is_not_null())
        .then(pl.concat_list("refunded"))
        .otherwise(pl.lit([], dtype=pl.List(pl.Int64))),
    )
    constants = {
        "company_id": c.COMPANY,
        "currency_id": c.IDR,
        "currency_rate": 1.0,
        "is_tipped": False,
        "tip_amount": 0.0,
        "nb_print": 0,
    }
    return table("pos.order", {**shown.to_dict(), **constants})


def _line_table(orders: pl.DataFrame, lines: pl.DataFrame) -> Table:
    owner = orders.select("id", "at", "shop")
    lines = lines.join(owner, on="id", how="left", maintain_order="left")
    user = pl.col("shop") + c.FIRST_USER
    taxes = pl.when(pl.col("tax") == 0).then(pl.lit([], dtype=pl.List(pl.Int64)))
    shown = lines.select(
        id="line_id",
        name=pl.format("L/{}", "line_id"),
        order_id="id",
        product_id="product_id",
        full_product_name="label",
        qty="qty",
        price_unit="price",
        discount="discount",
        price_subtotal=money("excl"),
        price_subtotal_incl=money("incl"),
        total_cost=(pl.col("cost") * pl.col("qty")).round(2),
        tax_ids=taxes.otherwise(pl.concat_list("tax")),
        refunded_orderline_id="refunded_line",
        uuid=pl.format("{}-{}", "id", "slot"),
        create_date=utc(pl.col("at")),
        write_date=utc(pl.col("at")),
        create_uid=user,
        write_uid=user,
    )
    constants = {
        "company_id": c.COMPANY,
        "is_total_cost_computed": True,
        "price_extra": 0.0,
        "customer_note": "",
    }
    return table("pos.order.line", {**shown.to_dict(), **constants})


def _payment_table(orders: pl.DataFrame, payments: pl.DataFrame) -> Table:
    owner = orders.select("id", "shop", "session")
    payments = payments.join(owner, on="id", how="left", maintain_order="left")
    user = pl.col("shop") + c.FIRST_USER
    shown = payments.select(
        id=pl.col("id") * 4 + pl.col("slot"),
        name=pl.when(pl.col("slot") == 3).then(pl.lit("return")),
        pos_order_id="id",
        amount=money("amount"),
        payment_method_id="method",
        payment_date=utc(pl.col("at")),
        session_id="session",
        is_change=pl.col("slot") == 3,
        create_date=utc(pl.col("at")),
        write_date=utc(pl.col("at")),
        create_uid=user,
        write_uid=user,
    )
    return table("pos.payment", {**shown.to_dict(), "company_id": c.COMPANY})


def _session_table(span: Calendar) -> Table:
    shops = lore()["shops"]
    nights = [bool(shop.get("night")) for shop in shops]
    rows = []
    for day in range(span.first - 1, span.last + 1):
        for shop, night in enumerate(nights):
            start = day * DAY + (_NIGHT_START if night else _DAY_START)
            stop = day * DAY + (_NIGHT_STOP if night else _DAY_STOP)
            if start <= span.now:
                ended = stop if stop <= span.now else None
                rows.append((day * len(shops) + shop + 1, shop, start, ended))
    frame = pl.DataFrame(
        rows, schema=dict.fromkeys(("id", "shop", "start", "stop"), pl.Int64), orient="row"
    )
    user = pl.col("shop") + c.FIRST_USER
    closed = pl.col("stop").is_not_null()
    shown = frame.select(
        "id",
        name=pl.format("POS/{}", pl.col("id").cast(pl.String).str.zfill(5)),
        config_id=pl.col("shop") + c.FIRST_SHOP,
        user_id=user,
        start_at=utc(pl.col("start")),
        stop_at=utc(pl.col("stop")),
        state=pl.when(closed).then(pl.lit("closed")).otherwise(pl.lit("opened")),
        create_date=utc(pl.col("start")),
        write_date=utc(pl.coalesce("stop", "start")),
        create_uid=user,
        write_uid=user,
    )
    return table("pos.session", {**shown.to_dict(), "rescue": False})
