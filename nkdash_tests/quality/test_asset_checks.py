"""The checks in Dagster: one evaluation a run, and what a change in Odoo does to them."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner

from nkdash.automation.backfill import BackfillReport, plan, run_here
from nkdash.catalog import Catalog
from nkdash.cli.app import app
from nkdash.contracts import Severity
from nkdash.datasets.extract import extract_days
from nkdash.definitions import build_definitions
from nkdash.lake import Layer, days_present
from nkdash.odoo import OdooClient
from nkdash.quality.reconcile import reconcile
from nkdash.quality.verdicts import differing_days
from nkdash.warehouse import Warehouse, publish
from nkdash_tests.pipeline.conftest import FIRST, LAST, Pipeline, connect_env, odoo, pipeline

__all__ = ["connect_env", "odoo", "pipeline"]

DAY = date(2026, 10, 14)


def evaluations(
    pipeline: Pipeline, report: BackfillReport
) -> dict[tuple[str, str], list[dg.AssetCheckEvaluation]]:
    """What the runs evaluated, by asset and check."""
    found: dict[tuple[str, str], list[dg.AssetCheckEvaluation]] = {}
    for run in report.run_ids:
        kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
        for entry in pipeline.instance.all_logs(run, kind):
            evaluation = entry.get_dagster_event().event_specific_data
            assert isinstance(evaluation, dg.AssetCheckEvaluation)
            key = (evaluation.asset_key.to_user_string(), evaluation.check_name)
            found.setdefault(key, []).append(evaluation)
    return found


def ask(pipeline: Pipeline, sql: str) -> list[tuple[object, ...]]:
    warehouse = Warehouse(pipeline.settings.warehouse_dir)
    try:
        return warehouse.query(sql).rows()
    finally:
        warehouse.close()


def edit_a_line(pipeline: Pipeline, amount: float) -> None:
    """Change what the first line of the day cost."""
    tables = pipeline.odoo.control.store.world.tables
    of_day = (pl.col("date_order").dt.date() == DAY) & (pl.col("date_order").dt.hour() < 12)
    orders = tables["pos.order"].frame.filter(of_day, pl.col("state") == "done")
    lines = tables["pos.order.line"].frame
    line = lines.filter(pl.col("order_id") == orders["id"][0])["id"][0]
    changed = {"price_subtotal": amount, "price_subtotal_incl": amount}
    pipeline.odoo.control.update("pos.order.line", [int(line)], changed)


def test_a_range_is_evaluated_once_a_run_and_all_agrees(pipeline: Pipeline) -> None:
    report = pipeline.load(publish=True)
    assert report.succeeded, report.failures
    found = evaluations(pipeline, report)
    assert all(len(of_check) == 1 for of_check in found.values())
    for dataset in pipeline.catalog.datasets:
        if dataset.is_snapshot:
            continue
        last = f"star/{dataset.fact.table.name}" if dataset.fact else f"clean/{dataset.name}"
        assert {(f"raw/{dataset.name}", "contract"), (last, "reconciliation")} <= found.keys()
        assert {(last, "contract"), (last, "volume")} <= found.keys()
        assert found[last, "reconciliation"][0].metadata["days"].value == (f"{FIRST} to {LAST} (4)")
    assert {check for asset, check in found if asset == "warehouse/snapshot"} == {
        "held_back",
        "stock_variance",
    }
    # The slice of records leaves out some lots; nothing else is missing in it.
    failed = {key for key, [evaluation] in found.items() if not evaluation.passed}
    assert failed <= {("star/fact_inventory_moves", "references")}
    [equal] = found["raw/pos_orders", "lines_add_up"]
    assert equal.metadata["days"].value == f"{FIRST} to {LAST} (4)"


def test_what_was_published_stays_until_a_reload_heals_the_day(pipeline: Pipeline) -> None:
    assert pipeline.load(publish=True).succeeded
    revenue = f"SELECT sum(revenue_tax_in) FROM fact_sales WHERE date = '{DAY}'"
    verdict = (
        f"SELECT verdict FROM data_coverage WHERE date = '{DAY}' AND fact_table = 'fact_sales'"
    )
    [(before,)] = ask(pipeline, revenue)
    assert ask(pipeline, verdict) == [("agrees",)]

    edit_a_line(pipeline, 1_000_000.25)
    lines = next(d for d in pipeline.catalog.datasets if d.name == "pos_order_lines")
    with OdooClient(pipeline.settings.odoo_connection()) as client:
        verdicts = reconcile(client, lines, FIRST, LAST, pipeline.settings)
    assert differing_days(verdicts) == [DAY]
    publish(pipeline.settings, pipeline.catalog)
    assert ask(pipeline, verdict) == [("differs",)]
    assert ask(pipeline, revenue) == [(before,)]

    report = pipeline.load(DAY, DAY, "pos_order_lines", publish=True)
    assert report.succeeded, report.failures
    assert ask(pipeline, verdict) == [("agrees",)]
    [(after,)] = ask(pipeline, revenue)
    assert isinstance(after, Decimal)
    assert after != before
    # The order's own total was not edited: the check of totals says so, and does not stop it.
    report = pipeline.load(DAY, DAY, publish=True)
    assert report.succeeded
    [equal] = evaluations(pipeline, report)["raw/pos_orders", "lines_add_up"]
    assert not equal.passed
    assert equal.severity is dg.AssetCheckSeverity.WARN
    assert "1000000.25" in str(equal.metadata["examples"].value) or equal.description


def test_a_change_during_the_load_is_held_back_by_the_publish_of_the_same_run(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pipeline.load(publish=True).succeeded
    count = f"SELECT count(*) FROM fact_sales WHERE date = '{DAY}'"
    [(before,)] = ask(pipeline, count)

    # The load gets one line less than Odoo has: what a fault in reading would do.
    def one_line_less(*args: Any) -> pl.DataFrame:
        frame = extract_days(*args)
        lost = frame.filter(date=DAY)["id"][0]
        return frame.filter(frame["id"] != lost) if "order_id.state" in frame.columns else frame

    monkeypatch.setattr("nkdash.automation.assets.extract_days", one_line_less)
    job = pipeline.definitions.resolve_job_def("daily_load")
    ran = job.execute_in_process(instance=pipeline.instance, partition_key=DAY.isoformat())
    assert ran.success
    assert ask(pipeline, count) == [(before,)]
    found = {
        (e.asset_key.to_user_string(), e.check_name): e for e in ran.get_asset_check_evaluations()
    }
    lines = found["star/fact_sales", "reconciliation"]
    assert (lines.passed, lines.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert lines.metadata["differing_days"].value == DAY.isoformat()
    assert found["star/fact_payments", "reconciliation"].passed
    held = found["warehouse/snapshot", "held_back"]
    assert not held.passed
    assert held.description == f"pos_order_lines of {DAY} differs from Odoo"


def test_odoo_failing_in_the_check_is_told_and_stops_nothing(pipeline: Pipeline) -> None:
    pipeline.odoo.control.add_fault("http", model="pos.payment", method="read_group", status=502)
    report = pipeline.load(publish=True)
    assert report.succeeded, report.failures
    [found] = evaluations(pipeline, report)["star/fact_payments", "reconciliation"]
    assert not found.passed
    assert "could not be compared" in str(found.description)
    assert "502" in str(found.description)
    assert days_present(pipeline.lake, Layer.QUALITY, "pos_payments") == set()


@pytest.mark.parametrize("severity", ["warn", "error"])
def test_the_contracts_check_says_what_lands_and_what_does_not(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, severity: Severity
) -> None:
    datasets = tuple(
        replace(
            d,
            clean_table=replace(
                d.clean_table,
                columns=tuple(
                    replace(c, maximum=1.0, severity=severity) if c.name == "amount" else c
                    for c in d.clean_table.columns
                ),
            ),
        )
        if d.name == "pos_payments"
        else d
        for d in pipeline.catalog.datasets
    )
    changed = Catalog(datasets, pipeline.catalog.dimensions)
    monkeypatch.setattr("nkdash.definitions.load_catalog", lambda settings: changed)
    definitions = build_definitions(pipeline.settings)
    wanted = plan(
        definitions, changed, pipeline.settings, DAY, DAY, ["pos_payments"], publish=False
    )
    report = run_here(definitions, pipeline.instance, wanted, lambda _: None)
    assert report.succeeded == (severity == "warn")
    [found] = evaluations(pipeline, report)["clean/pos_payments", "contract"]
    assert not found.passed
    assert found.severity.value == severity.upper()
    assert "above 1.0" in str(found.description)
    landed = days_present(pipeline.lake, Layer.CLEAN, "pos_payments")
    assert landed == ({DAY} if severity == "warn" else set())


def test_checks_can_be_run_by_themselves(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a range they look at the last days that are loaded."""
    monkeypatch.setattr("nkdash.quality.asset_checks.DAYS_BY_ITSELF", 4_000)
    assert pipeline.load().succeeded
    edit_a_line(pipeline, 5.0)
    selection = dg.AssetSelection.checks(
        dg.AssetCheckKey(dg.AssetKey(["star", "fact_sales"]), "reconciliation"),
        dg.AssetCheckKey(dg.AssetKey(["star", "fact_sales"]), "references"),
        dg.AssetCheckKey(dg.AssetKey(["star", "fact_sales"]), "volume"),
    )
    definitions = dg.Definitions.merge(
        pipeline.definitions, dg.Definitions(jobs=[dg.define_asset_job("recheck", selection)])
    )
    ran = definitions.resolve_job_def("recheck").execute_in_process(instance=pipeline.instance)
    assert ran.success
    told = {e.check_name: e for e in ran.get_asset_check_evaluations()}
    assert told["reconciliation"].metadata["differing_days"].value == DAY.isoformat()


