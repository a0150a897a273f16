"""Operations: how every day of every dataset stands; refresh, cancel, and who asked for what."""

import logging
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import dash_mantine_components as dmc
import duckdb
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, no_update

from dashboard import days, html, refresh
from dashboard.access import Role, User, current_user
from dashboard.callbacks import Server, language, no_warehouse
from dashboard.components import activity, day_grid, runs
from dashboard.components.parts import attributes, message
from dashboard.components.restated import restatements
from dashboard.components.wording import Wording
from dashboard.data import queries
from dashboard.data.session import Session
from dashboard.days import Expected, Held, Stand
from dashboard.i18n import Texts
from dashboard.orchestrator import Orchestrator, OrchestratorError, Order, Run, Standing, Status
from dashboard.sections import Own, Page
from dashboard.state import parse
from dashboard.store import CANCEL, REFRESH, RepeatedError, StoreError
from nkdash.clock import today
from nkdash.kpis import format as fmt
from nkdash.warehouse import WarehouseError

log = logging.getLogger(__name__)

POLL_MS = 2000
ENDED_SHOWN = 6
ALL_DATASETS = "*"


def page() -> Page:
    """The last page."""
    return Page(
        name="operations",
        path="/operations",
        icon="activity",
        order=9,
        tabs={"days": (), "log": ()},
        own=Own(frame, register),
    )


def frame(server: Server, t: Texts, tab: str) -> list[Any]:
    """What stays on a tab while its parts are drawn anew."""
    say = Wording(t, server.settings.zone)
    if tab == "log":
        return [_place("operations-log", 480)]
    user = current_user()
    return [
        dcc.Interval(id="ops-tick", interval=POLL_MS, disabled=True),
        dcc.Store(id="ops-active", data=""),
        dcc.Store(id="ops-changed"),
        dcc.Store(id="ops-token", data=_token()),
        # What was clicked: no inputs of buttons, since a poll that draws them anew would undo one.
        dcc.Store(id="ops-cell"),
        dcc.Store(id="ops-again"),
        dcc.Store(id="ops-cancel"),
        _place("operations-days", 620),
        html.Div(
            [
                _card(t("refresh.title"), _form(server, say, user), hint=t("refresh.hint")),
                _card(t("ops.runs"), _place("operations-work", 160)),
            ],
            className="grid refresh",
        ),
        dmc.Drawer(
            html.Div(id="ops-day-body"),
            id="ops-day",
            title=t("ops.day"),
            position="right",
            size="md",
            closeButtonProps={"aria-label": t("close")},
        ),
    ]


def _place(name: str, height: int) -> html.Div:
    skeleton = html.Div(className="skeleton", style={"height": f"{height}px"})
    return html.Div(skeleton, id=name, className="section")


def _card(title: str, children: Any, *, hint: Any = None, wide: bool = False) -> html.Section:
    head = html.Header(html.Div([html.H2(title), hint and html.P(hint, className="hint")]))
    return html.Section(
        [head, html.Div(children, className="card-body")],
        className="card wide" if wide else "card",
        **attributes(aria_label=title),
    )


def _token() -> str:
    return uuid.uuid4().hex


def _form(server: Server, say: Wording, user: User) -> Any:
    """What to refresh; for a viewer why there is nothing to press."""
    # The place for answers is there for everybody, since a cancel answers in it too.
    said = html.Div(id="ops-said", role="status", className="said")
    if not user.may_operate:
        return [message(say("refresh.may_not"), say("refresh.viewer")), said]
    now = today(server.settings)
    every = {"value": ALL_DATASETS, "label": say("ops.all")}
    return html.Div(
        [
            dmc.Select(
                id="ops-dataset",
                label=say("ops.dataset"),
                data=[
                    every,
                    *(
                        {"value": d.name, "label": say.dataset(d.name)}
                        for d in server.catalog.datasets
                    ),
                ],
                value=ALL_DATASETS,
                allowDeselect=False,
            ),
            dmc.DatePickerInput(
                id="ops-dates",
                label=say("ops.days"),
                type="range",
                valueFormat="D MMM YYYY",
                allowSingleDateInRange=True,
                firstDayOfWeek=1,
                weekendDays=[],
                minDate=str(server.settings.nkdash_start_date),
                maxDate=str(now),
                value=[str(now), str(now)],
            ),
            html.P(id="ops-plan", className="quiet plan"),
            html.Button(say("refresh.go"), id="ops-go", type="button", className="button primary"),
            said,
        ],
        className="refresh-form",
    )


