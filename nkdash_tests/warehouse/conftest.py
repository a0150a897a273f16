"""A lake and a warehouse of its own for every test."""

from pathlib import Path

import pytest

from nkdash.catalog import Catalog
from nkdash.settings import Settings
from nkdash_tests.warehouse.lake_samples import catalog_of, make_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


@pytest.fixture
def catalog(settings: Settings) -> Catalog:
    return catalog_of(settings)
