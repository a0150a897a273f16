"""The production set-up as it is written down, run for real: Postgres, the code server by gRPC,
webserver, daemon, dashboard, and Caddy with TLS and login, as processes with the commands of
docker-compose.yml, against the sandbox Odoo.

No clock is faked. The nightly load is set to the minute before the test begins, and after a kill -9
of the daemon the schedule's own record of when it was switched on is set back an hour, as if the
daemon had been down at that minute: the one that is started again finds the tick that it missed,
asks the code server what to run, and has it run. Older days are found and filled by the sensor for
missing days, at its own pace.
"""

import csv
import io
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl
import pytest
import requests
from dagster._core.scheduler.instigation import ScheduleInstigatorData
from requests.adapters import HTTPAdapter

from nkdash.sandbox import SandboxServer, generate, serve
from nkdash_tests import postgres
from nkdash_tests.deploy.stack import Stack, stack

ZONE = ZoneInfo("Asia/Jakarta")
DAYS = 4
# It takes a third of that where nothing else runs.
WAIT_SECONDS = 240
OPERATOR, READER = ("olga", "operators-password"), ("rita", "readers-password")


@pytest.fixture(scope="module")
def odoo() -> Iterator[SandboxServer]:
    world = generate(
        now=datetime.now(UTC).replace(tzinfo=None), days=DAYS, products=60, orders_per_day=12
    )
    with serve(world) as server:
        yield server


def hashed(password: str) -> str:
    """What `caddy hash-password` makes of it."""
    made = subprocess.run(
        ["caddy", "hash-password"],
        input=f"{password}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.strip()


@pytest.fixture(scope="module")
def production(odoo: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything but the daemon runs, and is healthy by its own check."""
    postgres.need("caddy", "initdb", "wget")
    wait_past_midnight()
    settings = dict(odoo.settings)
    secrets = {
        "odoo_api_key": settings.pop("ODOO_API_KEY"),
        "operators": f"{OPERATOR[0]} {hashed(OPERATOR[1])}",
        "readers": f"{READER[0]} {hashed(READER[1])}",
    }
    settings |= {
        "NKDASH_START_DATE": (today() - timedelta(days=DAYS)).isoformat(),
        "NKDASH_TIMEZONE": ZONE.key,
        "NKDASH_NIGHTLY_AT": f"{minute_before(datetime.now(ZONE)):%H:%M}",
        "NKDASH_ADMINS": OPERATOR[0],
    }
    with stack(tmp_path_factory.mktemp("production"), settings, secrets) as services:
        services.up("postgres")
        postgres.create_database(services.ports["5432"], "nkdash")
        services.up("code", "webserver", "dashboard", "proxy")
        yield services


def today() -> date:
    return datetime.now(ZONE).date()


def minute_before(now: datetime) -> datetime:
    """The last minute of the day that is over, or its first."""
    return max(now - timedelta(minutes=1), now.replace(hour=0, minute=0))


def wait_past_midnight() -> None:
    """The figures below are for one day: do not begin minutes before it ends."""
    while datetime.now(ZONE).strftime("%H:%M") >= "23:57":
        time.sleep(1)


@pytest.fixture(scope="module")
def instance(production: Stack) -> Iterator[dg.DagsterInstance]:
    """Dagster's storage, read from outside: the same dagster.yaml as the services'."""
    with pytest.MonkeyPatch.context() as patch:
        url = (production.folder / "secrets" / "postgres_url").read_text().strip()
        patch.setenv("DAGSTER_POSTGRES_URL", url)
        with dg.DagsterInstance.from_config(str(production.folder / "dagster")) as found:
            yield found


@pytest.fixture(scope="module")
def worked(production: Stack, instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """After the daemon has filled the gaps, was killed over it, and did last night's load."""
    production.start("daemon")
    production.until(
        lambda: instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])),
        WAIT_SECONDS,
        lambda: f"no run started\n{state(production, instance)}",
    )
    production.kill("daemon")
    set_back_an_hour(instance)
    production.up("daemon")
    production.until(
        lambda: nightly_run(instance) and not unfinished(instance) and missing(production) == [],
        WAIT_SECONDS,
        lambda: f"{missing(production)} still missing\n{state(production, instance)}",
    )
    return instance


def set_back_an_hour(instance: dg.DagsterInstance) -> None:
    """Have the schedule's record say that it was switched on an hour ago."""
    state = next(s for s in instance.all_instigator_state() if s.name == "nightly")
    data = state.instigator_data
    assert isinstance(data, ScheduleInstigatorData)
    assert data.start_timestamp
    since = ScheduleInstigatorData(data.cron_schedule, data.start_timestamp - 3_600)
    instance.update_instigator_state(state.with_data(since))


def nightly_run(instance: dg.DagsterInstance) -> dg.DagsterRun | None:
    """The run that the nightly schedule launched."""
    runs = instance.get_runs(dg.RunsFilter(tags={"dagster/schedule_name": "nightly"}))
    return runs[0] if runs else None


