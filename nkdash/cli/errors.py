"""How a command says that it failed: one block with cause and remedy, no traceback."""

from typing import Any

import typer
from typer.core import TyperGroup

from nkdash.cli.console import error_console

INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot do what it was asked; ``str()`` names cause and remedy. Exit code 1."""


class Reported(TyperGroup):
    """Runs a command; an error that we know is told in its own words, and the exit code set.

    Errors that we do not know keep their traceback: they are faults of NKDash.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command line's command."""
        try:
            _configure_logs()
            return super().invoke(ctx)
        except KeyboardInterrupt:
            error_console().print("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            if not isinstance(error, known_errors()):
                raise
            tell(str(error))
            raise typer.Exit(1) from None


def _configure_logs() -> None:
    """As the settings say. Imported late: a list of the commands needs no settings."""
    from nkdash.logs import configure

    configure()


def tell(message: str) -> None:
    """Print an error on stderr."""
    error_console().print(f"[bold red]Error:[/] {_escaped(message)}", soft_wrap=True)


def known_errors() -> tuple[type[Exception], ...]:
    """Errors whose words are meant for users. Imported late: only who fails pays for it."""
    from nkdash.backup.errors import BackupError
    from nkdash.digest.figures import NotLoadedError
    from nkdash.home import HomeError
    from nkdash.kpis.model import KpiError
    from nkdash.lake import LakeWriteError, NotInLakeError, S3Error
    from nkdash.odoo import OdooError
    from nkdash.sandbox import PortTaken
    from nkdash.settings import SettingsError
    from nkdash.warehouse import WarehouseError

    return (
        BackupError,
        CommandError,
        HomeError,
        KpiError,
        LakeWriteError,
        NotInLakeError,
        NotLoadedError,
        OdooError,
        PortTaken,
        S3Error,
        SettingsError,
        WarehouseError,
    )


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
