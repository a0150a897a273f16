"""Everything the browser can ask of the server. A change of the URL costs at most 8 of these."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dash_ag_grid as dag
import duckdb
from dash import ALL, MATCH, ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from flask import request

from dashboard import html, tables
from dashboard.access import Role, current_user, may_open
from dashboard.audit import Audit
from dashboard.components import filters, shell
from dashboard.components.parts import attributes, explain_button, icon, message
from dashboard.context import Context, open_context
from dashboard.data import queries
from dashboard.data.scope import WithheldError
from dashboard.data.session import Data
from dashboard.explain import explain
from dashboard.export import IN_BACKGROUND
from dashboard.i18n import Texts, texts
from dashboard.orchestrator import Orchestrator
from dashboard.plain import plain
from dashboard.sections import Page, Section
from dashboard.state import parse
from dashboard.store import Store
from dashboard.tokens import grid_theme
from nkdash.catalog import Catalog
from nkdash.clock import today
from nkdash.kpis.model import TaxBasis
from nkdash.kpis.selection import ALL_FILTERS, FILTERS
from nkdash.settings import Settings
from nkdash.warehouse import WarehouseError

log = logging.getLogger(__name__)

GRID_THEME = f"themeQuartz.withParams({json.dumps(grid_theme())})"


@dataclass(frozen=True)
class Server:
    """What every callback shares."""

    settings: Settings
    data: Data
    pages: Sequence[Page]
    catalog: Catalog
    orchestrator: Orchestrator
    store: Store
    audit: Audit

    def page(self, path: str | None) -> Page | None:
        """The page at a path."""
        return next((p for p in self.pages if p.path == (path or "/")), None)

    def usual_tax(self, path: str | None) -> TaxBasis:
        """The tax basis of the page at a path, where the URL names none."""
        page = self.page(path)
        return page.tax if page else TaxBasis.IN

    def table(self, name: str, path: str | None) -> tables.Table | None:
        """The table of that name on the page at a path: the audit has the path that is told."""
        page = self.page(path)
        of_page = page.tables.values() if page else ()
        return next((table for table in of_page if table.name == name), None)

    @contextmanager
    def context(self, search: str | None, path: str | None) -> Iterator[Context]:
        """A context for a URL, in the reader's language; that he looks goes into the audit."""
        state, tax = parse(search), self.usual_tax(path)
        page = self.page(path)
        known = page.filters if page else ALL_FILTERS
        with open_context(
            self.settings, self.data, language(), path or "/", state, tax, known
        ) as c:
            shown = page is not None and may_open(current_user(), page.name)
            self.audit.viewed(path or "/", c.state, c.session.version, shown=shown)
            yield c

    def open_pages(self) -> Sequence[Page]:
        """The pages that are for whoever asks now."""
        user = current_user()
        return [page for page in self.pages if may_open(user, page.name)]


def language() -> Texts:
    """The reader's language, from the cookie."""
    return texts(request.cookies.get("nkdash_lang", ""))


def register(app: Dash, server: Server) -> Mapping[str, str]:
    """Add every callback to the app; returns the page of each output that belongs to one alone."""
    owners: dict[str, str] = {}
    _view(app, server)
    _controls(app, server)
    _options(app, server)
    for page in server.pages:
        before = set(app.callback_map)
        for sections in page.tabs.values():
            for place, section in enumerate(sections):
                _section(app, server, page, section, speaks=place == 0)
        if page.own:
            page.own.register(app, server)
        owners |= dict.fromkeys(set(app.callback_map) - before, page.name)
    _table(app, server)
    _dialogs(app, server)
    _browser(app)
    return owners


def _view(app: Dash, server: Server) -> None:
    @app.callback(
        Output("page", "children"),
        Output("view", "data"),
        Input("url", "pathname"),
        Input("url", "search"),
        State("view", "data"),
    )
    def view(path: str | None, search: str | None, now: dict[str, str] | None) -> Any:
        t = language()
        page = server.page(path)
        if page is None:
            home = html.A(t("page.overview"), href="/")
            return message(t("missing.title"), t("missing.words"), remedy=home), {"page": ""}
        if not may_open(current_user(), page.name):
            home = html.A(t("page.overview"), href="/")
            return message(t("withheld.title"), t("withheld.words"), remedy=home), {"page": ""}
        state = parse(search)
        tab = page.tab(state.tab)
        wanted = {"page": page.name, "tab": tab}
        if wanted == now:
            return no_update, no_update
        drawn = page.own.frame(server, t, tab) if page.own else None
        return _skeleton(t, page, tab, state.sort, drawn), wanted


