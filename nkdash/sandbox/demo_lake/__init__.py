"""Years of an invented retailer, written straight into an empty lake in minutes.

No Odoo and no pipeline: what the datasets' facts are made of (their clean rows) is drawn stretch by
stretch of days, the datasets' own ``fact`` makes the star tables of it, and ``write_days`` holds
those to their contracts. Orders have no fact: of them the raw rows are written. The same size, seed
and last day give the same rows.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime, time

import polars as pl

from nkdash.catalog import Catalog
from nkdash.clock import utc_now, yesterday
from nkdash.contracts import Table
from nkdash.datasets.spec import Fact
from nkdash.lake import EXTRACTED_AT, Layer, write_days, write_table
from nkdash.sandbox.demo_lake import documents, sales, stock
from nkdash.sandbox.demo_lake.chain import (
    Chain,
    Size,
    build_chain,
    day_of,
    dimension_frames,
    made,
)
from nkdash.settings import Settings
from nkdash.warehouse.manifest import list_lake

__all__ = ["LakeNotEmptyError", "Size", "write"]

STRETCH = 7
_SNAPSHOT_DAYS = 14
_READ_AT = time(2, 5)
_WRITERS = 2

OnDays = Callable[[int], object]
"""Is told how many days were written."""


class LakeNotEmptyError(Exception):
    """The lake holds something already; the message says what to do."""


def write(
    settings: Settings, catalog: Catalog, size: Size, on_days: OnDays | None = None
) -> Mapping[str, int]:
    """Fill the lake of ``settings`` with ``size.days`` complete days up to yesterday; rows written,
    by table.

    Raises LakeNotEmptyError where the lake holds anything, LakeWriteError where it cannot be
    written.
    """
    root = settings.lake_root
    if files := list_lake(root, catalog):
        example = next(iter(files.values())).path
        raise LakeNotEmptyError(
            f"the lake under {root} is not empty (e.g. {example}); a demo lake is only written "
            "into an empty one, so that invented days never mix with real ones. Set DATA_LAKE_ROOT "
            "to a new folder, or remove the old lake"
        )
    chain = build_chain(size, yesterday(settings))
    writer = _Writer(settings, catalog, chain)
    writer.dimensions()
    with ThreadPoolExecutor(_WRITERS) as pool:
        _live(chain, writer, pool, on_days)
    return writer.rows


def _live(
    chain: Chain, writer: "_Writer", pool: ThreadPoolExecutor, on_days: OnDays | None
) -> None:
    """Stretch by stretch: draw, move, bill, and hand the facts to the writers."""
    items = stock.items_of(chain)
    held, before = stock.open_stock(chain), sales.nothing_sold()
    asked = set(range(chain.last - _SNAPSHOT_DAYS + 1, chain.last + 1))
    waiting: list[Future[None]] = []
    zone = writer.settings.nkdash_timezone
    for first in range(chain.first, chain.last + 1, STRETCH):
        days = list(range(first, min(first + STRETCH, chain.last + 1)))
        shares = chain.shares(first)
        sold = sales.sell(chain, days, shares, before)
        trade = documents.wholesale(chain, days, shares)
        taken = sales.moved_goods(chain, sold).join(
            items.select("item", "product_id"), on="product_id", how="inner", maintain_order="left"
        )
        level = stock.levels(chain, shares, first)
        moved = stock.move(
            chain,
            held,
            days,
            level,
            taken,
            documents.delivered(chain, trade),
            asked,
        )
        invoices = pl.concat([documents.till_invoices(chain, sold), trade])
        bought = documents.bills(chain, moved.received, moved.returned)
        bills = pl.concat([bought, documents.services(chain, days)])
        parts = {
            "pos_order_lines": sales.clean_lines(chain, sold, zone),
            "pos_payments": sales.clean_payments(chain, sold, zone),
            "invoice_sales": documents.clean_invoices(invoices),
            "purchases": documents.clean_bills(bills),
            "inventory_moves": stock.clean_moves(chain, moved.flows, items, zone),
        }
        for result in waiting:
            result.result()
        waiting = [pool.submit(writer.days, name, part, days) for name, part in parts.items()]
        orders = sales.raw_orders(chain, sold, zone)
        waiting.append(pool.submit(writer.raw_days, "pos_orders", orders, days))
        waiting += [
            pool.submit(writer.snapshot, day, stock.clean_quants(chain, day, on_hand, items, zone))
            for day, on_hand in moved.snapshots.items()
        ]
        before = sold
        if on_days:
            on_days(len(days))
    for result in waiting:
        result.result()
    writer.records("purchase.order.line", stock.on_order(chain, held, level))


class _Writer:
    """Makes facts of clean rows and writes them; counts the rows of each table."""

    def __init__(self, settings: Settings, catalog: Catalog, chain: Chain) -> None:
        self.settings = settings
        self.rows: dict[str, int] = {}
        self._catalog = catalog
        self._facts = {d.name: d.fact for d in catalog.datasets if d.fact}
        opening_costs = catalog.dimension_table("opening_costs")
        self._dimensions = dimension_frames(chain, catalog.dimensions, opening_costs)
        self._now = utc_now(settings).replace(tzinfo=None)

    def dimensions(self) -> None:
        """Write the tables without days."""
        for name, frame in self._dimensions.items():
            self._table(name, frame)

    def records(self, model: str, frame: pl.DataFrame) -> None:
        """Write the dimensions that are made of the records of ``model``."""
        for dimension in self._catalog.dimensions:
            if dimension.model == model:
                self._table(dimension.table.name, made(dimension, frame))

    def _table(self, name: str, frame: pl.DataFrame) -> None:
        table, root = self._catalog.dimension_table(name), self.settings.lake_root
        write_table(root, Layer.STAR, table, frame, as_of=self._now)
        self.rows[name] = frame.height

    def days(self, dataset: str, clean: pl.LazyFrame, days: list[int]) -> None:
        """Write the fact of ``dataset`` for ``days``, read in the night after the last of them."""
        dates = [day_of(day) for day in days]
        self._write(self._facts[dataset], clean, dates, self._night_after(days))

    def raw_days(self, dataset: str, raw: pl.LazyFrame, days: list[int]) -> None:
        """Write what was read of a ``dataset`` without a fact."""
        [table] = [d.raw_table for d in self._catalog.datasets if d.name == dataset]
        as_of, dates = self._night_after(days), [day_of(day) for day in days]
        frame = raw.with_columns(pl.lit(as_of).alias(EXTRACTED_AT)).collect()
        write_days(self.settings.lake_root, Layer.RAW, table, frame, dates, as_of=as_of)

    def snapshot(self, day: int, clean: pl.LazyFrame) -> None:
        """Write the stock of ``day``, read as it was taken."""
        evening = datetime.combine(day_of(day), time(23, 31))
        self._write(self._facts["stock_quants"], clean, [day_of(day)], self._utc(evening))

    def _write(self, fact: Fact, clean: pl.LazyFrame, dates: list[date], as_of: datetime) -> None:
        dimensions = {name: self._dimensions[name].lazy() for name in fact.dimensions}
        table: Table = fact.table
        frame = fact.make(clean, dimensions).select(table.schema.names()).collect()
        root = self.settings.lake_root
        written = write_days(root, Layer.STAR, table, frame, dates, as_of=as_of)
        self.rows[table.name] = self.rows.get(table.name, 0) + sum(written.values())

    def _night_after(self, days: list[int]) -> datetime:
        return self._utc(datetime.combine(day_of(days[-1] + 1), _READ_AT))

    def _utc(self, local: datetime) -> datetime:
        """A local time as naive UTC, but not after now."""
        utc = local.replace(tzinfo=self.settings.zone).astimezone(UTC).replace(tzinfo=None)
        return min(utc, self._now)
