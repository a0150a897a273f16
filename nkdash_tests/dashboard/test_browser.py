"""The dashboard in a real Chromium. No page may log an error or reach for another host."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Literal

import polars as pl
import pytest
from playwright.sync_api import Locator, Page, expect

from nkdash.datasets import pos_order_lines
from nkdash.lake import Layer, write_days
from nkdash.warehouse import publish
from nkdash_tests.dashboard.conftest import Open, Site, Visit
from nkdash_tests.dashboard.shop import AS_OF, Shop, catalog, publish_shop, settings
from nkdash_tests.dashboard.sights import Place, fronts, pages

pytestmark = pytest.mark.browser

Scheme = Literal["light", "dark"]


def tile(page: Page, kpi: str) -> Locator:
    """The figure of a tile, in full."""
    return page.locator(f'[data-kpi="{kpi}"] .tile-value > span').first


def value_of(page: Page, kpi: str) -> str:
    """What a tile says."""
    return tile(page, kpi).inner_text()


def no_sideways_scroll(page: Page) -> bool:
    """The page is no wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
@pytest.mark.parametrize("place", fronts(), ids=str)
def test_each_page_loads(tour: Visit, place: Place, width: int, scheme: Scheme) -> None:
    tour.page.set_viewport_size({"width": width, "height": 900})
    tour.page.emulate_media(color_scheme=scheme)
    page = tour.open(place.path)
    assert page.evaluate("watched.shift") < 0.1
    assert no_sideways_scroll(page)
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", scheme)
    expect(page).not_to_have_title("NKDash")


def test_a_filter_repaints_and_the_url_follows(tour: Visit) -> None:
    page = tour.go("/")
    whole = value_of(page, "net_revenue")
    page.get_by_role("link", name="Toko Kemang").click()
    expect(page).to_have_url(re.compile(r"\?store=1$"))
    expect(page.locator(".chip")).to_have_text(re.compile("Toko Kemang"))
    expect(tile(page, "net_revenue")).not_to_have_text(whole)
    kemang = value_of(page, "net_revenue")
    page.go_back()
    expect(page.locator(".chip")).to_have_count(0)
    expect(tile(page, "net_revenue")).to_have_text(whole)
    page.go_forward()
    expect(tile(page, "net_revenue")).to_have_text(kemang)
    page.locator(".chip").click()
    expect(tile(page, "net_revenue")).to_have_text(whole)
    assert page.url == tour.base + "/"


def test_controls_change_the_url_and_the_url_the_controls(tour: Visit) -> None:
    page = tour.go("/")
    preset = page.get_by_role("textbox", name="Range")
    preset.click()
    page.get_by_role("option", name="Last 7 days").click()
    expect(page).to_have_url(re.compile(r"\?range=7d$"))
    expect(page.locator(".trust")).to_contain_text("7 of 7")
    compare = page.get_by_role("textbox", name="Compare with")
    compare.click()
    page.get_by_role("option", name="no comparison").click()
    expect(page).to_have_url(re.compile(r"\?range=7d&compare=none$"))
    expect(page.locator(".tile .change")).to_have_count(0)
    page.go_back()
    page.go_back()
    expect(preset).to_have_value("Last 30 days")
    expect(compare).to_have_value("vs previous period")
    page.keyboard.press("f")
    page.get_by_role("textbox", name="Brand").click()
    page.get_by_role("option", name="Emina").click()
    expect(page).to_have_url(re.compile(r"\?brand=1$"))
    expect(page.locator(".chip")).to_have_text(re.compile("Emina"))


