"""What stays while pages come and go: header, filter bar, bottom bar, dialogs."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc

from dashboard import html, tokens
from dashboard.access import ACCOUNT_PATH
from dashboard.components import filters
from dashboard.components.parts import attributes, icon
from dashboard.i18n import LANGUAGES, Texts
from dashboard.sections import Page
from dashboard.state import State
from dashboard.users import User
from nkdash.kpis.selection import SALES_FILTERS

BAR = 5
"""Places in the bottom bar of a phone."""


def shell(
    t: Texts, pages: Sequence[Page], version: int | None, user: User, leave: str | None
) -> dmc.MantineProvider:
    """The layout of the app; ``version`` of the warehouse is what it is drawn on first.

    ``leave`` signs the form that logs ``user`` out; without it there is nothing to log out of.
    """
    return dmc.MantineProvider(
        dmc.DatesProvider(
            [
                dcc.Location(id="url", refresh=False),
                dcc.Store(id="version", data=version),
                dcc.Store(id="view"),
                dcc.Store(id="resolved"),
                dcc.Store(id="explain-request"),
                dcc.Store(id="lines-request"),
                dcc.Store(
                    id="titles", data={p.name: f"{t(f'page.{p.name}')} · NKDash" for p in pages}
                ),
                html.Span(str(version or ""), id="nk-version", hidden=True),
                html.A(t("skip"), href="#page", className="skip"),
                dmc.NotificationContainer(
                    id="notices", position="bottom-right", autoClose=12000, limit=3
                ),
                dmc.AppShell(
                    [
                        dmc.AppShellHeader([_top(t, user, leave), filters.bar(t)]),
                        dmc.AppShellMain(
                            [
                                html.Div(
                                    [
                                        icon("alert-triangle"),
                                        t("offline"),
                                        html.Button(
                                            t("retry"),
                                            type="button",
                                            **attributes(data_action="retry"),
                                        ),
                                    ],
                                    className="offline-banner",
                                    role="alert",
                                ),
                                html.Div(id="page", tabIndex=-1),
                            ]
                        ),
                        dmc.AppShellFooter(
                            html.Nav(
                                id="nav-phone",
                                className="pages",
                                **attributes(aria_label=t("pages")),
                            ),
                            hiddenFrom="sm",
                        ),
                    ],
                    header={"height": {"base": 92, "sm": 104}},
                    footer={"height": {"base": 56, "sm": 0}},
                    padding=0,
                    withBorder=False,
                    transitionDuration=0,
                ),
                filters.drawer(t),
                dmc.Modal(
                    html.Div(id="explain-body"),
                    id="explain",
                    title=t("explain.open"),
                    size="lg",
                    closeButtonProps={"aria-label": t("close")},
                ),
                dmc.Drawer(
                    html.Div(id="lines-body"),
                    id="lines",
                    title=t("lines.title"),
                    position="right",
                    size="lg",
                    closeButtonProps={"aria-label": t("close")},
                ),
                dmc.Modal(
                    _shortcuts(t),
                    id="help",
                    title=t("help.title"),
                    closeButtonProps={"aria-label": t("close")},
                ),
            ],
            settings={"locale": t.language},
        ),
        theme=tokens.mantine_theme(),
        defaultColorScheme="auto",
    )


def _top(t: Texts, user: User, leave: str | None) -> html.Div:
    other = next(code for code in LANGUAGES if code != t.language)
    return html.Div(
        [
            html.A("NKDash", href="/", className="wordmark"),
            html.Nav(id="nav", className="pages wide-only", **attributes(aria_label=t("pages"))),
            html.Div(id="as-of", className="as-of"),
            html.Div(
                [
                    html.Button(
                        other.upper(),
                        type="button",
                        className="tool language",
                        title=LANGUAGES[other],
                        lang=other,
                        **attributes(
                            data_action="language",
                            data_language=other,
                            aria_label=f"{other.upper()}: {LANGUAGES[other]}",
                        ),
                    ),
                    _tool("print", "printer", t("print"), "wide-only"),
                    _tool("scheme", "moon", t("scheme")),
                    _tool("help", "keyboard", t("help.title"), "wide-only"),
                    *([_reader(t, user, leave)] if leave else []),
                ],
                className="tools",
            ),
        ],
        className="top",
    )


def _reader(t: Texts, user: User, leave: str) -> html.Details:
    """Who is logged in as what, and the way out."""
    stores = t("user.all_stores") if user.stores is None else t("user.stores", n=len(user.stores))
    return html.Details(
        [
            html.Summary(
                user.name[:1].upper(),
                className="tool reader",
                title=user.name,
                **attributes(aria_label=t("user.menu", name=user.name)),
            ),
            html.Div(
                [
                    html.P(user.name, className="reader-name"),
                    html.P(f"{t(f'role.{user.role}')} · {stores}", className="quiet"),
                    # With a target it is left to the browser: no page of the app.
                    html.A(
                        t("account.change"),
                        href=ACCOUNT_PATH,
                        target="_self",
                        className="reader-account",
                    ),
                    html.Form(
                        [
                            dcc.Input(type="hidden", name="form", value=leave),
                            html.Button(t("logout"), type="submit", className="button"),
                        ],
                        action="/logout",
                        method="post",
                    ),
                ],
                className="reader-menu",
            ),
        ],
        className="reader-of",
    )


def _tool(action: str, symbol: str, words: str, extra: str = "") -> html.Button:
    return html.Button(
        icon(symbol),
        type="button",
        className=f"tool {extra}".strip(),
        title=words,
        **attributes(data_action=action, aria_label=words),
    )


def nav_links(t: Texts, pages: Sequence[Page], state: State, path: str) -> list[html.A]:
    """The pages, each with the filters that are set now; those of sales alone go to pages that
    know them.
    """
    kept = state.with_(tab="", sort="", metric="", calendar="")
    return [
        html.A(
            [icon(p.icon), t(f"page.{p.name}")],
            href=p.path
            + kept.with_(**{key: () for key in SALES_FILTERS if key not in p.filters}).search,
            **attributes(aria_current="page" if p.path == path else None),
        )
        for p in pages
        if p.in_nav
    ]


def phone_links(t: Texts, pages: Sequence[Page], state: State, path: str) -> list[Any]:
    """The bottom bar: what does not fit beside each other opens above it."""
    links = nav_links(t, pages, state, path)
    if len(links) <= BAR:
        return list(links)
    shown, rest = links[: BAR - 1], links[BAR - 1 :]
    among = any(getattr(link, "aria-current", None) for link in rest)
    more = html.Details(
        [
            html.Summary(
                [icon("dots"), t("pages.more")],
                **attributes(data_current="true" if among else None),
            ),
            html.Div(rest, className="more-pages"),
        ],
        className="more",
    )
    return [*shown, more]


def _shortcuts(t: Texts) -> html.Table:
    keys = ("?", "f", "t", "1 2", "Esc")
    rows: list[Any] = [
        html.Tr([html.Td([html.Kbd(k) for k in key.split()]), html.Td(t(f"help.{n}"))])
        for n, key in enumerate(keys, 1)
    ]
    return html.Table(html.Tbody(rows), className="shortcuts")
