"""Everything that NKDash loads, out of the generated retailer, to the warehouse and back."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from nkdash.odoo import OdooClient
from nkdash.quality.reconcile import reconcile
from nkdash.sandbox import SandboxServer, generate, serve
from nkdash.warehouse import Warehouse
from nkdash_tests.pipeline import conftest as path

NOW = datetime.fromisoformat("2026-11-18T14:30:00")
TODAY = date(2026, 11, 18)
DAYS = 12

connect_env, pipeline = path.connect_env, path.pipeline


@pytest.fixture
def odoo(settings_env: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    settings_env.setenv("NKDASH_NOW", NOW.isoformat())
    # The stock that the span opens with is counted on the day before it.
    settings_env.setenv("NKDASH_START_DATE", (TODAY - timedelta(days=DAYS + 1)).isoformat())
    with serve(generate(now=NOW, days=DAYS, products=150, orders_per_day=60), now=NOW) as server:
        yield server


def test_the_generated_retailer_loads_and_adds_up(pipeline: path.Pipeline) -> None:
    first = TODAY - timedelta(days=DAYS + 1)
    report = pipeline.load(first, TODAY)
    assert report.succeeded, report.failures
    snapshot = pipeline.load(TODAY, TODAY, "stock_quants", publish=True)
    assert snapshot.succeeded, snapshot.failures
    warehouse = Warehouse(pipeline.settings.warehouse_dir)
    try:
        stock_is_the_sum_of_its_moves(warehouse.query)
        documents_of_orders_count_once(warehouse.query)
        profit_is_plausible(warehouse.query)
        purchases_are_of_every_kind(warehouse.query)
    finally:
        warehouse.close()
    figures_agree_with_odoo(pipeline, first)


Query = Callable[[str], pl.DataFrame]


def stock_is_the_sum_of_its_moves(query: Query) -> None:
    differing = query(
        "WITH moved AS (SELECT product_id, location_id, sum(quantity) AS quantity FROM stock_legs"
        " WHERE product_id IN (SELECT product_id FROM dim_products WHERE storable) GROUP BY ALL)"
        " FROM moved FULL JOIN fact_stock_on_hand_snapshot AS s USING (product_id, location_id)"
        " WHERE coalesce(moved.quantity, 0) <> coalesce(s.quantity, 0)"
    )
    assert differing.is_empty()
    assert query("FROM fact_stock_on_hand_snapshot").height > 900
    kinds = set(query("SELECT DISTINCT movement_type FROM fact_inventory_moves")["movement_type"])
    assert kinds >= {
        "delivery",
        "return_from_customer",
        "receipt",
        "transfer",
        "transit_out",
        "transit_in",
        "adjustment",
        "scrap",
        "production_in",
        "production_out",
    }
    assert "other" not in kinds


def documents_of_orders_count_once(query: Query) -> None:
    twice = query(
        "SELECT count(*) AS n FROM fact_sales_all WHERE source = 'invoice'"
        " AND move_id IN (SELECT account_move_id FROM fact_sales)"
    )
    assert twice["n"].item() == 0
    assert query("FROM pos_invoices").height > 2
    sources = query("SELECT source, sum(net_tax_ex) AS net FROM fact_sales_all GROUP BY source")
    net = dict(sources.iter_rows())
    assert 0 < net["invoice"] < net["pos"] / 5


def profit_is_plausible(query: Query) -> None:
    of_day = query(
        "SELECT date, avg((cost_source = 'bill')::INTEGER) AS covered,"
        " sum(gross_profit_tax_ex) / sum(net_tax_ex) FILTER (cost_source = 'bill') AS margin"
        " FROM fact_sales_profit WHERE source = 'pos' GROUP BY date ORDER BY date"
    )
    last = of_day.tail(5)
    assert (last["covered"] > 0.7).all(), "most products that sell have a bill by then"
    assert last["margin"].is_between(0.2, 0.6).all()


def purchases_are_of_every_kind(query: Query) -> None:
    lines = query("FROM fact_purchases")
    assert set(lines["move_type"]) >= {"in_invoice", "in_receipt"}
    assert lines["is_free_item"].any()
    assert (lines["net_currency"] < 0).any()
    # Withheld tax is no part of what was spent.
    assert (lines["total_tax_in"] > lines["total_currency"]).any()
    assert lines["cost_tax_ex"].sum() == lines["net_tax_ex"].sum()
    assert (lines["document_quantity"] != lines["quantity"]).any(), "a bill in dozens"


def figures_agree_with_odoo(pipeline: path.Pipeline, first: date) -> None:
    with OdooClient(pipeline.settings.odoo_connection()) as client:
        for dataset in pipeline.catalog.datasets:
            verdicts = reconcile(client, dataset, first, TODAY, pipeline.settings)
            assert verdicts["agrees"].all(), dataset.name
            assert verdicts.height or dataset.reconcile is None
