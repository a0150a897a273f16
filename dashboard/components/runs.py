"""Runs as they read: those under way with their progress, those that ended, who asked for what."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from dashboard import html
from dashboard.components.parts import attributes
from dashboard.components.wording import Wording
from dashboard.orchestrator import Run, Status
from dashboard.store import Entry
from nkdash.kpis import format as fmt

Url = Callable[[str], str]
# What Dagster calls it, as a reader would.
PHASES = {
    Status.QUEUED: "queued",
    Status.NOT_STARTED: "queued",
    Status.MANAGED: "queued",
    Status.STARTING: "starting",
    Status.STARTED: "started",
    Status.SUSPENDED: "started",
    Status.CANCELING: "canceling",
    Status.SUCCESS: "success",
    Status.FAILURE: "failure",
    Status.CANCELED: "canceled",
}


def phase(say: Wording, run: Run) -> str:
    """The state of a run in a word or two."""
    return say(f"run.{PHASES[run.status]}")


def days(say: Wording, run: Run) -> str:
    """The days a run loads; an en dash where it loads none."""
    return say.days(run.first, run.last) if run.first and run.last else fmt.NO_FIGURE


def under_way(
    say: Wording, runs: Sequence[Run], url: Url, now: datetime, *, may_cancel: bool, names: bool
) -> Any:
    """The unfinished runs, each with its progress and, for those who may, its end."""
    if not runs:
        return html.P(say("ops.nothing_runs"), className="quiet")
    return html.Ul(
        [_working(say, run, url, now, may_cancel=may_cancel, names=names) for run in runs],
        className="runs",
    )


def _working(
    say: Wording, run: Run, url: Url, now: datetime, *, may_cancel: bool, names: bool
) -> html.Li:
    steps = (
        say("ops.steps", done=run.steps_done, steps=run.steps)
        if run.started_at and run.steps
        else ""
    )
    since = (now - (run.started_at or run.created_at)).total_seconds()
    share = round(100 * run.steps_done / run.steps) if run.steps else 0
    what = say.what(run)
    parts = [phase(say, run), steps, say.lasting(since), _origin(say, run, names=names)]
    cancel = html.Button(
        say("ops.cancel"),
        type="button",
        className="button small",
        disabled=run.status is Status.CANCELING,
        **attributes(
            data_cancel=run.run_id, aria_label=f"{say('ops.cancel')}: {what}, {days(say, run)}"
        ),
    )
    return html.Li(
        [
            html.Div(
                [html.Strong(what), " ", html.Span(days(say, run), className="quiet")],
                className="run-what",
            ),
            html.Div(
                [
                    html.A(
                        say("ops.open"), href=url(run.run_id), target="_blank", rel="noreferrer"
                    ),
                    cancel if may_cancel and run.can_cancel else None,
                ],
                className="tools",
            ),
            html.Div(
                html.Span(style={"width": f"{share}%"}),
                className="rank-bar",
                role="progressbar",
                **attributes(
                    aria_label=what,
                    aria_valuenow=str(share),
                    aria_valuemin="0",
                    aria_valuemax="100",
                ),
            ),
            html.P(" · ".join(part for part in parts if part), className="quiet"),
        ]
    )


def _origin(say: Wording, run: Run, *, names: bool) -> str:
    return f"{say.why(run)}, {run.asked_by}" if names and run.asked_by else say.why(run)


def ended(
    say: Wording, runs: Sequence[Run], causes: Mapping[str, str], url: Url, *, names: bool
) -> html.Div:
    """The runs that ended, newest first; a failed one with its cause."""
    heads = ("ops.started", "ops.what", "ops.days", "ops.why", "ops.took", "ops.outcome")
    lines = [
        html.Tr(
            [
                html.Td(say.moment(run.started_at or run.created_at)),
                html.Td(say.what(run)),
                html.Td(days(say, run)),
                html.Td(_origin(say, run, names=names)),
                html.Td(_took(say, run), className="number"),
                html.Td(
                    [
                        html.A(
                            phase(say, run),
                            href=url(run.run_id),
                            target="_blank",
                            rel="noreferrer",
                            className=PHASES[run.status],
                        ),
                        causes.get(run.run_id) and html.Small(causes[run.run_id]),
                    ],
                    className="words wide" if run.run_id in causes else "words",
                ),
            ]
        )
        for run in runs
    ]
    return listing(say, "ops.recent", heads, lines, numbers=("ops.took",))


def _took(say: Wording, run: Run) -> str:
    if run.started_at is None or run.ended_at is None:
        return fmt.NO_FIGURE
    return say.lasting((run.ended_at - run.started_at).total_seconds())


def audit(say: Wording, entries: Sequence[Entry], url: Url) -> html.Div:
    """Who asked for what, newest first."""
    heads = ("ops.when", "ops.who", "ops.action", "ops.what", "ops.days", "ops.outcome")

    def words(entry: Entry) -> list[Any]:
        links = [
            html.A(run[:8], href=url(run), target="_blank", rel="noreferrer")
            for run in entry.run_id.split()
        ]
        told: list[Any] = [say(f"audit.{entry.outcome}")]
        for link in links:
            told += [" ", link]
        return [*told, entry.detail and html.Small(entry.detail)]

    lines = [
        html.Tr(
            [
                html.Td(say.moment(entry.at)),
                html.Td(
                    [entry.user or fmt.NO_FIGURE, html.Small(say(f"role.{entry.role}"))],
                ),
                html.Td(say(f"audit.{entry.action}")),
                html.Td(_asked_for(say, entry)),
                html.Td(
                    say.days(entry.first, entry.last)
                    if entry.first and entry.last
                    else fmt.NO_FIGURE
                ),
                html.Td(words(entry), className="words"),
            ]
        )
        for entry in entries
    ]
    return listing(say, "ops.audit", heads, lines)


def _asked_for(say: Wording, entry: Entry) -> str:
    if entry.dataset:
        return say.dataset(entry.dataset)
    return say("ops.all") if entry.first else fmt.NO_FIGURE


def listing(
    say: Wording,
    name: str,
    heads: Sequence[str],
    lines: Sequence[html.Tr],
    numbers: Sequence[str] = (),
) -> html.Div:
    """A table that scrolls sideways in its own frame; words where it has no line."""
    if not lines:
        return html.Div(html.P(say(f"{name}.none"), className="quiet"))
    head = [
        html.Th(say(h), scope="col", className="number" if h in numbers else None) for h in heads
    ]
    return html.Div(
        html.Table([html.Thead(html.Tr(head)), html.Tbody([*lines])], className="lines plain"),
        className="scroll",
        tabIndex=0,
        role="group",
        **attributes(aria_label=say(name)),
    )