def register(app: Dash, server: Server) -> None:
    """Add the page's callbacks."""
    _standing(app, server)
    _work(app, server)
    _facts(app, server)
    _plan(app, server)
    _orders(app, server)
    _log(app, server)
    _activity(app, server)
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("nkdash", "showDays"), Input("operations-days", "children")
    )


def _say(server: Server) -> Wording:
    return Wording(language(), server.settings.zone)


def _expected(server: Server) -> Expected:
    settings = server.settings
    return Expected(settings.nkdash_start_date, today(settings), settings.zone)


def _known(orchestrator: Orchestrator) -> tuple[Standing | None, str]:
    """What Dagster knows, or why it does not tell."""
    try:
        return orchestrator.standing(), ""
    except OrchestratorError as error:
        return None, str(error)


def _held(session: Session) -> dict[str, dict[date, Held]]:
    found: dict[str, dict[date, Held]] = {}
    for dataset, day, *facts in session.frame(queries.held_days()).iter_rows():
        found.setdefault(dataset, {})[day] = Held(*facts)
    return found


def _standing(app: Dash, server: Server) -> None:
    @app.callback(
        Output("operations-days", "children"),
        Input("url", "search"),
        Input("version", "data"),
        Input("ops-active", "data"),
        State("url", "pathname"),
    )
    def draw(search: str | None, _version: int | None, _active: str, _path: str | None) -> Any:
        say = _say(server)
        try:
            with server.data.session() as session:
                held = session.once("held days", _held)
        except WarehouseError as error:
            return no_warehouse(say.texts, error)
        except duckdb.Error as error:
            log.exception("the standing of the days could not be read")
            return message(say("error.query"), str(error).splitlines()[0], sort="problem")
        known, why_not = _known(server.orchestrator)
        expected = _expected(server)
        rows = days.rows(server.catalog.datasets, held, expected, known)
        state = parse(search)
        shown = days.calendar(state.calendar, expected)
        beside = days.beside(shown, expected)
        return [
            why_not and message(say("ops.no_dagster"), [why_not, " ", say("ops.no_dagster.words")]),
            _card(
                say("ops.freshness"),
                day_grid.freshness(say, rows, expected.today),
                hint=day_grid.summary(say, rows, expected.today),
            ),
            html.Section(
                [
                    html.Header(
                        [
                            html.H2(say("ops.grid")),
                            day_grid.navigation(say, shown, beside, expected, state),
                        ]
                    ),
                    day_grid.grid(say, rows, shown, expected),
                    day_grid.legend(say, dagster=known is not None),
                    day_grid.worries(say, rows, shown),
                ],
                className="card",
                **attributes(aria_label=say("ops.grid")),
            ),
        ]


def _work(app: Dash, server: Server) -> None:
    @app.callback(
        Output("operations-work", "children"),
        Output("ops-tick", "disabled"),
        Output("ops-active", "data"),
        Input("ops-tick", "n_intervals"),
        Input("ops-changed", "data"),
        Input("version", "data"),
        State("ops-active", "data"),
    )
    def draw(_ticks: int | None, _changed: Any, _version: int | None, before: str) -> Any:
        say, user = _say(server), current_user()
        try:
            working = server.orchestrator.unfinished()
            recent = [run for run in server.orchestrator.recent() if run.is_finished]
        except OrchestratorError as error:
            # What ran may run on: asked again as long as something did.
            words = message(say("ops.runs_unknown"), str(error))
            return words, not before, no_update
        active = " ".join(sorted(f"{run.run_id}:{run.first}" for run in working))
        drawn = [
            runs.under_way(
                say,
                working,
                server.orchestrator.run_url,
                _machine_now(),
                may_cancel=user.may_operate,
                names=user.may_operate,
            ),
            _last_ended(server, say, recent[:ENDED_SHOWN], user),
        ]
        return drawn, not working, no_update if active == before else active


def _machine_now() -> datetime:
    """Naive UTC by the machine's clock, which Dagster goes by."""
    return datetime.now(UTC).replace(tzinfo=None)


def _last_ended(server: Server, say: Wording, ended: Sequence[Run], user: User) -> Any:
    if not ended:
        return None
    causes = _causes(server, ended)
    lines = [
        html.Li(
            [
                html.Div(
                    [
                        html.Strong(say.what(run)),
                        " ",
                        html.Span(runs.days(say, run), className="quiet"),
                    ],
                    className="run-what",
                ),
                html.A(
                    runs.phase(say, run),
                    href=server.orchestrator.run_url(run.run_id),
                    target="_blank",
                    rel="noreferrer",
                    className=runs.PHASES[run.status],
                ),
                html.P(
                    " · ".join(
                        part
                        for part in (
                            say.moment(run.ended_at or run.created_at),
                            say.why(run),
                            run.asked_by if user.may_operate else "",
                        )
                        if part
                    ),
                    className="quiet",
                ),
                causes.get(run.run_id) and html.P(causes[run.run_id], className="cause"),
            ]
        )
        for run in ended
    ]
    return html.Div([html.H3(say("ops.ended")), html.Ul(lines, className="runs ended")])


