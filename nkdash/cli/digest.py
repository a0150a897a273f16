"""``nkdash digest``: what a day brought, as the daily digest tells it."""

from typing import Annotated

import typer


def digest(
    day: Annotated[str, typer.Option("--day", help="A business day.")] = "yesterday",
    send: Annotated[
        bool, typer.Option("--send", help="Send it to all who get the digest.")
    ] = False,
    as_html: Annotated[bool, typer.Option("--html", help="Print the HTML of the e-mail.")] = False,
) -> None:
    """Print the digest of a day, or send it now, whoever has had it already."""
    from nkdash.cli.console import console
    from nkdash.cli.days import parse_day
    from nkdash.cli.errors import CommandError, tell
    from nkdash.digest.send import deliver, letter
    from nkdash.health.notify import digest_receivers
    from nkdash.settings import load_settings

    settings = load_settings()
    try:
        asked = parse_day(day, settings)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if send and not digest_receivers(settings):
        raise CommandError(
            "nobody is to get the digest; set NKDASH_DIGEST_TO and NKDASH_SMTP_HOST, or those of "
            "alerts (NKDASH_ALERT_WEBHOOK, NKDASH_ALERT_EMAIL_TO)"
        )
    made = letter(settings, asked)
    if not send:
        typer.echo(made.as_html() if as_html else made.as_text(), nl=False)
        return
    sent = deliver(settings, made)
    for name in sent.taken.values():
        console().print(f"{name}: delivered", soft_wrap=True)
    for name, why in sent.failed.items():
        tell(f"{name}: {why}")
    if sent.failed:
        raise typer.Exit(1)
