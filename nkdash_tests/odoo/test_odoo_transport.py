"""What the transport does on the wire: refuse writes, retry what may pass, tell faults apart."""

import logging
import socket
import ssl
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import trustme

from nkdash.odoo import (
    OdooClient,
    OdooConfigurationError,
    OdooConnection,
    OdooCredentialsError,
    OdooError,
    OdooRequestError,
    OdooWriteRefusedError,
    Stats,
    TransientOdooError,
)
from nkdash.odoo.choice import transport_for
from nkdash.odoo.transport import JsonRpcTransport
from nkdash.odoo.wire import READ_METHODS
from nkdash_tests.odoo.conftest import Connect
from nkdash_tests.odoo.stub import (
    KEY,
    Call,
    Reply,
    Stub,
    odoo_error,
    result,
    serve,
)

SERIALIZATION = odoo_error("psycopg2.errors.SerializationFailure", "could not serialize access")
BROKEN_BODY = Reply(body=b'{"jsonrpc": "2.0", "id": 1, "result": [1, 2', promise=100)
TRUNCATED_JSON = Reply(body=b'{"jsonrpc": "2.0", "id": 1, "result": [1, 2')
TRANSIENT_REPLIES = {
    "429": Reply(429, headers={"Retry-After": "0"}),
    "408": Reply(408),
    "500": Reply(500),
    "502": Reply(502, b"<html>", content_type="text/html"),
    "503": Reply(503),
    "504": Reply(504),
    "serialization failure": SERIALIZATION,
    "body broken off": BROKEN_BODY,
    "truncated JSON": TRUNCATED_JSON,
    "neither result nor error": Reply(body=b'{"jsonrpc": "2.0", "id": 1}'),
}
PERMANENT_REPLIES: dict[str, tuple[Reply, type[OdooError], str]] = {
    "a web page": (
        Reply(body=b"<html>", content_type="text/html"),
        OdooConfigurationError,
        "there is no Odoo",
    ),
    "foreign JSON": (Reply(body=b'{"hello": 1}'), OdooConfigurationError, "not as Odoo does"),
    "a JSON list": (Reply(body=b"[]"), OdooConfigurationError, "not as Odoo does"),
    "not found": (Reply(404), OdooConfigurationError, "there is no Odoo at"),
    "to https": (
        Reply(301, headers={"Location": "https://erp.example.com/jsonrpc"}),
        OdooConfigurationError,
        "Add +ssl to ODOO_PROTOCOL",
    ),
    "elsewhere": (
        Reply(302, headers={"Location": "http://other.example.com/"}),
        OdooConfigurationError,
        "redirects to http://other.example.com/",
    ),
    "proxy refuses": (Reply(401), OdooConfigurationError, "in front of Odoo"),
    "body not an object": (
        Reply(400, b"Invalid JSON-RPC data", content_type="text/html"),
        OdooRequestError,
        "HTTP 400",
    ),
    "content type": (Reply(415), OdooRequestError, "HTTP 415"),
    "too large": (Reply(413), OdooRequestError, "ODOO_PAGE_SIZE"),
    "malformed domain": (
        odoo_error("builtins.ValueError", "Invalid leaf ('a', 'bogus', 1)"),
        OdooRequestError,
        "Invalid leaf ('a', 'bogus', 1)",
    ),
    "access denied": (
        odoo_error("odoo.exceptions.AccessDenied", "Access Denied"),
        OdooCredentialsError,
        "ODOO_API_KEY",
    ),
}


def count_orders(connection: OdooConnection, stats: Stats | None = None) -> Any:
    transport = transport_for(connection, stats or Stats())
    try:
        return transport.execute(2, "pos.order", "search_count", [[]], {})
    finally:
        transport.close()