def _skeleton(t: Texts, page: Page, tab: str, sort: str, drawn: Sequence[Any] | None) -> list[Any]:
    heading = html.H1(t(f"page.{page.name}"), className="unseen")
    # Its place is kept while it loads, so that nothing jumps.
    tabs = html.Nav(
        id="tabs", className="tabs", hidden=len(page.tabs) < 2, **attributes(aria_label=t("tabs"))
    )
    sections: list[Any] = [
        html.Div(
            html.Div(className="skeleton", style={"height": f"{section.height}px"}),
            id=section.name,
            className="section",
        )
        for section in page.tabs[tab]
    ]
    if drawn is not None:
        sections = [*drawn]
    table = page.tables.get(tab)
    return [heading, tabs, *sections, *([_grid(t, table, sort)] if table else [])]


def _grid(t: Texts, table: tables.Table, sort: str) -> html.Section:
    by, descending = tables.order(table, sort)
    return html.Section(
        [
            html.Div(id="grid-caption", className="grid-caption"),
            html.Div(
                dag.AgGrid(
                    id="grid",
                    rowModelType="infinite",
                    columnDefs=tables.definitions(t, table, sort),
                    defaultColDef={
                        "sortable": True,
                        "resizable": True,
                        "suppressHeaderMenuButton": True,
                        "sortingOrder": ["desc", "asc"],
                    },
                    dashGridOptions={
                        "theme": {"function": GRID_THEME},
                        "cacheBlockSize": tables.BLOCK,
                        "maxBlocksInCache": 20,
                        "infiniteInitialRowCount": 20,
                        "localeText": {"noRowsToShow": t("table.none")},
                        "rowSelection": {
                            "mode": "singleRow",
                            "checkboxes": False,
                            "enableClickSelection": True,
                        },
                        "animateRows": False,
                        "rowHeight": 36,
                        "headerHeight": 40,
                        "suppressCellFocus": False,
                        "ensureDomOrder": True,
                    },
                    getRowId="params.data.row_id",
                    style={"height": "100%"},
                ),
                className="grid-frame",
                id={"type": "grid-frame", "table": table.name},
            ),
        ],
        className="card wide table-card",
        **attributes(data_sort=f"{'-' * descending}{by}", aria_label=t(f"table.{table.name}")),
    )


def _controls(app: Dash, server: Server) -> None:
    @app.callback(
        Output({"type": "filter", "key": ALL, "place": ALL}, "value"),
        Output("resolved", "data"),
        Output("nav", "children"),
        Output("nav-phone", "children"),
        Output("chips", "children"),
        Output("filter-summary", "children"),
        Output("filter-count", "children"),
        Output("as-of", "children"),
        Output("notices", "sendNotifications"),
        Input("url", "search"),
        Input("url", "pathname"),
        Input("version", "data"),
    )
    def controls(search: str | None, path: str | None, _version: int | None) -> Any:
        t = language()
        state = parse(search)
        period = state.period(today(server.settings))
        page = server.page(path)
        chips: list[Any] = []
        as_of: Any = ""
        company = state.company
        try:
            with server.context(search, path) as c:
                state, chips = c.state, filters.chips(c, page.filters if page else FILTERS)
                fresh = c.session.frame(queries.freshness(c.today)).to_dicts()[0]
                as_of = t("as_of", moment=c.moment(fresh["as_of"]))
                company = state.company or c.names.default_company
        except (WarehouseError, WithheldError, duckdb.Error):
            # The sections say it, with the remedy; the controls only go on working.
            as_of = t("as_of.none")
        pages = server.open_pages()
        links = shell.nav_links(t, pages, state, path or "/")
        bar = shell.phone_links(t, pages, state, path or "/")
        count = sum(len(ids) for ids in state.filters.values())
        wanted = ctx.outputs_list[0]
        tax = server.usual_tax(path)
        values = [
            filters.control_value(o["id"]["key"], state, period, company, tax) for o in wanted
        ]
        summary = f"{t(f'range.{state.preset}')} · {t(f'compare.{state.compare}')}"
        return (
            values,
            filters.resolved(state, period, company, tax),
            links,
            bar,
            chips,
            summary,
            str(count or ""),
            as_of,
            _notices(t, state.problems, _audit_fault(server)),
        )

    @app.callback(
        Output("tabs", "children"),
        Input("url", "search"),
        Input("view", "data"),
        State("url", "pathname"),
    )
    def tabs(search: str | None, _view: Any, path: str | None) -> Any:
        t = language()
        page = server.page(path)
        if page is None or len(page.tabs) < 2:
            return []
        state = parse(search)
        now = page.tab(state.tab)
        first = next(iter(page.tabs))
        return [
            html.A(
                t(f"tab.{name}"),
                href=page.path
                + state.with_(
                    tab="" if name == first else name, sort="", metric="", calendar=""
                ).search,
                **attributes(aria_current="page" if name == now else None),
            )
            for name in page.tabs
        ]


