"""Receivers of alerts and of the digest: a webhook and e-mail. Each delivers, or says why not."""

import hashlib
import smtplib
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

from nkdash.clock import utc_now
from nkdash.settings import Settings

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0
WEBHOOK = "webhook"
"""How NKDASH_DIGEST_TO names the webhook."""
TEAMS_HOSTS = (".webhook.office.com", ".logic.azure.com", ".powerplatform.com")


class UndeliveredError(Exception):
    """A receiver did not take a message; the text holds no secret."""


class Deliverable(Protocol):
    """What can be delivered: in the shape that each receiver reads. ``mark`` tells it from others,
    and is the same for the same content.
    """

    @property
    def title(self) -> str:
        """One line."""
        ...

    @property
    def mark(self) -> str:
        """The same for the same content."""
        ...

    def as_text(self) -> str:
        """For e-mail."""
        ...

    def as_html(self) -> str | None:
        """For e-mail beside the text; None for text alone."""
        ...

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        ...

    def as_slack(self) -> dict[str, Any]:
        """For Slack."""
        ...

    def as_teams(self) -> dict[str, Any]:
        """For Teams."""
        ...


@dataclass(frozen=True)
class Receiver:
    """Somebody to tell. ``id`` stays the same as long as the address does, and does not show it.

    ``send`` raises UndeliveredError.
    """

    id: str
    name: str
    send: Callable[[Deliverable], None]


def receivers(settings: Settings) -> list[Receiver]:
    """Those who get alerts: the webhook, and each e-mail address by itself."""
    return _receivers(settings, settings.nkdash_alert_email_to, webhook=True)


def digest_receivers(settings: Settings) -> list[Receiver]:
    """Those who get the digest: whom NKDASH_DIGEST_TO names, else those who get alerts."""
    if not (named := settings.nkdash_digest_to):
        return receivers(settings)
    people = tuple(to for to in named if to != WEBHOOK)
    return _receivers(settings, people, webhook=WEBHOOK in named)


def _receivers(settings: Settings, people: Iterable[str], *, webhook: bool) -> list[Receiver]:
    found = []
    if webhook and settings.nkdash_alert_webhook:
        url = settings.nkdash_alert_webhook.get_secret_value()
        name = f"webhook at {urlsplit(url).hostname}"
        found.append(Receiver(_id("webhook", url), name, partial(post, settings, url)))
    return found + [
        Receiver(_id("e-mail", to), f"e-mail to {to}", partial(mail, settings, to)) for to in people
    ]


def _id(kind: str, where: str) -> str:
    return f"{kind}-{hashlib.sha256(where.encode()).hexdigest()[:12]}"


def kind_of(settings: Settings, url: str) -> str:
    """The shape that a webhook's address asks for: slack, teams or json."""
    if settings.nkdash_alert_webhook_kind != "auto":
        return settings.nkdash_alert_webhook_kind
    host = urlsplit(url).hostname or ""
    if host == "hooks.slack.com":
        return "slack"
    return "teams" if host.endswith(TEAMS_HOSTS) else "json"


def post(settings: Settings, url: str, message: Deliverable) -> None:
    """Post to a webhook. Its address is a secret, so no error of the library is shown."""
    shapes = {"slack": message.as_slack, "teams": message.as_teams, "json": message.as_json}
    host = urlsplit(url).hostname
    try:
        answer = requests.post(
            url,
            json=shapes[kind_of(settings, url)](),
            timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise UndeliveredError(f"{host} did not answer ({type(error).__name__})") from None
    if not 200 <= answer.status_code < 300:
        raise UndeliveredError(
            f"{host} answered HTTP {answer.status_code}; check NKDASH_ALERT_WEBHOOK"
        )


def mail(settings: Settings, to: str, message: Deliverable) -> None:
    """Send to one address by the mail server of the settings."""
    if settings.nkdash_smtp_host is None:
        raise UndeliveredError("NKDASH_SMTP_HOST is not set")
    sender = settings.nkdash_alert_email_from or settings.nkdash_smtp_username or to
    mail_ = EmailMessage()
    mail_["Subject"] = message.title
    mail_["From"] = sender
    mail_["To"] = to
    mail_["Date"] = format_datetime(utc_now(settings))
    # The same news twice, e.g. after a crash, is the same mail: servers and readers drop doubles.
    mark = hashlib.sha256(f"{message.mark}{to}".encode()).hexdigest()[:32]
    mail_["Message-ID"] = f"<{mark}@nkdash>"
    mail_["Auto-Submitted"] = "auto-generated"
    mail_.set_content(message.as_text())
    if html := message.as_html():
        mail_.add_alternative(html, subtype="html")
    try:
        with _server(settings) as server:
            if settings.nkdash_smtp_username and settings.nkdash_smtp_password:
                server.login(
                    settings.nkdash_smtp_username,
                    settings.nkdash_smtp_password.get_secret_value(),
                )
            server.send_message(mail_)
    except smtplib.SMTPAuthenticationError:
        raise UndeliveredError(
            "the mail server refuses the login; check NKDASH_SMTP_USERNAME and _PASSWORD"
        ) from None
    except (smtplib.SMTPException, OSError) as error:
        host = f"{settings.nkdash_smtp_host}:{settings.nkdash_smtp_port}"
        raise UndeliveredError(f"{host} did not take the mail ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    """What the mail server said, without the addresses that it may repeat."""
    code = getattr(error, "smtp_code", None)
    kind = type(error).__name__
    return f"{kind}, SMTP {code}" if code else kind


def _server(settings: Settings) -> smtplib.SMTP:
    host, port = settings.nkdash_smtp_host or "", settings.nkdash_smtp_port
    # The system's certificates; SSL_CERT_FILE names those of a private CA.
    context = ssl.create_default_context()
    if settings.nkdash_smtp_tls == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=ANSWER_SECONDS, context=context)
    server = smtplib.SMTP(host, port, timeout=ANSWER_SECONDS)
    try:
        if settings.nkdash_smtp_tls == "starttls":
            server.starttls(context=context)
    except (smtplib.SMTPException, OSError):
        server.close()
        raise
    return server
