"""``nkdash doctor``: is everything there that NKDash depends on? Each failure with its remedy."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nkdash.odoo.doctor import Check

MARKS = {True: "[green]ok[/]", None: "[yellow]note[/]", False: "[bold red]FAIL[/]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list of checks.")] = False,
) -> None:
    """Check settings, Odoo (address, rights, models, fields, time zone), lake and warehouse."""
    from nkdash.cli.checks import all_checks

    checks = all_checks()
    if as_json:
        typer.echo(json.dumps([check.as_dict() for check in checks], indent=2))
    else:
        show(checks)
    if any(check.ok is False for check in checks):
        raise typer.Exit(1)


def show(checks: Sequence["Check"]) -> None:
    """One line a check, the remedy below what is not right, and a closing line."""
    from rich.markup import escape

    from nkdash.cli.console import console

    out = console()
    width = max(len(check.name) for check in checks)
    for check in checks:
        out.print(
            f"{MARKS[check.ok]:<{len(MARKS[check.ok]) - _visible(check) + 4}}  "
            f"{escape(check.name):<{width}}  {escape(check.detail)}",
            soft_wrap=True,
        )
        if check.ok is not True and check.remedy:
            out.print(f"      {'':<{width}}  [dim]→ {escape(check.remedy)}[/]", soft_wrap=True)
    failed = sum(check.ok is False for check in checks)
    noted = sum(check.ok is None for check in checks)
    out.print(f"{len(checks)} checks: {failed} failed, {noted} to note.")


def _visible(check: "Check") -> int:
    from rich.text import Text

    return len(Text.from_markup(MARKS[check.ok]))
