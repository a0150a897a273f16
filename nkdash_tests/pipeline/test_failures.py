"""Failure never replaces good data: the day stays as it was, and the run says why."""

from datetime import timedelta

import pytest

from nkdash.lake import Layer, list_days, read_footer
from nkdash_tests.pipeline.conftest import FIRST, LAST, Pipeline


def stored(pipeline: Pipeline, layer: Layer, table: str) -> dict[object, tuple[str, int]]:
    return {
        file.day: (read_footer(file.path).rows_sha256, file.mtime_ns)
        for file in list_days(pipeline.lake, layer, table)
    }


def everything(pipeline: Pipeline) -> list[dict[object, tuple[str, int]]]:
    return [
        stored(pipeline, Layer.RAW, "pos_order_lines"),
        stored(pipeline, Layer.CLEAN, "pos_order_lines"),
        stored(pipeline, Layer.STAR, "fact_sales"),
    ]


def test_odoo_failing_at_page_3_of_5_leaves_the_good_day(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pipeline.load().succeeded
    before = everything(pipeline)
    monkeypatch.setenv("ODOO_PAGE_SIZE", "200")
    pipeline.odoo.control.add_fault(
        "http", model="pos.order.line", method="search_read", after=2, times=99, status=502
    )
    report = pipeline.load(FIRST, LAST, "pos_order_lines")
    assert not report.succeeded
    assert "raw__pos_order_lines" in report.failures[0]
    assert "502" in report.failures[0]
    assert everything(pipeline) == before


@pytest.mark.parametrize("kind", ["break", "error"])
def test_a_broken_answer_or_an_odoo_error_leaves_the_good_day(
    pipeline: Pipeline, kind: str
) -> None:
    assert pipeline.load().succeeded
    before = everything(pipeline)
    pipeline.odoo.control.add_fault(kind, model="pos.order.line", method="search_read", times=99)
    assert not pipeline.load(FIRST, LAST, "pos_order_lines").succeeded
    assert everything(pipeline) == before


def test_a_failed_range_heals_on_the_next_run(pipeline: Pipeline) -> None:
    pipeline.odoo.control.add_fault("http", model="pos.payment", method="search_read", times=1)
    assert not pipeline.load().succeeded
    assert stored(pipeline, Layer.STAR, "fact_payments") == {}
    assert pipeline.load().succeeded
    assert len(stored(pipeline, Layer.STAR, "fact_payments")) == 4


def test_a_transient_fault_is_tried_again(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_MAX_ATTEMPTS", "3")
    pipeline.odoo.control.add_fault("http", model="pos.order", times=1, status=429, retry_after=0)
    assert pipeline.load(FIRST, FIRST).succeeded


def test_wrong_credentials_fail_once_and_do_not_show_the_key(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_API_KEY", "s3cret-key-of-nobody")
    report = pipeline.load(FIRST, FIRST)
    assert not report.succeeded
    assert "ODOO_API_KEY" in report.failures[0]
    shown = "\n".join(report.failures) + "".join(
        str(entry) for run in report.run_ids for entry in pipeline.instance.all_logs(run)
    )
    assert "s3cret-key-of-nobody" not in shown
    first_error = [f for f in report.failures if f.startswith("raw__brands")]
    assert len(first_error) == 1, "a permanent error is not tried again"


def test_a_full_disk_leaves_the_good_day(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pipeline.load().succeeded
    before = everything(pipeline)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    report = pipeline.load()
    assert not report.succeeded
    assert any("No space left on device" in f and "free space" in f for f in report.failures), (
        report.failures
    )
    monkeypatch.undo()
    assert everything(pipeline) == before
    assert not list(pipeline.lake.rglob("*.tmp"))


def test_an_edit_at_midnight_moves_the_order_to_its_new_day(pipeline: Pipeline) -> None:
    assert pipeline.load().succeeded
    before = stored(pipeline, Layer.STAR, "fact_sales")
    [order] = pipeline.odoo.control.deliver_orders(days_ago=0)
    pipeline.odoo.control.update("pos.order", [order], {"date_order": "2026-10-14 16:59:59"})
    assert pipeline.load().succeeded
    first = stored(pipeline, Layer.STAR, "fact_sales")
    pipeline.odoo.control.update("pos.order", [order], {"date_order": "2026-10-14 17:00:00"})
    assert pipeline.load().succeeded
    second = stored(pipeline, Layer.STAR, "fact_sales")
    changed = {d for d in before if before[d][0] != first[d][0]}
    moved = {d for d in before if first[d][0] != second[d][0]}
    assert changed == {FIRST + timedelta(days=1)}
    assert moved == {FIRST + timedelta(days=1), FIRST + timedelta(days=2)}
