"""``nkdash demo`` and ``nkdash up`` as programs: what a newcomer sees, and that nothing stays."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
import requests

from nkdash.cli.demo_run import Retailer, isolated, start_over_if_other
from nkdash.cli.ports import next_free
from nkdash.cli.services import code_is_loaded, daemon_is_healthy
from nkdash.sandbox import SandboxServer
from nkdash_tests.cli.conftest import settings_of

SMALL = ("--days", "3", "--products", "60", "--orders-per-day", "12")


def ports() -> list[int]:
    """Three ports of this worker's own region: workers do not get in each other's way."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    found: list[int] = []
    for _ in range(3):
        found.append(next_free("127.0.0.1", 21_000 + worker * 100, found))
    return found


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "nkdash.cli", *arguments]


@contextmanager
def running(
    arguments: list[str], environment: Mapping[str, str], folder: Path
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A program and what it printed up to 'Ctrl-C stops everything'."""
    program = subprocess.Popen(
        command(*arguments),
        env={**os.environ, **environment},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said: list[str] = []
    with program:
        try:
            assert program.stdout is not None
            for line in program.stdout:
                said.append(line)
                if "Ctrl-C stops everything" in line:
                    break
            else:
                pytest.fail("".join(said))
            yield program, said
        finally:
            program.kill() if program.poll() is None else None


def left_over(home: Path) -> list[str]:
    """Command lines of processes whose DAGSTER_HOME is ``home``, zombies aside."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"DAGSTER_HOME={home}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def wait_for_none_left(home: Path) -> None:
    deadline = time.monotonic() + 10
    while found := left_over(home):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_demo_from_nothing_to_answers_and_back(tmp_path: Path) -> None:
    # A user's own settings and .env, which the demo must not touch.
    (tmp_path / ".env").write_text("ODOO_HOST=192.0.2.1\nNKDASH_COMPANIES=77\n")
    board, dagster, odoo = ports()
    options = ["--port", str(board), "--dagster-port", str(dagster), "--odoo-port", str(odoo)]
    home = tmp_path / "demo" / ".nkdash" / "dagster"
    taken = socket.create_server(("127.0.0.1", board))
    with taken, running(["demo", *SMALL, *options], {"ODOO_PORT": "9"}, tmp_path) as demo:
        program, said = demo
        told = "".join(said)
        assert f"Port {board} is taken" in told
        assert "Loaded 4 days" in told
        addresses = re.findall(r"http://127\.0\.0\.1:\d+", told)
        assert requests.get(f"{addresses[0]}/healthz", timeout=10).json()["version"] == 1
        assert requests.get(addresses[0], timeout=10).ok
        assert code_is_loaded(f"{addresses[1]}/graphql")
        assert daemon_is_healthy(f"{addresses[1]}/graphql")
        assert left_over(home)
        program.send_signal(signal.SIGINT)
        assert program.wait(40) == 0
    wait_for_none_left(home)

    # Loaded days, since today has no sale yet just after midnight.
    loaded = "SELECT count(*) AS days FROM data_coverage WHERE dataset = 'pos_order_lines'"
    asked = subprocess.run(
        command("query", "--json", loaded),
        cwd=tmp_path / "demo",
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert json.loads(asked.stdout) == [{"days": 4}]

    again = subprocess.run(
        command("demo", *SMALL, *options, "--once"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    # Today alone; on a midnight in between also the day that has just ended.
    assert re.search(r"Loaded [12] days?,", again.stdout)
    wait_for_none_left(home)


def test_up_starts_all_three_and_sigterm_stops_them(odoo: SandboxServer, tmp_path: Path) -> None:
    board, dagster, _ = ports()
    settings = {
        **settings_of(odoo, tmp_path),
        "NKDASH_START_DATE": (date.today() - timedelta(days=2)).isoformat(),  # noqa: DTZ011
        "NKDASH_DASHBOARD_PORT": str(board),
        "NKDASH_DAGSTER_PORT": str(dagster),
    }
    del settings["NKDASH_NOW"]
    with running(["up"], settings, tmp_path) as (program, _):
        health = requests.get(f"http://127.0.0.1:{board}/healthz", timeout=10).json()
        assert health["warehouse"] == "no warehouse"
        assert daemon_is_healthy(f"http://127.0.0.1:{dagster}/graphql")
        second = subprocess.run(
            command("up"),
            env={**os.environ, **settings},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert (second.returncode, "NKDASH_DASHBOARD_PORT" in second.stderr) == (1, True)
        program.send_signal(signal.SIGTERM)
        assert program.wait(40) == 0
    wait_for_none_left(Path(settings["DAGSTER_HOME"]))


def test_no_setting_of_the_user_reaches_the_demo() -> None:
    users = {"ODOO_HOST": "erp", "odoo_db": "real", "NKDASH_COMPANIES": "7", "PATH": "/bin"}
    users |= {"NKDASH_POSTGRES_URL_FILE": "/run/secrets/postgres_url"}
    assert isolated(users, {"ODOO_HOST": "127.0.0.1"}) == {
        "ODOO_HOST": "127.0.0.1",
        "PATH": "/bin",
    }


def test_another_retailer_starts_over_and_the_same_one_does_not(tmp_path: Path) -> None:
    small, large = Retailer(10, 5), Retailer(20, 5)
    start_over_if_other(tmp_path, small)
    (tmp_path / "lake").mkdir()
    start_over_if_other(tmp_path, small)
    assert (tmp_path / "lake").exists()
    start_over_if_other(tmp_path, large)
    assert not (tmp_path / "lake").exists()
