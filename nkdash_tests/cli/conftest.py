import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from nkdash.cli.app import app
from nkdash.sandbox import SandboxServer, generate, serve

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
YESTERDAY = TODAY - timedelta(days=1)
FIRST = TODAY - timedelta(days=4)


@dataclass(frozen=True)
class Nkdash:
    """The command line with settings of its own."""

    environment: Mapping[str, str]

    def __call__(self, *arguments: str, **changes: str | None) -> Result:
        """Run a command in this process; ``changes`` set or (None) unset settings."""
        environment = {**self.environment, **changes}
        return CliRunner().invoke(app, [*arguments], env=environment)


def settings_of(server: SandboxServer, folder: Path) -> dict[str, str]:
    return {
        **server.settings,
        "DATA_LAKE_ROOT": str(folder / "lake"),
        "DAGSTER_HOME": str(folder / "dagster"),
        "NKDASH_START_DATE": FIRST.isoformat(),
        "NKDASH_NOW": NOW.isoformat(),
        "NKDASH_STEP_RETRIES": "0",
        "ODOO_MAX_ATTEMPTS": "1",
    }


@pytest.fixture(scope="session")
def odoo() -> Iterator[SandboxServer]:
    """A small invented retailer: four whole days and today so far."""
    world = generate(now=NOW.replace(tzinfo=None), days=4, products=60, orders_per_day=12)
    with serve(world, now=NOW) as server:
        yield server


@pytest.fixture
def nkdash(odoo: SandboxServer, tmp_path: Path) -> Nkdash:
    """The command line on an empty lake."""
    return Nkdash(settings_of(odoo, tmp_path))


@pytest.fixture(scope="session")
def loaded(odoo: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Nkdash:
    """The command line after a backfill of all but the second day, published. Do not change it."""
    folder = tmp_path_factory.mktemp("loaded")
    settings = settings_of(odoo, folder)
    for first, last in ((FIRST, FIRST), (FIRST + timedelta(days=2), TODAY)):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "nkdash.cli", "backfill"),
                *("--from", first.isoformat(), "--to", last.isoformat()),
            ],
            env={**os.environ, **settings},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return Nkdash(settings)
