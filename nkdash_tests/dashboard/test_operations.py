"""Operations: how days stand, what Dagster is asked for, who may ask, what is written down."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from dashboard import orchestrator as asking
from dashboard import refresh
from dashboard.access import Role, User
from dashboard.app import create_app
from dashboard.days import (
    Expected,
    Held,
    Stand,
    beside,
    calendar,
    month,
    quarter,
    row,
    stretches,
)
from dashboard.orchestrator import Orchestrator, OrchestratorError, Order, Status, UnreachableError
from dashboard.store import RepeatedError, Store
from nkdash.automation import requests as automation
from nkdash.automation.assets import CHANGES_ONLY
from nkdash.automation.jobs import daily_selection
from nkdash.catalog import load_catalog
from nkdash.definitions import build_definitions
from nkdash.kpis.periods import Period
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse
from nkdash_tests.dashboard.dagster_stub import RECORDED, DagsterStub, dagster
from nkdash_tests.dashboard.shop import AS_OF, LOST_DAY, TODAY, settings

SAME = {"Sec-Fetch-Site": "same-origin"}
CATALOG = load_catalog(settings(Path("none")))
BY_NAME = {d.name: d for d in CATALOG.datasets}
FAILED_DAY = date(2026, 11, 12)


@pytest.fixture
def stub() -> Iterator[DagsterStub]:
    """Dagster, as it was recorded."""
    with dagster() as running:
        yield running


@pytest.fixture
def chosen(published: Settings, stub: DagsterStub, tmp_path: Path) -> Settings:
    """Settings of the published warehouse, with the stub and a state folder of the test's own."""
    return published.model_copy(
        update={
            "nkdash_dagster_graphql_url": stub.url,
            "nkdash_dagster_url": "https://erp.example.com/dagster",
            "nkdash_state_dir": tmp_path / "state",
            "nkdash_start_date": date(2026, 9, 1),
        }
    )


@pytest.fixture
def client(chosen: Settings) -> Iterator[FlaskClient]:
    """A reader on the machine itself."""
    warehouse = Warehouse(chosen.warehouse_dir)
    yield create_app(chosen, warehouse).server.test_client()
    warehouse.close()


def call(
    client: FlaskClient,
    output: str,
    values: dict[str, Any],
    changed: str = "",
    headers: dict[str, str] | None = None,
) -> str:
    """Make the callback that has ``output`` answer, as the browser would; JSON text."""
    known = client.get("/_dash-dependencies").get_json()
    [wanted] = [d for d in known if output in d["output"]]

    def given_for(part: dict[str, Any]) -> Any:
        return {**part, "value": values.get(f"{part['id']}.{part['property']}")}

    names = wanted["output"].strip(".").split("...")
    outputs = [dict(zip(("id", "property"), n.rsplit(".", 1), strict=True)) for n in names]
    answer = client.post(
        "/_dash-update-component",
        json={
            "output": wanted["output"],
            "outputs": outputs if wanted["output"].startswith("..") else outputs[0],
            "inputs": [given_for(part) for part in wanted["inputs"]],
            "state": [given_for(part) for part in wanted.get("state", [])],
            "changedPropIds": [changed] if changed else [],
        },
        headers=SAME if headers is None else headers,
    )
    assert answer.status_code in (200, 204), answer.get_data(as_text=True)
    return json.dumps(answer.get_json()) if answer.status_code == 200 else ""


def load(client: FlaskClient, token: str = "t1", **more: Any) -> str:
    """Press 'Load' for two days of POS orders."""
    values = {
        "ops-go.n_clicks": 1,
        "ops-dataset.value": "pos_orders",
        "ops-dates.value": ["2026-11-06", "2026-11-07"],
        "ops-token.data": token,
        **more.pop("values", {}),
    }
    return call(client, "ops-token.data", values, "ops-go.n_clicks", **more)


# How days stand


