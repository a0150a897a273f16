"""JSON-2 (``/json/2/<model>/<method>``, Odoo 19 and later): named arguments, HTTP statuses.

The key is a bearer token and says by itself who asks; the database is named in a header. Each
call is a transaction of its own, as with JSON-RPC.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests
from pydantic import SecretStr
from requests.auth import AuthBase

from nkdash.odoo import errors
from nkdash.odoo.connection import OdooConnection
from nkdash.odoo.errors import OdooConfigurationError, OdooCredentialsError
from nkdash.odoo.server_version import JSON2_SINCE, ServerVersion
from nkdash.odoo.stats import Stats
from nkdash.odoo.wire import (
    TRANSIENT_STATUSES,
    Request,
    Wire,
    from_json,
    from_status,
    only_reads,
    to_json,
)

VERSION_PATH = "/web/version"
# The names that Odoo 19 and later give to what JSON-RPC passes by position.
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "check_access_rights": ("operation", "raise_exception"),
    "context_get": (),
    "fields_get": ("allfields", "attributes"),
    "formatted_read_group": ("domain", "groupby", "aggregates"),
    "has_access": ("ids", "operation"),
    "has_group": ("ids", "group_ext_id"),
    "read": ("ids", "fields"),
    "read_group": ("domain", "fields", "groupby"),
    "search": ("domain",),
    "search_count": ("domain",),
    "search_read": ("domain", "fields"),
}
# A gateway says these, or Odoo when it is overrun: never about the request itself.
PASSING_STATUSES = TRANSIENT_STATUSES | {502, 503, 504}
NEED_API_KEY = (
    "JSON-2 takes an API key only, never a password: set ODOO_API_KEY to a key made by that user,"
    " or ODOO_PROTOCOL to jsonrpc (jsonrpc+ssl)."
)


class Json2Transport:
    """Speaks ``/json/2``. Safe to use from several threads at once."""

    name = "JSON-2"

    def __init__(self, connection: OdooConnection, stats: Stats) -> None:
        self._connection = connection
        self._wire = Wire(connection, stats)
        self._bearer = _Bearer(connection.api_key)

    def close(self) -> None:
        """Close the connections and end waiting retries."""
        self._wire.close()

    def version(self) -> ServerVersion:
        """The server's version; needs no credentials. Raises OdooError."""
        serie: ServerVersion = self._wire.call(Request(VERSION_PATH), _version, "version")
        return serie

    def authenticate(self) -> int:
        """The user's id. Raises OdooCredentialsError, also for another user's key."""
        uid: int = self._call("res.users", "context_get", {})["uid"]
        [user] = self._call("res.users", "read", {"ids": [uid], "fields": ["login"]})
        if user["login"] != self._connection.username:
            raise OdooCredentialsError(
                f"the API key is not one of the user {self._connection.username!r}",
                remedy=errors.CHECK_CREDENTIALS,
                method="authenticate",
            )
        return uid

    def execute(
        self, uid: int, model: str, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Call a read method of a model as the key's user, whose id ``uid`` is.

        Raises OdooWriteRefusedError before anything is sent if the method is not one of
        READ_METHODS, else TransientOdooError after the last attempt, or PermanentOdooError.
        """
        only_reads(model, method)
        named = dict(zip(PARAMETERS[method], args, strict=False))
        return self._call(model, method, {**named, **kwargs})

    def _call(self, model: str, method: str, arguments: Mapping[str, Any]) -> Any:
        if not self._bearer.is_sendable:
            raise OdooCredentialsError(
                "ODOO_API_KEY holds characters that no API key has", remedy=NEED_API_KEY
            )
        request = Request(
            f"/json/2/{quote(model, safe='')}/{quote(method, safe='')}",
            to_json(arguments),
            {"X-Odoo-Database": self._connection.db.encode()},
            self._bearer,
        )
        return self._wire.call(request, self._result, method, model)

    def _result(self, response: requests.Response) -> Any:
        """What the call gave. Raises OdooError for anything else."""
        status = response.status_code
        if status == requests.codes.ok:
            return from_json(response)
        error = None if status in PASSING_STATUSES else _odoo_error(response)
        if error is not None:
            raise errors.from_odoo(self._wire.redacted(error), credentials_remedy=NEED_API_KEY)
        if status == requests.codes.not_found and b"X-Odoo-Database" in response.content:
            raise OdooConfigurationError(
                f"the server has no database {self._connection.db!r} for this address",
                remedy=errors.CHECK_DATABASE,
            )
        if status == requests.codes.not_found:
            raise _no_json2(response)
        raise from_status(response)


class _Bearer(AuthBase):
    """Puts the key into a request's headers; no other place holds it in the open."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key

    @property
    def is_sendable(self) -> bool:
        """Whether the key may stand in a header at all."""
        key = self._key.get_secret_value()
        return key.isascii() and key.isprintable() and " " not in key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"bearer {self._key.get_secret_value()}"
        return request


def _version(response: requests.Response) -> ServerVersion:
    if response.status_code == requests.codes.not_found:
        raise _no_json2(response)
    if response.status_code != requests.codes.ok:
        raise from_status(response)
    answer = from_json(response)
    parts = answer.get("version_info") if isinstance(answer, Mapping) else None
    if not isinstance(parts, list) or len(parts) < 2:
        raise OdooConfigurationError(
            f"{response.url} answered JSON, but not as Odoo does", remedy=errors.CHECK_ADDRESS
        )
    return ServerVersion.from_serie(f"{parts[0]}.{parts[1]}")


def _odoo_error(response: requests.Response) -> Mapping[str, Any] | None:
    """Odoo's own error in an answer, None where something else answered."""
    try:
        content = response.json()
    except requests.JSONDecodeError:
        return None
    return content if isinstance(content, Mapping) and {"name", "message"} <= set(content) else None


def _no_json2(response: requests.Response) -> OdooConfigurationError:
    return OdooConfigurationError(
        f"HTTP {response.status_code}: there is no JSON-2 at {response.url}",
        remedy=f"{errors.CHECK_ADDRESS} Odoo up to {JSON2_SINCE - 1} speaks jsonrpc"
        " (jsonrpc+ssl) only.",
    )