def _causes(server: Server, ended: Sequence[Run]) -> dict[str, str]:
    found = {}
    for run in ended:
        if run.status is Status.FAILURE:
            try:
                found[run.run_id] = server.orchestrator.cause(run.run_id)
            except OrchestratorError as error:
                found[run.run_id] = str(error)
    return found


def _facts(app: Dash, server: Server) -> None:
    @app.callback(
        Output("ops-day-body", "children"),
        Output("ops-day", "opened"),
        Input("ops-cell", "data"),
        prevent_initial_call=True,
    )
    def tell(asked: dict[str, str] | None) -> Any:
        try:
            dataset, day = str((asked or {})["dataset"]), date.fromisoformat((asked or {})["day"])
        except (KeyError, ValueError):
            return no_update, no_update
        say = _say(server)
        try:
            return _cell_facts(server, say, dataset, day), True
        except WarehouseError as error:
            return no_warehouse(say.texts, error), True
        except duckdb.Error as error:
            log.exception("the facts of a day could not be read")
            return message(say("error.query"), str(error).splitlines()[0], sort="problem"), True


def _cell_facts(server: Server, say: Wording, name: str, day: date) -> Any:
    dataset = next((d for d in server.catalog.datasets if d.name == name), None)
    if dataset is None:
        return message(say("error.query"), say("refresh.no_dataset", dataset=name))
    with server.data.session() as session:
        held = session.once("held days", _held).get(name, {})
        verdicts = session.frame(queries.verdicts(name, day)).to_dicts()
    known, why_not = _known(server.orchestrator)
    expected = _expected(server)
    [row] = days.rows([dataset], {name: held}, expected, known)
    stand = row.of(day)
    fact = held.get(day)
    told: list[tuple[str, Any]] = [
        (say("ops.rows"), fmt.count(fact.rows) if fact else fmt.NO_FIGURE),
        *(
            [(say("ops.fact_rows"), fmt.count(fact.fact_rows) if fact else fmt.NO_FIGURE)]
            if dataset.fact
            else []
        ),
        (say("trust.as_of"), say.moment(fact.as_of if fact else None)),
        (
            say("ops.reconciled"),
            f"{say(f'verdict.{fact.verdict}')}, {say.moment(fact.checked_at)}"
            if fact and fact.verdict
            else say("verdict.none"),
        ),
        (say("ops.last_run"), _last_run(server, say, name, day) if known else why_not),
    ]
    may = current_user().may_operate and stand not in (Stand.LOST, Stand.RUNNING)
    return html.Div(
        [
            html.H2(say.dataset(name)),
            html.P(say.day(day), className="quiet"),
            html.P(
                [
                    day_grid.sign(stand),
                    html.Strong(say(f"stand.{stand}")),
                ],
                className="stand",
            ),
            html.P(say(f"stand.{stand}.words")),
            html.Dl([part for term, words in told for part in (html.Dt(term), html.Dd(words))]),
            _differing(say, verdicts),
            may
            and html.Button(
                say("refresh.day"),
                type="button",
                className="button primary",
                **attributes(data_again=f"{name} {day} {_token()}"),
            ),
        ],
        className="day-facts",
    )


def _last_run(server: Server, say: Wording, dataset: str, day: date) -> Any:
    try:
        run = server.orchestrator.last_run(dataset, day)
        cause = (
            server.orchestrator.cause(run.run_id) if run and run.status is Status.FAILURE else ""
        )
    except OrchestratorError as error:
        return str(error)
    if run is None:
        return say("ops.no_run")
    return [
        html.A(
            f"{runs.phase(say, run)}, {say.moment(run.started_at or run.created_at)}",
            href=server.orchestrator.run_url(run.run_id),
            target="_blank",
            rel="noreferrer",
        ),
        f" · {say.why(run)}",
        cause and html.P(cause, className="cause"),
    ]