HELD = Held(5, 5, AS_OF, "agrees", AS_OF, None)
EXPECTED = Expected(date(2026, 11, 1), TODAY, settings(Path("none")).zone)
A_DAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("held", "failed", "running", "stand"),
    [
        (HELD, False, False, Stand.LOADED),
        (replace(HELD, rows=0, fact_rows=0), False, False, Stand.EMPTY),
        (replace(HELD, fact_rows=0), False, False, Stand.EMPTY),
        (None, False, False, Stand.MISSING),
        (replace(HELD, rows=None, fact_rows=None), False, False, Stand.MISSING),
        (replace(HELD, fact_rows=None), False, False, Stand.UNFINISHED),
        (replace(HELD, as_of=datetime(2026, 11, 20, 16, 59)), False, False, Stand.UNFINISHED),  # noqa: DTZ001
        (replace(HELD, as_of=datetime(2026, 11, 20, 17, 0)), False, False, Stand.LOADED),  # noqa: DTZ001
        (replace(HELD, verdict="differs"), False, False, Stand.DIFFERS),
        (replace(HELD, verdict="differs"), True, False, Stand.FAILED),
        (HELD, True, False, Stand.FAILED),
        (None, True, False, Stand.FAILED),
        (None, True, True, Stand.RUNNING),
    ],
)
def test_how_a_day_gone_by_stands(
    held: Held | None, failed: bool, running: bool, stand: Stand
) -> None:
    days = {A_DAY: held} if held else {}
    found = row(
        BY_NAME["pos_order_lines"],
        days,
        EXPECTED,
        {A_DAY} if failed else set(),
        {A_DAY} if running else set(),
    )
    assert found.of(A_DAY) is stand
    assert found.of(TODAY) is Stand.OPEN
    assert found.of(date(2026, 11, 24)) is Stand.NONE
    assert found.of(date(2026, 10, 31)) is Stand.NONE


def test_a_snapshot_that_was_not_taken_is_lost_and_never_missing() -> None:
    days = {date(2026, 11, 18): HELD, date(2026, 11, 20): HELD}
    found = row(BY_NAME["stock_quants"], days, EXPECTED, {date(2026, 11, 19)}, set())
    assert found.of(date(2026, 11, 17)) is Stand.NONE
    assert found.of(date(2026, 11, 19)) is Stand.LOST
    assert found.count(Stand.LOST) == 3
    assert found.count(Stand.MISSING) == 0
    assert found.last_complete == date(2026, 11, 20)
    never = row(BY_NAME["stock_quants"], {}, EXPECTED, set(), set())
    assert never.count(Stand.LOST) == 0
    assert never.of(TODAY) is Stand.OPEN


def test_stretches_join_days_that_follow_each_other() -> None:
    days = {date(2026, 11, n): HELD for n in range(1, 23) if n not in (3, 4, 9)}
    found = row(BY_NAME["pos_orders"], days, EXPECTED, {date(2026, 11, 5)}, set())
    span = Period(date(2026, 11, 1), date(2026, 11, 30))
    assert stretches(found, (Stand.MISSING, Stand.FAILED), span) == [
        (Stand.MISSING, date(2026, 11, 3), date(2026, 11, 4)),
        (Stand.FAILED, date(2026, 11, 5), date(2026, 11, 5)),
        (Stand.MISSING, date(2026, 11, 9), date(2026, 11, 9)),
    ]


LONG = Expected(date(2024, 1, 15), TODAY, EXPECTED.zone)


@given(st.dates(LONG.start, LONG.today), st.sampled_from([month, quarter]))
def test_calendars_follow_each_other_and_their_names_lead_back(day: date, make: Any) -> None:
    shown = make(day)
    assert shown.span.first <= day <= shown.span.last
    assert calendar(shown.name, LONG) == shown
    before, after = beside(shown, LONG)
    assert (before is None) == (shown.span.first <= LONG.start)
    assert (after is None) == (shown.span.last >= LONG.today)
    if before:
        assert before.span.last.toordinal() + 1 == shown.span.first.toordinal()
    if after:
        assert after.span.first.toordinal() - 1 == shown.span.last.toordinal()


@pytest.mark.parametrize("name", ["", "2023-11", "2026-q9", "2030-01", "nonsense"])
def test_a_calendar_out_of_reach_is_this_month(name: str) -> None:
    assert calendar(name, LONG).name == "2026-11"


# What Dagster is asked for


