"""The Purchases page: every section draws, rows open what is behind them, gaps are told."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from dashboard import tables
from dashboard.context import Context
from dashboard.pages import purchases
from dashboard.sections import Section
from nkdash.settings import Settings
from nkdash_tests.dashboard.conftest import drawn
from nkdash_tests.dashboard.shop import FIRST, LOST_DAY, Shop

Look = Callable[..., AbstractContextManager[Context]]
SECTIONS = [section for of_tab in purchases.page().tabs.values() for section in of_tab]
WHOLE = "?range=2026-09-11..2026-11-22"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
@pytest.mark.parametrize("search", ["", "&vendor=91&brand=1", "&company=2&grain=month"])
def test_every_section_draws(look: Look, section: Section, search: str) -> None:
    with look(WHOLE + search, "/purchases") as ctx:
        assert "card" in drawn(section.render(ctx))


def test_a_selection_without_bills_says_so(look: Look) -> None:
    with look("?range=2026-11-20..2026-11-22&brand=2", "/purchases") as ctx:
        assert "No vendor bills match" in drawn(SECTIONS[0].render(ctx))


def test_days_of_bills_that_are_not_loaded_are_told(look: Look) -> None:
    with look(f"?range={FIRST}..{LOST_DAY}", "/purchases") as ctx:
        assert "Days whose vendor bills are not loaded: 1" in drawn(SECTIONS[0].render(ctx))
    with look(f"?range={LOST_DAY}..{LOST_DAY}", "/purchases") as ctx:
        assert "No vendor bills are loaded" in drawn(SECTIONS[0].render(ctx))


def block(ctx: Context, table: tables.Table) -> list[dict[str, Any]]:
    rows, total = tables.block(ctx, table, 0, 100, "", {})
    assert total == len(rows) > 0
    return rows


def test_a_bill_opens_its_lines_and_the_record_in_odoo(
    look: Look, published: Settings, shop: Shop
) -> None:
    with look(WHOLE, "/purchases") as plain:
        settings = published.model_copy(update={"odoo_host": "erp.example.com"})
        ctx = replace(plain, settings=settings)
        row = block(ctx, purchases.BILLS)[0]
        words = drawn(purchases.bill(ctx, row["row_id"]))
        assert f"id={row['move_id']}&model=account.move" in words
        assert row["drawer"] == "bills"
        assert row["spend"] in words
        assert "Open in Odoo" not in drawn(purchases.bill(plain, row["row_id"]))


def test_a_changed_cost_opens_the_products_bills_and_its_page(look: Look) -> None:
    with look(WHOLE, "/purchases") as ctx:
        row = block(ctx, purchases.COST_CHANGES)[0]
        assert row["change"].startswith(("+", "\N{MINUS SIGN}"))
        words = drawn(purchases.cost_history(ctx, row["row_id"]))
        assert "/product?product=" in words
        assert row["unit_cost"] in words
        assert row["previous_cost"] in words


def test_a_vendor_leads_to_his_own_summary(look: Look) -> None:
    with look(WHOLE, "/purchases") as ctx:
        for row in block(ctx, purchases.VENDORS):
            known = row["vendor_id"] in ctx.names.names["vendor"]
            assert (f"vendor={row['vendor_id']}" in row["href"]) == known
