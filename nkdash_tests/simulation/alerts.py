"""A webhook of the simulation's own, which keeps what it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Alerts:
    """What was told, in its order: (incident's id, its key, opened or closed, its text)."""

    url: str
    told: list[tuple[str, str, str, str]] = field(default_factory=list)


@contextmanager
def receiver() -> Iterator[Alerts]:
    """Listen on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            alerts.told += [
                (news["id"], news["key"], news["state"], news["text"])
                for news in message["incidents"]
            ]
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        alerts = Alerts(f"http://127.0.0.1:{server.server_address[1]}/")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield alerts
        server.shutdown()
