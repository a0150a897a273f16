"""How long the dashboard's callbacks take, uncached, with 1, 10 and 25 readers at once.

``python benchmarks/dashboard_latency.py LAKE`` measures on the warehouse published under ``LAKE``;
without an argument on a generated one (``--lines``). The naive variant asks the same questions of
views over the daily Parquet files, in the same run.
"""

import argparse
import itertools
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from dashboard.app import create_app, warm_up
from dashboard.data import queries
from dashboard.data.queries import Selection
from nkdash.kpis.periods import Grain, Period
from dashboard.state import TaxBasis
from nkdash.catalog import load_catalog
from nkdash.datasets import pos_order_lines, pos_payments
from nkdash.lake import Layer, write_days, write_table
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse, publish

LAST = date(2026, 11, 22)
NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
SECTIONS = {
    "overview-headline": "/",
    "overview-rankings": "/",
    "sales-summary": "/sales",
    "sales-people": "/sales",
    "sales-when": "/sales",
    "sales-mix": "/sales",
    "sales-discounts": "/sales",
}
SEARCHES = ("", "?range={year}", "?range=7d&store=2", "?range={year}&brand=3", "?cashier=4")


def generate(root: Path, lines: int, days: int) -> Settings:
    """A lake of about ``lines`` POS lines over ``days`` days, written as star Parquet."""
    settings = Settings(_env_file=None, data_lake_root=root, nkdash_now=NOW)
    catalog = load_catalog(settings)
    as_of = datetime(2026, 11, 22, 19, 4, tzinfo=UTC).replace(tzinfo=None)
    names = {
        "dim_pos_configs": ("pos_config_id", 20),
        "dim_employees": ("employee_id", 80),
        "dim_brands": ("brand_id", 60),
        "dim_payment_methods": ("payment_method_id", 6),
    }
    for table in catalog.dimension_tables:
        if table.name in names:
            key, count = names[table.name]
            ids = pl.DataFrame({key: range(1, count + 1)})
            frame = ids.select(
                pl.col(c.name).cast(c.dtype)
                if c.name == key
                else pl.format("{} {}", pl.lit(table.name[4:]), key).alias(c.name)
                if c.name == "name"
                else pl.lit(True).alias(c.name)
                if c.dtype == pl.Boolean
                else pl.lit(None, c.dtype).alias(c.name)
                for c in table.columns
            )
            write_table(root, Layer.STAR, table, frame, as_of=as_of)
    products = catalog.dimension_table("dim_products")
    frame = pl.DataFrame({"product_id": range(1, 8001)}).select(
        *(
            {
                "product_id": pl.col("product_id").cast(pl.Int64),
                "name": pl.format("Product {}", "product_id"),
                "category_id": (pl.col("product_id") % 40 + 1).cast(pl.Int64),
                "brand_id": (pl.col("product_id") % 60 + 1).cast(pl.Int64),
                "storable": pl.lit(True),
                "active": pl.lit(True),
            }.get(c.name, pl.lit(None, c.dtype)).alias(c.name)
            for c in products.columns
        )
    )
    write_table(root, Layer.STAR, products, frame, as_of=as_of)
    first = LAST - timedelta(days=days - 1)
    per_day = lines // days
    for number in range(days):
        day = first + timedelta(days=number)
        sales, payments = _day(day, number, per_day)
        write_days(root, Layer.STAR, pos_order_lines.FACT, sales, [day], as_of=as_of)
        write_days(root, Layer.STAR, pos_payments.FACT, payments, [day], as_of=as_of)
    publish(settings, catalog)
    return settings


