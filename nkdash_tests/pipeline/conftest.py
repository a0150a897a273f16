import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from nkdash.automation.backfill import BackfillReport, plan, run_here
from nkdash.catalog import Catalog, load_catalog
from nkdash.definitions import build_definitions
from nkdash.sandbox import SandboxServer, load_records, serve
from nkdash.settings import Settings, load_settings
from nkdash_tests.conftest import RECORDS

FIRST, LAST = date(2026, 10, 13), date(2026, 10, 16)


@dataclass
class Pipeline:
    """NKDash on a sandbox: load days, then look at the lake."""

    settings: Settings
    catalog: Catalog
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    odoo: SandboxServer

    @property
    def lake(self) -> Path:
        return self.settings.lake_root

    def load(
        self, first: date = FIRST, last: date = LAST, *datasets: str, publish: bool = False
    ) -> BackfillReport:
        wanted = plan(
            self.definitions, self.catalog, self.settings, first, last, datasets, publish=publish
        )
        return run_here(self.definitions, self.instance, wanted, lambda _: None)


@pytest.fixture
def odoo() -> Iterator[SandboxServer]:
    """A sandbox with a few days of the recorded retailer."""
    with serve(load_records(RECORDS)) as server:
        yield server


@pytest.fixture
def connect_env(settings_env: pytest.MonkeyPatch) -> Callable[[SandboxServer], None]:
    def connect(server: SandboxServer) -> None:
        settings_env.setenv("ODOO_HOST", "127.0.0.1")
        settings_env.setenv("ODOO_PORT", str(server.port))
        settings_env.setenv("ODOO_PROTOCOL", "jsonrpc")
        settings_env.setenv("ODOO_DB", "demo")
        settings_env.setenv("ODOO_USERNAME", "demo")
        settings_env.setenv("ODOO_API_KEY", "demo")
        settings_env.setenv("ODOO_MAX_ATTEMPTS", "1")

    return connect


@pytest.fixture
def pipeline(
    odoo: SandboxServer, connect_env: Callable[[SandboxServer], None]
) -> Iterator[Pipeline]:
    """The whole path on that sandbox, with a Dagster instance in memory."""
    connect_env(odoo)
    settings = load_settings(require_odoo=True)
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Pipeline(
            settings, load_catalog(settings), build_definitions(settings), instance, odoo
        )
