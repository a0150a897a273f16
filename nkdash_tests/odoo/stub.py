"""A tiny HTTP server that answers JSON-RPC and JSON-2 calls with whatever a test tells it to."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

KEY = "s3cret-key-0123"
JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Reply:
    """A raw HTTP answer. ``promise`` more bytes than there are breaks the body off."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON
    promise: int = 0


@dataclass(frozen=True)
class Call:
    """One call as it came in. ``service`` is ``json2`` for JSON-2, whose headers are kept, and
    ``web`` for GET. ``model`` is empty for the common service."""

    service: str
    model: str
    method: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


Answer = Callable[[Call], Any]


def result(value: Any) -> Reply:
    return Reply(body=orjson.dumps({"jsonrpc": "2.0", "id": 1, "result": value}))


def json2_error(status: int, name: str, message: str) -> Reply:
    body = {"name": name, "message": message, "arguments": [message], "debug": "Traceback: frames"}
    return Reply(status, orjson.dumps(body))


def odoo_error(name: str, message: str) -> Reply:
    data = {"name": name, "message": message, "debug": "Traceback: server frames", "arguments": []}
    error = {"code": 200, "message": "Odoo Server Error", "data": data}
    return Reply(body=orjson.dumps({"jsonrpc": "2.0", "id": 1, "error": error}))


@dataclass
class Stub:
    port: int
    calls: list[Call] = field(default_factory=list)

    def count(self, method: str) -> int:
        return sum(call.method == method for call in self.calls)


@contextmanager
def serve(answer: Answer, *, ssl_context: Any = None) -> Iterator[Stub]:
    """Serve on an ephemeral port of loopback; ``answer`` gives a result or a :class:`Reply`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            payload = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/jsonrpc":
                self._answer(parse(payload["params"]))
            else:
                model, method = self.path.removeprefix("/json/2/").split("/")
                self._answer(Call("json2", model, method, [], payload, dict(self.headers)))

        def do_GET(self) -> None:
            self._answer(Call("web", "", self.path, [], {}, dict(self.headers)))

        def _answer(self, call: Call) -> None:
            stub.calls.append(call)
            value = answer(call)
            if isinstance(value, Reply):
                self._send(value)
            elif call.service in ("json2", "web"):
                self._send(Reply(body=orjson.dumps(value)))
            else:
                self._send(result(value))

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body) + reply.promise))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)
            if reply.promise:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if ssl_context is not None:
        server.socket = ssl_context.wrap_socket(server.socket, server_side=True)
    stub = Stub(port=server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()


def parse(params: Mapping[str, Any]) -> Call:
    args = params["args"]
    if params["service"] == "common":
        return Call("common", "", params["method"], args, {})
    _db, _uid, _key, model, method, positional, kwargs = args
    return Call("object", model, method, positional, kwargs)


def _fits(row: Mapping[str, Any], domain: Sequence[Any]) -> bool:
    compare: dict[str, Callable[[Any, Any], bool]] = {
        ">": lambda a, b: a > b,
        "<=": lambda a, b: a <= b,
        "=": lambda a, b: a == b,
        "in": lambda a, b: a in b,
    }
    return all(compare[operator](row[name], value) for name, operator, value in domain)


class TinyOdoo:
    """An Odoo 17 with one user, two companies and the records a test gives it.

    ``before`` is called with every call first: it may change the records, or answer instead.
    """

    def __init__(
        self,
        records: Mapping[str, list[dict[str, Any]]],
        fields: Mapping[str, Mapping[str, str]],
        before: Answer | None = None,
        major: int = 17,
    ) -> None:
        self.records = records
        self.fields = fields
        self.before = before
        self.major = major

    def __call__(self, call: Call) -> Any:
        if self.before is not None and (instead := self.before(call)) is not None:
            return instead
        if call.method == "version":
            return {"server_serie": f"{self.major}.0", "server_version_info": [self.major, 0]}
        if call.method == "authenticate":
            return 2 if call.args[1:3] == ["demo", KEY] else False
        if call.model == "res.users":
            return [{"id": 2, "company_id": 1, "company_ids": [2, 1]}]
        if call.method == "fields_get":
            return {name: {"type": kind} for name, kind in self.fields[call.model].items()}
        domain = call.args[0]
        found = sorted(
            (row for row in self.records[call.model] if _fits(row, domain)),
            key=lambda row: row["id"],
        )
        if call.method == "search_count":
            return len(found)
        if call.kwargs.get("order") == "id desc":
            found.reverse()
        found = found[: call.kwargs.get("limit")]
        if call.method == "search":
            return [row["id"] for row in found]
        if call.method == "search_read":
            return [{name: row[name] for name in call.kwargs["fields"]} for row in found]
        return odoo_error("builtins.AttributeError", f"The method '{call.method}' does not exist")
