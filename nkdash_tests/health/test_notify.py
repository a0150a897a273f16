"""Alerts arrive in the shape that their receiver reads, or say why they did not."""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message as Mail
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from typer.testing import CliRunner

from nkdash.cli.app import app
from nkdash.health.message import Message, News, compose, links
from nkdash.health.notify import UndeliveredError, kind_of, receivers
from nkdash.settings import Settings
from nkdash_tests.health.conftest import Webhook

With = Callable[..., Settings]
OPENED = News("1", "odoo", "opened", "Odoo <erp> & co do not answer", "2026-10-20T05:30", None)
CLOSED = News("2", "disk", "closed", "full", "2026-10-20T05:30:00", "2026-10-20T06:30:00")


@dataclass
class Mailbox:
    port: int = 0
    mails: list[tuple[str, Mail]] = field(default_factory=list)
    refuses: str = ""

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.refuses:
            return self.refuses
        self.mails.append((envelope.rcpt_tos[0], message_from_bytes(envelope.content)))
        return "250 taken"


class _OnAnyPort(Controller):
    """A controller on a port that the system picks."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def served(box: Mailbox, **options: Any) -> Iterator[Mailbox]:
    controller = _OnAnyPort(box, hostname="127.0.0.1", port=0, **options)
    controller.start()
    box.port = controller.port
    yield box
    controller.stop()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    yield from served(Mailbox())


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """A mail server that wants STARTTLS, then a login."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def login(_server: Any, _session: Any, _envelope: Any, _how: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and data.password == b"mail-password"
        return AuthResult(success=good, handled=good)

    yield from served(
        Mailbox(),
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=login,
    )


def mailing(with_settings: With, box: Mailbox, **changes: str) -> Settings:
    return with_settings(
        **{
            "NKDASH_SMTP_HOST": "127.0.0.1",
            "NKDASH_SMTP_PORT": str(box.port),
            "NKDASH_SMTP_TLS": "none",
            "NKDASH_ALERT_EMAIL_TO": "ann@example.com, bob@example.com",
            "NKDASH_ALERT_EMAIL_FROM": "nkdash@example.com",
            **changes,
        }
    )


def test_each_address_gets_a_mail_of_its_own(with_settings: With, mailbox: Mailbox) -> None:
    settings = mailing(with_settings, mailbox)
    for receiver in receivers(settings):
        receiver.send(compose(settings, [OPENED, CLOSED]))
    assert [to for to, _ in mailbox.mails] == ["ann@example.com", "bob@example.com"]
    mail = mailbox.mails[0][1]
    assert mail["Subject"] == "NKDash: 1 problem, 1 recovered"
    assert mail["To"] == "ann@example.com"
    text = mail.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert "PROBLEM odoo: Odoo <erp> & co" in text
    assert "http://127.0.0.1:3000" in text
    assert len({mail["Message-ID"] for _, mail in mailbox.mails}) == 2


def test_the_same_news_is_the_same_mail(with_settings: With, mailbox: Mailbox) -> None:
    settings = mailing(with_settings, mailbox)
    for _ in range(2):
        receivers(settings)[0].send(compose(settings, [OPENED]))
    receivers(settings)[0].send(compose(settings, [CLOSED]))
    first, again, other = (mail["Message-ID"] for _, mail in mailbox.mails)
    assert first == again != other


def test_mail_goes_over_starttls_with_a_login(with_settings: With, guarded: Mailbox) -> None:
    login = {"NKDASH_SMTP_USERNAME": "alerts", "NKDASH_SMTP_PASSWORD": "mail-password"}
    settings = mailing(with_settings, guarded, NKDASH_SMTP_TLS="starttls", **login)
    receivers(settings)[0].send(compose(settings, [OPENED]))
    assert len(guarded.mails) == 1
    bad = {**login, "NKDASH_SMTP_PASSWORD": "not-the-password"}
    wrong = mailing(with_settings, guarded, NKDASH_SMTP_TLS="starttls", **bad)
    with pytest.raises(UndeliveredError, match="NKDASH_SMTP_USERNAME") as error:
        receivers(wrong)[0].send(compose(wrong, [OPENED]))
    assert "not-the-password" not in str(error.value)


def test_a_mail_that_is_refused_says_so_without_addresses(
    with_settings: With, mailbox: Mailbox
) -> None:
    settings = mailing(with_settings, mailbox)
    mailbox.refuses = "552 ann@example.com is full"
    with pytest.raises(UndeliveredError, match="SMTP 552") as error:
        receivers(settings)[0].send(compose(settings, [OPENED]))
    assert "ann@" not in str(error.value)


