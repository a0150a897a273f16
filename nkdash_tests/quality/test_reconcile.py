"""Reconciliation finds what was changed behind our back: that day, that dataset, nothing else."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nkdash.datasets import inventory_moves, pos_payments
from nkdash.lake import Layer
from nkdash.odoo import FieldInfo, ServerVersion, TransientOdooError
from nkdash.quality.reconcile import (
    COUNT,
    EXACT,
    comparable_days,
    compare,
    odoo_figures,
)
from nkdash.quality.verdicts import TABLE, differing_days, read_verdicts
from nkdash_tests.conftest import RECORDS
from nkdash_tests.quality.conftest import DAYS, FIRST, LAST, Protocol, Retailer, serving

TRUTH = json.loads((RECORDS.parent / "truth.json").read_text())["days"]
SECOND = DAYS[1]
POS = {"pos_orders", "pos_order_lines", "pos_payments"}


def local_day(column: str) -> pl.Expr:
    return (pl.col(column) + pl.duration(hours=7)).dt.date()


def of_second_day(retailer: Retailer) -> int:
    """A sale of the second day that is not invoiced."""
    return retailer.some(
        "pos.order",
        (local_day("date_order") == SECOND)
        & (pl.col("state") == "done")
        & (pl.col("amount_total") > 0),
    )


def test_what_was_loaded_agrees_and_is_what_odoos_database_says(retailer: Retailer) -> None:
    assert retailer.differing() == {}
    for name, part, sums in (
        ("pos_orders", "pos_orders", {"amount_total", "amount_tax", "amount_paid"}),
        ("pos_order_lines", "pos_lines", {"qty", "price_subtotal", "price_subtotal_incl"}),
    ):
        verdicts = read_verdicts(retailer.settings.lake_root, name, DAYS)
        assert verdicts.schema == TABLE.schema
        for day in DAYS:
            of_day = verdicts.filter(pl.col("date") == day)
            told = dict(of_day.select("figure", "odoo_value").iter_rows())
            truth = TRUTH[day.isoformat()][part]
            assert told[COUNT] == truth["orders" if part == "pos_orders" else "lines"]
            for figure in sums:
                assert told[figure] == Decimal(str(round(truth[figure], 4)))


def test_every_dataset_has_something_to_agree_on(retailer: Retailer) -> None:
    assert {d.name for d in retailer.datasets} == POS | {
        "invoice_sales",
        "purchases",
        "inventory_moves",
    }
    for dataset in retailer.datasets:
        verdicts = retailer.reconcile(dataset.name)
        counted = verdicts.filter(pl.col("figure") == COUNT)["odoo_value"].sum()
        assert counted > 0, dataset.name
        layers = {f"rows of clean/{dataset.clean_table.name}"}
        if dataset.fact:
            layers.add(f"rows of star-schema/{dataset.fact.table.name}")
        assert set(verdicts["figure"]) >= layers


def test_a_range_costs_a_few_calls_whatever_its_days(retailer: Retailer) -> None:
    for dataset in retailer.datasets:
        retailer.reconcile(dataset.name)
    calls = {k: n for k, n in retailer.odoo.control.counts().items() if "read_group" in k}
    assert calls == {
        "pos.order.read_group": 1,
        "pos.order.line.read_group": 1,
        "pos.payment.read_group": 1,
        "account.move.line.read_group": 6,
        "stock.move.line.read_group": 1,
    }
    other = {k: n for k, n in retailer.odoo.control.counts().items() if "search_read" in k}
    assert other == {"pos.order.search_read": 2}, "the days of the groups of lines and payments"


def edit_line(retailer: Retailer) -> None:
    line = retailer.some("pos.order.line", pl.col("order_id") == of_second_day(retailer))
    retailer.odoo.control.update("pos.order.line", [line], {"price_subtotal": 12.34})


def delete_line(retailer: Retailer) -> None:
    line = retailer.some("pos.order.line", pl.col("order_id") == of_second_day(retailer))
    retailer.odoo.control.delete("pos.order.line", [line])


def edit_order(retailer: Retailer) -> None:
    retailer.odoo.control.update("pos.order", [of_second_day(retailer)], {"amount_tax": 1.0})


def move_payment_to_another_method(retailer: Retailer) -> None:
    payment = retailer.some(
        "pos.payment",
        (pl.col("pos_order_id") == of_second_day(retailer)) & (pl.col("payment_method_id") != 4),
    )
    retailer.odoo.control.update("pos.payment", [payment], {"payment_method_id": 4})


def cancel_order(retailer: Retailer) -> None:
    retailer.odoo.control.update("pos.order", [of_second_day(retailer)], {"state": "cancel"})


def late_order(retailer: Retailer) -> None:
    [order] = retailer.odoo.control.deliver_orders()
    retailer.odoo.control.update("pos.order", [order], {"date_order": f"{SECOND} 03:00:00"})


def document_line(retailer: Retailer, types: tuple[str, ...]) -> int:
    moves = retailer.odoo.control.store.world.tables["account.move"].frame
    ids = moves.filter(pl.col("move_type").is_in(types), pl.col("state") == "posted")["id"]
    return retailer.some(
        "account.move.line",
        pl.col("move_id").is_in(ids.to_list())
        & (pl.col("date") == SECOND)
        & (pl.col("display_type") == "product"),
    )


def edit_invoice(retailer: Retailer) -> None:
    line = document_line(retailer, ("out_invoice",))
    retailer.odoo.control.update("account.move.line", [line], {"price_total": 5.01})


def unpost_bill(retailer: Retailer) -> None:
    line = document_line(retailer, ("in_invoice",))
    frame = retailer.odoo.control.store.world.tables["account.move.line"].frame
    move = int(frame.filter(pl.col("id") == line)["move_id"][0])
    retailer.odoo.control.update("account.move", [move], {"state": "draft"})


def move_to_another_location(retailer: Retailer) -> None:
    line = retailer.some(
        "stock.move.line", (local_day("date") == SECOND) & (pl.col("location_dest_id") != 8)
    )
    retailer.odoo.control.update("stock.move.line", [line], {"location_dest_id": 8})


@pytest.mark.parametrize(
    ("change", "datasets"),
    [
        (edit_line, {"pos_order_lines"}),
        (delete_line, {"pos_order_lines"}),
        (edit_order, {"pos_orders"}),
        (move_payment_to_another_method, {"pos_payments"}),
        (cancel_order, POS),
        (late_order, POS),
        (edit_invoice, {"invoice_sales"}),
        (unpost_bill, {"purchases"}),
        (move_to_another_location, {"inventory_moves"}),
    ],
)
def test_a_change_behind_our_back_is_named_and_a_reload_heals_it(
    retailer: Retailer, change: Callable[[Retailer], None], datasets: set[str]
) -> None:
    change(retailer)
    assert retailer.differing() == {name: [SECOND] for name in datasets}
    retailer.load(SECOND, SECOND)
    assert retailer.differing() == {}


def test_an_order_that_moves_over_midnight_differs_on_both_days(retailer: Retailer) -> None:
    order = of_second_day(retailer)
    # 00:30 of the third day in Jakarta, still the second in UTC.
    retailer.odoo.control.update("pos.order", [order], {"date_order": f"{SECOND} 17:30:00"})
    assert retailer.differing() == {name: [SECOND, DAYS[2]] for name in POS}


def test_equal_totals_do_not_hide_groups_that_differ(retailer: Retailer) -> None:
    move_payment_to_another_method(retailer)
    verdicts = retailer.reconcile("pos_payments").filter(~pl.col("agrees"))
    assert set(verdicts["figure"]) == {COUNT, "amount"}
    for row in verdicts.iter_rows(named=True):
        assert row["odoo_value"] == row["lake_value"]
        assert "4: " in row["detail"]


def test_rows_that_were_not_made_again_from_new_raw_differ(retailer: Retailer) -> None:
    edit_line(retailer)
    retailer.load(SECOND, SECOND, ["pos_order_lines"], layers=[Layer.RAW])
    verdicts = retailer.reconcile("pos_order_lines").filter(~pl.col("agrees"))
    assert verdicts.select("date", "figure", "lake_value").rows() == [
        (SECOND, "rows of clean/pos_order_lines", None),
        (SECOND, "rows of star-schema/fact_sales", None),
    ]
    assert "older than raw" in verdicts["detail"][0]


def test_today_and_days_not_loaded_have_no_verdict(retailer: Retailer) -> None:
    dataset = retailer.dataset("pos_orders")
    at_noon = datetime(2026, 10, 15, 5, tzinfo=UTC)
    settings = retailer.settings.model_copy(update={"nkdash_now": at_noon})
    before = FIRST - timedelta(days=5)
    assert comparable_days(dataset, before, LAST, settings) == DAYS[:2]
    assert comparable_days(retailer.dataset("stock_quants"), before, LAST, settings) == []


def test_odoo_failing_leaves_the_verdicts_as_they_were(retailer: Retailer) -> None:
    before = retailer.reconcile("pos_orders")
    edit_order(retailer)
    retailer.odoo.control.add_fault("http", model="pos.order", method="read_group", status=502)
    with pytest.raises(TransientOdooError):
        retailer.reconcile("pos_orders")
    kept = read_verdicts(retailer.settings.lake_root, "pos_orders", DAYS)
    assert kept.drop("checked_at").equals(before.sort("date", "figure").drop("checked_at"))


@pytest.mark.parametrize("protocol", ["jsonrpc", "json2"])
def test_odoo_19_tells_the_days_of_lines_by_itself(tmp_path: Path, protocol: Protocol) -> None:
    first, last = date(2026, 11, 13), date(2026, 11, 15)
    with serving(RECORDS.parents[1] / "19" / "records", tmp_path, protocol) as retailer:
        retailer.load(first, last, sorted(POS))
        retailer.odoo.control.reset_calls()
        before = {name: retailer.reconcile(name, first, last) for name in POS}
        assert all(verdicts["agrees"].all() for verdicts in before.values())
        lines = before["pos_order_lines"].filter(pl.col("figure") == COUNT)
        assert (lines["odoo_value"] > 0).all()
        grouped = {k: n for k, n in retailer.odoo.control.counts().items() if "group" in k}
        assert set(grouped.values()) == {1}
        assert "pos.order.search_read" not in retailer.odoo.control.counts()
        # 00:30 of the last day in Jakarta, the day before in UTC.
        order = retailer.some("pos.order", local_day("date_order") == first)
        retailer.odoo.control.update("pos.order", [order], {"date_order": "2026-11-14 17:30:00"})
        for name in POS:
            assert differing_days(retailer.reconcile(name, first, last)) == [first, last]


def figures(values: dict[tuple[date, str], int]) -> pl.DataFrame:
    rows = [
        {"date": day, "group": group, "figure": COUNT, "value": Decimal(cents).scaleb(-2)}
        for (day, group), cents in values.items()
    ]
    schema = pl.Schema(
        {"date": pl.Date(), "group": pl.String(), "figure": pl.String(), "value": EXACT}
    )
    return pl.DataFrame(rows, schema=schema)


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(DAYS), st.sampled_from(["a", "b", "c"])),
        st.integers(-(10**14), 10**14),
        min_size=1,
    ),
    st.data(),
)
def test_one_cent_in_one_group_is_seen(
    values: dict[tuple[date, str], int], data: st.DataObject
) -> None:
    same = compare(figures(values), figures(values), DAYS, [COUNT])
    assert same.height == len(DAYS)
    assert same["agrees"].all()
    day, group = data.draw(st.sampled_from(sorted(values)))
    other = {**values, (day, group): values[day, group] + data.draw(st.sampled_from([-1, 1]))}
    assert differing_days(compare(figures(values), figures(other), DAYS, [COUNT])) == [day]


class OldOdoo:
    """An Odoo 14: quantities of stock moves are qty_done, and only they."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        self.groups = groups
        self.asked: list[tuple[Any, ...]] = []

    def version(self) -> ServerVersion:
        return ServerVersion(14, "14.0")

    def fields_get(self, model: str) -> dict[str, FieldInfo]:
        return {"qty_done": FieldInfo("qty_done", "float", store=True)}

    def read_group(self, *question: Any) -> list[dict[str, Any]]:
        self.asked.append(question)
        return self.groups

    def search_read(self, *_: Any, **__: Any) -> pl.DataFrame:
        raise AssertionError("nothing is to be read")

    def read_ids(self, model: str, ids: Any, fields: Any) -> pl.DataFrame:
        return pl.DataFrame({"id": [1], fields[0]: [datetime.fromisoformat("2026-10-13T17:00:00")]})

    def companies(self) -> tuple[int, ...]:
        return (1,)


