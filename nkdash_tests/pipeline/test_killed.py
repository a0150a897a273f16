"""kill -9 in the middle of a backfill: no half day, no run that runs for ever, and it heals."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from nkdash.automation.dead_runs import fail_dead_runs
from nkdash.lake import Layer, list_days, read_footer
from nkdash.sandbox import SandboxServer
from nkdash.settings import load_settings
from nkdash_tests.pipeline.conftest import FIRST, LAST

PROJECT = Path(__file__).parents[2]
# Loads the range and dies at the N-th file that is put into place.
DYING = """
import os, signal, sys, warnings
warnings.simplefilter("ignore")
left = int(sys.argv[1])
real = os.replace
def replace(*args):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    real(*args)
os.replace = replace
from datetime import date
import dagster as dg
from nkdash.automation.backfill import plan, run_here
from nkdash.catalog import load_catalog
from nkdash.definitions import build_definitions
from nkdash.settings import load_settings
settings = load_settings(require_odoo=True)
catalog, definitions = load_catalog(settings), build_definitions(settings)
wanted = plan(definitions, catalog, settings, *map(date.fromisoformat, sys.argv[2:4]))
with dg.DagsterInstance.get() as instance:
    report = run_here(definitions, instance, wanted, lambda _: None)
sys.exit(0 if report.succeeded else f"failed: {report.failures}")
"""


def load(home: Path, files: int) -> int:
    """Run the backfill in a process of its own that dies at file ``files``; its return code."""
    done = subprocess.run(
        [sys.executable, "-c", DYING, str(files), FIRST.isoformat(), LAST.isoformat()],
        env={**os.environ, "DAGSTER_HOME": str(home), "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def facts(lake: Path) -> dict[str, tuple[str, int]]:
    found = {}
    for table in ("fact_sales", "fact_payments"):
        for file in list_days(lake, Layer.STAR, table):
            footer = read_footer(file.path)
            found[f"{table} {file.day}"] = (footer.rows_sha256, footer.rows)
    return found


@pytest.mark.parametrize("files", [26, 47])
def test_the_next_run_heals_a_killed_one(
    odoo: SandboxServer,
    connect_env: Callable[[SandboxServer], None],
    tmp_path: Path,
    files: int,
) -> None:
    connect_env(odoo)
    lake = load_settings().lake_root
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    assert load(home, files) == -signal.SIGKILL
    for layer in Layer:
        for file in lake.glob(f"{layer}/**/data.parquet"):
            assert read_footer(file).rows >= 0
    assert load(home, 10_000) == 0
    healed = facts(lake)
    days = (LAST - FIRST + timedelta(days=1)).days
    assert len(healed) == 2 * days
    truth = json.loads((PROJECT / "nkdash_tests/data/17/truth.json").read_text())["days"]
    for day, figures in truth.items():
        assert healed[f"fact_sales {day}"][1] == figures["pos_lines"]["lines"]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        statuses = {run.status for run in instance.get_runs()}
        assert statuses == {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE}
        assert fail_dead_runs(instance) == []
