"""Every tab of every page and what opens above it, in both themes and at both widths.

axe finds nothing serious or critical, nothing scrolls sideways, nothing failed, and nothing is left
in English: all is looked at in Indonesian, whose words are longer. (In English: test_url_state.)
"""

import json
from contextlib import suppress
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, TimeoutError, ViewportSize, expect

from dashboard.sections import Page as Declared
from nkdash_tests.dashboard.conftest import Visit, reveal
from nkdash_tests.dashboard.sights import Place, pages, tabs_of
from nkdash_tests.dashboard.words import left_over

pytestmark = pytest.mark.browser

GRAVE = ("serious", "critical")
# Of all rules only this one sees colours: with the theme nothing else can change.
COLOURS = ("color-contrast",)
WIDE = ViewportSize(width=1440, height=900)
PHONE = ViewportSize(width=390, height=844)
TOO_WIDE = "document.documentElement.scrollWidth - window.innerWidth"


def findings(page: Page, rules: tuple[str, ...] = ()) -> list[str]:
    """What axe finds grave on the page as it is: rule, element and why."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    reveal(page)
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    found = page.evaluate(f"axe.run({json.dumps(options)})")["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['target'][0]}: {node['failureSummary']}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


def turn(page: Page) -> str:
    """The other theme, without loading anything; gives its name."""
    html = page.locator("html")
    other = {"light": "dark", "dark": "light"}[scheme_of(page)]
    page.locator('[data-action="scheme"]').click()
    expect(html).to_have_attribute("data-mantine-color-scheme", other)
    return other


def scheme_of(page: Page) -> str:
    """The theme that is shown."""
    return str(page.locator("html").get_attribute("data-mantine-color-scheme"))


def unsound(page: Page, place: Place) -> list[str]:
    """What no tab may have, whatever it shows."""
    with suppress(TimeoutError):  # a chart follows the width of the window a moment later
        page.wait_for_function(f"() => {TOO_WIDE} <= 0", timeout=3_000)
    wide = page.evaluate(TOO_WIDE)
    # Dagster is not there in these tests; Operations says so.
    said = [] if place.page.own else page.locator(".message.problem").all_inner_texts()
    headings = page.locator("h1").count()
    return [
        *(f"says {words}" for words in said),
        *([f"is {wide} pixels too wide"] if wide > 0 else []),
        *([f"has {headings} headings"] if headings != 1 else []),
    ]


@pytest.fixture(scope="module")
def _indonesian(_shared: Visit) -> None:
    page = _shared.page
    assert len(left_over(page)) > 20, "in English this finds nothing"
    page.locator("[data-action=language]").click()
    expect(page.locator("html")).to_have_attribute("lang", "id")
    _shared.settle()


@pytest.mark.usefixtures("_indonesian")
@pytest.mark.parametrize("declared", pages(), ids=lambda page: page.name)
def test_nothing_is_wrong_on_a_page(tour: Visit, declared: Declared) -> None:
    """Each tab in one theme when wide, in the other on a phone; a page's first in both at both."""
    page, found = tour.page, {}
    for place in tabs_of(declared):
        page.set_viewport_size(WIDE)
        tour.go(place.path)
        for size in (WIDE, PHONE):
            page.set_viewport_size(size)
            tour.settle()
            where = f"{place} {size['width']}"
            wrong = unsound(page, place) + findings(page) + left_over(page)
            found[f"{where} {scheme_of(page)}"] = wrong
            if size is WIDE and not place.tab and page.locator("[data-explain]").count():
                found[f"{where} explained"] = explained(page)
            other = turn(page)
            if not place.tab:
                found[f"{where} {other}"] = findings(page, COLOURS)
    assert {where: what for where, what in found.items() if what} == {}


def explained(page: Page) -> list[str]:
    """What is in English where a page explains a figure."""
    dialog = page.get_by_role("dialog")
    page.locator("[data-explain]").last.click()
    dialog.locator("pre").wait_for()
    said = left_over(page)
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    return said


@pytest.mark.usefixtures("_indonesian")
@pytest.mark.parametrize("rules", [(), COLOURS], ids=["all", "colours"])
def test_nothing_is_wrong_in_what_opens_above_a_page(tour: Visit, rules: tuple[str, ...]) -> None:
    """All rules in one theme, and in the other what it changes."""
    page, found = tour.page, {}
    page.set_viewport_size(WIDE)
    tour.go("/sales")
    turn(page)
    dialog = page.get_by_role("dialog")
    for key in ("f", "?"):
        page.keyboard.press(key)
        dialog.wait_for()
        found[key] = findings(page, rules) + left_over(page)
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
    page.locator(".bar-controls button.mantine-DatePickerInput-input").click()
    page.locator(".mantine-DatePickerInput-day").first.wait_for()
    found["dates"] = findings(page, rules)
    page.keyboard.press("Escape")
    page.locator("[data-explain]").first.click()
    dialog.locator("pre").wait_for()
    found["explain"] = findings(page, rules)
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert {where: what for where, what in found.items() if what} == {}


def test_axe_finds_what_is_wrong(tour: Visit) -> None:
    tour.go("/")
    tour.page.evaluate(
        """document.querySelector('#page').insertAdjacentHTML('afterbegin',
            '<div class="wrong" style="color: #bbb; background: #fff">'
            + '<button class="mute"></button><p>faint</p></div>')"""
    )
    found = findings(tour.page)
    tour.page.evaluate("document.querySelector('.wrong').remove()")
    assert any(one.startswith("button-name (critical): .mute") for one in found)
    assert any(one.startswith("color-contrast (serious)") for one in found)
