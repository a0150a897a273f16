"""The whole way: load, keep, delete everything, put back; then the night's load goes on."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import chdir
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from nkdash.cli.app import app
from nkdash.lake import Layer, read_footer
from nkdash.sandbox import SandboxServer, generate, serve

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
FIRST = TODAY - timedelta(days=3)
KEY = "a passphrase for tests"


@pytest.fixture(scope="module")
def odoo() -> Iterator[SandboxServer]:
    world = generate(now=NOW.replace(tzinfo=None), days=3, products=40, orders_per_day=8)
    with serve(world, now=NOW) as server:
        yield server


def nkdash(folder: Path, *arguments: str, **more: str) -> str:
    """What a command says that is run in ``folder``, whose .env holds its settings."""
    with chdir(folder):
        done = CliRunner().invoke(app, [*arguments], env={"NO_COLOR": "1", **more})
    assert done.exit_code == 0, done.output
    return done.stdout


def row_hashes(lake: Path) -> dict[str, str]:
    return {
        str(path.relative_to(lake)): read_footer(path).rows_sha256
        for layer in Layer
        for path in (lake / layer.value).rglob("*.parquet")
    }


def totals(lake: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table of the warehouse, its rows in order."""
    newest = max((lake / "warehouse").glob("*.duckdb"), key=lambda p: p.stat().st_mtime_ns)
    with duckdb.connect(str(newest), read_only=True) as connection:
        tables = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' "
            "AND table_name NOT IN ('warehouse_state', 'warehouse_manifest')"
        ).fetchall()
        return {
            name: connection.execute(f"FROM {name} ORDER BY ALL").fetchall() for (name,) in tables
        }


def runs(home: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(home / "history" / "runs.db")
    try:
        return sorted(connection.execute("SELECT run_id, status FROM runs").fetchall())
    finally:
        connection.close()


@pytest.mark.parametrize("raw_only", [False, True], ids=["whole", "raw only"])
def test_everything_deleted_comes_back_and_goes_on(
    odoo: SandboxServer, tmp_path: Path, raw_only: bool
) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    settings = {
        **odoo.settings,
        "DATA_LAKE_ROOT": "lake",
        "NKDASH_START_DATE": FIRST.isoformat(),
        "NKDASH_NOW": NOW.isoformat(),
        "ODOO_MAX_ATTEMPTS": "1",
    }
    (folder / ".env").write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
    before_last = TODAY - timedelta(days=2)
    nkdash(folder, "backfill", "--from", FIRST.isoformat(), "--to", before_last.isoformat())
    lake, home = folder / "lake", folder / ".nkdash" / "dagster"
    expected = row_hashes(lake), totals(lake), runs(home)
    key = {"NKDASH_BACKUP_KEY": KEY}
    told = nkdash(
        folder, "backup", str(tmp_path / "kept"), *(["--raw-only"] if raw_only else []), **key
    )
    assert "encrypted" in told
    [archive] = (tmp_path / "kept").iterdir()
    assert "is whole" in nkdash(folder, "backup", "--verify", str(archive), **key)

    shutil.rmtree(folder)
    folder.mkdir()
    told = nkdash(folder, "restore", str(archive), **key)

    assert "Put back" in told
    hashes, tables, finished = row_hashes(lake), totals(lake), runs(home)
    assert hashes == expected[0]
    # Whatever is made again is as of then; what it says is the same.
    same = [name for name in tables if name.startswith(("fact_", "dim_", "agg_")) or not raw_only]
    assert {n: tables[n] for n in same} == {n: expected[1][n] for n in same}
    # What raw alone makes again is runs of its own.
    assert set(finished) >= set(expected[2])
    assert (finished == expected[2]) is not raw_only
    nkdash(folder, "backfill", "--from", "yesterday")
    assert any(str(TODAY - timedelta(days=1)) in name for name in row_hashes(lake))