def test_a_link_opens_what_its_sender_saw(tour: Visit) -> None:
    search = "?range=2026-11-01..2026-11-15&compare=week&grain=week&metric=transactions&store=1,2"
    page = tour.open("/" + search)
    assert page.url == f"{tour.base}/{search}"
    expect(page.get_by_role("heading", name="Transactions by week")).to_be_visible()
    expect(page.get_by_role("textbox", name="Range")).to_have_value("Custom dates")
    expect(page.locator(".chip")).to_have_count(2)
    expect(page.get_by_role("link", name="Sales").first).to_have_attribute(
        "href", re.compile(r"^/sales\?range=2026-11-01\.\.2026-11-15&compare=week&grain=week&store")
    )


def test_a_bad_link_falls_back_with_a_notice(tour: Visit) -> None:
    page = tour.open("/?range=fortnight&store=abc&brand=1")
    expect(page.get_by_text("Part of the link was not understood")).to_be_visible()
    expect(page.get_by_role("textbox", name="Range")).to_have_value("Last 30 days")
    expect(page).to_have_url(re.compile(r"\?brand=1$"))
    expect(page.locator(".chip")).to_have_count(1)


def test_a_click_on_the_trend_shows_that_day(tour: Visit) -> None:
    page = tour.go("/?range=7d")
    chart = page.locator(".chart .main-svg").first
    box = chart.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page).to_have_url(re.compile(r"range=2026-11-(\d\d)\.\.2026-11-\1$"))


def test_the_metric_of_the_trend_is_the_tile_that_was_picked(tour: Visit) -> None:
    page = tour.go("/")
    page.locator('[data-kpi="discount_rate"] .tile-title').click()
    expect(page.get_by_role("heading", name="Discount rate by day")).to_be_visible()


def test_each_tile_explains_itself(tour: Visit) -> None:
    page = tour.go("/")
    page.get_by_role("button", name="What is Average transaction?").click()
    dialog = page.get_by_role("dialog", name="What is this?")
    expect(dialog).to_contain_text("= net revenue / transactions")
    expect(dialog).to_contain_text("agg_sales_daily")
    expect(dialog).to_contain_text("23 Nov 2026, 02:04")
    dialog.get_by_role("link", name="See the transactions behind it").click()
    expect(page).to_have_url(re.compile(r"/sales\?tab=transactions$"))
    expect(page.locator(".ag-row").first).to_be_visible()


def test_tables_sort_on_the_server_and_keep_it_in_the_url(tour: Visit) -> None:
    page = tour.go("/sales?tab=products")
    first = page.locator('.ag-row[row-index="0"] [col-id="name"]')
    expect(first).not_to_be_empty()
    page.locator('.ag-header-cell[col-id="items_sold"] .ag-header-cell-label').click()
    expect(page).to_have_url(re.compile(r"sort=-items_sold"))
    page.locator('.ag-header-cell[col-id="name"] .ag-header-cell-label').click()
    page.locator('.ag-header-cell[col-id="name"] .ag-header-cell-label').click()
    expect(page).to_have_url(re.compile(r"sort=name"))
    expect(first).to_have_text("=SUM(A1:A9)")
    page.reload()
    expect(first).to_have_text("=SUM(A1:A9)")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    lines = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert len(lines) == 8
    assert "'=SUM(A1:A9)" in lines[1]


