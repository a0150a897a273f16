"""The queries against a real webserver and daemon: a refresh, its progress, a failure, a cancel."""

import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dashboard.orchestrator import Orchestrator, Order, Run, Status
from nkdash.catalog import load_catalog
from nkdash.cli import services
from nkdash.cli.ports import next_free
from nkdash.cli.processes import Processes, python
from nkdash.sandbox import SandboxServer, generate, serve
from nkdash.settings import Settings

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
DAY = date(2026, 11, 21)
PREPARE = """
from nkdash.home import prepare_home
prepare_home()
from nkdash.cli.services import dagster_storage
with dagster_storage():
    pass
"""


@pytest.fixture
def odoo() -> Iterator[SandboxServer]:
    """A small invented retailer, whose answers may be disturbed."""
    world = generate(now=NOW.replace(tzinfo=None), days=3, products=30, orders_per_day=5)
    with serve(world, now=NOW) as server:
        yield server


@pytest.fixture
def live(odoo: SandboxServer, tmp_path: Path) -> Iterator[Orchestrator]:
    """Webserver and daemon on a home of their own."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    port = next_free("127.0.0.1", 24_000 + worker * 100)
    given = {
        **odoo.settings,
        "DATA_LAKE_ROOT": str(tmp_path / "lake"),
        "DAGSTER_HOME": str(tmp_path / "dagster"),
        "NKDASH_START_DATE": DAY.isoformat(),
        "NKDASH_NOW": NOW.isoformat(),
        "NKDASH_DAGSTER_PORT": str(port),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }
    environment = {**os.environ, **given}
    subprocess.run(python("-c", PREPARE), env=environment, cwd=tmp_path, check=True, timeout=60)
    with Processes(tmp_path / "logs", environment, tmp_path) as processes:
        processes.start(services.webserver("127.0.0.1", port))
        processes.start(services.daemon("127.0.0.1", port))
        processes.wait_healthy(120)
        settings = Settings(_env_file=None, nkdash_dagster_port=port, nkdash_now=NOW)
        yield Orchestrator(settings, load_catalog(settings))


def watch(live: Orchestrator, request: str, until: Callable[[Run], bool]) -> Run:
    """The one run of a request, as soon as ``until`` holds of it."""
    deadline = time.monotonic() + 120
    while True:
        [run] = live.of_request(request)
        if until(run):
            return run
        assert time.monotonic() < deadline, run
        time.sleep(0.1)


def order(live: Orchestrator, dataset: str) -> str:
    """Ask for a day; the request's name."""
    request = uuid.uuid4().hex
    [run_id] = live.launch(Order(dataset, DAY, DAY, "ayu", request))
    [run] = live.of_request(request)
    assert (run.run_id, run.asked_by, run.datasets) == (run_id, "ayu", {dataset})
    assert (dataset, DAY) in live.standing().running
    return request


def test_a_refresh_from_the_ask_to_its_end(live: Orchestrator, odoo: SandboxServer) -> None:
    done = watch(live, order(live, "pos_payments"), lambda run: run.is_finished)
    assert done.status is Status.SUCCESS, live.cause(done.run_id)
    assert done.steps_done == done.steps > 0
    last = live.last_run("pos_payments", DAY)
    assert last is not None

    odoo.control.add_fault(
        "error",
        model="pos.payment",
        name="odoo.exceptions.AccessError",
        message="not allowed to read payments",
        times=1000,
    )
    failed = watch(live, order(live, "pos_payments"), lambda run: run.is_finished)
    assert failed.status is Status.FAILURE
    assert "not allowed to read payments" in live.cause(failed.run_id)
    assert ("pos_payments", DAY) in live.standing().failed
    odoo.control.clear_faults()

    odoo.control.add_fault("slow", model="pos.order", times=1000, seconds=5)
    request = order(live, "pos_orders")
    working = watch(
        live,
        request,
        lambda run: run.status is Status.STARTED and odoo.control.faults()[0]["seen"] > 0,
    )
    live.cancel(working.run_id)
    ended = watch(live, request, lambda run: run.is_finished)
    assert ended.status is Status.CANCELED
    assert ("pos_orders", DAY) not in live.standing().failed
