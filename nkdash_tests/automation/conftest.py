"""NKDash's automation on a sandbox, with a clock that tests move."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from nkdash.automation import gate
from nkdash.automation.missing import look, nightly_asked
from nkdash.automation.requests import LOAD_RANGE
from nkdash.catalog import Catalog, load_catalog
from nkdash.definitions import build_definitions
from nkdash.lake import LakePath, Layer, list_days
from nkdash.sandbox import SandboxServer, load_records, serve
from nkdash.settings import Settings, load_settings
from nkdash_tests.conftest import RECORDS

# 03:00 on the 17th in Jakarta: the nightly load of the 16th is over.
NOW = datetime(2026, 10, 16, 20, 0, tzinfo=UTC)
FIRST, LAST = date(2026, 10, 13), date(2026, 10, 16)
DAYS = [FIRST + timedelta(days=n) for n in range(4)]


@dataclass
class Shop:
    """Settings, definitions and an instance; ``now`` is what every clock of NKDash says."""

    settings: Settings
    catalog: Catalog
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    odoo: SandboxServer
    now: datetime = NOW

    @property
    def lake(self) -> LakePath:
        return self.settings.lake_root

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def look(self) -> list[dg.RunRequest]:
        """One tick of the sensor for missing days."""
        answer = look(self.instance, self.settings, self.catalog)
        return answer if isinstance(answer, list) else []

    def why_not(self) -> str:
        """Why the sensor asks for nothing."""
        answer = look(self.instance, self.settings, self.catalog)
        assert isinstance(answer, dg.SkipReason), answer
        return answer.skip_message or ""

    def load(self, requests: Sequence[dg.RunRequest]) -> bool:
        """Execute what a sensor asked for, as the daemon would; whether all of it succeeded."""
        jobs = self.definitions.get_repository_def()
        outcomes = [
            jobs.get_job(request.job_name or LOAD_RANGE).execute_in_process(
                instance=self.instance,
                asset_selection=list(request.asset_selection or ()),
                partition_key=request.partition_key,
                tags=dict(request.tags),
                raise_on_error=False,
            )
            for request in requests
        ]
        return all(outcome.success for outcome in outcomes)

    def queue(self, request: dg.RunRequest) -> dg.DagsterRun:
        """Create the run that a sensor asked for, and do not start it."""
        job = self.definitions.get_repository_def().get_job(request.job_name or LOAD_RANGE)
        return self.instance.create_run_for_job(
            job,
            tags=dict(request.tags),
            asset_selection=frozenset(request.asset_selection or ()),
            status=dg.DagsterRunStatus.NOT_STARTED,
        )

    def days(self, layer: Layer, table: str) -> list[date]:
        return [file.day for file in list_days(self.lake, layer, table) if file.day]

    def times(self, layer: Layer, table: str) -> dict[date, int]:
        """When each day's file was written."""
        return {f.day: f.mtime_ns for f in list_days(self.lake, layer, table) if f.day}


def span(request: dg.RunRequest) -> tuple[str, str]:
    """First and last day that a request asks for."""
    prefix = "dagster/asset_partition_range_"
    return request.tags[f"{prefix}start"], request.tags[f"{prefix}end"]


@contextmanager
def opened(odoo: SandboxServer, patch: pytest.MonkeyPatch, lake: Path) -> Iterator[Shop]:
    """A shop on this sandbox and lake, at NOW, with an instance in memory."""
    for name, value in {
        **odoo.settings,
        "ODOO_MAX_ATTEMPTS": "1",
        "DATA_LAKE_ROOT": str(lake),
        "NKDASH_START_DATE": FIRST.isoformat(),
        "NKDASH_STEP_RETRIES": "0",
    }.items():
        patch.setenv(name, value)
    settings = load_settings(require_odoo=True)
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    gate._probes.clear()
    with dg.DagsterInstance.ephemeral() as instance:
        shop = Shop(settings, load_catalog(settings), build_definitions(settings), instance, odoo)
        patch.setattr("nkdash.clock.machine_now", lambda: shop.now)
        yield shop


@pytest.fixture
def odoo() -> Iterator[SandboxServer]:
    """A sandbox with a few days of the recorded retailer."""
    with serve(load_records(RECORDS)) as server:
        yield server


@pytest.fixture
def shop(odoo: SandboxServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Shop]:
    """A shop whose lake is empty."""
    with opened(odoo, monkeypatch, tmp_path / "lake") as shop:
        yield shop


@pytest.fixture(scope="session")
def loaded_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with every day, loaded at NOW. Copy it."""
    lake = tmp_path_factory.mktemp("loaded") / "lake"
    with (
        serve(load_records(RECORDS)) as server,
        pytest.MonkeyPatch.context() as patch,
        opened(server, patch, lake) as shop,
    ):
        nightly_asked(shop.instance, LAST, shop.now - timedelta(minutes=1))
        assert shop.load(shop.look())
    return lake


@pytest.fixture
def filled(
    loaded_lake: Path, odoo: SandboxServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Shop]:
    """A shop whose lake holds every day, and whose nightly load was asked for."""
    shutil.copytree(loaded_lake, tmp_path / "lake")
    with opened(odoo, monkeypatch, tmp_path / "lake") as shop:
        nightly_asked(shop.instance, LAST, shop.now - timedelta(minutes=1))
        assert shop.look() == []
        yield shop
