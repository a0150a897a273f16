"""The app without a browser: what it serves and exports, what it says when data are missing."""

import csv
import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import polars as pl
import pytest
from flask import Flask
from flask.testing import FlaskClient

import dashboard.pages
from dashboard import tables
from dashboard.app import create_app, warm_up
from dashboard.context import Context
from dashboard.explain import explain
from dashboard.export import safe
from dashboard.pages import sales
from dashboard.sections import Page, all_tables
from nkdash.discovery import offers
from nkdash.kpis.registry import kpis
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse
from nkdash_tests.dashboard.shop import Shop, publish_shop, settings

Look = Callable[..., AbstractContextManager[Context]]


@pytest.fixture(scope="session")
def client(published: Settings) -> FlaskClient:
    """A client of the app on the published warehouse."""
    server: Flask = create_app(published, Warehouse(published.warehouse_dir)).server
    server.testing = True
    return server.test_client()


def ask(client: FlaskClient, output: str, search: str, path: str = "/") -> Any:
    """The children that a section's callback answers with, as JSON text."""
    answer = client.post(
        "/_dash-update-component",
        json={
            "output": f"{output}.children",
            "outputs": {"id": output, "property": "children"},
            "inputs": [
                {"id": "url", "property": "search", "value": search},
                {"id": "version", "property": "data", "value": 1},
            ],
            "state": [{"id": "url", "property": "pathname", "value": path}],
            "changedPropIds": ["url.search"],
        },
    )
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def test_the_frame_names_its_language_and_no_other_host(client: FlaskClient) -> None:
    html = client.get("/").get_data(as_text=True)
    assert '<html lang="en">' in html
    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]+', html) == []
    client.set_cookie("nkdash_lang", "id")
    try:
        assert '<html lang="id">' in client.get("/").get_data(as_text=True)
    finally:
        client.delete_cookie("nkdash_lang")


def test_a_first_load_is_small_and_a_reload_smaller(client: FlaskClient) -> None:
    html = client.get("/").get_data(as_text=True)
    found = re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css|woff2)[^"]*)"', html)
    answers = [client.get(path, headers={"Accept-Encoding": "br"}) for path in found]
    assert {answer.status_code for answer in answers} == {200}
    assert sum(len(answer.get_data()) for answer in answers) < 1_800_000
    kept = [answer.headers.get("Cache-Control", "") for answer in answers]
    assert all("max-age=31536000" in words for words in kept), dict(zip(found, kept, strict=True))


def test_answers_to_questions_are_never_taken_from_the_bundle_cache(client: FlaskClient) -> None:
    headers = {"Accept-Encoding": "br"}
    first = client.get("/healthz", headers=headers).get_data()
    assert client.get("/_dash-dependencies", headers=headers).get_data() != first
    one = ask(client, "overview-where", "")
    other = ask(client, "overview-where", "?store=2")
    assert one != other


def test_health_tells_the_version(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"version": 1, "warehouse": "ok"}


def test_a_worker_is_warm_before_it_takes_traffic(published: Settings) -> None:
    assert warm_up(create_app(published, Warehouse(published.warehouse_dir))) > 5


def test_the_app_starts_without_a_warehouse_and_says_what_to_do(lake: Path) -> None:
    app = create_app(settings(lake), Warehouse(lake / "warehouse"))
    warm_up(app)
    client = app.server.test_client()
    health = client.get("/healthz")
    assert health.status_code == 200
    assert health.get_json() == {"version": None, "warehouse": "no warehouse"}
    words = ask(client, "overview-headline", "")
    assert "No warehouse yet" in words
    assert "nkdash backfill" in words
    assert client.get("/export/products.csv").status_code == 503


def test_health_tells_strangers_no_path_and_the_log_once(
    lake: Path, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = publish_shop(lake, shop)
    [file] = chosen.warehouse_dir.glob("nkdash-*.duckdb")
    file.write_bytes(b"not a database" * 100)
    client = create_app(chosen, Warehouse(chosen.warehouse_dir)).server.test_client()
    for _ in range(2):
        assert client.get("/healthz").get_json() == {"version": None, "warehouse": "broken"}
    [told] = [record.getMessage() for record in caplog.records if record.name == "dashboard.app"]
    assert str(file) in told
    assert "nkdash publish" in told


def test_a_broken_warehouse_is_no_zero(lake: Path, shop: Shop) -> None:
    chosen = publish_shop(lake, shop)
    [file] = chosen.warehouse_dir.glob("nkdash-*.duckdb")
    file.write_bytes(b"not a database" * 100)
    client = create_app(chosen, Warehouse(chosen.warehouse_dir)).server.test_client()
    words = ask(client, "overview-headline", "")
    assert "cannot be read" in words
    assert "nkdash publish" in words
    assert "tile-value" not in words


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("?range=2020-01-01..2020-01-31", "None of these days is in the warehouse"),
        ("?range=2026-11-20..2026-11-22&product=6&store=1&brand=1", "No sales match"),
        ("?range=2026-11-05..2026-11-05", "No sales match"),
    ],
)
def test_not_loaded_and_empty_are_told_apart(client: FlaskClient, search: str, words: str) -> None:
    found = ask(client, "overview-headline", search)
    assert words in found
    assert ("Rp\\u00a00" in found or "Rp\u00a00" in found) == (words == "No sales match")


