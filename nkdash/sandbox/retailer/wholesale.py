"""The back office: invoices to businesses and their credit notes, services, petty cash.

Every day is drawn from the seed and its own date. Documents and lines are frames as ``documents``
describes them, signed by their type.
"""

import numpy as np
import polars as pl

from nkdash.sandbox.retailer import catalog as c
from nkdash.sandbox.retailer.catalog import Catalog, Floats, Ints
from nkdash.sandbox.retailer.documents import (
    CREDIT_NOTE,
    KIND,
    PETTY_CASH,
    SERVICE,
    WHOLESALE,
    as_documents,
    as_lines,
)
from nkdash.sandbox.retailer.sales import DAY, Calendar
from nkdash.sandbox.retailer.tables import lore

_MOST_A_DAY = 10_000
_HOUR = 3_600
_QUANTITIES = np.array([1, 3, 6, 12, 12, 24])
_DISCOUNTS = np.array([10, 15, 20, 25])
_TUESDAY, _FRIDAY, _SUNDAY = 1, 4, 6


def wholesale(
    seed: int, goods: Catalog, orders_per_day: int, span: Calendar
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Invoices and receipts to businesses, and credit notes one to six days later."""
    days, heads, counts, rows = [], [], [], []
    for day in range(span.drawn_from, span.last + 1):
        rng = np.random.default_rng([seed, 4, max(day, 0)])
        many = 0 if day % 7 == _SUNDAY else int(rng.poisson(0.4 + orders_per_day / 100))
        head = rng.random((many, 6))
        count = 1 + (head[:, 0] * 7).astype(np.int64)
        days.append(np.full(many, day, dtype=np.int64))
        heads.append(head)
        counts.append(count)
        rows.append(rng.random((int(count.sum()), 4)))
    invoices = _invoices(np.concatenate(days), np.concatenate(heads))
    of_line = np.repeat(invoices["doc"].to_numpy(), np.concatenate(counts))
    lines = _goods(goods, of_line, np.concatenate(rows))
    notes = (
        invoices.filter((pl.col("u_back") < 0.08) & (pl.col("state") == "posted"))
        .with_columns(day=pl.col("day") + 1 + (pl.col("u_back") / 0.08 * 6).cast(pl.Int64))
        .with_columns(
            reversed="doc",
            doc=pl.col("doc") + (CREDIT_NOTE - WHOLESALE) * KIND,
            at=pl.col("day") * DAY + 10 * _HOUR,
            invoice_day="day",
            move_type=pl.lit("out_refund"),
            ref=pl.lit("Retur barang"),
        )
    )
    back = lines.with_columns(doc=pl.col("doc") + (CREDIT_NOTE - WHOLESALE) * KIND).filter(
        pl.col("doc").is_in(notes["doc"].implode()) & (pl.col("slot") <= 2)
    )
    documents = pl.concat([invoices, notes], how="diagonal")
    return as_documents(documents), pl.concat([lines, back])


def _invoices(day: Ints, u: Floats) -> pl.DataFrame:
    number = pl.int_range(pl.len()).over("day")
    state = np.where(u[:, 2] < 0.03, "draft", np.where(u[:, 2] < 0.08, "cancel", "posted"))
    frame = pl.DataFrame(
        {
            "day": day,
            "invoice_day": day,
            "at": day * DAY + 9 * _HOUR + (u[:, 3] * 8 * _HOUR).astype(np.int64),
            "move_type": np.where(u[:, 4] < 0.04, "out_receipt", "out_invoice"),
            "partner": c.FIRST_BUSINESS + (u[:, 1] * len(lore()["businesses"])).astype(np.int64),
            "state": state,
            "u_back": u[:, 5],
        }
    )
    return frame.with_columns(
        doc=WHOLESALE * KIND + pl.col("day") * _MOST_A_DAY + number,
        ref=pl.lit(None, dtype=pl.String),
        user=pl.lit(c.ADMIN_USER),
        reversed=pl.lit(None, dtype=pl.Int64),
    )


def _goods(goods: Catalog, doc: Ints, v: Floats) -> pl.DataFrame:
    product = np.searchsorted(goods.share, v[:, 0]).clip(0, len(goods.share) - 1)
    units = _QUANTITIES[(v[:, 1] * len(_QUANTITIES)).astype(np.int64)]
    dozens = (units % 12 == 0) & (v[:, 2] < 0.3)
    price = goods.prices[product]
    frame = pl.DataFrame(
        {
            "doc": doc,
            "product_id": product + c.FIRST_PRODUCT,
            "qty": np.where(dozens, units // 12, units),
            "uom": np.where(dozens, c.DOZENS, c.UNITS),
            "price": np.where(dozens, 12 * price, price),
            "discount": _DISCOUNTS[(v[:, 3] * len(_DISCOUNTS)).astype(np.int64)],
            "tax": goods.taxes[product],
        }
    )
    known = goods.products.select("product_id", "label", "cost")
    return (
        frame.with_columns(slot=pl.int_range(1, pl.len() + 1).over("doc"), withheld=pl.lit(False))
        .join(known, on="product_id", how="left", maintain_order="left")
        .pipe(as_lines)
    )


def expenses(seed: int, span: Calendar) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bills for services, tax withheld, on Tuesdays and Fridays, and receipts of petty cash."""
    services, petty = lore()["services"], lore()["petty_cash"]
    heads: list[tuple[int, int, int, str, int | None, str | None]] = []
    lines: list[tuple[int, str, int, int, bool]] = []
    for day in range(span.first, span.last + 1):
        u = np.random.default_rng([seed, 5, max(day, 0)]).random(4)
        if day % 7 in (_TUESDAY, _FRIDAY):
            number = int(u[0] * len(services))
            doc = SERVICE * KIND + day
            partner = c.FIRST_SERVICE + number
            heads.append((doc, day * DAY + 11 * _HOUR, day, "in_invoice", partner, f"S-{day}"))
            amount = 250_000 * (2 + int(u[1] * 20))
            label = services[number]["label"]
            lines.append((doc, label, amount, c.TAX_EXCLUDED, True))
        if u[2] < 0.3:
            doc = PETTY_CASH * KIND + day
            heads.append((doc, day * DAY + 16 * _HOUR, day, "in_receipt", None, None))
            label = petty[int(u[3] * len(petty))]
            lines.append((doc, label, 5_000 * (4 + int(u[1] * 40)), 0, False))
    documents = pl.DataFrame(
        heads, schema=["doc", "at", "day", "move_type", "partner", "ref"], orient="row"
    ).with_columns(
        invoice_day="day",
        state=pl.lit("posted"),
        user=pl.lit(c.ADMIN_USER),
        reversed=pl.lit(None, dtype=pl.Int64),
    )
    items = pl.DataFrame(
        lines, schema=["doc", "label", "price", "tax", "withheld"], orient="row"
    ).with_columns(
        slot=pl.lit(1),
        product_id=pl.lit(None, dtype=pl.Int64),
        qty=pl.lit(1),
        uom=pl.lit(c.UNITS),
        discount=pl.lit(0),
        cost=pl.lit(0.0),
    )
    return (
        as_documents(documents),
        as_lines(items),
    )
