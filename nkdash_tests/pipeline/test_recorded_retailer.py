"""The main job on recorded data: every figure equals what Odoo's own database says, to the cent."""

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from nkdash.clock import days_between
from nkdash.lake import Layer, list_days, read_footer, scan_days, scan_table
from nkdash_tests.conftest import RECORDS
from nkdash_tests.pipeline.conftest import FIRST, LAST, Pipeline

TRUTH = json.loads((RECORDS.parent / "truth.json").read_text())["days"]


def exact(value: float) -> Decimal:
    return Decimal(str(round(value, 2)))


def fact(pipeline: Pipeline, name: str) -> pl.DataFrame:
    table = {t.name: t for t in pipeline.catalog.facts}[name]
    return scan_days(pipeline.lake, Layer.STAR, table, days_between(FIRST, LAST)).collect()


@pytest.fixture
def loaded(pipeline: Pipeline) -> Pipeline:
    report = pipeline.load()
    assert report.succeeded, report.failures
    return pipeline


def test_every_day_equals_odoo_to_the_cent(loaded: Pipeline) -> None:
    sales, payments = fact(loaded, "fact_sales"), fact(loaded, "fact_payments")
    methods = dict(
        scan_table(loaded.lake, Layer.STAR, loaded.catalog.dimension_table("dim_payment_methods"))
        .select("payment_method_id", "name")
        .collect()
        .iter_rows()
    )
    for day, truth in TRUTH.items():
        of_day = sales.filter(pl.col("date") == date.fromisoformat(day))
        assert of_day["order_id"].n_unique() == truth["pos_orders"]["orders"]
        assert of_day.height == truth["pos_lines"]["lines"]
        assert of_day["quantity"].sum() == exact(truth["pos_lines"]["qty"])
        assert of_day["net_tax_ex"].sum() == exact(truth["pos_lines"]["price_subtotal"])
        assert of_day["revenue_tax_in"].sum() == exact(truth["pos_lines"]["price_subtotal_incl"])
        assert of_day["tax"].sum() == exact(truth["pos_orders"]["amount_tax"])
        paid = payments.filter(pl.col("date") == date.fromisoformat(day))
        by_method = {
            methods[key[0]]: (part.height, part["amount"].sum())
            for key, part in paid.partition_by("payment_method_id", as_dict=True).items()
        }
        assert by_method == {
            name: (found["payments"], exact(found["amount"]))
            for name, found in truth["pos_payments_by_method"].items()
        }


def test_orders_lines_and_payments_agree(loaded: Pipeline) -> None:
    orders_table = next(d for d in loaded.catalog.datasets if d.name == "pos_orders").clean_table
    days = days_between(FIRST, LAST)
    orders = scan_days(loaded.lake, Layer.CLEAN, orders_table, days).collect()
    sums = fact(loaded, "fact_sales").group_by("order_id").agg(pl.col("revenue_tax_in").sum())
    both = orders.join(sums, on="order_id", how="full", coalesce=True)
    assert both.filter(pl.col("revenue_tax_in") != pl.col("amount_total_tax_in")).is_empty()
    assert both["revenue_tax_in"].null_count() == both["amount_total_tax_in"].null_count() == 0
    paid = fact(loaded, "fact_payments").group_by("order_id").agg(pl.col("amount").sum())
    settled = orders.join(paid, on="order_id", how="left")
    assert settled.filter(pl.col("amount") != pl.col("amount_paid")).is_empty()


def test_kinds_of_lines_follow_the_rules(loaded: Pipeline) -> None:
    sales = fact(loaded, "fact_sales")
    kinds = dict(sales.group_by("line_kind").len().iter_rows())
    assert set(kinds) >= {"sale", "return", "discount", "free"}
    assert (sales["gross_tax_in"] - sales["discount_tax_in"] == sales["revenue_tax_in"]).all()
    discounts = sales.filter(pl.col("line_kind") == "discount")
    assert (discounts["discount_tax_in"] == -discounts["revenue_tax_in"]).all()
    free = sales.filter(pl.col("line_kind") == "free")
    assert (free["revenue_tax_in"] == 0).all()
    given_away = free.filter(pl.col("price_unit") > 0)
    assert given_away.height
    assert (given_away["gross_tax_in"] > 0).all()


def test_archived_products_keep_their_names(loaded: Pipeline) -> None:
    products = scan_table(
        loaded.lake, Layer.STAR, loaded.catalog.dimension_table("dim_products")
    ).collect()
    sold = fact(loaded, "fact_sales").join(products, on="product_id", how="left")
    assert sold["name"].null_count() == 0
    assert sold.filter(~pl.col("active")).height > 0


def test_running_any_day_again_changes_nothing(loaded: Pipeline) -> None:
    def hashes() -> dict[Path, str]:
        return {
            file.path: read_footer(file.path).rows_sha256
            for layer in Layer
            for table in (layer_dir.name for layer_dir in (loaded.lake / layer).iterdir())
            for file in list_days(loaded.lake, layer, table)
        }

    before = hashes()
    daily = [d for d in loaded.catalog.datasets if not d.is_snapshot]
    # raw, clean, star and the verdicts of the reconciliation
    assert len(before) == 4 * sum(4 if d.fact else 3 for d in daily)
    assert loaded.load(FIRST + timedelta(days=1), LAST).succeeded
    assert loaded.load(FIRST, FIRST).succeeded
    assert hashes() == before


def test_a_day_without_sales_is_an_empty_file_not_a_missing_one(pipeline: Pipeline) -> None:
    quiet = date(2026, 10, 5)
    assert pipeline.load(quiet, quiet).succeeded
    [file] = list_days(pipeline.lake, Layer.STAR, "fact_sales")
    assert (file.day, read_footer(file.path).rows) == (quiet, 0)


def test_one_range_costs_few_calls(pipeline: Pipeline) -> None:
    assert pipeline.load(FIRST, LAST).odoo_calls < 80
    month = pipeline.load(date(2026, 10, 1), date(2026, 10, 31))
    assert month.odoo_calls < 80, "a longer range must not cost a call a day"
