"""``nkdash sandbox``: make or load the records, say how to connect, serve until told to stop."""

import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import FrameType

from nkdash.sandbox.records import load_records
from nkdash.sandbox.retailer import generate
from nkdash.sandbox.retailer.sales import UTC_OFFSET
from nkdash.sandbox.server import SandboxServer
from nkdash.sandbox.store import Store, World, naive_utc

TIMEZONE = "Asia/Jakarta"
TICK_SECONDS = 60.0
"""How often a sandbox whose clock runs sells on."""


@dataclass(frozen=True)
class SandboxOptions:
    """What ``nkdash sandbox`` can be told. ``now`` (naive means UTC) stops the clock; ``records``
    serves recorded answers in place of the generated retailer."""

    port: int = 8069
    days: int = 90
    products: int = 2_000
    orders_per_day: int = 200
    seed: int = 1
    now: datetime | None = None
    latency_ms: float = 0
    db: str = "demo"
    username: str = "demo"
    api_key: str = "demo"
    records: Path | None = None


def parse_now(text: str) -> datetime:
    """An instant from ``--now``: ISO, UTC unless it has a zone; a bare date is the end of that day
    in Asia/Jakarta. Raises ``ValueError``."""
    if len(text) == 10:
        return datetime.combine(date.fromisoformat(text), time(23, 59, 59)) - UTC_OFFSET
    return naive_utc(datetime.fromisoformat(text))


def start(options: SandboxOptions) -> SandboxServer:
    """A running server with the records that the options ask for. Raises ``PortTaken``, and
    ``FileNotFoundError`` for a folder without records."""
    store = Store(_world(options), naive_utc(options.now) if options.now else None)
    return SandboxServer(
        store,
        port=options.port,
        db=options.db,
        username=options.username,
        api_key=options.api_key,
        latency_ms=options.latency_ms,
    )


def environment(server: SandboxServer, options: SandboxOptions) -> dict[str, str]:
    """The settings to paste into ``.env``: how to connect, the zone and the first day of sales."""
    first = _first_day(server, options)
    settings = {**server.settings, "NKDASH_TIMEZONE": TIMEZONE}
    return {**settings, "NKDASH_START_DATE": first.isoformat()} if first else settings


def run(options: SandboxOptions, say: Callable[[str], object] = sys.stdout.write) -> None:
    """Serve until SIGINT or SIGTERM, after saying the settings; call it from the main thread."""
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    sold_until = _now(options)
    try:
        with start(options) as server:
            lines = [f"{name}={value}\n" for name, value in environment(server, options).items()]
            say(f"# Sandbox Odoo on {server.url}; settings to paste into .env:\n{''.join(lines)}")
            sys.stdout.flush()
            while not stopped.wait(TICK_SECONDS):
                sold_until = sell_on(server.service.store, options, sold_until)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def sell_on(store: Store, options: SandboxOptions, since: datetime) -> datetime:
    """Let the generated retailer sell from ``since`` (naive UTC) up to now, if its clock runs;
    returns until when it has sold."""
    if options.records is not None or options.now is not None:
        return since
    now = _now(options)
    store.absorb(_world(replace(options, now=now)), since)
    return now


def _world(options: SandboxOptions) -> World:
    if options.records is not None:
        return load_records(options.records)
    return generate(
        now=_now(options),
        days=options.days,
        products=options.products,
        orders_per_day=options.orders_per_day,
        seed=options.seed,
    )


def _now(options: SandboxOptions) -> datetime:
    return naive_utc(options.now or datetime.now(UTC))


def _first_day(server: SandboxServer, options: SandboxOptions) -> date | None:
    """The first local day of sales."""
    if options.records is None:
        return (_now(options) + UTC_OFFSET).date() - timedelta(days=options.days)
    orders = server.service.store.world.tables.get("pos.order")
    first = orders.frame["date_order"].min() if orders else None
    return (first + UTC_OFFSET).date() if isinstance(first, datetime) else None
