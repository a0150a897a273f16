"""What goods cost: worked out on paper, and whatever hypothesis can put on a bill adds up."""

from decimal import Decimal as D
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nkdash.datasets import purchases
from nkdash.settings import Settings
from nkdash_tests.datasets.documents import (
    BY_DOZEN,
    DOZEN,
    FIXED,
    GOODS,
    GROUP,
    OTHER,
    PPH,
    PPN,
    PPN_INCL,
    SERVICE,
    SURCHARGE,
    USD,
    clean,
    fact,
    line,
    only,
)

DATASET = purchases.dataset(Settings(_env_file=None))


def bill(subtotal: float, total: float | None = None, /, **values: Any) -> dict[str, Any]:
    """A line of a bill in rupiah; without ``total`` there is no tax."""
    return line(
        **{
            "move_id.move_type": "in_invoice",
            "price_unit": subtotal,
            "price_subtotal": subtotal,
            "price_total": subtotal if total is None else total,
            "balance": subtotal,
            **values,
        }
    )


def money(row: dict[str, Any], *names: str) -> list[D]:
    return [row[name] for name in names]


def test_worked_example_of_a_bill_level_discount() -> None:
    # 100 with 11 % on top, less 5 % for the whole bill: 95 without tax, 95 x 1.11 with it.
    lines = fact(
        DATASET,
        bill(100, 111, tax_ids=[PPN]),
        bill(-5, -5.55, id=2, product_id=None, tax_ids=[PPN]),
    )
    goods, discount = lines.iter_rows(named=True)
    assert money(goods, "actual_price", "cost_unit_tax_ex", "cost_unit_tax_in") == [
        D(95),
        D(95),
        D("105.45"),
    ]
    assert money(goods, "net_tax_ex", "cost_tax_ex", "cost_tax_in") == [D(100), D(95), D("105.45")]
    assert money(discount, "net_tax_ex", "cost_tax_ex", "cost_tax_in") == [D(-5), D(0), D(0)]
    assert money(discount, "actual_price", "cost_unit_tax_ex", "cost_unit_tax_in") == [None] * 3


def test_each_tax_basis_is_spread_by_its_own_totals() -> None:
    # A discount of 30 without tax over 100 + 11 % and 200 free of tax.
    # tax-ex: 30 over 300 -> 90 and 180; tax-in: 30 over 311 -> 111 x 281/311 and 200 x 281/311.
    goods, other, _ = fact(
        DATASET,
        bill(100, 111, tax_ids=[PPN]),
        bill(200, id=2, product_id=OTHER),
        bill(-30, id=3, product_id=None),
    ).iter_rows(named=True)
    assert money(goods, "cost_unit_tax_ex", "cost_unit_tax_in") == [D(90), D("100.292605")]
    assert money(other, "cost_unit_tax_ex", "cost_unit_tax_in") == [D(180), D("180.707395")]
    assert goods["cost_tax_in"] + other["cost_tax_in"] == D(281)


def test_shares_are_whole_cents_and_the_last_line_takes_the_rest() -> None:
    # -100 over three lines of 100: -33.33, -33.33, -33.34.
    lines = fact(DATASET, *[bill(100, id=n) for n in (1, 2, 3)], bill(-100, id=4, product_id=None))
    assert lines["cost_tax_ex"].to_list() == [D("66.67"), D("66.67"), D("66.66"), D(0)]
    # In proportion, not by division of Decimals: -100 over 100, 200, 300.
    lines = fact(
        DATASET, bill(100), bill(200, id=2), bill(300, id=3), bill(-100, id=4, product_id=None)
    )
    assert lines["cost_tax_ex"].to_list() == [D("83.33"), D("166.67"), D(250), D(0)]
    assert lines["cost_unit_tax_ex"].to_list()[:2] == [D("83.333333"), D("166.666667")]


def test_negative_by_quantity_is_negative_too() -> None:
    back = bill(-20, id=2, product_id=None, quantity=-1.0, price_unit=20.0)
    goods, discount = fact(DATASET, bill(100), back).iter_rows(named=True)
    assert (goods["cost_tax_ex"], discount["cost_tax_ex"]) == (D(80), D(0))


def test_line_discount() -> None:
    # 10 units of 50 at 20 % off: 400 without tax, 40 a unit.
    row = only(
        DATASET, bill(400, 444, quantity=10.0, price_unit=50.0, discount=20.0, tax_ids=[PPN])
    )
    assert money(row, "price_unit", "actual_price", "cost_unit_tax_ex", "cost_unit_tax_in") == [
        D(50),
        D(40),
        D(40),
        D("44.4"),
    ]