def _day(day: date, number: int, lines: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    n = pl.int_range(pl.len())
    order = number * 10**6 + n // 3
    minutes = (n // 3 * 7919) % 780 + 600
    start = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - naive local time
    base = pl.select(pl.repeat(day, lines, dtype=pl.Date).alias("date")).with_columns(
        line_id=number * 10**7 + n,
        order_id=order,
        minutes=minutes,
        pos_config_id=n // 3 % 20 + 1,
        cashier_id=n // 3 % 80 + 1,
        customer_id=pl.when(n // 3 % 3 == 0).then(n // 3 % 5000 + 1),
        product_id=(n * 2654435761) % 8000 + 1,
        quantity=pl.when(n % 40 == 0).then(-1).otherwise(n % 3 + 1),
        price=(n * 7919 % 300 + 5) * 1000,
        rate=pl.when(n % 7 == 0).then(0.1).otherwise(0.0),
    )
    local = pl.lit(start) + pl.duration(minutes="minutes")
    gross = pl.col("price") * pl.col("quantity")
    revenue = gross * (1 - pl.col("rate"))
    made: dict[str, pl.Expr] = {
        "order_ref": pl.format("S/{}", "order_id"),
        "ordered_at": local - pl.duration(hours=7),
        "ordered_at_local": local,
        "order_state": pl.lit("done"),
        "company_id": pl.lit(1),
        "session_id": pl.col("pos_config_id"),
        "user_id": pl.lit(2),
        "price_unit": pl.col("price"),
        "discount_pct": pl.col("rate") * 100,
        "hour": (pl.col("minutes") // 60),
        "line_kind": pl.when(pl.col("quantity") < 0)
        .then(pl.lit("return"))
        .otherwise(pl.lit("sale")),
        "gross_tax_in": gross.cast(pl.Float64),
        "discount_tax_in": (gross - revenue),
        "net_tax_ex": revenue,
        "revenue_tax_in": revenue,
        "tax": pl.lit(0.0),
        "is_refund": pl.col("quantity") < 0,
    }
    sales = base.select(
        made.get(c.name, pl.col(c.name) if c.name in base.columns else pl.lit(None))
        .cast(c.dtype)
        .alias(c.name)
        for c in pos_order_lines.FACT.columns
    )
    paid = sales.group_by("order_id", maintain_order=True).agg(
        pl.col("date", "company_id", "pos_config_id", "session_id", "cashier_id").first(),
        customer_id=pl.col("customer_id").first(),
        amount=pl.col("revenue_tax_in").sum(),
        paid_at=pl.col("ordered_at").first(),
    )
    payments = paid.select(
        {
            "payment_id": pl.col("order_id"),
            "payment_method_id": pl.col("order_id") % 6 + 1,
            "is_change": pl.lit(False),
        }.get(c.name, pl.col(c.name) if c.name in paid.columns else pl.lit(None))
        .cast(c.dtype)
        .alias(c.name)
        for c in pos_payments.FACT.columns
    )
    return sales, payments


def questions(settings: Settings) -> Iterator[tuple[str, str]]:
    """Section and query string, each different from all before, so that no answer is cached."""
    today = NOW.date()
    for shift in itertools.count():
        last = today - timedelta(days=1 + shift % 60)
        year = f"{last - timedelta(days=364 - shift // 60 % 30)}..{last}"
        for section in SECTIONS:
            for search in SEARCHES:
                text = search.format(year=year)
                if "{year}" not in search:
                    week = f"{last - timedelta(days=29)}..{last}"
                    text = f"?range={week}" + text.replace("?range=7d", "").replace("?", "&")
                yield section, text


def ask(client: Any, section: str, search: str) -> float:
    """Seconds that one callback takes through the whole server."""
    body = {
        "output": f"{section}.children",
        "outputs": {"id": section, "property": "children"},
        "inputs": [
            {"id": "url", "property": "search", "value": search},
            {"id": "version", "property": "data", "value": 1},
        ],
        "state": [{"id": "url", "property": "pathname", "value": SECTIONS[section]}],
        "changedPropIds": ["url.search"],
    }
    start = time.perf_counter()
    own = {"Sec-Fetch-Site": "same-origin"}
    answer = client.post("/_dash-update-component", json=body, headers=own)
    seconds = time.perf_counter() - start
    assert answer.status_code == 200, answer.get_data(as_text=True)[:500]
    assert b"Something went wrong" not in answer.get_data()
    return seconds


def measure(app: Any, asked: Iterator[tuple[str, str]], users: int, rounds: int) -> list[float]:
    """Seconds of each callback with ``users`` readers at once, each in a thread."""
    lock = threading.Lock()

    def one(_: int) -> list[float]:
        client = app.server.test_client()
        found = []
        for _ in range(rounds):
            with lock:
                section, search = next(asked)
            found.append(ask(client, section, search))
        return found

    with ThreadPoolExecutor(users) as pool:
        return [seconds for part in pool.map(one, range(users)) for seconds in part]


def naive(settings: Settings) -> Callable[[Selection], float]:
    """The headline question asked of views over the daily Parquet files."""
    connection = duckdb.connect()
    star = settings.lake_root / "star-schema"
    connection.execute(
        f"CREATE VIEW fact_sales AS SELECT * FROM read_parquet('{star}/fact_sales/*/data.parquet')"
    )

    def run(selection: Selection) -> float:
        start = time.perf_counter()
        connection.execute(
            """SELECT date, sum(revenue_tax_in), count(DISTINCT order_id), sum(quantity)
            FROM fact_sales WHERE date BETWEEN ? AND ? GROUP BY GROUPING SETS ((date), ())""",
            [selection.period.first, selection.period.last],
        ).fetchall()
        return time.perf_counter() - start

    return run


def show(name: str, seconds: list[float]) -> None:
    """Print median and 95th percentile in milliseconds."""
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    print(f"{name:34} p50 {statistics.median(ordered) * 1000:7.1f} ms   p95 {p95 * 1000:7.1f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lake", nargs="?", type=Path)
    parser.add_argument("--lines", type=int, default=3_000_000)
    parser.add_argument("--days", type=int, default=1095)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.lake:
            settings = Settings(_env_file=None, data_lake_root=options.lake, nkdash_now=NOW)
        else:
            start = time.perf_counter()
            settings = generate(Path(folder), options.lines, options.days)
            print(f"generated and published in {time.perf_counter() - start:.0f} s")
        warehouse = Warehouse(settings.warehouse_dir)
        app = create_app(settings, warehouse)
        warm_up(app)
        asked = questions(settings)
        measure(app, asked, 1, 10)
        for users, rounds in ((1, 140), (10, 28), (25, 14)):
            show(f"callback, {users} users, uncached", measure(app, asked, users, rounds))
        client = app.server.test_client()
        for section in SECTIONS:
            times = [
                ask(client, section, text)
                for name, text in itertools.islice(asked, 400)
                if name == section
            ]
            show(f"  {section}", times)
        year = Selection(Period(LAST - timedelta(days=364), LAST), None, (1,), {}, TaxBasis.IN)
        query = queries.trend(year, ("net_revenue", "transactions", "items_sold"), Grain.DAY)
        ours, theirs = [], []
        run = naive(settings)
        for _ in range(5):
            start = time.perf_counter()
            with warehouse.cursor() as cursor:
                params = {
                    k: list(v) if isinstance(v, tuple) else v for k, v in query.params.items()
                }
                pl.DataFrame(cursor.sql(query.sql, params=params))
            ours.append(time.perf_counter() - start)
            theirs.append(run(year))
        show("a year's headline", ours)
        show("the same over Parquet views", theirs)
        print(f"ratio {statistics.median(theirs) / statistics.median(ours):.1f}")
        warehouse.close()


if __name__ == "__main__":
    main()
