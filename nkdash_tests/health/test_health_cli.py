"""``nkdash health`` for people and for monitoring: words, JSON, exit codes, an endpoint."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner, Result

from nkdash.cli.app import app
from nkdash.health import checks, result
from nkdash.health.result import Status

Given = Callable[[Status], None]


def nkdash(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def given(settings_env: pytest.MonkeyPatch) -> Given:
    """Checks that find what a test says."""

    def find(status: Status) -> None:
        found = [result.Result("disk lake", status, "3 [GiB] free", "Free some.", 3.0, "bytes")]
        settings_env.setattr(checks, "all_checks", lambda *_: found)

    return find


@pytest.mark.parametrize(
    ("status", "code"),
    [(Status.OK, 0), (Status.WARN, 1), (Status.FAIL, 2), (Status.UNKNOWN, 3)],
)
def test_exit_codes_are_those_of_monitoring(given: Given, status: Status, code: int) -> None:
    given(status)
    answer = nkdash("health")
    assert answer.exit_code == code
    assert "3 [GiB] free" in answer.stdout
    told = json.loads(nkdash("health", "--json").stdout)
    assert told["status"] == status.value
    assert told["incidents"] == []
    assert told["checks"][0]["value"] == 3.0


@pytest.mark.parametrize(
    "wrong", [["--nope"], ["extra"], ["--listen", "9105"], ["--listen", "x:y"]]
)
def test_wrong_usage_is_unknown_not_critical(given: Given, wrong: Sequence[str]) -> None:
    given(Status.OK)
    assert nkdash("health", *wrong).exit_code == 3


def test_wrong_settings_are_unknown_not_a_warning(settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("NKDASH_TIMEZONE", "Nowhere")
    answer = nkdash("health")
    assert answer.exit_code == 3
    assert "NKDASH_TIMEZONE" in answer.stderr


def test_a_storage_that_cannot_be_opened_is_unknown(
    settings_env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("storage: {nothing: {}}")
    settings_env.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    answer = nkdash("health")
    assert answer.exit_code == 3
    assert "storage cannot be opened" in answer.stderr


def test_a_new_installation_is_told_what_to_do(settings_env: pytest.MonkeyPatch) -> None:
    answer = nkdash("health")
    assert answer.exit_code == 2
    for words in ("ODOO_HOST is not set", "never seen", "nothing was published yet"):
        assert words in " ".join(answer.stdout.split())


def test_the_endpoint_serves_until_it_is_told_to_stop(
    settings_env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "nkdash.cli", "health", "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path / "home"), "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        told = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", told)
        assert address, told + process.stdout.read()
        metrics = requests.get(f"{address[0]}/metrics", timeout=30)
        assert 'nkdash_check_status{check="odoo"} 2.0' in metrics.text
        assert 'nkdash_runs_total{job="daily_load",status="success"} 0.0' in metrics.text
        assert requests.get(f"{address[0]}/healthz", timeout=30).status_code == 503
    finally:
        process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if process.poll() is None:
            process.kill()
        process.communicate()
    assert process.returncode == 0
