"""The sensor for missing days: what it asks for, when, and never more than needed."""

import shutil
from datetime import date, timedelta

import dagster as dg
import pytest

from nkdash.automation.dead_runs import PROCESS, this_process
from nkdash.automation.memory import recall
from nkdash.automation.missing import MISSING, forget_attempts, nightly_asked, tell_dagster
from nkdash.automation.requests import REASON, WAREHOUSE
from nkdash.lake import Layer, partition_path
from nkdash.standing import State, failed_days, in_lake, standing
from nkdash_tests.automation.conftest import DAYS, FIRST, LAST, Shop, span

PRODUCTS = dg.AssetKey(["star", "dim_products"])
RAW_SALES = dg.AssetKey(["raw", "pos_order_lines"])


def keys(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or ()}


def remove(shop: Shop, layer: Layer, table: str, day: date) -> None:
    shutil.rmtree(str(partition_path(shop.lake, layer, table, day).parent))


def test_an_empty_lake_is_filled_dimensions_with_it_and_then_left_alone(shop: Shop) -> None:
    [request] = shop.look()
    assert span(request) == (FIRST.isoformat(), DAYS[-2].isoformat()), "the last is the night's"
    assert PRODUCTS in (request.asset_selection or ())
    assert WAREHOUSE in (request.asset_selection or ())
    assert shop.load([request])
    shop.wait(minutes=11)
    [request] = shop.look()
    assert span(request) == (LAST.isoformat(), LAST.isoformat())
    assert PRODUCTS not in (request.asset_selection or ())
    assert shop.load([request])
    for dataset in shop.catalog.datasets:
        expected = [] if dataset.is_snapshot else DAYS
        assert shop.days(Layer.RAW, dataset.name) == expected
    assert shop.days(Layer.STAR, "fact_sales") == DAYS
    assert shop.why_not() == f"Every day up to {LAST} is there."


def test_nothing_is_asked_for_twice_while_it_waits_or_runs(shop: Shop) -> None:
    nightly_asked(shop.instance, LAST, shop.now)
    shop.wait(minutes=1)
    [request] = shop.look()
    run = shop.queue(request)
    for _ in range(3):
        shop.wait(minutes=5)
        assert shop.look() == []
    shop.instance.report_run_canceled(run)
    shop.wait(minutes=1)
    assert shop.look() == [], "what was asked for in vain has a pause"
    shop.wait(minutes=5)
    assert len(shop.look()) == 1


def test_a_file_that_vanished_is_loaded_again_and_no_other(filled: Shop) -> None:
    before = filled.times(Layer.RAW, "pos_order_lines")
    remove(filled, Layer.RAW, "pos_order_lines", DAYS[1])
    [request] = filled.look()
    assert span(request) == (DAYS[1].isoformat(), DAYS[1].isoformat())
    assert keys(request) == {
        "raw/pos_order_lines",
        "clean/pos_order_lines",
        "star/fact_sales",
        "warehouse/snapshot",
    }
    assert request.tags[REASON] == MISSING
    assert filled.load([request])
    after = filled.times(Layer.RAW, "pos_order_lines")
    assert {day for day in before if before[day] != after[day]} == {DAYS[1]}
    assert filled.look() == []


def test_a_lost_layer_is_made_from_raw_without_reading_odoo_again(filled: Shop) -> None:
    raw = filled.times(Layer.RAW, "pos_order_lines")
    remove(filled, Layer.CLEAN, "pos_order_lines", DAYS[2])
    remove(filled, Layer.STAR, "fact_sales", DAYS[2])
    filled.odoo.control.reset_calls()
    [request] = filled.look()
    assert keys(request) == {"clean/pos_order_lines", "star/fact_sales", "warehouse/snapshot"}
    assert filled.load([request])
    assert filled.days(Layer.STAR, "fact_sales") == DAYS
    assert filled.times(Layer.RAW, "pos_order_lines") == raw
    # The reconciliation adds up in Odoo; no line is read.
    assert "pos.order.line.search_read" not in filled.odoo.control.counts()
    assert filled.look() == []


def test_a_week_of_downtime_comes_back_as_one_range(filled: Shop) -> None:
    filled.wait(days=7)
    [request] = filled.look()
    waiting = LAST + timedelta(days=7)
    assert span(request) == ("2026-10-17", str(waiting - timedelta(days=1)))
    run = filled.queue(request)
    filled.wait(minutes=11)
    [last] = filled.look()
    assert span(last) == (str(waiting), str(waiting)), "no night was there to load it"
    filled.instance.delete_run(run.run_id)


def test_newest_first_in_ranges_and_no_more_runs_than_are_set(
    shop: Shop, settings_env: pytest.MonkeyPatch
) -> None:
    shop.settings = shop.settings.model_copy(update={"nkdash_max_partitions_per_run": 1})
    [first] = shop.look()
    assert span(first)[0] == DAYS[-2].isoformat(), "one run until the dimensions are there"
    assert shop.load([first])
    second, third = shop.look()
    assert [span(r)[0] for r in (second, third)] == [DAYS[1].isoformat(), DAYS[0].isoformat()]
    shop.queue(second)
    shop.queue(third)
    remove(shop, Layer.RAW, "pos_payments", DAYS[2])
    shop.wait(minutes=30)
    assert shop.look() == [], "two are under way"


