"""The digest reads well in both languages and in every shape."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from string import Formatter

import pytest
from typer.testing import CliRunner

from nkdash.cli.app import app
from nkdash.digest.figures import Concern, Digest, Named, gather
from nkdash.digest.letter import Letter, Texts, write
from nkdash.kpis import format as fmt
from nkdash.kpis.ask import Ask
from nkdash.settings import Settings
from nkdash_tests.health.conftest import Webhook
from nkdash_tests.health.test_notify import Mailbox

DAY = date(2026, 11, 22)
Mailing = Callable[..., Settings]


@pytest.fixture
def digest(ask: Ask) -> Digest:
    return gather(ask, DAY)


@pytest.fixture
def letter(digest: Digest, mailing: Mailing) -> Letter:
    return write(digest, mailing(nkdash_dashboard_url="https://nkdash.example.com"))


def test_the_text_says_day_figures_changes_and_where_to_look(
    letter: Letter, digest: Digest
) -> None:
    text = letter.as_text()
    revenue = digest.headline[0]
    line = next(line for line in text.splitlines() if line.startswith("Net revenue"))
    assert fmt.money(revenue.value, digest.currency) in line
    assert line.endswith(fmt.signed_percent(revenue.change))
    rate = next(line for line in text.splitlines() if line.startswith("Discount rate"))
    assert rate.endswith("pp")
    assert "Sunday 22 Nov 2026, against Sunday 15 Nov 2026." in text
    assert "Second Pte" in text
    assert "https://nkdash.example.com/?range=2026-11-22..2026-11-22&compare=week" in text
    assert letter.title.startswith("22 Nov 2026: Rp")


def test_in_indonesian_nothing_is_left_in_english(digest: Digest, mailing: Mailing) -> None:
    text = write(digest, mailing(nkdash_digest_language="id")).as_text()
    assert "Minggu 22 Nov 2026, dibanding Minggu 15 Nov 2026." in text
    assert "Pendapatan bersih" in text
    assert not re.search(r"Net revenue|What to look at|Stores|Best", text)


def test_both_languages_have_the_same_texts_and_blanks() -> None:
    def blanks(language: str) -> dict[str, set[str]]:
        texts = Texts(language)._texts
        return {
            key: {name for _, name, _, _ in Formatter().parse(text) if name}
            for key, text in texts.items()
        }

    assert blanks("en") == blanks("id")


@pytest.mark.parametrize("language", ["en", "id"])
def test_every_concern_has_its_sentence(digest: Digest, mailing: Mailing, language: str) -> None:
    counts = {"count": 3, "days": 30}
    keys = ("days_missing", "days_differing", "unexplained", "out_of_stock_products")
    keys += ("low_products", "negative_products")
    concerns = [Concern(f"look.{key}", counts) for key in keys]
    concerns += [Concern(f"look.{key}", {"share": 0.5}) for key in ("coverage", "provisional")]
    settings = mailing(nkdash_digest_language=language)
    looked = write(replace(digest, concerns=tuple(concerns)), settings).look
    assert all("3" in words for words in looked[:-2])
    assert all("50.0%" in words for words in looked[-2:])
    [nothing] = write(replace(digest, concerns=()), settings).look
    assert nothing == Texts(language)("look.nothing")


def test_names_cannot_become_markup(digest: Digest, mailing: Mailing) -> None:
    odd = Named("<b>Toko</b> & co", 5.0, None, 0.0)
    letter = write(replace(digest, best=odd), mailing())
    assert "&lt;b&gt;Toko&lt;/b&gt; &amp; co" in letter.as_html()
    assert "<b>" not in letter.as_html()
    assert "&lt;b&gt;Toko" in json.dumps(letter.as_slack())
    assert "<b>Toko</b> & co" in letter.as_text()


def test_the_html_fetches_nothing_and_colours_better_and_worse(letter: Letter) -> None:
    html = letter.as_html()
    assert re.findall(r"(?:src|href)=\"([^\"]*)\"", html) == [letter.link.replace("&", "&amp;")]
    assert "#1a7f4b" in html
    assert "#c0392b" in html


def test_programs_slack_and_teams_get_their_shapes(letter: Letter) -> None:
    told = letter.as_json()
    assert told["day"] == "2026-11-22"
    assert told["parts"][0]["lines"][0]["label"] == "Net revenue"
    assert len(letter.as_slack()["blocks"]) <= 50
    [attachment] = letter.as_teams()["attachments"]
    assert attachment["content"]["type"] == "AdaptiveCard"
    assert json.loads(json.dumps(told))["look"] == list(letter.look)


def environment(settings: Settings, **more: str) -> dict[str, str]:
    return {
        "DATA_LAKE_ROOT": str(settings.data_lake_root),
        "NKDASH_NOW": "2026-11-23T03:00:00+00:00",
        "NKDASH_SMTP_HOST": "127.0.0.1",
        "NKDASH_SMTP_PORT": str(settings.nkdash_smtp_port),
        "NKDASH_SMTP_TLS": "none",
        **more,
    }


def test_the_command_prints_yesterdays_digest(mailing: Mailing, letter: Letter) -> None:
    env = environment(mailing())
    result = CliRunner().invoke(app, ["digest"], env=env)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(letter.title)
    html = CliRunner().invoke(app, ["digest", "--html", "--day", "2026-11-21"], env=env)
    assert "<title>21 Nov 2026" in html.stdout


def test_the_command_says_why_there_is_none(mailing: Mailing) -> None:
    env = environment(mailing())
    for arguments, words, code in (
        (["--day", "today"], "2026-11-23 is not loaded whole yet", 1),
        (["--send"], "nobody is to get the digest", 1),
        (["--day", "someday"], "is no day", 2),
    ):
        result = CliRunner().invoke(app, ["digest", *arguments], env=env)
        assert result.exit_code == code
        assert words in " ".join(result.output.replace("│", "").split())


def test_the_command_sends_to_everybody_and_tells_who_was_not_reached(
    mailing: Mailing, mailbox: Mailbox, webhook: Webhook
) -> None:
    to = {"NKDASH_DIGEST_TO": "ann@example.com, webhook", "NKDASH_ALERT_WEBHOOK": webhook.url}
    env = environment(mailing(), **to)
    result = CliRunner().invoke(app, ["digest", "--send"], env=env)
    assert result.exit_code == 0, result.output
    [(who, mail)] = mailbox.mails
    assert who == "ann@example.com"
    assert mail["Subject"].startswith("22 Nov 2026")
    plain, html = mail.get_payload()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert [body["kind"] for body in webhook.posted] == ["digest"]
    webhook.status = 500
    again = CliRunner().invoke(app, ["digest", "--send"], env=env)
    assert again.exit_code == 1
    assert "answered HTTP 500" in again.output
    assert "ann@example.com: delivered" in again.output
