"""Operations in a real Chromium, with a Dagster that answers as recorded."""

import re
from collections.abc import Callable, Iterator
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from nkdash.settings import Settings
from nkdash_tests.dashboard.conftest import Site, Visit
from nkdash_tests.dashboard.dagster_stub import NONE_RUN, RECORDED, DagsterStub, dagster

pytestmark = pytest.mark.browser

Open = Callable[..., Visit]


@pytest.fixture(scope="module")
def _running() -> Iterator[DagsterStub]:
    with dagster() as running:
        yield running


@pytest.fixture
def stub(_running: DagsterStub) -> DagsterStub:
    """Dagster, as it was recorded, whatever an earlier test was told."""
    _running.reset()
    return _running


@pytest.fixture(scope="module")
def _served(
    published: Settings, _running: DagsterStub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    chosen = published.model_copy(
        update={
            "nkdash_dagster_graphql_url": _running.url,
            "nkdash_state_dir": tmp_path_factory.mktemp("state"),
            "nkdash_start_date": date(2026, 9, 1),
        }
    )
    running = Site(chosen)
    yield running
    running.stop()


@pytest.fixture
def here(_served: Site, stub: DagsterStub) -> Site:
    """The dashboard with the stub and a state folder of the module's own."""
    return _served


def no_sideways_scroll(page: Page) -> bool:
    """The page is no wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("path", ["/operations", "/operations?calendar=2026-q4"])
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_page_loads(here: Site, visit: Open, path: str, width: int, scheme: str) -> None:
    page = visit(width, 900, scheme, at=here).open(path)
    expect(page.locator(".days td.failed")).to_have_count(1)
    expect(page.locator(".filter-bar")).to_be_hidden()
    expect(page.locator("nav.pages:visible a[aria-current=page]")).to_have_text("Operations")
    assert no_sideways_scroll(page)
    # On a phone too the newest days are in sight.
    expect(page.locator(".days td[tabindex='0']")).to_be_in_viewport()


def test_the_log_loads_and_the_way_back(here: Site, visit: Open) -> None:
    seen = visit(390, 844, at=here)
    page = seen.open("/operations?tab=log")
    expect(page.get_by_role("heading", name="Who asked for what")).to_be_visible()
    assert no_sideways_scroll(page)
    page.get_by_role("link", name="Days", exact=True).click()
    expect(page.locator(".days td.failed")).to_have_count(1)
    page.get_by_role("link", name="Overview").last.click()
    expect(page.locator(".filter-bar")).to_be_visible()
    expect(page.locator(".tile").first).to_be_visible()
    page.go_back()
    expect(page.locator(".filter-bar")).to_be_hidden()
    seen.settle()


def test_months_and_quarters_are_in_the_url(here: Site, visit: Open) -> None:
    page = visit(at=here).open("/operations")
    page.get_by_role("link", name="Earlier: Oct 2026").click()
    expect(page).to_have_url(re.compile(r"calendar=2026-10$"))
    expect(page.locator(".span-title")).to_have_text("Oct 2026")
    page.get_by_role("link", name="Quarter").click()
    expect(page).to_have_url(re.compile(r"calendar=2026-q4$"))
    page.reload()
    expect(page.locator(".days td.failed")).to_have_count(1)
    page.go_back()
    expect(page.locator(".span-title")).to_have_text("Oct 2026")


def test_the_keyboard_moves_in_the_grid_and_opens_a_day(here: Site, visit: Open) -> None:
    page = visit(at=here).open("/operations")
    page.locator(".days td[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    at = page.evaluate("document.activeElement.dataset.cell")
    assert at == "invoice_sales 2026-11-22"
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.dataset.cell") == "invoice_sales 2026-11-01"
    page.keyboard.press("Enter")
    day = page.get_by_role("dialog", name="Day of a dataset")
    expect(day).to_contain_text("Invoices")
    expect(day).to_contain_text("Odoo had nothing for it")
    page.keyboard.press("Escape")
    expect(day).to_be_hidden()
    expect(page.locator(".days td[tabindex='0']")).to_have_count(1)


def test_a_day_is_loaded_again_watched_and_cancelled(
    here: Site, visit: Open, stub: DagsterStub
) -> None:
    seen = visit(at=here)
    page = seen.open("/operations")
    page.locator('[data-cell="pos_orders 2026-11-06"]').click()
    stub.unfinished = RECORDED["unfinished"]
    page.get_by_role("button", name="Load this day again").dblclick()
    expect(page.locator("#ops-said")).to_contain_text("Asked for")
    assert len(stub.of("Launch")) == 1
    stub.answers["Standing"] = RECORDED["standing_running"]
    run = page.get_by_role("progressbar", name="POS orders")
    expect(run).to_be_visible()
    page.reload()
    expect(run).to_be_visible()
    expect(page.locator(".days td.running")).to_have_count(2)
    page.get_by_role("button", name=re.compile("^Cancel: POS orders")).click()
    expect(page.locator("#ops-said")).to_contain_text("Cancel asked for")
    assert len(stub.of("Cancel")) == 1
    stub.unfinished = NONE_RUN
    stub.answers["Standing"] = RECORDED["standing"]
    expect(page.get_by_text("Nothing is running.")).to_be_visible()
    expect(page.locator(".days td.running")).to_have_count(0)
    page.get_by_role("link", name="Log").click()
    expect(page.get_by_role("group", name="Who asked for what")).to_contain_text("cancel")


def test_the_form_says_what_a_click_would_do(here: Site, visit: Open, stub: DagsterStub) -> None:
    page = visit(at=here).open("/operations")
    expect(page.locator("#ops-plan")).to_have_text("Days: 1, in one run.")
    page.get_by_role("textbox", name="Dataset").click()
    page.get_by_role("option", name="Stock on hand").click()
    page.get_by_role("button", name="Load", exact=True).click()
    expect(page.locator("#ops-said")).to_contain_text("Stock on hand, 23 Nov 2026")
    [asked] = stub.of("Launch")
    assert asked["params"]["selector"]["jobName"] == "snapshot"


def test_it_speaks_indonesian(here: Site, visit: Open) -> None:
    page = visit(at=here).open("/operations")
    page.get_by_role("button", name="Bahasa Indonesia").click()
    expect(page.get_by_role("heading", name="Kesegaran data")).to_be_visible()
    expect(page.locator(".days td.failed")).to_have_attribute(
        "aria-label", "Pembelian, 12 Nov 2026: gagal"
    )
