"""``nkdash alert-test``: does an alert reach those who are to get it?"""

import typer


def alert_test() -> None:
    """Send a test message to the webhook and every e-mail address of the settings."""
    from nkdash.cli.console import console
    from nkdash.cli.errors import CommandError, tell
    from nkdash.clock import utc_now
    from nkdash.health.message import Message, News, links
    from nkdash.health.notify import UndeliveredError, receivers
    from nkdash.settings import load_settings

    settings = load_settings()
    told = receivers(settings)
    if not told:
        raise CommandError(
            "nobody is to get alerts; set NKDASH_ALERT_WEBHOOK, or NKDASH_ALERT_EMAIL_TO and "
            "NKDASH_SMTP_HOST"
        )
    now = utc_now(settings).isoformat()
    text = "This is a test: alerts of NKDash arrive here."
    news = News(f"test-{now}", "test", "opened", text, now, None)
    message = Message("NKDash: test", (news,), links(settings))
    failed = False
    for receiver in told:
        try:
            receiver.send(message)
        except UndeliveredError as error:
            failed = True
            tell(f"{receiver.name}: {error}")
        else:
            console().print(f"{receiver.name}: delivered", soft_wrap=True)
    if failed:
        raise typer.Exit(1)
