"""The rules of POS facts: worked out on paper, and held for whatever hypothesis can sell."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nkdash.datasets import pos_order_lines, pos_orders, pos_payments
from nkdash.datasets.columns import SOLD_STATES
from nkdash.datasets.spec import Dataset
from nkdash.lake import EXTRACTED_AT
from nkdash.settings import Settings

DATASET = pos_order_lines.dataset(Settings())
INCLUDED, EXCLUDED, SURCHARGE = 1, 2, 3
TAXES = pl.DataFrame(
    {
        "tax_id": [INCLUDED, EXCLUDED, SURCHARGE],
        "name": ["PPN 11 % incl", "PPN 11 %", "PB1 5 %"],
        "rate": [11.0, 11.0, 5.0],
        "charged_rate": [11.0, 11.0, 5.0],
        "price_included": [True, False, False],
    }
).lazy()
GOODS, SERVICE = 10, 20
PRODUCTS = pl.DataFrame({"product_id": [GOODS, SERVICE], "type": ["product", "service"]}).lazy()
ORDER = {
    "order_id": 5,
    "company_id": 1,
    "order_id.name": "Toko/0001",
    "order_id.state": "done",
    "order_id.date_order": "2026-10-13 17:30:00",
    "order_id.config_id": 2,
    "order_id.session_id": 3,
    "order_id.currency_rate": 1.0,
    "date": "2026-10-14",
}


def raw(dataset: Dataset, *records: dict[str, Any]) -> pl.LazyFrame:
    """Raw rows of a dataset; what a record does not name is null."""
    schema = dataset.raw_table.schema
    texts = {n: pl.String for n, t in schema.items() if t in (pl.Date, pl.Datetime("us"))}
    frame = pl.DataFrame(
        [{name: r.get(name) for name in schema} for r in records],
        schema={**schema, **texts},
        orient="row",
    )
    return (
        frame.with_columns(
            *[
                pl.col(n).str.to_date() if schema[n] == pl.Date else pl.col(n).str.to_datetime()
                for n in texts
            ]
        )
        .cast({EXTRACTED_AT: pl.Datetime("us")})
        .lazy()
    )


def line(number: int = 1, **values: Any) -> dict[str, Any]:
    base = {"id": number, "product_id": GOODS, "qty": 1.0, "discount": 0.0, "tax_ids": []}
    return {**ORDER, **base, **values}


def sold(*lines: dict[str, Any]) -> list[dict[str, Any]]:
    clean = DATASET.clean(raw(DATASET, *lines))
    assert DATASET.fact is not None
    dimensions = {"dim_taxes": TAXES, "dim_products": PRODUCTS}
    return DATASET.fact.make(clean, dimensions).sort("line_id").collect().to_dicts()


def amounts(row: dict[str, Any]) -> tuple[str, str, str, str, str]:
    return (
        row["line_kind"],
        str(row["gross_tax_in"]),
        str(row["discount_tax_in"]),
        str(row["net_tax_ex"]),
        str(row["revenue_tax_in"]),
    )


CASES = {
    # price 111,000 with 11 % in it, 20 % off: 88,800 with tax, 80,000 without
    "included tax, 20 % off": (
        {"price_unit": 111000.0, "discount": 20.0, "price_subtotal": 80000.0,
         "price_subtotal_incl": 88800.0, "tax_ids": [INCLUDED]},
        ("sale", "111000.00", "22200.00", "80000.00", "88800.00"),
    ),
    # price 100,000 and 11 % on top, 20 % off: gross 111,000, paid 88,800
    "excluded tax, 20 % off": (
        {"price_unit": 100000.0, "discount": 20.0, "price_subtotal": 80000.0,
         "price_subtotal_incl": 88800.0, "tax_ids": [EXCLUDED]},
        ("sale", "111000.00", "22200.00", "80000.00", "88800.00"),
    ),
    "excluded tax, given away at 100 %": (
        {"price_unit": 100000.0, "qty": 2.0, "discount": 100.0, "price_subtotal": 0.0,
         "price_subtotal_incl": 0.0, "tax_ids": [EXCLUDED]},
        ("free", "222000.00", "222000.00", "0.00", "0.00"),
    ),
    "included tax, given away at 100 %": (
        {"price_unit": 111000.0, "discount": 100.0, "price_subtotal": 0.0,
         "price_subtotal_incl": 0.0, "tax_ids": [INCLUDED]},
        ("free", "111000.00", "111000.00", "0.00", "0.00"),
    ),
    # 111,000 holds 11 %, 5 % come on top of 100,000: the excluded part is 5 % of the price
    "both kinds of tax, half off": (
        {"price_unit": 111000.0, "discount": 50.0, "price_subtotal": 50000.0,
         "price_subtotal_incl": 58000.0, "tax_ids": [INCLUDED, SURCHARGE]},
        ("sale", "116550.00", "58550.00", "50000.00", "58000.00"),
    ),
    "price 0": (
        {"price_unit": 0.0, "price_subtotal": 0.0, "price_subtotal_incl": 0.0,
         "tax_ids": [INCLUDED]},
        ("free", "0.00", "0.00", "0.00", "0.00"),
    ),
    "returned goods": (
        {"price_unit": 111000.0, "qty": -1.0, "price_subtotal": -100000.0,
         "price_subtotal_incl": -111000.0, "tax_ids": [INCLUDED]},
        ("return", "-111000.00", "0.00", "-100000.00", "-111000.00"),
    ),
    "a voucher counts whole as discount": (
        {"price_unit": -50000.0, "price_subtotal": -45045.05, "price_subtotal_incl": -50000.0,
         "tax_ids": [INCLUDED], "product_id": SERVICE},
        ("discount", "0.00", "50000.00", "-45045.05", "-50000.00"),
    ),
    "a voucher given back": (
        {"price_unit": -50000.0, "qty": -1.0, "price_subtotal": 45045.05,
         "price_subtotal_incl": 50000.0, "tax_ids": [INCLUDED]},
        ("discount", "0.00", "-50000.00", "45045.05", "50000.00"),
    ),
    "a service": (
        {"price_unit": 150000.0, "price_subtotal": 150000.0, "price_subtotal_incl": 150000.0,
         "product_id": SERVICE},
        ("service", "150000.00", "0.00", "150000.00", "150000.00"),
    ),
    "a fraction of a unit": (
        {"price_unit": 10000.0, "qty": 0.333, "price_subtotal": 3330.0,
         "price_subtotal_incl": 3330.0},
        ("sale", "3330.00", "0.00", "3330.00", "3330.00"),
    ),
    # 10 USD at 0.0000625 USD per IDR are 160,000 IDR
    "an order in another currency": (
        {"price_unit": 10.0, "price_subtotal": 10.0, "price_subtotal_incl": 10.0,
         "order_id.currency_rate": 0.0000625},
        ("sale", "160000.00", "0.00", "160000.00", "160000.00"),
    ),
    # 11,100 of further discount on 111,000: a tenth off both bases
    "a further discount amount": (
        {"price_unit": 111000.0, "price_subtotal": 100000.0, "price_subtotal_incl": 111000.0,
         "tax_ids": [INCLUDED], "discount_amount": 11100.0},
        ("sale", "111000.00", "11100.00", "90000.00", "99900.00"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_kinds_and_amounts_by_the_rules(case: str) -> None:
    values, expected = CASES[case]
    [row] = sold(line(**values))
    assert amounts(row) == expected
    assert row["is_refund"] == (row["line_kind"] == "return")
    assert row["tax"] == row["revenue_tax_in"] - row["net_tax_ex"]


def test_days_and_hours_are_local() -> None:
    [row] = sold(line(price_unit=1.0, price_subtotal=1.0, price_subtotal_incl=1.0))
    assert f"{row['ordered_at']:%F %T}" == "2026-10-13 17:30:00"
    assert f"{row['ordered_at_local']:%F %T}" == "2026-10-14 00:30:00"
    assert row["hour"] == 0


def test_cost_of_odoo_only_where_odoo_has_computed_it() -> None:
    paid = {"price_unit": 1.0, "price_subtotal": 1.0, "price_subtotal_incl": 1.0}
    known = {"total_cost": 7.005, "is_total_cost_computed": True}
    rows = sold(
        line(1, **paid, **known),
        line(2, **paid, total_cost=7.0, is_total_cost_computed=False),
        line(3, **paid),
    )
    assert [row["odoo_cost"] for row in rows] == [Decimal("7.01"), None, None]


@pytest.mark.parametrize("state", ["draft", "cancel", *SOLD_STATES])
def test_drafts_and_cancelled_orders_are_out(state: str) -> None:
    paid = {"price_unit": 1.0, "price_subtotal": 1.0, "price_subtotal_incl": 1.0}
    assert len(sold(line(**{**paid, "order_id.state": state}))) == (state in SOLD_STATES)
    orders = pos_orders.dataset(Settings())
    order = {"id": 1, "state": state, "date": "2026-10-14", "date_order": "2026-10-14 01:00:00"}
    assert orders.clean(raw(orders, order)).collect().height == (state in SOLD_STATES)
    payments = pos_payments.dataset(Settings())
    payment = {"id": 1, "pos_order_id.state": state, "amount": 5.0, "date": "2026-10-14"}
    assert payments.clean(raw(payments, payment)).collect().height == (state in SOLD_STATES)


def test_the_same_record_twice_counts_once() -> None:
    paid = {"price_unit": 1.0, "price_subtotal": 1.0, "price_subtotal_incl": 1.0}
    assert len(sold(line(1, **paid), line(1, **paid))) == 1


@st.composite
def odoo_line(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """A line as Odoo computes one: price, quantity, discount, taxes of either kind."""
    price = draw(st.integers(0, 5_000_000)) / draw(st.sampled_from([1, 4, 100]))
    price *= draw(st.sampled_from([1, 1, 1, -1]))
    qty = draw(st.sampled_from([1.0, 2.0, -1.0, 12.0, 0.25, -0.333, 1.5]))
    discount = draw(st.sampled_from([0.0, 0.0, 10.0, 33.33, 50.0, 99.9, 100.0]))
    taxes = draw(st.sampled_from([[], [INCLUDED], [EXCLUDED]]))
    base = price * qty * (1 - discount / 100)
    net = round(base / 1.11 if taxes == [INCLUDED] else base, 2)
    with_tax = round(base * 1.11 if taxes == [EXCLUDED] else base, 2)
    return line(
        number,
        price_unit=price,
        qty=qty,
        discount=discount,
        price_subtotal=net,
        price_subtotal_incl=with_tax,
        tax_ids=taxes,
        product_id=draw(st.sampled_from([GOODS, SERVICE])),
    )


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 12))
def test_whatever_was_sold_the_sums_hold(data: st.DataObject, size: int) -> None:
    lines = [data.draw(odoo_line(n)) for n in range(1, size + 1)]
    rows = sold(*lines)
    assert len(rows) == size
    for row, given_line in zip(rows, lines, strict=True):
        assert row["gross_tax_in"] - row["discount_tax_in"] == row["revenue_tax_in"]
        assert row["tax"] == row["revenue_tax_in"] - row["net_tax_ex"]
        assert row["revenue_tax_in"] == Decimal(str(given_line["price_subtotal_incl"]))
        assert row["net_tax_ex"] == Decimal(str(given_line["price_subtotal"]))
    of = {
        kind: [row for row in rows if row["line_kind"] == kind]
        for kind in pos_order_lines.LINE_KINDS
    }
    gross = sum(r["gross_tax_in"] for k in ("sale", "free", "service") for r in of[k])
    discounts = sum(
        r["discount_tax_in"] for k in ("sale", "free", "service", "discount") for r in of[k]
    )
    returns = -sum(r["revenue_tax_in"] for r in of["return"])
    assert gross - discounts - returns == sum(r["revenue_tax_in"] for r in rows)
