"""In Indonesian what opens above a page speaks Indonesian too; pages themselves: test_axe."""

import pytest
from playwright.sync_api import expect

from nkdash_tests.dashboard.conftest import Open
from nkdash_tests.dashboard.sights import fronts
from nkdash_tests.dashboard.words import left_over

pytestmark = pytest.mark.browser


def test_what_opens_above_a_page_speaks_indonesian(visit: Open) -> None:
    seen = visit()
    page = seen.open("/")
    dialog = page.get_by_role("dialog")
    assert len(left_over(page)) > 20, "in English this finds nothing"
    page.locator("[data-action=language]").click()
    expect(page.locator("html")).to_have_attribute("lang", "id")
    seen.settle()
    found = {}
    for place in fronts():
        seen.go(place.path)
        if page.locator("[data-explain]").count():
            page.locator("[data-explain]").last.click()
            dialog.locator("pre").wait_for()
            found[f"{place} explained"] = left_over(page)
            page.keyboard.press("Escape")
            dialog.wait_for(state="hidden")
    seen.go("/")
    for key in ("f", "?"):
        page.keyboard.press(key)
        dialog.wait_for()
        found[key] = left_over(page)
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
    left = "\n".join(f"{where}: {said}" for where, said in found.items() if said)
    assert not left, left
