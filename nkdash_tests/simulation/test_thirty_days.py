"""Thirty days in a few minutes: NKDash runs by itself, whatever befalls it and Odoo.

Dagster's own daemons tick on a virtual clock, against a shop that sells on between the ticks. At
the end the lake equals a fresh full load, people were told of each trouble once and of its end
once, and no day was loaded more often than there was cause to.
"""

import random
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import pytest

from nkdash.automation import weekly
from nkdash.automation.backfill import plan, run_here
from nkdash.automation.failures import dataset_of
from nkdash.clock import days_between, yesterday
from nkdash.definitions import build_definitions
from nkdash.lake import LakePath, Layer, list_days, list_table, read_footer
from nkdash.settings import load_settings
from nkdash.standing import State, standing
from nkdash_tests.simulation.month import Event, Month, month

START = datetime.fromisoformat("2026-10-01T00:30:00")
END = datetime.fromisoformat("2026-10-31T04:00:00")
SOLD_BEFORE = 6
RANDOM_DAYS = range(3, 28, 2)
SEED = 7

# Dagster's own, of what its daemons do.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::dagster.PreviewWarning"
)

Script = list[tuple[datetime, Event]]


def shop(done: str, *args: object, **kwargs: object) -> Event:
    """What somebody does in Odoo, or to it."""
    return lambda month: getattr(month.shop, done)(*args, **kwargs)


