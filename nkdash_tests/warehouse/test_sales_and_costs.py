"""Sales of every source without double counting, and what their goods cost as of the day."""

import random
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nkdash.contracts import Table
from nkdash.datasets import invoice_sales, opening_costs, purchases
from nkdash.dimensions import companies, product_costs_now, products, taxes
from nkdash.lake import Layer, write_days, write_table
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse, publish
from nkdash_tests.warehouse.lake_samples import (
    AS_OF,
    DAY,
    SALES,
    catalog_of,
    contents,
    make_settings,
    sales,
)

INVOICES, BILLS = invoice_sales.FACT, purchases.FACT
D = Decimal
SERUM, SOAP, BAG = 1, 2, 3


def rows(table: Table, *found: Mapping[str, Any]) -> pl.DataFrame:
    """Rows of a table; what is not named is null, or the least a contract allows."""
    least: dict[Any, Any] = {pl.Boolean: False, pl.String: "", pl.Int64: 1}
    filled = [
        {
            c.name: row.get(c.name, None if c.nullable else least.get(type(c.dtype), 0))
            for c in table.columns
        }
        for row in found
    ]
    return pl.DataFrame(filled, schema=table.schema, orient="row")


def land(settings: Settings, table: Table, day: date, *found: Mapping[str, Any]) -> None:
    """Replace one day of a fact."""
    frame = rows(table, *({"date": day, **row} for row in found))
    write_days(settings.lake_root, Layer.STAR, table, frame, [day], as_of=AS_OF)


def land_table(settings: Settings, table: Table, *found: Mapping[str, Any]) -> None:
    write_table(settings.lake_root, Layer.STAR, table, rows(table, *found), as_of=AS_OF)


def pos_line(line: int, product: int, net: str, units: int = 1, **more: Any) -> dict[str, Any]:
    """A POS line with 11 % on top; the order has the number of the line."""
    revenue = (D(net) * D("1.11")).quantize(D("0.01"), ROUND_HALF_UP)
    return {
        "line_id": line,
        "order_id": line,
        "order_state": "done",
        "ordered_at": AS_OF,
        "ordered_at_local": AS_OF,
        "line_kind": "sale" if units > 0 else "return",
        "is_refund": units < 0,
        "product_id": product,
        "quantity": D(units),
        "net_tax_ex": D(net),
        "revenue_tax_in": revenue,
        "gross_tax_in": revenue,
        "tax": revenue - D(net),
        **more,
    }


def document(line: int, move: int, net: str, **more: Any) -> dict[str, Any]:
    """A line of a customer document without tax."""
    back = D(net) < 0
    return {
        "line_id": line,
        "move_id": move,
        "move_name": f"INV/{move}",
        "move_type": "out_refund" if back else "out_invoice",
        "line_kind": "return" if back else "sale",
        "is_refund": back,
        "quantity": D(-1 if back else 1),
        "product_id": SERUM,
        "net_tax_ex": D(net),
        "revenue_tax_in": D(net),
        "gross_tax_in": D(net),
        **more,
    }


def bill(move: int, product: int, unit_ex: str, units: int = 1, **more: Any) -> dict[str, Any]:
    """A bill line with 11 % on top; the line has the number of the bill and the product."""
    return {
        "line_id": move * 100 + product,
        "move_id": move,
        "move_type": "in_invoice",
        "product_id": product,
        "quantity": D(units),
        "cost_unit_tax_ex": D(unit_ex),
        "cost_unit_tax_in": D(unit_ex) * D("1.11"),
        "is_free_item": D(unit_ex) == 0,
        **more,
    }


