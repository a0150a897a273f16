"""What a page shows, as its URL says it: typed, validated on the way in, canonical on the way out.

A value that makes no sense falls back to its default and is reported; it is never an error.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Self
from urllib.parse import parse_qsl, quote

from nkdash.kpis.model import TaxBasis
from nkdash.kpis.periods import Comparison, Grain, Period, Preset, base_period, preset_period
from nkdash.kpis.selection import ALL_FILTERS, Ids

EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)
MOST_IDS = 200
SOURCES = {"pos", "invoice"}
_CALENDAR = re.compile(r"20\d\d-(0[1-9]|1[0-2]|q[1-4])")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Problem:
    """A query parameter that was not understood."""

    key: str
    value: str


@dataclass(frozen=True)
class State:
    """The whole state of a page but its path. Defaults are left out of the URL.

    ``company`` None means the main one where companies differ in currency, else all. ``weekday``
    is 1 (Monday) to 7, ``hour`` 0 to 23, both local.
    ``sort`` is a column of the page's table, with '-' before it for descending; ``calendar`` the
    month (2026-11) or quarter (2026-q4) that Operations shows, this month where it is empty.
    ``tax`` None means the page's own basis; ``uncovered`` shows margins although too much revenue
    has no known cost.
    """

    preset: Preset = Preset.DAYS_30
    custom: Period | None = None
    compare: Comparison = Comparison.PREVIOUS
    grain: Grain = Grain.AUTO
    metric: str = ""
    tax: TaxBasis | None = None
    uncovered: bool = False
    company: int | None = None
    store: tuple[int, ...] = ()
    category: tuple[int, ...] = ()
    brand: tuple[int, ...] = ()
    principal: tuple[int, ...] = ()
    vendor: tuple[int, ...] = ()
    cashier: tuple[int, ...] = ()
    method: tuple[int, ...] = ()
    product: tuple[int, ...] = ()
    customer: tuple[int, ...] = ()
    source: tuple[str, ...] = ()
    salesperson: tuple[int, ...] = ()
    weekday: tuple[int, ...] = ()
    hour: tuple[int, ...] = ()
    tab: str = ""
    sort: str = ""
    calendar: str = ""
    problems: tuple[Problem, ...] = field(default=(), compare=False)

    def period(self, today: date) -> Period:
        """The business days shown, seen from the open day ``today``."""
        return self.custom or preset_period(self.preset, today)

    def base(self, today: date) -> Period | None:
        """The business days compared with."""
        return base_period(self.period(today), self.compare)

    def with_(self, **changes: Any) -> Self:
        """A copy with ``changes``; a new preset drops the custom range."""
        if "preset" in changes and "custom" not in changes:
            changes["custom"] = None
        if changes.get("custom"):
            changes["preset"] = Preset.CUSTOM
        return replace(self, **changes)

    def toggled(self, key: str, record: int | str) -> Self:
        """With the id added to the filter ``key``, or taken out where it is in."""
        ids: Ids = getattr(self, key)
        changed = tuple(i for i in ids if i != record) if record in ids else (*ids, record)
        return self.with_(**{key: tuple(sorted(changed))})

    def cleared(self) -> Self:
        """Without any filter; range, comparison and tab stay."""
        return self.with_(company=None, **dict.fromkeys(ALL_FILTERS, ()))

    @property
    def filters(self) -> Mapping[str, Ids]:
        """The filters that are set."""
        return {key: ids for key in ALL_FILTERS if (ids := getattr(self, key))}

    @property
    def search(self) -> str:
        """The canonical query string, with its '?'; empty where all is default."""
        pairs = [(key, value) for key, value in _texts(self).items() if value != DEFAULTS[key]]
        if not pairs:
            return ""
        return "?" + "&".join(f"{key}={quote(value, safe=',.-_')}" for key, value in pairs)


def _texts(state: State) -> dict[str, str]:
    named = {
        "range": f"{state.custom.first}..{state.custom.last}" if state.custom else state.preset,
        "compare": state.compare,
        "grain": state.grain,
        "metric": state.metric,
        "tax": state.tax or "",
        "uncovered": "show" if state.uncovered else "",
        "company": "" if state.company is None else str(state.company),
    }
    ids = {key: ",".join(map(str, getattr(state, key))) for key in ALL_FILTERS}
    return {
        **named,
        **ids,
        "tab": state.tab,
        "sort": state.sort,
        "calendar": state.calendar,
    }


DEFAULTS = _texts(State())
"""What each query parameter means where it is absent."""


def parse(search: str | None) -> State:
    """The state that a query string (with or without '?') asks for; never raises.

    What was not understood is in ``problems`` and has its default.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, text in parse_qsl((search or "").removeprefix("?"), keep_blank_values=False)[:100]:
        try:
            values.update(_value(key, text))
        except ValueError:
            problems.append(Problem(key[:40], text[:60]))
    return State(**values, problems=tuple(problems))


def _value(key: str, text: str) -> dict[str, Any]:
    match key:
        case "range" if ".." in text:
            return {"preset": Preset.CUSTOM, "custom": _days(text)}
        case "range":
            preset = Preset(text)
            if preset is Preset.CUSTOM:
                raise ValueError(text)
            return {"preset": preset, "custom": None}
        case "compare":
            return {"compare": Comparison(text)}
        case "grain":
            return {"grain": Grain(text)}
        case "tax":
            return {"tax": TaxBasis(text)}
        case "uncovered":
            if text != "show":
                raise ValueError(text)
            return {key: True}
        case "company":
            return {"company": _identifier(text)}
        case "metric" | "tab":
            return {key: _word(text)}
        case "sort":
            return {key: text[: text.startswith("-")] + _word(text.removeprefix("-"))}
        case "calendar":
            if not _CALENDAR.fullmatch(text):
                raise ValueError(text)
            return {key: text}
        case "source":
            if not set(text.split(",")) <= SOURCES:
                raise ValueError(text)
            return {key: tuple(sorted(set(text.split(","))))}
        case "weekday" | "hour":
            return {key: _clock(text, *((1, 7) if key == "weekday" else (0, 23)))}
        case _ if key in ALL_FILTERS:
            ids = sorted({_identifier(part) for part in text.split(",")})
            if len(ids) > MOST_IDS:
                raise ValueError(text)
            return {key: tuple(ids)}
        case _:
            raise ValueError(key)


def _days(text: str) -> Period:
    first, last = (date.fromisoformat(part) for part in text.split("..", 1))
    if not EARLIEST <= first <= last < LATEST:
        raise ValueError(text)
    return Period(first, last)


def _identifier(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) or int(text) == 0:
        raise ValueError(text)
    return int(text)


def _clock(text: str, lowest: int, highest: int) -> tuple[int, ...]:
    if not re.fullmatch(r"[0-9]{1,2}(,[0-9]{1,2})*", text, re.ASCII):
        raise ValueError(text)
    found = {int(part) for part in text.split(",")}
    if min(found) < lowest or max(found) > highest:
        raise ValueError(text)
    return tuple(sorted(found))


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise ValueError(text)
    return text
