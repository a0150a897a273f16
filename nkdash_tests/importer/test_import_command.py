"""From an older system's folders to the warehouse, without asking Odoo for the days again."""

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from nkdash.catalog import load_catalog
from nkdash.clock import days_between
from nkdash.importer.convert import day_column
from nkdash.lake import EXTRACTED_AT, Layer, list_days, read_footer
from nkdash.sandbox import SandboxServer, generate, serve
from nkdash.settings import Settings
from nkdash_tests.backup.test_restored_place import nkdash

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
FIRST = TODAY - timedelta(days=4)


@pytest.fixture(scope="module")
def odoo() -> Iterator[SandboxServer]:
    world = generate(now=NOW.replace(tzinfo=None), days=4, products=40, orders_per_day=8)
    with serve(world, now=NOW) as server:
        yield server


def as_the_old_system(lake: Path, old: Path) -> None:
    """raw/ of ``lake`` in UTC days and the old layout; only UTC days that it holds whole."""
    settings = Settings(_env_file=None)
    for dataset in load_catalog(settings).datasets:
        if dataset.is_snapshot:
            continue
        files = [str(file.path) for file in list_days(lake, Layer.RAW, dataset.name)]
        frame = pl.read_parquet(files, hive_partitioning=False, glob=False).drop("date")
        utc = frame.get_column(day_column(dataset)).cast(pl.Date)
        if "moved_at" in frame.columns:
            frame = frame.rename({"moved_at": "date"})
        frame = frame.rename({name: name.replace(".", "_") for name in frame.columns})
        assert EXTRACTED_AT in frame.columns
        for day in days_between(FIRST, TODAY - timedelta(days=1)):
            folder = old / "raw" / dataset.name / f"year={day:%Y}" / f"month={day:%m}"
            folder = folder / f"day={day:%d}"
            folder.mkdir(parents=True)
            frame.filter(utc == day).write_parquet(folder / "part-0.parquet")


def raw_hashes(lake: Path) -> dict[str, str]:
    return {
        str(path.relative_to(lake)): read_footer(path).rows_sha256
        for path in (lake / "raw").glob("*/date=*/data.parquet")
    }


def sales(lake: Path) -> list[tuple[object, ...]]:
    newest = max((lake / "warehouse").glob("*.duckdb"), key=lambda p: p.stat().st_mtime_ns)
    with duckdb.connect(str(newest), read_only=True) as connection:
        return connection.execute(
            f"SELECT date, count(*), sum(revenue_tax_in) FROM fact_sales_all "
            f"WHERE date BETWEEN DATE '{FIRST + timedelta(days=1)}' "
            f"AND DATE '{TODAY - timedelta(days=1)}' GROUP BY ALL ORDER BY 1"
        ).fetchall()


def test_an_older_lake_becomes_the_warehouse(odoo: SandboxServer, tmp_path: Path) -> None:
    folder, first = tmp_path / "shop", FIRST.isoformat()
    folder.mkdir()
    settings = {
        **odoo.settings,
        "DATA_LAKE_ROOT": "lake",
        "NKDASH_START_DATE": first,
        "NKDASH_NOW": NOW.isoformat(),
        "ODOO_MAX_ATTEMPTS": "1",
    }
    (folder / ".env").write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
    nkdash(folder, "backfill", "--from", first, "--to", "today")
    lake, old = folder / "lake", tmp_path / "old"
    as_the_old_system(lake, old)
    loaded, published = raw_hashes(lake), sales(lake)
    shutil.rmtree(folder / "lake")
    shutil.rmtree(folder / ".nkdash")
    nkdash(folder, "backfill", "--from", "today", "--to", "today")

    # Odoo is away, as far as this command can tell.
    told = nkdash(folder, "import-lake", str(old), "--trust-empty", ODOO_PORT="1")

    assert "imported" in told
    assert "stock_quants is not imported" in told
    imported = raw_hashes(lake)
    # Accounting dates have their first day too; local days of sales need the UTC day before.
    whole = {n for n in loaded if f"date={first}" not in n and "stock_quants" not in n}
    assert {n: imported.get(n) for n in whole} == {n: loaded[n] for n in whole}
    assert sales(lake) == published
    assert published
