"""``nkdash user``: who may log in to the dashboard, as what, and which stores they see."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from nkdash.cli.errors import CommandError

if TYPE_CHECKING:
    from dashboard.users import Account, Users


class OfUsers(TyperGroup):
    """Tells the errors of the users in their own words."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command line's command."""
        from dashboard.store import StoreError
        from dashboard.users import UserError

        try:
            return super().invoke(ctx)
        except (UserError, StoreError) as error:
            raise CommandError(str(error)) from error


user = typer.Typer(
    cls=OfUsers,
    help="Who may log in to the dashboard: name, role and stores.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="Name to log in with, or the name a proxy gives.")]
RoleOption = Annotated[str, typer.Option(help="viewer, manager or admin.")]
Stdin = Annotated[bool, typer.Option("--stdin", help="Read the password from standard input.")]


@user.command()
def add(
    name: Name,
    role: RoleOption = "viewer",
    stores: Annotated[
        str, typer.Option(help="Ids of the stores (pos.config) to see, comma-separated.")
    ] = "",
    no_password: Annotated[
        bool, typer.Option("--no-password", help="A proxy logs this reader in.")
    ] = False,
    stdin: Stdin = False,
) -> None:
    """Add a user; the password is asked for. Without --stores all stores are seen."""
    users = _users()
    chosen, seen = _role(role), _ids(stores.split(",")) if stores else None
    password = None if no_password else _password(stdin)
    _tell(users.add(name, chosen, seen, password, by=_me()))


@user.command("list")
def list_users() -> None:
    """Show every user with role, stores, and how they log in."""
    from rich import box
    from rich.table import Table

    from nkdash.cli.console import console

    table = Table(box=box.SIMPLE_HEAD)
    for title in ("Name", "Role", "Stores", "Login", ""):
        table.add_column(title)
    for account in _users().all():
        login = "password" if account.logs_in else "proxy"
        stores, disabled = _stores(account), "" if account.active else "disabled"
        table.add_row(account.name, account.role, stores, login, disabled)
    console().print(table if table.row_count else "No users yet; nkdash user add NAME makes one.")


@user.command()
def role(
    name: Name, role: Annotated[str, typer.Argument(help="viewer, manager or admin.")]
) -> None:
    """Give a user another role, and log him out everywhere."""
    _tell(_users().set_role(name, _role(role), by=_me()))


@user.command()
def stores(
    name: Name,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of stores (pos.config).")] = None,
    all_stores: Annotated[bool, typer.Option("--all", help="All stores.")] = False,
) -> None:
    """Say which stores a user sees, and log him out everywhere."""
    if bool(ids) == all_stores:
        raise typer.BadParameter("name stores, or give --all")
    _tell(_users().set_stores(name, None if all_stores else _ids(ids or []), by=_me()))


@user.command()
def password(name: Name, stdin: Stdin = False) -> None:
    """Set another password, and log the user out everywhere."""
    _tell(_users().set_password(name, _password(stdin), by=_me()))


@user.command()
def disable(name: Name) -> None:
    """Let a user in no longer; he is logged out at once."""
    _tell(_users().set_active(name, False, by=_me()))


@user.command()
def enable(name: Name) -> None:
    """Let a disabled user in again."""
    _tell(_users().set_active(name, True, by=_me()))


@user.command()
def remove(name: Name) -> None:
    """Take a user out. What he did stays in the audit."""
    from nkdash.cli.console import console

    _users().remove(name, by=_me())
    console().print(f"{name} is removed.")


def _users() -> "Users":
    # The one place where nkdash reaches for the dashboard: the users are its own.
    from dashboard.store import Store
    from dashboard.users import Users
    from nkdash.settings import load_settings

    return Users(Store(load_settings().state_dir))


def _me() -> str:
    """Who changes a user: the machine's own name for whoever types."""
    import getpass

    try:
        return f"{getpass.getuser()} (nkdash user)"
    except (KeyError, OSError):
        return "nkdash user"


def _role(text: str) -> Any:
    from dashboard.users import Role

    if text not in set(Role):
        raise typer.BadParameter(f"{text!r} is none of {', '.join(Role)}")
    return Role(text)


def _ids(texts: list[str]) -> list[int]:
    try:
        return [int(text) for text in texts]
    except ValueError as error:
        raise typer.BadParameter("stores are ids of pos.config, such as 1 or 1,2") from error


def _password(stdin: bool) -> str:
    """From standard input or the prompt, never from the command line, which others can read."""
    if stdin or not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _stores(account: "Account") -> str:
    return "all" if account.stores is None else ", ".join(map(str, account.stores))


def _tell(account: "Account") -> None:
    from nkdash.cli.console import console

    state = "" if account.active else ", disabled"
    console().print(f"{account.name}: {account.role}, stores {_stores(account)}{state}")