def test_included_tax_is_part_of_the_keyed_price_only() -> None:
    # 111 a unit with 11 % inside: 100 without. actual_price stays on the basis of price_unit.
    row = only(DATASET, bill(200, 222, quantity=2.0, price_unit=111.0, tax_ids=[PPN_INCL]))
    assert money(row, "price_unit", "actual_price", "cost_unit_tax_ex", "cost_unit_tax_in") == [
        D(111),
        D(111),
        D(100),
        D(111),
    ]
    mixed = only(DATASET, bill(200, 232, price_unit=222.0, tax_ids=[PPN_INCL, SURCHARGE]))
    assert money(mixed, "actual_price", "cost_unit_tax_ex", "cost_unit_tax_in") == [
        D(222),
        D(200),
        D(232),
    ]


@pytest.mark.parametrize("taxes", [[PPN, PPH], [GROUP]], ids=["two taxes", "a group of both"])
def test_withholding_is_no_part_of_a_cost(taxes: list[int]) -> None:
    # Odoo's total of 100 with +11 % and -2 % is 109; the goods cost 111.
    row = only(DATASET, bill(100, 109, tax_ids=taxes))
    assert money(row, "total_currency", "total_tax_in", "cost_unit_tax_in") == [
        D(109),
        D(111),
        D(111),
    ]


def test_taxes_that_rates_do_not_explain_count_as_odoo_charged_them() -> None:
    # A fixed Rp 500, and a tax on a tax: 100 x 1.11 x 1.05.
    assert only(DATASET, bill(1000, 1500, tax_ids=[FIXED]))["cost_unit_tax_in"] == D(1500)
    row = only(DATASET, bill(100, 116.55, tax_ids=[PPN, SURCHARGE]))
    assert row["cost_unit_tax_in"] == D("116.55")


def test_unit_cost_with_tax_is_not_rounded_to_cents_first() -> None:
    # 2063527.92 x 1.11 = 2290515.9912; Odoo's total is 2290515.99.
    row = only(DATASET, bill(2063527.92, 2290515.99, quantity=24.0, tax_ids=[PPN]))
    assert row["cost_unit_tax_in"] == D("95438.1663")
    assert row["total_tax_in"] == D("2290515.99")


def test_quantities_and_prices_are_per_product_unit() -> None:
    # 2 dozen at 120 for goods kept in units: 24 at 10.
    dozens = only(DATASET, bill(240, quantity=2.0, price_unit=120.0, product_uom_id=DOZEN))
    assert money(dozens, "quantity", "price_unit", "cost_unit_tax_ex") == [D(24), D(10), D(10)]
    assert dozens["document_quantity"] == D(2)
    # 24 units at 10 for goods kept in dozens: 2 at 120.
    units = only(DATASET, bill(240, quantity=24.0, price_unit=10.0, product_id=BY_DOZEN))
    assert money(units, "quantity", "price_unit", "cost_unit_tax_ex") == [D(2), D(120), D(120)]
    # A line without a unit, as services have it, is told as it is.
    service = only(DATASET, bill(240, quantity=3.0, product_id=SERVICE, product_uom_id=None))
    assert service["quantity"] == D(3)


def test_foreign_currency_is_told_in_the_company_s() -> None:
    # USD 100 at 15,924 with 11 %: the balance is Odoo's own conversion.
    foreign = {"currency_id": USD, "currency_id.name": "USD"}
    row = only(
        DATASET,
        bill(
            100,
            111,
            quantity=4.0,
            price_unit=25.0,
            balance=1592400.0,
            tax_ids=[PPN],
            **foreign,
        ),
    )
    assert money(row, "price_unit", "cost_unit_tax_ex", "cost_unit_tax_in", "total_tax_in") == [
        D(398100),
        D(398100),
        D(441891),
        D(1767564),
    ]
    assert money(row, "net_currency", "net_tax_ex") == [D(100), D(1592400)]
    # A bonus line has no balance to tell the rate by: its document does.
    bonus = bill(0, id=2, price_unit=25.0, discount=100.0, **foreign)
    paid = bill(100, balance=1592400.0, **foreign)
    assert fact(DATASET, paid, bonus)["price_unit"].to_list()[1] == D(398100)
    # A document that is free as a whole tells none.
    assert only(DATASET, bonus)["price_unit"] is None


