"""Snapshots of stock: of now only, equal to Odoo's own figures; costs of each company."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from nkdash.catalog import load_catalog
from nkdash.contracts import conform
from nkdash.datasets.extract import NotTodayError, extract_days, extract_dimension
from nkdash.odoo import FieldInfo
from nkdash.sandbox import load_records, serve
from nkdash_tests.conftest import RECORDS
from nkdash_tests.datasets.stock import TRUTH, connect, make_settings, read_fact

TODAY = date(2026, 11, 23)
NOW = "2026-11-22T17:30:00"  # half past midnight of TODAY, local time


def test_a_snapshot_equals_what_odoo_has(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, nkdash_now=NOW)
    with serve(load_records(RECORDS)) as server, connect(server) as client:
        quants = read_fact(client, load_catalog(settings), settings, "stock_quants", TODAY, TODAY)
        locations = client.search_read("stock.location", [], ["usage"])
        recorded = client.search_read("stock.quant", [], ["quantity"])
    assert 0 < quants.height < recorded.height, "the virtual locations' quants are left out"
    assert quants["date"].unique().to_list() == [TODAY]
    assert quants["taken_at"].unique().to_list() == [datetime.fromisoformat(NOW)]
    assert quants["taken_at_local"].unique().to_list() == [
        datetime.fromisoformat("2026-11-23T00:30:00")
    ]
    usage = dict(locations.select("id", "usage").iter_rows())
    assert {usage[n] for n in quants["location_id"]} == {"internal", "transit"}
    held = (
        quants.filter(pl.col("company_id") == 1)
        .group_by("product_id", "location_id")
        .agg(pl.sum("quantity"))
    )
    found = {(p, n): q for p, n, q in held.iter_rows() if q}
    told = {
        (int(p), int(n)): Decimal(str(q))
        for p, of_product in TRUTH["on_hand"]["1"].items()
        for n, q in of_product.items()
        if q
    } | {
        (t["product_id"], t["location_id"]): Decimal(str(t["quantity"]))
        for t in TRUTH["in_transit"]
    }
    assert found == told
    company_2 = quants.filter(pl.col("company_id") == 2).group_by("product_id")
    assert dict(company_2.agg(pl.sum("quantity")).iter_rows()) == {
        int(p): Decimal(str(q)) for p, q in TRUTH["on_hand"]["2"].items()
    }


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 11, 22), date(2026, 11, 22)),
        (date(2026, 11, 22), TODAY),
        (date(2026, 11, 24), date(2026, 11, 24)),
    ],
)
def test_another_day_than_today_is_refused_in_words(
    tmp_path: Path, first: date, last: date
) -> None:
    settings = make_settings(tmp_path, nkdash_now=NOW)
    dataset = next(d for d in load_catalog(settings).datasets if d.name == "stock_quants")
    with pytest.raises(NotTodayError, match=r"Odoo knows only what is there now.*2026-11-23"):
        extract_days(Nobody(), dataset, first, last, settings)


class Nobody:
    """An Odoo that must not be asked."""

    def companies(self) -> tuple[int, ...]:
        raise AssertionError

    def fields_get(self, model: str) -> dict[str, FieldInfo]:
        raise AssertionError

    def search_read(
        self,
        model: str,
        domain: Sequence[object],
        fields: Sequence[str],
        *,
        company: int | None = None,
    ) -> pl.DataFrame:
        raise AssertionError

    def read_ids(self, model: str, ids: Iterable[int], fields: Sequence[str]) -> pl.DataFrame:
        raise AssertionError


class TwoCompanies(Nobody):
    """An Odoo in which each company has costs of its own."""

    costs: dict[int, list[float]] = {1: [100.5, 0.0], 2: [7.123457, 8.0]}  # noqa: RUF012

    def companies(self) -> tuple[int, ...]:
        return (1, 2)

    def fields_get(self, model: str) -> dict[str, FieldInfo]:
        names = ("id", "standard_price")
        return {name: FieldInfo(name, "float") for name in names}

    def search_read(
        self,
        model: str,
        domain: Sequence[object],
        fields: Sequence[str],
        *,
        company: int | None = None,
    ) -> pl.DataFrame:
        assert company, "the company must be named"
        prices = self.costs[company]
        return pl.DataFrame({"id": [10, 11], "standard_price": prices}).select(fields)


def test_costs_are_read_once_for_each_company(tmp_path: Path) -> None:
    catalog = load_catalog(make_settings(tmp_path))
    dimension = next(d for d in catalog.dimensions if d.name == "product_costs_now")
    raw = conform(extract_dimension(TwoCompanies(), dimension), dimension.raw_table)
    costs = conform(dimension.make(raw.lazy()).collect(), dimension.table)
    assert costs.rows() == [
        (1, 10, Decimal("100.5")),
        (1, 11, Decimal(0)),
        (2, 10, Decimal("7.123457")),
        (2, 11, Decimal(8)),
    ]
