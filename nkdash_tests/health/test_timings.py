"""What runs cost is in Dagster's event log, and read from it quickly."""

import json
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from nkdash.automation.backfill import plan, run_here
from nkdash.cli.app import app
from nkdash.health.timings import last_runs, run_timings, summarize, timings_of
from nkdash.lake import Layer, list_days, read_footer
from nkdash.warehouse import current
from nkdash_tests.pipeline.conftest import FIRST, LAST, Pipeline, connect_env, odoo, pipeline

__all__ = ["connect_env", "odoo", "pipeline"]


def test_steps_tell_seconds_rows_bytes_calls_and_retries(pipeline: Pipeline) -> None:
    report = pipeline.load(FIRST, LAST, publish=True)
    assert report.succeeded
    runs = last_runs(pipeline.instance, 20)
    assert len(runs) == 3
    steps = {t.step: t for t in timings_of(pipeline.instance, runs)}
    files = list_days(pipeline.lake, Layer.RAW, "pos_order_lines")
    raw = steps["raw__pos_order_lines"]
    assert raw.rows == sum(read_footer(file.path).rows for file in files) > 0
    assert raw.bytes_written == sum(file.size for file in files)
    assert raw.days == 4
    assert raw.seconds > 0
    assert raw.odoo_calls > 0
    assert raw.odoo_bytes > 0
    assert raw.succeeded
    assert steps["clean__pos_order_lines"].odoo_calls == 0
    assert (steps["clean__pos_order_lines"].rows or 0) > 0
    assert (steps["star__dim_products"].rows or 0) > 0
    published = current(pipeline.settings.warehouse_dir)
    assert published is not None
    snapshot = steps["warehouse__snapshot"]
    assert snapshot.bytes_written == published.size
    assert (snapshot.rows or 0) > (raw.rows or 0)
    assert sum(t.odoo_calls for t in steps.values()) == report.odoo_calls


def test_a_call_and_a_step_that_are_tried_again_are_counted(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_MAX_ATTEMPTS", "3")
    pipeline.odoo.control.add_fault(
        "http", model="pos.order", method="search_read", times=1, status=429, retry_after=0
    )
    assert pipeline.load(FIRST, FIRST, "pos_orders").succeeded
    [run] = last_runs(pipeline.instance, 1)
    raw = next(t for t in run_timings(pipeline.instance, run) if t.step == "raw__pos_orders")
    assert (raw.odoo_retries, raw.retries) == (1, 0)


def test_a_failed_step_is_told_and_summed_up_with_the_others(pipeline: Pipeline) -> None:
    pipeline.odoo.control.add_fault("http", model="pos.payment", method="search_read", times=1)
    for _ in range(2):
        pipeline.load(FIRST, LAST, "pos_payments")
    summary = {
        s.step: s
        for s in summarize(timings_of(pipeline.instance, last_runs(pipeline.instance, 20)))
    }
    raw = summary["raw__pos_payments"]
    assert (raw.runs, raw.failed, raw.days) == (2, 1, 8)
    assert 0 < raw.median_seconds <= raw.max_seconds


def test_single_days_are_not_read_one_by_one(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.load()
    read: list[int] = []
    all_logs = pipeline.instance.all_logs

    def counted(*given: object, **named: object) -> object:
        found = all_logs(*given, **named)  # type: ignore[arg-type]
        read.append(len(found))
        return found

    monkeypatch.setattr(pipeline.instance, "all_logs", counted)
    runs = last_runs(pipeline.instance, 1)
    steps = run_timings(pipeline.instance, runs[0])
    assert len(read) == 1, "one query a run"
    # Checks have an output of their own beside the frame's.
    assert read[0] <= 8 * len(steps)


def test_the_command_reads_an_instance_on_disk(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    nothing = CliRunner().invoke(app, ["timings"])
    assert (nothing.exit_code, "nkdash backfill" in nothing.stdout) == (0, True)
    wanted = plan(
        pipeline.definitions, pipeline.catalog, pipeline.settings, FIRST, FIRST, ("pos_orders",)
    )
    with dg.DagsterInstance.get() as instance:
        report = run_here(pipeline.definitions, instance, wanted, lambda _: None)
    assert report.succeeded
    shown = CliRunner().invoke(app, ["timings"]).stdout
    assert "raw/pos_orders" in shown
    told = json.loads(CliRunner().invoke(app, ["timings", "--json", "--last", "2"]).stdout)
    assert len(told["runs"]) == 2
    loaded = report.run_ids[1]
    told = json.loads(CliRunner().invoke(app, ["timings", "--json", "--run", loaded[:13]]).stdout)
    assert told["runs"] == [loaded]
    assert {step["step"] for step in told["steps"]} >= {"raw__pos_orders", "clean__pos_orders"}
    assert CliRunner().invoke(app, ["timings", "--run", "nope"]).exit_code == 1
