"""The digest in words: plain text, HTML, and the shapes that webhooks read."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from jinja2 import Environment, select_autoescape

from nkdash.digest.figures import Digest, Figure, Named
from nkdash.health.message import dashboard_url
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Good
from nkdash.kpis.periods import Period
from nkdash.kpis.registry import kpi
from nkdash.kpis.words import title as title_of
from nkdash.settings import Settings

Mood = Literal["better", "worse", "neither"]
# Dark enough on white, bright enough where a reader's mail turns white into black.
COLOURS: Mapping[Mood, str] = {"better": "#1a7f4b", "worse": "#c0392b", "neither": "#6b6b66"}
SAME = 0.0005


@dataclass(frozen=True)
class Line:
    """One figure: what it is, how much, its change, and whether that is better or worse."""

    label: str
    value: str
    change: str
    mood: Mood


@dataclass(frozen=True)
class Part:
    """A titled list of figures."""

    title: str
    hint: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Letter:
    """A digest that can be delivered; see nkdash.health.notify.Deliverable."""

    title: str
    mark: str
    language: str
    day: date
    intro: tuple[str, ...]
    parts: tuple[Part, ...]
    look_title: str
    look: tuple[str, ...]
    link: str
    link_words: str

    def as_text(self) -> str:
        """For a terminal, and for mail programs that show no HTML."""
        blocks = [self.title, "\n".join(self.intro)]
        for part in self.parts:
            heading = f"{part.title} ({part.hint})" if part.hint else part.title
            blocks.append("\n".join([heading, *_aligned(part.lines)]))
        blocks.append("\n".join([self.look_title, *(f"- {line}" for line in self.look)]))
        return "\n\n".join([*blocks, f"{self.link_words}: {self.link}"]) + "\n"

    def as_html(self) -> str:
        """For mail: one column, styles in the elements, nothing fetched."""
        return str(_template().render(letter=self, colours=COLOURS))

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "source": "nkdash",
            "kind": "digest",
            "id": self.mark,
            "day": self.day.isoformat(),
            "title": self.title,
            "text": self.as_text(),
            "parts": [asdict(part) for part in self.parts],
            "look": list(self.look),
            "links": {self.link_words: self.link},
            # What reads alerts finds none here.
            "incidents": [],
        }

    def as_slack(self) -> dict[str, Any]:
        """For a Slack incoming webhook (Mattermost reads ``text``)."""
        parts = [
            f"*{_slack(p.title)}*\n```{_slack(chr(10).join(_aligned(p.lines)))}```"
            for p in self.parts
        ]
        look = "\n".join(f"• {_slack(line)}" for line in self.look)
        texts = [f"*{_slack(self.title)}*\n{_slack(' '.join(self.intro))}", *parts]
        texts.append(f"*{_slack(self.look_title)}*\n{look}")
        texts.append(f"<{self.link}|{_slack(self.link_words)}>")
        blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in texts]
        return {"text": _slack(self.title), "blocks": blocks}

    def as_teams(self) -> dict[str, Any]:
        """For a Teams workflow: an Adaptive Card."""

        def block(text: str, **more: Any) -> dict[str, Any]:
            return {"type": "TextBlock", "text": text, "wrap": True, **more}

        body = [block(self.title, weight="Bolder", size="Medium"), *map(block, self.intro)]
        for part in self.parts:
            body.append(block(part.title, weight="Bolder", spacing="Medium"))
            facts = [
                {"title": line.label, "value": f"{line.value}  {line.change}".strip()}
                for line in part.lines
            ]
            body.append({"type": "FactSet", "facts": facts})
        body.append(block(self.look_title, weight="Bolder", spacing="Medium"))
        body += [block(f"- {line}") for line in self.look]
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": body,
            "actions": [{"type": "Action.OpenUrl", "title": self.link_words, "url": self.link}],
        }
        kind = "application/vnd.microsoft.card.adaptive"
        attachment = {"contentType": kind, "contentUrl": None, "content": card}
        return {"type": "message", "attachments": [attachment]}


class Texts:
    """The texts of a language, by key."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = _texts(language)

    def __call__(self, key: str, **values: object) -> str:
        """The text of ``key`` with its blanks filled in. Raises KeyError."""
        return self._texts[key].format(**values)

    def day(self, value: date) -> str:
        """A date as it reads."""
        return fmt.day(value, self("months"))

    def days(self, period: Period) -> str:
        """A range as it reads."""
        return fmt.days(period.first, period.last, self("months"))


