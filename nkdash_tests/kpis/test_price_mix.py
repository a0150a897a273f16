"""Price, volume and mix: a textbook case, and that the effects are the change, to the cent."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nkdash.kpis.model import KpiError, Query
from nkdash.kpis.periods import Period
from nkdash.kpis.price_mix import EFFECTS, effects
from nkdash.kpis.registry import measure
from nkdash.kpis.selection import Selection

BASE, NOW = (
    Period(date(2026, 10, 1), date(2026, 10, 31)),
    Period(date(2026, 11, 1), date(2026, 11, 30)),
)
COMPARED = Selection(NOW, BASE, (1,))
Sold = Mapping[int, tuple[Decimal, Decimal]]
"""Net units and revenue by product."""

TABLES = """
CREATE TABLE agg_sales_product_daily (
    date DATE, company_id BIGINT, product_id BIGINT, items DECIMAL(18, 4),
    returned_units DECIMAL(18, 4), revenue_tax_in DECIMAL(18, 2), net_tax_ex DECIMAL(18, 2)
);
CREATE TABLE dim_products (
    product_id BIGINT, category_id BIGINT, root_category_id BIGINT, brand_id BIGINT,
    principal_id BIGINT
);
INSERT INTO dim_products SELECT i, i % 3, i % 2, NULL, NULL FROM range(1, 9) AS r(i);
"""


def asked(query: Query, base: Sold, now: Sold) -> list[dict[str, Any]]:
    """The rows of a query on a retailer who sold ``base``, then ``now``."""
    rows = [
        (period.last, 1, product, max(units, 0), max(-units, 0), revenue, revenue)
        for period, sold in ((BASE, base), (NOW, now))
        for product, (units, revenue) in sold.items()
    ]
    with shared().cursor() as connection:
        connection.execute("DELETE FROM agg_sales_product_daily")
        if rows:
            values = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(rows))
            flat = [value for row in rows for value in row]
            connection.execute(f"INSERT INTO agg_sales_product_daily VALUES {values}", flat)
        return list(connection.sql(query.sql, params=query.values).pl().to_dicts())


@cache
def shared() -> duckdb.DuckDBPyConnection:
    """Empty tables, made once."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute(TABLES)
    return connection


def sold(**products: tuple[int, int]) -> Sold:
    """By names such as p1."""
    return {int(k[1:]): (Decimal(units), Decimal(money)) for k, (units, money) in products.items()}


def test_a_case_worked_by_hand() -> None:
    base = sold(p1=(10, 1000), p2=(10, 500), p3=(4, 80))
    now = sold(p1=(24, 2640), p2=(16, 720), p4=(5, 250), p5=(0, -30))
    [found] = asked(measure(("revenue_change", *EFFECTS), COMPARED), base, now)
    # 1: 10 dearer x 24, 2: 5 cheaper x 16; twice as many in all; 4 more of 1, 4 fewer of 2.
    assert {name: int(found[name]) for name in ("revenue_change", *EFFECTS)} == {
        "revenue_change": 2000,
        "price_effect": 240 - 80,
        "volume_effect": 1500,
        "mix_effect": 100 * (24 - 20) + 50 * (16 - 20),
        "new_product_effect": 250,
        "gone_product_effect": -80,
        "other_effect": -30,
    }


amounts = st.decimals(0, 9_999_999, places=2)
units = st.one_of(st.just(Decimal(0)), st.decimals(-5, 500, places=1))
retailers = st.dictionaries(st.integers(1, 8), st.tuples(units, amounts), max_size=8)


@settings(deadline=None, max_examples=40)
@given(retailers, retailers)
def test_the_effects_are_the_change_of_each_product(base: Sold, now: Sold) -> None:
    text, params = effects(COMPARED)
    rows = asked(Query(text, params), base, now)
    assert {row["product_id"] for row in rows} == base.keys() | now.keys()
    none = (Decimal(0), Decimal(0))
    kept = [p for p in base if base[p][0] > 0 and now.get(p, none)[0] > 0]
    growth = (
        Fraction(sum(now[p][0] for p in kept)) / Fraction(sum(base[p][0] for p in kept))
        if kept
        else Fraction(0)
    )
    for row in rows:
        product = row["product_id"]
        (q0, r0), (q1, r1) = base.get(product, none), now.get(product, none)
        assert row["revenue_change"] == r1 - r0 == sum(row[name] for name in EFFECTS)
        if product in kept:
            price = Fraction(r1) - Fraction(r0) / Fraction(q0) * Fraction(q1)
            assert abs(Fraction(row["price_effect"]) - price) < Fraction(2, 100)
            assert abs(Fraction(row["volume_effect"]) - Fraction(r0) * (growth - 1)) < Fraction(
                2, 100
            )
            assert row["standing"] == "kept"
        else:
            assert {row["price_effect"], row["volume_effect"], row["mix_effect"]} == {0}


@settings(deadline=None, max_examples=40)
@given(retailers, retailers)
def test_swapped_periods_change_the_other_way(base: Sold, now: Sold) -> None:
    query = measure(("revenue_change", "new_product_effect", "gone_product_effect"), COMPARED)
    there, back = asked(query, base, now), asked(query, now, base)
    if not base and not now:
        return
    assert there[0]["revenue_change"] == -back[0]["revenue_change"]
    assert there[0]["new_product_effect"] == -back[0]["gone_product_effect"]


@pytest.mark.parametrize("by", ["product", "category", "root_category"])
def test_slices_add_up_to_the_total(by: str) -> None:
    base = sold(p1=(10, 1003), p2=(7, 511), p3=(4, 80), p4=(3, 90))
    now = sold(p1=(13, 1240), p2=(3, 199), p4=(5, 250), p6=(1, 10))
    [whole] = asked(measure(EFFECTS, COMPARED), base, now)
    parts = asked(measure(EFFECTS, COMPARED, (by,)), base, now)
    for name in EFFECTS:
        assert sum(part[name] for part in parts) == whole[name], name


def test_without_a_base_there_is_no_effect() -> None:
    rows = asked(measure(EFFECTS, COMPARED.now, ("product",)), {}, sold(p1=(3, 30)))
    assert rows == []


def test_a_dimension_it_does_not_know_is_refused() -> None:
    with pytest.raises(KpiError, match="store"):
        measure(EFFECTS, COMPARED, ("store",))


def test_the_best_fifth_and_what_a_product_brings() -> None:
    names = ("products_sold", "revenue_per_product", "items_per_product", "top_products_share")
    now = sold(
        p1=(1, 500), p2=(2, 300), p3=(3, 100), p4=(4, 60), p5=(5, 50), p6=(6, 40), p7=(0, -50)
    )
    [found] = asked(measure(names, COMPARED.now), {}, now)
    # Of six products a fifth is 1.2, so the two best; the voucher is revenue and no product.
    assert found["products_sold"] == 6
    assert found["revenue_per_product"] == pytest.approx(1000 / 6)
    assert found["items_per_product"] == pytest.approx(21 / 6)
    assert found["top_products_share"] == pytest.approx(0.8)
