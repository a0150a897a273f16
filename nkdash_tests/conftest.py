"""What every test gets: an environment without settings of this machine, in a folder of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

RECORDS = Path(__file__).parent / "data" / "17" / "records"
# They take longest: begun last, they would keep one worker busy when the others are done.
FIRST = ("simulation", "deploy", "cli", "backup", "importer", "scaling", "warehouse", "dashboard")
LIVE = {name: value for name, value in os.environ.items() if name.startswith("ODOO_")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long modules first."""
    rank = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: rank.get(item.path.parent.name, len(FIRST)))


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No ODOO_…, NKDASH_… or AWS_… of the caller, no .env of the working directory."""
    for name in list(os.environ):
        if name.startswith(("ODOO_", "NKDASH_", "DATA_LAKE_ROOT", "DAGSTER_", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def settings_env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """Settings for a lake in a temporary folder, with retries that do not wait."""
    monkeypatch.setenv("DATA_LAKE_ROOT", str(tmp_path / "lake"))
    monkeypatch.setenv("NKDASH_START_DATE", "2026-10-01")
    monkeypatch.setenv("NKDASH_STEP_RETRY_SECONDS", "0")
    monkeypatch.setenv("NKDASH_STEP_RETRIES", "0")
    return monkeypatch
