"""Odoo's JSON-RPC envelope (``POST /jsonrpc``): requests in, replies out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from nkdash.sandbox.errors import OdooError, bad_arguments, unknown_service
from nkdash.sandbox.service import Service

PATH = "/jsonrpc"
TRACE = "Traceback (most recent call last):\n  ... sandbox ...\n"
JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"

_WRONG_TYPE = (
    "<!doctype html>\n<html lang=en>\n<title>400 Bad Request</title>\n<h1>Bad Request</h1>\n"
    "<p>Request inferred type is compatible with [&#39;http&#39;] but &#39;/jsonrpc&#39; is "
    "type=&#39;json&#39;.</p>\n"
)
_WRONG_TYPE_19 = (
    "<!doctype html>\n<html lang=en>\n<title>415 Unsupported Media Type</title>\n"
    "<h1>Unsupported Media Type</h1>\n"
    "<p>Request inferred type is compatible with [&#39;http&#39;] but &#39;{path}&#39; is "
    "type=&#39;{type}&#39;.<br><br>Please verify the Content-Type request header and try "
    "again.</p>\n"
)


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; ``error`` is Odoo's name of the error in it."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    error: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """A call, as yet unchecked: ``args`` are those of the service's method."""

    id: Any
    service: str
    method: str
    args: list[Any]

    @property
    def model(self) -> str | None:
        """The model called, None for other services."""
        return self.args[3] if self._is_model_call and len(self.args) > 3 else None

    @property
    def model_method(self) -> str:
        """The model's method, or the service's for other services."""
        return self.args[4] if self._is_model_call and len(self.args) > 4 else self.method

    @property
    def model_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments of a model's method."""
        if self.method == "execute":
            return self.args[5:], {}
        positional = self.args[5] if len(self.args) > 5 else []
        return positional, self.args[6] if len(self.args) > 6 else {}

    @property
    def _is_model_call(self) -> bool:
        return self.service == "object"


def is_json(content_type: str) -> bool:
    """Whether a request's content type is JSON's."""
    return content_type.partition(";")[0].strip().lower() == "application/json"


def unsupported_type(path: str, kind: str) -> Reply:
    """Odoo 19's refusal of another content type at ``path``, a route of type ``kind``."""
    page = _WRONG_TYPE_19.format(path=path, type=kind)
    return Reply(415, page.encode(), HTML_TYPE)


def parse(body: bytes, content_type: str, major: int) -> Request | Reply:
    """The call in a POST, or the refusal of one that is none."""
    if not is_json(content_type):
        if major >= 19:
            return unsupported_type(PATH, "jsonrpc")
        return Reply(400, _WRONG_TYPE.encode(), HTML_TYPE)
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError:
        envelope = None
    if not isinstance(envelope, dict):
        return Reply(400, b"Invalid JSON-RPC data", HTML_TYPE)
    params = envelope.get("params")
    params = params if isinstance(params, dict) else {}
    args = params.get("args")
    return Request(
        id=envelope.get("id"),
        service=str(params.get("service")),
        method=str(params.get("method")),
        args=args if isinstance(args, list) else [],
    )


def answer(request: Request, service: Service) -> Reply:
    """Carry the call out; errors of Odoo are answered with HTTP status 200, as Odoo does."""
    try:
        result = _dispatch(request, service)
    except OdooError as error:
        return error_reply(request, error, service.major)
    except Exception as error:
        # As in Odoo: whatever goes wrong inside is told to the caller.
        kind = f"{type(error).__module__}.{type(error).__name__}"
        return error_reply(request, OdooError(kind, str(error)), service.major)
    return Reply(200, orjson.dumps({"jsonrpc": "2.0", "id": request.id, "result": result}))


def error_reply(request: Request, error: OdooError, major: int) -> Reply:
    """The answer that carries an error."""
    message = error.said_by(major)
    shown = repr(message) if error.kind == "KeyError" else message
    trace = "" if major >= 19 and error.kind.endswith("AccessDenied") else TRACE
    data = {
        "name": error.name,
        "debug": f"{trace}{error.kind}: {shown}".rstrip(),
        "message": message,
        "arguments": [message],
        "context": {},
    }
    code = 0 if major >= 19 else 200
    content = {"code": code, "message": "Odoo Server Error", "data": data}
    body = orjson.dumps({"jsonrpc": "2.0", "id": request.id, "error": content})
    return Reply(200, body, error=error.name)


def _dispatch(request: Request, service: Service) -> Any:
    if request.service == "common":
        calls: dict[str, Callable[..., Any]] = {
            "version": lambda: service.version,
            "login": service.login,
            "authenticate": lambda db, login, key, _agent: service.login(db, login, key),
        }
        function = calls.get(request.method)
        if function is None:
            raise OdooError("builtins.Exception", f"Method not found: {request.method}")
        return _applied(function, request.args)
    if request.service != "object":
        raise unknown_service(request.service)
    if request.method not in ("execute", "execute_kw"):
        raise OdooError("builtins.NameError", f"Method not available {request.method}")
    positional, named = request.model_arguments
    if len(request.args) < 5 or not isinstance(positional, list) or not isinstance(named, dict):
        raise bad_arguments(f"{request.method}() takes db, uid, key, model, method and arguments")
    db, uid, key, model, method = request.args[:5]
    return service.execute(db, uid, key, str(model), str(method), positional, named)


def _applied(function: Callable[..., Any], args: list[Any]) -> Any:
    try:
        return function(*args)
    except TypeError as cause:
        raise bad_arguments(str(cause)) from cause
