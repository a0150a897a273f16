"""Who looked at and took what: the audit's views, files and logins, for admins."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc

from dashboard import html
from dashboard.components import runs
from dashboard.components.wording import Wording
from dashboard.store import EXPORT, LOGIN, LOGIN_FAILED, LOGOUT, USER, VIEW, Entry
from nkdash.kpis import format as fmt

EVERYBODY = "*"
SHOWN = 100
KINDS = {
    "all": (VIEW, EXPORT, LOGIN, LOGIN_FAILED, LOGOUT, USER),
    "views": (VIEW,),
    "files": (EXPORT,),
    "logins": (LOGIN, LOGIN_FAILED, LOGOUT),
    "users": (USER,),
}


def controls(say: Wording, readers: Sequence[str]) -> html.Div:
    """Choose what kind of lines, and whose."""
    everybody = {"value": EVERYBODY, "label": say("seen.everybody")}
    return html.Div(
        [
            dmc.Select(
                id="seen-kind",
                label=say("seen.kind"),
                data=[{"value": kind, "label": say(f"seen.{kind}")} for kind in KINDS],
                value="all",
                allowDeselect=False,
            ),
            dmc.Select(
                id="seen-reader",
                label=say("ops.who"),
                data=[everybody, *({"value": r, "label": r} for r in readers)],
                value=EVERYBODY,
                allowDeselect=False,
                searchable=True,
            ),
        ],
        className="seen-controls",
    )


def lines(say: Wording, entries: Sequence[Entry]) -> html.Div:
    """The lines, newest first."""
    heads = ("ops.when", "ops.who", "ops.action", "seen.where", "seen.rows", "seen.version")
    rows = [
        html.Tr(
            [
                html.Td(say.moment(entry.at)),
                html.Td(
                    [
                        entry.user or fmt.NO_FIGURE,
                        entry.role and html.Small(say(f"role.{entry.role}")),
                    ]
                ),
                html.Td(_action(say, entry)),
                html.Td(_where(entry), className="words"),
                html.Td("" if entry.rows is None else fmt.count(entry.rows), className="number"),
                html.Td(str(entry.data_version or ""), className="number"),
            ]
        )
        for entry in entries
    ]
    return runs.listing(say, "seen", heads, rows, numbers=("seen.rows", "seen.version"))


def _action(say: Wording, entry: Entry) -> list[Any]:
    refused = entry.outcome not in ("done", "failed")
    return [
        say(f"audit.{entry.action}"),
        refused and html.Small(say(f"audit.{entry.outcome}")),
    ]


def _where(entry: Entry) -> list[Any]:
    place = entry.path + entry.filters
    return [
        # A link opens what its reader saw, as far as whoever clicks may see it.
        html.A(place, href=place) if entry.path.startswith("/") else entry.address,
        entry.detail and html.Small(entry.detail),
    ]
