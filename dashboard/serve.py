"""Runs the dashboard under gunicorn: two workers with threads, each warmed up before traffic."""

from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from dashboard.app import create_app, warm_up
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse

WORKERS = 2
THREADS = 8


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    """gunicorn in this process; each worker makes its own app, since DuckDB does not fork."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        host, port = self._settings.nkdash_dashboard_host, self._settings.nkdash_dashboard_port
        options: dict[str, Any] = {
            "bind": f"{host}:{port}",
            "workers": WORKERS,
            "threads": THREADS,
            "worker_class": "gthread",
            "timeout": 120,
            "graceful_timeout": 5,
            "proc_name": "nkdash-dashboard",
            "control_socket_disable": True,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        app = create_app(self._settings, Warehouse(self._settings.warehouse_dir))
        warm_up(app)
        server: Flask = app.server
        return server


def serve(settings: Settings) -> None:
    """Serve on NKDASH_DASHBOARD_HOST and _PORT until told to stop."""
    _Gunicorn(settings).run()