def test_columns_stay_as_a_reader_put_them_until_they_are_put_back(visit: Open) -> None:
    seen = visit()
    page = seen.open("/sales?tab=products&sort=-items_sold")
    column = page.locator('[role=columnheader][col-id="net_revenue"]')
    reset = page.get_by_role("button", name="Reset columns")

    def width() -> float:
        box = column.bounding_box()
        assert box
        return box["width"]

    first = width()
    expect(reset).to_be_hidden()
    edge = column.locator(".ag-header-cell-resize").bounding_box()
    assert edge
    x, y = edge["x"] + edge["width"] / 2, edge["y"] + edge["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=4)
    page.mouse.up()
    expect(reset).to_be_visible()
    page.reload()
    seen.settle()
    expect(reset).to_be_visible()
    assert width() == pytest.approx(first + 60, abs=1)
    seen.go("/sales?tab=transactions")
    expect(reset).to_be_hidden()
    seen.go("/sales?tab=products&sort=-items_sold")
    expect(reset).to_be_visible()
    reset.press("Enter")
    expect(reset).to_be_hidden()
    expect(page.get_by_role("link", name="CSV")).to_be_focused()
    assert width() == pytest.approx(first, abs=1)
    expect(page).to_have_url(re.compile("sort=-items_sold"))
    page.reload()
    seen.settle()
    assert width() == pytest.approx(first, abs=1)


def test_names_from_odoo_are_text_and_never_markup(tour: Visit) -> None:
    page = tour.go("/sales?tab=products")
    expect(page.get_by_text("Lip Tint <b>Velvet</b>")).to_be_visible()


def test_a_filter_reaches_the_table_and_a_row_its_lines(tour: Visit) -> None:
    page = tour.open("/sales?tab=transactions")
    expect(page.locator(".ag-row").first).to_be_visible()
    page.keyboard.press("f")
    page.get_by_role("textbox", name="Store", exact=True).click()
    page.get_by_role("option", name="Toko Bandara").click()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator('.ag-row [col-id="store"]', has_text="Toko Kemang")).to_have_count(0)
    row = page.locator('.ag-row[row-index="0"]')
    expect(row.locator('[col-id="store"]')).to_have_text("Toko Bandara")
    total = row.locator('[col-id="net_revenue"]').inner_text()
    row.locator('[col-id="order_ref"]').click()
    lines = page.get_by_role("dialog", name="Details")
    expect(lines.locator("tfoot td").last).to_have_text(total)


def test_the_scheme_is_kept_and_there_before_the_first_paint(visit: Open) -> None:
    seen = visit()
    page = seen.open("/")
    html = page.locator("html")
    expect(html).to_have_attribute("data-mantine-color-scheme", "light")
    page.get_by_role("button", name="Light or dark").click()
    expect(html).to_have_attribute("data-mantine-color-scheme", "dark")
    page.evaluate("localStorage.setItem('early', '')")
    page.add_init_script(
        """new MutationObserver((_, watch) => {
            if (!document.body) return;
            watch.disconnect();
            const scheme = document.documentElement.getAttribute('data-mantine-color-scheme');
            localStorage.setItem('early', scheme);
        }).observe(document, { childList: true, subtree: true });"""
    )
    page.reload()
    seen.settle()
    expect(html).to_have_attribute("data-mantine-color-scheme", "dark")
    assert page.evaluate("localStorage.getItem('early')") == "dark"


def test_the_keyboard_reaches_everything(tour: Visit) -> None:
    page = tour.open("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    in_nav = [declared for declared in pages() if declared.in_nav]
    for number, declared in enumerate(in_nav, 1):
        page.keyboard.press(str(number))
        expect(page).to_have_url(tour.base + declared.path)
    page.keyboard.press("2")
    expect(page.locator("a.rank-row").first).to_be_visible()
    page.keyboard.press("Tab")
    reached = {}
    for _ in range(60):
        name, ring = page.evaluate(
            "[document.activeElement.className, getComputedStyle(document.activeElement).outline]"
        )
        reached[name] = ring
        page.keyboard.press("Tab")
    assert {"tile-title", "explain", "rank-row"} <= reached.keys()
    assert all("2px" in reached[name] for name in ("tile-title", "explain", "rank-row"))


def test_the_first_tab_offers_to_skip_to_the_figures(tour: Visit) -> None:
    page = tour.open("/sales")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the figures")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#page")).to_be_focused()