def _audit_fault(server: Server) -> str:
    """Why views are not being written down; for admins, who can mend it."""
    return server.audit.fault if current_user().role is Role.ADMIN else ""


def _notices(t: Texts, problems: Sequence[Any], audit_fault: str) -> Any:
    words = "; ".join(f"{p.key} = {p.value}" for p in problems[:5])
    told = [
        ("url-problems", t("notice.title"), t("notice.words", what=words), "yellow", words),
        ("audit-fault", t("notice.audit"), audit_fault, "red", audit_fault),
    ]
    return [
        {
            "action": "show",
            "id": name,
            "title": title,
            "message": said,
            "color": color,
            "closeButtonProps": {"aria-label": t("close")},
        }
        for name, title, said, color, why in told
        if why
    ] or no_update


def _options(app: Dash, server: Server) -> None:
    @app.callback(
        *(
            Output({"type": "filter", "key": key, "place": "drawer"}, "data")
            for key in filters.PICKED
        ),
        Output({"type": "filter", "key": "company", "place": "drawer"}, "data"),
        Output("company-control", "hidden"),
        Input("version", "data"),
    )
    def options(_version: int | None) -> Any:
        t = language()
        try:
            # What may be chosen is no view of a page.
            with open_context(server.settings, server.data, t, "/", parse("")) as c:
                offered = [filters.options(t, c.names, key) for key in filters.PICKED]
                companies = filters.company_options(t, c.names)
        except (WarehouseError, WithheldError, duckdb.Error):
            return (*([] for _ in filters.PICKED), [], True)
        return (*offered, companies, not companies)


def _section(app: Dash, server: Server, page: Page, section: Section, *, speaks: bool) -> None:
    """Register a section; the first of a page ``speaks`` for all when there is nothing to show."""

    @app.callback(
        Output(section.name, "children"),
        Input("url", "search"),
        Input("version", "data"),
        State("url", "pathname"),
    )
    def draw(search: str | None, _version: int | None, path: str | None) -> Any:
        # On its way out: another page is there already, and the audit has that one's path.
        if server.page(path) is not page:
            return no_update

        def inside(c: Context) -> Any:
            if not c.coverage.loaded:
                return _nothing_loaded(c) if speaks else None
            return section.render(c)

        return _guarded(server, search, path, inside, speaks=speaks)


def _guarded(
    server: Server,
    search: str | None,
    path: str | None,
    draw: Callable[[Context], Any],
    *,
    speaks: bool = True,
) -> Any:
    """What ``draw`` gives; where that fails, words with the remedy."""
    t = language()
    try:
        with server.context(search, path) as c:
            return plain(draw(c))
    except WarehouseError as error:
        return no_warehouse(t, error) if speaks else None
    except WithheldError:
        return message(t("withheld.title"), t("withheld.words"))
    except duckdb.Error as error:
        log.exception("a query failed")
        return message(
            t("error.query"),
            str(error).splitlines()[0],
            remedy=t("error.query.remedy"),
            sort="problem",
        )
    except Exception:
        log.exception("a section failed")
        return message(t("error.inside"), t("error.inside.words"), sort="problem")


def no_warehouse(t: Texts, error: WarehouseError) -> html.Div:
    """Why there is no warehouse to read, and what to do."""
    name = type(error).__name__
    return message(
        t(f"error.{name}" if f"error.{name}" in t.texts else "error.warehouse"),
        str(error)[:1].upper() + str(error)[1:] + ".",
        sort="problem",
    )


def _nothing_loaded(c: Context) -> Any:
    fresh = c.session.frame(queries.freshness(c.today)).to_dicts()[0]
    if fresh["last_day"] is None:
        return message(c.t("unloaded.never"), c.t("unloaded.never.words"), sort="problem")
    first, last = fresh["first_day"], fresh["last_day"]
    words = c.t("unloaded.words", first=c.day(first), last=c.day(last))
    remedy = c.t("unloaded.remedy", first=c.period.first, last=c.period.last)
    return message(
        c.t("unloaded.title", days=c.days(c.period)), words, remedy=remedy, sort="problem"
    )


