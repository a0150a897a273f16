"""Stock at month-ends equals the stock of that day, and stays so when days come in later."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nkdash.settings import Settings
from nkdash.warehouse import current, publish
from nkdash_tests.dashboard.shop import TODAY, Shop, catalog, make_shop, settings, write_lake

MONTH_ENDS = [date(2026, 8, 31), date(2026, 9, 30), date(2026, 10, 31)]
ROWS = "FROM stock_month_ends ORDER BY ALL"
TOTALS = "FROM stock_totals ORDER BY ALL"


@pytest.fixture(scope="module")
def shop() -> Shop:
    return make_shop()


@pytest.fixture
def read() -> Callable[[Settings, str], list[tuple[Any, ...]]]:
    def rows(chosen: Settings, sql: str) -> list[tuple[Any, ...]]:
        published = current(chosen.warehouse_dir)
        assert published
        with duckdb.connect(str(published.path), read_only=True) as connection:
            found: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
            return found

    return rows


def test_a_month_end_is_the_stock_of_that_day(
    tmp_path: Path, shop: Shop, read: Callable[[Settings, str], list[tuple[Any, ...]]]
) -> None:
    chosen = settings(tmp_path)
    write_lake(tmp_path, shop)
    publish(chosen, catalog(chosen))
    known = [day for (day,) in read(chosen, "SELECT date FROM stock_month_sources ORDER BY date")]
    # September began with nothing; a day of it that was never loaded lies between two snapshots.
    assert known == MONTH_ENDS
    for day in known:
        asked = f"""
            SELECT company_id, product_id, sum(quantity) AS quantity
            FROM stock_on_hand(DATE '{day}')
            WHERE is_complete
            GROUP BY ALL HAVING sum(quantity) <> 0 ORDER BY ALL
        """
        held = read(
            chosen,
            "SELECT company_id, product_id, quantity FROM stock_month_ends "
            f"WHERE date = DATE '{day}' ORDER BY ALL",
        )
        assert held == read(chosen, asked)
        assert (len(held) > 5) == (day > MONTH_ENDS[0])
        some = [product for _, product, _ in held[::2]]
        of_some = f"FROM stock_on_hand(DATE '{day}', products := {some}) ORDER BY ALL"
        every = f"FROM stock_on_hand(DATE '{day}') WHERE product_id IN {some} ORDER BY ALL"
        assert read(chosen, of_some) == (read(chosen, every) if some else [])
    differing = f"""
        SELECT product_id, sum(moved), sum(grown)
        FROM (
            SELECT product_id, change AS moved, 0 AS grown
            FROM stock_totals
            WHERE date > DATE '{known[-2]}' AND date <= DATE '{known[-1]}'
            UNION ALL
            SELECT product_id, 0, quantity * CASE WHEN date = DATE '{known[-1]}' THEN 1 ELSE -1 END
            FROM stock_month_ends
            WHERE date IN (DATE '{known[-2]}', DATE '{known[-1]}')
        )
        WHERE product_id IN (SELECT product_id FROM dim_products WHERE storable)
        GROUP BY product_id
        HAVING sum(moved) <> sum(grown)
    """
    assert read(chosen, differing) == []
    unvalued = "SELECT count(*) FROM stock_month_ends WHERE value_tax_ex IS NULL"
    assert read(chosen, unvalued) == [(0,)]


def test_what_comes_in_later_makes_the_months_it_touches_anew(
    tmp_path: Path, shop: Shop, read: Callable[[Settings, str], list[tuple[Any, ...]]]
) -> None:
    whole, piecemeal = settings(tmp_path / "whole"), settings(tmp_path / "piecemeal")
    for chosen in (whole, piecemeal):
        write_lake(Path(str(chosen.lake_root)), shop)
    publish(whole, catalog(whole))
    star = Path(str(piecemeal.lake_root)) / "star-schema"
    moves, bills = star / "fact_inventory_moves", star / "fact_purchases"
    kept = tmp_path / "kept"
    kept.mkdir()
    gone = [moves / f"date={day}" for day in (date(2026, 10, 20), date(2026, 10, 31), TODAY)]
    gone.append(bills / "date=2026-09-29")
    for folder in gone:
        shutil.move(folder, kept / f"{folder.parent.name}{folder.name}")
    publish(piecemeal, catalog(piecemeal))
    before = read(piecemeal, ROWS)
    assert before != read(whole, ROWS)
    for folder in reversed(gone):
        shutil.move(kept / f"{folder.parent.name}{folder.name}", folder)
        publish(piecemeal, catalog(piecemeal))
    assert read(piecemeal, ROWS) == read(whole, ROWS)
    assert read(piecemeal, TOTALS) == read(whole, TOTALS)