def test_the_names_are_those_of_the_code_location(chosen: Settings) -> None:
    assert asking.LOAD_RANGE == automation.LOAD_RANGE
    assert (asking.RANGE_START, asking.RANGE_END) == (automation.RANGE_START, automation.RANGE_END)
    assert (asking.PARTITION, asking.REASON) == (automation.PARTITION, automation.REASON)
    assert dg.AssetKey(asking.WAREHOUSE) == automation.WAREHOUSE
    assert asking.CHANGES_ONLY == CHANGES_ONLY
    definitions = build_definitions(chosen)
    graph = definitions.resolve_asset_graph()
    ours = {dg.AssetKey(a) for d in CATALOG.datasets for a in asking.assets_of(d)}
    everything = tuple(d.name for d in CATALOG.datasets)
    assert ours == daily_selection(CATALOG, everything).resolve(graph)
    jobs = {job.name for job in definitions.resolve_all_job_defs()}
    assert {asking.LOAD_RANGE, asking.SNAPSHOT} <= jobs


def test_failed_and_running_days_by_dataset(chosen: Settings, stub: DagsterStub) -> None:
    found = Orchestrator(chosen, CATALOG).standing()
    assert found.failed == {("purchases", FAILED_DAY)}
    assert found.running == frozenset()
    stub.answers["Standing"] = RECORDED["standing_running"]
    running = Orchestrator(chosen, CATALOG).standing().running
    assert running == {("pos_orders", date(2026, 11, 6)), ("pos_orders", date(2026, 11, 7))}


def test_runs_as_dagster_tells_them(chosen: Settings, stub: DagsterStub) -> None:
    dagster = Orchestrator(chosen, CATALOG)
    stub.unfinished = RECORDED["queued"]
    [waiting] = dagster.unfinished()
    assert (waiting.status, waiting.steps_done, waiting.can_cancel) == (Status.QUEUED, 0, True)
    assert (waiting.first, waiting.last) == (date(2026, 11, 6), date(2026, 11, 7))
    assert (waiting.datasets, waiting.asked_by) == (frozenset({"pos_orders"}), "ayu")
    assert waiting.reason == "refresh"
    stub.unfinished = RECORDED["unfinished"]
    [working] = dagster.unfinished()
    assert working.started_at is not None
    assert 0 <= working.steps_done < working.steps
    reasons = {run.reason for run in dagster.recent()}
    assert reasons >= {"refresh", "intraday", ""}
    assert all(run.is_finished for run in dagster.recent())


def test_the_cause_of_a_failure_is_a_sentence_and_asked_for_once(
    chosen: Settings, stub: DagsterStub
) -> None:
    dagster = Orchestrator(chosen, CATALOG)
    for _ in range(2):
        assert dagster.cause("r1") == (
            "raw__purchases: account.move.line.fields_get: You are not allowed to access Journal "
            "Item. Give the NKDash user read access to it in Odoo."
        )
    assert len(stub.of("Failures")) == 1


def test_a_refresh_asks_for_the_datasets_assets_and_the_warehouse(
    chosen: Settings, stub: DagsterStub
) -> None:
    order = Order("pos_orders", date(2026, 11, 6), date(2026, 11, 7), "ayu", "r1")
    [run_id] = Orchestrator(chosen, CATALOG).launch(order)
    assert run_id == RECORDED["launch"]["data"]["launchRun"]["run"]["runId"]
    [asked] = stub.of("Launch")
    selector = asked["params"]["selector"]
    assert selector["jobName"] == "load_range"
    paths = {"/".join(key["path"]) for key in selector["assetSelection"]}
    assert paths == {"raw/pos_orders", "clean/pos_orders", "warehouse/snapshot"}
    tags = {t["key"]: t["value"] for t in asked["params"]["executionMetadata"]["tags"]}
    assert tags == {
        "dagster/asset_partition_range_start": "2026-11-06",
        "dagster/asset_partition_range_end": "2026-11-07",
        "nkdash/reason": "refresh",
        "nkdash/user": "ayu",
        "nkdash/request": "r1",
        "nkdash/dimensions": "changes",
    }


def test_a_fact_comes_with_its_dimensions_and_all_with_all_but_snapshots(
    chosen: Settings, stub: DagsterStub
) -> None:
    def paths(dataset: str | None) -> set[str]:
        Orchestrator(chosen, CATALOG).launch(Order(dataset, TODAY, TODAY, "ayu", "r1"))
        keys = stub.of("Launch")[-1]["params"]["selector"]["assetSelection"]
        return {"/".join(key["path"]) for key in keys}

    assert {"star/fact_sales", "raw/taxes", "star/dim_taxes"} <= paths("pos_order_lines")
    every = paths(None)
    assert {"raw/pos_orders", "star/fact_purchases", "star/dim_products"} <= every
    assert "raw/stock_quants" not in every