def _differing(say: Wording, verdicts: Sequence[dict[str, Any]]) -> Any:
    wrong = [v for v in verdicts if not v["agrees"]]
    if not wrong:
        return None

    def number(value: Any) -> html.Td:
        words = fmt.NO_FIGURE if value is None else f"{value.normalize():,f}"
        return html.Td(words, className="number")

    head = html.Tr(
        [
            html.Th(say("ops.figure"), scope="col"),
            html.Th("Odoo", scope="col", className="number"),
            html.Th(say("ops.lake"), scope="col", className="number"),
        ]
    )
    lines = [
        html.Tr(
            [
                html.Td([v["figure"], v["detail"] and html.Small(v["detail"])]),
                number(v["odoo_value"]),
                number(v["lake_value"]),
            ]
        )
        for v in wrong
    ]
    return html.Div(
        html.Table([html.Thead(head), html.Tbody(lines)], className="lines"), className="scroll"
    )


def _order(server: Server, dataset: str, first: str, last: str, request: str, user: str) -> Order:
    """What was asked for, checked. Raises OrderError."""
    try:
        chosen = Order(
            None if dataset == ALL_DATASETS else dataset,
            date.fromisoformat(first),
            date.fromisoformat(last),
            user,
            request,
        )
    except ValueError as error:
        raise refresh.OrderError("refresh.no_days") from error
    refresh.check(server.settings, server.catalog, today(server.settings), chosen)
    return chosen


def _plan(app: Dash, server: Server) -> None:
    @app.callback(
        Output("ops-plan", "children"),
        Output("ops-plan", "className"),
        Output("ops-go", "disabled"),
        Input("ops-dataset", "value"),
        Input("ops-dates", "value"),
    )
    def plan(dataset: str, dates: list[str | None] | None) -> Any:
        """What a click would do, before it is made."""
        say = _say(server)
        first, last = dates if dates and len(dates) == 2 else (None, None)
        if not first or not last:
            return say("refresh.no_days"), "quiet plan", True
        try:
            order = _order(server, dataset, first, last, "", "")
        except refresh.OrderError as error:
            return _words(say, error), "plan warn", True
        count = (order.last - order.first).days + 1
        needed = refresh.runs_of(server.settings, order)
        if needed > 1:
            return say("refresh.long", days=count, runs=needed), "plan warn", False
        return say("refresh.plan", days=count), "quiet plan", False


def _words(say: Wording, error: refresh.OrderError) -> str:
    told = {k: say.day(v) if isinstance(v, date) else v for k, v in error.values.items()}
    return say(error.key, **told)


def _orders(app: Dash, server: Server) -> None:
    @app.callback(
        Output("ops-said", "children"),
        Output("ops-token", "data"),
        Output("ops-changed", "data"),
        Output("ops-day", "opened", allow_duplicate=True),
        Input("ops-go", "n_clicks"),
        Input("ops-again", "data"),
        State("ops-dataset", "value"),
        State("ops-dates", "value"),
        State("ops-token", "data"),
        prevent_initial_call=True,
        running=[(Output("ops-go", "disabled"), True, False)],
    )
    def launch(
        _go: int | None,
        again: dict[str, Any] | None,
        dataset: str,
        dates: list[str | None] | None,
        token: str,
    ) -> Any:
        first, last = dates if dates and len(dates) == 2 else (None, None)
        if ctx.triggered_id == "ops-again":
            parts = str((again or {}).get("what")).split(" ")
            if len(parts) != 3:
                return no_update, no_update, no_update, no_update
            dataset, first, token = parts
            last = first
        say = _say(server)
        said = _start(server, say, dataset, first or "", last or "", str(token))
        return said, _token(), token, False

    @app.callback(
        Output("ops-said", "children", allow_duplicate=True),
        Output("ops-changed", "data", allow_duplicate=True),
        Input("ops-cancel", "data"),
        prevent_initial_call=True,
    )
    def cancel(asked: dict[str, Any] | None) -> Any:
        if not asked or "run" not in asked:
            return no_update, no_update
        request = _token()
        return _cancel(server, _say(server), str(asked["run"]), request), request


def _refused(server: Server, say: Wording, action: str, request: str) -> tuple[User, Any]:
    """Who asks, and why that is refused; None where it is not. A refusal is written down."""
    user = current_user()
    if user.may_operate:
        return user, None
    try:
        refresh.refused(server.store, user, action, request, "refresh.may_not", _machine_now())
    except StoreError:
        log.exception("a refusal could not be written down")
    return user, message(say("refresh.may_not"), say("refresh.ask_admin"), sort="problem")


