"""The id sweep: days whose records are not those that raw has, and no other days."""

import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nkdash.catalog import load_catalog
from nkdash.lake import EXTRACTED_AT, Layer, write_days
from nkdash.odoo import FieldInfo
from nkdash.quality.id_sweep import SCHEMA, sweep
from nkdash_tests.conftest import RECORDS
from nkdash_tests.datasets.stock import make_settings
from nkdash_tests.quality.conftest import DAYS, FIRST, LAST, Protocol, Retailer, serving

SECOND = DAYS[1]
POS = {"pos_orders", "pos_order_lines", "pos_payments"}


def swept(retailer: Retailer, first: date = FIRST, last: date = LAST) -> pl.DataFrame:
    return pl.concat(
        sweep(retailer.client, d, first, last, retailer.settings) for d in retailer.catalog.datasets
    )


def found(retailer: Retailer) -> dict[str, list[tuple[date, int, int]]]:
    rows = swept(retailer).select("dataset", "date", "deleted", "absent").rows()
    told: dict[str, list[tuple[date, int, int]]] = {}
    for dataset, *rest in rows:
        told.setdefault(dataset, []).append((rest[0], rest[1], rest[2]))
    return told


def an_order(retailer: Retailer) -> int:
    local = (pl.col("date_order") + pl.duration(hours=7)).dt.date()
    return retailer.some("pos.order", (local == SECOND) & (pl.col("state") == "done"))


def parts(retailer: Retailer, model: str, link: str, order: int) -> list[int]:
    frame = retailer.odoo.control.store.world.tables[model].frame
    return frame.filter(pl.col(link) == order)["id"].to_list()


def test_what_was_loaded_has_the_ids_of_odoo(retailer: Retailer) -> None:
    assert swept(retailer).is_empty()
    assert swept(retailer).schema == SCHEMA


@pytest.mark.parametrize("protocol", ["jsonrpc", "json2"])
def test_odoo_19_is_swept_the_same_way(tmp_path: Path, protocol: Protocol) -> None:
    with serving(RECORDS.parents[1] / "19" / "records", tmp_path, protocol) as retailer:
        first, last = date(2026, 11, 13), date(2026, 11, 15)
        retailer.load(first, last)
        assert swept(retailer, first, last).is_empty()
        order = retailer.some("pos.order", pl.col("date_order").dt.date() == date(2026, 11, 14))
        retailer.odoo.control.delete("pos.order", [order])
        deleted = swept(retailer, first, last).filter(dataset="pos_orders")
        assert deleted.select("date", "deleted", "absent").rows() == [(date(2026, 11, 14), 1, 0)]


def test_a_deleted_order_is_missed_with_its_lines_and_payments(retailer: Retailer) -> None:
    order = an_order(retailer)
    lines = len(parts(retailer, "pos.order.line", "order_id", order))
    payments = len(parts(retailer, "pos.payment", "pos_order_id", order))
    retailer.odoo.control.delete("pos.order", [order])
    assert found(retailer) == {
        "pos_orders": [(SECOND, 1, 0)],
        "pos_order_lines": [(SECOND, lines, 0)],
        "pos_payments": [(SECOND, payments, 0)],
    }


def test_a_deleted_draft_that_no_sum_counts_is_found(retailer: Retailer) -> None:
    order = an_order(retailer)
    retailer.odoo.control.update("pos.order", [order], {"state": "draft"})
    retailer.load(SECOND, SECOND)
    retailer.odoo.control.delete("pos.order", [order])
    assert retailer.differing() == {}
    assert found(retailer).keys() == POS


def test_an_order_that_moved_is_deleted_on_one_day_and_absent_on_the_other(
    retailer: Retailer,
) -> None:
    order = an_order(retailer)
    retailer.odoo.control.update("pos.order", [order], {"date_order": f"{DAYS[2]} 03:00:00"})
    assert found(retailer)["pos_orders"] == [(SECOND, 1, 0), (DAYS[2], 0, 1)]


def edited(retailer: Retailer) -> None:
    retailer.odoo.control.update("pos.order", [an_order(retailer)], {"amount_total": 1.0})


def sold_on_a_day_not_loaded(retailer: Retailer) -> None:
    retailer.odoo.control.set_clock("2026-11-20T05:00:00")
    retailer.odoo.control.deliver_orders(days_ago=1)


@pytest.mark.parametrize("change", [edited, sold_on_a_day_not_loaded])
def test_other_changes_are_not_its_business(
    retailer: Retailer, change: Callable[[Retailer], None]
) -> None:
    change(retailer)
    assert found(retailer) == {}


def test_a_day_costs_one_call(retailer: Retailer) -> None:
    swept(retailer)
    calls = retailer.odoo.control.counts()
    searches = sum(n for call, n in calls.items() if call.endswith(".search"))
    assert searches == 6 * len(DAYS)
    assert not [call for call in calls if call.endswith("search_read")]


class Answers:
    """An Odoo that knows ids by day."""

    def __init__(self, ids: dict[date, set[int]]) -> None:
        self.ids = ids

    def fields_get(self, model: str) -> dict[str, FieldInfo]:
        return {}

    def search_ids(self, model: str, domain: list[object]) -> list[int]:
        [since] = [t[2] for t in domain if isinstance(t, tuple) and t[1] == ">="]
        return sorted(self.ids[(datetime.fromisoformat(since) + timedelta(hours=7)).date()])


ids_by_day = st.fixed_dictionaries({day: st.sets(st.integers(1, 9)) for day in DAYS})


@hypothesis_settings(deadline=None, max_examples=25)
@given(ids_by_day, ids_by_day)
def test_it_counts_the_difference_of_the_sets_of_each_day(
    in_odoo: dict[date, set[int]], in_raw: dict[date, set[int]]
) -> None:
    as_of = datetime(2026, 11, 20, tzinfo=UTC).replace(tzinfo=None)
    with tempfile.TemporaryDirectory() as folder:
        settings = make_settings(
            Path(folder), nkdash_now=datetime(2026, 11, 23, 5, tzinfo=UTC), nkdash_start_date=FIRST
        )
        dataset = next(d for d in load_catalog(settings).datasets if d.name == "pos_orders")
        table = dataset.raw_table
        for day in DAYS:
            rows = [{"date": day, "id": id_, EXTRACTED_AT: as_of} for id_ in in_raw[day]]
            frame = pl.DataFrame(rows, schema=table.schema)
            write_days(settings.lake_root, Layer.RAW, table, frame, [day], as_of=as_of)
        client: Any = Answers(in_odoo)
        told = sweep(client, dataset, FIRST, LAST, settings)
    assert told.rows() == [
        ("pos_orders", day, len(in_raw[day] - in_odoo[day]), len(in_odoo[day] - in_raw[day]), as_of)
        for day in DAYS
        if in_raw[day] != in_odoo[day]
    ]
