"""A small Odoo 17 or 19 on loopback, for the demo and the tests."""

from datetime import datetime

from nkdash.sandbox.env import READER, Rights
from nkdash.sandbox.records import load_records
from nkdash.sandbox.retailer import generate
from nkdash.sandbox.run import SandboxOptions, environment, parse_now, run, start
from nkdash.sandbox.server import PortTaken, SandboxServer
from nkdash.sandbox.store import Store, Table, World

__all__ = [
    "PortTaken",
    "Rights",
    "SandboxOptions",
    "SandboxServer",
    "Store",
    "Table",
    "World",
    "environment",
    "generate",
    "load_records",
    "parse_now",
    "run",
    "serve",
    "start",
]


def serve(
    store: Store | World,
    *,
    port: int = 0,
    db: str = "demo",
    username: str = "demo",
    api_key: str = "demo",
    now: datetime | None = None,
    latency_ms: float = 0,
    rights: Rights = READER,
) -> SandboxServer:
    """Start a sandbox on 127.0.0.1 in threads of its own; stop it with ``stop()`` or ``with``.

    ``port`` 0 takes a free one. ``now`` stops the clock that stamps changes (aware, or naive UTC).
    ``rights`` are those of the user.
    Raises ``PortTaken``.
    """
    if isinstance(store, World):
        store = Store(store)
    if now is not None:
        store.set_now(now)
    return SandboxServer(
        store,
        port=port,
        db=db,
        username=username,
        api_key=api_key,
        latency_ms=latency_ms,
        rights=rights,
    )
