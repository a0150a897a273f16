"""JSON-RPC (``/jsonrpc``, every Odoo up to 21): one call in, one result or one error out."""

from collections.abc import Mapping, Sequence
from typing import Any

import requests
from pydantic import SecretBytes

from nkdash.odoo import errors
from nkdash.odoo.connection import OdooConnection
from nkdash.odoo.errors import OdooConfigurationError, TransientOdooError
from nkdash.odoo.server_version import JSON_RPC_UNTIL, ServerVersion
from nkdash.odoo.stats import Stats
from nkdash.odoo.wire import Request, Wire, from_json, from_status, only_reads, to_json

PATH = "/jsonrpc"


class JsonRpcTransport:
    """Speaks ``/jsonrpc``. Safe to use from several threads at once."""

    name = "JSON-RPC"

    def __init__(self, connection: OdooConnection, stats: Stats) -> None:
        self._connection = connection
        self._wire = Wire(connection, stats)

    def close(self) -> None:
        """Close the connections and end waiting retries."""
        self._wire.close()

    def version(self) -> ServerVersion:
        """The server's version; needs no credentials. Raises OdooError."""
        answer = self._call(_body("common", "version", ()), "version")
        return ServerVersion.from_serie(str(answer["server_serie"]))

    def authenticate(self) -> int | None:
        """The user's id, None if Odoo does not accept the credentials. Raises OdooError."""
        uid: int | bool | None = self._call(self._login_body(), "authenticate")
        return uid or None

    def execute(
        self, uid: int, model: str, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Call a read method of a model as user ``uid``.

        Raises OdooWriteRefusedError before anything is sent if the method is not one of
        READ_METHODS, else TransientOdooError after the last attempt, or PermanentOdooError.
        """
        only_reads(model, method)
        return self._call(self._execute_body(uid, model, method, args, kwargs), method, model)

    # The key appears in these two functions only: no frame that can be part of a traceback
    # holds it in a variable.
    def _login_body(self) -> SecretBytes:
        connection = self._connection
        key = connection.api_key.get_secret_value()
        return _body("common", "authenticate", (connection.db, connection.username, key, {}))

    def _execute_body(self, uid: int, *call: Any) -> SecretBytes:
        connection = self._connection
        key = connection.api_key.get_secret_value()
        return _body("object", "execute_kw", (connection.db, uid, key, *call))

    def _call(self, body: SecretBytes, method: str, model: str | None = None) -> Any:
        return self._wire.call(Request(PATH, body), self._result, method, model)

    def _result(self, response: requests.Response) -> Any:
        """What the call gave. Raises OdooError for anything else."""
        status = response.status_code
        if status in (requests.codes.not_found, requests.codes.gone):
            raise OdooConfigurationError(
                f"HTTP {status}: there is no Odoo at {response.url}",
                remedy=f"{errors.CHECK_ADDRESS} From Odoo {JSON_RPC_UNTIL + 1} on only json2 is"
                " spoken.",
            )
        if status != requests.codes.ok:
            raise from_status(response)
        answer = from_json(response)
        if not isinstance(answer, Mapping) or "jsonrpc" not in answer:
            raise OdooConfigurationError(
                f"{response.url} answered JSON, but not as Odoo does", remedy=errors.CHECK_ADDRESS
            )
        if "error" in answer:
            data = answer["error"].get("data")
            message = {"message": answer["error"].get("message")}
            raise errors.from_odoo(
                self._wire.redacted(data if isinstance(data, Mapping) else message)
            )
        if "result" not in answer:
            raise TransientOdooError(
                "the answer holds neither a result nor an error", remedy=errors.TRY_LATER
            )
        return answer["result"]


def _body(service: str, method: str, args: Sequence[Any]) -> SecretBytes:
    params = {"service": service, "method": method, "args": args}
    return to_json({"jsonrpc": "2.0", "method": "call", "params": params, "id": 1})
