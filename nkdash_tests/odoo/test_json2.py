"""JSON-2 on the wire: as recorded from an Odoo 19, as safe as JSON-RPC, and when it is taken."""

import gzip
import logging
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from nkdash.odoo import (
    DTYPES,
    OdooAccessError,
    OdooClient,
    OdooConfigurationError,
    OdooConnection,
    OdooCredentialsError,
    OdooError,
    OdooRequestError,
    OdooSchemaError,
    OdooWriteRefusedError,
    Stats,
    TransientOdooError,
)
from nkdash.odoo.doctor import checks
from nkdash.odoo.groups import as_read_group
from nkdash.odoo.json2 import PARAMETERS, Json2Transport
from nkdash.odoo.wire import READ_METHODS
from nkdash.sandbox import SandboxServer, load_records
from nkdash.sandbox import serve as serve_sandbox
from nkdash_tests.odoo.conftest import Connect
from nkdash_tests.odoo.stub import KEY, Answer, Call, Reply, json2_error, serve

DATA = Path(__file__).parents[1] / "data" / "19"
SAMPLES = orjson.loads(gzip.decompress((DATA / "samples.json.gz").read_bytes()))
PAIRS = {
    pair["title"].removeprefix("JSON-2 "): pair
    for pair in SAMPLES
    if pair["title"].startswith("JSON-2")
}
FAULTS: dict[str, tuple[type[OdooError], str]] = {
    "ERROR bad key": (OdooCredentialsError, "Invalid apikey"),
    "ERROR no authorization": (OdooCredentialsError, "User not authenticated"),
    "ERROR unknown model": (OdooSchemaError, "the model 'no.such.model' does not exist"),
    "ERROR unknown method": (OdooSchemaError, "The method 'pos.order.nope' does not exist"),
    "ERROR private method": (OdooAccessError, "Private methods"),
    "ERROR unknown field": (OdooSchemaError, "Invalid field 'nope' on 'pos.order'"),
    "ERROR unknown database": (OdooConfigurationError, "has no database 'shop'"),
    "ERROR positional args": (OdooRequestError, "missing a required argument: 'domain'"),
    "ERROR wrong keyword": (OdooRequestError, "missing a required argument: 'domain'"),
}
NO_JSON2 = Reply(404, b"<html>not here</html>", content_type="text/html")
BAD_KEY = json2_error(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey")


def replayed(pair: dict[str, Any]) -> Reply:
    headers = dict(pair["response_headers"])
    kind = headers.pop("Content-Type")
    content = pair["response"]
    body = content.encode() if kind.startswith("text/html") else orjson.dumps(content)
    return Reply(pair["response_status"], body, headers, kind)


def ask(connection: OdooConnection, *call: Any, stats: Stats | None = None) -> Any:
    transport = Json2Transport(connection, stats or Stats())
    try:
        return transport.execute(2, *call)
    finally:
        transport.close()


def count_orders(connection: OdooConnection, stats: Stats | None = None) -> Any:
    return ask(connection, "pos.order", "search_count", [[]], {}, stats=stats)


@pytest.fixture
def json2(connect: Connect) -> Connect:
    return lambda port, **overrides: connect(port, **{"protocol": "json2", **overrides})


@pytest.mark.parametrize("title", [title for title in PAIRS if not title.startswith("ERROR")])
def test_recorded_calls_are_made_and_answered_as_recorded(json2: Connect, title: str) -> None:
    pair = PAIRS[title]
    wanted = pair["request"]
    model, method = wanted["path"].removeprefix("/json/2/").split("/")
    with serve(lambda call: replayed(pair)) as stub:
        answer = ask(json2(stub.port), model, method, [], wanted["body"])
    assert answer == pair["response"]
    [sent] = stub.calls
    assert (sent.service, sent.model, sent.method, sent.kwargs) == (
        "json2",
        model,
        method,
        wanted["body"],
    )
    assert sent.headers["Authorization"] == wanted["headers"]["Authorization"].replace(
        "<API KEY>", KEY
    )
    assert sent.headers["X-Odoo-Database"] == "shop"
    assert sent.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("title", [title for title in PAIRS if title.startswith("ERROR")])
def test_recorded_errors_are_told_apart_and_not_retried(
    json2: Connect, title: str, caplog: pytest.LogCaptureFixture
) -> None:
    kind, words = FAULTS[title]
    with serve(lambda call: replayed(PAIRS[title])) as stub:
        with pytest.raises(kind) as caught:
            count_orders(json2(stub.port))
        assert len(stub.calls) == 1
    assert type(caught.value) is kind
    assert str(caught.value).startswith("pos.order.search_count: ")
    assert words in str(caught.value)
    assert caught.value.remedy in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert KEY not in shown(caught.value, caplog)


def shown(error: BaseException, log: pytest.LogCaptureFixture) -> str:
    """All that a log, an event or a traceback with local variables could show."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "\n".join([str(error), repr(error), repr(vars(error)), *trace.format(), log.text])


PASSING = {
    "429": Reply(429, headers={"Retry-After": "0"}),
    "429 of Odoo": json2_error(429, "werkzeug.exceptions.TooManyRequests", "slow down"),
    "500 without a word": Reply(500),
    "502 of a proxy": Reply(502, b"<html>", content_type="text/html"),
    "503 of Odoo": json2_error(503, "builtins.ValueError", "Invalid field 'x' on 'y'"),
    "serialization failure": json2_error(
        500, "psycopg2.errors.SerializationFailure", "could not serialize access"
    ),
    "lost database": json2_error(500, "psycopg2.OperationalError", "server closed"),
    "gone meanwhile": json2_error(404, "odoo.exceptions.MissingError", "Record does not exist"),
    "body broken off": Reply(body=b"[1, 2", promise=100),
    "truncated JSON": Reply(body=b"[1, 2"),
}
STAYING: dict[str, tuple[Reply, type[OdooError], str]] = {
    "a web page": (
        Reply(body=b"<html>", content_type="text/html"),
        OdooConfigurationError,
        "there is no Odoo",
    ),
    "an Odoo before 19": (NO_JSON2, OdooConfigurationError, "Odoo up to 18 speaks jsonrpc"),
    "to https": (
        Reply(301, headers={"Location": "https://erp.example.com/json/2/x"}),
        OdooConfigurationError,
        "Add +ssl to ODOO_PROTOCOL",
    ),
    "proxy refuses": (Reply(403), OdooConfigurationError, "in front of Odoo"),
    "no right": (
        json2_error(403, "odoo.exceptions.AccessError", "You are not allowed to access"),
        OdooAccessError,
        "read access",
    ),
    "denied": (
        json2_error(403, "odoo.exceptions.AccessDenied", "Access Denied"),
        OdooCredentialsError,
        "API key",
    ),
    "user error": (
        json2_error(422, "odoo.exceptions.UserError", "not like this"),
        OdooRequestError,
        "not like this",
    ),
    "bug in Odoo": (
        json2_error(500, "builtins.KeyError", "some_field"),
        OdooRequestError,
        "some_field",
    ),
    "too large": (Reply(413), OdooRequestError, "ODOO_PAGE_SIZE"),
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_may_pass_is_retried_until_the_last_attempt(
    json2: Connect, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    stats = Stats()
    replies = iter([PASSING[fault]] * 2)
    with serve(lambda call: next(replies, 42)) as stub:
        assert count_orders(json2(stub.port), stats) == 42
    assert (stats.snapshot().calls, stats.snapshot().retries) == (3, 2)
    with serve(lambda call: PASSING[fault]) as stub:
        with pytest.raises(TransientOdooError) as caught:
            count_orders(json2(stub.port, max_attempts=3))
        assert len(stub.calls) == 3
    assert KEY not in shown(caught.value, caplog)


@pytest.mark.parametrize("fault", STAYING)
def test_what_stays_fails_at_once_with_cause_and_remedy(
    json2: Connect, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    reply, kind, words = STAYING[fault]
    with serve(lambda call: reply) as stub:
        with pytest.raises(kind) as caught:
            count_orders(json2(stub.port))
        assert len(stub.calls) == 1
    assert words in str(caught.value)
    assert KEY not in shown(caught.value, caplog)


def test_a_key_that_the_server_echoes_is_blotted_out(json2: Connect) -> None:
    reply = json2_error(500, "builtins.ValueError", f"cannot use {KEY} here")
    with serve(lambda call: reply) as stub, pytest.raises(OdooRequestError) as caught:
        count_orders(json2(stub.port))
    assert "cannot use *** here" in str(caught.value)


@pytest.mark.parametrize(
    "key", [SecretStr("se\r\nX-Evil: 1"), SecretStr("clé-secrète"), SecretStr("se cret")]
)
def test_a_key_that_cannot_stand_in_a_header_is_never_sent_nor_shown(
    json2: Connect, key: SecretStr, caplog: pytest.LogCaptureFixture
) -> None:
    with serve(lambda call: 42) as stub:
        with pytest.raises(OdooCredentialsError, match="no API key has") as caught:
            count_orders(json2(stub.port, api_key=key))
        assert stub.calls == []
    told = shown(caught.value, caplog)
    assert key.get_secret_value() not in told


def test_a_server_that_is_gone_leaves_no_key_in_the_traceback(
    json2: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with serve(lambda call: 42) as stub:
        port = stub.port
    with pytest.raises(TransientOdooError, match="Is Odoo running") as caught:
        count_orders(json2(port, max_attempts=2))
    told = shown(caught.value, caplog)
    assert KEY not in told
    assert "bearer" not in told.lower().replace("_bearer", "")


def test_debug_logging_of_the_whole_http_stack_shows_no_key(
    json2: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serve(lambda call: 42) as stub:
        count_orders(json2(stub.port))
    assert "/json/2/pos.order/search_count" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("method", ["create", "write", "unlink", "action_post", "../write", ""])
def test_methods_that_could_write_are_refused_before_a_byte_is_sent(
    json2: Connect, method: str
) -> None:
    with serve(lambda call: True) as stub:
        with pytest.raises(OdooWriteRefusedError, match="nothing was sent"):
            ask(json2(stub.port), "pos.order", method, [[1]], {})
        assert stub.calls == []


def test_every_read_method_has_names_for_its_arguments() -> None:
    assert set(PARAMETERS) == READ_METHODS


def test_positions_become_names_and_dates_odoos_text(json2: Connect) -> None:
    since = datetime(2026, 11, 13, 1, 2, 3, tzinfo=UTC)
    domain = [("date_order", ">=", since), ("day", "=", date(2026, 11, 13))]
    with serve(lambda call: []) as stub:
        ask(json2(stub.port), "pos.order", "search_read", [domain], {"load": False})
        ask(json2(stub.port), "pos.order", "has_access", [[], "write"], {})
    read, access = stub.calls
    assert read.kwargs == {
        "domain": [["date_order", ">=", "2026-11-13 01:02:03"], ["day", "=", "2026-11-13"]],
        "load": False,
    }
    assert access.kwargs == {"ids": [], "operation": "write"}


class Server:
    """An Odoo of a version with one user; ``json2`` is said to JSON-2 calls instead, if given."""

    def __init__(self, major: int, json2: Reply | None = None, login: str = "demo") -> None:
        self.major, self.json2, self.login = major, json2, login

    def __call__(self, call: Call) -> Any:
        if call.service == "web":
            info = [self.major, 0, 0, "final", 0, ""]
            return (
                {"version": f"{self.major}.0", "version_info": info}
                if self.major > 18
                else NO_JSON2
            )
        if call.service == "json2":
            if self.major < 19 or self.json2:
                return self.json2 or NO_JSON2
            return {"context_get": {"uid": 7}, "read": [{"id": 7, "login": self.login}]}[
                call.method
            ]
        if self.major > 21:
            return Reply(404)
        if call.method == "version":
            return {"server_serie": f"{self.major}.0"}
        return 7 if call.args[2] == KEY else False


CHOICES: dict[str, tuple[str, Server, str]] = {
    "17": ("auto", Server(17), "JSON-RPC"),
    "18": ("auto", Server(18), "JSON-RPC"),
    "19 with an API key": ("auto", Server(19), "JSON-2"),
    "19 with a password": ("auto", Server(19, BAD_KEY), "JSON-RPC"),
    "19 behind a proxy that shuts /json": ("auto", Server(19, Reply(403)), "JSON-RPC"),
    "19 where /json/2 leads nowhere": ("auto", Server(19, NO_JSON2), "JSON-RPC"),
    "21": ("auto", Server(21), "JSON-2"),
    "22, which has no /jsonrpc": ("auto", Server(22), "JSON-2"),
    "19, JSON-RPC by choice": ("jsonrpc", Server(19), "JSON-RPC"),
    "19, JSON-2 by choice": ("json2", Server(19), "JSON-2"),
}


@pytest.mark.parametrize("case", CHOICES)
def test_the_protocol_is_chosen_by_the_server_and_the_key(connect: Connect, case: str) -> None:
    protocol, server, wanted = CHOICES[case]
    with serve(server) as stub, OdooClient(connect(stub.port, protocol=protocol)) as client:
        assert client.protocol() == wanted
        assert (client.authenticate(), client.version().major) == (7, server.major)
    services = {call.service for call in stub.calls}
    if protocol == "jsonrpc" or server.major < 19:
        assert "json2" not in services
    if protocol == "json2":
        assert services == {"json2", "web"}


@pytest.mark.parametrize(
    ("protocol", "server", "kind", "words"),
    [
        ("auto", Server(22, BAD_KEY), OdooCredentialsError, "never a password"),
        ("json2", Server(19, BAD_KEY), OdooCredentialsError, "never a password"),
        ("json2", Server(19, login="other"), OdooCredentialsError, "not one of the user 'demo'"),
        ("json2", Server(17), OdooConfigurationError, "Odoo up to 18 speaks jsonrpc"),
        ("jsonrpc", Server(22), OdooConfigurationError, "From Odoo 22 on only json2"),
        ("auto", lambda call: Reply(404), OdooConfigurationError, "there is no Odoo"),
        ("auto", Server(19, Reply(503)), TransientOdooError, "HTTP 503"),
    ],
)
def test_what_cannot_be_spoken_to_is_told(
    connect: Connect, protocol: str, server: Answer, kind: type[OdooError], words: str
) -> None:
    with (
        serve(server) as stub,
        OdooClient(connect(stub.port, protocol=protocol)) as client,
        pytest.raises(kind, match=words),
    ):
        client.protocol()


def test_a_wrong_key_is_told_whatever_the_protocol(connect: Connect) -> None:
    wrong = SecretStr("wrong")
    with (
        serve(Server(19, BAD_KEY)) as stub,
        OdooClient(connect(stub.port, protocol="auto", api_key=wrong)) as client,
        pytest.raises(OdooCredentialsError, match="does not accept the user 'demo'"),
    ):
        client.authenticate()


def test_another_users_key_is_not_read_with_even_where_odoo_would(connect: Connect) -> None:
    with (
        serve(Server(19, login="other")) as stub,
        OdooClient(connect(stub.port, protocol="auto")) as client,
    ):
        assert client.protocol() == "JSON-RPC", "which knows the user by name"


def test_the_choice_is_made_once_for_all_threads(connect: Connect) -> None:
    with (
        serve(Server(19)) as stub,
        OdooClient(connect(stub.port, protocol="auto")) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        assert set(pool.map(lambda _: client.protocol(), range(32))) == {"JSON-2"}
        assert len(stub.calls) == 3


def test_a_dates_group_gets_its_limits_back() -> None:
    row = {
        "order_id.date_order:day": ["2026-11-12 17:00:00", "13 Nov 2026"],
        "product_id": [3, "Serum"],
        "__count": 2,
        "qty:sum": 5.0,
        "__extra_domain": [
            "&",
            ["order_id", "any", [
                "&",
                ["date_order", ">=", "2026-11-12 17:00:00"],
                ["date_order", "<", "2026-11-13 17:00:00"],
            ]],
            ["product_id", "=", 3],
        ],
    }  # fmt: skip
    groupby = ["order_id.date_order:day", "product_id"]
    assert as_read_group(row, ["qty:sum"], groupby) == {
        "order_id.date_order:day": "13 Nov 2026",
        "product_id": [3, "Serum"],
        "__count": 2,
        "qty": 5.0,
        "__range": {
            "order_id.date_order:day": {
                "from": "2026-11-12 17:00:00",
                "to": "2026-11-13 17:00:00",
            }
        },
    }
    undated = {
        "date_order:day": False,
        "__count": 1,
        "__extra_domain": [["date_order", "=", False]],
    }
    assert as_read_group(undated, [], ["date_order:day"]) == {
        "date_order:day": False,
        "__count": 1,
        "__range": {"date_order:day": False},
    }


@pytest.fixture(scope="module")
def odoo_19() -> Iterator[SandboxServer]:
    """The recorded 19, a few days of it."""
    world = load_records(DATA / "records")
    with serve_sandbox(world, db="shop", username="demo", api_key=KEY) as server:
        yield server


@pytest.fixture
def both(
    odoo_19: SandboxServer, connect: Connect
) -> Iterator[Callable[[Callable[[OdooClient], Any]], tuple[Any, Any]]]:
    connection = connect(odoo_19.port)
    with (
        OdooClient(replace(connection, protocol="jsonrpc")) as by_json_rpc,
        OdooClient(replace(connection, protocol="json2")) as by_json2,
    ):
        yield lambda ask: (ask(by_json_rpc), ask(by_json2))


def test_every_recorded_model_is_the_same_frame_by_both_protocols(
    both: Callable[[Callable[[OdooClient], Any]], tuple[Any, Any]], odoo_19: SandboxServer
) -> None:
    def whole(model: str) -> Callable[[OdooClient], Any]:
        def read(client: OdooClient) -> Any:
            known = client.fields_get(model).items()
            names = [name for name, field in known if field.type in DTYPES]
            return client.search_read(model, [], names, page_size=100)

        return read

    models = odoo_19.control.status()["records"]
    assert len(models) > 20
    for model, records in models.items():
        by_json_rpc, by_json2 = both(whole(model))
        assert by_json2.equals(by_json_rpc), model
        assert by_json2.schema == by_json_rpc.schema
        assert by_json2.height == records


def test_groups_counts_and_rights_are_the_same_by_both_protocols(
    both: Callable[[Callable[[OdooClient], Any]], tuple[Any, Any]],
) -> None:
    sold = [("state", "in", ["paid", "done"])]
    days = ["date_order:day", "config_id"]
    for question in (
        lambda client: client.companies(),
        lambda client: client.search_count("pos.order", sold),
        lambda client: client.read_ids("pos.order", [1, 2, 10**6], ["name"]).rows(),
        lambda client: client.check_access("pos.order", "write"),
        lambda client: client.check_access("pos.order"),
        lambda client: client.read_group("pos.order", sold, ["amount_total:sum"], days),
    ):
        by_json_rpc, by_json2 = both(question)
        assert by_json2 == by_json_rpc


def test_the_doctor_tells_the_protocol_and_what_is_about_to_go(
    odoo_19: SandboxServer, connect: Connect
) -> None:
    def found(protocol: str) -> dict[str, Any]:
        connection = connect(odoo_19.port, protocol=protocol)
        return {check.name: check for check in checks(connection, {"pos.order": {"name": True}})}

    auto = found("auto")
    assert "by JSON-2" in auto["credentials"].detail
    assert auto["time zone"].ok is True
    assert "protocol" not in auto
    old = found("jsonrpc")
    assert old["protocol"].ok is None
    assert "Odoo 22 no longer speaks" in old["protocol"].detail
    assert all(check.ok is not False for check in [*auto.values(), *old.values()])
