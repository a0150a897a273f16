"""What the shops of the chain sell: baskets, returns, payments and the invoices that customers ask
for, a stretch of days at a time.

Every day is drawn from the seed and its own date. Goods are brought back in the stretch after the
one in which they were sold. Amounts are whole cents (``excl`` without, ``incl`` with tax).
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from nkdash.contracts import PRICE, QUANTITY, money
from nkdash.sandbox.demo_lake.chain import (
    DAY_ZERO,
    EMPLOYEES_PER_SHOP,
    LINES_AN_ORDER,
    SHIFT,
    Chain,
    cash_method,
    day_of,
)
from nkdash.sandbox.retailer import catalog as c
from nkdash.sandbox.retailer.catalog import Floats, Ints
from nkdash.sandbox.retailer.sales import priced

DAY_SECONDS = 86_400
DOCUMENTS_A_DAY = 1_000_000
"""Ids set aside for the orders of a day, and for its documents."""
_REFUNDS_FROM = DOCUMENTS_A_DAY // 2
LINES_AN_ID = 32
_BAG_SLOT, _GIFT_SLOT, _SERVICE_SLOT, _VOUCHER_SLOT, _EXCHANGE_SLOT = 20, 21, 22, 23, 24
_GOODS_SLOTS = 19

_MIDWEEK = (0,) * 9 + (1, 6, 8, 9, 7, 6, 6, 8, 11, 13, 13, 9, 3) + (0, 0)
_WEEKEND = (0,) * 9 + (2, 7, 10, 11, 11, 11, 11, 11, 12, 12, 11, 7, 2) + (0, 0)
_BILLS = (1_000, 5_000, 10_000, 50_000, 100_000)
_KNOWN, _INVOICED, _RETURNED, _EXCHANGED, _SPLIT = 0.42, 0.012, 0.02, 0.2, 0.03

# Columns of the orders' uniform draws, then of the lines'.
_STORE, _TIME, _WHO, _RETURNING, _CASHIER, _METHOD, _COUNT, _ELSEWHERE = range(8)
_BAG, _GIFT, _SERVICE, _VOUCHER, _REFUND, _TENDER, _PART, _INVOICE = range(8, 16)
_ORDER_DRAWS = 16
_PRODUCT, _COMPANION, _QTY, _MARKDOWN, _FREE = range(5)
_LINE_DRAWS = 5

ORDERS = pl.Schema(
    {
        "id": pl.Int64(),
        "day": pl.Int64(),
        "at": pl.Int64(),
        "store": pl.Int64(),
        "customer": pl.Int64(),
        "cashier": pl.Int64(),
        "method": pl.Int64(),
        "move": pl.Int64(),
        "u_refund": pl.Float64(),
        "u_tender": pl.Float64(),
        "u_part": pl.Float64(),
    }
)
LINES = pl.Schema(
    {
        "id": pl.Int64(),
        "slot": pl.Int64(),
        "product_id": pl.Int64(),
        "qty": pl.Int64(),
        "price": pl.Int64(),
        "discount": pl.Int64(),
        "tax": pl.Int64(),
    }
)


@dataclass(frozen=True)
class Sold:
    """Orders, and their lines with ``excl``, ``incl`` and the ``day`` and ``store`` of the order.

    ``at`` is in local seconds of the day, ``move`` the order's invoice or null.
    """

    orders: pl.DataFrame
    lines: pl.DataFrame


def nothing_sold() -> Sold:
    """What was sold before the first day."""
    lines = {
        **LINES,
        "excl": pl.Int64(),
        "incl": pl.Int64(),
        "day": pl.Int64(),
        "store": pl.Int64(),
    }
    return Sold(pl.DataFrame(schema=ORDERS), pl.DataFrame(schema=lines))


def sell(chain: Chain, days: list[int], shares: Floats, before: Sold) -> Sold:
    """What is sold on ``days``, products by their ``shares``, and what comes back of ``before``."""
    orders, draws, counts, of_lines = _draw(chain, days)
    lines = _extras(chain, orders, draws, _goods(chain, orders, counts, of_lines, shares))
    refunds, back = _refunds(chain, before, days)
    orders = pl.concat([orders, refunds]).sort("id")
    lines = priced(pl.concat([lines, back])).join(
        orders.select("id", "day", "store"), on="id", how="left", maintain_order="left"
    )
    return Sold(orders, lines.sort("id", "slot"))


def _draw(chain: Chain, days: list[int]) -> tuple[pl.DataFrame, Floats, Ints, Floats]:
    """Orders by id, their uniform draws, how many goods each has, and the draws of those."""
    frames, draws, counts, of_lines = [], [], [], []
    for day in days:
        rng = np.random.default_rng([chain.size.seed, 2, day])
        many = int(rng.poisson(chain.orders[day]))
        u = rng.random((many, _ORDER_DRAWS))
        u = u[np.argsort(u[:, _TIME], kind="stable")]
        count = np.searchsorted(np.cumsum(LINES_AN_ORDER) / LINES_AN_ORDER.sum(), u[:, _COUNT]) + 1
        frames.append(_orders(chain, day, u))
        draws.append(u)
        counts.append(count.astype(np.int64))
        of_lines.append(rng.random((int(count.sum()), _LINE_DRAWS)))
    return (
        pl.concat(frames),
        np.concatenate(draws),
        np.concatenate(counts),
        np.concatenate(of_lines),
    )


def _orders(chain: Chain, day: int, u: Floats) -> pl.DataFrame:
    """The sales of a day; a customer mostly goes to one shop."""
    store = np.searchsorted(np.cumsum(chain.store_shares(day)), u[:, _STORE], side="right")
    store = store.clip(0, chain.stores - 1)
    hours = _WEEKEND if day_of(day).weekday() >= 5 else _MIDWEEK
    second = _second(u[:, _TIME], hours)
    home = np.where(u[:, _ELSEWHERE] < 0.1, (u[:, _ELSEWHERE] * 1e6).astype(np.int64), store)
    per_store = chain.goods.customers // chain.stores
    grown = 0.35 + 0.65 * (day - chain.first + 1) / chain.size.days
    number = (per_store * grown * u[:, _RETURNING] ** 1.8).astype(np.int64)
    customer = number * chain.stores + home % chain.stores + c.FIRST_CUSTOMER
    known = u[:, _WHO] < _KNOWN
    late = second >= 15 * 3_600
    place = (u[:, _CASHIER] * SHIFT).astype(np.int64) + np.where(late, SHIFT, 0)
    rank = np.arange(1, len(u) + 1)
    invoiced = known & (u[:, _INVOICE] < _INVOICED)
    order = day * DOCUMENTS_A_DAY + rank
    return pl.DataFrame(
        {
            "id": order,
            "day": np.full(len(u), day),
            "at": second,
            "store": store,
            "customer": pl.Series(customer).set(pl.Series(~known), None),
            "cashier": store * EMPLOYEES_PER_SHOP + place + c.FIRST_EMPLOYEE,
            "method": _methods(u[:, _METHOD], store, known),
            "move": pl.Series(order).set(pl.Series(~invoiced), None),
            "u_refund": u[:, _REFUND],
            "u_tender": u[:, _TENDER],
            "u_part": u[:, _PART],
        },
        schema=ORDERS,
    )


def _second(u: Floats, by_hour: tuple[int, ...]) -> Ints:
    share = np.cumsum(by_hour) / sum(by_hour)
    hour = np.searchsorted(share, u, side="right").clip(0, 23)
    before = np.concatenate([[0.0], share[:-1]])[hour]
    within = (u - before) / (share[hour] - before)
    return np.asarray(hour * 3_600 + (within * 3_600).astype(np.int64).clip(0, 3_599))


def _methods(u: Floats, store: Ints, known: np.ndarray) -> Ints:
    choice = np.searchsorted(np.cumsum([0.38, 0.29, 0.20, 0.08, 0.04]), u)
    fixed = np.array([c.QRIS, 0, c.DEBIT, c.CREDIT, c.EWALLET, c.ON_ACCOUNT])[choice]
    return np.where((choice == 1) | ((choice == 5) & ~known), cash_method(store), fixed)


def _goods(
    chain: Chain, orders: pl.DataFrame, counts: Ints, v: Floats, shares: Floats
) -> pl.DataFrame:
    """Lines of regular goods; the second of a basket often is what goes with its first."""
    row = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    slot = np.arange(len(row)) - starts[row] + 1
    store, day = orders["store"].to_numpy()[row], orders["day"].to_numpy()[row]
    product = np.empty(len(row), dtype=np.int64)
    for number in range(chain.stores):
        mine = store == number
        product[mine] = np.searchsorted(np.cumsum(shares[number]), v[mine, _PRODUCT], side="right")
    product = product.clip(0, chain.products - 1)
    other = chain.companions[product[starts[row]]]
    together = (slot == 2) & (v[:, _COMPANION] < 0.3) & (shares[store, other] > 0)
    product = np.where(together, other, product)
    quantity = np.searchsorted([0.80, 0.94, 0.975, 0.985, 0.99, 0.998], v[:, _QTY]) + 1
    return pl.DataFrame(
        {
            "id": orders["id"].to_numpy()[row],
            "slot": slot,
            "product_id": product + c.FIRST_PRODUCT,
            "qty": quantity,
            "price": prices(chain, day, product),
            "discount": _discounts(chain, day, chain.goods.brands[product], v),
            "tax": chain.goods.taxes[product],
        },
        schema=LINES,
    )


def prices(chain: Chain, day: Ints, product: Ints) -> Ints:
    """Shelf prices in whole rupiah; most go up a little with the year, to the next 500."""
    year = (day - (date(2024, 1, 1) - DAY_ZERO).days) // 365.25
    base = chain.goods.prices[product]
    raised = np.where(product % 4 == 0, 0.0, 0.035 * year)
    shelf = np.round(base * (1 + raised) / 500) * 500 - (base % 500 > 0) * 100
    return np.asarray(np.maximum(shelf, 900).astype(np.int64))


def _discounts(chain: Chain, day: Ints, brand: Ints, v: Floats) -> Ints:
    """Percent: weekly campaigns of brands, twin dates, the cashier's goodwill, free items."""
    weeks, week = np.unique(day // 7, return_inverse=True)
    campaigns = np.stack([_campaigns(chain.size.seed, int(one), int(brand.max())) for one in weeks])
    days, which = np.unique(day, return_inverse=True)
    dates = [day_of(int(one)) for one in days]
    twin = np.array([one.day == one.month and one.month >= 9 for one in dates])[which]
    percent = campaigns[week, brand]
    percent = np.where(twin & (v[:, _MARKDOWN] < 0.4), np.maximum(percent, 20), percent)
    percent = np.where((percent == 0) & (v[:, _MARKDOWN] > 0.98), 5, percent)
    return np.where(v[:, _FREE] < 0.004, 100, percent).astype(np.int64)


def _campaigns(seed: int, week: int, last_brand: int) -> Ints:
    rng = np.random.default_rng([seed, 3, week])
    size = rng.choice([10, 15, 20, 25, 30, 40], 1_000)
    chosen = np.where(rng.random(1_000) < 0.12, size, 0)
    return chosen[: last_brand + 1]


def _extras(chain: Chain, orders: pl.DataFrame, u: Floats, lines: pl.DataFrame) -> pl.DataFrame:
    """The lines with bags, gifts, services and vouchers."""
    spent = lines.group_by("id").agg(
        total=(pl.col("price") * pl.col("qty") * (100 - pl.col("discount"))).sum() // 100
    )
    total = orders.select("id").join(spent, on="id", how="left", maintain_order="left")["total"]
    voucher = np.where(u[:, _VOUCHER] < 0.015, 50_000, 25_000)
    redeemed = (u[:, _VOUCHER] < 0.03) & (total.to_numpy() >= 2 * voucher)
    facial, given = u[:, _SERVICE] < 0.008, u[:, _GIFT] < 0.01
    every, ids = np.ones(len(u), dtype=np.int64), orders["id"].to_numpy()

    def extra(
        which: np.ndarray, slot: int, product: Ints, price: Ints, discount: Ints, tax: int
    ) -> pl.DataFrame:
        columns = (ids, every * slot, product, every, price, discount, every * tax)
        named = dict(zip(LINES, (column[which] for column in columns), strict=True))
        return pl.DataFrame(named, schema=LINES)

    none, included = 0 * every, c.TAX_INCLUDED
    return pl.concat(
        [
            lines,
            extra(u[:, _BAG] < 0.14, _BAG_SLOT, c.BAG * every, 1_000 * every, none, included),
            # A free item is booked at no price, or at its price with all of it taken off.
            extra(
                u[:, _GIFT] < 0.015,
                _GIFT_SLOT,
                c.GIFT * every,
                np.where(given, 0, 25_000),
                np.where(given, 0, 100),
                included,
            ),
            extra(
                u[:, _SERVICE] < 0.012,
                _SERVICE_SLOT,
                np.where(facial, c.FACIAL, c.CLASS),
                np.where(facial, 185_000, 250_000),
                none,
                included,
            ),
            extra(redeemed, _VOUCHER_SLOT, c.VOUCHER * every, -voucher, none, 0),
        ]
    )


def _refunds(chain: Chain, before: Sold, days: list[int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Orders that bring goods back, all of a basket or its first; a few take others for them."""
    sale = pl.col("id") % DOCUMENTS_A_DAY < _REFUNDS_FROM
    chosen = before.orders.filter(sale & (pl.col("u_refund") < _RETURNED))
    share = pl.col("u_refund") / _RETURNED
    day = days[0] + (share * 7).cast(pl.Int64)
    orders = (
        chosen.with_columns(
            sold="id",
            day=day,
            at=(11 * 3_600 + pl.col("u_part") * 9 * 3_600).cast(pl.Int64),
            move=pl.lit(None, pl.Int64),
        )
        .filter(pl.col("day") <= days[-1])
        .sort("day", "at", "sold")
        .with_columns(
            id=pl.col("day") * DOCUMENTS_A_DAY
            + _REFUNDS_FROM
            + pl.int_range(1, pl.len() + 1).over("day")
        )
    )
    links = orders.select(
        "u_part", "u_tender", id="sold", refund="id", whole=pl.col("u_tender") < 0.5
    )
    kept = (pl.col("slot") <= _GOODS_SLOTS) & (pl.col("whole") | (pl.col("slot") == 1))
    back = before.lines.join(links, on="id", how="inner", maintain_order="left").filter(kept)
    returned = back.with_columns(id="refund", qty=-pl.col("qty"))
    swapped = back.filter((pl.col("slot") == 1) & (pl.col("u_part") < _EXCHANGED)).with_columns(
        id="refund", slot=pl.lit(_EXCHANGE_SLOT, pl.Int64), discount=pl.lit(0, pl.Int64)
    )
    lines = pl.concat([returned.select(list(LINES)), swapped.select(list(LINES))])
    return orders.select(list(ORDERS)), lines


def session(chain: Chain) -> pl.Expr:
    """The session of a shop on a day."""
    return pl.col("day") * chain.stores + pl.col("store") + 1


def on_date() -> pl.Expr:
    """``day`` as a date."""
    return (pl.col("day") + (DAY_ZERO - date(1970, 1, 1)).days).cast(pl.Int32).cast(pl.Date)


def local_time() -> pl.Expr:
    """``day`` and ``at`` as a naive local time."""
    return on_date().cast(pl.Datetime("us")) + pl.duration(seconds=pl.col("at"), time_unit="us")


def utc(local: pl.Expr, zone: str) -> pl.Expr:
    """A naive local time as naive UTC."""
    zoned = local.dt.replace_time_zone(zone, ambiguous="earliest")
    return zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def tax_list(tax: str = "tax") -> pl.Expr:
    """A tax id, 0 for none, as Odoo's list of them."""
    empty = pl.lit([], dtype=pl.List(pl.Int64))
    return pl.when(pl.col(tax) == 0).then(empty).otherwise(pl.concat_list(tax))


def cents(column: str) -> pl.Expr:
    """Whole cents as MONEY."""
    return money(pl.col(column) / 100)


def _state(chain: Chain) -> pl.Expr:
    """An order's state: the last day's session of one shop is still open."""
    still_open = (pl.col("day") == chain.last) & (pl.col("store") == chain.stores - 1)
    kept = pl.when(still_open).then(pl.lit("paid")).otherwise(pl.lit("done"))
    return pl.when(pl.col("move").is_not_null()).then(pl.lit("invoiced")).otherwise(kept)


def _shops(chain: Chain) -> pl.LazyFrame:
    """The name (``shop``) of each ``store``."""
    return pl.DataFrame({"store": range(chain.stores), "shop": chain.names}).lazy()


def raw_orders(chain: Chain, sold: Sold, zone: str) -> pl.LazyFrame:
    """The columns of raw/pos_orders but when they were read. There is no fact of orders: their raw
    file is what says that a day of them is loaded.
    """
    return (
        _tendered(sold)
        .lazy()
        .join(_shops(chain), on="store", how="left", maintain_order="left")
        .select(
            "id",
            date=on_date(),
            name=pl.format("{}/{}", "shop", "id"),
            pos_reference=pl.lit(None, pl.String),
            state=_state(chain),
            date_order=utc(local_time(), zone),
            company_id=pl.lit(c.COMPANY, pl.Int64),
            config_id=pl.col("store") + c.FIRST_SHOP,
            session_id=session(chain),
            user_id=pl.col("store") + c.FIRST_USER,
            employee_id="cashier",
            partner_id="customer",
            account_move="move",
            currency_rate=pl.lit(1.0),
            amount_total=pl.col("incl") / 100,
            amount_tax=(pl.col("incl") - pl.col("excl")) / 100,
            amount_paid=pl.col("incl") / 100,
            amount_return=(pl.col("tendered") - pl.col("incl")) / 100,
            write_date=utc(local_time(), zone),
        )
    )


def _tendered(sold: Sold) -> pl.DataFrame:
    """The orders with ``excl`` and ``incl``, what was handed over (``tendered``) and how much of
    that by a second method (``part``).
    """
    total = sold.lines.group_by("id").agg(pl.col("excl", "incl").sum())
    orders = sold.orders.join(total, on="id", how="left", maintain_order="left")
    due, cash = pl.col("incl"), pl.col("method") >= c.FIRST_CASH
    split = (pl.col("u_part") < _SPLIT) & (due > 20_000_000)
    bill = pl.Series(_BILLS)[(orders["u_tender"] * len(_BILLS)).cast(pl.Int64)] * 100
    tendered = pl.when(cash & ~split & (due > 0)).then(-(-due // bill) * bill).otherwise(due)
    part = pl.when(split).then(due // 200_000 * 100_000).otherwise(0)
    return orders.with_columns(tendered=tendered, part=part)


def clean_lines(chain: Chain, sold: Sold, zone: str) -> pl.LazyFrame:
    """The columns of clean/pos_order_lines. The last day's session of one shop is still open."""
    costs = chain.goods.products.lazy().select("product_id", "cost")
    at_local = local_time()
    head = sold.orders.lazy().join(_shops(chain), on="store", how="left")
    return (
        sold.lines.lazy()
        .drop("day", "store")
        .join(head, on="id", how="left")
        .join(costs, on="product_id", how="left")
        .select(
            date=on_date(),
            line_id=pl.col("id") * LINES_AN_ID + pl.col("slot"),
            order_id="id",
            order_ref=pl.format("{}/{}", "shop", "id"),
            ordered_at=utc(at_local, zone),
            ordered_at_local=at_local,
            order_state=_state(chain),
            company_id=pl.lit(c.COMPANY, pl.Int64),
            pos_config_id=pl.col("store") + c.FIRST_SHOP,
            session_id=session(chain),
            user_id=pl.col("store") + c.FIRST_USER,
            cashier_id="cashier",
            customer_id="customer",
            account_move_id="move",
            product_id="product_id",
            quantity=pl.col("qty").cast(QUANTITY),
            price_unit=pl.col("price").cast(PRICE),
            discount_pct=pl.col("discount").cast(PRICE),
            net_tax_ex=cents("excl"),
            revenue_tax_in=cents("incl"),
            excluded_tax_rate=pl.when(pl.col("excl") != 0).then(
                pl.col("incl") / pl.col("excl") - 1
            ),
            tax_ids=tax_list(),
            odoo_cost=money(pl.col("cost") * pl.col("qty")),
        )
    )


def clean_payments(chain: Chain, sold: Sold, zone: str) -> pl.LazyFrame:
    """The columns of clean/pos_payments: some are split, change is a payment of its own."""
    due = pl.col("incl")
    paid = _tendered(sold).filter(due != 0)
    rows = [
        paid.with_columns(slot=1, amount=pl.col("tendered") - pl.col("part")),
        paid.filter(pl.col("part") > 0).with_columns(
            slot=2, amount="part", method=pl.lit(c.EWALLET, pl.Int64)
        ),
        paid.filter(pl.col("tendered") > due).with_columns(slot=3, amount=due - pl.col("tendered")),
    ]
    return (
        pl.concat(rows)
        .lazy()
        .select(
            date=on_date(),
            payment_id=pl.col("id") * 4 + pl.col("slot"),
            order_id="id",
            paid_at=utc(local_time(), zone),
            company_id=pl.lit(c.COMPANY, pl.Int64),
            pos_config_id=pl.col("store") + c.FIRST_SHOP,
            session_id=session(chain),
            cashier_id="cashier",
            customer_id="customer",
            payment_method_id="method",
            amount=cents("amount"),
            is_change=pl.col("slot") == 3,
        )
    )


def moved_goods(chain: Chain, sold: Sold) -> pl.DataFrame:
    """day, store, product_id, back, qty: what a session's closing takes from its shop's stock."""
    kept = chain.goods.products.filter(pl.col("vendor").is_not_null())["product_id"]
    still_open = (pl.col("day") == chain.last) & (pl.col("store") == chain.stores - 1)
    return (
        sold.lines.filter(pl.col("product_id").is_in(kept.implode()) & ~still_open)
        .group_by("day", "store", "product_id", back=pl.col("qty") < 0)
        .agg(pl.col("qty").abs().sum())
        .sort("day", "store", "product_id", "back")
    )
