"""``/metrics`` for Prometheus and ``/healthz`` for load balancers and people, over HTTP."""

import json
from typing import Any

from prometheus_client import make_wsgi_app
from werkzeug import Request, Response
from werkzeug.exceptions import NotFound
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from nkdash.health.metrics import Health
from nkdash.health.result import Status, overall


class _Quiet(WSGIRequestHandler):
    """No line a scrape."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def application(health: Health) -> Any:
    """A WSGI application. ``/healthz`` answers 503 where a check fails, with all checks in JSON."""
    metrics = make_wsgi_app(health.registry())

    def answer(environ: Any, start_response: Any) -> Any:
        path = Request(environ).path
        if path == "/metrics":
            return metrics(environ, start_response)
        return (_healthz(health) if path == "/healthz" else NotFound())(environ, start_response)

    return answer


def _healthz(health: Health) -> Response:
    results = health.results()
    status = overall(results)
    told = {"status": status.value, "checks": [result.as_dict() for result in results]}
    code = 503 if status is Status.FAIL else 200
    return Response(json.dumps(told), code, mimetype="application/json")


def listen(health: Health, host: str, port: int) -> BaseWSGIServer:
    """A server that has its port; ``serve_forever`` runs it. Raises OSError, SystemExit."""
    return make_server(host, port, application(health), threaded=True, request_handler=_Quiet)
