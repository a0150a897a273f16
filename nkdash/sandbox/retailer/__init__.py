"""A cosmetics chain made from a seed: the same arguments give the same records, to the byte."""

from datetime import datetime

from nkdash.sandbox.retailer.catalog import build_catalog
from nkdash.sandbox.retailer.sales import build_sales, calendar
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
    (Asia/Jakarta) and today so far, about ``orders_per_day`` orders on an average day.

    Money is in IDR. A day's records and their ids depend on the seed, the sizes and the date, not
    on ``now``: a sandbox that starts tomorrow agrees with today's on all past days (but for links
    from refunds of the first week to sales before it).
    """
    goods = build_catalog(seed, products, customers=max(200, 14 * orders_per_day))
    sales, names = build_sales(seed, goods, orders_per_day, calendar(now, days))
    return World({**goods.tables, **sales}, names)