@pytest.mark.parametrize("section", ["overview-headline", "overview-where"])
@pytest.mark.parametrize("search", ["?range=nonsense&store=abc", "?%", "?=&&=", "?company=999"])
def test_a_bad_link_is_never_an_error(client: FlaskClient, section: str, search: str) -> None:
    assert "Something went wrong" not in ask(client, section, search)


def test_readers_at_once_get_each_their_own_answer(published: Settings) -> None:
    asked = [
        (section, path, f"?range=2026-10-{day:02d}..2026-11-20&{search}")
        for day in range(1, 6)
        for search in ("store=1", "brand=2", "cashier=1", "company=2", "")
        for section, path in (("overview-where", "/"), ("sales-mix", "/sales"))
    ]

    def answers(threads: int) -> list[str]:
        warehouse = Warehouse(published.warehouse_dir)
        server = create_app(published, warehouse).server
        with ThreadPoolExecutor(threads) as pool:
            found = list(
                pool.map(lambda a: ask(server.test_client(), a[0], a[2], a[1]), asked, timeout=60)
            )
        warehouse.close()
        return found

    assert answers(8) == answers(1)


def rows_of(answer: Any) -> list[dict[str, str]]:
    """The rows of a CSV."""
    text = answer.get_data().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_the_export_is_the_whole_query_as_numbers(
    client: FlaskClient, look: Look, shop: Shop
) -> None:
    answer = client.get("/export/products.csv?range=2026-09-25..2026-11-22&sort=items_sold")
    assert "nkdash-products-2026-09-25-2026-11-22.csv" in answer.headers["Content-Disposition"]
    rows = rows_of(answer)
    sold = shop.sold.filter(
        pl.col("date").is_between(pl.date(2026, 9, 25), pl.date(2026, 11, 22)),
        pl.col("company_id") == 1,
    )
    expected = sold.get_column("revenue_tax_in").sum()
    assert sum(Decimal(row["net_revenue"]) for row in rows) == expected
    items = [Decimal(row["items_sold"]) for row in rows]
    assert items == sorted(items)
    assert "'=SUM(A1:A9)" in {row["name"] for row in rows}


def test_only_text_that_a_spreadsheet_would_run_is_quoted() -> None:
    frame = pl.DataFrame({"a": ["=1", "+1", "-x", "@x", "fine", "a=b", None], "b": [-1] * 7})
    assert safe(frame).get_column("a").to_list() == [
        "'=1",
        "'+1",
        "'-x",
        "'@x",
        "fine",
        "a=b",
        None,
    ]
    assert safe(frame).get_column("b").to_list() == [-1] * 7


def test_blocks_of_a_table_are_sorted_filtered_and_paged_on_the_server(look: Look) -> None:
    table = sales.TRANSACTIONS
    with look("?range=2026-09-25..2026-11-22") as ctx:
        whole = ctx.session.frame(tables.whole(ctx, table, "net_revenue"))
        first, total = tables.block(ctx, table, 0, 10, "net_revenue", {})
        later, _ = tables.block(ctx, table, 10, 20, "net_revenue", {})
        assert total == whole.height > 100
        ids = whole.get_column("txn_key").to_list()
        assert [row["txn_key"] for row in first + later] == ids[:20]
        model = {
            "store": {"type": "contains", "filter": "KEMANG"},
            "net_revenue": {"type": "greaterThan", "filter": 200000},
        }
        rows, kept = tables.block(ctx, table, 0, 1000, "", model)
        expected = whole.filter(
            (pl.col("store") == "Toko Kemang") & (pl.col("net_revenue") > 200000)
        )
        assert kept == expected.height
        assert {row["txn_key"] for row in rows} == set(expected.get_column("txn_key"))


def test_a_sort_that_names_no_column_is_the_tables_own(look: Look) -> None:
    table = sales.PRODUCTS
    assert tables.order(table, "-nonsense") == ("net_revenue", True)
    assert tables.order(table, "name") == ("name", False)


def _pages() -> tuple[Page, ...]:
    return tuple(make() for make in offers(dashboard.pages, "page"))


def _explained() -> list[str]:
    cards = [f"{page.name}.{key}" for page in _pages() for key in page.explains]
    return [
        *(f"kpi:{name}" for name in kpis()),
        *(f"table:{t}" for t in all_tables(_pages())),
        *cards,
    ]


@pytest.mark.parametrize("what", _explained())
def test_every_tile_can_say_its_definition_and_the_sql_that_made_it(look: Look, what: str) -> None:
    with look("?brand=1") as ctx:
        words = str(explain(ctx, _pages(), what))
    assert "SELECT" in words
    assert "23 Nov 2026, 02:04" in words


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_gunicorn_serves_and_stops_when_told(published: Settings) -> None:
    port = _free_port()
    environment = {
        **os.environ,
        "DATA_LAKE_ROOT": str(published.data_lake_root),
        "NKDASH_NOW": "2026-11-23T03:00:00",
        "NKDASH_DASHBOARD_PORT": str(port),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert b'"version":1' in _first_answer(f"http://127.0.0.1:{port}/healthz", process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()


def _first_answer(url: str, process: subprocess.Popen[bytes]) -> bytes:
    deadline = time.monotonic() + 30
    pause = threading.Event()
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(url, timeout=5) as answer:
                return bytes(answer.read())
        except OSError:
            pause.wait(0.1)
    raise AssertionError(f"{url} never answered")