def at(day: int, clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-10-{day:02d}T{clock}:00")


def correct_the_key(month: Month) -> None:
    """An operator puts the new key into the settings and starts NKDash again."""
    month.set("ODOO_API_KEY", "another-key")
    month.restart()


SCRIPT: Script = [
    # Only the refreshes of the first days: more of them are more of the same.
    (at(2, "03:00"), lambda month: month.stop_schedule("intraday")),
    (at(2, "11:00"), shop("edit_line", 1)),
    (at(2, "11:05"), shop("edit_payment", 1)),
    (at(2, "16:00"), Month.tick),
    # An hour without Odoo, over the hour of the nightly load.
    (at(3, "01:40"), shop("answer_errors")),
    (at(3, "02:20"), Month.tick),
    (at(3, "02:40"), shop("answer_again")),
    (at(3, "02:50"), Month.tick),
    # Found by the weekly sweep alone.
    (at(5, "11:00"), shop("delete_order", 3)),
    (at(5, "11:05"), shop("reset_document", 2)),
    # Of a day before all that NKDash loads.
    (at(6, "11:00"), shop("deliver", 20)),
    # Odoo fails in the middle of the night's load.
    (at(7, "01:50"), lambda month: month.fail_nightly_run(25)),
    (at(7, "02:30"), shop("answer_again")),
    (at(7, "02:40"), Month.tick),
    (at(7, "02:50"), Month.tick),
    (at(8, "11:00"), shop("move_over_midnight", 2)),
    (at(8, "11:05"), shop("move_order", 3, 1)),
    # Two days without Odoo, a Sunday's reconciliation among them.
    (at(9, "15:00"), shop("go_down")),
    (at(11, "15:00"), shop("come_back")),
    (at(11, "16:00"), Month.tick),
    (at(12, "11:00"), shop("edit_stock_move", 2)),
    (at(12, "11:05"), shop("edit_move_line", 3)),
    # Somebody changes the key in Odoo, and hours later in the settings.
    (at(13, "09:00"), shop("change_key", "another-key")),
    # Dagster's sensors take turns in any order: what the first look meets, the second one tells.
    (at(13, "16:00"), Month.tick),
    (at(13, "18:00"), Month.tick),
    (at(13, "20:00"), correct_the_key),
    (at(14, "11:00"), Month.restart),
    (at(15, "11:00"), lambda month: month.lose_file(4, Layer.RAW, "pos_orders", "pos_orders")),
    (
        at(15, "11:01"),
        lambda month: month.lose_file(6, Layer.STAR, "fact_sales", "pos_order_lines"),
    ),
    # Power cuts: the run dies, and so does the daemon some minutes later.
    (at(16, "01:50"), lambda month: month.kill_nightly_run(12)),
    (at(16, "02:30"), Month.restart),
    (at(16, "02:40"), Month.tick),
    (at(16, "02:50"), Month.tick),
    (at(22, "02:40"), Month.tick),
    (at(22, "02:50"), Month.tick),
    (at(22, "01:50"), lambda month: month.kill_nightly_run(40)),
    (at(17, "11:00"), shop("redate_document", 5, 2)),
    (at(17, "11:05"), shop("delete_move_line", 4)),
    # An offline till is found again.
    (at(20, "11:00"), shop("deliver", 15, 3)),
    (at(21, "11:00"), shop("deliver", 22)),
    (at(24, "11:00"), shop("reset_document", 9)),
]

DEEDS = (
    "cancel_order",
    "deliver",
    "edit_line",
    "edit_move_line",
    "edit_payment",
    "edit_stock_move",
    "move_over_midnight",
    "reset_document",
    "delete_order",
    "delete_move_line",
)


def by_chance(seed: int) -> Iterator[tuple[datetime, Event]]:
    """One more deed every other day, on a day of the last fortnight."""
    chance = random.Random(seed)
    for day in RANDOM_DAYS:
        moment = at(day, f"{chance.randrange(8, 15):02d}:{chance.randrange(60):02d}")
        yield moment, shop(chance.choice(DEEDS), chance.randrange(1, 14))


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    """The month, lived to its end."""
    env = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("month")
    with month(env, folder, START, SOLD_BEFORE) as found:
        found.live(END, [*SCRIPT, *by_chance(SEED)])
        found.restart()
        yield found
    env.undo()


def test_the_lake_equals_a_fresh_full_load(
    lived: Month, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {**lived.variables, "DATA_LAKE_ROOT": str(tmp_path / "fresh")}.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(require_odoo=True)
    definitions = build_definitions(settings)
    first, last = settings.nkdash_start_date, yesterday(settings)
    whole = plan(definitions, lived.catalog, settings, first, last, publish=False)
    with dg.DagsterInstance.ephemeral() as instance:
        report = run_here(definitions, instance, whole, lambda _: None)
    assert report.succeeded, report.failures
    fresh, ours = (hashes(lived, s.lake_root) for s in (settings, lived.settings))
    assert {day for _, _, day in fresh if day} == set(days_between(first, last))
    assert ours.keys() == fresh.keys()
    assert {key for key, rows in ours.items() if fresh[key] != rows} == set()


def hashes(lived: Month, root: LakePath) -> dict[tuple[Layer, str, date | None], str]:
    """The rows of each day up to yesterday and of each dimension, as one hash."""
    last = yesterday(lived.settings)
    found: dict[tuple[Layer, str, date | None], str] = {}
    for dataset in lived.catalog.datasets:
        if dataset.is_snapshot:
            continue
        tables = [(Layer.RAW, dataset.name), (Layer.CLEAN, dataset.clean_table.name)]
        tables += [(Layer.STAR, dataset.fact.table.name)] if dataset.fact else []
        for layer, table in tables:
            for file in list_days(root, layer, table):
                if file.day and file.day <= last:
                    found[layer, table, file.day] = read_footer(file.path).rows_sha256
    for dimension in lived.catalog.dimensions:
        for layer, table in ((Layer.RAW, dimension.name), (Layer.STAR, dimension.table.name)):
            if there := list_table(root, layer, table):
                found[layer, table, None] = read_footer(there.path).rows_sha256
    return found


def test_every_day_stands_as_it_should(lived: Month) -> None:
    states = Counter(
        (day.dataset, day.state)
        for day in standing(lived.settings, lived.catalog)
        if day.state not in (State.LOADED, State.EMPTY)
    )
    # The evenings of the two days without Odoo, and of the one with a wrong key until 20:00.
    assert states == {("stock_quants", State.LOST): 2}


def test_no_run_is_left_unfinished(lived: Month) -> None:
    assert lived.deaths == [-signal.SIGKILL, -signal.SIGKILL]
    unfinished = [run for run in lived.instance.get_runs() if not run.is_finished]
    assert not unfinished


def test_each_sunday_is_reconciled_once(lived: Month) -> None:
    """The one on which Odoo was down until the afternoon, too."""
    runs = lived.instance.get_runs(dg.RunsFilter(job_name=weekly.JOB))
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
    sundays = [day for day in days_between(START.date(), END.date()) if day.weekday() == 6]
    assert sorted(run.tags[weekly.SUNDAY] for run in runs) == [str(day) for day in sundays]


def test_every_alert_is_told_once_and_its_end_once(lived: Month) -> None:
    told = Counter((id_, stage) for id_, _, stage, _ in lived.alerts.told)
    assert set(told.values()) == {1}
    opened = {id_ for id_, stage in told if stage == "opened"}
    closed = {id_ for id_, stage in told if stage == "closed"}
    assert opened == closed
    troubles = Counter(key for _, key, stage, _ in lived.alerts.told if stage == "opened")
    # The hour, the night's middle, the two days, the key.
    assert troubles["odoo"] == 4


def test_no_day_is_loaded_more_often_than_there_was_cause(lived: Month) -> None:
    datasets = dataset_of(lived.catalog)
    allowed = lived.touches.counts + lived.extra
    loads = {k: n for k, n in lived.loads().items() if datasets[k[0]] in lived.touches.names}
    assert loads
    too_often = {
        f"{key.to_user_string()} {day}": (count, 1 + allowed[datasets[key], day])
        for (key, day), count in loads.items()
        if count > 1 + allowed[datasets[key], day]
    }
    assert not too_often


def test_a_wrong_key_is_tried_once(lived: Month) -> None:
    [error] = lived.tick_errors()
    assert "OdooCredentialsError" in error


def test_an_odoo_that_is_down_piles_up_no_runs(lived: Month) -> None:
    failed = lived.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    # The night that broke off, and the two that were killed.
    assert len(failed) <= 4, [(run.job_name, run.tags) for run in failed]
