"""Views, exports and logins in the audit: who, when, what, with which filters, how many rows."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from dashboard import audit
from dashboard.store import EXPORT, FILE, VIEW, Entry, Store
from dashboard.users import machine_now
from nkdash.settings import Settings
from nkdash_tests.dashboard.people import (
    add_people,
    client_of,
    controls,
    section,
    sections_of,
    serve,
    with_users,
)

RANGE = "?range=2026-09-25..2026-11-22"


@pytest.fixture
def chosen(published: Settings, tmp_path: Path) -> Settings:
    """Settings with built-in users and a state folder of the test's own."""
    made = with_users(published, nkdash_state_dir=tmp_path / "state")
    add_people(made, "sari", "kemang")
    return made


@pytest.fixture
def store(chosen: Settings) -> Store:
    """The store behind the app."""
    return Store(chosen.state_dir)


@pytest.fixture
def client(chosen: Settings) -> FlaskClient:
    """A manager."""
    return client_of(serve(chosen), "sari")


@pytest.fixture
def time_passes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets the clock of views run ahead."""
    ahead = timedelta()

    def passes(**amount: float) -> None:
        nonlocal ahead
        ahead += timedelta(**amount)

    monkeypatch.setattr(audit, "machine_now", lambda: machine_now() + ahead)
    return passes


def views(store: Store) -> list[tuple[str, str]]:
    """Path and filters of each view, oldest first."""
    return [(e.path, e.filters) for e in reversed(store.newest(100, (VIEW,)))]


def visit(client: FlaskClient, search: str, path: str = "/", changed: str = "url.search") -> None:
    """What a page asks for when its reader comes to it."""
    for output in sections_of("/"):
        assert section(client, output, search, path, changed).status_code == 200


def test_a_visit_is_one_line_with_who_what_and_as_of_when(
    client: FlaskClient, store: Store
) -> None:
    before = machine_now()
    visit(client, "?store=2,1&range=7d&sort=-name&nonsense=1")
    [entry] = store.newest(10, (VIEW,))
    assert (entry.user, entry.role, entry.outcome) == ("sari", "manager", "done")
    assert (entry.path, entry.filters, entry.data_version) == ("/", "?range=7d&store=1,2", 1)
    assert timedelta(0) <= entry.at - before + timedelta(seconds=1) < timedelta(seconds=30)


def test_a_change_of_filters_is_a_line_and_sorting_and_new_data_are_none(
    client: FlaskClient, store: Store, time_passes: Callable[..., None]
) -> None:
    visit(client, RANGE)
    visit(client, f"{RANGE}&sort=-name")
    visit(client, f"{RANGE}&store=1")
    time_passes(minutes=30)
    visit(client, f"{RANGE}&store=1", changed="version.data")
    assert views(store) == [("/", RANGE), ("/", f"{RANGE}&store=1")]
    visit(client, RANGE)
    assert views(store)[2:] == [("/", RANGE)]
    # A second tab that is open on the other view asks for new data by itself.
    visit(client, f"{RANGE}&store=1", changed="version.data")
    assert len(views(store)) == 3
    time_passes(hours=13)
    visit(client, RANGE, changed="version.data")
    assert len(views(store)) == 4


def test_workers_tell_one_visit_once_and_two_readers_twice(chosen: Settings, store: Store) -> None:
    one, other = serve(chosen), serve(chosen)
    here = client_of(one, "sari")
    cookie = here.get_cookie("nkdash")
    assert cookie is not None
    there = other.test_client()
    there.set_cookie("nkdash", cookie.value)
    visit(here, RANGE)
    visit(there, RANGE)
    assert len(views(store)) == 1
    visit(client_of(one, "kemang"), RANGE)
    assert len(views(store)) == 2


def test_a_page_that_is_not_for_its_reader_is_told_as_refused(
    chosen: Settings, store: Store
) -> None:
    client = client_of(serve(chosen), "kemang")
    known = client.get("/_dash-dependencies").get_json()
    controls(client, known, "", "/operations")
    section(client, sections_of("/")[0], "", "/")
    told = [(e.path, e.outcome) for e in store.newest(2, (VIEW,))]
    assert told == [("/", "done"), ("/operations", "refused")]


def test_no_page_is_seen_under_the_name_of_another(client: FlaskClient, store: Store) -> None:
    """What the browser says it is on decides what the audit says, so it decides what is shown."""
    for path in ("/operations", "/sales", "/no/such/page"):
        for output in sections_of("/"):
            assert section(client, output, RANGE, path).get_json()["response"] == {}
        rows = grid_rows(client, "customers", path, RANGE)
        assert rows.get_json()["response"] == {}
        drawer = receipt(client, "product_sales", "pos-1", path, RANGE)
        assert drawer["lines-body"]["children"] is None
    assert grid_rows(client, "transactions", "/sales", RANGE).get_json()["response"]
    assert receipt(client, "transactions", "pos-1", "/sales", RANGE)["lines-body"]["children"]
    assert {path for path, _ in views(store)} <= {"/sales", "/operations", "/no/such/page"}


def grid_rows(client: FlaskClient, table: str, path: str, search: str) -> Any:
    """The answer to a grid's question for its first rows."""
    frame = {"type": "grid-frame", "table": table}
    asked = {"startRow": 0, "endRow": 10, "sortModel": [], "filterModel": {}}
    body = {
        "output": "grid.getRowsResponse",
        "outputs": {"id": "grid", "property": "getRowsResponse"},
        "inputs": [{"id": "grid", "property": "getRowsRequest", "value": asked}],
        "state": [*of_url(search, path), [{"id": frame, "property": "id", "value": frame}]],
        "changedPropIds": ["grid.getRowsRequest"],
    }
    return client.post("/_dash-update-component", json=body)


