"""Currencies with more than two decimals: the whole path in a process that keeps three."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from nkdash.sandbox import SandboxServer, load_records, serve
from nkdash_tests.conftest import RECORDS

PROJECT = Path(__file__).parents[1]
DAY = "2026-10-14"


def nkdash(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nkdash.cli", *arguments],
        env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def dinar(tmp_path: Path) -> dict[str, str]:
    """Settings of a folder for a lake."""
    return {"DATA_LAKE_ROOT": str(tmp_path / "lake"), "NKDASH_START_DATE": "2026-10-01"}


@pytest.fixture
def odoo() -> Iterator[SandboxServer]:
    """The recorded retailer, whose currency has three decimals."""
    with serve(load_records(RECORDS)) as server:
        company = records(server, "res.company").filter(id=1)
        server.control.update("res.currency", [company["currency_id"][0]], {"decimal_places": 3})
        yield server


def records(odoo: SandboxServer, model: str) -> pl.DataFrame:
    return odoo.service.store.world.tables[model].frame


def test_amounts_keep_three_decimals_where_the_currency_has_them(
    odoo: SandboxServer, dinar: dict[str, str]
) -> None:
    [order] = odoo.control.deliver_orders(days_ago=0)
    odoo.control.update("pos.order", [order], {"date_order": f"{DAY} 05:00:00"})
    line = records(odoo, "pos.order.line").filter(order_id=order)["id"][0]
    amounts = {"price_subtotal": 1.005, "price_subtotal_incl": 1.117}
    odoo.control.update("pos.order.line", [line], amounts)
    settings = {**dinar, **odoo.settings}

    refused = nkdash("backfill", "--from", DAY, "--to", DAY, **settings)
    assert refused.returncode == 1
    assert "decimal_places" in refused.stdout
    told = nkdash("doctor", "--json", **settings)
    [check] = [c for c in json.loads(told.stdout) if c["name"] == "currency"]
    assert (check["ok"], "NKDASH_MONEY_DECIMALS=3" in check["remedy"]) == (False, True)

    settings["NKDASH_MONEY_DECIMALS"] = "3"
    loaded = nkdash("backfill", "--from", DAY, "--to", DAY, **settings)
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    sql = f"""SELECT s.net_tax_ex, s.revenue_tax_in, typeof(t.revenue_tax_in) AS type
        FROM fact_sales_all AS s JOIN fact_transactions AS t USING (txn_key)
        WHERE line_id = {line}"""
    asked = nkdash("query", "--json", sql, **settings)
    assert json.loads(asked.stdout) == [
        {"net_tax_ex": 1.005, "revenue_tax_in": 1.117, "type": "DECIMAL(18,3)"}
    ]