def _table(app: Dash, server: Server) -> None:
    @app.callback(
        Output("grid-caption", "children"),
        Input("url", "search"),
        Input("version", "data"),
        Input({"type": "grid-frame", "table": ALL}, "id"),
        State("url", "pathname"),
    )
    def caption(search: str | None, _version: int | None, frames: Any, path: str | None) -> Any:
        table = server.table(frames[0]["table"], path) if frames else None
        if table is None:
            return no_update

        def inside(c: Context) -> Any:
            if not c.coverage.loaded:
                return _nothing_loaded(c)
            total = tables.count(c, table)
            return html.Header(
                [
                    html.Div(
                        [
                            html.H2(c.t(f"table.{table.name}")),
                            html.P(
                                c.t(f"table.{table.name}.hint", count=f"{total:,}"),
                                className="hint",
                            ),
                        ]
                    ),
                    html.Div(
                        [
                            html.Button(
                                c.t("table.columns"),
                                type="button",
                                className="button reset-columns",
                                title=c.t("table.columns.words"),
                                **attributes(data_action="columns"),
                            ),
                            html.A(
                                [icon("download"), "CSV"],
                                href=f"/export/{table.name}.csv{c.state.search}",
                                download="",
                                className="button",
                                title=c.t("table.csv"),
                            ),
                            _excel(c, table, total),
                            explain_button(
                                c.texts, f"table:{table.name}", c.t(f"table.{table.name}")
                            ),
                        ],
                        className="tools",
                    ),
                ]
            )

        return _guarded(server, search, path, inside)

    @app.callback(
        Output("grid", "getRowsResponse"),
        Input("grid", "getRowsRequest"),
        State("url", "search"),
        State("url", "pathname"),
        State({"type": "grid-frame", "table": ALL}, "id"),
        prevent_initial_call=True,
    )
    def rows(
        asked: dict[str, Any] | None, search: str | None, path: str | None, frames: Any
    ) -> Any:
        table = server.table(frames[0]["table"], path) if frames else None
        if not asked or table is None:
            return no_update
        model = asked.get("sortModel") or []
        sort = ("-" if model[0]["sort"] == "desc" else "") + model[0]["colId"] if model else ""
        try:
            with server.context(search, path) as c:
                first, last = int(asked["startRow"]), int(asked["endRow"])
                last = min(last, first + 10 * tables.BLOCK)
                found, total = tables.block(
                    c, table, first, last, sort, asked.get("filterModel") or {}
                )
        except WithheldError:
            return {"rowData": [], "rowCount": 0}
        except (WarehouseError, duckdb.Error, ValueError):
            # The caption says what is wrong; a table of old rows would hide it.
            log.exception("a table could not be read")
            return {"rowData": [], "rowCount": 0}
        return {"rowData": found, "rowCount": total}


def _excel(c: Context, table: tables.Table, total: int) -> html.A:
    """The Excel file; a long one is made in the background (assets/30-export.js)."""
    long = total > IN_BACKGROUND
    return html.A(
        [icon("download"), html.Span("XLSX", **attributes(data_progress=""))],
        href=f"/export/{table.name}.xlsx{c.state.search}",
        className="button",
        title=c.t("table.xlsx"),
        **attributes(
            data_background="" if long else None,
            data_failed=c.t("export.failed") if long else None,
            download=None if long else "",
            aria_live="polite",
        ),
    )


def _dialogs(app: Dash, server: Server) -> None:
    @app.callback(
        Output("explain-body", "children"),
        Output("explain", "opened"),
        Input("explain-request", "data"),
        State("url", "search"),
        State("url", "pathname"),
        prevent_initial_call=True,
    )
    def explanation(asked: dict[str, Any], search: str | None, path: str | None) -> Any:
        return _guarded(
            server, search, path, lambda c: explain(c, server.pages, str(asked["what"]))
        ), True

    @app.callback(
        Output("lines-body", "children"),
        Output("lines", "opened"),
        Input("lines-request", "data"),
        State("url", "search"),
        State("url", "pathname"),
        prevent_initial_call=True,
    )
    def lines(asked: dict[str, Any], search: str | None, path: str | None) -> Any:
        def inside(c: Context) -> Any:
            table = server.table(str(asked["table"]), path)
            return table.drawer(c, str(asked["key"])) if table and table.drawer else None

        return _guarded(server, search, path, inside), True


def _browser(app: Dash) -> None:
    """What the browser does by itself."""

    def own(name: str, *arguments: Any, **options: Any) -> None:
        app.clientside_callback(  # type: ignore[no-untyped-call]
            ClientsideFunction("nkdash", name), *arguments, **options
        )

    own(
        "control",
        Input({"type": "filter", "key": ALL, "place": ALL}, "value"),
        State("resolved", "data"),
        prevent_initial_call=True,
    )
    own(
        "clicked",
        Input({"type": "graph", "name": ALL}, "clickData"),
        prevent_initial_call=True,
    )
    own("followUrl", Input("url", "search"), Input("version", "data"))
    own("followGrid", Input("grid", "getRowsRequest"), prevent_initial_call=True)
    own("picked", Input("grid", "selectedRows"), prevent_initial_call=True)
    # With an output, though it sets nothing: without one Dash does not call it for a new table.
    own(
        "columns",
        Output({"type": "grid-frame", "table": MATCH}, "data-columns"),
        Input({"type": "grid-frame", "table": MATCH}, "id"),
    )
    own("title", Input("view", "data"), State("titles", "data"))
    own("showTab", Input("tabs", "children"))
    own("showTab", Input("nav", "children"))
