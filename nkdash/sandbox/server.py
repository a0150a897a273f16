"""The HTTP server: Odoo's paths, the control paths, and the faults that break them."""

import errno
import select
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import orjson

from nkdash.sandbox import json2, jsonrpc
from nkdash.sandbox.control import ACTIONS, Control
from nkdash.sandbox.env import READER, Rights
from nkdash.sandbox.errors import OdooError
from nkdash.sandbox.faults import Fault, Traffic
from nkdash.sandbox.jsonrpc import Reply, Request
from nkdash.sandbox.service import Service
from nkdash.sandbox.store import Store

HOST = "127.0.0.1"
CONTROL_PATH = "/sandbox/"


class PortTaken(OSError):
    """Another program listens on the port."""


class SandboxServer:
    """A sandbox that answers on loopback until it is stopped; a context manager."""

    def __init__(
        self,
        store: Store,
        *,
        port: int = 0,
        db: str = "demo",
        username: str = "demo",
        api_key: str = "demo",
        latency_ms: float = 0,
        rights: Rights = READER,
    ) -> None:
        self.service = Service(store, db, username, api_key, rights)
        self.traffic = Traffic()
        self.control = Control(store, self.traffic, latency_ms)
        try:
            self._http = _Http(self, port)
        except OSError as cause:
            if cause.errno != errno.EADDRINUSE:
                raise
            raise PortTaken(
                f"port {port} is taken: stop the program that listens there, or choose another "
                "port (0 takes any free one)"
            ) from cause
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        """The environment that connects to this server."""
        return {
            "ODOO_HOST": HOST,
            "ODOO_PORT": str(self.port),
            "ODOO_PROTOCOL": "json2" if self.service.major >= 19 else "jsonrpc",
            "ODOO_DB": self.service.db,
            "ODOO_USERNAME": self.service.username,
            "ODOO_API_KEY": self.service.api_key,
        }

    def stop(self) -> None:
        """Stop answering and close every connection; again does nothing."""
        self._http.stopping = True
        self.traffic.disarm()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, sandbox: SandboxServer, port: int) -> None:
        self.sandbox = sandbox
        self.stopping = False
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__((HOST, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        # Kept-alive connections would otherwise hold their threads, and answer after the stop.
        with self._open_lock:
            for connection in self._open:
                _hang_up(connection)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that went away are everyday; anything else is worth its traceback."""
        if not self.stopping:
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"
    server_version = "NKDash-sandbox"
    sys_version = ""
    disable_nagle_algorithm = True

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == jsonrpc.PATH or (self._is_19 and self.path.startswith(json2.PATH)):
            self._odoo(body)
        elif self.path.startswith(CONTROL_PATH):
            self._send(self._controlled(self.path.removeprefix(CONTROL_PATH), body))
        else:
            self._send(Reply(404, b"Not Found", "text/plain"))

    def do_GET(self) -> None:
        if self.path.startswith(CONTROL_PATH):
            self._send(self._controlled(self.path.removeprefix(CONTROL_PATH), b"{}"))
        elif self._is_19 and self.path == json2.VERSION_PATH:
            self._send(json2.version(self.server.sandbox.service))
        elif self.path == jsonrpc.PATH:
            self._send(Reply(405, b"Method Not Allowed", "text/plain"))
        else:
            self._send(Reply(404, b"Not Found", "text/plain"))

    def log_message(self, format: str, *args: Any) -> None:
        """Calls are logged by ``Traffic``, not on the terminal."""

    @property
    def _is_19(self) -> bool:
        return self.server.sandbox.service.major >= 19

    def _parsed(self, body: bytes) -> Request | json2.Request | Reply:
        content_type = self.headers.get("Content-Type", "")
        if self.path == jsonrpc.PATH:
            return jsonrpc.parse(body, content_type, self.server.sandbox.service.major)
        database = self.headers.get("X-Odoo-Database")
        return json2.parse(
            self.path, body, content_type, database, self.headers.get("Authorization")
        )

    def _odoo(self, body: bytes) -> None:
        sandbox = self.server.sandbox
        started = time.perf_counter()
        request = self._parsed(body)
        if isinstance(request, Reply):
            self._send(request)
            return
        fault = sandbox.traffic.fault_for(request.model, request.model_method)
        if sandbox.control.latency_ms:
            time.sleep(sandbox.control.latency_ms / 1000)
        reply = self._faulty(request, fault)
        args, kwargs = request.model_arguments if request.service == "object" else ([], {})
        sandbox.traffic.record(
            service=request.service,
            model=request.model,
            method=request.model_method,
            args=args,
            kwargs=kwargs,
            status=reply.status,
            error=reply.error,
            bytes=len(reply.body),
            seconds=time.perf_counter() - started,
            fault=fault.kind if fault else None,
        )
        match fault.kind if fault else None:
            case "hang":
                self._hang()
            case "break":
                self._send(reply, whole=False)
            case _:
                self._send(reply, fault.retry_after if fault else None)

    def _faulty(self, request: Request | json2.Request, fault: Fault | None) -> Reply:
        service = self.server.sandbox.service
        match fault:
            case Fault(kind="http"):
                return Reply(fault.status, b"sandbox fault", "text/plain")
            case Fault(kind="error"):
                error = OdooError(fault.name, fault.message)
                if isinstance(request, json2.Request):
                    return json2.error_reply(error)
                return jsonrpc.error_reply(request, error, service.major)
            case Fault(kind="slow"):
                self.server.sandbox.traffic.released.wait(fault.seconds)
        if isinstance(request, json2.Request):
            return json2.answer(request, service)
        return jsonrpc.answer(request, service)

    def _hang(self) -> None:
        """Say nothing until the fault is cleared, the server stops or the client gives up."""
        released = self.server.sandbox.traffic.released
        while not released.wait(0.02) and not self.server.stopping:
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                break
        self.close_connection = True

    def _controlled(self, action: str, body: bytes) -> Reply:
        if action not in ACTIONS:
            return _json(404, {"error": f"no action {action!r}: one of {', '.join(ACTIONS)}"})
        function: Callable[..., Any] = getattr(self.server.sandbox.control, action)
        try:
            return _json(200, {"result": function(**(orjson.loads(body) if body else {}))})
        except (KeyError, TypeError, ValueError) as error:
            return _json(400, {"error": str(error.args[0]) if error.args else repr(error)})

    def _send(self, reply: Reply, retry_after: int | None = None, whole: bool = True) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(reply.body if whole else reply.body[: len(reply.body) // 2])
        if not whole:
            self.close_connection = True


def _json(status: int, content: Any) -> Reply:
    return Reply(status, orjson.dumps(content))


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The other side was quicker.
        return
