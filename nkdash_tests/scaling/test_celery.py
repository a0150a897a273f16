"""A range of days spread over two Celery workers with a real Redis, as docs/scaling.md says."""

import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from nkdash.automation.executor import executor
from nkdash.automation.requests import LOAD_RANGE, RANGE_END, RANGE_START
from nkdash.home import prepare_home
from nkdash.lake import Layer, list_days, read_footer
from nkdash.settings import Settings, SettingsError
from nkdash_tests.pipeline import conftest as path
from nkdash_tests.postgres import need

FIRST, LAST = date(2026, 10, 13), date(2026, 10, 16)
WORKERS = ("one", "two")
WAIT_SECONDS = 60.0
PROJECT = Path(__file__).parents[2]
SCRIPTS = Path(sys.executable).parent

odoo, connect_env, pipeline = path.odoo, path.connect_env, path.pipeline


def test_two_workers_share_a_range_and_give_the_same_lake(
    pipeline: path.Pipeline, settings_env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    need("redis-server")
    assert pipeline.load(FIRST, LAST).succeeded
    alone = hashes(pipeline.lake)
    with redis(tmp_path) as broker:
        settings_env.setenv("DATA_LAKE_ROOT", str(tmp_path / "shared"))
        settings_env.setenv("NKDASH_EXECUTOR", "celery")
        settings_env.setenv("NKDASH_CELERY_BROKER", broker)
        settings_env.setenv("DAGSTER_HOME", str(tmp_path / "home"))
        settings_env.setenv("PYTHONPATH", str(PROJECT))
        settings_env.setenv("PATH", f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}")
        home = prepare_home()
        # Made before the workers come: they would make its tables at the same time.
        with dg.DagsterInstance.from_config(str(home)) as instance:
            with workers(broker, tmp_path):
                load_range(tmp_path)
            [run] = instance.get_runs()
            assert run.status is dg.DagsterRunStatus.SUCCESS
            shares = steps_by_worker(instance, run.run_id)
    assert shares.keys() == set(WORKERS)
    # Neither does all the work while the other looks on.
    assert min(shares.values()) >= sum(shares.values()) / 4
    assert hashes(tmp_path / "shared") == alone


def steps_by_worker(instance: dg.DagsterInstance, run_id: str) -> Counter[str]:
    """How many steps each worker has executed, by its name."""
    steps: Counter[str] = Counter()
    for entry in instance.all_logs(run_id, dg.DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        if event and "Celery worker" in event.engine_event_data.metadata:
            host = event.engine_event_data.metadata["Celery worker"].value
            steps[str(host).partition("@")[0]] += 1
    return steps


def hashes(lake: Path) -> Mapping[tuple[str, str, date | None], str]:
    """The rows of every day of every table of the lake, as one hash."""
    return {
        (layer, folder.name, file.day): read_footer(file.path).rows_sha256
        for layer in (Layer.RAW, Layer.CLEAN, Layer.STAR)
        for folder in (lake / layer).iterdir()
        for file in list_days(lake, layer, folder.name)
    }


def load_range(folder: Path) -> None:
    """The job of ranges, launched as Dagster's command line does, here for the days of the test."""
    tags = f'{{"{RANGE_START}": "{FIRST}", "{RANGE_END}": "{LAST}"}}'
    done = subprocess.run(
        ["dagster", "job", "execute", "-m", "nkdash.definitions", "-j", LOAD_RANGE, "--tags", tags],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=2 * WAIT_SECONDS,
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis of the test's own; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with process("redis-server", *options, log=folder / "redis.log"):
        until(lambda: "Ready to accept" in (folder / "redis.log").read_text())
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def workers(broker: str, folder: Path) -> Iterator[None]:
    """Two workers, started as docs/scaling.md says, each with one process for steps."""
    config = folder / "celery.yaml"
    config.write_text(f"execution: {{config: {{broker: '{broker}', backend: '{broker}'}}}}\n")
    start = ["worker", "start", "-A", "dagster_celery.app", "-y", str(config)]
    logs = {name: folder / f"{name}.log" for name in WORKERS}
    with ExitStack() as running:
        for name, log in logs.items():
            options = [*start, "--name", name, "--", "--concurrency", "1"]
            running.enter_context(process("dagster-celery", *options, log=log))
        until(lambda: all(" ready." in log.read_text() for log in logs.values()))
        yield


@contextmanager
def process(*command: str, log: Path) -> Iterator[None]:
    """A program and its children, ended with the block."""
    with log.open("w") as output:
        started = subprocess.Popen(command, stdout=output, stderr=output, process_group=0)
    try:
        yield
    finally:
        os.killpg(started.pid, 15)
        started.wait(WAIT_SECONDS)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a process; it says so in its log."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it does not come up"
        time.sleep(0.1)


def test_celery_without_a_broker_is_refused_and_one_process_is_the_default() -> None:
    assert executor(Settings()) is dg.in_process_executor
    with pytest.raises(SettingsError, match="NKDASH_CELERY_BROKER"):
        executor(Settings(nkdash_executor="celery"))
    with_broker = Settings(
        nkdash_executor="celery", nkdash_celery_broker=SecretStr("redis://:secret@host/0")
    )
    assert executor(with_broker).name == "celery"
