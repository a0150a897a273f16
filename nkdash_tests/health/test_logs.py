"""Logs as JSON lines: who, when, which run and which days; never a secret."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nkdash.automation.requests import RANGE_END, RANGE_START
from nkdash.logs import JsonFormatter, configure, dagster_options
from nkdash.sandbox import SandboxServer
from nkdash_tests.pipeline.conftest import connect_env, odoo

__all__ = ["connect_env", "odoo"]


def line(*secrets: str, **extra: object) -> dict[str, Any]:
    record = logging.makeLogRecord(
        {"name": "nkdash.x", "levelname": "WARNING", "msg": "%s, hello", "args": ("Ann",), **extra}
    )
    found: dict[str, Any] = json.loads(JsonFormatter(secrets).format(record))
    return found


def test_a_line_says_when_who_and_what() -> None:
    told = line(created=1_790_000_000.25)
    assert told == {
        "time": "2026-09-21T14:13:20.250+00:00",
        "level": "WARNING",
        "logger": "nkdash.x",
        "message": "Ann, hello",
    }


def test_a_line_of_a_run_says_which_and_which_days() -> None:
    meta = {
        "run_id": "abc",
        "job_name": "load_range",
        "step_key": "raw__pos_orders",
        "orig_message": "read",
        "job_tags": {RANGE_START: "2026-10-13", RANGE_END: "2026-10-16"},
        "dagster_event": None,
    }
    told = line(dagster_meta=meta)
    expected = {
        "message": "read",
        "run_id": "abc",
        "job": "load_range",
        "step": "raw__pos_orders",
        "first_day": "2026-10-13",
        "last_day": "2026-10-16",
    }
    assert {name: told[name] for name in expected} == expected


def test_no_line_holds_a_secret() -> None:
    try:
        raise RuntimeError("refused s3cret")
    except RuntimeError:
        told = line("s3cret", msg="key s3cret of %s", exc_info=sys.exc_info())
    assert "s3cret" not in json.dumps(told)
    assert "RuntimeError" in told["error"]


@pytest.fixture
def root_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    for name in ("nkdash", "dashboard"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_this_process_logs_json_only_where_it_is_asked_to(
    settings_env: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    root_restored: None,
) -> None:
    configure()
    assert dagster_options() == []
    settings_env.setenv("NKDASH_LOG_FORMAT", "json")
    settings_env.setenv("NKDASH_ALERT_WEBHOOK", "https://hooks.example.com/T0KEN")
    configure()
    logging.getLogger("nkdash.test").info("to https://hooks.example.com/T0KEN")
    logging.getLogger("library").info("chatter")
    [told] = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
    assert (told["logger"], told["message"]) == ("nkdash.test", "to …")
    assert dagster_options() == ["--log-format", "json"]


RUN = """
import dagster as dg, logging, sys
from nkdash.definitions import defs

with dg.DagsterInstance.get() as instance:
    keys = {dg.AssetKey(["raw", "brands"]), dg.AssetKey(["star", "dim_brands"])}
    job = defs.get_repository_def().get_implicit_job_def_for_assets(keys)
    done = job.execute_in_process(
        instance=instance, asset_selection=list(keys), raise_on_error=False
    )
    print(done.run_id)
context = dg.build_sensor_context()
context.log.info("a tick")
"""


def test_a_run_and_a_sensor_tell_json_with_the_run_id(
    odoo: SandboxServer, connect_env: Any, settings_env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connect_env(odoo)
    settings_env.setenv("NKDASH_LOG_FORMAT", "json")
    settings_env.setenv("ODOO_API_KEY", "s3cret-key-of-nobody")
    script = tmp_path / "run.py"
    script.write_text(RUN)
    done = subprocess.run(
        [sys.executable, "-m", "nkdash.home", sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path / "home")},
    )
    assert done.returncode == 0, done.stderr
    assert "s3cret" not in done.stderr + done.stdout
    told = [json.loads(text) for text in done.stderr.splitlines()]
    run_id = done.stdout.strip()
    of_run = [entry for entry in told if entry.get("run_id") == run_id]
    assert {"RUN_START", "STEP_START", "STEP_FAILURE", "RUN_FAILURE"} <= {
        entry.get("event") for entry in of_run
    }
    [failure] = [entry for entry in of_run if entry.get("event") == "STEP_FAILURE"]
    assert (failure["step"], failure["level"]) == ("raw__brands", "ERROR")
    assert "ODOO_API_KEY" in failure["error"]
    assert any(entry["message"] == "a tick" for entry in told)
