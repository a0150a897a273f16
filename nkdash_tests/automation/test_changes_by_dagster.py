"""The sensor for changed days with Dagster's own runs behind it."""

from datetime import date

import dagster as dg

from nkdash.automation.changes import known, tick
from nkdash.warehouse import Warehouse, restatements
from nkdash_tests.automation.changing import days_of
from nkdash_tests.automation.conftest import Shop
from nkdash_tests.automation.test_changes import POS, on


def test_through_dagster_the_sensors_runs_mend_lake_and_warehouse(shop: Shop) -> None:
    """With the definitions' own job: raw, clean, star, dimensions, publish, restatements."""
    shop.odoo.control.set_clock(shop.now)
    for _ in range(4):
        shop.load(shop.look())
        shop.wait(minutes=11)
    assert shop.look() == []
    shop.odoo.control.set_clock(shop.now)
    first = tick(shop.instance, shop.settings, shop.catalog)
    assert isinstance(first, dg.SkipReason), "what was just loaded is as Odoo has it"
    late = shop.odoo.control.deliver_orders(days_ago=2, count=2)
    shop.wait(minutes=3)
    asked = tick(shop.instance, shop.settings, shop.catalog)
    assert isinstance(asked, list)
    day = date(2026, 10, 15)
    assert {pair for request in asked for pair in days_of(request)} == on(day, *POS)
    assert shop.load(asked)
    assert isinstance(tick(shop.instance, shop.settings, shop.catalog), dg.SkipReason)
    assert known(shop.instance).pending == {}
    warehouse = Warehouse(shop.settings.warehouse_dir)
    try:
        with warehouse.cursor() as cursor:
            sold = cursor.execute(
                "SELECT count(DISTINCT order_id) FROM fact_sales WHERE list_contains(?, order_id)",
                [late],
            ).fetchall()
            told = restatements.read(cursor).filter(measure="rows")
    finally:
        warehouse.close()
    assert sold == [(2,)]
    assert set(told.select("table_name", "date").rows()) == {
        ("fact_sales", day),
        ("fact_payments", day),
    }
    assert (told["value_after"] > told["value_before"]).all()