@pytest.fixture
def at_the_command_line(
    pipeline: Pipeline, settings_env: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["reconcile", *arguments])
        return result.exit_code, result.output

    assert pipeline.load().succeeded
    return run


def test_the_command_names_day_dataset_and_remedy(
    pipeline: Pipeline, at_the_command_line: Callable[..., tuple[int, str]]
) -> None:
    days = ("--from", FIRST.isoformat(), "--to", LAST.isoformat())
    code, told = at_the_command_line(*days)
    assert code == 0, told
    assert "pos_orders: 4 days agree" in told
    edit_a_line(pipeline, 7.5)
    code, told = at_the_command_line(*days)
    assert code == 1
    assert f"pos_order_lines: 3 days agree, differing: {DAY}" in told
    assert f"nkdash backfill --from {DAY} --to {DAY} --dataset pos_order_lines" in told
    assert "pos_payments: 4 days agree\n" in told


def test_the_commands_json_has_every_figure(
    pipeline: Pipeline, at_the_command_line: Callable[..., tuple[int, str]]
) -> None:
    edit_a_line(pipeline, 7.5)
    days = ("--from", "2026-10-12", "--to", LAST.isoformat())
    code, told = at_the_command_line(*days, "--dataset", "pos_order_lines", "--json")
    assert code == 1
    answer = json.loads(told)
    assert answer["datasets"] == [
        {
            "dataset": "pos_order_lines",
            "agreeing_days": 3,
            "differing": [DAY.isoformat()],
            "not_loaded": ["2026-10-12"],
        }
    ]
    assert len(answer["verdicts"]) == 4 * 6
    wrong = [v for v in answer["verdicts"] if not v["agrees"]]
    assert {v["figure"] for v in wrong} == {"price_subtotal", "price_subtotal_incl"}
    assert all(Decimal(v["odoo_value"]) != Decimal(v["lake_value"]) for v in wrong)


def test_the_command_refuses_what_cannot_be_reconciled(
    at_the_command_line: Callable[..., tuple[int, str]],
) -> None:
    code, told = at_the_command_line("--from", "2026-10-14", "--dataset", "stock_quants")
    assert code == 2
    assert "stock_quants cannot be reconciled" in told
