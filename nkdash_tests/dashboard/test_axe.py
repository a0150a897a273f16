"""axe on every tab of every page, both themes, both widths: nothing serious or critical."""

import json
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from dashboard.sections import Page as Declared
from nkdash_tests.dashboard.conftest import Open, reveal
from nkdash_tests.dashboard.sights import pages, tabs_of

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


def turn_dark(page: Page) -> None:
    """The other theme, without loading anything."""
    page.locator('[data-action="scheme"]').click()
    page.locator("html[data-mantine-color-scheme=dark]").wait_for()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("declared", pages(), ids=lambda page: page.name)
def test_nothing_grave_on_any_page(visit: Open, declared: Declared, width: int) -> None:
    seen = visit(width, 900)
    tabs = tabs_of(declared)
    page = seen.open(tabs[0].path)
    found: dict[str, list[str]] = {}
    for place in tabs:
        seen.go(place.path)
        found[f"{place} light"] = findings(page)
    turn_dark(page)
    for place in reversed(tabs):
        seen.go(place.path)
        found[f"{place} dark"] = findings(page, COLOURS)
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
