"""What every page says when there is nothing to show: what it is, and what to do about it."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from flask import Flask

from dashboard.app import create_app
from nkdash.dimensions import companies
from nkdash.lake import Layer, write_table
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse, publish
from nkdash.warehouse.versions import POINTER
from nkdash_tests.dashboard.shop import AS_OF, catalog, settings
from nkdash_tests.dashboard.sights import Place, places

PLACES = [place for place in places() if not place.page.own]
Ask = Callable[[Place, str], str]


@pytest.fixture
def asked() -> Iterator[Callable[[Settings], Ask]]:
    """Asks a dashboard on some settings for all that a tab shows."""
    opened: list[Warehouse] = []

    def on(chosen: Settings) -> Ask:
        opened.append(Warehouse(chosen.warehouse_dir))
        server: Flask = create_app(chosen, opened[-1]).server

        def ask(place: Place, search: str = "") -> str:
            path, _, query = place.path.partition("?")
            search = "?" + "&".join(part for part in (query, search) if part)
            page, tab = place.page, place.page.tab(place.tab)
            outputs = [section.name for section in page.tabs[tab]]
            told = [_answer(server, output, search, path) for output in outputs]
            if tab in page.tables:
                told.append(_caption(server, page.tables[tab].name, search, path))
            return "\n".join(told)

        return ask

    yield on
    for warehouse in opened:
        warehouse.close()


def _answer(server: Flask, output: str, search: str, path: str) -> str:
    return _post(server, output, [("url", "search", search), ("version", "data", 1)], path)


def _caption(server: Flask, table: str, search: str, path: str) -> str:
    frame = {"type": "grid-frame", "table": table}
    found = [{"id": frame, "property": "id", "value": frame}]
    return _post(
        server, "grid-caption", [("url", "search", search), ("version", "data", 1), found], path
    )


def _post(server: Flask, output: str, inputs: list[Any], path: str) -> str:
    told = [
        {"id": one[0], "property": one[1], "value": one[2]} if isinstance(one, tuple) else one
        for one in inputs
    ]
    answer = server.test_client().post(
        "/_dash-update-component",
        json={
            "output": f"{output}.children",
            "outputs": {"id": output, "property": "children"},
            "inputs": told,
            "state": [{"id": "url", "property": "pathname", "value": path}],
            "changedPropIds": ["url.search"],
        },
    )
    assert answer.status_code == 200, (output, answer.get_data(as_text=True))
    return str(answer.get_data(as_text=True))


def silent(ask: Ask, search: str, *words: str) -> dict[str, str]:
    """The tabs that do not say ``words``, or show a figure or an error of ours."""
    told = {str(place): ask(place, search) for place in PLACES}
    return {
        where: said[:300]
        for where, said in told.items()
        if not all(word in said for word in ('"message', *words))
        or "tile-value" in said
        or "Something went wrong" in said
    }


def test_without_a_warehouse(asked: Callable[[Settings], Ask], lake: Path) -> None:
    assert silent(asked(settings(lake)), "", "No warehouse yet", "nkdash publish") == {}


def test_with_an_empty_warehouse(asked: Callable[[Settings], Ask], lake: Path) -> None:
    chosen = settings(lake)
    row = {"company_id": 1, "name": "PT", "currency_id": 12, "currency": "IDR"}
    blank = dict.fromkeys(companies.TABLE.schema.names())
    frame = pl.DataFrame([{**blank, **row}], schema=companies.TABLE.schema)
    write_table(chosen.lake_root, Layer.STAR, companies.TABLE, frame, as_of=AS_OF)
    publish(chosen, catalog(chosen))
    assert silent(asked(chosen), "", "No day is loaded yet", "nkdash backfill") == {}


def test_days_that_are_not_loaded(asked: Callable[[Settings], Ask], published: Settings) -> None:
    search = "range=2020-01-01..2020-01-31"
    assert silent(asked(published), search, "not loaded", "nkdash backfill --from 2020-01-01") == {}


@pytest.fixture
def copied(published: Settings, lake: Path) -> Settings:
    """Settings of a copy of the published warehouse, to be changed by the test."""
    chosen = settings(lake)
    shutil.copytree(published.warehouse_dir, chosen.warehouse_dir)
    return chosen


def _change(chosen: Settings, *statements: str) -> None:
    [file] = chosen.warehouse_dir.glob("nkdash-*.duckdb")
    with duckdb.connect(str(file)) as connection:
        for statement in statements:
            connection.execute(statement)
    pointer = chosen.warehouse_dir / POINTER
    told = json.loads(pointer.read_bytes())
    pointer.write_text(json.dumps({**told, "size": file.stat().st_size}))


def test_a_warehouse_of_another_version(asked: Callable[[Settings], Ask], copied: Settings) -> None:
    _change(copied, "UPDATE warehouse_state SET schema_version = schema_version - 1")
    assert silent(asked(copied), "", "another version of NKDash", "nkdash publish") == {}


def test_a_warehouse_that_lacks_a_table(asked: Callable[[Settings], Ask], copied: Settings) -> None:
    """A version of NKDash with a new table, before it has published."""
    _change(copied, "DROP TABLE data_coverage")
    assert silent(asked(copied), "", "did not answer this question", "nkdash publish") == {}
