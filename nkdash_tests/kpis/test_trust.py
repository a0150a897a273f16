"""How far the data reach: days missing, read too early, lost, and in quarantine."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from nkdash.contracts import empty
from nkdash.datasets import stock_quants
from nkdash.kpis.model import KpiError, Query
from nkdash.kpis.periods import Period
from nkdash.kpis.registry import kpis, measure
from nkdash.kpis.selection import Selection
from nkdash.lake import Layer, write_days
from nkdash.quality.verdicts import TABLE, write_verdicts
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse, publish
from nkdash_tests.warehouse.lake_samples import DAY, catalog_of, land, make_settings

SALES = ("pos_order_lines", "pos_payments")
LONG_AFTER = datetime.fromisoformat("2026-04-01T00:00:00")
Answer = Callable[..., dict[str, Any]]


def nth(day: int) -> date:
    return DAY + timedelta(days=day - 1)


def differs(settings: Settings, day: date) -> None:
    row = {
        "dataset": SALES[0],
        "date": day,
        "figure": "count",
        "odoo_value": Decimal(3),
        "lake_value": Decimal(2),
        "agrees": False,
        "checked_at": LONG_AFTER,
    }
    verdicts = pl.DataFrame([row], schema={n: TABLE.schema[n] for n in row})
    whole = pl.concat([empty(TABLE), verdicts], how="diagonal")
    write_verdicts(settings.lake_root, SALES[0], whole, [day], LONG_AFTER)


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    """KPIs of a lake whose days 1 to 10 lack the 4th, whose 10th was read before its end in
    Jakarta, whose 6th differs, and with snapshots of the 3rd and 5th alone."""
    settings = make_settings(tmp_path_factory.mktemp("lake"))
    for day in range(1, 10):
        if day != 4:
            land(settings, nth(day), as_of=LONG_AFTER)
    # 16:59 UTC is a minute before midnight in Jakarta.
    land(settings, nth(10), as_of=datetime.combine(nth(10), datetime.min.time()).replace(hour=16))
    for day in (3, 5):
        quants = empty(stock_quants.FACT)
        write_days(
            settings.lake_root, Layer.STAR, stock_quants.FACT, quants, [nth(day)], as_of=LONG_AFTER
        )
    differs(settings, nth(6))
    publish(settings, catalog_of(settings))
    warehouse = Warehouse(settings.warehouse_dir)

    def asked(first: int, last: int, name: str, by: tuple[str, ...] = ()) -> Any:
        query: Query = measure((name,), Selection(Period(nth(first), nth(last)), None, (1,)), by)
        rows = warehouse.query(query.sql, query.params).to_dicts()
        return {tuple(r[b] for b in by): r[name] for r in rows} if by else rows[0][name]

    yield asked
    warehouse.close()


def test_a_day_read_before_its_local_end_is_not_complete(answer: Answer) -> None:
    assert answer(1, 10, "last_complete_day") == nth(9)
    assert answer(1, 10, "days_behind") == 1
    assert answer(1, 9, "days_behind") == 0
    assert answer(1, 14, "days_behind") == 5


def test_the_last_complete_day_may_lie_before_the_range(answer: Answer) -> None:
    assert answer(12, 14, "last_complete_day") == nth(9)
    assert answer(4, 4, "last_complete_day") == nth(3)


def test_missing_and_lost_days_are_counted_once_and_apart(answer: Answer) -> None:
    assert answer(1, 10, "days_missing") == 1
    assert answer(1, 12, "days_missing") == 3
    assert answer(1, 10, "days_missing", ("dataset",)) == {
        (SALES[0],): 1,
        (SALES[1],): 1,
        ("stock_quants",): 0,
    }
    assert answer(1, 5, "days_lost") == 1
    assert answer(1, 3, "days_lost") == 0


def test_a_day_that_differs_is_told_in_the_ranges_that_hold_it(answer: Answer) -> None:
    assert answer(1, 10, "days_differing") == 1
    assert answer(7, 10, "days_differing") == 0
    assert answer(6, 7, "days_differing", ("day",)) == {(nth(6),): 1, (nth(7),): 0}


def test_what_has_no_snapshot_has_no_unexplained_stock(answer: Answer) -> None:
    assert answer(1, 10, "unexplained_stock") == 0


def test_trust_is_of_datasets_not_of_stores() -> None:
    with pytest.raises(KpiError, match="cannot be told by store"):
        measure(("days_missing",), Selection(Period(DAY, DAY), None, (1,)), ("store",))


def test_what_other_families_tell_is_not_told_twice() -> None:
    assert {"cost_coverage", "provisional_share", "days_behind"} <= set(kpis())
