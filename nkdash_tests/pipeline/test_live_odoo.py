"""The whole path against the real Odoo that ODOO_* names: its own totals must come out.

    ODOO_HOST=… ODOO_PORT=… ODOO_PROTOCOL=… ODOO_DB=… ODOO_USERNAME=… ODOO_API_KEY=… \
        pytest -m odoo

Reads only. Compares the last business days that have orders (NKDASH_TEST_DAYS, default 14) with
what Odoo's read_group says of each.
"""

import os
import warnings
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from nkdash.automation.backfill import plan, run_here
from nkdash.catalog import load_catalog
from nkdash.clock import day_window, days_between
from nkdash.datasets.columns import SOLD_STATES
from nkdash.definitions import build_definitions
from nkdash.lake import Layer, scan_days
from nkdash.odoo import OdooClient
from nkdash.settings import Settings, load_settings
from nkdash.warehouse import Warehouse
from nkdash_tests.conftest import LIVE

pytestmark = pytest.mark.odoo

DAYS = int(os.environ.get("NKDASH_TEST_DAYS", "14"))
ZONE = os.environ.get("NKDASH_TIMEZONE", "Asia/Jakarta")


@pytest.fixture(scope="module")
def live() -> Iterator[pytest.MonkeyPatch]:
    if "ODOO_HOST" not in LIVE:
        reason = "SKIPPED: no real Odoo. Set ODOO_HOST and the other ODOO_* to run this test."
        warnings.warn(pytest.PytestWarning(reason), stacklevel=1)
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def cents(value: object) -> Decimal:
    return Decimal(str(round(float(value or 0), 2)))  # type: ignore[arg-type]


def local_day(group: dict[str, Any], settings: Settings) -> date:
    start = datetime.fromisoformat(group["__range"]["date_order:day"]["from"])
    return start.replace(tzinfo=UTC).astimezone(settings.zone).date()


@pytest.mark.filterwarnings("ignore::pytest.PytestWarning")
def test_last_days_equal_odoo(live: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in LIVE.items():
        live.setenv(name, value)
    live.setenv("NKDASH_TIMEZONE", ZONE)
    live.setenv("DATA_LAKE_ROOT", str(tmp_path / "lake"))
    live.setenv("NKDASH_START_DATE", "2000-01-01")
    settings = load_settings(require_odoo=True)
    catalog = load_catalog(settings)
    sold = ["state", "in", list(SOLD_STATES)]
    with OdooClient(settings.odoo_connection()) as client:
        newest = client.search_read("pos.order", [sold], ["date_order"])
        assert newest.height, "this Odoo has no POS orders to compare"
        last = newest["date_order"].max()
        assert isinstance(last, datetime)
        last_day = last.replace(tzinfo=UTC).astimezone(settings.zone).date()
        first_day = last_day - timedelta(days=DAYS - 1)
        start, end = (t.isoformat(" ") for t in day_window(first_day, last_day, settings.zone))
        orders = {
            local_day(group, settings): group
            for group in client.read_group(
                "pos.order",
                [sold, ["date_order", ">=", start], ["date_order", "<", end]],
                ["amount_total:sum", "amount_tax:sum"],
                ["date_order:day"],
            )
        }
        lines, payments = {}, {}
        for day in orders:
            low, high = (t.isoformat(" ") for t in day_window(day, day, settings.zone))
            [lines[day]] = client.read_group(
                "pos.order.line",
                [
                    ["order_id.state", "in", list(SOLD_STATES)],
                    ["order_id.date_order", ">=", low],
                    ["order_id.date_order", "<", high],
                ],
                ["qty:sum", "price_subtotal:sum", "price_subtotal_incl:sum"],
                [],
            )
            payments[day] = client.read_group(
                "pos.payment",
                [
                    ["pos_order_id.state", "in", list(SOLD_STATES)],
                    ["pos_order_id.date_order", ">=", low],
                    ["pos_order_id.date_order", "<", high],
                ],
                ["amount:sum"],
                ["payment_method_id"],
            )

    definitions = build_definitions(settings)
    wanted = plan(definitions, catalog, settings, first_day, last_day)
    with dg.DagsterInstance.ephemeral() as instance:
        report = run_here(definitions, instance, wanted, lambda _: None)
    assert report.succeeded, report.failures

    tables = {t.name: t for t in catalog.facts}
    days = days_between(first_day, last_day)
    root = settings.lake_root
    sales = scan_days(root, Layer.STAR, tables["fact_sales"], days).collect()
    paid = scan_days(root, Layer.STAR, tables["fact_payments"], days).collect()
    for day in days:
        of_day = sales.filter(pl.col("date") == day)
        if day not in orders:
            assert of_day.is_empty()
            continue
        found = lines[day]
        assert of_day["order_id"].n_unique() == orders[day]["__count"]
        assert of_day["quantity"].cast(pl.Float64).sum() == pytest.approx(found["qty"], abs=1e-6)
        assert of_day["net_tax_ex"].sum() == cents(found["price_subtotal"])
        assert of_day["revenue_tax_in"].sum() == cents(found["price_subtotal_incl"])
        by_method: dict[int, Decimal] = defaultdict(Decimal)
        for row in paid.filter(pl.col("date") == day).iter_rows(named=True):
            by_method[row["payment_method_id"]] += row["amount"]
        assert by_method == {
            group["payment_method_id"][0]: cents(group["amount"]) for group in payments[day]
        }
    warehouse = Warehouse(settings.warehouse_dir)
    try:
        [(published,)] = warehouse.query("SELECT sum(revenue_tax_in) FROM fact_sales").rows()
        assert published == sales["revenue_tax_in"].sum()
    finally:
        warehouse.close()