def write(digest: Digest, settings: Settings) -> Letter:
    """The letter in the language of the settings."""
    t = Texts(settings.nkdash_digest_language)
    revenue = digest.headline[0]
    change = f", {fmt.signed_percent(revenue.change)}" if revenue.change is not None else ""
    compared = any(figure.base is not None for figure in digest.headline)
    weekday = t("weekdays").split()[digest.day.weekday()]
    intro = [
        t(
            "intro" if compared else "intro.alone",
            weekday=weekday,
            day=t.day(digest.day),
            base=t.day(digest.base),
        ),
        t("tax"),
    ]
    if digest.left_out:
        intro.append(t("of", company=digest.company, others=", ".join(digest.left_out)))
    hint = t("to_date.against", days=t.days(digest.month), base=t.days(digest.month_base))
    parts = [
        Part(t("headline"), "", tuple(_figure(t, digest, f) for f in digest.headline)),
        Part(t("to_date"), hint, tuple(_figure(t, digest, f) for f in digest.to_date)),
        Part(t("stores"), "", tuple(_stores(t, digest))),
        Part(t("movers"), "", tuple(_mover(digest, n) for n in digest.risers + digest.fallers)),
    ]
    return Letter(
        title=t(
            "title",
            day=t.day(digest.day),
            revenue=fmt.money(revenue.value, digest.currency),
            change=change,
        ),
        mark=f"digest-{digest.day}",
        language=t.language,
        day=digest.day,
        intro=tuple(intro),
        parts=tuple(part for part in parts if part.lines),
        look_title=t("look"),
        look=tuple(_looks(t, digest)) or (t("look.nothing"),),
        link=f"{dashboard_url(settings)}/?range={digest.day}..{digest.day}&compare=week",
        link_words=t("open"),
    )


def _figure(t: Texts, digest: Digest, figure: Figure) -> Line:
    asked = kpi(figure.kpi)
    value = fmt.figure(asked.unit, figure.value, digest.currency)
    change = fmt.signed_change(asked.unit, figure.change)
    return Line(title_of(t.language, figure.kpi), value, change, _mood(figure.change, asked.good))


def _stores(t: Texts, digest: Digest) -> Iterable[Line]:
    for key, store in (("best", digest.best), ("weakest", digest.weakest)):
        if store:
            value = fmt.money(store.value, digest.currency)
            change = fmt.signed_percent(store.change)
            mood = _mood(store.change, Good.UP)
            yield Line(t(key, name=store.name), value, change, mood)


def _mover(digest: Digest, moved: Named) -> Line:
    value = fmt.money_signed(moved.difference, digest.currency)
    mood: Mood = "better" if moved.difference > 0 else "worse"
    return Line(moved.name, value, fmt.signed_percent(moved.change), mood)


def _looks(t: Texts, digest: Digest) -> Iterable[str]:
    for concern in digest.concerns:
        told = {
            name: fmt.percent(value) if name == "share" else fmt.count(value)
            for name, value in concern.values.items()
        }
        yield t(concern.key, **told)


def _mood(change: float | None, good: Good) -> Mood:
    if change is None or abs(change) < SAME or good is Good.NEITHER:
        return "neither"
    return "better" if (change > 0) == (good is Good.UP) else "worse"


def _aligned(lines: Iterable[Line]) -> list[str]:
    """Lines of text with labels to the left, figures to the right."""
    rows = [(line.label, line.value, line.change) for line in lines]
    label, value, change = (max(len(row[i]) for row in rows) for i in range(3))
    return [f"{a:<{label}}  {b:>{value}}  {c:>{change}}" for a, b, c in rows]


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@cache
def _texts(language: str) -> Mapping[str, str]:
    text = files("nkdash.digest").joinpath(f"texts/{language}.json").read_text(encoding="utf-8")
    found: Mapping[str, str] = json.loads(text)
    return found


@cache
def _template() -> Any:
    source = files("nkdash.digest").joinpath("letter.html").read_text(encoding="utf-8")
    made = Environment(autoescape=select_autoescape(default_for_string=True), trim_blocks=True)
    return made.from_string(source)
