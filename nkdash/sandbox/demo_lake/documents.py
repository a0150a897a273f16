"""The chain's documents: vendors' bills and refunds, invoices of tills and of the back office.

Lines of all are priced in whole cents by their own tax, signed by their document's type.
"""

import numpy as np
import polars as pl

from nkdash.contracts import PRICE, QUANTITY
from nkdash.sandbox.demo_lake.chain import Chain, day_of
from nkdash.sandbox.demo_lake.sales import DOCUMENTS_A_DAY, Sold, cents, on_date, tax_list
from nkdash.sandbox.demo_lake.stock import items_of
from nkdash.sandbox.retailer import catalog as c
from nkdash.sandbox.retailer.catalog import Floats
from nkdash.sandbox.retailer.sales import priced
from nkdash.sandbox.retailer.tables import lore

_LINES_A_MOVE = 128
_PRODUCTS_A_BILL = 40
# Where the ids of each kind of document of a day begin; those of tills are their orders' own.
_WHOLESALE, _CREDITS, _BILLS, _REFUNDS, _SERVICES = (
    DOCUMENTS_A_DAY // 10 * part for part in (6, 7, 8, 9, 5)
)
_BONUS_VENDORS, _DOZEN_VENDORS = (2, 6, 9), (0, 3, 10)
_VENDOR_DISCOUNTS = (0, 0, 5, 0, 10, 0, 0, 3, 0, 0, 0, 7, 0, 0)
_BILL_DISCOUNTS = {1: 3, 4: 5, 8: 2}
_QUANTITIES = np.array([1, 3, 6, 12, 12, 24])
_TRADE_DISCOUNTS = np.array([10, 15, 20, 25])
_LINES_A_WHOLESALE, _LINES_PER_WHOLESALE = 4, 1_500

LINES = pl.Schema(
    {
        "move": pl.Int64(),
        "day": pl.Int64(),
        "move_type": pl.String(),
        "partner": pl.Int64(),
        "user": pl.Int64(),
        "reversed": pl.Int64(),
        "order": pl.Int64(),
        "slot": pl.Int64(),
        "product_id": pl.Int64(),
        "label": pl.String(),
        "qty": pl.Int64(),
        "uom": pl.Int64(),
        "price": pl.Int64(),
        "discount": pl.Int64(),
        "tax": pl.Int64(),
        "withheld": pl.Boolean(),
    }
)


def _lines(frame: pl.DataFrame, **values: pl.Expr | str) -> pl.DataFrame:
    """Lines of documents; what is not given is empty, or the usual."""
    usual = {
        "slot": pl.int_range(1, pl.len() + 1).over("move"),
        "uom": pl.lit(c.UNITS),
        "discount": pl.lit(0),
        "withheld": pl.lit(False),
        "user": pl.lit(c.ADMIN_USER),
    }
    made = {
        name: values.get(
            name, pl.col(name) if name in frame.columns else usual.get(name, pl.lit(None))
        )
        for name in LINES
    }
    return frame.select(**made).cast(LINES)


def till_invoices(chain: Chain, sold: Sold) -> pl.DataFrame:
    """The invoices of the orders that have one."""
    orders = sold.orders.drop_nulls("move").select("id", "move", "customer", "cashier")
    lines = sold.lines.join(orders, on="id", how="inner", maintain_order="left")
    return _lines(
        lines,
        move_type=pl.lit("out_invoice"),
        partner="customer",
        user=pl.col("store") + c.FIRST_USER,
        order="id",
    )


