"""Dagster's storage in a real Postgres: what assumes SQLite would show here."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from nkdash.automation.backfill import daemon_is_running
from nkdash.automation.memory import recall, remember
from nkdash.cli.services import dagster_storage
from nkdash.home import prepare_home
from nkdash.sandbox import SandboxServer
from nkdash_tests import postgres
from nkdash_tests.cli.conftest import FIRST, TODAY, odoo, settings_of

__all__ = ["odoo"]


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgres.server() as address:
        yield address


def test_a_backfill_is_recorded_in_postgres_and_nowhere_else(
    database: str, odoo: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "url").write_text(database)
    settings = settings_of(odoo, tmp_path)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "nkdash.cli", "backfill"),
            *("--from", FIRST.isoformat(), "--to", (FIRST + timedelta(days=1)).isoformat()),
        ],
        env={**os.environ, **settings, "NKDASH_POSTGRES_URL_FILE": str(tmp_path / "url")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert postgres.PASSWORD not in done.stdout + done.stderr
    assert list((tmp_path / "dagster").rglob("*.db")) == []
    monkeypatch.setenv("DAGSTER_HOME", settings["DAGSTER_HOME"])
    monkeypatch.setenv("NKDASH_POSTGRES_URL", database)
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        assert {run.status for run in instance.get_runs()} == {dg.DagsterRunStatus.SUCCESS}
        loaded = instance.get_materialized_partitions(dg.AssetKey(["star", "fact_sales"]))
        assert loaded == {FIRST.isoformat(), (FIRST + timedelta(days=1)).isoformat()}
        assert TODAY.isoformat() not in loaded


def test_what_sensors_remember_and_heartbeats_outlive_a_process(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("NKDASH_POSTGRES_URL", database)
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        remember(instance, "tested", {"Größe": [1, None]})
    with dagster_storage(), dg.DagsterInstance.get() as instance:
        assert recall(instance, "tested") == {"Größe": [1, None]}
        assert not daemon_is_running(instance)
        remember(instance, "tested", None)
        assert recall(instance, "tested") is None