def test_older_names_of_fields_are_asked_for(retailer: Retailer) -> None:
    day = {"date:day": {"from": "2026-10-13 17:00:00", "to": "2026-10-14 17:00:00"}}
    odoo = OldOdoo(
        [
            {
                "qty_done": 2.5,
                "__count": 2,
                "__range": day,
                "location_id": [8, "WH"],
                "location_dest_id": [5, "Customers"],
            }
        ]
    )
    dataset = inventory_moves.dataset(retailer.settings)
    found = odoo_figures(odoo, dataset, {"quantity": "qty_done"}, FIRST, LAST, retailer.settings)
    _, domain, aggregates, groupby = odoo.asked[0]
    assert ("qty_done", "!=", 0) in domain
    assert aggregates == ["qty_done:sum"]
    assert groupby == ["date:day", "location_id", "location_dest_id"]
    assert sorted(found.rows()) == [
        (date(2026, 10, 14), "8 5", COUNT, Decimal("2")),
        (date(2026, 10, 14), "8 5", "quantity", Decimal("2.5")),
    ]


def test_an_order_that_vanishes_between_the_calls_is_a_transient_error(
    retailer: Retailer,
) -> None:
    group = {"amount": 1.0, "__count": 1, "payment_method_id": False}
    odoo = OldOdoo([{**group, "pos_order_id": [order, "x"]} for order in (1, 2)])
    dataset = pos_payments.dataset(retailer.settings)
    odoo.fields_get = lambda model: {  # type: ignore[method-assign]
        "pos_order_id": FieldInfo("pos_order_id", "many2one", relation="pos.order")
    }
    with pytest.raises(TransientOdooError, match="vanished"):
        odoo_figures(odoo, dataset, {"amount": "amount"}, FIRST, LAST, retailer.settings)
    whole = replace(dataset, reconcile=replace(pos_payments.RECONCILE, by=()))
    odoo.groups = odoo.groups[:1]
    found = odoo_figures(odoo, whole, {"amount": "amount"}, FIRST, LAST, retailer.settings)
    assert set(found["date"]) == {SECOND}
