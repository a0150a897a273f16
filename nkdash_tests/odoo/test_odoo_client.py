"""Frames come back whole, sorted and typed, however many pages they took and whatever happens."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nkdash.odoo import (
    OdooAccessError,
    OdooClient,
    OdooCredentialsError,
    OdooRequestError,
    OdooSchemaError,
    TransientOdooError,
)
from nkdash.odoo.paging import chunks, id_ranges
from nkdash_tests.odoo.conftest import Connect
from nkdash_tests.odoo.stub import Call, Reply, Stub, TinyOdoo, odoo_error, serve

FIELDS = {
    "thing": {
        "id": "integer",
        "name": "char",
        "partner_id": "many2one",
        "tag_ids": "many2many",
        "at": "datetime",
        "image": "binary",
    }
}
SCHEMA = {
    "id": pl.Int64(),
    "name": pl.String(),
    "partner_id": pl.Int64(),
    "tag_ids": pl.List(pl.Int64()),
    "at": pl.Datetime("us"),
}
Row = dict[str, Any]


def thing(number: int) -> Row:
    return {
        "id": number,
        "name": False if number % 3 == 0 else f"thing {number}",
        "partner_id": number * 10,
        "tag_ids": [number] * (number % 2),
        "at": "2026-08-25 17:00:00",
    }


@contextmanager
def things(
    connect: Connect,
    rows: list[Row],
    before: Callable[[Call], Any] | None = None,
    major: int = 17,
    **overrides: object,
) -> Iterator[tuple[OdooClient, Stub]]:
    odoo = TinyOdoo({"thing": rows}, FIELDS, before, major)
    with serve(odoo) as stub, OdooClient(connect(stub.port, **overrides)) as client:
        yield client, stub


@pytest.mark.parametrize(
    ("count", "calls"), [(0, 1), (1, 1), (6, 1), (7, 2), (8, 3), (14, 3), (15, 4), (70, 11)]
)
def test_any_number_of_records_comes_whole_and_in_few_calls(
    connect: Connect, count: int, calls: int
) -> None:
    rows = [thing(number * 3) for number in range(count, 0, -1)]
    with things(connect, rows, page_size=7) as (client, stub):
        frame = client.search_read("thing", [], list(SCHEMA))
        assert stub.count("search_read") + stub.count("search") == calls
    assert frame.schema == SCHEMA
    assert frame["id"].to_list() == [number * 3 for number in range(1, count + 1)]
    assert frame["partner_id"].to_list() == [number * 30 for number in range(1, count + 1)]


def test_columns_come_in_the_order_asked_and_id_is_always_there(connect: Connect) -> None:
    with things(connect, [thing(1)]) as (client, _):
        assert client.search_read("thing", [], ["name", "id", "at"]).columns == ["name", "id", "at"]
        assert client.search_read("thing", [], ["name", "at"]).columns == ["id", "name", "at"]
        assert client.search_read("thing", [], ["name", "name"]).columns == ["id", "name"]


def test_a_schema_casts_columns(connect: Connect) -> None:
    with things(connect, [thing(1)]) as (client, _):
        frame = client.search_read("thing", [], ["name"], schema={"id": pl.Int32()})
    assert frame.schema == {"id": pl.Int32(), "name": pl.String()}


@settings(max_examples=30, deadline=None)
@given(
    start=st.sets(st.integers(1, 60), max_size=30),
    writes=st.lists(st.tuples(st.booleans(), st.integers(1, 80)), max_size=12),
    page_size=st.integers(1, 8),
)
def test_writes_between_pages_neither_lose_nor_double_a_record(
    connect: Connect, start: set[int], writes: list[tuple[bool, int]], page_size: int
) -> None:
    rows = [thing(number) for number in start]
    pending, lock, deleted = iter(writes), threading.Lock(), set()

    def write(call: Call) -> None:
        if call.method in ("search", "search_read"):
            with lock:
                for insert, number in [w for w in [next(pending, None)] if w]:
                    if insert and number not in {row["id"] for row in rows}:
                        rows.append(thing(number))
                    elif not insert:
                        deleted.add(number)
                        rows[:] = [row for row in rows if row["id"] != number]

    with things(connect, rows, write, page_size=page_size) as (client, _):
        found = client.search_read("thing", [], ["name"])["id"].to_list()
    assert found == sorted(set(found))
    assert set(found) >= start - deleted
    assert set(found) <= start | {number for insert, number in writes if insert}


def test_several_pages_are_in_flight_at_once_but_never_more_than_allowed(connect: Connect) -> None:
    together, lock, most = threading.Barrier(3), threading.Lock(), [0, 0]

    def meet(call: Call) -> None:
        if call.method == "search_read" and len(call.args[0]) == 2:
            with lock:
                most[0] += 1
                most[1] = max(most)
            # Passes only when three calls are here at the same time.
            together.wait(5)
            with lock:
                most[0] -= 1

    rows = [thing(number) for number in range(1, 71)]
    with things(connect, rows, meet, page_size=7, pages_in_flight=3) as (client, _):
        assert client.search_read("thing", [], ["name"]).height == 70
    assert most[1] == 3


def fail_at_page(number: int, reply: Reply) -> Callable[[Call], Reply | None]:
    pages = iter(range(1, 1000))

    def before(call: Call) -> Reply | None:
        return reply if call.method == "search_read" and next(pages) >= number else None

    return before


@pytest.mark.parametrize("in_flight", [1, 4])
def test_a_permanent_failure_at_page_three_of_five_raises_and_returns_nothing(
    connect: Connect, in_flight: int
) -> None:
    rows = [thing(number) for number in range(1, 36)]
    broken = fail_at_page(3, odoo_error("builtins.ValueError", "page three is cursed"))
    with things(connect, rows, broken, page_size=7, pages_in_flight=in_flight) as (client, stub):
        with pytest.raises(OdooRequestError, match=r"thing\.search_read: page three is cursed"):
            client.search_read("thing", [], ["name"])
        client.close()
        # Page 3 was asked for once; at most those in flight beside it went out.
        assert 3 <= stub.count("search_read") <= 2 + in_flight


def test_a_transient_failure_at_page_three_heals(connect: Connect) -> None:
    rows = [thing(number) for number in range(1, 36)]
    pages = iter(range(1, 1000))

    def before(call: Call) -> Reply | None:
        return Reply(503) if call.method == "search_read" and next(pages) in (3, 4) else None

    with things(connect, rows, before, page_size=7) as (client, _):
        assert client.search_read("thing", [], ["name"]).height == 35
        assert client.stats.snapshot().retries == 2


def test_an_answer_out_of_order_is_not_trusted(connect: Connect) -> None:
    def before(call: Call) -> Any:
        if call.method == "search_read":
            return [{"id": 2, "name": "b"}, {"id": 1, "name": "a"}]
        return None

    with (
        things(connect, [], before) as (client, _),
        pytest.raises(OdooRequestError, match="order of ids"),
    ):
        client.search_read("thing", [], ["name"])


def test_read_ids_takes_any_ids_and_leaves_missing_ones_out(connect: Connect) -> None:
    rows = [thing(number) for number in range(1, 30)]
    with things(connect, rows, page_size=4) as (client, stub):
        frame = client.read_ids("thing", [9, 3, 3, 777, 28, 1, 2, 15], ["name"])
        assert frame["id"].to_list() == [1, 2, 3, 9, 15, 28]
        assert stub.count("search_read") == 2
        empty = client.read_ids("thing", [], list(SCHEMA))
    assert empty.is_empty()
    assert empty.schema == SCHEMA


def test_every_call_says_company_zone_and_that_archived_records_count(connect: Connect) -> None:
    with things(connect, [thing(1)], timezone="Asia/Makassar") as (client, stub):
        client.search_read("thing", [], ["name"])
        client.search_count("thing", [])
    contexts = {call.method: call.kwargs["context"] for call in stub.calls if call.model == "thing"}
    assert contexts["search_read"] == {
        "lang": "en_US",
        "tz": "Asia/Makassar",
        "active_test": False,
        "allowed_company_ids": [1, 2],
    }
    assert contexts["search_count"] == contexts["search_read"]


def test_another_companys_values_are_read_with_that_company_first(connect: Connect) -> None:
    with things(connect, [thing(1)]) as (client, stub):
        client.search_read("thing", [], ["name"], company=2)
    assert stub.calls[-1].kwargs["context"]["allowed_company_ids"] == [2, 1]


def test_the_users_main_company_comes_first(connect: Connect) -> None:
    with things(connect, []) as (client, _):
        assert client.companies() == (1, 2)
    with things(connect, [], companies=(2,)) as (client, _):
        assert client.companies() == (2,)
    with things(connect, [], companies=(2, 1)) as (client, _):
        assert client.companies() == (1, 2)


def test_a_company_that_is_not_the_users_is_named(connect: Connect) -> None:
    with (
        things(connect, [], companies=(1, 9)) as (client, _),
        pytest.raises(OdooAccessError, match=r"companies \[9\].*NKDASH_COMPANIES"),
    ):
        client.search_count("thing", [])


def test_login_fields_version_and_companies_are_asked_for_once(connect: Connect) -> None:
    with things(connect, [thing(1)]) as (client, stub):
        for _ in range(3):
            client.search_read("thing", [], ["name"])
    for method in ("authenticate", "fields_get", "version", "read"):
        assert stub.count(method) == 1


def test_bare_many2one_ids_are_asked_for_from_odoo_15_on(connect: Connect) -> None:
    for major, load in ((14, None), (15, False), (19, False)):
        with things(connect, [thing(1)], major=major) as (client, stub):
            client.search_read("thing", [], ["partner_id"])
        assert stub.calls[-1].kwargs.get("load") is load


def test_a_field_that_is_not_there_is_named_with_model_and_version(connect: Connect) -> None:
    with things(connect, []) as (client, stub):
        with pytest.raises(OdooSchemaError, match=r"Odoo 17\.0 has no field 'qty_done' on thing"):
            client.search_read("thing", [], ["name", "qty_done"])
        with pytest.raises(OdooSchemaError, match="'binary'"):
            client.search_read("thing", [], ["image"])
        assert stub.count("search_read") == 0


def test_an_unknown_model_is_a_schema_error(connect: Connect) -> None:
    def before(call: Call) -> Any:
        if call.model == "no.such":
            return odoo_error("odoo.exceptions.UserError", "Object no.such doesn't exist")
        return None

    with (
        things(connect, [], before) as (client, _),
        pytest.raises(OdooSchemaError, match=r"no\.such\.fields_get: Object no\.such doesn't"),
    ):
        client.fields_get("no.such")


def test_a_login_answered_with_false_is_a_credentials_error(connect: Connect) -> None:
    with (
        things(connect, [], username="stranger") as (client, stub),
        pytest.raises(OdooCredentialsError, match=r"'stranger'.*ODOO_API_KEY"),
    ):
        client.authenticate()
    assert stub.count("authenticate") == 1


def test_a_closed_client_stops_waiting_between_attempts(connect: Connect) -> None:
    with things(connect, [], lambda call: Reply(503), backoff_seconds=60.0) as (client, stub):
        failed: list[BaseException] = []

        def run() -> None:
            try:
                client.version()
            except TransientOdooError as error:
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        while not stub.calls:
            thread.join(0.01)
        client.close()
        thread.join(5)
        assert not thread.is_alive()
    assert len(failed) == 1


@given(ids=st.sets(st.integers(1, 500)), size=st.integers(1, 50))
def test_chunks_hold_every_id_once_in_pages_of_like_size(ids: set[int], size: int) -> None:
    ordered = sorted(ids)
    pages = chunks(ordered, size)
    assert [number for page in pages for number in page] == ordered
    assert len(pages) == -(-len(ids) // size)
    assert all(0 < len(page) <= size for page in pages)


@given(ids=st.sets(st.integers(2, 500), min_size=1), size=st.integers(1, 50))
def test_ranges_cover_every_id_exactly_once(ids: set[int], size: int) -> None:
    ranges = [(low[2], high[2]) for low, high in id_ranges(1, sorted(ids), size)]
    for number in range(2, max(ids) + 1):
        assert sum(low < number <= high for low, high in ranges) == 1
