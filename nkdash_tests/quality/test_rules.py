"""The rules of the checks that need no Odoo: contract, references, volume, totals of POS orders."""

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nkdash.catalog import load_catalog
from nkdash.contracts import Column, ContractViolationError, Finding, Table, conform, findings
from nkdash.quality.pos_totals import unequal_lines, unequal_payments
from nkdash.quality.references import Orphans, orphans, references
from nkdash.quality.volume import unusual_days, weekdays_before
from nkdash.settings import load_settings
from nkdash.warehouse.ddl import create_table

GOODS = Table(
    "goods",
    grain="one thing",
    key=("id",),
    columns=(
        Column("id", pl.Int64(), "Id", nullable=False),
        Column("share", pl.Float64(), "Percent", minimum=0, maximum=100, severity="warn"),
        Column("kind", pl.String(), "Kind", nullable=False, values=("a", "b"), severity="warn"),
    ),
    partitioned=False,
)


def goods(**columns: list[object]) -> pl.DataFrame:
    rows: dict[str, list[object]] = {"id": [1, 2], "share": [0.0, 100.0], "kind": ["a", "b"]}
    return pl.DataFrame({**rows, **columns}, schema=GOODS.schema)


def test_a_broken_rule_of_severity_warn_lands_and_is_told() -> None:
    strange = goods(share=[0.0, 140.0], kind=["a", None])
    assert findings(strange, GOODS) == [
        Finding("share is 140.0, above 100", "warn"),
        Finding("kind is null in 1 rows, e.g. {'id': 2}", "warn"),
    ]
    assert conform(strange, GOODS).equals(strange)
    assert not any(
        "kind" in s and "NOT NULL" in s for s in create_table(GOODS, "goods")[0].split(",")
    )
    assert findings(goods(), GOODS) == []


def test_a_broken_rule_of_severity_error_refuses_the_frame() -> None:
    twice = goods(id=[7, 7], share=[-1.0, 0.0])
    assert {f.severity for f in findings(twice, GOODS)} == {"warn", "error"}
    with pytest.raises(ContractViolationError, match=r"key .* is not unique") as raised:
        conform(twice, GOODS)
    assert "share" not in str(raised.value), "a warning is no cause"
    with pytest.raises(ContractViolationError, match="missing"):
        conform(goods().drop("kind"), GOODS)
    loose = replace(GOODS, key_severity="warn")
    assert conform(twice, loose).height == 2


def test_columns_lead_to_dimensions_by_their_names(settings_env: pytest.MonkeyPatch) -> None:
    catalog = load_catalog(load_settings())
    dimensions = [d.table for d in catalog.dimensions]
    leads = {
        fact.name: {c: t.name for c, t in references(fact, dimensions).items()}
        for fact in catalog.facts
    }
    assert leads["fact_sales"] == {
        "company_id": "dim_companies",
        "pos_config_id": "dim_pos_configs",
        "user_id": "dim_users",
        "cashier_id": "dim_employees",
        "customer_id": "dim_partners",
        "product_id": "dim_products",
    }
    assert leads["fact_payments"]["payment_method_id"] == "dim_payment_methods"
    assert leads["fact_purchases"]["vendor_id"] == "dim_partners"
    assert leads["fact_invoice_sales"]["salesperson_id"] == "dim_users"
    moves = leads["fact_inventory_moves"]
    assert moves["from_location_id"] == moves["to_location_id"] == "dim_locations"
    assert moves["lot_id"] == "dim_lots"
    assert leads["fact_stock_on_hand_snapshot"]["owner_id"] == "dim_partners"


def test_orphans_are_counted_with_examples() -> None:
    partners = Table("dim_partners", "one", ("partner_id",), ())
    fact = pl.DataFrame({"customer_id": [1, None, 8, 8, 9], "partner_id": [1, 1, 1, 1, 1]})
    known = pl.DataFrame({"partner_id": [1, 2]})
    leads = {"customer_id": partners, "partner_id": partners}
    found = orphans(fact.lazy(), leads, {"dim_partners": known.lazy()})
    assert found == [Orphans("customer_id", "dim_partners", ids=2, rows=3, examples=(8, 9))]
    assert orphans(fact.lazy(), leads, {}) == [], "a dimension never loaded says nothing"


DAY = date(2026, 11, 20)


def weeks(*before: int) -> dict[date, int]:
    return dict(zip(weekdays_before(DAY), before, strict=False))


@pytest.mark.parametrize(
    ("before", "rows", "is_unusual"),
    [
        ((100, 110, 95, 105, 102, 98, 107, 99), 104, False),
        ((100, 110, 95, 105, 102, 98, 107, 99), 0, True),
        ((100, 110, 95, 105, 102, 98, 107, 99), 400, True),
        ((100, 110, 95, 105, 102, 98, 107, 99), 140, False),
        # One closed Friday among eight does not make the next one usual.
        ((100, 0, 95, 105, 102, 98, 107, 99), 0, True),
        # Few rows scatter by chance.
        ((3, 1, 4, 2, 3, 2, 5, 3), 0, False),
        ((3, 1, 4, 2, 3, 2, 5, 3), 90, True),
        # Closed on Fridays.
        ((0, 0, 0, 0, 0, 0, 0, 0), 0, False),
        # Too little to compare.
        ((100, 100, 100), 0, False),
    ],
)
def test_a_day_far_from_its_weekday_is_unusual(
    before: tuple[int, ...], rows: int, is_unusual: bool
) -> None:
    found = unusual_days({**weeks(*before), DAY: rows}, [DAY])
    assert bool(found) == is_unusual
    if found:
        assert (found[0].day, found[0].rows) == (DAY, rows)


@given(st.lists(st.integers(0, 10_000), min_size=4, max_size=8))
def test_the_median_itself_is_never_unusual(before: list[int]) -> None:
    rows = weeks(*before)
    usual = sorted(before)[len(before) // 2]
    if len(before) % 2:
        assert unusual_days({**rows, DAY: usual}, [DAY]) == []
    assert unusual_days(rows, [DAY, DAY - timedelta(days=1)]) == [], "not loaded: nothing to say"


ORDERS = pl.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "name": ["Shop/1", "Shop/2", "Shop/3", "Shop/4"],
        "state": ["done", "paid", "cancel", "done"],
        "amount_total": [100.0, 0.3, 50.0, 20.0],
        "amount_paid": [100.0, 0.5, 50.0, 20.0],
    }
)


def test_parts_of_pos_orders_add_up() -> None:
    lines = pl.DataFrame(
        {"order_id": [1, 1, 2, 2, 4], "price_subtotal_incl": [120.0, -20.0, 0.1, 0.2, 19.99]}
    )
    found = unequal_lines(ORDERS.lazy(), lines.lazy())
    assert found is not None
    assert str(found) == "1 orders, e.g. Shop/4: amount_total 20.0, lines 19.99"
    assert unequal_lines(ORDERS.filter(pl.col("id") < 4).lazy(), lines.lazy()) is None


def test_an_order_without_payments_does_not_add_up_and_change_does() -> None:
    payments = pl.DataFrame({"pos_order_id": [1, 1, 2], "amount": [150.0, -50.0, 0.5]})
    found = unequal_payments(ORDERS.lazy(), payments.lazy())
    assert found is not None
    assert (found.orders, found.examples) == (1, ("Shop/4: amount_paid 20.0, payments 0.0",))
