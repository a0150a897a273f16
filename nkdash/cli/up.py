"""``nkdash up``: dashboard, Dagster's UI and its daemon for a real Odoo, until Ctrl-C."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nkdash.settings import Settings

START_SECONDS = 120.0


def up(
    once: Annotated[
        bool, typer.Option("--once", help="Stop again as soon as everything answered.")
    ] = False,
) -> None:
    """Start the dashboard, Dagster's UI and its daemon; Ctrl-C stops them all."""
    from nkdash.cli import services
    from nkdash.cli.console import console
    from nkdash.cli.processes import Processes, interruptible
    from nkdash.home import prepare_home
    from nkdash.settings import load_settings

    settings = load_settings(require_odoo=True)
    check_ports(settings)
    home = prepare_home()
    host, port = settings.nkdash_dagster_host, settings.nkdash_dagster_port
    board = settings.nkdash_dashboard_host, settings.nkdash_dashboard_port
    out = console()
    out.print("Starting …")
    with (
        interruptible(),
        services.dagster_storage(),
        Processes(home / "logs", os.environ, Path.cwd()) as processes,
    ):
        processes.start(services.dashboard(*board))
        processes.start(services.webserver(host, port))
        processes.start(services.daemon(host, port))
        processes.wait_healthy(START_SECONDS)
        out.print(f"Dashboard  {services.address(*board)}")
        out.print(f"Dagster    {services.address(host, port)}")
        out.print(f"Logs       {home / 'logs'}", soft_wrap=True)
        if not once:
            processes.watch(out.print)


def check_ports(settings: "Settings") -> None:
    """Raises CommandError naming the setting whose port is taken."""
    from nkdash.cli.errors import CommandError
    from nkdash.cli.ports import is_free

    for name in ("NKDASH_DASHBOARD", "NKDASH_DAGSTER"):
        host = getattr(settings, f"{name.lower()}_host")
        port = getattr(settings, f"{name.lower()}_port")
        if not is_free(host, port):
            raise CommandError(
                f"port {port} on {host} is taken, or {host} is no address of this machine; "
                f"set {name}_PORT (or {name}_HOST), or stop the program that listens there"
            )
