"""``nkdash health``: is everything well? For people, for monitoring, for Prometheus."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    import dagster as dg

    from nkdash.health.incidents import Incident
    from nkdash.health.result import Result

UNKNOWN = 3
COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red", "unknown": "magenta"}


# Typer brings its own copy of click, whose errors are named by it alone.
UsageError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError"
)


def _unknown(error: Any) -> Any:
    error.exit_code = UNKNOWN
    return error


class ForMonitoring(TyperCommand):
    """A command whose exit code 2 means critical: wrong usage is 3, unknown."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the command line."""
        try:
            return super().make_context(*args, **kwargs)
        except UsageError as error:
            raise _unknown(error) from None


def health(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve /metrics and /healthz until Ctrl-C."),
    ] = None,
) -> None:
    """Check Odoo, daemons, disk, freshness, failures, warehouse; exit code 0, 1, 2 or 3.

    0: all is well. 1: a warning. 2: something fails. 3: that could not be found out.
    """
    from nkdash.catalog import load_catalog
    from nkdash.cli.errors import known_errors, tell
    from nkdash.health.checks import all_checks
    from nkdash.health.incidents import open_incidents
    from nkdash.health.result import EXIT_CODES, overall
    from nkdash.home import prepare_home
    from nkdash.settings import load_settings

    address = _address(listen) if listen else None
    try:
        settings = load_settings()
        prepare_home()
        catalog = load_catalog(settings)
        with _instance() as instance:
            if address:
                _serve(settings, catalog, instance, *address)
                return
            results = all_checks(settings, catalog, instance)
            incidents = open_incidents(instance)
    except known_errors() as error:
        tell(str(error))
        raise typer.Exit(UNKNOWN) from None
    status = overall(results)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "status": status.value,
                    "checks": [result.as_dict() for result in results],
                    "incidents": [vars(incident) for incident in incidents],
                },
                indent=2,
            )
        )
    else:
        show(results, incidents)
    raise typer.Exit(EXIT_CODES[status])


@contextmanager
def _instance() -> "Iterator[dg.DagsterInstance]":
    """Dagster's instance. Raises CommandError where its storage cannot be opened."""
    import dagster as dg

    from nkdash.cli.errors import CommandError

    try:
        opened = dg.DagsterInstance.get()
    except Exception as error:
        raise CommandError(
            f"Dagster's storage cannot be opened ({type(error).__name__}); see to its database, "
            "to NKDASH_POSTGRES_URL and to dagster.yaml in DAGSTER_HOME"
        ) from error
    with opened:
        yield opened


def show(results: Sequence["Result"], incidents: Sequence["Incident"]) -> None:
    """A line a check, what to do about those that are not well, and since when people know."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from nkdash.cli.console import console

    made = Table(box=box.SIMPLE_HEAD)
    for name in ("check", "status"):
        made.add_column(name, no_wrap=True)
    made.add_column("detail", overflow="fold")
    for result in results:
        colour = COLOURS[result.status.value]
        said = escape(str(result) if result.status.value != "ok" else result.detail)
        made.add_row(result.name, f"[{colour}]{result.status.value}[/]", said)
    out = console()
    out.print(made)
    for incident in incidents:
        said = escape(f"{incident.key}: open since {incident.opened[:16]} UTC: {incident.text}")
        out.print(said, soft_wrap=True)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        words = f"{text!r} is no address; write it like 127.0.0.1:9105"
        raise _unknown(typer.BadParameter(words, param_hint="--listen"))
    return host.strip("[]"), int(port)


def _serve(settings: Any, catalog: Any, instance: Any, host: str, port: int) -> None:
    from nkdash.cli.console import console
    from nkdash.cli.errors import CommandError
    from nkdash.cli.ports import is_free
    from nkdash.cli.processes import interruptible
    from nkdash.cli.services import address
    from nkdash.definitions import defs
    from nkdash.health.metrics import Health
    from nkdash.health.server import listen

    if port and not is_free(host, port):
        raise CommandError(
            f"port {port} on {host} is taken, or {host} is no address of this machine; "
            "give another one to --listen"
        )
    jobs = [job.name for job in defs.jobs or ()]
    server = listen(Health(settings, catalog, instance, jobs), host, port)
    where = address(host, server.server_port)
    console().print(f"Metrics at {where}/metrics, health at {where}/healthz; Ctrl-C stops.")
    with interruptible():
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console().print("Stopped.")
        finally:
            server.server_close()
