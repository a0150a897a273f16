import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat

from nkdash.automation.backfill import daemon_is_running
from nkdash.sandbox import SandboxServer
from nkdash_tests.cli.conftest import FIRST, Nkdash


def test_backfill_loads_publishes_and_sums_up(nkdash: Nkdash, tmp_path: Path) -> None:
    answer = nkdash("backfill", "--from", "yesterday", "--dataset", "pos_orders", "--no-publish")
    assert answer.exit_code == 0, answer.output
    assert "Loaded 1 day" in answer.stdout
    assert "Odoo: " in answer.stdout
    assert list((tmp_path / "lake/clean/pos_orders").iterdir())
    assert not (tmp_path / "lake/clean/pos_payments").exists()
    assert not (tmp_path / "lake/warehouse/current.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "2026-11-20", "--to", "2026-11-30"], "future"),
        (["--from", "2020-01-01"], "NKDASH_START_DATE"),
        (["--from", FIRST.isoformat(), "--dataset", "sales"], "pos_order_lines"),
        (["--to", "today"], "--from"),
    ],
)
def test_wrong_usage_is_told_with_code_2(nkdash: Nkdash, arguments: list[str], words: str) -> None:
    answer = nkdash("backfill", *arguments)
    assert answer.exit_code == 2
    assert words in answer.stderr


def test_failures_are_told_with_code_1_and_never_the_key(nkdash: Nkdash) -> None:
    wrong = nkdash("backfill", "--from", "yesterday", ODOO_API_KEY="not-the-key-xyz")
    assert (wrong.exit_code, "ODOO_API_KEY" in wrong.stderr) == (1, True)
    assert "not-the-key-xyz" not in wrong.output
    down = nkdash("backfill", "--from", "yesterday", ODOO_PORT="9")
    assert (down.exit_code, "ODOO_HOST" in down.stderr) == (1, True)
    unset = nkdash("backfill", "--from", "yesterday", ODOO_DB=None, ODOO_HOST=None)
    assert unset.exit_code == 1
    assert "ODOO_DB is not set" in unset.stderr
    assert "ODOO_HOST is not set" in unset.stderr


def test_a_failed_step_names_odoos_words_and_fails(nkdash: Nkdash, odoo: SandboxServer) -> None:
    odoo.control.add_fault(
        "error",
        model="pos.order",
        times=99,
        name="odoo.exceptions.UserError",
        message="till on fire",
    )
    try:
        answer = nkdash("backfill", "--from", "yesterday")
    finally:
        odoo.control.clear_faults()
    assert answer.exit_code == 1
    assert "till on fire" in answer.stdout + answer.stderr


def test_only_a_recent_heartbeat_is_a_running_daemon(tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert not daemon_is_running(instance)
        for age, running in ((300, False), (5, True)):
            beat = DaemonHeartbeat(time.time() - age, "BACKFILL", "daemon", None)
            instance.add_daemon_heartbeat(beat)
            assert daemon_is_running(instance) is running


def test_without_a_daemon_there_is_no_queue_to_hand_it_to(nkdash: Nkdash) -> None:
    answer = nkdash("backfill", "--from", "yesterday", "--queue")
    assert answer.exit_code == 1
    assert "nkdash up" in answer.stderr


def test_an_interrupted_load_ends_with_130_and_without_a_traceback(
    nkdash: Nkdash, odoo: SandboxServer
) -> None:
    settings = nkdash.environment
    odoo.control.add_fault("hang", model="pos.order", method="search_read")
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "nkdash.cli", "backfill", "--from", "yesterday"],
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as program:
            deadline = time.monotonic() + 40
            while not any(fault["seen"] for fault in odoo.control.faults()):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            program.send_signal(signal.SIGTERM)
            odoo.control.clear_faults()
            told, _ = program.communicate(timeout=30)
    finally:
        odoo.control.clear_faults()
    assert program.returncode == 130, told
    assert "Traceback" not in told
