"""Calls that fail as networks and servers do, and the log of calls."""

import threading
import time

import pytest
import requests

from nkdash_tests.sandbox.conftest import KEY, Client

ORDER = "pos.order"


def test_statuses_hit_the_armed_calls_only(client: Client) -> None:
    client.server.control.add_fault("http", status=429, retry_after=3, after=1, times=2)
    answers = [client.raw(ORDER, "search_count", []) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 429, 429, 200]
    assert answers[1].headers["Retry-After"] == "3"
    assert "Retry-After" not in answers[0].headers


def test_faults_of_one_model_or_method_leave_others_alone(client: Client) -> None:
    control = client.server.control
    control.add_fault("http", model="pos.order.line", status=503)
    control.add_fault("http", method="fields_get", status=502)
    assert client.raw(ORDER, "search_count", []).status_code == 200
    assert client.raw("pos.order.line", "search_count", []).status_code == 503
    assert client.raw(ORDER, "fields_get").status_code == 502
    assert client.raw(ORDER, "fields_get").status_code == 200


def test_errors_of_odoo(client: Client) -> None:
    client.server.control.add_fault("error")
    name, message = client.error(ORDER, "search", [])
    assert name == "psycopg2.errors.SerializationFailure"
    assert "could not serialize access" in message
    client.server.control.add_fault("error", name="odoo.exceptions.UserError", message="No.")
    assert client.error(ORDER, "search", []) == ("odoo.exceptions.UserError", "No.")
    assert client(ORDER, "search", [], limit=1, order="id") == [1]


def test_an_answer_that_breaks_off(client: Client) -> None:
    client.server.control.add_fault("break")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        client.raw(ORDER, "search", [])
    assert client.raw(ORDER, "search", []).status_code == 200


def test_a_call_that_hangs_until_the_client_gives_up(client: Client) -> None:
    client.server.control.add_fault("hang")
    with pytest.raises(requests.exceptions.ReadTimeout):
        client.raw(ORDER, "search_count", [], timeout=0.2)
    assert client.raw(ORDER, "search_count", []).status_code == 200


def test_a_call_that_hangs_until_it_is_released(client: Client) -> None:
    control = client.server.control
    control.add_fault("hang")
    failed: list[Exception] = []

    def call() -> None:
        try:
            client.raw(ORDER, "search_count", [])
        except requests.exceptions.ConnectionError as error:
            failed.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    deadline = time.monotonic() + 5
    while not control.counts() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert caller.is_alive()
    control.clear_faults()
    caller.join(5)
    assert len(failed) == 1
    control.add_fault("hang", after=1)
    assert client.raw(ORDER, "search_count", []).status_code == 200


def test_slow_answers(client: Client) -> None:
    client.server.control.add_fault("slow", seconds=0.15)
    assert client.raw(ORDER, "search_count", []).elapsed.total_seconds() >= 0.15
    assert client.raw(ORDER, "search_count", []).elapsed.total_seconds() < 0.15


def test_the_log_counts_calls_and_holds_no_key(client: Client) -> None:
    control = client.server.control
    client(ORDER, "search_count", [["state", "=", "done"]])
    client(ORDER, "search_count", [])
    client.error(ORDER, "nope")
    assert control.counts() == {"pos.order.search_count": 2, "pos.order.nope": 1}
    first, _, last = control.calls()
    assert first["args"] == [[["state", "=", "done"]]]
    assert (first["model"], first["method"], first["status"]) == (ORDER, "search_count", 200)
    assert first["bytes"] > 30
    assert last["error"] == "builtins.AttributeError"
    assert KEY not in repr(control.calls())
    control.reset_calls()
    assert (control.counts(), control.calls()) == ({}, [])


def test_latency(client: Client) -> None:
    client.server.control.set_latency(120)
    assert client.raw(ORDER, "search_count", []).elapsed.total_seconds() >= 0.12