def test_a_phone_reaches_every_page_and_filter(visit: Open) -> None:
    seen = visit(390, 844)
    page = seen.open("/sales")
    bar = page.locator("#nav-phone")
    for declared in pages():
        if not declared.in_nav:
            continue
        link = bar.locator(f'a[href="{declared.path}"]')
        if not link.is_visible():
            bar.locator("summary").click()
        box = link.bounding_box()
        assert box
        assert box["width"] >= 44, declared.name
        assert box["height"] >= 44, declared.name
        assert 0 <= box["x"] <= 390 - box["width"], declared.name
        seen.after(link.click)
        expect(page).to_have_url(seen.base + declared.path)
        expect(bar.locator(".more-pages")).to_be_hidden()
    seen.go("/sales")
    page.locator("[data-action=filters]").click()
    drawer = page.get_by_role("dialog", name="Filters")
    drawer.get_by_role("textbox", name="Store", exact=True).click()
    page.get_by_role("option", name="Toko Kemang").click()
    expect(page).to_have_url(re.compile(r"\?store=1$"))
    drawer.get_by_role("button", name="Close").click()
    expect(page.locator("#filter-count")).to_have_text("1")


def test_another_company_is_another_currency(tour: Visit) -> None:
    page = tour.go("/")
    assert "Rp" in value_of(page, "net_revenue")
    page.keyboard.press("f")
    page.get_by_role("textbox", name="Company").click()
    page.get_by_role("option", name="Second Pte (SGD)").click()
    expect(page).to_have_url(re.compile(r"\?company=2$"))
    expect(tile(page, "net_revenue")).to_contain_text("S$")


def test_a_page_that_is_not_there_says_so(tour: Visit) -> None:
    page = tour.open("/nowhere")
    expect(page.get_by_text("The address names no page of NKDash.")).to_be_visible()


def test_a_lost_connection_is_said_on_every_page_and_its_end_seen(visit: Open) -> None:
    seen = visit()
    page = seen.open("/")
    lost = page.get_by_text("Connection to NKDash lost")
    for declared in pages():
        seen.go(declared.path)
        before = page.locator("#page h2, .tile-value").all_inner_texts()
        page.context.set_offline(True)
        expect(lost).to_be_visible()
        assert page.locator("#page h2, .tile-value").all_inner_texts() == before
        page.context.set_offline(False)
        expect(lost).to_be_hidden()
    expected = ("ERR_INTERNET_DISCONNECTED", "the server did not respond")
    seen.faults = [f for f in seen.faults if not any(words in f for words in expected)]


@pytest.fixture
def own(lake: Path) -> Iterator[Callable[[], Site]]:
    """A dashboard on a lake of the test's own."""
    running: list[Site] = []

    def start() -> Site:
        running.append(Site(settings(lake)))
        return running[-1]

    yield start
    for site in running:
        site.stop()


def test_without_a_warehouse_every_page_says_what_to_do(
    own: Callable[[], Site], visit: Open, lake: Path, shop: Shop
) -> None:
    seen = visit(at=own())
    page = seen.open("/")
    expect(page.locator(".message.problem").first).to_contain_text("nkdash publish")
    assert page.locator(".tile").count() == 0
    page = seen.open("/sales?tab=products")
    expect(page.locator(".message.problem")).to_contain_text("No warehouse yet")


def test_a_new_version_appears_without_a_reload(
    own: Callable[[], Site], visit: Open, lake: Path, shop: Shop
) -> None:
    chosen = publish_shop(lake, shop)
    seen = visit(at=own())
    page = seen.open("/?range=2026-11-22..2026-11-22&compare=none")
    before = value_of(page, "transactions")
    page.evaluate("window.notReloaded = true")
    day = date(2026, 11, 22)
    half = shop.sales.filter((pl.col("date") == day) & (pl.col("order_id") % 2 == 0))
    write_days(lake, Layer.STAR, pos_order_lines.FACT, half, [day], as_of=AS_OF)
    publish(chosen, catalog(chosen))
    page.get_by_role("link", name="Week").first.click()
    expect(tile(page, "transactions")).not_to_have_text(before)
    expect(page.locator(".trust")).to_contain_text("Data version2")
    assert page.evaluate("window.notReloaded") is True
