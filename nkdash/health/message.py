"""One alert in every shape in which it is sent: plain text, Slack, Teams, JSON.

Only here words leave the house, so only here secrets and personal data are taken out of them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nkdash.cli.services import address
from nkdash.logs import secrets_of
from nkdash.settings import Settings

Stage = Literal["opened", "closed"]

MOST_CHARACTERS = 700
# Slack takes 50 blocks; a mail of more lines is not read either.
MOST_INCIDENTS = 30
HIDDEN = "…"
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_WORDS: Mapping[Stage, str] = {"opened": "PROBLEM", "closed": "RECOVERED"}


@dataclass(frozen=True)
class News:
    """What happened to one incident; times are ISO, UTC."""

    id: str
    key: str
    stage: Stage
    text: str
    opened: str
    closed: str | None

    @property
    def line(self) -> str:
        """The news in a sentence or two."""
        if self.stage == "opened":
            return f"{_WORDS['opened']} {self.key}: {self.text}"
        span = f"from {_minute(self.opened)} to {_minute(self.closed or '')} UTC"
        return f"{_WORDS['closed']} {self.key} ({span}). It was: {self.text}"


@dataclass(frozen=True)
class Message:
    """What one receiver is told at once: a title, the news, and where to look."""

    title: str
    news: tuple[News, ...]
    links: tuple[tuple[str, str], ...]

    @property
    def mark(self) -> str:
        """The same for the same news, so that it is known again."""
        return "".join(f"{news.id}{news.stage}" for news in self.news)

    @property
    def lines(self) -> list[str]:
        """One line a piece of news; a word on those that are too many."""
        told = [news.line for news in self.news[:MOST_INCIDENTS]]
        more = len(self.news) - len(told)
        return told + ([f"and {more} more: see nkdash health"] if more else [])

    def as_text(self) -> str:
        """For e-mail."""
        links = [f"{name}: {url}" for name, url in self.links]
        return "\n\n".join([*self.lines, "\n".join(links)]) + "\n"

    def as_html(self) -> None:
        """Alerts are plain text."""

    def as_json(self) -> dict[str, Any]:
        """For programs. ``id`` is that of the incident: the same when it is over."""
        return {
            "source": "nkdash",
            "title": self.title,
            "text": "\n".join(self.lines),
            "links": dict(self.links),
            "incidents": [
                {
                    "id": news.id,
                    "key": news.key,
                    "state": news.stage,
                    "text": news.text,
                    "opened": news.opened,
                    "closed": news.closed,
                }
                for news in self.news
            ],
        }

    def as_slack(self) -> dict[str, Any]:
        """For a Slack incoming webhook (Mattermost reads ``text``)."""
        links = " · ".join(f"<{url}|{_slack(name)}>" for name, url in self.links)
        lines = [f":{_emoji(line)}: {_slack(line)}" for line in self.lines]
        return {
            "text": _slack("\n".join([self.title, *self.lines])),
            "blocks": [
                _block(f"*{_slack(self.title)}*"),
                *map(_block, lines),
                {"type": "context", "elements": [{"type": "mrkdwn", "text": links}]},
            ],
        }

    def as_teams(self) -> dict[str, Any]:
        """For a Teams workflow ("when a webhook request is received"): an Adaptive Card."""
        heading = {"type": "TextBlock", "text": self.title, "weight": "Bolder", "size": "Medium"}
        lines = [
            {
                "type": "TextBlock",
                "text": line,
                "wrap": True,
                "color": "Good" if line.startswith(_WORDS["closed"]) else "Attention",
            }
            for line in self.lines
        ]
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [{**heading, "wrap": True}, *lines],
            "actions": [
                {"type": "Action.OpenUrl", "title": name, "url": url} for name, url in self.links
            ],
        }
        kind = "application/vnd.microsoft.card.adaptive"
        attachment = {"contentType": kind, "contentUrl": None, "content": card}
        return {"type": "message", "attachments": [attachment]}


def compose(settings: Settings, news: Sequence[News]) -> Message:
    """One message of all the news."""
    opened = sum(piece.stage == "opened" for piece in news)
    closed = len(news) - opened
    counts = [f"{opened} {'problem' if opened == 1 else 'problems'}"] if opened else []
    counts += [f"{closed} recovered"] if closed else []
    return Message(f"NKDash: {', '.join(counts)}", tuple(news), links(settings))


def links(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Name and address of the dashboard and of Dagster's UI."""
    return (("Dashboard", dashboard_url(settings)), ("Dagster", dagster_url(settings)))


def dashboard_url(settings: Settings) -> str:
    """Where people open the dashboard."""
    own = address(settings.nkdash_dashboard_host, settings.nkdash_dashboard_port)
    return (settings.nkdash_dashboard_url or own).rstrip("/")


def dagster_url(settings: Settings) -> str:
    """Where people open Dagster."""
    own = address(settings.nkdash_dagster_host, settings.nkdash_dagster_port)
    return (settings.nkdash_dagster_url or own).rstrip("/")


def cleaned(text: str, settings: Settings) -> str:
    """``text`` on one line and not too long, without any secret, login or e-mail address."""
    logins = [settings.odoo_username or "", settings.nkdash_smtp_username or ""]
    for secret in (*secrets_of(settings), *filter(None, logins)):
        text = text.replace(secret, HIDDEN)
    text = " ".join(_EMAIL.sub(HIDDEN, text).split())
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + HIDDEN


def _minute(iso: str) -> str:
    return iso[:16].replace("T", " ")


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _emoji(line: str) -> str:
    return "white_check_mark" if line.startswith(_WORDS["closed"]) else "rotating_light"


def _block(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}
