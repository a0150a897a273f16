"""Times of the warehouse on a generated fact table: full build, one changed day, open, cursor.

    python benchmarks/publish.py [--lines 5000000] [--days 1000]

Prints milliseconds and ratios within this run; the generated lake is deleted at the end.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from nkdash.catalog import load_catalog
from nkdash.contracts import MONEY, PRICE, QUANTITY
from nkdash.datasets.pos_order_lines import FACT
from nkdash.lake import Layer, write_days
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse, publish
from nkdash.warehouse.snapshot import open_snapshot

FIRST = date(2024, 1, 1)
AS_OF = datetime.fromisoformat("2026-11-23T01:00:00")
LINES_AN_ORDER = 3
PRODUCTS = 54_000
CHUNK_DAYS = 50


def sales(first: date, days: int, lines_a_day: int, seed: int) -> pl.DataFrame:
    """Generated rows of fact_sales of ``days`` days, company currency."""
    height = days * lines_a_day
    row = pl.int_range(height, eager=False)
    day_number = row // lines_a_day
    order = (day_number + (first - FIRST).days) * 1_000_000 + row % lines_a_day // LINES_AN_ORDER

    def pick(salt: int, until: int) -> pl.Expr:
        return (pl.col("_row") * 1_000_003 + salt + seed).hash(salt) % until

    cents = pick(1, 90_000) + 1_000
    net = pl.col("_cents") / 111
    return (
        pl.select(_row=row, _day=day_number, order_id=order)
        .with_columns(
            _cents=cents.cast(pl.Int64),
            date=pl.lit(first) + pl.duration(days=pl.col("_day")),
            minute=pl.col("order_id").hash(7) % (14 * 60) + 8 * 60,
        )
        .with_columns(
            ordered_at_local=pl.col("date").cast(pl.Datetime("us"))
            + pl.duration(minutes=pl.col("minute"))
        )
        .select(
            date=pl.col("date").cast(pl.Date),
            line_id=pl.col("order_id") * 10 + pl.col("_row") % lines_a_day % LINES_AN_ORDER,
            order_id="order_id",
            order_ref=pl.format("Shop/{}", "order_id"),
            ordered_at=pl.col("ordered_at_local") - pl.duration(hours=7),
            ordered_at_local="ordered_at_local",
            order_state=pl.lit("done"),
            company_id=pl.lit(1, pl.Int64),
            pos_config_id=(pl.col("order_id").hash(8) % 12).cast(pl.Int64),
            session_id=pl.lit(1, pl.Int64),
            user_id=pl.lit(2, pl.Int64),
            cashier_id=(pl.col("order_id").hash(9) % 60).cast(pl.Int64),
            customer_id=(pl.col("order_id").hash(10) % 40_000).cast(pl.Int64),
            account_move_id=pl.lit(None, pl.Int64),
            product_id=pick(2, PRODUCTS).cast(pl.Int64),
            quantity=pl.lit(1.0).cast(QUANTITY),
            price_unit=(pl.col("_cents") / 100).cast(PRICE),
            discount_pct=pl.lit(0.0).cast(PRICE),
            hour=pl.col("ordered_at_local").dt.hour(),
            line_kind=pl.lit("sale"),
            gross_tax_in=(pl.col("_cents") / 100).round(2).cast(MONEY),
            discount_tax_in=pl.lit(0.0).cast(MONEY),
            net_tax_ex=net.round(2).cast(MONEY),
            revenue_tax_in=(pl.col("_cents") / 100).round(2).cast(MONEY),
            tax=pl.lit(0.0).cast(MONEY),
            odoo_cost=pl.lit(None, MONEY),
            is_refund=pl.lit(False),
        )
        .with_columns(tax=(pl.col("revenue_tax_in") - pl.col("net_tax_ex")).cast(MONEY))
        .select(FACT.schema.names())
    )


def land(root: Path, first: date, days: int, lines_a_day: int, seed: int = 0) -> None:
    """Write those days of fact_sales."""
    frame = sales(first, days, lines_a_day, seed)
    wanted = [first + timedelta(days=n) for n in range(days)]
    write_days(root, Layer.STAR, FACT, frame, wanted, as_of=AS_OF)


def timed(work: Callable[[], object], times: int) -> float:
    """Median milliseconds of ``work``."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def main() -> None:
    """Generate, publish, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=5_000_000)
    parser.add_argument("--days", type=int, default=1_000)
    asked = parser.parse_args()
    lines_a_day = asked.lines // asked.days
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_lake_root=Path(folder))
        catalog = load_catalog(settings)
        root = settings.lake_root
        started = time.perf_counter()
        for n in range(0, asked.days, CHUNK_DAYS):
            land(root, FIRST + timedelta(days=n), min(CHUNK_DAYS, asked.days - n), lines_a_day)
        print(f"lake of {asked.lines:,} lines in {time.perf_counter() - started:.1f} s")

        full = publish(settings, catalog)
        size = full.path.stat().st_size
        print(f"full build          {full.seconds * 1000:8.0f} ms, file {size / 1e6:.0f} MB")
        unchanged = timed(lambda: publish(settings, catalog), 5)
        print(f"nothing changed     {unchanged:8.0f} ms")
        one_day = []
        for n in range(10):
            land(root, FIRST + timedelta(days=asked.days - 1 - n), 1, lines_a_day, seed=n + 1)
            one_day.append(publish(settings, catalog).seconds * 1000)
        median = statistics.median(one_day)
        print(f"one day changed     {median:8.0f} ms, {median / full.seconds / 1000:.1%} of full")
        newest = publish(settings, catalog)
        size_then = newest.path.stat().st_size
        print(f"file after 10 such  {size_then / 1e6:8.0f} MB, {size_then / size:.2f} of full")

        opened = timed(lambda: open_snapshot(newest.path).close(), 20)
        print(f"cold read-only open {opened:8.1f} ms")
        warehouse = Warehouse(settings.warehouse_dir)
        warehouse.query("SELECT 1")

        def cursor() -> None:
            with warehouse.cursor():
                pass

        taken = timed(cursor, 1000)
        print(f"cursor              {taken:8.3f} ms, {opened / taken:.0f} opens")
        year = "date BETWEEN DATE '2025-01-01' AND DATE '2025-12-31'"
        from_lines = timed(
            lambda: warehouse.query(
                f"SELECT count(DISTINCT order_id), sum(revenue_tax_in) FROM fact_sales WHERE {year}"
            ),
            5,
        )
        for table, expression in (
            ("fact_transactions", "count(*) FILTER (NOT is_refund)"),
            ("agg_sales_daily", "sum(transactions)"),
        ):
            query = f"SELECT {expression}, sum(revenue_tax_in) FROM {table} WHERE {year}"
            taken = timed(lambda query=query: warehouse.query(query), 10)  # type: ignore[misc]
            print(f"a year's KPIs, {table:18} {taken:6.1f} ms, {from_lines / taken:.0f} x faster")
        print(f"a year's KPIs, from lines         {from_lines:6.1f} ms")
        warehouse.close()


if __name__ == "__main__":
    print(f"duckdb {duckdb.__version__}, polars {pl.__version__}")
    main()
