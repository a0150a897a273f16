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
from nkdash_tests.dashboard.sights import pages, tabs_of
from nkdash_tests.dashboard.test_axe import unsound

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


def test_every_filter_of_the_drawer(visit: Open) -> None:
    seen = visit()
    page = seen.open("/sales")
    page.keyboard.press("f")
    words = {}
    for number, key in enumerate(PICKED, 1):
        words[key] = pick(page, control(page, T(f"filter.{key}")))
        # The list of a control that takes several stays open, above the next control.
        page.keyboard.press("Tab")
        expect(page).to_have_url(re.compile(rf"[?&]{key}=\w+"))
        expect(page.locator(".chip")).to_have_count(number)
    assert query(page).keys() == set(PICKED)
    page = again(seen)
    expect(page.locator(".chip")).to_have_count(len(PICKED))
    page.keyboard.press("f")
    for key in PICKED:
        expect(field(page, T(f"filter.{key}"))).to_contain_text(words[key])


@pytest.mark.parametrize("place", ["bar", "drawer"])
def test_range_and_comparison(visit: Open, place: str) -> None:
    seen = visit(1440 if place == "bar" else 390)
    chosen = {"range": Preset.LAST_MONTH, "compare": Comparison.WEEK}

    def opened() -> Page:
        if place == "drawer":
            seen.page.locator("[data-action=filters]").click()
        return seen.page

    def box(key: str) -> Locator:
        label = T(f"{key}.label")
        if place == "drawer":
            return control(seen.page, label)
        return seen.page.get_by_role("textbox", name=label, exact=True)

    seen.open("/sales")
    page = opened()
    words = {key: pick(page, box(key), T(f"{key}.{value}")) for key, value in chosen.items()}
    expect(page).to_have_url(re.compile(r"\?range=last_month&compare=week$"))
    again(seen)
    opened()
    for key, said in words.items():
        expect(box(key)).to_have_value(said)


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
def test_what_is_clicked_on_a_page_is_in_its_url(tour: Visit, declared: Declared) -> None:
    """And no such change costs more than eight callbacks."""
    costs, wrong = {}, []
    for place in tabs_of(declared):
        # On the first tab all that can be clicked, there and back; on the others its own choices.
        for selector in CLICKED[: 1 if place.tab else None]:
            tour.go(place.path)
            wrong += [f"{place} {what}" for what in unsound(tour.page, place)]
            link = tour.page.locator(f"#page {selector}").last
            if link.count():
                costs[f"{place} {selector}"] = _click(tour, link, back=not place.tab)
    assert wrong == []
    assert {where: count for where, count in costs.items() if count > 8} == {}


def _click(seen: Visit, link: Locator, *, back: bool) -> int:
    """Follow a link, there and back; how many callbacks the way there cost."""
    page, href = seen.page, link.get_attribute("href") or ""
    before, told = page.url, current(page)
    seen.callbacks.clear()
    seen.after(link.click)
    cost = len(seen.callbacks)
    expect(page).to_have_url(seen.base + href)
    shown = current(page)
    if urlsplit(page.url).path == urlsplit(before).path:
        assert shown != told, f"{href} shows nothing as chosen"
    if back:
        seen.after(page.go_back)
        expect(page).to_have_url(before)
        assert current(page) == told
    return cost


def current(page: Page) -> list[str]:
    """What the page shows as chosen: links that are current, and chips."""
    return page.locator("#page [aria-current], .chip").all_inner_texts()


@pytest.mark.parametrize("path", ["/", "/sales", "/inventory?tab=abc"])
def test_a_filter_costs_at_most_eight_callbacks(tour: Visit, path: str) -> None:
    tour.go(path)
    tour.callbacks.clear()
    tour.go(f"{path}{'&' if '?' in path else '?'}store=1")
    assert 1 <= len(tour.callbacks) <= 8, tour.callbacks
