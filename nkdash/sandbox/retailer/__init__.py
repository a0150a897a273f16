"""A cosmetics chain made from a seed: the same arguments give the same records, to the byte."""

from datetime import datetime

import polars as pl

from nkdash.sandbox.retailer.catalog import build_catalog
from nkdash.sandbox.retailer.documents import document_tables, numbered, pos_documents
from nkdash.sandbox.retailer.flows import external_flows
from nkdash.sandbox.retailer.places import ACCOUNTS, place_tables
from nkdash.sandbox.retailer.sales import calendar, draw_sales, sales_tables
from nkdash.sandbox.retailer.stock import stock_tables
from nkdash.sandbox.retailer.supply import supply
from nkdash.sandbox.retailer.wholesale import expenses, wholesale
from nkdash.sandbox.store import World

__all__ = ["generate"]


def generate(
    *,
    now: datetime,
    days: int = 90,
    products: int = 2_000,
    orders_per_day: int = 200,
    seed: int = 1,
) -> World:
    """The retailer as its Odoo would hold it at ``now`` (naive UTC): ``days`` whole local days
    (Asia/Jakarta) and today so far, about ``orders_per_day`` orders on an average day, with their
    invoices, the vendors' bills and the stock that moved.

    Money is in IDR. A day's records and their ids depend on the seed, the sizes and the date, not
    on ``now``: a sandbox that starts tomorrow agrees with today's on all past days and on the stock
    at any moment (but for links from the first week to records before it, and for the opening
    inventory, which is counted on the day before the span).
    """
    goods = build_catalog(seed, products, customers=max(200, 14 * orders_per_day))
    span = calendar(now, days)
    sold = draw_sales(seed, goods, orders_per_day, span)
    invoices, invoice_lines = wholesale(seed, goods, orders_per_day, span)
    external = external_flows(seed, goods, orders_per_day, span, sold, invoices, invoice_lines)
    supplied = supply(seed, goods, external, span)
    books = [
        pos_documents(sold),
        (invoices, invoice_lines),
        (supplied.documents, supplied.lines),
        expenses(seed, span),
    ]
    documents = numbered(pl.concat(heads for heads, _ in books), orders_per_day)
    lines = pl.concat(lines for _, lines in books)
    flows = pl.concat([external, supplied.flows])
    tables = [
        *goods.tables.values(),
        *place_tables(),
        *sales_tables(sold, span),
        *document_tables(documents, lines, span),
        *stock_tables(seed, goods, orders_per_day, span, flows, documents),
    ]
    return World({t.model: t for t in tables}, {"account.account": ACCOUNTS})
