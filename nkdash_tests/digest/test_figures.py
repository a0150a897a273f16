"""The digest's figures are those of the pages, worked out again from the lines."""

from datetime import date, timedelta

import polars as pl
import pytest

from nkdash.digest.figures import ENOUGH, Digest, Figure, NotLoadedError, gather, why_not
from nkdash.kpis.ask import Ask
from nkdash.kpis.model import TaxBasis
from nkdash.kpis.periods import Period
from nkdash.kpis.registry import measure
from nkdash.kpis.selection import Selection
from nkdash_tests.dashboard.shop import CATEGORIES, LOST_DAY, PRODUCTS, STORES, TODAY, Shop

DAY = TODAY - timedelta(days=1)
WEEK = timedelta(days=7)


@pytest.fixture
def digest(ask: Ask) -> Digest:
    return gather(ask, DAY)


def revenue(shop: Shop, first: date, last: date, **by: int | None) -> float:
    """Net revenue of the main company with tax."""
    lines = shop.sold.filter(
        pl.col("date").is_between(first, last),
        pl.col("company_id") == 1,
        *(pl.col(name) == value for name, value in by.items()),
    )
    return float(lines.get_column("revenue_tax_in").sum())


def named(figures: tuple[Figure, ...]) -> dict[str, Figure]:
    return {figure.kpi: figure for figure in figures}


def test_the_day_is_held_against_the_same_weekday_of_last_week(digest: Digest, shop: Shop) -> None:
    found = named(digest.headline)["net_revenue"]
    now, base = revenue(shop, DAY, DAY), revenue(shop, DAY - WEEK, DAY - WEEK)
    assert digest.base == DAY - WEEK
    assert float(found.value) == pytest.approx(now)
    assert float(found.base) == pytest.approx(base)
    assert found.change == pytest.approx(now / base - 1)


def test_the_change_of_a_percentage_is_its_difference(digest: Digest) -> None:
    found = named(digest.headline)["discount_rate"]
    assert found.value != found.base
    assert found.change == pytest.approx(float(found.value) - float(found.base))


def test_the_month_to_date_is_held_against_as_many_days_before(digest: Digest, shop: Shop) -> None:
    found = named(digest.to_date)["net_revenue"]
    assert digest.month == Period(date(2026, 11, 1), DAY)
    assert digest.month_base.last == date(2026, 10, 31)
    assert float(found.value) == pytest.approx(revenue(shop, date(2026, 11, 1), DAY))
    assert float(found.base) == pytest.approx(
        revenue(shop, digest.month_base.first, digest.month_base.last)
    )


def test_best_and_weakest_store(digest: Digest, shop: Shop) -> None:
    of_store = {
        name: revenue(shop, DAY, DAY, pos_config_id=store)
        for store, (company, name) in STORES.items()
        if company == 1
    }
    assert digest.best
    assert digest.weakest
    assert digest.best.name == max(of_store, key=lambda name: of_store[name])
    assert digest.weakest.name == min(of_store, key=lambda name: of_store[name])
    assert digest.best.value == pytest.approx(max(of_store.values()))


def test_movers_are_the_categories_that_changed_most(digest: Digest, shop: Shop) -> None:
    moved: dict[str, float] = {}
    for product, row in PRODUCTS.items():
        name = CATEGORIES[row[1]][0]
        now = revenue(shop, DAY, DAY, product_id=product)
        base = revenue(shop, DAY - WEEK, DAY - WEEK, product_id=product)
        moved[name] = moved.get(name, 0.0) + now - base
    for found in (*digest.risers, *digest.fallers):
        assert found.difference == pytest.approx(moved[found.name.split(" / ")[-1]])
    assert all(named.difference > 0 for named in digest.risers)
    assert all(named.difference < 0 for named in digest.fallers)
    assert digest.risers or digest.fallers


def test_profit_is_told_only_where_enough_of_the_cost_is_known(ask: Ask) -> None:
    told = set()
    for day in (DAY - timedelta(days=n) for n in range(12)):
        chosen = Selection(Period(day, day), None, (1,), {}, TaxBasis.EX)
        [row] = ask(measure(("cost_coverage",), chosen)).to_dicts() or [{"cost_coverage": None}]
        enough = row["cost_coverage"] is not None and row["cost_coverage"] >= ENOUGH
        found = gather(ask, day)
        assert ("gross_profit" in named(found.headline)) == enough
        told.add(any(concern.key == "look.coverage" for concern in found.concerns))
    assert told == {True, False}


def test_a_day_that_was_never_loaded_is_something_to_look_at(ask: Ask) -> None:
    keys = {concern.key: concern.values for concern in gather(ask, date(2026, 9, 20)).concerns}
    assert keys["look.days_missing"]["count"] >= 1
    assert "look.days_missing" not in {c.key for c in gather(ask, DAY).concerns}


def test_without_the_day_of_last_week_there_is_no_change(ask: Ask) -> None:
    found = gather(ask, LOST_DAY + WEEK)
    assert {figure.change for figure in found.headline} == {None}
    assert not found.risers + found.fallers


@pytest.mark.parametrize("day", [TODAY, LOST_DAY, TODAY + WEEK])
def test_a_day_that_is_not_whole_has_no_digest(ask: Ask, day: date) -> None:
    assert f"{day} is not loaded whole yet" in (why_not(ask, day) or "")
    with pytest.raises(NotLoadedError, match="nkdash backfill"):
        gather(ask, day)


def test_companies_of_another_currency_are_named_and_not_added(digest: Digest) -> None:
    assert digest.company == "PT Utama"
    assert digest.left_out == ("Second Pte",)