def everything_shown(error: BaseException, log: pytest.LogCaptureFixture) -> str:
    """All that a log, an event or a traceback with local variables could show."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "\n".join([str(error), repr(error), repr(vars(error)), *shown.format(), log.text])


@pytest.mark.parametrize("major", ["17", "19"])
def test_recorded_answers_come_through_as_recorded(
    recorded: dict[str, Any], connect: Connect, major: str
) -> None:
    pairs = [
        pair
        for pair in recorded[major]["pairs"]
        if pair.get("request", {}).get("params", {}).get("service") == "object"
        and pair["request"]["params"]["args"][4] in READ_METHODS
    ]
    assert len(pairs) > 15
    by_call = {repr(pair["request"]["params"]["args"][3:]): pair["response"] for pair in pairs}

    def replay(call: Call) -> Reply:
        recorded_answer = by_call[repr([call.model, call.method, call.args, call.kwargs])]
        return Reply(body=orjson.dumps(recorded_answer))

    with serve(replay) as stub:
        transport = JsonRpcTransport(connect(stub.port), Stats())
        for pair in pairs:
            model, method, args, kwargs = pair["request"]["params"]["args"][3:]
            answer = by_call[repr([model, method, args, kwargs])]
            if "result" in answer:
                assert transport.execute(2, model, method, args, kwargs) == answer["result"]
            else:
                with pytest.raises(OdooError) as caught:
                    transport.execute(2, model, method, args, kwargs)
                assert caught.value.name == answer["error"]["data"]["name"]
        transport.close()
        assert len(stub.calls) == len(pairs)


@pytest.mark.parametrize(
    "method",
    [
        "create",
        "write",
        "unlink",
        "copy",
        "action_post",
        "name_create",
        "_compute_x",
        "execute",
        "",
    ],
)
def test_methods_that_could_write_are_refused_before_a_byte_is_sent(
    connect: Connect, method: str
) -> None:
    with serve(lambda call: True) as stub:
        transport = JsonRpcTransport(connect(stub.port), Stats())
        with pytest.raises(OdooWriteRefusedError, match="nothing was sent"):
            transport.execute(2, "pos.order", method, [[1]], {})
        transport.close()
        assert stub.calls == []


def test_no_read_method_can_write() -> None:
    assert {
        name for name in READ_METHODS if name.startswith(("create", "write", "unlink"))
    } == set()
    assert {"name_create", "load", "copy", "toggle_active", "web_save"}.isdisjoint(READ_METHODS)


@pytest.mark.parametrize("fault", TRANSIENT_REPLIES)
def test_a_transient_fault_is_retried_until_it_passes(connect: Connect, fault: str) -> None:
    replies = iter([TRANSIENT_REPLIES[fault]] * 2)
    stats = Stats()
    with serve(lambda call: next(replies, result(42))) as stub:
        assert count_orders(connect(stub.port), stats) == 42
        assert len(stub.calls) == 3
    assert (stats.snapshot().calls, stats.snapshot().retries) == (3, 2)


@pytest.mark.parametrize("fault", TRANSIENT_REPLIES)
def test_a_transient_fault_that_stays_fails_after_the_last_attempt(
    connect: Connect, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serve(lambda call: TRANSIENT_REPLIES[fault]) as stub:
        with pytest.raises(TransientOdooError, match=r"^pos\.order\.search_count: ") as caught:
            count_orders(connect(stub.port, max_attempts=3))
        assert len(stub.calls) == 3
    assert caught.value.transient
    assert "Attempt 1 of 3 failed" in caplog.text
    assert KEY not in everything_shown(caught.value, caplog)


@pytest.mark.parametrize("fault", PERMANENT_REPLIES)
def test_a_permanent_fault_fails_at_once_with_cause_and_remedy(
    connect: Connect, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    reply, kind, words = PERMANENT_REPLIES[fault]
    with serve(lambda call: reply) as stub:
        with pytest.raises(kind) as caught:
            count_orders(connect(stub.port))
        assert len(stub.calls) == 1
    assert words in str(caught.value)
    assert caught.value.remedy in str(caught.value)
    assert KEY not in everything_shown(caught.value, caplog)


def test_a_key_that_the_server_echoes_is_blotted_out(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    reply = odoo_error("builtins.ValueError", f"cannot use {KEY} here")
    with serve(lambda call: reply) as stub, pytest.raises(OdooRequestError) as caught:
        count_orders(connect(stub.port))
    assert "cannot use *** here" in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert KEY not in shown + caplog.text


def test_neither_connection_nor_client_shows_the_key(connect: Connect) -> None:
    connection = connect(1)
    assert connection.api_key.get_secret_value() == KEY
    with OdooClient(connection) as client:
        assert KEY not in repr(connection) + str(connection) + repr(client) + repr(vars(client))


class Pauses(threading.Event):
    """Records how long was to be waited, without waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0)
        return False


def pauses(connection: OdooConnection) -> list[float]:
    transport = JsonRpcTransport(connection, Stats())
    transport._wire._closing = recorder = Pauses()
    try:
        with pytest.raises(TransientOdooError):
            transport.execute(2, "pos.order", "search_count", [[]], {})
    finally:
        transport.close()
    return recorder.seconds


def test_retry_after_is_honoured(connect: Connect) -> None:
    with serve(lambda call: Reply(429, headers={"Retry-After": "7"})) as stub:
        assert pauses(connect(stub.port, max_attempts=3)) == [7, 7]


