"""A GraphQL server that answers as a real Dagster 1.13 did; it remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "dagster.json").read_text("utf-8")
)
NONE_RUN = {"data": {"runsOrError": {"__typename": "Runs", "results": []}}}


class DagsterStub:
    """``answers`` maps a query's name to what it is answered with; ``asked`` is what came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.reset()

    def reset(self) -> None:
        """Nothing was asked, and every answer is the recorded one."""
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {
            "Standing": RECORDED["standing"],
            "Runs": RECORDED["runs_recent"],
            "LastRun": RECORDED["last_run"],
            "Failures": RECORDED["failures"],
            "Launch": RECORDED["launch"],
            "Cancel": RECORDED["cancel"],
        }
        self.unfinished: Any = NONE_RUN

    def of(self, name: str) -> list[dict[str, Any]]:
        """The variables of every query of that name."""
        return [values for asked, values in self.asked if asked == name]

    def answer(self, query: str, values: dict[str, Any]) -> Any:
        """What a query is answered with."""
        name = query.split("(")[0].split()[1]
        self.asked.append((name, values))
        if name == "Runs" and values["filter"].get("statuses"):
            return self.unfinished
        return self.answers[name]


@contextmanager
def dagster() -> Iterator[DagsterStub]:
    """The stub, listening on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = stub.answer(body["query"], body["variables"])
            words = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(words)))
            self.end_headers()
            self.wfile.write(words)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub = DagsterStub(f"http://127.0.0.1:{server.server_port}/graphql")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
