"""Odoo's JSON-2 (``POST /json/2/<model>/<method>``), from 19 on: requests in, replies out."""

import inspect
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

import orjson

from nkdash.sandbox import methods
from nkdash.sandbox.env import Env
from nkdash.sandbox.errors import OdooError
from nkdash.sandbox.jsonrpc import HTML_TYPE, TRACE, Reply, is_json, unsupported_type
from nkdash.sandbox.service import Service

PATH = "/json/2/"
VERSION_PATH = "/web/version"

_NO_DATABASE = (
    "<!DOCTYPE html>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"
    "<p>No database is selected and the requested URL was not found in the server-wide "
    "controllers.</p>\n"
    "<p>Please verify the hostname, <a href=/web/login>login</a> and try again.</p>\n\n"
    "<!-- Alternatively, use the X-Odoo-Database header. -->\n"
)
_STATUSES = {
    "odoo.exceptions.AccessDenied": 403,
    "odoo.exceptions.AccessError": 403,
    "odoo.exceptions.MissingError": 404,
    "odoo.exceptions.UserError": 422,
    "odoo.exceptions.ValidationError": 422,
}


class _HttpError(OdooError):
    """One of werkzeug's: its status is part of it."""

    def __init__(self, status: int, title: str, message: str) -> None:
        super().__init__(f"werkzeug.exceptions.{title.replace(' ', '')}", message)
        self.status = status
        self.title = title


@dataclass(frozen=True)
class Request:
    """A call, as yet unchecked. ``database`` and ``key`` are None where no header names them."""

    model: str
    model_method: str
    arguments: dict[str, Any]
    database: str | None
    key: str | None
    service: Literal["object"] = "object"

    @property
    def model_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """Positional (none) and keyword arguments."""
        return [], self.arguments


def version(service: Service) -> Reply:
    """What ``GET /web/version`` answers."""
    known = service.version
    content = {"version_info": known["server_version_info"], "version": known["server_version"]}
    return Reply(200, orjson.dumps(content))


def parse(
    path: str, body: bytes, content_type: str, database: str | None, authorization: str | None
) -> Request | Reply:
    """The call in a POST to a path below ``PATH``, or the refusal of one that is none."""
    if body and not is_json(content_type):
        return unsupported_type(path, "json2")
    model, _, method = path.removeprefix(PATH).partition("/")
    scheme, _, key = (authorization or "").partition(" ")
    try:
        content = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as cause:
        words = f"could not parse the body as json: {cause}"
        return error_reply(_HttpError(400, "Bad Request", words))
    return Request(
        model=unquote(model),
        model_method=unquote(method),
        # As Odoo does: what is no object holds no arguments.
        arguments=content if isinstance(content, dict) else {},
        database=database,
        key=key if scheme.lower() == "bearer" else None,
    )


def answer(request: Request, service: Service) -> Reply:
    """Carry the call out; errors are answered with HTTP statuses of their own."""
    if request.database not in (None, service.db):
        return Reply(404, _NO_DATABASE.encode(), HTML_TYPE)
    try:
        env = service.env(_user(request, service), request.arguments.get("context") or {})
        return Reply(200, orjson.dumps(_called(env, request)))
    except OdooError as error:
        return error_reply(error)
    except Exception as error:
        # As in Odoo: whatever goes wrong inside is told to the caller.
        return error_reply(
            OdooError(f"{type(error).__module__}.{type(error).__name__}", str(error))
        )


def _user(request: Request, service: Service) -> int:
    if request.key is None:
        words = "User not authenticated, use an API Key with a Bearer Authorization header."
        raise _HttpError(401, "Unauthorized", words)
    uid = service.user_of_key(request.key)
    if uid is None:
        raise _HttpError(401, "Unauthorized", "Invalid apikey")
    return uid


def _called(env: Env, request: Request) -> Any:
    model, method = request.model, request.model_method
    if model not in env.world.tables:
        raise _HttpError(404, "Not Found", f"the model {model!r} does not exist")
    try:
        function = methods.find(env, model, method)
    except OdooError as error:
        if error.kind != "AttributeError":
            raise
        raise _HttpError(404, "Not Found", error.said_by(env.world.major)) from error
    named = {name: value for name, value in request.arguments.items() if name != "context"}
    ids = named.pop("ids", [])
    if method in methods.ON_RECORDS:
        named["ids"] = ids
    elif ids:
        raise _HttpError(422, "Unprocessable Entity", f"cannot call {model}.{method} with ids")
    try:
        bound = inspect.signature(function).bind(env, model, **named)
    except TypeError as cause:
        raise _HttpError(422, "Unprocessable Entity", str(cause)) from cause
    return function(*bound.args, **bound.kwargs)


def error_reply(error: OdooError) -> Reply:
    """The answer that carries an error."""
    message = error.said_by(19)
    arguments: list[Any] = [message]
    status, shown = _STATUSES.get(error.name, 500), message
    if isinstance(error, _HttpError):
        status, shown = error.status, f"{error.status} {error.title}: {message}"
        arguments.append(status)
    content = {
        "name": error.name,
        "message": message,
        "arguments": arguments,
        "context": {},
        "debug": f"{TRACE}{error.kind}: {shown}",
    }
    headers = {"WWW-Authenticate": "Bearer "} if status == 401 else {}
    return Reply(status, orjson.dumps(content), error=error.name, headers=headers)
