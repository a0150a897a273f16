"""Dimensions: whole at night, by what was written since in between."""

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from nkdash.automation.assets import CHANGES_ONLY
from nkdash.lake import Layer, read_footer, scan_table, table_path
from nkdash.sandbox import SandboxServer
from nkdash_tests.pipeline.conftest import Pipeline

PRODUCTS = [dg.AssetKey(["raw", "products"]), dg.AssetKey(["star", "dim_products"])]


def refresh(pipeline: Pipeline, tags: dict[str, str]) -> int:
    """Load the products; how many records Odoo was asked to send."""
    pipeline.odoo.control.reset_calls()
    job = pipeline.definitions.get_repository_def().get_implicit_job_def_for_assets(set(PRODUCTS))
    assert job is not None
    result = job.execute_in_process(
        instance=pipeline.instance, asset_selection=PRODUCTS, tags=tags, raise_on_error=False
    )
    assert result.success
    reads = [
        call
        for call in pipeline.odoo.control.calls()
        if (call["model"], call["method"]) == ("product.product", "search_read")
    ]
    return sum(call["bytes"] for call in reads)


def products(pipeline: Pipeline) -> pl.DataFrame:
    table = pipeline.catalog.dimension_table("dim_products")
    return scan_table(pipeline.lake, Layer.STAR, table).collect()


def hash_of(lake: Path) -> str:
    return read_footer(table_path(lake, Layer.STAR, "dim_products")).rows_sha256


def edit(odoo: SandboxServer, product: int, **values: object) -> None:
    odoo.control.update("product.product", [product], values)


def test_in_between_only_what_was_written_is_read(pipeline: Pipeline) -> None:
    whole = refresh(pipeline, {})
    before = products(pipeline)
    product = before.filter("active")["product_id"][0]
    edit(pipeline.odoo, product, list_price=123456.0, active=False)
    changes = refresh(pipeline, dict(CHANGES_ONLY))
    assert changes < whole / 10
    after = products(pipeline)
    assert after.height == before.height
    changed = after.filter(pl.col("product_id") == product).row(0, named=True)
    assert (float(changed["list_price"]), changed["active"]) == (123456.0, False)
    by_changes = hash_of(pipeline.lake)
    refresh(pipeline, {})
    assert hash_of(pipeline.lake) == by_changes


def test_a_deleted_product_disappears_at_night(pipeline: Pipeline) -> None:
    refresh(pipeline, {})
    product = products(pipeline)["product_id"][-1]
    pipeline.odoo.control.delete("product.product", [product])
    refresh(pipeline, dict(CHANGES_ONLY))
    assert product in products(pipeline)["product_id"]
    refresh(pipeline, {})
    assert product not in products(pipeline)["product_id"]


@pytest.mark.parametrize("tags", [{}, CHANGES_ONLY])
def test_an_empty_lake_reads_the_whole(pipeline: Pipeline, tags: dict[str, str]) -> None:
    refresh(pipeline, dict(tags))
    assert products(pipeline).height > 100
