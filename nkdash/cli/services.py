"""The three long-running programs: Dagster's webserver and daemon, and the dashboard."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlunsplit

from nkdash.cli.processes import Program, python
from nkdash.home import WORKSPACE_FILE
from nkdash.logs import dagster_options

ASK_SECONDS = 2.0
LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries {
  loadStatus locationOrLoadError { __typename } } } } }"""
DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { required healthy } } } }"
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def address(host: str, port: int) -> str:
    """The address to open, e.g. http://127.0.0.1:8050; loopback where a server listens anywhere."""
    host = ANYWHERE.get(host, host)
    bracketed = f"[{host}]" if ":" in host else host
    return urlunsplit(("http", f"{bracketed}:{port}", "", "", ""))


@contextmanager
def dagster_storage() -> Iterator[None]:
    """Dagster's SQLite files, made before programs that start together race for it.

    Before and after the block no heartbeat of a daemon is left: it would pass for that of a new
    one, and have backfills handed to a daemon that is gone.
    """
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        instance.wipe_daemon_heartbeats()
        try:
            yield
        finally:
            instance.wipe_daemon_heartbeats()


def dashboard(host: str, port: int) -> Program:
    """The dashboard; it takes host and port from its settings."""
    return Program(
        "dashboard",
        python("-m", "dashboard"),
        lambda: answers(f"{address(host, port)}/healthz"),
    )


def webserver(host: str, port: int) -> Program:
    """Dagster's UI, healthy when it has loaded NKDash's code."""
    argv = ["-w", str(WORKSPACE_FILE), "-h", host, "-p", str(port), *dagster_options()]
    url = f"{address(host, port)}/graphql"
    return Program(
        "webserver", python("-m", "dagster_webserver", *argv), lambda: code_is_loaded(url)
    )


def daemon(host: str, port: int) -> Program:
    """Dagster's daemon; the webserver at ``host`` and ``port`` says whether it is healthy."""
    url = f"{address(host, port)}/graphql"
    argv = ["run", "-w", str(WORKSPACE_FILE), *dagster_options()]
    return Program("daemon", python("-m", "dagster._daemon", *argv), lambda: daemon_is_healthy(url))


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    import requests

    try:
        return requests.get(url, timeout=ASK_SECONDS).ok
    except requests.RequestException:
        return False


def code_is_loaded(url: str) -> bool:
    """Whether Dagster has loaded every code location without an error."""
    entries = _ask(url, LOCATIONS, "workspaceOrError", "locationEntries") or []
    return bool(entries) and all(
        entry["loadStatus"] == "LOADED"
        and (entry["locationOrLoadError"] or {}).get("__typename") == "RepositoryLocation"
        for entry in entries
    )


def daemon_is_healthy(url: str) -> bool:
    """Whether every daemon that the instance requires has a fresh heartbeat."""
    statuses = _ask(url, DAEMONS, "instance", "daemonHealth", "allDaemonStatuses") or []
    required = [status for status in statuses if status["required"]]
    return bool(required) and all(status["healthy"] for status in required)


def _ask(url: str, query: str, *path: str) -> list[dict[str, Any]] | None:
    """The list at ``path`` of a GraphQL answer; None where there is no answer."""
    import requests

    try:
        found = requests.post(url, json={"query": query}, timeout=ASK_SECONDS).json()["data"]
        for key in path:
            found = found[key]
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, list) else None
