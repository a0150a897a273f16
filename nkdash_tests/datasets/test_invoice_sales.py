"""What customers were invoiced: worked out on paper, and signs that hold for any line."""

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nkdash.datasets import invoice_sales
from nkdash.settings import Settings
from nkdash_tests.datasets.documents import (
    DOZEN,
    GOODS,
    PPH,
    PPN,
    PPN_INCL,
    SERVICE,
    USD,
    clean,
    fact,
    line,
    only,
)

DATASET = invoice_sales.dataset(Settings(_env_file=None))
CREDIT = {"move_id.move_type": "out_refund"}


def sold(subtotal: float, total: float | None = None, /, **values: Any) -> dict[str, Any]:
    """A line of an invoice in rupiah; without ``total`` there is no tax."""
    return line(
        **{
            "move_id.move_type": "out_invoice",
            "price_unit": subtotal,
            "price_subtotal": subtotal,
            "price_total": subtotal if total is None else total,
            "balance": -subtotal,
            **values,
        }
    )


CASES: dict[str, tuple[Any, ...]] = {
    # what: line -> kind, gross, discount, revenue, net, quantity
    "excluded tax, 20 % off": (
        # 10 x 50 = 500, less 100; both with 11 % on top
        sold(400, 444, quantity=10.0, price_unit=50.0, discount=20.0, tax_ids=[PPN]),
        *("sale", "555", "111", "444", "400", "10"),
    ),
    "included tax, half off": (
        # 111 holds its 11: 50 + 5.50 are left
        sold(50, 55.5, price_unit=111.0, discount=50.0, tax_ids=[PPN_INCL]),
        *("sale", "111", "55.5", "55.5", "50", "1"),
    ),
    "without a discount gross is revenue, rounding included": (
        # 3 x 33.333 = 99.999, which Odoo rounds to 100
        sold(100, 111, quantity=3.0, price_unit=33.333, tax_ids=[PPN]),
        *("sale", "111", "0", "111", "100", "3"),
    ),
    "given away at 100 %": (
        sold(0, quantity=2.0, price_unit=50.0, discount=100.0, tax_ids=[PPN]),
        *("free", "111", "111", "0", "0", "2"),
    ),
    "price 0": (sold(0), *("free", "0", "0", "0", "0", "1")),
    "a discount line by price": (
        sold(-25, -27.75, product_id=SERVICE, tax_ids=[PPN]),
        *("discount", "0", "27.75", "-27.75", "-25", "1"),
    ),
    "a discount line by quantity, of no product": (
        sold(-5, product_id=None, quantity=-1.0, price_unit=5.0),
        *("discount", "0", "5", "-5", "-5", "-1"),
    ),
    "a discount line taken back with its invoice": (
        sold(-5, balance=-5.0, product_id=None, quantity=-1.0, price_unit=5.0, **CREDIT),
        *("discount", "0", "-5", "5", "5", "1"),
    ),
    "goods taken back on an invoice": (
        sold(-100, quantity=-2.0, price_unit=50.0),
        *("return", "-100", "0", "-100", "-100", "-2"),
    ),
    "a credit note": (
        sold(400, 444, balance=400.0, quantity=10.0, price_unit=50.0, discount=20.0, tax_ids=[PPN])
        | CREDIT,
        *("return", "-555", "-111", "-444", "-400", "-10"),
    ),
    "a receipt": (
        sold(100, 111, tax_ids=[PPN], **{"move_id.move_type": "out_receipt"}),
        *("sale", "111", "0", "111", "100", "1"),
    ),
    "a service": (sold(100, product_id=SERVICE), *("service", "100", "0", "100", "100", "1")),
    "an advance": (
        sold(100, product_id=SERVICE, is_downpayment=True),
        *("service", "100", "0", "100", "100", "1"),
    ),
    "an advance settled": (
        sold(-100, product_id=SERVICE, quantity=-1.0, price_unit=100.0, is_downpayment=True),
        *("service", "-100", "0", "-100", "-100", "-1"),
    ),
    "dozens": (
        sold(240, quantity=2.0, price_unit=120.0, product_uom_id=DOZEN),
        *("sale", "240", "0", "240", "240", "24"),
    ),
    "withholding is no part of the revenue": (
        # Odoo's total: 100 + 11 - 2
        sold(100, 109, tax_ids=[PPN, PPH]),
        *("sale", "111", "0", "111", "100", "1"),
    ),
    "foreign currency": (
        # USD 80 of 100 at 15,924; the balance is Odoo's own conversion
        sold(
            80,
            88.8,
            balance=-1273920.0,
            price_unit=100.0,
            discount=20.0,
            tax_ids=[PPN],
            currency_id=USD,
        ),
        *("sale", "1767564", "353512.8", "1414051.2", "1273920", "1"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_kinds_and_amounts_by_the_rules(case: str) -> None:
    row, kind, gross, discount, revenue, net, quantity = CASES[case]
    found = only(DATASET, row)
    assert found["line_kind"] == kind
    assert found["gross_tax_in"] == D(gross)
    assert found["discount_tax_in"] == D(discount)
    assert found["revenue_tax_in"] == D(revenue)
    assert found["net_tax_ex"] == D(net)
    assert found["tax"] == D(revenue) - D(net)
    assert found["quantity"] == D(quantity)


def test_who_and_what_for() -> None:
    header = {
        "move_id.partner_id": 7,
        "move_id.invoice_user_id": 8,
        "move_id.pos_order_ids": [31, 30],
        "move_id.reversed_entry_id": 9,
    }
    found = only(DATASET, sold(100, **header))
    assert (found["customer_id"], found["salesperson_id"]) == (7, 8)
    assert (found["pos_order_id"], found["reversed_move_id"]) == (30, 9)
    assert only(DATASET, sold(100, **{"move_id.pos_order_ids": []}))["pos_order_id"] is None


@pytest.mark.parametrize("state", ["draft", "cancel"])
def test_only_posted_documents_count(state: str) -> None:
    assert clean(DATASET, sold(100, **{"move_id.state": state})).is_empty()


@settings(deadline=None, max_examples=40)
@given(
    st.integers(-5_000_000, 90_000_000).map(lambda cents: cents / 100),
    st.integers(1, 99).map(float),
    st.sampled_from([0.0, 2.5, 33.33, 100.0]),
    st.booleans(),
    st.booleans(),
)
def test_whatever_was_invoiced_a_credit_note_undoes_it(
    price: float, units: float, discount: float, taxed: bool, no_product: bool
) -> None:
    subtotal = round(price * units * (1 - discount / 100), 2)
    row = sold(
        subtotal,
        round(subtotal * 1.11, 2) if taxed else subtotal,
        price_unit=price,
        quantity=units,
        discount=discount,
        tax_ids=[PPN] if taxed else [],
        product_id=None if no_product else GOODS,
    )
    found = only(DATASET, row)
    back = only(DATASET, row | {"balance": subtotal} | CREDIT)
    assert found["gross_tax_in"] - found["discount_tax_in"] == found["revenue_tax_in"]
    assert found["revenue_tax_in"] - found["net_tax_ex"] == found["tax"]
    for name in ("quantity", "net_tax_ex", "revenue_tax_in", "net_currency", "discount_tax_in"):
        assert found[name] + back[name] == 0
    assert {found["line_kind"], back["line_kind"]} in (
        {"discount"},
        {"sale", "return"},
        {"free", "return"},
    )


def test_an_invoice_s_lines_keep_apart() -> None:
    rows = fact(DATASET, sold(100), sold(50, id=2, move_id=101))
    assert rows["move_id"].to_list() == [100, 101]