def test_a_very_long_retry_after_is_left_to_the_caller(connect: Connect) -> None:
    with serve(lambda call: Reply(503, headers={"Retry-After": "3600"})) as stub:
        assert pauses(connect(stub.port)) == []
        assert len(stub.calls) == 1


@pytest.mark.parametrize("value", ["soon", "", "-5"])
def test_a_meaningless_retry_after_means_the_usual_pause(connect: Connect, value: str) -> None:
    with serve(lambda call: Reply(429, headers={"Retry-After": value})) as stub:
        assert len(pauses(connect(stub.port, max_attempts=2))) == 1


def test_pauses_grow_with_jitter_and_stay_below_thirty_seconds(connect: Connect) -> None:
    with serve(lambda call: Reply(500)) as stub:
        waited = pauses(connect(stub.port, max_attempts=10, backoff_seconds=0.5))
    assert len(waited) == 9
    for attempt, seconds in enumerate(waited):
        assert min(0.5 * 2**attempt, 30) <= seconds <= min(0.5 * 2**attempt + 0.5, 30)
    assert waited[-1] == 30
    assert len(set(waited[:5])) == 5


def test_a_server_that_does_not_answer_times_out_and_is_tried_again(connect: Connect) -> None:
    released = threading.Event()

    def hang(call: Call) -> Any:
        released.wait(10)
        return 1

    with serve(hang) as stub:
        with pytest.raises(TransientOdooError, match=r"did not answer within 0\.1 s"):
            count_orders(connect(stub.port, read_timeout=0.1, max_attempts=2))
        assert len(stub.calls) == 2
        released.set()


def test_a_refused_connection_is_transient_and_names_the_address(connect: Connect) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(TransientOdooError, match=rf"127\.0\.0\.1:{port} failed: .*refused"):
        count_orders(connect(port, max_attempts=2))


def test_an_unknown_host_name_is_called_so(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(TransientOdooError, match=r"'erp\.invalid' cannot be resolved.*ODOO_HOST"):
        count_orders(connect(80, host="erp.invalid", max_attempts=1))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls_stub(authority: trustme.CA) -> Iterator[Stub]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with serve(lambda call: 42, ssl_context=context) as stub:
        yield stub


@pytest.mark.parametrize("protocol", ["jsonrpc+ssl", "json2+ssl"])
def test_a_private_ca_is_trusted_when_named_even_beside_an_environment_bundle(
    connect: Connect,
    protocol: str,
    tls_stub: Stub,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine, other = tmp_path / "mine.pem", tmp_path / "other.pem"
    authority.cert_pem.write_to_path(mine)
    trustme.CA().cert_pem.write_to_path(other)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    assert count_orders(connect(tls_stub.port, protocol=protocol, ca_file=mine)) == 42


@pytest.mark.parametrize("protocol", ["jsonrpc+ssl", "json2+ssl"])
def test_an_untrusted_certificate_fails_at_once_and_names_the_setting(
    connect: Connect, tls_stub: Stub, protocol: str
) -> None:
    before = len(tls_stub.calls)
    with pytest.raises(OdooConfigurationError, match=r"is not trusted.*ODOO_CA_FILE"):
        count_orders(connect(tls_stub.port, protocol=protocol))
    assert len(tls_stub.calls) == before


def test_tls_to_a_plain_port_is_explained(connect: Connect) -> None:
    with serve(lambda call: 42) as stub, pytest.raises(OdooConfigurationError) as caught:
        count_orders(connect(stub.port, protocol="jsonrpc+ssl"))
    assert "does not speak TLS" in str(caught.value)


def test_cookies_are_not_kept_between_calls(connect: Connect) -> None:
    reply = Reply(body=result(1).body, headers={"Set-Cookie": "session_id=abc; Path=/"})
    with serve(lambda call: reply) as stub:
        transport = JsonRpcTransport(connect(stub.port), Stats())
        transport.execute(2, "pos.order", "search_count", [[]], {})
        assert len(transport._wire._session.cookies) == 0
        transport.close()


def test_bytes_and_seconds_are_counted(connect: Connect) -> None:
    stats = Stats()
    with serve(lambda call: 42) as stub:
        count_orders(connect(stub.port), stats)
    counted = stats.snapshot()
    assert counted.bytes_received == len(result(42).body)
    assert counted.bytes_sent > 50
    assert 0 < counted.busy_seconds <= counted.call_seconds + 1e-6


def test_debug_logging_of_the_whole_http_stack_shows_no_key(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serve(lambda call: 42) as stub:
        count_orders(connect(stub.port))
    assert "/jsonrpc" in caplog.text
    assert KEY not in caplog.text