def test_a_snapshot_is_a_run_of_its_own_job_for_today(chosen: Settings, stub: DagsterStub) -> None:
    Orchestrator(chosen, CATALOG).launch(Order("stock_quants", TODAY, TODAY, "ayu", "r1"))
    params = stub.of("Launch")[0]["params"]
    assert params["selector"]["jobName"] == "snapshot"
    tags = {t["key"]: t["value"] for t in params["executionMetadata"]["tags"]}
    assert tags["dagster/partition"] == str(TODAY)
    assert not any("range" in key for key in tags)


@given(st.dates(), st.integers(0, 400), st.integers(1, 60))
def test_chunks_are_every_day_once_newest_first(first: date, length: int, most: int) -> None:
    last = date.fromordinal(min(first.toordinal() + length, date.max.toordinal() - 1))
    first = max(first, date.fromordinal(most + 1))
    parts = asking.chunks(first, max(first, last), most)
    days = [d for a, b in parts for d in range(b.toordinal(), a.toordinal() - 1, -1)]
    assert days == list(range(max(first, last).toordinal(), first.toordinal() - 1, -1))
    assert all((b - a).days < most for a, b in parts)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (RECORDED["launch_refused"], "Restart its webserver"),
        ({"errors": [{"message": "no such field"}]}, "could not answer: no such field"),
        ({"hello": 1}, "is not Dagster"),
        (b"<html>", "does not answer"),
    ],
)
def test_what_dagster_refuses_is_told(
    chosen: Settings, stub: DagsterStub, answer: Any, words: str
) -> None:
    stub.answers["Launch"] = answer
    with pytest.raises(OrchestratorError, match=words):
        Orchestrator(chosen, CATALOG).launch(Order("pos_orders", TODAY, TODAY, "ayu", "r1"))
    stub.answers["Cancel"] = RECORDED["cancel_unknown"]
    with pytest.raises(OrchestratorError, match="could not be found"):
        Orchestrator(chosen, CATALOG).cancel("nope")


