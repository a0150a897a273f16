"""Which protocol an Odoo is spoken to in."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from nkdash.odoo.connection import OdooConnection
from nkdash.odoo.errors import OdooConfigurationError, OdooError, PermanentOdooError
from nkdash.odoo.json2 import Json2Transport
from nkdash.odoo.server_version import JSON2_SINCE, JSON_RPC_UNTIL, ServerVersion
from nkdash.odoo.stats import Stats
from nkdash.odoo.transport import JsonRpcTransport

logger = logging.getLogger(__name__)


class Transport(Protocol):
    """What a client needs of a protocol. Safe to use from several threads at once.

    Methods raise TransientOdooError after the last attempt, or PermanentOdooError at once.
    """

    @property
    def name(self) -> str:
        """The protocol: ``JSON-2`` or ``JSON-RPC``."""

    def close(self) -> None:
        """Close the connections and end waiting retries."""

    def version(self) -> ServerVersion:
        """The server's version; needs no credentials."""

    def authenticate(self) -> int | None:
        """The user's id, None if Odoo does not accept the credentials."""

    def execute(
        self, uid: int, model: str, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Call a read method; any other raises OdooWriteRefusedError before a byte is sent."""


def transport_for(connection: OdooConnection, stats: Stats) -> Transport:
    """The transport that the connection's protocol names."""
    match connection.api:
        case "json2":
            return Json2Transport(connection, stats)
        case "jsonrpc":
            return JsonRpcTransport(connection, stats)
        case _:
            return AutoTransport(connection, stats)


class AutoTransport:
    """JSON-2 where the server speaks it and takes the key for it, else JSON-RPC.

    Decided once, at the first call that needs credentials. A password, or a proxy that lets
    ``/json/2`` not through, keeps to JSON-RPC as long as Odoo has it.
    """

    def __init__(self, connection: OdooConnection, stats: Stats) -> None:
        self._json_rpc = JsonRpcTransport(connection, stats)
        self._json2 = Json2Transport(connection, stats)
        self._lock = threading.RLock()
        self._version: ServerVersion | None = None
        self._chosen: tuple[Transport, int | None] | None = None

    @property
    def name(self) -> str:
        """The protocol that was chosen; chooses it if need be."""
        return self._choice()[0].name

    def close(self) -> None:
        """Close the connections and end waiting retries."""
        self._json_rpc.close()
        self._json2.close()

    def version(self) -> ServerVersion:
        """The server's version, asked once; needs no credentials."""
        with self._lock:
            if self._version is None:
                self._version = self._ask_version()
            return self._version

    def authenticate(self) -> int | None:
        """The user's id, None if Odoo does not accept the credentials."""
        return self._choice()[1]

    def execute(
        self, uid: int, model: str, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Call a read method by the protocol that was chosen."""
        return self._choice()[0].execute(uid, model, method, args, kwargs)

    def _ask_version(self) -> ServerVersion:
        try:
            return self._json_rpc.version()
        except OdooConfigurationError as gone:
            # The one way to ask that every Odoo up to 21 has may be gone, or be shut by a proxy.
            try:
                return self._json2.version()
            except OdooError:
                raise gone from None

    def _choice(self) -> tuple[Transport, int | None]:
        with self._lock:
            if self._chosen is None:
                self._chosen = self._choose()
            return self._chosen

    def _choose(self) -> tuple[Transport, int | None]:
        major = self.version().major
        if major >= JSON2_SINCE:
            try:
                uid = self._json2.authenticate()
            except PermanentOdooError as refusal:
                if major > JSON_RPC_UNTIL:
                    raise
                logger.info("Odoo %d without JSON-2, by JSON-RPC instead: %s", major, refusal)
            else:
                return self._json2, uid
        return self._json_rpc, self._json_rpc.authenticate()
