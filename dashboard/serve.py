"""Runs the dashboard under gunicorn: two workers with threads, each warmed up before traffic."""

import logging
import os
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from dashboard.app import create_app, warm_up
from nkdash.logs import gunicorn_config
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse

WORKERS = 2
THREADS = 8
# Of each worker for the warehouse; beside it Python and the answers that are kept.
MEMORY_MB = 256


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    """gunicorn in this process; each worker opens the warehouse itself, since DuckDB does not
    survive a fork.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Looked at for every question: else one worker would be a second behind the other.
        self._warehouse = Warehouse(
            settings.warehouse_dir,
            poll_seconds=0,
            cache_dir=settings.warehouse_cache,
            memory_mb=MEMORY_MB,
        )
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
            "worker_exit": self._leave,
        }
        if self._settings.nkdash_log_format == "json":
            options["logconfig_dict"] = gunicorn_config()
        for name, value in options.items():
            self.cfg.set(name, value)

    def _leave(self, _server: Any, worker: Any) -> None:
        self._warehouse.close()
        # DuckDB 2 prints pages of 'leaked' on the interpreter's way out; nothing is left to do.
        # A worker that never booted must go the long way: its exit code stops the master.
        if worker.booted:
            logging.shutdown()
            os._exit(0)

    def load(self) -> Flask:
        app = create_app(self._settings, self._warehouse)
        warm_up(app)
        server: Flask = app.server
        return server


def serve(settings: Settings) -> None:
    """Serve on NKDASH_DASHBOARD_HOST and _PORT until told to stop."""
    _Gunicorn(settings).run()