def test_a_password_in_the_address_is_never_shown(chosen: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    away = chosen.model_copy(
        update={"nkdash_dagster_graphql_url": f"http://me:secret@127.0.0.1:{port}/graphql"}
    )
    with pytest.raises(UnreachableError) as error:
        Orchestrator(away, CATALOG).standing()
    assert "secret" not in str(error.value)
    assert f"http://127.0.0.1:{port}/graphql" in str(error.value)


# A refresh and its audit


@pytest.mark.parametrize(
    ("dataset", "first", "last", "key"),
    [
        ("nonsense", TODAY, TODAY, "refresh.no_dataset"),
        (None, TODAY, date(2026, 11, 1), "refresh.backwards"),
        (None, date(2026, 8, 31), TODAY, "refresh.too_early"),
        (None, TODAY, date(2026, 11, 24), "refresh.too_late"),
        ("stock_quants", date(2026, 11, 22), date(2026, 11, 22), "refresh.snapshot"),
        ("stock_quants", date(2026, 11, 22), TODAY, "refresh.snapshot"),
    ],
)
def test_what_cannot_be_loaded_is_refused(
    chosen: Settings, dataset: str | None, first: date, last: date, key: str
) -> None:
    with pytest.raises(refresh.OrderError) as error:
        refresh.check(chosen, CATALOG, TODAY, Order(dataset, first, last, "ayu", "r1"))
    assert error.value.key == key


def test_a_range_is_bounded(chosen: Settings) -> None:
    long_ago = chosen.model_copy(update={"nkdash_start_date": date(2020, 1, 1)})
    order = Order(None, date(2025, 11, 23), TODAY, "ayu", "r1")
    refresh.check(long_ago, CATALOG, TODAY, order)
    assert refresh.runs_of(long_ago, order) == 12
    with pytest.raises(refresh.OrderError, match="too_long"):
        refresh.check(long_ago, CATALOG, TODAY, replace(order, first=date(2025, 11, 22)))


def test_days_that_are_being_loaded_are_not_asked_for_again(
    chosen: Settings, stub: DagsterStub
) -> None:
    stub.answers["Standing"] = RECORDED["standing_running"]
    store, user = Store(chosen.state_dir), User("ayu", Role.MANAGER)
    order = Order(None, date(2026, 11, 7), date(2026, 11, 9), "ayu", "r1")
    at = datetime(2026, 11, 23, 3, tzinfo=UTC).replace(tzinfo=None)
    with pytest.raises(refresh.OrderError, match="busy"):
        refresh.start(Orchestrator(chosen, CATALOG), store, CATALOG, user, order, at)
    assert stub.of("Launch") == []
    assert [e.outcome for e in store.newest()] == ["refused"]
    other = replace(order, dataset="purchases", request="r2")
    refresh.start(Orchestrator(chosen, CATALOG), store, CATALOG, user, other, at)
    with pytest.raises(RepeatedError):
        refresh.start(Orchestrator(chosen, CATALOG), store, CATALOG, user, other, at)
    assert len(stub.of("Launch")) == 1


def test_a_click_launches_once_however_often_it_arrives(
    client: FlaskClient, stub: DagsterStub, chosen: Settings
) -> None:
    said = load(client)
    assert "Asked for" in said
    assert "https://erp.example.com/dagster/runs/" in said
    assert "not started twice" in load(client)
    assert len(stub.of("Launch")) == 1
    [entry] = Store(chosen.state_dir).newest()
    assert (entry.user, entry.role, entry.outcome) == ("local", "admin", "done")
    assert (entry.dataset, entry.first, entry.last) == (
        "pos_orders",
        date(2026, 11, 6),
        date(2026, 11, 7),
    )
    assert entry.run_id == RECORDED["launch"]["data"]["launchRun"]["run"]["runId"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {**SAME, "X-Forwarded-For": "203.0.113.9"},
    ],
)
def test_strangers_launch_and_cancel_nothing(
    client: FlaskClient, stub: DagsterStub, headers: dict[str, str]
) -> None:
    for press in (load, cancel):
        with pytest.raises(AssertionError, match=r"Only a page of NKDash|this machine alone"):
            press(client, headers=headers)
    assert stub.of("Launch") == stub.of("Cancel") == []


def cancel(client: FlaskClient, headers: dict[str, str]) -> str:
    """Press 'Cancel' of a run."""
    values = {"ops-cancel.data": {"run": "abc", "at": 1}}
    return call(client, "ops-said.children@", values, "ops-cancel.data", headers)


def test_a_cancel_is_asked_for_and_written_down(
    client: FlaskClient, stub: DagsterStub, chosen: Settings
) -> None:
    assert "Cancel asked for" in cancel(client, SAME)
    assert stub.of("Cancel") == [{"run": "abc"}]
    [entry] = Store(chosen.state_dir).newest()
    assert (entry.action, entry.run_id, entry.outcome) == ("cancel", "abc", "done")


def test_what_cannot_be_written_down_is_not_done(
    client: FlaskClient, stub: DagsterStub, chosen: Settings
) -> None:
    chosen.state_dir.parent.mkdir(exist_ok=True)
    chosen.state_dir.write_text("a file where the folder should be")
    assert "NKDASH_STATE_DIR" in load(client)
    assert stub.of("Launch") == []


# The page


def test_the_grid_says_how_each_day_stands(client: FlaskClient) -> None:
    drawn = call(client, "operations-days.children", {"url.search": ""})
    assert "POS lines, 5 Nov 2026: empty" in drawn
    assert "POS lines, 22 Nov 2026: loaded" in drawn
    assert "POS lines, 23 Nov 2026: open" in drawn
    assert "Purchases, 12 Nov 2026: failed" in drawn
    assert "Invoices, 10 Nov 2026: loaded" in drawn
    september = call(client, "operations-days.children", {"url.search": "?calendar=2026-09"})
    assert f"POS lines, {LOST_DAY.day} Sep 2026: missing" in september
    quarter_ = call(client, "operations-days.children", {"url.search": "?calendar=2026-q4"})
    assert "POS lines, 1 Oct 2026: loaded" in quarter_


