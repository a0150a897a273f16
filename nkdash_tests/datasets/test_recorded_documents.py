"""Recorded invoices and bills of a real Odoo 17: every figure equals what its database says."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from pydantic import SecretStr

from nkdash.contracts import conform
from nkdash.datasets import invoice_sales, purchases
from nkdash.datasets.extract import extract_days, extract_dimension
from nkdash.dimensions import products, taxes, uoms
from nkdash.odoo import OdooClient, OdooConnection
from nkdash.sandbox import load_records, serve
from nkdash.settings import Settings
from nkdash_tests.conftest import RECORDS

TRUTH = json.loads((RECORDS.parent / "invoices_truth.json").read_text())
DAYS = date(2026, 10, 13), date(2026, 10, 16)
SETTINGS = Settings(_env_file=None)
DATASETS = {"invoice_sales": invoice_sales, "purchases": purchases}


@pytest.fixture(scope="module")
def odoo() -> Iterator[OdooClient]:
    with (
        serve(load_records(RECORDS)) as server,
        OdooClient(
            OdooConnection(
                host="127.0.0.1",
                port=server.port,
                protocol="jsonrpc",
                db="demo",
                username="demo",
                api_key=SecretStr("demo"),
            )
        ) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def dimensions(odoo: OdooClient) -> dict[str, pl.LazyFrame]:
    found = {}
    for module in (products, taxes, uoms):
        dimension = module.dimension(SETTINGS)
        raw = conform(extract_dimension(odoo, dimension), dimension.raw_table)
        made = conform(dimension.make(raw.lazy()).collect(), dimension.table)
        found[dimension.table.name] = made.lazy()
    return found


def tables(
    odoo: OdooClient,
    dimensions: dict[str, pl.LazyFrame],
    name: str,
    first: date = DAYS[0],
    last: date = DAYS[1],
    settings: Settings = SETTINGS,
) -> dict[str, pl.DataFrame]:
    """raw, clean and fact of a dataset, each held to its contract."""
    dataset = DATASETS[name].dataset(settings)
    assert dataset.fact
    raw = conform(extract_days(odoo, dataset, first, last, settings), dataset.raw_table)
    clean = conform(dataset.clean(raw.lazy()).collect(), dataset.clean_table)
    made = dataset.fact.make(clean.lazy(), dimensions).collect()
    return {"raw": raw, "clean": clean, "fact": conform(made, dataset.fact.table)}


def sums(lines: pl.DataFrame, move_type: str) -> dict[str, Any]:
    """The figures that truth has, with the signs that Odoo gives them."""
    sign = -1 if move_type.endswith("_refund") else 1
    side = -1 if move_type.startswith("out_") else 1

    def total(column: str, sign: int) -> float:
        return float(sign * (lines[column].sum() or Decimal(0)))

    return {
        "moves": lines["move_id"].n_unique(),
        "lines": lines.height,
        "quantity": total("document_quantity", sign),
        "price_subtotal": total("net_currency", sign),
        "price_total": total("total_currency", sign),
        "balance": total("net_tax_ex", side),
    }


@pytest.mark.parametrize("name", DATASETS)
def test_every_day_and_company_equals_odoo_to_the_cent(
    odoo: OdooClient, dimensions: dict[str, pl.LazyFrame], name: str
) -> None:
    fact = tables(odoo, dimensions, name)["fact"]
    side = "out_" if name == "invoice_sales" else "in_"
    compared = 0
    for company, days in TRUTH["by_company"].items():
        for day, truth in days.items():
            of_day = fact.filter(
                (pl.col("company_id") == int(company)) & (pl.col("date") == date.fromisoformat(day))
            )
            types = {t for t in truth if t.startswith(side)}
            assert set(of_day["move_type"]) == types
            for move_type in types:
                found = sums(of_day.filter(pl.col("move_type") == move_type), move_type)
                wanted = {k: v for k, v in truth[move_type].items() if k in found}
                assert found == pytest.approx(wanted, abs=0.004), (company, day, move_type)
                compared += 1
    assert compared >= 4


def test_worked_costs(odoo: OdooClient, dimensions: dict[str, pl.LazyFrame]) -> None:
    bills = tables(odoo, dimensions, "purchases", date(2026, 10, 1), date(2026, 11, 30))["fact"]
    costs = {row["line_id"]: row for row in bills.iter_rows(named=True)}
    assert len(TRUTH["worked_costs"]) == 50
    for worked in TRUTH["worked_costs"]:
        cost = costs[worked["line"]]
        assert float(cost["quantity"]) == worked["qty_product_unit"]
        for ours, theirs in (("ex", "unit_net_ex"), ("in", "unit_net_in")):
            found = float(cost[f"cost_unit_tax_{ours}"])
            assert found == pytest.approx(worked[theirs], abs=1e-6), worked["ref"]
    adds_up = bills.group_by("move_id").agg(pl.sum("net_tax_ex", "cost_tax_ex"))
    assert (adds_up["net_tax_ex"] == adds_up["cost_tax_ex"]).all()


def test_drafts_stay_in_raw_and_other_lines_are_never_read(
    odoo: OdooClient, dimensions: dict[str, pl.LazyFrame]
) -> None:
    found = tables(odoo, dimensions, "invoice_sales", date(2026, 10, 1), date(2026, 11, 30))
    raw, clean = found["raw"], found["clean"]
    assert set(raw["move_id.state"]) >= {"posted", "draft"}
    assert clean.height == raw.filter(pl.col("move_id.state") == "posted").height
    everything = odoo.search_read(
        "account.move.line", [("move_id", "in", raw["move_id"].to_list())], ["display_type"]
    )
    by_type = dict(everything.group_by("display_type").len().iter_rows())
    assert by_type["product"] == raw.height
    assert {"tax", "payment_term"} < set(by_type)


def test_a_company_alone(odoo: OdooClient, dimensions: dict[str, pl.LazyFrame]) -> None:
    alone = Settings(_env_file=None, nkdash_companies="2")
    fact = tables(odoo, dimensions, "invoice_sales", settings=alone)["fact"]
    assert set(fact["company_id"]) == {2}
    assert set(fact["currency"]) == {"SGD"}
