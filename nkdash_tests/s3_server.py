"""An S3 server on loopback (moto), which counts requests, and fails as a test tells it to."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from nkdash.lake import s3
from nkdash.lake.place import s3_options

BUCKET = "retailer"
KEY = "TESTKEY"
SECRET = "only-for-tests"

ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code>'
    "<Message>{message}</Message></Error>"
)

Fault = Callable[["Request"], "Answer | None"]
Answer = tuple[int, str, str]
"""Status, S3's code of the error, and its message."""


class Request:
    """One request: method, path with the bucket, query, headers of the WSGI environment."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.method: str = environ["REQUEST_METHOD"]
        self.path: str = environ["PATH_INFO"]
        self.query: str = environ.get("QUERY_STRING", "")
        self.environ = environ

    @property
    def kind(self) -> str:
        """GET, PUT, HEAD, DELETE, POST, or LIST."""
        return "LIST" if self.method == "GET" and "list-type" in self.query else self.method


class S3Server:
    """``fault`` may answer in place of S3, ``cut`` halves a body, ``lose`` loses an answer."""

    def __init__(self) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(
            "127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.requests: list[Request] = []
        self.fault: Fault | None = None
        self.cut: Callable[[Request], bool] | None = None
        self.lose: Callable[[Request], bool] | None = None

    def __enter__(self) -> "S3Server":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def options(self, key: str = KEY) -> dict[str, Any]:
        """Storage options that reach this server."""
        return s3_options(self.url, "us-east-1", key, SECRET, None)

    def counted(self) -> Counter[str]:
        """Requests by kind since the last call."""
        counts = Counter(request.kind for request in self.requests)
        self.requests.clear()
        return counts

    def _answer(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        request = Request(environ)
        self.requests.append(request)
        if f"Credential={KEY}/" not in environ.get("HTTP_AUTHORIZATION", ""):
            told = "The AWS Access Key Id you provided does not exist in our records."
            _drain(environ)
            return _refuse(start, (403, "InvalidAccessKeyId", told))
        if self.fault and (answer := self.fault(request)):
            _drain(environ)
            return _refuse(start, answer)
        if self.lose and self.lose(request):
            # S3 does what it is asked, and the answer never arrives.
            b"".join(self._app(environ, lambda *_: None))
            return _refuse(start, (500, "InternalError", "lost"))
        body: Iterable[bytes] = self._app(environ, start)
        if self.cut and request.method == "GET" and self.cut(request):
            whole = b"".join(body)
            # The length that was promised stays: the client sees the connection end too early.
            return [whole[: len(whole) // 2]]
        return body


def _drain(environ: dict[str, Any]) -> None:
    """Read a body that nobody else reads."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def _refuse(start: Any, answer: Answer) -> list[bytes]:
    status, code, message = answer
    start(f"{status} Error", [("Content-Type", "application/xml"), ("Connection", "close")])
    return [ERROR.format(code=code, message=message).encode()]


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None:
        pass


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server with an empty bucket ``BUCKET``."""
    from moto.s3.models import s3_backends
    from upath import UPath

    with S3Server() as server:
        for account in s3_backends.values():
            account.reset()
        place = UPath(f"s3://{BUCKET}", **server.options())
        s3._fs(place).call_s3("create_bucket", Bucket=BUCKET)
        server.requests.clear()
        yield server