def test_with_dagster_down_the_page_says_what_it_cannot_tell(
    published: Settings, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    away = published.model_copy(
        update={"nkdash_dagster_port": port, "nkdash_state_dir": tmp_path / "state"}
    )
    client = create_app(away, Warehouse(away.warehouse_dir)).server.test_client()
    drawn = call(client, "operations-days.children", {"url.search": ""})
    assert "Failed and running days cannot be told" in drawn
    assert "POS lines, 22 Nov 2026: loaded" in drawn
    working = call(client, "operations-work.children", {"ops-active.data": "r1"})
    assert "Runs cannot be told" in working
    # What ran may run on: it is asked for again.
    assert json.loads(working)["response"]["ops-tick"] == {"disabled": False}
    facts = call(
        client, "ops-day-body.children", {"ops-cell.data": cell("pos_orders", "2026-11-20")}
    )
    assert "does not answer" in facts
    assert "nkdash up" in load(client)
    assert [e.outcome for e in Store(away.state_dir).newest()] == ["failed"]
    assert "does not answer" in call(client, "operations-log.children", {})


def cell(dataset: str, day: str) -> dict[str, str]:
    """What a click on a cell sends."""
    return {"dataset": dataset, "day": day}


def test_without_a_warehouse_days_can_be_loaded_all_the_same(
    lake: Path, stub: DagsterStub, tmp_path: Path
) -> None:
    empty = settings(
        lake,
        nkdash_dagster_graphql_url=stub.url,
        nkdash_state_dir=tmp_path / "state",
    )
    client = create_app(empty, Warehouse(empty.warehouse_dir)).server.test_client()
    assert "No warehouse yet" in call(client, "operations-days.children", {"url.search": ""})
    assert "Asked for" in load(client)


def test_a_cell_tells_its_facts_and_the_last_run(client: FlaskClient) -> None:
    facts = call(
        client, "ops-day-body.children", {"ops-cell.data": cell("purchases", "2026-11-12")}
    )
    assert "You are not allowed to access Journal Item" in facts
    assert "Load this day again" in facts
    for strange in ({"dataset": "x"}, cell("nonsense", "2026-11-12"), cell("pos_orders", "no day")):
        assert "Load this day again" not in call(
            client, "ops-day-body.children", {"ops-cell.data": strange}
        )


def test_polling_goes_on_only_while_something_runs(client: FlaskClient, stub: DagsterStub) -> None:
    idle = json.loads(call(client, "operations-work.children", {"ops-active.data": ""}))
    assert idle["response"]["ops-tick"] == {"disabled": True}
    assert "ops-active" not in idle["response"]
    stub.unfinished = RECORDED["unfinished"]
    busy = json.loads(call(client, "operations-work.children", {"ops-active.data": ""}))
    assert busy["response"]["ops-tick"] == {"disabled": False}
    assert busy["response"]["ops-active"]["data"]
    assert '"aria-valuenow"' in json.dumps(busy)


def test_a_viewer_sees_no_names_and_nothing_to_press(
    published: Settings, stub: DagsterStub, tmp_path: Path
) -> None:
    with_proxy = published.model_copy(
        update={
            "nkdash_dashboard_host": "0.0.0.0",
            "nkdash_trusted_proxies": ("127.0.0.1",),
            "nkdash_dagster_graphql_url": stub.url,
            "nkdash_state_dir": tmp_path / "state",
        }
    )
    client = create_app(with_proxy, Warehouse(with_proxy.warehouse_dir)).server.test_client()
    client.environ_base["HTTP_REMOTE_USER"] = "citra"
    stub.unfinished = RECORDED["unfinished"]
    working = call(client, "operations-work.children", {})
    assert "ops-cancel" not in working
    assert "ayu" not in working
    log = call(client, "operations-log.children", {})
    assert "Recent runs" in log
    assert "Who asked for what" not in log
    view = {"url.pathname": "/operations", "url.search": ""}
    frame = call(client, "page.children", view)
    assert "Your role is viewer" in frame
    assert "ops-go" not in frame
    assert "may look, not load" in load(client)
    assert stub.of("Launch") == []
    [entry] = Store(with_proxy.state_dir).newest()
    assert (entry.user, entry.outcome) == ("citra", "refused")


def test_the_log_shows_runs_and_who_asked(client: FlaskClient) -> None:
    load(client)
    log = call(client, "operations-log.children", {})
    assert "6 datasets" in log
    assert "during the day" in log
    assert '"local"' in log
