"""The URL is the state: every control writes it, and opening it shows what the control showed."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from dashboard.components.filters import PICKED
from dashboard.i18n import texts
from dashboard.sections import Page as Declared
from nkdash.kpis.periods import Comparison, Preset
from nkdash_tests.dashboard.conftest import Open, Visit
from nkdash_tests.dashboard.sights import pages, places, tabs_of

pytestmark = pytest.mark.browser

T = texts("en")
# What a reader clicks on a page to change what it shows.
CLICKED = (
    ".choice a[href]:not([aria-current])",
    "a.tile-title[href]:not([aria-current])",
    "a.rank-row[href]",
)


def control(page: Page, label: str) -> Locator:
    """The box of a control in the drawer."""
    return page.get_by_role("dialog").get_by_role("textbox", name=label, exact=True)


def field(page: Page, label: str) -> Locator:
    """A control of the drawer with its label and the pills of what is chosen."""
    box = page.get_by_role("textbox", name=label, exact=True)
    return page.locator("[role=dialog] .mantine-InputWrapper-root", has=box)


def pick(page: Page, box: Locator, option: str | None = None) -> str:
    """Choose an option, the first where none is named; gives its words."""
    box.click()
    found = page.get_by_role("option", name=option, exact=True) if option else None
    chosen = found or page.locator("[role=option]:visible").first
    words = chosen.inner_text()
    chosen.click()
    return words


def query(page: Page) -> dict[str, list[str]]:
    """The query of the page's address."""
    return parse_qs(urlsplit(page.url).query)


def again(seen: Visit) -> Page:
    """The same address, opened anew in the same tab."""
    return seen.open(seen.page.url.removeprefix(seen.base))


@pytest.mark.parametrize("key", PICKED)
def test_a_filter_of_the_drawer(visit: Open, key: str) -> None:
    seen = visit()
    page = seen.open("/sales")
    page.keyboard.press("f")
    label = T(f"filter.{key}")
    words = pick(page, control(page, label))
    expect(page).to_have_url(re.compile(rf"\?{key}=\w+$"))
    expect(page.locator(".chip")).to_have_count(1)
    page = again(seen)
    page.keyboard.press("f")
    expect(field(page, label)).to_contain_text(words)
    expect(page.locator(".chip")).to_have_count(1)


@pytest.mark.parametrize("place", ["bar", "drawer"])
@pytest.mark.parametrize(
    ("key", "label", "value"),
    [
        ("range", "range.label", Preset.LAST_MONTH),
        ("compare", "compare.label", Comparison.WEEK),
    ],
)
def test_range_and_comparison(visit: Open, place: str, key: str, label: str, value: str) -> None:
    seen = visit(1440 if place == "bar" else 390)

    def box() -> Locator:
        if place == "bar":
            return seen.page.get_by_role("textbox", name=T(label), exact=True)
        seen.page.locator("[data-action=filters]").click()
        return control(seen.page, T(label))

    page = seen.open("/sales")
    words = pick(page, box(), T(f"{key}.{value}"))
    expect(page).to_have_url(re.compile(rf"\?{key}={value}$"))
    page = again(seen)
    expect(box()).to_have_value(words)


def test_dates_of_ones_own(visit: Open) -> None:
    seen = visit()
    page = seen.open("/sales")
    page.locator(".bar-controls button.mantine-DatePickerInput-input").click()
    page.get_by_role("button", name=T("dates.later"), exact=True).click()
    for day in ("2 November 2026", "8 November 2026"):
        page.get_by_role("button", name=day, exact=True).click()
    expect(page).to_have_url(re.compile(r"\?range=2026-11-02\.\.2026-11-08$"))
    page = again(seen)
    expect(page.locator(".bar-controls button.mantine-DatePickerInput-input")).to_have_text(
        re.compile("2 Nov 2026 – 8 Nov 2026")
    )


def test_company_and_tax(visit: Open) -> None:
    seen = visit()
    page = seen.open("/sales")
    page.keyboard.press("f")
    words = pick(page, control(page, T("filter.company")), "Second Pte (SGD)")
    seen.after(page.get_by_role("dialog").get_by_text(T("tax.ex"), exact=True).click)
    assert query(page) == {"company": ["2"], "tax": ["ex"]}
    page = again(seen)
    page.keyboard.press("f")
    expect(control(page, T("filter.company"))).to_have_value(words)
    expect(page.get_by_role("dialog").get_by_role("radio", name=T("tax.ex"))).to_be_checked()


def test_the_sort_of_a_table(visit: Open) -> None:
    seen = visit()
    page = seen.open("/sales?tab=transactions")
    page.locator('.ag-header-cell[col-id="net_revenue"] .ag-header-cell-label').click()
    expect(page).to_have_url(re.compile(r"sort=-net_revenue"))
    page = again(seen)
    head = page.locator('[role=columnheader][col-id="net_revenue"]')
    expect(head).to_have_attribute("aria-sort", "descending")


@pytest.mark.parametrize("declared", [p for p in pages() if not p.own], ids=lambda page: page.name)
def test_what_is_clicked_on_a_page_is_in_its_url(visit: Open, declared: Declared) -> None:
    seen = visit()
    page = seen.open(declared.path)
    for place in tabs_of(declared):
        for selector in CLICKED:
            seen.go(place.path)
            link = page.locator(f"#page {selector}").last
            if link.count():
                _click_and_come_back(seen, link, place.path)


def _click_and_come_back(seen: Visit, link: Locator, before: str) -> None:
    page, href = seen.page, link.get_attribute("href") or ""
    told = current(page)
    seen.after(link.click)
    expect(page).to_have_url(seen.base + href)
    shown = current(page)
    if href.startswith(before.partition("?")[0] + "?"):
        assert shown != told, f"{href} shows nothing as chosen"
    seen.after(page.go_back)
    expect(page).to_have_url(seen.base + before)
    assert current(page) == told
    seen.after(page.go_forward)
    expect(page).to_have_url(seen.base + href)
    assert current(page) == shown


def current(page: Page) -> list[str]:
    """What the page shows as chosen: links that are current, and chips."""
    return page.locator("#page [aria-current], .chip").all_inner_texts()


def test_a_change_costs_at_most_eight_callbacks_on_any_page(visit: Open) -> None:
    seen = visit()
    seen.open("/")
    costs: dict[str, list[str]] = {}
    for place in places():
        seen.go(place.path)
        seen.callbacks.clear()
        seen.go(f"{place.path}{'&' if '?' in place.path else '?'}store=1")
        costs[str(place)] = [*seen.callbacks]
    assert {where: asked for where, asked in costs.items() if not 1 <= len(asked) <= 8} == {}