def _start(server: Server, say: Wording, dataset: str, first: str, last: str, request: str) -> Any:
    user, no = _refused(server, say, REFRESH, request)
    if no is not None:
        return no
    try:
        order = _order(server, dataset, first, last, request, user.name)
        started = refresh.start(
            server.orchestrator, server.store, server.catalog, user, order, _machine_now()
        )
    except refresh.OrderError as error:
        return message(say("refresh.not_started"), _words(say, error), sort="problem")
    except RepeatedError:
        return message(say("refresh.started"), say("refresh.once"))
    except (OrchestratorError, StoreError) as error:
        return message(say("refresh.not_started"), str(error), sort="problem")
    what = say.dataset(order.dataset) if order.dataset else say("ops.all")
    links = [
        html.A(
            say("ops.open"),
            href=server.orchestrator.run_url(run_id),
            target="_blank",
            rel="noreferrer",
        )
        for run_id in started[:1]
    ]
    words = f"{what}, {say.days(order.first, order.last)}. "
    return message(say("refresh.started"), [words, *links])


def _cancel(server: Server, say: Wording, run_id: str, request: str) -> Any:
    user, no = _refused(server, say, CANCEL, request)
    if no is not None:
        return no
    try:
        refresh.cancel(server.orchestrator, server.store, user, run_id, request, _machine_now())
    except (OrchestratorError, StoreError, RepeatedError) as error:
        return message(say("refresh.not_canceled"), str(error), sort="problem")
    return message(say("refresh.canceled"), say("refresh.canceled.words"))


def _log(app: Dash, server: Server) -> None:
    @app.callback(
        Output("operations-log", "children"),
        Input("url", "search"),
        Input("version", "data"),
    )
    def draw(_search: str | None, _version: int | None) -> Any:
        say, user = _say(server), current_user()
        return html.Div(
            [
                _recent_card(server, say, user),
                user.may_operate and _audit_card(server, say),
                user.role is Role.ADMIN and _activity_card(server, say),
                _restatements_card(server, say),
            ],
            className="grid",
        )


def _recent_card(server: Server, say: Wording, user: User) -> html.Section:
    try:
        ended = [run for run in server.orchestrator.recent() if run.is_finished]
    except OrchestratorError as error:
        drawn: Any = message(say("ops.runs_unknown"), str(error))
    else:
        causes = _causes(server, ended)
        url = server.orchestrator.run_url
        drawn = runs.ended(say, ended, causes, url, names=user.may_operate)
    return _card(say("ops.recent"), drawn, hint=say("ops.recent.hint"), wide=True)


def _audit_card(server: Server, say: Wording) -> html.Section:
    try:
        drawn: Any = runs.audit(say, server.store.newest(), server.orchestrator.run_url)
    except StoreError as error:
        drawn = message(say("ops.audit_unknown"), str(error), sort="problem")
    return _card(say("ops.audit"), drawn, hint=say("ops.audit.hint"), wide=True)


def _activity_card(server: Server, say: Wording) -> html.Section:
    try:
        drawn: Any = [
            activity.controls(say, server.store.readers()),
            html.Div(id="seen-lines"),
        ]
    except StoreError as error:
        drawn = message(say("ops.audit_unknown"), str(error), sort="problem")
    return _card(say("seen"), drawn, hint=say("seen.hint"), wide=True)


def _activity(app: Dash, server: Server) -> None:
    @app.callback(
        Output("seen-lines", "children"),
        Input("seen-kind", "value"),
        Input("seen-reader", "value"),
    )
    def draw(kind: str, reader: str) -> Any:
        say = _say(server)
        if current_user().role is not Role.ADMIN:
            return message(say("refresh.may_not"), say("refresh.ask_admin"))
        whose = None if reader == activity.EVERYBODY else reader
        actions = activity.KINDS.get(kind, activity.KINDS["all"])
        try:
            found = server.store.newest(activity.SHOWN, actions, whose)
        except StoreError as error:
            return message(say("ops.audit_unknown"), str(error), sort="problem")
        return activity.lines(say, found)


def _restatements_card(server: Server, say: Wording) -> html.Section | None:
    """Past days that changed after they were published, where this warehouse tells."""
    try:
        with server.data.session() as session:
            columns = session.frame(queries.columns_of("restatements")).get_column("column_name")
            if columns.is_empty():
                return None
            found = session.frame(queries.restatements()).to_dicts()
    except (WarehouseError, duckdb.Error) as error:
        drawn: Any = message(say("error.query"), str(error).splitlines()[0])
    else:
        drawn = restatements(say, found)
    return _card(say("ops.restated"), drawn, hint=say("ops.restated.hint"), wide=True)
