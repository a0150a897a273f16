"""Records that change under the readers' eyes, from inside and over HTTP."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from nkdash.sandbox import PortTaken, World, serve
from nkdash_tests.sandbox.conftest import Client, RecordedRows

ORDER, LINE, PAYMENT = "pos.order", "pos.order.line", "pos.payment"
NOW = datetime.fromisoformat("2026-11-23T03:00:00+00:00")


def test_an_edit_moves_only_its_own_write_date(client: Client) -> None:
    control = client.server.control
    control.set_clock(NOW)
    before = client(ORDER, "read", [1], ["write_date"])
    control.update(LINE, [1], {"qty": 9, "price_subtotal": 1.5})
    [line] = client(LINE, "read", [1], ["qty", "price_subtotal", "write_date", "create_date"])
    assert (line["qty"], line["price_subtotal"]) == (9.0, 1.5)
    assert line["write_date"] == "2026-11-23 03:00:00"
    assert line["create_date"] < line["write_date"]
    assert client(ORDER, "read", [1], ["write_date"]) == before
    changed = client(LINE, "search", [["write_date", ">=", "2026-11-23"]])
    assert changed == [1]


def test_write_dates_keep_their_microseconds_but_do_not_show_them(client: Client) -> None:
    client.server.control.set_clock("2026-11-23T03:00:00.250000+00:00")
    client.server.control.update(ORDER, [1], {"note": "x"})
    [row] = client(ORDER, "search_read", [["write_date", ">", "2026-11-23 03:00:00"]], ["note"])
    assert row == {"id": 1, "note": "x"}
    assert client(ORDER, "read", [1], ["write_date"])[0]["write_date"] == "2026-11-23 03:00:00"


def test_values_can_be_unset_and_related_names_follow(client: Client) -> None:
    control = client.server.control
    product = client(LINE, "read", [1], ["product_id"])[0]["product_id"]
    control.update(ORDER, [1], {"partner_id": False, "to_invoice": True})
    control.update("product.product", [product[0]], {"name": "Baru", "default_code": "B-1"})
    assert client(ORDER, "read", [1], ["partner_id", "to_invoice"]) == [
        {"id": 1, "partner_id": False, "to_invoice": True}
    ]
    assert client(LINE, "read", [1], ["product_id"])[0]["product_id"][1] == "[B-1] Baru"


def test_lists_of_ids_can_be_changed(client: Client) -> None:
    client.server.control.update(LINE, [1, 2], {"tax_ids": [1, 7]})
    client.server.control.update(LINE, [2], {"tax_ids": []})
    rows = client(LINE, "read", [1, 2], ["tax_ids"])
    assert [row["tax_ids"] for row in rows] == [[1, 7], []]
    assert client(LINE, "search", [["id", "<", 3], ["tax_ids", "in", [1]]]) == [1]


def test_new_records(client: Client) -> None:
    [brand] = client.server.control.create("x_product_brand", [{"x_name": "Baru"}])
    rows = client("x_product_brand", "search_read", [["x_name", "=", "Baru"]], context={})
    # Archived as long as nobody says otherwise: x_active is unset.
    assert rows == []
    client.server.control.update("x_product_brand", [brand], {"x_active": True})
    [row] = client("x_product_brand", "search_read", [["x_name", "=", "Baru"]])
    assert row["display_name"] == "Baru"


def test_deleting_an_order_takes_its_lines_and_payments(client: Client) -> None:
    client.server.control.delete(ORDER, [1])
    assert client(ORDER, "search_count", [["id", "=", 1]]) == 0
    assert client(LINE, "search_count", [["order_id", "=", 1]]) == 0
    assert client(PAYMENT, "search_count", [["pos_order_id", "=", 1]]) == 0
    client.server.control.delete(LINE, [3])
    assert 3 not in client(ORDER, "read", [2], ["lines"])[0]["lines"]


def test_late_orders(client: Client, recorded: RecordedRows) -> None:
    control = client.server.control
    control.set_clock(NOW)
    ids = control.deliver_orders(days_ago=3, count=2, config_id=3)
    rows = client(ORDER, "read", ids, ["date_order", "write_date", "config_id", "lines", "state"])
    assert len(rows) == 2
    for row in rows:
        assert row["date_order"] == "2026-11-20 03:00:00"
        assert row["write_date"] == "2026-11-23 03:00:00"
        assert row["config_id"][0] == 3
        assert row["state"] in ("paid", "done")
        lines = client(LINE, "read", row["lines"], ["order_id", "price_subtotal", "write_date"])
        assert lines
        assert {line["write_date"] for line in lines} == {"2026-11-23 03:00:00"}
    dated = [["payment_date", "=", "2026-11-20 03:00:00"]]
    assert client(PAYMENT, "search_count", dated) >= 2
    assert client(ORDER, "search_count", []) == len(recorded[ORDER]) + 2
    with pytest.raises(ValueError, match="sales to copy"):
        control.deliver_orders(count=10_000)


def test_the_clock(client: Client) -> None:
    control = client.server.control
    control.set_clock(NOW)
    control.advance_clock(90)
    client.server.control.update(ORDER, [1], {"note": "x"})
    assert client(ORDER, "read", [1], ["write_date"])[0]["write_date"] == "2026-11-23 03:01:30"
    control.set_clock(None)
    now = datetime.fromisoformat(control.status()["now"])
    assert abs(now - datetime.now(NOW.tzinfo).replace(tzinfo=None)) < timedelta(seconds=30)


def test_wrong_names_are_told(client: Client) -> None:
    control = client.server.control
    with pytest.raises(KeyError, match="no model 'nope'"):
        control.update("nope", [1], {})
    with pytest.raises(ValueError, match="has no fields"):
        control.update(ORDER, [1], {"nope": 1})
    with pytest.raises(KeyError, match="has no records"):
        control.delete(ORDER, [1, 99_999])


def _post(client: Client, action: str, body: Any = None) -> requests.Response:
    url = f"{client.server.url}/sandbox/{action}"
    return client.session.post(url, json=body or {}, timeout=5)


def test_control_over_http(client: Client) -> None:
    values = {"model": ORDER, "ids": [1], "values": {"note": "by http"}}
    assert _post(client, "update", values).json() == {"result": None}
    assert client(ORDER, "read", [1], ["note"])[0]["note"] == "by http"
    assert _post(client, "add_fault", {"kind": "http", "status": 503}).status_code == 200
    assert client.raw(ORDER, "search", []).status_code == 503
    status = client.session.get(f"{client.server.url}/sandbox/status", timeout=5).json()
    assert status["result"]["records"][ORDER] == 214
    assert _post(client, "nope").status_code == 404
    assert _post(client, "update", {"model": "nope", "ids": [], "values": {}}).status_code == 400
    assert client.session.get(f"{client.server.url}/web", timeout=5).status_code == 404


def test_readers_see_an_order_whole_or_not_at_all(client: Client) -> None:
    """One answer is one state, while orders come and go."""
    stop = threading.Event()
    store = client.server.service.store

    def churn() -> None:
        while not stop.is_set():
            store.update(ORDER, [1, 2, 3], {"note": "a"})
            store.update(ORDER, [1, 2, 3], {"note": "b"})

    writer = threading.Thread(target=churn)
    writer.start()
    try:
        for _ in range(60):
            notes = {row["note"] for row in client(ORDER, "read", [1, 2, 3], ["note"])}
            assert len(notes) == 1
    finally:
        stop.set()
        writer.join()


def test_worlds_are_shared_but_changes_are_not(world: World, client: Client) -> None:
    client.server.control.delete(ORDER, [1])
    assert 1 in world.tables[ORDER].frame["id"]


def test_a_taken_port_is_told_with_the_remedy(client: Client, world: World) -> None:
    with pytest.raises(PortTaken, match=r"is taken: stop the program .* choose another"):
        serve(world, port=client.server.port)


def test_a_stopped_server_answers_no_kept_connection(world: World) -> None:
    with requests.Session() as session:
        with serve(world) as server:
            client = Client(server, session)
            assert client.raw(ORDER, "search_count", []).status_code == 200
        with pytest.raises(requests.exceptions.ConnectionError):
            client.raw(ORDER, "search_count", [])
