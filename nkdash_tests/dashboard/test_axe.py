"""Every tab of every page, in both themes, at both widths and in both languages.

axe finds nothing serious or critical, nothing scrolls sideways, nothing failed, nothing is left in
English on an Indonesian page.
"""

import json
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from dashboard.sections import Page as Declared
from nkdash_tests.dashboard.conftest import Open, Visit, reveal
from nkdash_tests.dashboard.sights import Place, pages, tabs_of
from nkdash_tests.dashboard.words import left_over

pytestmark = pytest.mark.browser

GRAVE = ("serious", "critical")
# Of all rules only this one sees colours: with the theme nothing else can change.
COLOURS = ("color-contrast",)


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
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    # Dagster is not there in these tests; Operations says so.
    said = [] if place.page.own else page.locator(".message.problem").all_inner_texts()
    headings = page.locator("h1").count()
    return [
        *(f"says {words}" for words in said),
        *([f"is {wide} pixels too wide"] if wide > 0 else []),
        *([f"has {headings} headings"] if headings != 1 else []),
    ]


@pytest.mark.parametrize("declared", pages(), ids=lambda page: page.name)
def test_nothing_is_wrong_on_a_wide_screen(tour: Visit, declared: Declared) -> None:
    page, found = tour.page, {}
    page.set_viewport_size({"width": 1440, "height": 900})
    for place in tabs_of(declared):
        tour.go(place.path)
        found[f"{place} {scheme_of(page)}"] = findings(page) + unsound(page, place)
        other = turn(page)
        found[f"{place} {other}"] = findings(page, COLOURS)
    assert {where: what for where, what in found.items() if what} == {}


@pytest.mark.parametrize("declared", pages(), ids=lambda page: page.name)
def test_nothing_is_wrong_on_a_phone_in_indonesian(tour: Visit, declared: Declared) -> None:
    page, found = tour.page, {}
    page.set_viewport_size({"width": 390, "height": 844})
    if page.locator("html").get_attribute("lang") != "id":
        page.locator("[data-action=language]").click()
        expect(page.locator("html")).to_have_attribute("lang", "id")
        tour.settle()
    for place in tabs_of(declared):
        tour.go(place.path)
        wrong = findings(page) + unsound(page, place)
        found[f"{place} {scheme_of(page)}"] = wrong + left_over(page)
        if not place.tab:
            other = turn(page)
            found[f"{place} {other}"] = findings(page, COLOURS)
    assert {where: what for where, what in found.items() if what} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_grave_in_what_opens_above_a_page(visit: Open, scheme: str) -> None:
    seen = visit(1440, 900, scheme)
    page = seen.open("/sales")
    found: dict[str, list[str]] = {}
    for key in ("f", "?"):
        page.keyboard.press(key)
        page.get_by_role("dialog").wait_for()
        found[key] = findings(page)
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="hidden")
    page.locator(".bar-controls button.mantine-DatePickerInput-input").click()
    page.locator(".mantine-DatePickerInput-day").first.wait_for()
    found["dates"] = findings(page)
    page.keyboard.press("Escape")
    page.locator("[data-explain]").first.click()
    page.get_by_role("dialog").locator("pre").wait_for()
    found["explain"] = findings(page)
    assert {where: what for where, what in found.items() if what} == {}


def test_axe_finds_what_is_wrong(visit: Open) -> None:
    page = visit().open("/")
    page.evaluate(
        """document.querySelector('#page').insertAdjacentHTML('afterbegin',
            '<button class="mute"></button><p style="color: #bbb; background: #fff">faint</p>')"""
    )
    found = findings(page)
    assert any(one.startswith("button-name (critical): .mute") for one in found)
    assert any(one.startswith("color-contrast (serious)") for one in found)
