"""The data dictionary is what the code says, and says something of every column."""

from pathlib import Path

import pytest

from nkdash.catalog import Catalog, load_catalog
from nkdash.dictionary import dictionary
from nkdash.settings import Settings
from nkdash.warehouse.shape import made_tables

DICTIONARY = Path(__file__).parents[2] / "docs" / "data-dictionary.md"


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None)


@pytest.fixture
def catalog(settings: Settings) -> Catalog:
    return load_catalog(settings)


def test_the_dictionary_in_docs_is_current(catalog: Catalog, settings: Settings) -> None:
    current = DICTIONARY.read_text(encoding="utf-8") == dictionary(catalog, settings)
    assert current, "make it anew: nkdash dictionary > docs/data-dictionary.md"


def test_every_column_made_in_the_warehouse_is_described(
    catalog: Catalog, settings: Settings
) -> None:
    silent = [
        f"{table.derived.name}.{column.name}"
        for table in made_tables(catalog, settings)
        for column in table.columns
        if column.note is None
    ]
    assert not silent, "tell of them in the heads of their .sql files (see derived.py)"


def test_heads_tell_of_columns_that_are_there(catalog: Catalog, settings: Settings) -> None:
    for table in made_tables(catalog, settings):
        strange = set(table.derived.columns) - {column.name for column in table.columns}
        assert not strange, table.derived.name


def test_every_column_of_the_lake_is_described(catalog: Catalog) -> None:
    tables = [
        *(t for d in catalog.datasets for t in (d.raw_table, d.clean_table)),
        *(d.raw_table for d in catalog.dimensions),
        *catalog.facts,
        *catalog.dimension_tables,
    ]
    silent = [f"{t.name}.{c.name}" for t in tables for c in t.columns if not c.description]
    assert not silent
    assert not [t.name for t in tables if not t.grain]


def test_money_and_quantities_tell_their_unit(catalog: Catalog) -> None:
    text = ("quantity", "tax_ex", "tax_in", "amount")
    silent = [
        f"{t.name}.{c.name}"
        for t in (*catalog.facts, *catalog.dimension_tables)
        for c in t.columns
        if c.dtype.is_decimal() and c.unit is None and any(part in c.name for part in text)
    ]
    assert not silent
