"""Sunday's reconciliation finds what no write date tells, and the sensor loads those days again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from nkdash.automation import weekly
from nkdash.automation.changes import known
from nkdash.definitions import build_definitions
from nkdash_tests.automation.changing import Changing, Found, changing, days_of
from nkdash_tests.automation.test_changes import POS, an_order, on
from nkdash_tests.conftest import RECORDS
from nkdash_tests.datasets.stock import make_settings


@pytest.fixture
def odoo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings_env: pytest.MonkeyPatch
) -> Iterator[Changing]:
    with changing(RECORDS, tmp_path, monkeypatch) as made:
        settings_env.setenv("ODOO_HOST", "127.0.0.1")
        settings_env.setenv("ODOO_PORT", str(made.retailer.odoo.port))
        settings_env.setenv("ODOO_PROTOCOL", "jsonrpc")
        for name in ("ODOO_DB", "ODOO_USERNAME", "ODOO_API_KEY"):
            settings_env.setenv(name, "demo")
        settings_env.setenv("ODOO_MAX_ATTEMPTS", "1")
        made.retailer.settings = made.settings.model_copy(update={"nkdash_weekly_days": 60})
        yield made


def reconcile_weeks(odoo: Changing) -> dg.ExecuteInProcessResult:
    """A run of the job, as Dagster makes it."""
    job = build_definitions(odoo.settings).get_repository_def().get_job(weekly.JOB)
    odoo.wait(minutes=30)
    result = job.execute_in_process(instance=odoo.instance, raise_on_error=False)
    odoo.wait(minutes=1)
    return result


def told(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    [event] = [e for e in result.all_events if e.is_successful_output]
    return {k: v.value for k, v in event.step_output_data.metadata.items()}


def test_what_agrees_asks_for_nothing(odoo: Changing) -> None:
    found = told(reconcile_weeks(odoo))
    assert found["first_day"] == "2026-10-13"
    assert {v for k, v in found.items() if "days_with" in k or "records" in k} == {0}
    assert odoo.ask() == []


def test_deleted_orders_are_loaded_again_once(odoo: Changing) -> None:
    odoo.control.delete("pos.order", [an_order(odoo)])
    assert odoo.ask() == [], "Odoo does not say what was deleted"
    found = told(reconcile_weeks(odoo))
    assert found["pos_orders/deleted_records"] == 1
    assert found["pos_orders/days"] == f"{odoo.days[1]}"
    assert odoo.settle() == on(odoo.days[1], *POS)
    odoo.assert_lake_is_odoo()
    assert told(reconcile_weeks(odoo))["pos_orders/days_with_other_sums"] == 0
    assert odoo.ask() == []
    assert known(odoo.instance).pending == {}


def test_a_deleted_draft_is_loaded_again_too(odoo: Changing) -> None:
    order = an_order(odoo)
    odoo.control.update("pos.order", [order], {"state": "draft"})
    odoo.settle()
    odoo.control.delete("pos.order", [order])
    found = told(reconcile_weeks(odoo))
    assert found["pos_orders/days_with_other_sums"] == 0
    assert found["pos_orders/days_with_other_ids"] == 1
    assert odoo.settle() == on(odoo.days[1], *POS)
    odoo.assert_lake_is_odoo()


def test_what_was_loaded_between_sweep_and_tick_is_not_loaded_again(odoo: Changing) -> None:
    odoo.control.delete("pos.order", [an_order(odoo)])
    reconcile_weeks(odoo)
    odoo.load(odoo.days[1], odoo.days[1])
    assert odoo.ask() == []


def test_a_sweep_is_heard_of_once_also_by_a_new_daemon(odoo: Changing) -> None:
    odoo.control.delete("pos.order", [an_order(odoo)])
    reconcile_weeks(odoo)
    asked: Found = set().union(*(days_of(request) for request in odoo.ask()))
    assert asked == on(odoo.days[1], *POS)
    # Nothing was loaded; it is asked for again after the pause, not at each tick.
    assert odoo.ask() == []
    assert set(known(odoo.instance).pending) == asked


def test_odoo_that_is_down_fails_the_run_and_forgets_nothing(odoo: Changing) -> None:
    odoo.control.delete("pos.order", [an_order(odoo)])
    odoo.control.add_fault("http", model="pos.order", times=100, status=503)
    assert not reconcile_weeks(odoo).success
    odoo.control.clear_faults()
    assert reconcile_weeks(odoo).success
    assert odoo.settle() == on(odoo.days[1], *POS)


def test_it_runs_once_a_sunday_and_tries_again_each_hour_while_odoo_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = weekly.weekly(make_settings(tmp_path))
    assert schedule.cron_schedule == "0 4-23 * * 0"
    assert schedule.execution_timezone == "Asia/Jakarta"
    # 04:00 of Sunday the 29th in Jakarta.
    sunday = datetime(2026, 11, 28, 21, tzinfo=UTC)

    def tick(hours: int) -> object:
        at = sunday + timedelta(hours=hours)
        return schedule(dg.build_schedule_context(instance, scheduled_execution_time=at))

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        monkeypatch.setattr(weekly, "why_closed", lambda *_: "Odoo is down.")
        assert tick(0) == dg.SkipReason("Odoo is down.")
        monkeypatch.setattr(weekly, "why_closed", lambda *_: None)
        asked = tick(1)
        assert isinstance(asked, dg.RunRequest)
        run = create_run_for_test(instance, job_name=weekly.JOB, tags=asked.tags)
        assert isinstance(tick(2), dg.SkipReason)
        instance.report_run_failed(run)
        assert isinstance(tick(3), dg.RunRequest)
