"""Night, day and evening: what the schedules ask for, and when they leave it."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import pytest

from nkdash.automation.memory import recall
from nkdash.automation.missing import NIGHTLY
from nkdash.automation.schedules import daily, evening, refresh, this_evening, tonight
from nkdash_tests.automation.conftest import DAYS, LAST, Shop, span

TODAY = LAST + timedelta(days=1)
TWO_AT_NIGHT = datetime(2026, 10, 16, 19, 0, tzinfo=UTC)


TICKS = {"nightly": tonight, "intraday": refresh, "snapshot": this_evening}


def tick(shop: Shop, name: str, at: datetime) -> dg.RunRequest | str:
    """What a schedule asks for at its tick of ``at``, else why it does not."""
    answer = TICKS[name](shop.instance, shop.settings, shop.catalog, at)
    return answer if isinstance(answer, dg.RunRequest) else answer.skip_message or ""


def asked(shop: Shop, name: str, at: datetime) -> dg.RunRequest:
    answer = tick(shop, name, at)
    assert isinstance(answer, dg.RunRequest), answer
    return answer


def names(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or ()}


def test_the_night_loads_yesterday_whole_and_the_sensor_leaves_it_alone(shop: Shop) -> None:
    shop.now = TWO_AT_NIGHT
    request = asked(shop, "nightly", TWO_AT_NIGHT)
    assert request.partition_key == LAST.isoformat()
    assert {"raw/purchases", "star/fact_sales", "star/dim_products"} <= names(request)
    assert "raw/stock_quants" not in names(request)
    assert shop.load([request])
    shop.wait(minutes=1)
    [older] = shop.look()
    assert span(older)[1] == DAYS[-2].isoformat()


def test_the_night_leaves_out_what_is_there_or_under_way(shop: Shop) -> None:
    shop.now = TWO_AT_NIGHT
    orders = [dg.AssetKey([layer, "pos_orders"]) for layer in ("raw", "clean")]
    whole = dg.RunRequest(
        job_name="daily_load", partition_key=LAST.isoformat(), asset_selection=orders
    )
    assert shop.load([whole])
    request = asked(shop, "nightly", TWO_AT_NIGHT)
    assert "raw/pos_orders" not in names(request)
    assert "raw/pos_payments" in names(request)
    day = {f"dagster/asset_partition_range_{end}": LAST.isoformat() for end in ("start", "end")}
    rest = [key for key in request.asset_selection or () if key not in orders]
    shop.queue(dg.RunRequest(asset_selection=rest, tags=day))
    request = asked(shop, "nightly", TWO_AT_NIGHT)
    assert request.partition_key is None, "dimensions are read whole all the same"
    assert not {n for n in names(request) if "pos_" in n and "dim" not in n} - {"raw/pos_configs"}


def test_nights_that_were_missed_are_left_to_the_sensor(shop: Shop) -> None:
    shop.wait(days=3)
    assert "missing days" in str(tick(shop, "nightly", TWO_AT_NIGHT))
    assert recall(shop.instance, NIGHTLY) is None


def test_no_schedule_asks_an_odoo_that_is_down(shop: Shop) -> None:
    shop.odoo.control.add_fault("http", times=999, status=503)
    for name in ("nightly", "intraday", "snapshot"):
        shop.now = TWO_AT_NIGHT
        assert "503" in str(tick(shop, name, TWO_AT_NIGHT)), name
    assert shop.instance.get_runs_count() == 0


def test_a_refresh_is_not_asked_for_while_the_one_before_is_at_work(shop: Shop) -> None:
    request = asked(shop, "intraday", shop.now)
    assert request.partition_key == TODAY.isoformat()
    tags = {**request.tags, "dagster/partition": TODAY.isoformat()}
    run = shop.queue(
        dg.RunRequest(job_name="daily_load", asset_selection=request.asset_selection, tags=tags)
    )
    assert "still at work" in str(tick(shop, "intraday", shop.now))
    shop.instance.report_run_failed(run)
    assert isinstance(tick(shop, "intraday", shop.now), dg.RunRequest)


def test_refreshes_that_were_missed_are_not_made_up_for(shop: Shop) -> None:
    assert "overdue" in str(tick(shop, "intraday", shop.now - timedelta(minutes=31)))


def test_a_snapshot_is_taken_once_an_evening_and_tried_again_while_it_is_not(shop: Shop) -> None:
    at = datetime(2026, 10, 16, 16, 30, tzinfo=UTC)  # 23:30 on the 16th
    shop.now = at
    shop.odoo.control.add_fault("http", times=999, status=503)
    assert "503" in str(tick(shop, "snapshot", at))
    shop.odoo.control.clear_faults()
    shop.wait(minutes=10)
    request = asked(shop, "snapshot", shop.now)
    assert request.partition_key == LAST.isoformat()
    assert "raw/stock_quants" in names(request)
    day = {"dagster/partition": LAST.isoformat()}
    run = shop.queue(
        dg.RunRequest(job_name="snapshot", asset_selection=request.asset_selection, tags=day)
    )
    shop.wait(minutes=10)
    assert "is taken" in str(tick(shop, "snapshot", shop.now)), "it is under way"
    shop.instance.report_run_failed(run)
    again = asked(shop, "snapshot", shop.now)
    assert again.run_key != request.run_key, "a key is used once for ever"
    shop.wait(hours=1)
    assert "lost" in str(tick(shop, "snapshot", at))


def test_dagster_takes_what_schedules_and_sensor_ask_for(shop: Shop, tmp_path: Path) -> None:
    repository = shop.definitions.get_repository_def()
    shop.now = TWO_AT_NIGHT
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        at = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=shop.now, repository_def=repository
        )
        for name, day in (("nightly", LAST), ("intraday", TODAY)):
            schedule = shop.definitions.resolve_schedule_def(name)
            assert isinstance(schedule, dg.ScheduleDefinition)
            assert schedule.execution_timezone == "Asia/Jakarta"
            assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
            [request] = schedule.evaluate_tick(at).run_requests or []
            assert request.partition_key == day.isoformat()
        sensor = repository.get_sensor_def("missing_days")
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
        context = dg.build_sensor_context(instance=instance, repository_def=repository)
        [request] = sensor.evaluate_tick(context).run_requests or []
        assert span(request)[1] == DAYS[-2].isoformat()


@pytest.mark.parametrize(
    ("at", "lines"),
    [
        (time(23, 30), ["30 23 * * *", "40 23 * * *", "50 23 * * *"]),
        (time(23, 45), ["45 23 * * *", "55 23 * * *"]),
    ],
)
def test_further_tries_of_an_evening_stay_on_its_day(at: time, lines: list[str]) -> None:
    assert evening(at) == lines
    assert daily(at) == lines[0]
