"""The recorded Odoo 19 through both protocols: the figures of its own database, to the cent."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from nkdash.clock import days_between
from nkdash.lake import Layer, read_footer, scan_days, scan_table
from nkdash.sandbox import SandboxServer, load_records, serve
from nkdash_tests.conftest import RECORDS
from nkdash_tests.pipeline.conftest import Pipeline

RECORDS_19 = RECORDS.parents[1] / "19" / "records"
TRUTH = json.loads((RECORDS_19.parent / "truth.json").read_text())["days"]
POS = ("pos_orders", "pos_order_lines", "pos_payments")
FIRST, LAST = date(2026, 11, 13), date(2026, 11, 15)


@pytest.fixture
def odoo() -> Iterator[SandboxServer]:
    """A sandbox with a few days of the recorded 19."""
    with serve(load_records(RECORDS_19)) as server:
        yield server


@pytest.fixture
def protocol() -> str:
    return "auto"


@pytest.fixture
def connect_env(
    connect_env: Callable[[SandboxServer], None],
    settings_env: pytest.MonkeyPatch,
    protocol: str,
) -> Callable[[SandboxServer], None]:
    def connect(server: SandboxServer) -> None:
        connect_env(server)
        settings_env.setenv("ODOO_PROTOCOL", protocol)

    return connect


def exact(value: float) -> Decimal:
    return Decimal(str(round(value, 2)))


def rows(pipeline: Pipeline, layer: Layer, name: str) -> pl.DataFrame:
    tables = [*pipeline.catalog.facts, *(d.clean_table for d in pipeline.catalog.datasets)]
    table = next(t for t in tables if t.name == name)
    return scan_days(pipeline.lake, layer, table, days_between(FIRST, LAST)).collect()


@pytest.mark.parametrize("protocol", ["json2", "jsonrpc"])
def test_every_day_equals_odoo_to_the_cent(pipeline: Pipeline, protocol: str) -> None:
    report = pipeline.load(FIRST, LAST, *POS)
    assert report.succeeded, report.failures
    called = {call.service for call in pipeline.odoo.traffic.calls()}
    assert ("common" in called) == (protocol == "jsonrpc")
    orders = rows(pipeline, Layer.CLEAN, "pos_orders")
    sales = rows(pipeline, Layer.STAR, "fact_sales")
    payments = rows(pipeline, Layer.STAR, "fact_payments")
    names = scan_table(
        pipeline.lake, Layer.STAR, pipeline.catalog.dimension_table("dim_payment_methods")
    )
    methods = dict(names.select("payment_method_id", "name").collect().iter_rows())
    assert len(TRUTH) == 3
    for day, truth in TRUTH.items():
        of_day = pl.col("date") == date.fromisoformat(day)
        sold = sales.filter(of_day)
        assert sold.height == truth["pos_lines"]["lines"]
        assert sold["quantity"].sum() == exact(truth["pos_lines"]["qty"])
        assert sold["net_tax_ex"].sum() == exact(truth["pos_lines"]["price_subtotal"])
        assert sold["revenue_tax_in"].sum() == exact(truth["pos_lines"]["price_subtotal_incl"])
        assert sold["product_id"].n_unique() == truth["pos_lines"]["products"]
        headers = orders.filter(of_day)
        assert headers.height == truth["pos_orders"]["orders"]
        # 19 rounds the tax of an order once: it may differ by cents from its lines' taxes.
        for column, name in (
            ("amount_total_tax_in", "amount_total"),
            ("amount_tax", "amount_tax"),
            ("amount_paid", "amount_paid"),
        ):
            assert headers[column].sum() == exact(truth["pos_orders"][name])
        by_shop = {
            str(shop): (part["order_id"].n_unique(), part.height, part["revenue_tax_in"].sum())
            for (shop,), part in sold.partition_by("pos_config_id", as_dict=True).items()
        }
        assert by_shop == {
            shop: (found["orders"], found["lines"], exact(found["price_subtotal_incl"]))
            for shop, found in truth["pos_by_config"].items()
        }
        by_method = {
            methods[method]: (part.height, part["amount"].sum())
            for (method,), part in payments.filter(of_day)
            .partition_by("payment_method_id", as_dict=True)
            .items()
        }
        assert by_method == {
            name: (found["payments"], exact(found["amount"]))
            for name, found in truth["pos_payments_by_method"].items()
        }


def test_both_protocols_make_the_same_files(
    pipeline: Pipeline, settings_env: pytest.MonkeyPatch
) -> None:
    made = []
    for protocol in ("jsonrpc", "json2"):
        settings_env.setenv("ODOO_PROTOCOL", protocol)
        assert pipeline.load(FIRST, LAST).succeeded
        files = sorted(pipeline.lake.rglob("*.parquet"))
        made.append({file: read_footer(file).rows_sha256 for file in files})
    assert made[0] == made[1]
    assert len(made[0]) > 30


def test_the_taxes_of_19_say_whether_they_are_in_the_price(pipeline: Pipeline) -> None:
    assert pipeline.load(FIRST, FIRST, *POS).succeeded
    taxes = scan_table(
        pipeline.lake, Layer.STAR, pipeline.catalog.dimension_table("dim_taxes")
    ).collect()
    told = {row["name"]: row["price_included"] for row in taxes.iter_rows(named=True)}
    assert (told["PPN 11%"], told["PPN 11% (incl)"]) == (False, True)
    withheld = dict(taxes.select("name", "withholding").iter_rows())
    assert [name for name, kept_back in withheld.items() if kept_back] == ["PPh 23 -2%"]