def test_the_shape_follows_the_host(with_settings: With) -> None:
    settings = with_settings()
    assert kind_of(settings, "https://hooks.slack.com/services/T/B/x") == "slack"
    assert kind_of(settings, "https://acme.webhook.office.com/webhookb2/x") == "teams"
    assert kind_of(settings, "https://prod-1.westeurope.logic.azure.com/workflows/x") == "teams"
    assert kind_of(settings, "https://alerts.example.com/x") == "json"
    chosen = with_settings(NKDASH_ALERT_WEBHOOK_KIND="slack")
    assert kind_of(chosen, "https://chat.example.com/hooks/x") == "slack"


def sent(with_settings: With, webhook: Webhook, kind: str, *news: News) -> dict[str, Any]:
    settings = with_settings(
        NKDASH_ALERT_WEBHOOK=webhook.url,
        NKDASH_ALERT_WEBHOOK_KIND=kind,
        NKDASH_DASHBOARD_URL="https://nkdash.example.com/",
    )
    receivers(settings)[0].send(compose(settings, news))
    return webhook.posted[-1]


def test_slack_gets_text_and_blocks(with_settings: With, webhook: Webhook) -> None:
    body = sent(with_settings, webhook, "slack", OPENED, CLOSED)
    assert body.keys() == {"text", "blocks"}
    assert "Odoo &lt;erp&gt; &amp; co" in body["text"]
    texts = [block["text"]["text"] for block in body["blocks"] if block["type"] == "section"]
    assert texts[0] == "*NKDash: 1 problem, 1 recovered*"
    assert texts[1].startswith(":rotating_light: PROBLEM odoo")
    assert texts[2].startswith(":white_check_mark: RECOVERED disk")
    assert "<https://nkdash.example.com|Dashboard>" in body["blocks"][-1]["elements"][0]["text"]


def test_slack_never_gets_more_blocks_than_it_takes(with_settings: With, webhook: Webhook) -> None:
    many = [News(str(n), f"k{n}", "opened", "x" * 600, "", None) for n in range(80)]
    body = sent(with_settings, webhook, "slack", *many)
    assert len(body["blocks"]) <= 50
    assert "50 more" in body["text"]


def test_teams_gets_an_adaptive_card(with_settings: With, webhook: Webhook) -> None:
    body = sent(with_settings, webhook, "teams", OPENED, CLOSED)
    [attachment] = body["attachments"]
    assert (body["type"], attachment["contentType"]) == (
        "message",
        "application/vnd.microsoft.card.adaptive",
    )
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert [block.get("color") for block in card["body"]] == [None, "Attention", "Good"]
    assert card["actions"][0] == {
        "type": "Action.OpenUrl",
        "title": "Dashboard",
        "url": "https://nkdash.example.com",
    }


@pytest.mark.parametrize("status", [301, 404, 500])
def test_an_error_of_the_webhook_does_not_show_its_address(
    with_settings: With, webhook: Webhook, status: int
) -> None:
    webhook.status = status
    with pytest.raises(UndeliveredError, match=str(status)) as error:
        sent(with_settings, webhook, "json", OPENED)
    assert "T0KEN" not in str(error.value)


def test_a_webhook_that_is_not_there_does_not_show_its_address(with_settings: With) -> None:
    settings = with_settings(NKDASH_ALERT_WEBHOOK="http://127.0.0.1:9/T0KEN")
    with pytest.raises(UndeliveredError) as error:
        receivers(settings)[0].send(Message("x", (OPENED,), links(settings)))
    assert "T0KEN" not in str(error.value)


def test_alert_test_tells_who_got_it(
    with_settings: With, webhook: Webhook, mailbox: Mailbox
) -> None:
    assert CliRunner().invoke(app, ["alert-test"]).exit_code == 1
    mailing(
        with_settings,
        mailbox,
        NKDASH_ALERT_WEBHOOK=webhook.url,
        NKDASH_ALERT_WEBHOOK_KIND="json",
    )
    answer = CliRunner().invoke(app, ["alert-test"])
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.count("delivered") == 3
    assert webhook.states == [("test", "opened")]
    webhook.status = 500
    answer = CliRunner().invoke(app, ["alert-test"])
    assert answer.exit_code == 1
    assert "T0KEN" not in answer.output
