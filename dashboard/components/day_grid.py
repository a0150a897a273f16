"""Freshness of each dataset, and the grid day x dataset as a real table."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from dashboard import html
from dashboard.components.parts import attributes, icon
from dashboard.components.wording import Wording
from dashboard.days import WORRIES, Calendar, Expected, Row, Stand, month, quarter, stretches
from dashboard.state import State
from nkdash.clock import days_between
from nkdash.kpis import format as fmt

SHOWN = tuple(stand for stand in Stand if stand is not Stand.NONE)
"""What the legend explains; the style sheet gives each its sign."""

COUNTED = (Stand.MISSING, Stand.FAILED, Stand.DIFFERS, Stand.UNFINISHED, Stand.LOST)


def freshness(say: Wording, rows: Sequence[Row], today: date) -> html.Div:
    """One line a dataset: its last complete day, as of when, and how many days need a look."""
    head = html.Tr(
        [
            html.Th(say("ops.dataset"), scope="col"),
            html.Th(say("trust.last_day"), scope="col"),
            html.Th(say("trust.as_of"), scope="col", className="wide-only"),
            *(html.Th(say(f"stand.{s}"), scope="col", className="number") for s in COUNTED),
        ]
    )
    body = [_fresh_line(say, row, today) for row in rows]
    return html.Div(
        html.Table([html.Thead(head), html.Tbody(body)], className="lines plain"),
        className="scroll",
        tabIndex=0,
        role="group",
        **attributes(aria_label=say("ops.freshness")),
    )


def behind(row: Row, today: date) -> int:
    """Complete days that a dataset lacks before today; none for one that was never snapped."""
    if row.is_snapshot and row.last_complete is None:
        return 0
    first = min(row.stands, default=today)
    return (today - (row.last_complete or first)).days - (row.last_complete is not None)


def _fresh_line(say: Wording, row: Row, today: date) -> html.Tr:
    late = behind(row, today)
    last = say.day(row.last_complete) if row.last_complete else fmt.NO_FIGURE
    return html.Tr(
        [
            html.Th(say.dataset(row.dataset), scope="row"),
            html.Td(
                [last, late > 0 and html.Small(say("trust.behind", count=late), className="warn")]
            ),
            html.Td(say.moment(row.as_of), className="wide-only"),
            *(
                html.Td(
                    fmt.count(row.count(s)) if row.count(s) else fmt.NO_FIGURE,
                    className="number" if row.count(s) else "number none",
                )
                for s in COUNTED
            ),
        ]
    )


def summary(say: Wording, rows: Sequence[Row], today: date) -> str:
    """How fresh all of it is, in a sentence."""
    late = [row for row in rows if behind(row, today) > 0]
    if late:
        return say("ops.some_behind", count=len(late), of=len(rows))
    complete = min((r.last_complete for r in rows if r.last_complete), default=None)
    return say("ops.all_fresh", day=say.day(complete)) if complete else say("ops.nothing_yet")


def navigation(
    say: Wording,
    shown: Calendar,
    beside: tuple[Calendar | None, Calendar | None],
    expected: Expected,
    state: State,
) -> html.Div:
    """Before, after, and month or quarter: links, since the URL says what is shown."""

    def href(to: Calendar) -> str:
        is_now = to == month(expected.today)
        return "/operations" + state.with_(calendar="" if is_now else to.name).search

    def step(to: Calendar | None, symbol: str, words: str) -> Any:
        if to is None:
            return html.Span(icon(symbol), className="tool off")
        return html.A(
            icon(symbol),
            href=href(to),
            className="tool",
            title=say(words),
            **attributes(aria_label=f"{say(words)}: {title(say, to)}"),
        )

    inside = min(max(shown.span.first, expected.start), expected.today)
    if shown.is_quarter and shown.span.last >= expected.today:
        inside = expected.today
    spans = ((month(inside), "ops.month"), (quarter(inside), "ops.quarter"))
    return html.Div(
        [
            step(beside[0], "chevron-left", "ops.before"),
            html.Strong(title(say, shown), className="span-title"),
            step(beside[1], "chevron-right", "ops.after"),
            html.Nav(
                [
                    html.A(
                        say(words),
                        href=href(to),
                        **attributes(aria_current="true" if to == shown else None),
                    )
                    for to, words in spans
                ],
                className="choice",
                **attributes(aria_label=say("ops.span")),
            ),
        ],
        className="calendar-nav",
    )


def title(say: Wording, shown: Calendar) -> str:
    """The month or quarter as it reads."""
    first = shown.span.first
    if shown.is_quarter:
        return say("ops.quarter_of", number=(first.month + 2) // 3, year=first.year)
    return f"{say('months').split()[first.month - 1]} {first.year}"


def grid(say: Wording, rows: Sequence[Row], shown: Calendar, expected: Expected) -> html.Div:
    """The table: a row a dataset, a cell a day; arrow keys move in it, Enter tells a cell's facts.

    One element a cell, since a quarter of all datasets is a thousand of them.
    """
    days = days_between(shown.span.first, shown.span.last)
    months: list[Any] = [html.Td()]
    for first in sorted({day.replace(day=1) for day in days}):
        length = sum(day.replace(day=1) == first for day in days)
        months.append(html.Th(title(say, month(first)), colSpan=length, scope="colgroup"))
    head = [
        html.Tr(
            [
                html.Th(html.Span(say("ops.dataset"), className="unseen"), scope="col"),
                *(_day_head(say, day, shown, expected) for day in days),
            ]
        )
    ]
    if shown.is_quarter:
        head.insert(0, html.Tr(months))
    # Where the tab key stops: the newest day of the first dataset that has one.
    told = [(r.dataset, max(seen)) for r in rows if (seen := [d for d in days if d in r.stands])]
    stop = told[0] if told else None
    body = [
        html.Tr(
            [
                html.Th(say.dataset(row.dataset), scope="row"),
                *(_cell(say, row, day, stop=(row.dataset, day) == stop) for day in days),
            ]
        )
        for row in rows
    ]
    return html.Div(
        html.Table(
            [html.Thead(head), html.Tbody(body)],
            className="days quarter" if shown.is_quarter else "days",
            role="grid",
            **attributes(aria_label=say("ops.grid")),
        ),
        className="days-scroll",
    )


def _day_head(say: Wording, day: date, shown: Calendar, expected: Expected) -> html.Th:
    weekday = say("weekdays").split()[day.weekday()]
    number = str(day.day) if not shown.is_quarter or day.weekday() == 0 else ""
    classes = [
        name
        for name, holds in (
            ("today", day == expected.today),
            ("week", day.weekday() == 0),
        )
        if holds
    ]
    return html.Th(
        number or html.Span(str(day.day), className="unseen"),
        scope="col",
        title=f"{weekday} {say.day(day)}",
        className=" ".join(classes) or None,
    )


def _cell(say: Wording, row: Row, day: date, *, stop: bool) -> html.Td:
    stand = row.of(day)
    week = " week" if day.weekday() == 0 else ""
    if stand is Stand.NONE:
        return html.Td(className=f"none{week}")
    words = f"{say.dataset(row.dataset)}, {say.day(day)}: {say(f'stand.{stand}')}"
    return html.Td(
        title=words,
        className=f"{stand}{week}",
        tabIndex=0 if stop else -1,
        **attributes(data_cell=f"{row.dataset} {day}", aria_label=words),
    )


def sign(stand: Stand) -> html.Span:
    """The sign of a stand, beside its word."""
    return html.Span(className=f"sign {stand}", **attributes(aria_hidden="true"))


def legend(say: Wording, *, dagster: bool) -> html.Ul:
    """Sign, colour and word of every stand; those that only Dagster knows only where it answers."""
    known = [s for s in SHOWN if dagster or s not in (Stand.FAILED, Stand.RUNNING)]
    return html.Ul(
        [
            html.Li(
                [
                    sign(s),
                    say(f"stand.{s}"),
                ],
                title=say(f"stand.{s}.words"),
            )
            for s in known
        ],
        className="legend",
    )


def worries(say: Wording, rows: Sequence[Row], shown: Calendar) -> html.Details:
    """The same in words: every stretch of days that somebody should look at."""
    lines = [
        html.Tr(
            [
                html.Th(say.dataset(row.dataset), scope="row"),
                html.Td(say.days(first, last)),
                html.Td(say(f"stand.{stand}")),
                html.Td(say(f"stand.{stand}.words")),
            ]
        )
        for row in rows
        for stand, first, last in stretches(row, WORRIES, shown.span)
    ]
    if not lines:
        return html.Details(
            [html.Summary(say("ops.in_words", count=0)), html.P(say("ops.no_worries"))]
        )
    heads = ("ops.dataset", "ops.days", "ops.stand", "ops.meaning")
    return html.Details(
        [
            html.Summary(say("ops.in_words", count=len(lines))),
            html.Div(
                html.Table(
                    [
                        html.Thead(html.Tr([html.Th(say(h), scope="col") for h in heads])),
                        html.Tbody(lines),
                    ],
                    className="lines plain",
                ),
                className="scroll",
            ),
        ]
    )
