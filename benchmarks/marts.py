"""Times of the marts on generated sales: each by itself, and what they add to a publish.

    python benchmarks/marts.py [--lines 3000000] [--days 1000]

Baskets of three lines, 40,000 customers, 54,000 products of which few sell most. Prints
milliseconds, and the time of a publish where the marts stay as they are (today was refreshed) and
where they are made anew (a complete day changed). The generated lake is deleted at the end.
"""

import argparse
import statistics
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
from publish import AS_OF, CHUNK_DAYS, FIRST, PRODUCTS, sales, timed

from nkdash.catalog import load_catalog
from nkdash.datasets.pos_order_lines import FACT
from nkdash.lake import Layer, write_days
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse, publish
from nkdash.warehouse.derived import derived_tables


def skewed(first: date, days: int, lines_a_day: int, seed: int = 0) -> pl.DataFrame:
    """Rows of fact_sales in which a fifth of the products is most of the lines."""
    share = (pl.col("line_id").hash(seed) % 1_000_000) / 1_000_000
    return sales(first, days, lines_a_day, seed).with_columns(
        product_id=(share**4 * PRODUCTS).cast(pl.Int64) + 1
    )


def land(root: Path, frame: pl.DataFrame, days: list[date], as_of: datetime = AS_OF) -> None:
    """Write those days of fact_sales."""
    write_days(root, Layer.STAR, FACT, frame, days, as_of=as_of)


def main() -> None:
    """Generate, publish, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=3_000_000)
    parser.add_argument("--days", type=int, default=1_000)
    asked = parser.parse_args()
    lines_a_day = asked.lines // asked.days
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_lake_root=Path(folder))
        catalog = load_catalog(settings)
        root = settings.lake_root
        for n in range(0, asked.days, CHUNK_DAYS):
            first, count = FIRST + timedelta(days=n), min(CHUNK_DAYS, asked.days - n)
            wanted = [first + timedelta(days=i) for i in range(count)]
            land(root, skewed(first, count, lines_a_day), wanted)
        today = FIRST + timedelta(days=asked.days)
        noon = datetime(today.year, today.month, today.day, 5, tzinfo=UTC).replace(tzinfo=None)
        land(root, skewed(today, 1, lines_a_day), [today], noon)

        full = publish(settings, catalog)
        print(f"full build                 {full.seconds * 1000:8.0f} ms")
        refreshed, late = [], []
        for n in range(5):
            land(root, skewed(today, 1, lines_a_day, n + 1), [today], noon)
            refreshed.append(publish(settings, catalog).seconds * 1000)
            day = today - timedelta(days=n + 1)
            land(root, skewed(day, 1, lines_a_day, n + 1), [day])
            late.append(publish(settings, catalog).seconds * 1000)
        print(f"today refreshed            {statistics.median(refreshed):8.0f} ms")
        print(f"a complete day changed     {statistics.median(late):8.0f} ms")

        newest = publish(settings, catalog)
        with duckdb.connect(newest.path, read_only=True) as connection:
            connection.execute("SET VARIABLE business_zone = ?", [settings.nkdash_timezone])
            for table in derived_tables():
                if table.is_view or table.name not in newest.rows:
                    continue
                started = time.perf_counter()
                connection.execute(f"CREATE TEMP TABLE made AS {table.select}")
                taken = (time.perf_counter() - started) * 1000
                connection.execute("DROP TABLE temp.made")
                print(f"{table.name:27}{taken:8.0f} ms, {newest.rows[table.name]:>10,} rows")

        warehouse = Warehouse(settings.warehouse_dir)
        measures = "sum(revenue_tax_in), sum(net_tax_ex), sum(cogs_tax_ex)"
        for what, where in (
            ("one product, all days", "WHERE product_id = 40000 GROUP BY date"),
            ("all products, 90 days", f"WHERE date > DATE '{today}' - 90 GROUP BY product_id"),
            ("all products, a year", f"WHERE date > DATE '{today}' - 365 GROUP BY product_id"),
        ):
            for source in ("fact_sales_profit", "agg_sales_product_daily"):
                query = f"SELECT {measures} FROM {source} {where}"
                taken = timed(lambda query=query: warehouse.query(query), 10)  # type: ignore[misc]
                print(f"{what}, {source:24}{taken:8.1f} ms")
        warehouse.close()


if __name__ == "__main__":
    print(f"duckdb {duckdb.__version__}, polars {pl.__version__}")
    main()
