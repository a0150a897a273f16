"""Would a closed month in one file be read faster than its daily files?

    python benchmarks/compaction.py [--days 1096] [--lines-a-day 3000]

Generates three years of fact_sales day by day, makes the monthly files beside them, and times a
warehouse's full build, DuckDB's insert and polars scans from either. The lake is deleted at the
end.
"""

import argparse
import tempfile
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
from publish import CHUNK_DAYS, FIRST, land, timed

from nkdash.catalog import load_catalog
from nkdash.datasets.pos_order_lines import FACT
from nkdash.lake import Layer, list_days, read_footer
from nkdash.settings import Settings
from nkdash.warehouse import publish
from nkdash.warehouse.ddl import create_table

TIMES = 5


def monthly_files(daily: list[Path], folder: Path) -> list[Path]:
    """The same rows, one file a month."""
    months: dict[str, list[Path]] = defaultdict(list)
    for path in daily:
        months[path.parent.name.removeprefix("date=")[:7]].append(path)
    made = []
    for month, paths in sorted(months.items()):
        made.append(folder / f"{month}.parquet")
        pl.read_parquet(paths, glob=False, hive_partitioning=False).write_parquet(
            made[-1], compression="zstd"
        )
    return made


def insert(paths: list[Path], target: Path) -> None:
    """What publish does with the files of a table."""
    target.unlink(missing_ok=True)
    with duckdb.connect(str(target)) as connection:
        for statement in create_table(FACT, FACT.name):
            connection.execute(statement)
        connection.execute(
            f"INSERT INTO {FACT.name} BY NAME "
            "SELECT * FROM read_parquet(?, hive_partitioning = false)",
            [[str(path) for path in paths]],
        )


def scan(paths: list[Path]) -> None:
    """Revenue a day, as a report over everything would ask it."""
    pl.scan_parquet(paths, glob=False, hive_partitioning=False).group_by("date").agg(
        pl.col("revenue_tax_in").sum()
    ).collect()


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=1096)
    parser.add_argument("--lines-a-day", type=int, default=3000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(_env_file=None, data_lake_root=Path(name) / "lake")
        for n in range(0, asked.days, CHUNK_DAYS):
            days = min(CHUNK_DAYS, asked.days - n)
            land(settings.lake_root, FIRST + timedelta(days=n), days, asked.lines_a_day)
        daily = [f.path for f in list_days(settings.lake_root, Layer.STAR, FACT.name)]
        folder = Path(name) / "monthly"
        folder.mkdir()
        monthly = monthly_files(daily, folder)
        for label, paths in (("daily", daily), ("monthly", monthly)):
            size = sum(path.stat().st_size for path in paths) / 1e6
            print(f"{label:8} {len(paths):5} files {size:8.1f} MB")

        full = publish(settings, load_catalog(settings)).seconds * 1000
        target = Path(name) / "try.duckdb"
        inserts = [timed(lambda p=p: insert(p, target), TIMES) for p in (daily, monthly)]
        scans = [timed(lambda p=p: scan(p), TIMES) for p in (daily, monthly)]
        footers = timed(lambda: [read_footer(path) for path in daily], 1)
        print(f"full publish from daily files {full:8.0f} ms, of it footers at most {footers:.0f}")
        for what, (by_day, by_month) in (("DuckDB insert", inserts), ("polars scan", scans)):
            print(
                f"{what:14} daily {by_day:7.0f} ms, monthly {by_month:7.0f} ms, "
                f"{by_day / by_month:.2f} x"
            )
        print(f"full publish could become {full / (full - inserts[0] + inserts[1]):.2f} x as fast")


if __name__ == "__main__":
    main()
