"""The sandbox as a program: what it prints, how it ends."""

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import requests

from nkdash.sandbox import SandboxOptions, environment, parse_now, start
from nkdash_tests.sandbox.conftest import DATA

PROGRAM = """
from nkdash.sandbox import SandboxOptions, run
run(SandboxOptions(port=0, days=2, products=20, orders_per_day=5))
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_settings_and_ends_at_a_signal(ending: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        settings: dict[str, str] = {}
        while "NKDASH_START_DATE" not in settings:
            line = program.stdout.readline()
            assert line, program.stderr.read()
            name, _, value = line.strip().partition("=")
            settings[name] = value
        url = f"http://{settings['ODOO_HOST']}:{settings['ODOO_PORT']}/sandbox/status"
        assert requests.get(url, timeout=5).status_code == 200
        program.send_signal(ending)
        assert program.wait(10) == 0
        assert program.stderr.read() == ""
    assert settings["ODOO_PROTOCOL"] == "jsonrpc"
    assert settings["ODOO_DB"] == settings["ODOO_USERNAME"] == settings["ODOO_API_KEY"] == "demo"


def test_recorded_answers_can_be_served() -> None:
    options = SandboxOptions(port=0, records=DATA / "records")
    with start(options) as server:
        assert environment(server, options)["NKDASH_START_DATE"] == "2026-08-25"
        assert server.control.status()["records"]["pos.order"] == 214


def test_a_folder_without_records_is_told(tmp_path: Path) -> None:
    (tmp_path / "fields_get.json.gz").touch()
    empty = tmp_path / "records"
    empty.mkdir()
    with pytest.raises(FileNotFoundError, match="give a folder of records"):
        start(SandboxOptions(port=0, records=empty))
    with pytest.raises(FileNotFoundError, match="says what fields"):
        start(SandboxOptions(port=0, records=tmp_path))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-23", "2026-11-23T16:59:59"),
        ("2026-11-23T09:30", "2026-11-23T09:30:00"),
        ("2026-11-23T09:30:00+07:00", "2026-11-23T02:30:00"),
        ("2026-11-23T09:30:00Z", "2026-11-23T09:30:00"),
    ],
)
def test_instants(text: str, instant: str) -> None:
    assert parse_now(text) == datetime.fromisoformat(instant)
