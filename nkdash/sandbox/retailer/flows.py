"""What goes out of the retailer's stock and comes into it, one row a product and document.

kind and doc name the transfer (doc is unique within its kind), slot a row of it, at is in local
seconds since EPOCH, qty positive in product units, uom the unit it is written in.
"""

import numpy as np
import polars as pl

from nkdash.sandbox.retailer import catalog as c
from nkdash.sandbox.retailer.catalog import Catalog
from nkdash.sandbox.retailer.documents import CREDIT_NOTE, KIND
from nkdash.sandbox.retailer.places import (
    ADJUSTMENT,
    CUSTOMERS,
    PRODUCTION,
    SCRAP,
    STOCK,
    shop_stock,
    stock_locations,
)
from nkdash.sandbox.retailer.sales import DAY, Calendar, Sold

FLOWS = pl.Schema(
    {
        "kind": pl.String(),
        "doc": pl.Int64(),
        "slot": pl.Int64(),
        "at": pl.Int64(),
        "source": pl.Int64(),
        "target": pl.Int64(),
        "product_id": pl.Int64(),
        "qty": pl.Int64(),
        "uom": pl.Int64(),
        "partner": pl.Int64(),
    }
)
_SCRAPPED, _LOST = 0.3, 0.75
_GIFTS_FOR_ORDERS = 0.07
"""Gifts packed a week for each order of a day: half of what is given away."""


def as_flows(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns of FLOWS, in their types."""
    return frame.select(list(FLOWS)).cast(FLOWS)


def external_flows(
    seed: int,
    goods: Catalog,
    orders_per_day: int,
    span: Calendar,
    sold: Sold,
    documents: pl.DataFrame,
    lines: pl.DataFrame,
) -> pl.DataFrame:
    """Goods sold, brought back, lost, found and scrapped; ``documents`` are the wholesale's."""
    kept = goods.products.filter(pl.col("vendor").is_not_null())["product_id"]
    parts = [
        *_pos(sold),
        _wholesale(documents, lines),
        _losses(seed, goods, orders_per_day, span),
        *_production(orders_per_day, span),
    ]
    flows = pl.concat(as_flows(part) for part in parts)
    return flows.filter(
        pl.col("product_id").is_in(kept.implode()), pl.col("at") >= span.supplied_from * DAY
    )


def _pos(sold: Sold) -> list[pl.DataFrame]:
    """An invoiced order's goods leave with it, those of all others when the session closes."""
    orders = sold.orders.filter(pl.col("state") != "cancel").select(
        "id",
        "shop",
        at=pl.when(pl.col("state") == "invoiced").then("at").otherwise("closes"),
        doc=pl.when(pl.col("state") == "invoiced").then(KIND + pl.col("id")).otherwise("session"),
        partner=pl.when(pl.col("state") == "invoiced").then("customer"),
    )
    moved = (
        sold.lines.select("id", "product_id", "qty")
        .join(orders, on="id", how="inner")
        .with_columns(is_back=pl.col("qty") < 0)
        .group_by("doc", "is_back", "product_id")
        .agg(pl.col("qty").abs().sum(), pl.col("at", "shop", "partner").first())
    )
    stock = pl.col("shop") * (shop_stock(1) - shop_stock(0)) + shop_stock(0)
    common = {"slot": pl.lit(0), "uom": pl.lit(c.UNITS)}
    out = moved.filter(~pl.col("is_back")).with_columns(
        **common, kind=pl.lit("pos"), source=stock, target=pl.lit(CUSTOMERS)
    )
    back = moved.filter("is_back").with_columns(
        **common, kind=pl.lit("pos_return"), source=pl.lit(CUSTOMERS), target=stock
    )
    return [out, back]


def _wholesale(documents: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """The warehouse delivers posted documents an hour later, and takes back every other return."""
    is_note = pl.col("doc") >= CREDIT_NOTE * KIND
    moving = documents.filter((pl.col("state") == "posted") & (~is_note | (pl.col("doc") % 2 == 0)))
    dozen = pl.when(pl.col("uom") == c.DOZENS).then(12).otherwise(1)
    return lines.join(moving.select("doc", "at", "partner"), on="doc", how="inner").with_columns(
        kind=pl.when(is_note).then(pl.lit("delivery_return")).otherwise(pl.lit("delivery")),
        at=pl.col("at") + 3_600,
        qty=pl.col("qty") * dozen,
        source=pl.when(is_note).then(CUSTOMERS).otherwise(STOCK),
        target=pl.when(is_note).then(STOCK).otherwise(CUSTOMERS),
    )


def _losses(seed: int, goods: Catalog, orders_per_day: int, span: Calendar) -> pl.DataFrame:
    """What was counted too much or too little, and what was scrapped."""
    days, draws = [], []
    for day in range(span.supplied_from, span.last + 1):
        rng = np.random.default_rng([seed, 6, max(day, 0)])
        many = int(rng.poisson(1 + orders_per_day / 40))
        days.append(np.full(many, day, dtype=np.int64))
        draws.append(rng.random((many, 4)))
    u = np.concatenate(draws)
    stocks = np.array(stock_locations())
    stock = stocks[(u[:, 0] * len(stocks)).astype(np.int64)]
    product = np.searchsorted(goods.share, u[:, 1]).clip(0, len(goods.share) - 1)
    scrapped, found = u[:, 2] < _SCRAPPED, u[:, 2] >= _LOST
    return (
        pl.DataFrame(
            {
                "day": np.concatenate(days),
                "kind": np.where(scrapped, "scrap", "adjustment"),
                "source": np.where(found, ADJUSTMENT, stock),
                "target": np.where(found, stock, np.where(scrapped, SCRAP, ADJUSTMENT)),
                "product_id": product + c.FIRST_PRODUCT,
                "qty": 1 + (u[:, 3] * 3).astype(np.int64),
            }
        )
        .with_columns(number=pl.int_range(pl.len()).over("day"))
        .with_columns(
            doc=pl.col("day") * 100_000 + pl.col("number"),
            slot=pl.lit(0),
            at=pl.col("day") * DAY + 36_000 + 20 * pl.col("number"),
            uom=pl.lit(c.UNITS),
            partner=pl.lit(None, dtype=pl.Int64),
        )
    )


def _production(orders_per_day: int, span: Calendar) -> list[pl.DataFrame]:
    """Every Wednesday the warehouse packs gifts, each out of one unit of two products."""
    weeks = np.arange(span.supplied_from // 7, span.last // 7 + 1)
    order = {
        "doc": weeks,
        "at": (weeks * 7 + 2) * DAY + 46_800,
        "qty": np.full(len(weeks), max(1, int(orders_per_day * _GIFTS_FOR_ORDERS))),
    }
    common = {"slot": pl.lit(0), "uom": pl.lit(c.UNITS), "partner": pl.lit(None, dtype=pl.Int64)}
    orders = pl.DataFrame(order).with_columns(**common)
    parts = [c.FIRST_PRODUCT, c.FIRST_PRODUCT + 1]
    consumed = orders.join(pl.DataFrame({"product_id": parts}), how="cross").with_columns(
        kind=pl.lit("consumed"), source=pl.lit(STOCK), target=pl.lit(PRODUCTION)
    )
    produced = orders.with_columns(
        product_id=pl.lit(c.GIFT),
        kind=pl.lit("produced"),
        source=pl.lit(PRODUCTION),
        target=pl.lit(STOCK),
    )
    return [consumed, produced]
