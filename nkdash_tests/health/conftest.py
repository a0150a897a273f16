import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dagster as dg
import pytest

import nkdash.clock
from nkdash.settings import Settings, load_settings

# Half past noon in Jakarta.
NOON = datetime(2026, 10, 20, 5, 30, tzinfo=UTC)


@dataclass
class Webhook:
    """A receiver on loopback: what it was posted, and the status that it answers with."""

    url: str
    status: int = 200
    posted: list[dict[str, Any]] = field(default_factory=list)

    @property
    def states(self) -> list[tuple[str, str]]:
        """(key, state) of everything that arrived, in that order."""
        return [(i["key"], i["state"]) for body in self.posted for i in body["incidents"]]


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if found.status == 200:
                found.posted.append(body)
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Webhook(f"http://127.0.0.1:{server.server_port}/hooks/T0KEN-of-the-hook")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@dataclass
class Clock:
    """The machine's clock, stopped."""

    now: datetime = NOON

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(nkdash.clock, "machine_now", lambda: found.now)
    return found


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def with_settings(settings_env: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Settings with changes, by environment name."""

    def make(**changes: str) -> Settings:
        for name, value in changes.items():
            settings_env.setenv(name, value)
        return load_settings()

    return make
