"""Invoices, bills and opening costs through the whole path, on recorded days."""

from pathlib import Path

import polars as pl
import pytest

from nkdash.warehouse import Warehouse
from nkdash_tests.pipeline.conftest import Pipeline


@pytest.fixture
def opening(settings_env: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The path that NKDASH_OPENING_COSTS names, set before anything reads the settings."""
    path = tmp_path / "opening.csv"
    settings_env.setenv("NKDASH_OPENING_COSTS", str(path))
    return path


def query(pipeline: Pipeline, sql: str) -> pl.DataFrame:
    warehouse = Warehouse(pipeline.settings.warehouse_dir)
    try:
        return warehouse.query(sql)
    finally:
        warehouse.close()


def test_opening_costs_and_bills_give_sales_their_profit(opening: Path, pipeline: Pipeline) -> None:
    # A product that is sold on these days and bought on none of them.
    opening.write_text("sku,cost_unit,tax_included\nNK-BOD-0094,22200,yes\n")
    report = pipeline.load(publish=True)
    assert report.succeeded, report.failures
    costs = query(
        pipeline,
        "SELECT cost_source, cost_unit_tax_ex, cost_unit_tax_in FROM fact_product_costs"
        " JOIN dim_products USING (product_id) WHERE sku = 'NK-BOD-0094' AND company_id = 1",
    )
    # 22,200 with 11 % is 20,000 without.
    assert costs.filter(cost_source="opening").rows() == [("opening", 20000, 22200)]
    lines = query(pipeline, "FROM fact_sales_profit")
    assert set(lines["cost_source"]) == {None, "bill", "opening"}
    known = lines.drop_nulls("cost_source")
    assert (known["net_tax_ex"] - known["cogs_tax_ex"] == known["gross_profit_tax_ex"]).all()
    unknown = lines.filter(pl.col("cost_source").is_null())
    assert unknown["gross_profit_tax_ex"].null_count() == unknown.height


def test_documents_of_pos_orders_are_left_out(pipeline: Pipeline) -> None:
    report = pipeline.load(publish=True)
    assert report.succeeded, report.failures
    found = query(
        pipeline,
        "SELECT move_id, bool_or(pos_order_id IS NOT NULL) AS of_pos,"
        " move_id IN (SELECT move_id FROM fact_sales_all) AS counted"
        " FROM fact_invoice_sales GROUP BY ALL",
    )
    assert found.filter("of_pos").height > 0
    # Each of them is left out, but for those whose order lies on a day that is not loaded.
    loaded = query(pipeline, "SELECT DISTINCT account_move_id FROM fact_sales")
    of_loaded = pl.col("move_id").is_in(loaded["account_move_id"].drop_nulls().to_list())
    assert (found["counted"] == ~found.select(of_loaded).to_series()).all()
    assert found.filter(~pl.col("of_pos"))["counted"].all()


def test_a_wrong_line_fails_the_opening_costs_with_its_number(
    opening: Path, pipeline: Pipeline
) -> None:
    opening.write_text("product_id,cost_unit\n5,100\n999999,100\n")
    report = pipeline.load()
    assert not report.succeeded
    assert any("line 3: there is no product 999999" in failure for failure in report.failures)
