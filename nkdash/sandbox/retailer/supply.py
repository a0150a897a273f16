"""Supply: what goes out in a week is ordered from its vendor and sent to the shops in the next.

Every location is thus filled up to the same level week by week, and its stock at any moment follows
from the last two weeks alone: it does not depend on where the span begins. Goods that came back
more than they went out go the other way, to the warehouse and to the vendor.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from nkdash.sandbox.retailer import catalog as c
from nkdash.sandbox.retailer.catalog import Catalog
from nkdash.sandbox.retailer.documents import BILL, KIND, VENDOR_REFUND, as_documents, as_lines
from nkdash.sandbox.retailer.flows import as_flows
from nkdash.sandbox.retailer.places import STOCK, TRANSIT, VENDORS, shop_stock, stock_locations
from nkdash.sandbox.retailer.sales import DAY, Calendar, priced
from nkdash.sandbox.retailer.tables import lore

_HOUR = 3_600
_PRODUCTS_A_BILL = 40
_DISCOUNTS = (0, 0, 5, 0, 10, 0, 0, 3, 0, 0, 0, 7, 0, 0)
"""Line discount by vendor, percent."""
_BILL_DISCOUNT_EVERY = 3
"""Every third bill of these vendors takes off a percentage at its end."""
_BILL_DISCOUNTS = {1: 3, 4: 5, 8: 2}
_BONUS_VENDORS = (2, 6, 9)
"""They give one of thirteen for nothing."""
_DOZEN_VENDORS = (0, 3, 10)
"""They bill in dozens what makes one."""


@dataclass(frozen=True)
class Supply:
    """Flows of goods into the warehouse and the shops, and the vendors' documents for them."""

    flows: pl.DataFrame
    documents: pl.DataFrame
    lines: pl.DataFrame


def supply(seed: int, goods: Catalog, external: pl.DataFrame, span: Calendar) -> Supply:
    """What follows, week by week, from the flows out of and into the retailer (``external``)."""
    needs = _needs(external, span)
    bought = (
        needs.group_by("week", "product_id")
        .agg(pl.col("out").sum())
        .filter(pl.col("out") != 0)
        .join(goods.products, on="product_id", how="left")
        .sort("week", "vendor", "product_id")
    )
    ordered, returned = bought.filter(pl.col("out") > 0), bought.filter(pl.col("out") < 0)
    heads, lines = _bills(seed, goods, ordered)
    back_heads, back_lines = _vendor_refunds(seed, goods, returned)
    documents = pl.concat([heads, back_heads])
    every_line = pl.concat([lines, back_lines])
    flows = [*_transfers(needs), _received(documents, every_line)]
    return Supply(pl.concat(flows), as_documents(documents), every_line)


