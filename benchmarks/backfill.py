"""How long a backfill takes, and where the time goes: Odoo, our own work, Dagster.

    PYTHONPATH=. python benchmarks/backfill.py [--records DIR] [--days 90] [--postgres]

Three runs in the same process on the same sandbox, each on an empty lake:
  functions  the datasets' pure functions and the lake's writer, without Dagster
  stock      the same through Dagster, with Dagster's own SQLite event log
  batched    the same through Dagster, with the project's event log (what NKDash uses)
With --postgres two more, on a Postgres of this machine that is made for it:
  pg-single  dagster-postgres, event by event
  pg-stock   dagster-postgres, with its own batches
  postgres   dagster-postgres, with the project's event log (what NKDash uses)
"""

import argparse
import contextlib
import os
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from nkdash.automation.backfill import BackfillReport, plan, run_here
from nkdash.catalog import Catalog, load_catalog
from nkdash.clock import days_between
from nkdash.datasets.extract import extract_days, extract_dimension
from nkdash.definitions import build_definitions
from nkdash.home import with_postgres
from nkdash.lake import Layer, scan_days, write_days, write_table
from nkdash.odoo import OdooClient
from nkdash.sandbox import generate, load_records, serve
from nkdash.settings import Settings, load_settings
from nkdash.warehouse import publish
from nkdash_tests import postgres


def without_dagster(settings: Settings, catalog: Catalog, first: date, last: date) -> float:
    """The whole backfill as plain function calls; returns seconds inside Odoo calls."""
    now = datetime.now(UTC).replace(tzinfo=None)
    root = settings.lake_root
    dimensions: dict[str, pl.LazyFrame] = {}
    days = days_between(first, last)
    size = settings.nkdash_max_partitions_per_run
    with OdooClient(settings.odoo_connection()) as client:
        for dimension in catalog.dimensions:
            raw = extract_dimension(client, dimension)
            write_table(root, Layer.RAW, dimension.raw_table, raw, as_of=now)
            made = dimension.make(raw.lazy()).collect()
            write_table(root, Layer.STAR, dimension.table, made, as_of=now)
            dimensions[dimension.table.name] = made.lazy()
        for start in range(0, len(days), size):
            chunk = days[start : start + size]
            for dataset in (d for d in catalog.datasets if not d.is_snapshot):
                raw = extract_days(client, dataset, chunk[0], chunk[-1], settings)
                write_days(root, Layer.RAW, dataset.raw_table, raw, chunk, as_of=now)
                back = scan_days(root, Layer.RAW, dataset.raw_table, chunk)
                clean = dataset.clean(back).collect()
                write_days(root, Layer.CLEAN, dataset.clean_table, clean, chunk, as_of=now)
                if fact := dataset.fact:
                    read = scan_days(root, Layer.CLEAN, dataset.clean_table, chunk)
                    star = fact.make(read, {n: dimensions[n] for n in fact.dimensions}).collect()
                    write_days(root, Layer.STAR, fact.table, star, chunk, as_of=now)
        seconds = client.stats.snapshot().busy_seconds
    publish(settings, catalog)
    return seconds


def through_dagster(
    settings: Settings, catalog: Catalog, first: date, last: date
) -> BackfillReport:
    """The whole backfill as `nkdash backfill` runs it."""
    definitions = build_definitions(settings)
    with dg.DagsterInstance.get() as instance:
        wanted = plan(definitions, catalog, settings, first, last)
        report = run_here(definitions, instance, wanted, lambda _: None)
    if not report.succeeded:
        raise SystemExit("\n".join(report.failures))
    return report


def on_postgres(ours: str) -> dict[str, str]:
    """dagster.yaml of the variants on Postgres."""
    made = with_postgres(ours)
    stock = made.replace("nkdash.automation.event_log_postgres", "dagster_postgres").replace(
        "BatchingPostgresEventLogStorage", "PostgresEventLogStorage"
    )
    return {"pg-single": stock, "pg-stock": stock, "postgres": made}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--records", type=Path, help="folder of recorded <model>.jsonl.gz")
    parser.add_argument("--last", type=date.fromisoformat, default=date(2026, 11, 22))
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--postgres", action="store_true", help="also on a Postgres")
    options = parser.parse_args()
    first, last = options.last - timedelta(days=options.days - 1), options.last
    noon = datetime.combine(last, datetime.min.time()) + timedelta(hours=12)
    world = (
        load_records(options.records) if options.records else generate(now=noon, days=options.days)
    )
    yaml = (Path(__file__).parents[1] / "dagster.yaml").read_text()
    instances = {
        "functions": yaml,
        "stock": yaml[: yaml.index("event_log_storage:")],
        "batched": yaml,
        **(on_postgres(yaml) if options.postgres else {}),
    }
    results: dict[str, tuple[float, float]] = {}
    with (
        serve(world, latency_ms=options.latency_ms) as server,
        tempfile.TemporaryDirectory() as tmp,
    ):
        for variant, instance in instances.items():
            home = Path(tmp) / variant
            home.mkdir()
            (home / "dagster.yaml").write_text(instance)
            os.environ |= server.settings | {
                "DAGSTER_HOME": str(home),
                "DAGSTER_EVENT_BATCH_SIZE": "0" if variant in ("stock", "pg-single") else "200",
                "DATA_LAKE_ROOT": str(home / "lake"),
                "NKDASH_START_DATE": first.isoformat(),
            }
            settings = load_settings(require_odoo=True)
            catalog = load_catalog(settings)
            own = postgres.server() if "postgres" in instance else contextlib.nullcontext()
            with own as address:
                os.environ["DAGSTER_POSTGRES_URL"] = address or ""
                started = time.perf_counter()
                if variant == "functions":
                    odoo = without_dagster(settings, catalog, first, last)
                else:
                    odoo = through_dagster(settings, catalog, first, last).odoo_seconds
                results[variant] = (time.perf_counter() - started, odoo)
    base = results["functions"][0]
    print(f"{options.days} days, {first} to {last}")
    print(f"{'':10} {'seconds':>8} {'in Odoo':>8} {'Dagster':>8} {'ratio':>6}")
    for variant, (seconds, odoo) in results.items():
        share = max(0.0, seconds - base)
        print(f"{variant:10} {seconds:8.2f} {odoo:8.2f} {share:8.2f} {seconds / base:6.1f}")


if __name__ == "__main__":
    main()