def test_free_items_cost_nothing() -> None:
    bought, bonus, given = fact(
        DATASET,
        bill(100, quantity=10.0, price_unit=10.0),
        bill(0, id=2, quantity=2.0),
        bill(0, id=3, quantity=1.0, price_unit=10.0, discount=100.0),
    ).iter_rows(named=True)
    assert [r["is_free_item"] for r in (bought, bonus, given)] == [False, True, True]
    assert [r["cost_unit_tax_ex"] for r in (bought, bonus, given)] == [D(10), D(0), D(0)]


def test_refunds_are_the_same_with_the_signs_turned() -> None:
    # Odoo holds both lines positive/negative as on a bill, the balances turned.
    back = {"move_id.move_type": "in_refund"}
    goods, discount = fact(
        DATASET,
        bill(100, 111, quantity=4.0, price_unit=25.0, balance=-100.0, tax_ids=[PPN], **back),
        bill(-5, -5.55, id=2, product_id=None, balance=5.0, tax_ids=[PPN], **back),
    ).iter_rows(named=True)
    assert goods["is_refund"]
    assert money(goods, "quantity", "net_tax_ex", "total_tax_in", "net_currency") == [
        D(-4),
        D(-100),
        D(-111),
        D(-100),
    ]
    assert money(goods, "cost_tax_ex", "cost_tax_in") == [D(-95), D("-105.45")]
    assert money(goods, "cost_unit_tax_ex", "cost_unit_tax_in") == [D("23.75"), D("26.3625")]
    assert money(discount, "net_tax_ex", "cost_tax_ex") == [D(5), D(0)]


def test_a_document_with_nothing_to_spread_over_keeps_its_lines() -> None:
    row = only(DATASET, bill(-50, product_id=None))
    assert money(row, "net_tax_ex", "cost_tax_ex", "cost_tax_in") == [D(-50), D(-50), D(-50)]
    assert row["cost_unit_tax_ex"] is None


def test_documents_do_not_touch_each_other() -> None:
    lines = fact(DATASET, bill(100), bill(-10, id=2, product_id=None, move_id=101))
    assert lines["cost_tax_ex"].to_list() == [D(100), D(-10)]


@pytest.mark.parametrize("state", ["draft", "cancel"])
def test_only_posted_documents_count(state: str) -> None:
    assert clean(DATASET, bill(100, **{"move_id.state": state})).is_empty()


def test_the_same_record_twice_counts_once() -> None:
    rows = [bill(100), bill(100)]
    schema = DATASET.raw_table.schema
    raw = pl.DataFrame([{n: r.get(n) for n in schema} for r in rows], schema=schema)
    assert DATASET.clean(raw.lazy()).collect().height == 1


AMOUNTS = st.integers(-30_000_000, 90_000_000).map(lambda cents: cents / 100)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 3), AMOUNTS, st.booleans()), min_size=1, max_size=12))
def test_spread_lines_add_up_to_their_document(parts: list[tuple[int, float, bool]]) -> None:
    lines = [
        bill(
            amount,
            round(amount * 1.11, 2) if taxed else amount,
            id=n,
            move_id=move,
            tax_ids=[PPN] if taxed else [],
        )
        for n, (move, amount, taxed) in enumerate(parts, 1)
    ]
    found = fact(DATASET, *lines)
    sums = found.group_by("move_id").agg(
        pl.sum("net_tax_ex", "cost_tax_ex", "total_tax_in", "cost_tax_in")
    )
    assert (sums["net_tax_ex"] == sums["cost_tax_ex"]).all()
    assert (sums["total_tax_in"] == sums["cost_tax_in"]).all()
    with_goods = found.filter(pl.col("net_tax_ex").max().over("move_id") > 0)
    assert (with_goods.filter(pl.col("net_tax_ex") < 0)["cost_tax_ex"] == 0).all()
    for row in found.iter_rows(named=True):
        if row["net_tax_ex"] >= 0:
            # One unit a line: its unrounded cost is the line's, but for cents of remainders.
            gap = abs(row["cost_unit_tax_ex"] - row["cost_tax_ex"])
            assert gap <= D("0.005") * (len(parts) + 1)


@settings(deadline=None, max_examples=40)
@given(AMOUNTS, st.integers(1, 99), st.sampled_from([GOODS, OTHER]))
def test_a_refund_undoes_its_bill(amount: float, units: int, product: int) -> None:
    common = {"quantity": float(units), "product_id": product}
    bought = only(DATASET, bill(amount, **common))
    back = only(
        DATASET, bill(amount, balance=-amount, **common, **{"move_id.move_type": "in_refund"})
    )
    for name in ("quantity", "net_tax_ex", "total_tax_in", "cost_tax_ex", "net_currency"):
        assert bought[name] + back[name] == 0
    assert bought["cost_unit_tax_ex"] == back["cost_unit_tax_ex"]