def _needs(external: pl.DataFrame, span: Calendar) -> pl.DataFrame:
    """week, location, product_id, out: what went out, net, in each whole week."""
    ours = external.with_columns(
        leaves=pl.col("source").is_in(stock_locations()), week=pl.col("at") // DAY // 7
    )
    return (
        ours.filter(pl.col("week") < span.last // 7)
        .select(
            "week",
            "product_id",
            location=pl.when("leaves").then("source").otherwise("target"),
            out=pl.when("leaves").then("qty").otherwise(-pl.col("qty")),
        )
        .group_by("week", "location", "product_id")
        .agg(pl.col("out").sum())
        .filter(pl.col("out") != 0)
    )


def _transfers(needs: pl.DataFrame) -> list[pl.DataFrame]:
    """Tuesday out of the warehouse: to near shops at once, to others by way of transit, where the
    goods are a day or two; surplus comes back on Thursday."""
    of_shop = needs.filter(pl.col("location") != STOCK).with_columns(
        doc=pl.col("week") * 100 + pl.col("location"),
        slot=pl.lit(0),
        monday=(pl.col("week") + 1) * 7 * DAY,
        qty=pl.col("out").abs(),
        uom=pl.lit(c.UNITS),
        partner=pl.lit(None, dtype=pl.Int64),
    )
    near = [shop_stock(n) for n, shop in enumerate(lore()["shops"]) if shop.get("near")]
    is_near = pl.col("location").is_in(near)
    sent, surplus = of_shop.filter(pl.col("out") > 0), of_shop.filter(pl.col("out") < 0)
    road = 1 + (pl.col("location") // 2) % 2
    parts = [
        sent.with_columns(
            kind=pl.lit("sent"),
            at=pl.col("monday") + DAY + 14 * _HOUR + 60 * pl.col("location"),
            source=pl.lit(STOCK),
            target=pl.when(is_near).then("location").otherwise(TRANSIT),
        ),
        sent.filter(~is_near).with_columns(
            kind=pl.lit("arrived"),
            at=pl.col("monday") + (1 + road) * DAY + 10 * _HOUR + 60 * pl.col("location"),
            source=pl.lit(TRANSIT),
            target="location",
        ),
        surplus.with_columns(
            kind=pl.lit("surplus"),
            at=pl.col("monday") + 3 * DAY + 16 * _HOUR + 60 * pl.col("location"),
            source="location",
            target=pl.lit(STOCK),
        ),
    ]
    return [as_flows(part) for part in parts]


def _with_prices(seed: int, goods: Catalog, bought: pl.DataFrame) -> pl.DataFrame:
    """``bought`` with what its vendor asks for a unit that week (whole rupiah, on the tax basis of
    his bills), his line discount and his tax as ``sales.priced`` knows it."""
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    of_product = goods.products.select("product_id", number=row)
    bought = bought.join(of_product, on="product_id", how="left", maintain_order="left")
    week, number = bought["week"].to_numpy(), bought["number"].to_numpy()
    factor = np.ones(bought.height)
    for one in np.unique(week):
        drawn = np.random.default_rng([seed, 7, max(int(one), 0)]).random(goods.products.height)
        # Prices creep up by 2 % in half a year, some weeks a little over or under.
        trend = 0.98 + 0.02 * (int(one) % 52) / 26
        rows = week == one
        factor[rows] = trend * (0.97 + 0.07 * drawn[number[rows]])
    taxes = [c.vendor_tax(n) for n in range(len(c.vendor_names()))]
    mode = {c.BILL_TAX: c.TAX_EXCLUDED, c.BILL_TAX_INCLUDED: c.TAX_INCLUDED, 0: 0}
    tax = pl.Series([mode[t] for t in taxes])[bought["vendor"].cast(pl.Int64)]
    gross = np.where(tax == c.TAX_INCLUDED, 1.11, 1.0)
    price = np.maximum(np.round(bought["cost"].to_numpy() * factor * gross), 1)
    discount = pl.Series(_DISCOUNTS)[bought["vendor"].cast(pl.Int64)]
    return bought.with_columns(
        price=pl.Series(price.astype(np.int64)), discount=discount, tax=tax, withheld=pl.lit(False)
    )


def _bills(seed: int, goods: Catalog, bought: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bills of forty products at most, with bonus lines, dozens and discounts at the end."""
    number = pl.int_range(pl.len()).over("week", "vendor")
    rows = _with_prices(seed, goods, bought).with_columns(
        part=number // _PRODUCTS_A_BILL, place=number % _PRODUCTS_A_BILL
    )
    rows = rows.with_columns(doc=_doc(BILL), bonus=pl.lit(0))
    in_dozens = pl.col("vendor").is_in(_DOZEN_VENDORS)
    rows = rows.with_columns(
        bonus=pl.when(pl.col("vendor").is_in(_BONUS_VENDORS)).then(pl.col("out") // 13).otherwise(0)
    ).with_columns(
        dozens=pl.when(in_dozens).then((pl.col("out") - pl.col("bonus")) // 12).otherwise(0)
    )
    single = pl.col("out") - pl.col("bonus") - 12 * pl.col("dozens")
    slot = 1 + 3 * pl.col("place")
    parts = [
        rows.with_columns(
            qty="dozens", uom=pl.lit(c.DOZENS), price=12 * pl.col("price"), slot=slot
        ),
        rows.with_columns(qty=single, uom=pl.lit(c.UNITS), slot=slot + 1),
        rows.with_columns(qty="bonus", uom=pl.lit(c.UNITS), price=pl.lit(0), slot=slot + 2),
    ]
    lines = pl.concat(part.filter(pl.col("qty") > 0).pipe(as_lines) for part in parts)
    heads = _heads(rows, "in_invoice")
    return heads, pl.concat([lines, _bill_discounts(heads, lines)])


def _doc(kind: int) -> pl.Expr:
    part = pl.col("part")
    return kind * KIND + (pl.col("week") * 100 + pl.col("vendor").cast(pl.Int64)) * 10_000 + part


def _heads(rows: pl.DataFrame, move_type: str) -> pl.DataFrame:
    """A document each ``doc``, with when the goods come or go: Wednesday to Friday. Some vendors'
    bills are booked a day after their date; a few wait as drafts."""
    heads = rows.select("doc", "week", "vendor", "part").unique(maintain_order=True)
    vendor = pl.col("vendor").cast(pl.Int64)
    day = (pl.col("week") + 1) * 7 + 2 + vendor % 3
    late = (vendor % 4 == 0).cast(pl.Int64)
    draft = pl.lit(move_type == "in_invoice") & ((pl.col("doc") // 10_000 * 7 + 3) % 61 == 0)
    return heads.with_columns(
        moved=day * DAY + 11 * _HOUR + 300 * vendor + 7 * pl.col("part"),
        at=(day + late) * DAY + 15 * _HOUR + 60 * vendor + pl.col("part"),
        day=day + late,
        invoice_day=day,
        move_type=pl.lit(move_type),
        partner=vendor + c.FIRST_PRINCIPAL,
        state=pl.when(draft).then(pl.lit("draft")).otherwise(pl.lit("posted")),
        ref=pl.format("V{}-{}", vendor + c.FIRST_PRINCIPAL, pl.col("doc") % KIND),
        user=pl.lit(c.ADMIN_USER),
        reversed=pl.lit(None, dtype=pl.Int64),
    )


def _bill_discounts(heads: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Lines that take a percentage off the whole bill, at a negative price."""
    percent = pl.col("vendor").cast(pl.Int64).replace_strict(_BILL_DISCOUNTS, default=0)
    dealt = (
        heads.with_columns(percent=percent)
        .filter(((pl.col("week") + pl.col("part")) % _BILL_DISCOUNT_EVERY == 0), percent > 0)
        .select("doc", "percent")
    )
    keyed = pl.when(pl.col("tax") == c.TAX_INCLUDED).then("incl").otherwise("excl")
    return (
        priced(lines.join(dealt, on="doc", how="inner"))
        .group_by("doc", "percent", "tax")
        .agg(keyed=keyed.sum())
        .with_columns(price=-(pl.col("keyed") * pl.col("percent") // 10_000))
        .filter(pl.col("price") < 0)
        .with_columns(
            slot=pl.lit(1_000),
            product_id=pl.lit(None, dtype=pl.Int64),
            label=pl.format("Diskon faktur {}%", "percent"),
            qty=pl.lit(1),
            uom=pl.lit(c.UNITS),
            discount=pl.lit(0),
            withheld=pl.lit(False),
            cost=pl.lit(0.0),
        )
        .pipe(as_lines)
    )


def _vendor_refunds(
    seed: int, goods: Catalog, returned: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What came back more than it was sold goes back to its vendor, at the week's price."""
    number = pl.int_range(pl.len()).over("week", "vendor")
    rows = (
        _with_prices(seed, goods, returned)
        .with_columns(part=number // _PRODUCTS_A_BILL, place=number % _PRODUCTS_A_BILL)
        .with_columns(
            doc=_doc(VENDOR_REFUND),
            qty=-pl.col("out"),
            uom=pl.lit(c.UNITS),
            slot=1 + pl.col("place"),
        )
    )
    return _heads(rows, "in_refund"), as_lines(rows)


def _received(documents: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """The goods of the vendors' documents, a flow a line."""
    goods = lines.filter(pl.col("product_id").is_not_null())
    is_refund = pl.col("move_type") == "in_refund"
    dozen = pl.when(pl.col("uom") == c.DOZENS).then(12).otherwise(1)
    return (
        goods.join(documents.select("doc", "moved", "partner", "move_type"), on="doc", how="inner")
        .with_columns(
            kind=pl.when(is_refund).then(pl.lit("vendor_return")).otherwise(pl.lit("receipt")),
            at="moved",
            source=pl.when(is_refund).then(STOCK).otherwise(VENDORS),
            target=pl.when(is_refund).then(VENDORS).otherwise(STOCK),
            qty=pl.col("qty") * dozen,
        )
        .pipe(as_flows)
    )