def test_yesterday_is_the_nights_until_it_had_its_chance(filled: Shop) -> None:
    filled.wait(hours=22)  # 01:01 on the 18th
    assert filled.look() == []
    filled.wait(hours=1)
    assert filled.look() == [], "the night is due, its schedule has not ticked yet"
    nightly_asked(filled.instance, LAST + timedelta(days=1), filled.now)
    assert filled.look() == [], "its run is about to be created"
    filled.wait(minutes=1)
    [request] = filled.look()
    assert span(request)[0] == "2026-10-17"


def test_a_day_read_before_it_ended_is_loaded_again_once(filled: Shop) -> None:
    today = LAST + timedelta(days=1)
    requests = [
        dg.RunRequest(
            job_name="daily_load",
            partition_key=today.isoformat(),
            asset_selection=[
                dg.AssetKey(["raw", "pos_orders"]),
                dg.AssetKey(["clean", "pos_orders"]),
            ],
        )
    ]
    assert filled.load(requests)
    filled.wait(days=1)
    nightly_asked(filled.instance, today, filled.now)
    filled.wait(minutes=1)
    asked = [keys(request) for request in filled.look()]
    assert any("raw/pos_orders" in found for found in asked)


def test_a_transient_failure_pauses_five_minutes_and_then_ever_longer(filled: Shop) -> None:
    remove(filled, Layer.RAW, "pos_payments", DAYS[0])
    filled.odoo.control.add_fault("http", model="pos.payment", times=99, status=503)
    pauses = []
    for _ in range(6):
        minutes = 0
        while not (requests := filled.look()):
            filled.wait(minutes=1)
            minutes += 1
        pauses.append(minutes)
        assert not filled.load(requests)
    assert pauses == [0, 5, 10, 20, 40, 60]
    filled.odoo.control.clear_faults()
    filled.wait(minutes=61)
    filled.look()
    filled.wait(minutes=61)
    assert filled.load(filled.look())
    assert filled.look() == []
    assert recall(filled.instance, MISSING)["days"] == {}


def test_what_fails_for_good_is_tried_once_a_day_and_stands_in_the_list(filled: Shop) -> None:
    remove(filled, Layer.RAW, "pos_payments", DAYS[0])
    filled.odoo.control.add_fault(
        "error", model="pos.payment", times=999, name="builtins.ValueError", message="Invalid field"
    )
    assert not filled.load(filled.look())
    tries = 0
    for _ in range(27):
        filled.wait(hours=2)
        of_that_day = [r for r in filled.look() if span(r)[0] == DAYS[0].isoformat()]
        tries += len(of_that_day)
        assert not of_that_day or not filled.load(of_that_day)
    assert tries == 2
    failed = failed_days(filled.instance, filled.catalog)
    assert "Invalid field" in failed["pos_payments", DAYS[0]]
    [stands] = [
        d
        for d in standing(filled.settings, filled.catalog, failed)
        if (d.dataset, d.day) == ("pos_payments", DAYS[0])
    ]
    assert stands.state is State.FAILED
    filled.odoo.control.clear_faults()
    forget_attempts(filled.instance)
    [request] = [r for r in filled.look() if span(r)[0] == DAYS[0].isoformat()]
    assert filled.load([request])
    assert failed_days(filled.instance, filled.catalog) == {}


def test_an_outage_asks_for_nothing_and_heals_by_itself(filled: Shop) -> None:
    remove(filled, Layer.RAW, "pos_payments", DAYS[0])
    filled.odoo.control.add_fault("http", times=10_000, status=503)
    for _ in range(60):
        filled.wait(minutes=1)
        assert "503" in filled.why_not()
    runs = filled.instance.get_runs_count()
    filled.odoo.control.clear_faults()
    filled.wait(minutes=1)
    assert filled.load(filled.look())
    assert filled.instance.get_runs_count() == runs + 1


def test_files_without_events_are_told_to_dagster_once(filled: Shop) -> None:
    there = in_lake(filled.settings, filled.catalog)
    with dg.DagsterInstance.ephemeral() as other:
        assert tell_dagster(other, filled.catalog, there, {}) == 0, "a run may still tell of them"
        filled.wait(minutes=6)
        assert tell_dagster(other, filled.catalog, there, {RAW_SALES: set(DAYS[1:])}) > 0
        assert other.get_materialized_partitions(RAW_SALES) == {DAYS[0].isoformat()}
        assert tell_dagster(other, filled.catalog, there, {}) == len(DAYS) - 1
        assert other.get_materialized_partitions(RAW_SALES) == {day.isoformat() for day in DAYS}
        assert tell_dagster(other, filled.catalog, there, {}) == 0


def test_a_killed_run_is_freed_and_its_days_are_loaded(filled: Shop) -> None:
    remove(filled, Layer.RAW, "pos_payments", DAYS[0])
    [request] = filled.look()
    run = filled.queue(request)
    filled.instance.handle_run_event(
        run.run_id,
        dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name),
    )
    node = this_process().split("/")[0]
    filled.instance.add_run_tags(run.run_id, {PROCESS: f"{node}/999999999/1"})
    filled.wait(minutes=1)
    assert filled.look() == [], "it is failed now, and noticed as tried in vain"
    found = filled.instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status is dg.DagsterRunStatus.FAILURE
    filled.wait(minutes=5)
    assert filled.load(filled.look())