def wholesale(chain: Chain, days: list[int], shares: Floats) -> pl.DataFrame:
    """Invoices to businesses, and credit notes for some of their lines two days later."""
    popular = np.cumsum(shares.mean(axis=0))
    businesses = len(lore()["businesses"])
    parts = []
    for day in days:
        rng = np.random.default_rng([chain.size.seed, 4, day])
        usual = 0.3 + chain.orders[day] * _LINES_A_WHOLESALE / _LINES_PER_WHOLESALE
        many = 0 if day_of(day).weekday() == 6 else int(rng.poisson(usual))
        u = rng.random((many, 3))
        count = 1 + (u[:, 0] * 7).astype(np.int64)
        v = rng.random((int(count.sum()), 4))
        head = np.repeat(np.arange(many), count)
        product = np.searchsorted(popular / popular[-1], v[:, 0]).clip(0, chain.products - 1)
        units = _QUANTITIES[(v[:, 1] * len(_QUANTITIES)).astype(np.int64)]
        dozens = (units % 12 == 0) & (v[:, 2] < 0.3)
        price = chain.goods.prices[product]
        parts.append(
            pl.DataFrame(
                {
                    "move": day * DOCUMENTS_A_DAY + _WHOLESALE + head,
                    "partner": c.FIRST_BUSINESS + (u[head, 1] * businesses).astype(np.int64),
                    "product_id": product + c.FIRST_PRODUCT,
                    "qty": np.where(dozens, units // 12, units),
                    "uom": np.where(dozens, c.DOZENS, c.UNITS),
                    "price": np.where(dozens, 12 * price, price),
                    "discount": _TRADE_DISCOUNTS[(v[:, 3] * 4).astype(np.int64)],
                    "tax": chain.goods.taxes[product],
                    "back": u[head, 2] < 0.07,
                }
            ).with_columns(day=pl.lit(day, pl.Int64))
        )
    sold = pl.concat(parts)
    labels = chain.goods.products.select("product_id", "label")
    sold = sold.join(labels, on="product_id", how="left", maintain_order="left")
    invoices = _lines(sold, move_type=pl.lit("out_invoice"))
    notes = _lines(
        sold.filter(pl.col("back") & (pl.col("day") + 2 <= days[-1])).with_columns(
            reversed="move",
            day=pl.col("day") + 2,
            move=pl.col("move") + 2 * DOCUMENTS_A_DAY + _CREDITS - _WHOLESALE,
        ),
        move_type=pl.lit("out_refund"),
    ).filter(pl.col("slot") <= 2)
    return pl.concat([invoices, notes])


def delivered(chain: Chain, lines: pl.DataFrame) -> pl.DataFrame:
    """day, item, back, qty, doc, partner: the goods of the wholesale's documents."""
    items = items_of(chain).select("item", "product_id")
    dozen = pl.when(pl.col("uom") == c.DOZENS).then(12).otherwise(1)
    return lines.join(items, on="product_id", how="inner", maintain_order="left").select(
        "day",
        "item",
        "partner",
        back=pl.col("move_type") == "out_refund",
        qty=pl.col("qty") * dozen,
        doc="move",
    )


def bills(chain: Chain, received: pl.DataFrame, returned: pl.DataFrame) -> pl.DataFrame:
    """Bills of forty products at most, with bonus lines, dozens and discounts at the end, and the
    refunds for what went back."""
    rows = _asked(chain, received, _BILLS)
    vendor = pl.col("vendor")
    rows = rows.with_columns(
        bonus=pl.when(vendor.is_in(_BONUS_VENDORS)).then(pl.col("qty") // 13).otherwise(0)
    ).with_columns(
        dozens=pl.when(vendor.is_in(_DOZEN_VENDORS))
        .then((pl.col("qty") - pl.col("bonus")) // 12)
        .otherwise(0)
    )
    first = 1 + 3 * pl.col("place")
    single = pl.col("qty") - pl.col("bonus") - 12 * pl.col("dozens")
    billed = pl.concat(
        [
            rows.with_columns(
                qty="dozens", uom=pl.lit(c.DOZENS), price=12 * pl.col("price"), slot=first
            ),
            rows.with_columns(qty=single, uom=pl.lit(c.UNITS), slot=first + 1),
            rows.with_columns(
                qty="bonus", uom=pl.lit(c.UNITS), price=pl.lit(0, pl.Int64), slot=first + 2
            ),
        ]
    ).filter(pl.col("qty") > 0)
    goods = _lines(billed, move_type=pl.lit("in_invoice"), slot="slot", uom="uom")
    back = _lines(_asked(chain, returned, _REFUNDS), move_type=pl.lit("in_refund"))
    return pl.concat([goods, _bill_discounts(goods), back])


def _asked(chain: Chain, goods: pl.DataFrame, first_id: int) -> pl.DataFrame:
    """``goods`` with their document and what their vendor asks for a unit that day (whole rupiah,
    on the tax basis of his bills), his line discount and his tax as ``priced`` knows it."""
    labels = chain.goods.products.select("product_id", "label")
    number = pl.int_range(pl.len()).over("day", "vendor")
    goods = (
        goods.sort("day", "vendor", "item")
        .join(items_of(chain).select("item", "product_id", "cost"), on="item", how="left")
        .join(labels, on="product_id", how="left")
        .sort("day", "vendor", "item")
        .with_columns(
            move=pl.col("day") * DOCUMENTS_A_DAY
            + first_id
            + 1_000 * pl.col("vendor")
            + number // _PRODUCTS_A_BILL,
            place=number % _PRODUCTS_A_BILL,
            partner=pl.col("vendor") + c.FIRST_PRINCIPAL,
        )
    )
    mode = {c.BILL_TAX: c.TAX_EXCLUDED, c.BILL_TAX_INCLUDED: c.TAX_INCLUDED, 0: 0}
    taxes = [mode[c.vendor_tax(n)] for n in range(len(c.vendor_names()))]
    tax = pl.Series(taxes, dtype=pl.Int64)[goods["vendor"]]
    years = (goods["day"].to_numpy() - chain.first) / 365.25
    # The price of a product on a day, whatever else is bought: a hash, not a row of draws.
    noise = (goods["item"].to_numpy() * 7_919 + goods["day"].to_numpy() * 104_729) % 1_000 / 1_000
    gross = np.where(tax.to_numpy() == c.TAX_INCLUDED, 1.11, 1.0)
    asked = goods["cost"].to_numpy() * (0.93 + 0.025 * years + 0.05 * noise) * gross
    discount = pl.Series(_VENDOR_DISCOUNTS, dtype=pl.Int64)[goods["vendor"]]
    price = pl.Series(np.maximum(np.round(asked), 1).astype(np.int64))
    return goods.with_columns(price=price, discount=discount, tax=tax, uom=pl.lit(c.UNITS))


def _bill_discounts(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines that take a percentage off every third bill of some vendors."""
    percent = (pl.col("partner") - c.FIRST_PRINCIPAL).replace_strict(
        _BILL_DISCOUNTS, default=0, return_dtype=pl.Int64
    )
    keyed = pl.when(pl.col("tax") == c.TAX_INCLUDED).then("incl").otherwise("excl")
    off = (
        priced(lines.with_columns(percent=percent).filter(pl.col("move") % 3 == 0))
        .group_by("move", "day", "partner", "percent", "tax", "move_type", maintain_order=True)
        .agg(keyed=keyed.sum())
        .with_columns(price=-(pl.col("keyed") * pl.col("percent") // 10_000))
        .filter(pl.col("price") < 0)
    )
    return _lines(off, slot=pl.lit(_LINES_A_MOVE - 1), label=pl.lit("Diskon faktur"), qty=pl.lit(1))


def services(chain: Chain, days: list[int]) -> pl.DataFrame:
    """Bills for services, tax withheld, on Tuesdays and Fridays."""
    offered = lore()["services"]
    rows = []
    for day in days:
        if day_of(day).weekday() in (1, 4):
            u = np.random.default_rng([chain.size.seed, 5, day]).random(2)
            number = int(u[0] * len(offered))
            rows.append(
                {
                    "move": day * DOCUMENTS_A_DAY + _SERVICES,
                    "day": day,
                    "partner": c.FIRST_SERVICE + number,
                    "label": offered[number]["label"],
                    "price": 250_000 * (2 + int(u[1] * 20)),
                }
            )
    names = ("move", "day", "partner", "label", "price")
    frame = pl.DataFrame(rows, schema={name: LINES[name] for name in names})
    return _lines(
        frame,
        move_type=pl.lit("in_invoice"),
        qty=pl.lit(1),
        tax=pl.lit(c.TAX_EXCLUDED),
        withheld=pl.lit(True),
    )


def clean_invoices(lines: pl.DataFrame) -> pl.LazyFrame:
    """The columns of clean/invoice_sales."""
    return _clean(lines, "INV", tax_list()).with_columns(
        customer_id="partner",
        salesperson_id="user",
        pos_order_id="order",
        is_downpayment=pl.lit(False),
    )


def clean_bills(lines: pl.DataFrame) -> pl.LazyFrame:
    """The columns of clean/purchases."""
    bill_tax = {c.TAX_EXCLUDED: c.BILL_TAX, c.TAX_INCLUDED: c.BILL_TAX_INCLUDED, 0: 0}
    of_bill = lines.with_columns(bill_tax=pl.col("tax").replace_strict(bill_tax))
    withheld = pl.when("withheld").then(pl.lit([c.WITHHELD], dtype=pl.List(pl.Int64)))
    nothing = pl.lit([], dtype=pl.List(pl.Int64))
    taxes = tax_list("bill_tax").list.concat(withheld.otherwise(nothing))
    ordered = pl.col("product_id").is_not_null() & (pl.col("move_type") == "in_invoice")
    return _clean(of_bill, "BILL", taxes).with_columns(
        vendor_id="partner",
        purchase_order_id=pl.when(ordered).then("move_id"),
        purchase_line_id=pl.when(ordered).then("line_id"),
    )


def _clean(lines: pl.DataFrame, prefix: str, taxes: pl.Expr) -> pl.LazyFrame:
    """What clean has of both sides, and the lines' own columns."""
    is_refund = pl.col("move_type").is_in(["out_refund", "in_refund"])
    sign = pl.when(is_refund).then(-1).otherwise(1)
    journal = c.SALES_JOURNAL if prefix == "INV" else c.BILLS_JOURNAL
    held = pl.when("withheld").then(pl.col("excl") * 2 // 100).otherwise(0)
    month = on_date().dt.strftime("%Y/%m")
    return (
        priced(lines)
        .lazy()
        .with_columns(
            net=pl.col("excl") * sign,
            total=(pl.col("incl") - held) * sign,
        )
        .with_columns(
            date=on_date(),
            line_id=pl.col("move") * _LINES_A_MOVE + pl.col("slot"),
            move_id="move",
            move_name=pl.format(
                "{}{}/{}/{}",
                pl.when(is_refund).then(pl.lit("R")).otherwise(pl.lit("")),
                pl.lit(prefix),
                month,
                "move",
            ),
            move_ref=pl.format("{}-{}", "partner", "move"),
            invoice_date=on_date(),
            company_id=pl.lit(c.COMPANY, pl.Int64),
            journal_id=pl.lit(journal, pl.Int64),
            reversed_move_id="reversed",
            document_quantity=(pl.col("qty") * sign).cast(QUANTITY),
            discount_pct=pl.col("discount").cast(PRICE),
            currency_id=pl.lit(c.IDR, pl.Int64),
            currency=pl.lit("IDR"),
            net_currency=cents("net"),
            total_currency=cents("total"),
            uom_id="uom",
            document_price_unit=pl.col("price").cast(PRICE),
            is_foreign=pl.lit(False),
            tax_ids=taxes,
            net_tax_ex=cents("net"),
            is_refund=is_refund,
        )
    )