def unfinished(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    return [run for run in instance.get_runs() if not run.is_finished]


def missing(production: Stack) -> list[date]:
    """Complete business days without sales in the lake."""
    wanted = [today() - timedelta(days=n) for n in range(1, DAYS + 1)]
    folder = production.folder / "data" / "lake" / "star-schema" / "fact_sales"
    return [day for day in wanted if not (folder / f"date={day}" / "data.parquet").exists()]


def state(production: Stack, instance: dg.DagsterInstance) -> str:
    """What to read when it went wrong."""
    runs = [f"{run.job_name} {run.status.value} {dict(run.tags)}" for run in instance.get_runs()]
    return "\n".join([*runs, production.tail("daemon"), production.tail("code")])


class FromElsewhere(HTTPAdapter):
    """Requests that come from another address of loopback than the proxy's."""

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        super().init_poolmanager(*arguments, source_address=("127.0.0.9", 0), **more)


def door(production: Stack) -> str:
    """The proxy's address."""
    return f"https://localhost:{production.ports['8443']}"


def authority(production: Stack) -> str:
    """The certificate of Caddy's own CA."""
    return str(production.folder / "caddy/caddy/pki/authorities/local/root.crt")


def get(production: Stack, path: str, login: tuple[str, str] | None = None) -> requests.Response:
    """A page through the proxy, its certificate verified."""
    return requests.get(
        door(production) + path,
        auth=login,
        verify=authority(production),
        timeout=60,
        headers={"Remote-User": "olga"},
    )


def test_nobody_comes_in_without_a_login(production: Stack) -> None:
    for path in ("/", "/healthz", "/dagster", "/dagster/graphql", "/_dash-layout"):
        assert get(production, path).status_code == 401, path
        assert get(production, path, (OPERATOR[0], READER[1])).status_code == 401, path
    assert get(production, "/", READER).status_code == 200
    # Dagster's UI can do everything, so it takes an operator.
    assert get(production, "/dagster/server_info", READER).status_code == 401
    assert get(production, "/dagster/server_info", OPERATOR).json()["dagster_version"]
    plain = requests.get(
        f"http://localhost:{production.ports['8080']}/", allow_redirects=False, timeout=10
    )
    assert (plain.status_code, plain.headers["Location"]) == (308, "https://localhost/")


def test_a_login_cannot_be_made_up_by_a_header(production: Stack) -> None:
    direct = f"http://127.0.0.1:{production.ports['8050']}/"
    with requests.Session() as session:
        session.mount("http://", FromElsewhere())
        answer = session.get(direct, headers={"Remote-User": OPERATOR[0]}, timeout=10)
        assert answer.status_code == 403


def test_the_missed_night_and_every_gap_are_loaded(
    production: Stack, worked: dg.DagsterInstance
) -> None:
    night = nightly_run(worked)
    assert night is not None
    assert night.status is dg.DagsterRunStatus.SUCCESS
    assert night.tags["dagster/partition"] == (today() - timedelta(days=1)).isoformat()
    filled = worked.get_runs(dg.RunsFilter(tags={"dagster/sensor_name": "missing_days"}))
    assert {run.status for run in filled} == {dg.DagsterRunStatus.SUCCESS}
    assert missing(production) == []


def test_the_dashboard_shows_what_odoo_has(
    production: Stack, worked: dg.DagsterInstance, odoo: SandboxServer
) -> None:
    first, last = today() - timedelta(days=DAYS), today() - timedelta(days=1)
    answer = get(production, f"/export/products.csv?range={first}..{last}", READER)
    assert answer.status_code == 200
    rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    shown = sum(Decimal(row["net_revenue"]) for row in rows)
    assert shown == revenue(odoo, first, last)


def revenue(odoo: SandboxServer, first: date, last: date) -> Decimal:
    """Sales with tax of the records that Odoo has: POS orders, and invoices that are not theirs."""
    tables = odoo.service.store.world.tables
    orders = tables["pos.order"].frame
    local = (pl.col("date_order") + pl.duration(hours=7)).dt.date()
    sold = orders.filter(
        local.is_between(first, last), pl.col("state").is_in(["paid", "done", "invoiced"])
    )
    invoices = tables["account.move"].frame.filter(
        pl.col("date").is_between(first, last),
        pl.col("state") == "posted",
        pl.col("move_type").is_in(["out_invoice", "out_refund", "out_receipt"]),
        ~pl.col("id").is_in(orders["account_move"].drop_nulls().to_list()),
    )
    both = [sold["amount_total"].sum(), invoices["amount_total_signed"].sum()]
    return Decimal(f"{sum(both):.2f}")


def test_no_secret_is_in_a_log_or_in_a_file_of_ours(
    production: Stack, worked: dg.DagsterInstance, odoo: SandboxServer
) -> None:
    words = [OPERATOR[1], READER[1], "p@ss-word", postgres.PASSWORD, odoo.settings["ODOO_API_KEY"]]
    files = [*production.folder.glob("*.log"), production.folder / "dagster" / "dagster.yaml"]
    for file in files:
        text = file.read_text("utf-8", "replace")
        assert [word for word in words if word in text] == [], file