def published(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    publish(settings, catalog_of(settings))
    warehouse = Warehouse(settings.warehouse_dir)
    try:
        return warehouse.query(query).rows()
    finally:
        warehouse.close()


PROFIT = """
SELECT cost_source, cost_unit_tax_ex, cost_unit_tax_in, cogs_tax_ex, cogs_tax_in,
    gross_profit_tax_ex, gross_profit_tax_in
FROM fact_sales_profit ORDER BY date, source, line_id
"""
SOURCES = "SELECT cost_source FROM fact_sales_profit ORDER BY date, source, line_id"
UNITS = "SELECT cost_unit_tax_ex FROM fact_sales_profit ORDER BY date, source, line_id"


def test_worked_example_a_product_has_its_cost_from_the_day_it_is_bought(
    settings: Settings,
) -> None:
    days = [DAY + timedelta(days=n) for n in range(3)]
    for n, day in enumerate(days):
        land(settings, SALES, day, pos_line(n, SERUM, "200", units=2))
    land(settings, BILLS, days[1], bill(1, SERUM, "95"))
    # Two at 95: 190 without tax, 210.90 with it; sold for 200 and 222.
    known = ("bill", D(95), D("105.45"), D(190), D("210.90"), D(10), D("11.10"))
    assert published(settings, PROFIT) == [(None,) * 7, known, known]


def test_a_late_bill_corrects_the_days_after_it(settings: Settings) -> None:
    days = [DAY + timedelta(days=n) for n in range(4)]
    for n, day in enumerate(days):
        land(settings, SALES, day, pos_line(n, SERUM, "200"), pos_line(10 + n, SOAP, "50"))
    land(settings, BILLS, days[2], bill(5, SERUM, "120"))
    units = [None, None, None, None, D(120), None, D(120), None]
    assert [u for (u,) in published(settings, UNITS)] == units
    land(settings, BILLS, days[1], bill(9, SERUM, "90"), bill(9, SOAP, "20"))
    units = [None, None, D(90), D(20), D(120), D(20), D(120), D(20)]
    assert [u for (u,) in published(settings, UNITS)] == units
    land(settings, BILLS, days[2])
    units = [None, None, D(90), D(20), D(90), D(20), D(90), D(20)]
    assert [u for (u,) in published(settings, UNITS)] == units


def test_the_day_s_last_bill_weighted_by_quantity(settings: Settings) -> None:
    land(
        settings,
        BILLS,
        DAY,
        bill(7, SERUM, "500", 10),
        # 24 at 40 and 12 at 43: 1476 / 36 = 41; the bonus does not dilute it.
        bill(8, SERUM, "40", 24),
        bill(8, SERUM, "43", 12, line_id=2),
        bill(8, SERUM, "0", 5, line_id=3),
        # Refunds, free goods and lines of no product set no cost.
        bill(9, SERUM, "1", is_refund=True, move_type="in_refund"),
        bill(10, SERUM, "0"),
        bill(11, SERUM, "3", product_id=None),
    )
    found = published(
        settings,
        "SELECT date, product_id, cost_source, move_id, cost_unit_tax_ex, cost_unit_tax_in,"
        " quantity FROM fact_product_costs",
    )
    assert found == [(DAY, SERUM, "bill", 8, D(41), D("45.51"), D(36))]


def test_returns_take_their_cost_back(settings: Settings) -> None:
    land(settings, BILLS, DAY, bill(1, SERUM, "95"))
    land(settings, SALES, DAY, pos_line(1, SERUM, "-200", units=-2))
    [found] = published(settings, PROFIT)
    assert found[3:6] == (D(-190), D("-210.90"), D(-10))


def test_each_company_by_itself(settings: Settings) -> None:
    land(settings, BILLS, DAY, bill(1, SERUM, "95"), bill(2, SERUM, "6", company_id=2))
    land(
        settings,
        INVOICES,
        DAY,
        document(1, 1, "100"),
        document(2, 2, "10", company_id=2),
        document(3, 3, "10", company_id=3),
    )
    assert [u for (u,) in published(settings, UNITS)] == [D(95), D(6), None]


OPENING = opening_costs.TABLE


def openings(settings: Settings, *found: dict[str, Any]) -> None:
    land_table(settings, OPENING, *found)


def test_bills_are_trusted_before_opening_costs(settings: Settings) -> None:
    for n in range(4):
        land(settings, SALES, DAY + timedelta(days=n), pos_line(n, SERUM, "200"))
    land_table(settings, companies.TABLE, {"company_id": 1, "currency_id": 12})
    land(settings, BILLS, DAY + timedelta(days=2), bill(1, SERUM, "95"))
    openings(
        settings,
        {"product_id": SERUM, "cost_unit": D(70)},
        {"product_id": SERUM, "cost_unit": D(80), "from_date": DAY + timedelta(days=1)},
        {"product_id": SERUM, "cost_unit": D(60), "from_date": DAY + timedelta(days=3)},
    )
    assert [u for (u,) in published(settings, UNITS)] == [D(70), D(80), D(95), D(95)]
    openings(settings, {"product_id": SERUM, "cost_unit": D(71)})
    assert [u for (u,) in published(settings, UNITS)] == [D(71), D(71), D(95), D(95)]
    openings(settings)
    assert [s for (s,) in published(settings, SOURCES)] == [None, None, "bill", "bill"]


def test_an_opening_cost_knows_both_tax_bases_by_the_product_s_purchase_taxes(
    settings: Settings,
) -> None:
    land_table(settings, companies.TABLE, {"company_id": 1, "currency_id": 12})
    land_table(
        settings,
        taxes.TABLE,
        {"tax_id": 2, "company_id": 1, "charged_rate": 11.0},
        {"tax_id": 9, "company_id": 1, "charged_rate": 0.0},
        {"tax_id": 29, "company_id": 2, "charged_rate": 9.0},
    )
    land_table(
        settings,
        products.TABLE,
        {"product_id": SERUM, "purchase_tax_ids": [2, 9, 29]},
        {"product_id": SOAP, "purchase_tax_ids": []},
    )
    openings(
        settings,
        {"product_id": SERUM, "cost_unit": D(111), "tax_included": True},
        {"product_id": SERUM, "cost_unit": D(10), "company_id": 2},
        {"product_id": SOAP, "cost_unit": D(50), "tax_included": True},
    )
    found = published(
        settings,
        "SELECT company_id, product_id, cost_unit_tax_ex, cost_unit_tax_in, isinf(date)"
        " FROM fact_product_costs ORDER BY ALL",
    )
    assert found == [
        (1, SERUM, D(100), D(111), True),
        (1, SOAP, D(50), D(50), True),
        (2, SERUM, D(10), D("10.9"), True),
    ]


def test_an_opening_cost_without_a_company_is_for_those_of_the_first_one_s_currency(
    settings: Settings,
) -> None:
    land_table(
        settings,
        companies.TABLE,
        {"company_id": 1, "currency_id": 12},
        {"company_id": 2, "currency_id": 37},
        {"company_id": 3, "currency_id": 12},
    )
    openings(
        settings,
        {"product_id": SERUM, "cost_unit": D(70)},
        {"product_id": SERUM, "cost_unit": D(75), "company_id": 3},
    )
    found = published(
        settings, "SELECT company_id, cost_unit_tax_ex FROM fact_product_costs ORDER BY ALL"
    )
    assert found == [(1, D(70)), (3, D(75))]


@pytest.mark.parametrize(
    ("fallback", "expected"),
    [
        ("none", [("bill", D(95), D("105.45")), (None, None, None), (None, None, None)]),
        (
            "odoo_line_cost",
            [("bill", D(95), D("105.45")), ("odoo_line_cost", D(15), None), (None, None, None)],
        ),
        (
            "standard_price",
            [("bill", D(95), D("105.45")), ("standard_price", D(18), None), (None, None, None)],
        ),
    ],
)
def test_fallbacks_only_where_asked_for_and_never_zero(
    tmp_path: Path, fallback: str, expected: list[tuple[Any, ...]]
) -> None:
    settings = make_settings(tmp_path, nkdash_cost_fallback=fallback)
    land(settings, BILLS, DAY, bill(1, SERUM, "95"))
    land_table(
        settings,
        product_costs_now.TABLE,
        {"product_id": SERUM, "standard_price": D(99)},
        {"product_id": SOAP, "standard_price": D(18)},
        {"product_id": BAG, "standard_price": D(0)},
    )
    land(
        settings,
        SALES,
        DAY,
        pos_line(1, SERUM, "200", odoo_cost=D(99)),
        pos_line(2, SOAP, "100", units=2, odoo_cost=D(30)),
        pos_line(3, BAG, "5", odoo_cost=D(0)),
    )
    assert [row[:3] for row in published(settings, PROFIT)] == expected


def test_another_fallback_is_told_at_the_next_publish(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    land(settings, SALES, DAY, pos_line(1, SOAP, "100", odoo_cost=D(30)))
    assert published(settings, SOURCES) == [(None,)]
    other = make_settings(tmp_path, nkdash_cost_fallback="odoo_line_cost")
    assert published(other, SOURCES) == [("odoo_line_cost",)]


TRANSACTIONS = """
SELECT txn_key, source, revenue_tax_in, is_refund, user_id
FROM fact_transactions ORDER BY date, source, order_id, move_id
"""


def test_an_invoice_of_a_pos_order_counts_once(settings: Settings) -> None:
    land(
        settings,
        SALES,
        DAY,
        pos_line(1, SERUM, "100", account_move_id=51),
        pos_line(2, SERUM, "-100", units=-1, account_move_id=52),
    )
    land(
        settings,
        INVOICES,
        DAY,
        document(1, 50, "100", salesperson_id=8),
        document(2, 51, "100"),
        document(3, 52, "-100"),
        # A credit note of the back office for the POS invoice: no POS order has it.
        document(4, 53, "-100", reversed_move_id=51),
    )
    assert published(settings, TRANSACTIONS) == [
        ("invoice-50", "invoice", D(100), False, 8),
        ("invoice-53", "invoice", D(-100), True, None),
        ("pos-1", "pos", D(111), False, None),
        ("pos-2", "pos", D(-111), True, None),
    ]


def test_an_order_invoiced_days_later_takes_its_invoice_out_of_the_later_day(
    settings: Settings,
) -> None:
    later = DAY + timedelta(days=5)
    land(settings, SALES, DAY, pos_line(1, SERUM, "100"))
    land(settings, INVOICES, later, document(1, 51, "100"), document(2, 60, "70"))
    keys = "SELECT txn_key FROM fact_transactions ORDER BY ALL"
    assert published(settings, keys) == [("invoice-51",), ("invoice-60",), ("pos-1",)]
    # The order's day is loaded again, now with its invoice; the later day's files do not change.
    land(settings, SALES, DAY, pos_line(1, SERUM, "100", account_move_id=51))
    assert published(settings, keys) == [("invoice-60",), ("pos-1",)]
    land(settings, SALES, DAY, pos_line(1, SERUM, "100"))
    assert published(settings, keys) == [("invoice-51",), ("invoice-60",), ("pos-1",)]


def random_day(pick: random.Random, table: Table, day: date) -> list[dict[str, Any]]:
    number = day.toordinal() * 100
    if table is SALES:
        return [
            pos_line(
                number + n,
                pick.choice([SERUM, SOAP]),
                str(pick.randrange(1, 500)),
                account_move_id=pick.choice([None, pick.randrange(9)]),
            )
            for n in range(pick.randrange(4))
        ]
    if table is INVOICES:
        # A document has one date: its number tells the day.
        return [
            document(
                number + n,
                pick.choice([n for n in range(9) if n % 4 == number // 100 % 4]),
                str(pick.choice([70, -70])),
            )
            for n in range(pick.randrange(3))
        ]
    return [
        bill(number + n, pick.choice([SERUM, SOAP]), str(pick.randrange(100)), pick.randrange(1, 9))
        for n in range(pick.randrange(3))
    ]


def reference_units(
    sold: list[tuple[date, int, int]], bought: list[dict[str, Any]]
) -> list[Decimal | None]:
    """The unit cost of each (day, product, company) by the rules, in plain Python."""
    found: list[Decimal | None] = []
    for day, product, company in sold:
        earlier = [
            b
            for b in bought
            if (b["product_id"], b["company_id"]) == (product, company)
            and b["date"] <= day
            and b["cost_unit_tax_ex"] > 0
        ]
        last = max(((b["date"], b["move_id"]) for b in earlier), default=None)
        lines = [b for b in earlier if (b["date"], b["move_id"]) == last]
        units = sum((b["quantity"] for b in lines), D(0))
        total = sum((b["quantity"] * b["cost_unit_tax_ex"] for b in lines), D(0))
        found.append((total / units).quantize(D("0.000001"), ROUND_HALF_UP) if lines else None)
    return found


STEPS = st.lists(
    st.tuples(st.sampled_from(["sales", "invoices", "bills", "publish"]), st.integers(0, 3)),
    min_size=1,
    max_size=14,
)


@hypothesis_settings(deadline=None, max_examples=5)
@given(STEPS, st.integers(0, 10_000))
def test_in_whatever_order_days_land_the_warehouse_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]], seed: int
) -> None:
    pick = random.Random(seed)
    settings = make_settings(tmp_path_factory.mktemp("steps"))
    catalog = catalog_of(settings)
    tables = {"sales": SALES, "invoices": INVOICES, "bills": BILLS}
    land(settings, SALES, DAY, pos_line(1, SERUM, "10"))
    bought: dict[date, list[dict[str, Any]]] = {}
    for what, offset in steps:
        day = DAY + timedelta(days=offset)
        if what == "publish":
            publish(settings, catalog)
            continue
        lines = random_day(pick, tables[what], day)
        land(settings, tables[what], day, *lines)
        if what == "bills":
            bought[day] = [{"date": day, "company_id": 1, **line} for line in lines]
    step_by_step = publish(settings, catalog)
    anew = make_settings(
        settings.lake_root.parent, nkdash_warehouse=settings.lake_root.parent / "anew"
    )
    at_once = publish(anew, catalog)
    assert contents(step_by_step.path) == contents(at_once.path)
    sold = published(
        anew,
        "SELECT date, product_id, company_id, cost_unit_tax_ex, txn_key, source, move_id"
        " FROM fact_sales_profit ORDER BY ALL",
    )
    events = [line for lines in bought.values() for line in lines]
    assert [row[3] for row in sold] == reference_units([row[:3] for row in sold], events)
    invoiced = {m for (m,) in published(anew, "SELECT account_move_id FROM fact_sales")}
    assert not invoiced & {row[6] for row in sold if row[5] == "invoice"}


def test_random_retail_adds_up_with_documents_beside(settings: Settings) -> None:
    write_days(settings.lake_root, Layer.STAR, SALES, sales(DAY, 1, 30), [DAY], as_of=AS_OF)
    land(settings, INVOICES, DAY, document(1, 50, "70"), document(2, 50, "30"))
    [(daily, hourly, lines)] = published(
        settings,
        "SELECT (SELECT sum(revenue_tax_in) FROM agg_sales_daily),"
        " (SELECT sum(revenue_tax_in) FROM agg_sales_hourly),"
        " (SELECT sum(revenue_tax_in) FROM fact_sales)",
    )
    assert (daily, hourly) == (lines + 100, lines)