def receipt(client: FlaskClient, table: str, key: str, path: str, search: str) -> dict[str, Any]:
    """The drawer of a row, by property."""
    parts = [("lines-body", "children"), ("lines", "opened")]
    body = {
        "output": f"..{'...'.join(f'{i}.{p}' for i, p in parts)}..",
        "outputs": [{"id": i, "property": p} for i, p in parts],
        "inputs": [
            {"id": "lines-request", "property": "data", "value": {"table": table, "key": key}}
        ],
        "state": of_url(search, path),
        "changedPropIds": ["lines-request.data"],
    }
    found: dict[str, Any] = client.post("/_dash-update-component", json=body).get_json()["response"]
    return found


def of_url(search: str, path: str) -> list[Any]:
    """What the browser says of its address."""
    values = {"search": search, "pathname": path}
    return [{"id": "url", "property": name, "value": value} for name, value in values.items()]


def test_an_export_is_told_with_its_rows(client: FlaskClient, store: Store) -> None:
    csv = client.get(f"/export/transactions.csv{RANGE}&store=1&sort=-net_revenue")
    rows = len(csv.get_data().decode("utf-8-sig").splitlines()) - 1
    assert client.get(f"/export/products.xlsx{RANGE}").status_code == 200
    excel, text = store.newest(10, (EXPORT,))
    assert (text.user, text.detail, text.rows) == ("sari", "transactions.csv", rows)
    assert (text.path, text.filters, text.data_version) == ("/sales", f"{RANGE}&store=1", 1)
    assert excel.detail == "products.xlsx"
    assert excel.rows


def test_what_cannot_be_written_down_stops_exports_and_no_view(
    published: Settings, tmp_path: Path
) -> None:
    on_loopback = published.model_copy(update={"nkdash_state_dir": tmp_path / "state"})
    (tmp_path / "state").write_text("a file where a folder should be")
    client = serve(on_loopback).test_client()
    answer = section(client, sections_of("/")[0], RANGE)
    assert answer.status_code == 200
    assert "Something went wrong" not in answer.get_data(as_text=True)
    refused = client.get(f"/export/products.csv{RANGE}")
    assert refused.status_code == 503
    assert "NKDASH_STATE_DIR" in refused.get_data(as_text=True)


def test_views_can_be_neither_changed_nor_deleted(client: FlaskClient, store: Store) -> None:
    visit(client, RANGE)
    with sqlite3.connect(store.folder / FILE) as connection:
        for sql in ("UPDATE audit SET filters = ''", "DELETE FROM audit WHERE action = 'view'"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(sql)
    connection.close()
    assert len(views(store)) == 1


def test_orders_are_found_among_many_views(store: Store) -> None:
    order = Entry(machine_now(), "ayu", "manager", "refresh", "r1", "asked")
    store.append(order)
    for number in range(30):
        entry = Entry(machine_now(), "sari", "viewer", VIEW, f"v{number}", "done", path="/")
        store.append(entry)
    assert [e.request for e in store.newest(5)] == ["r1"]
    assert len(store.newest(100, (VIEW,), user="sari")) == 30
    assert store.newest(100, (VIEW,), user="ayu") == []


def test_admins_see_who_looked_at_what_and_nobody_else_does(chosen: Settings) -> None:
    add_people(chosen, "bos")
    server = serve(chosen)
    sari, bos = client_of(server, "sari"), client_of(server, "bos")
    visit(sari, f"{RANGE}&store=2")
    sari.get(f"/export/products.csv{RANGE}")

    def told(client: FlaskClient, kind: str, reader: str) -> str:
        body = {
            "output": "seen-lines.children",
            "outputs": {"id": "seen-lines", "property": "children"},
            "inputs": [
                {"id": "seen-kind", "property": "value", "value": kind},
                {"id": "seen-reader", "property": "value", "value": reader},
            ],
            "changedPropIds": [],
        }
        return str(client.post("/_dash-update-component", json=body).get_json())

    assert f"/{RANGE}&store=2" in told(bos, "all", "*")
    assert "products.csv" in told(bos, "files", "sari")
    assert "products.csv" not in told(bos, "views", "sari")
    assert RANGE not in told(bos, "all", "bos")
    assert "may look, not load" in told(sari, "all", "*")
    assert "seen-kind" in section(bos, "operations-log", path=None).get_data(as_text=True)
    assert "seen-kind" not in section(sari, "operations-log", path=None).get_data(as_text=True)
    assert Store(chosen.state_dir).readers() == ["bos", "sari"]
