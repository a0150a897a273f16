"""A published warehouse, contexts on it, and, for the browser tests, a running app and Chromium."""

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import (
    BrowserContext,
    Page,
    Request,
    expect,
    sync_playwright,
)
from werkzeug.serving import make_server

from dashboard.app import create_app
from dashboard.context import Context, open_context
from dashboard.data.session import Cache, Data
from dashboard.i18n import texts
from dashboard.plain import plain
from dashboard.state import parse
from nkdash.kpis.model import TaxBasis
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse
from nkdash_tests.dashboard.shop import Shop, make_shop, publish_shop
from nkdash_tests.dashboard.sights import pages

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class PageClient(FlaskClient):
    """A client that asks as a page of ours does; a test may say other headers."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request."""
        self.environ_base.setdefault("HTTP_SEC_FETCH_SITE", "same-origin")
        return super().open(*args, **kwargs)


@pytest.fixture(scope="session", autouse=True)
def _clients_are_pages() -> Iterator[None]:
    Flask.test_client_class = PageClient
    yield
    Flask.test_client_class = None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known when these tests are named on the command line; else pictures are only compared."""
    parser.addoption("--update-pictures", action="store_true", help="draw the kept pictures anew")


@pytest.fixture(scope="session")
def shop() -> Shop:
    """The retailer's facts."""
    return make_shop()


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> Settings:
    """Settings of a published warehouse of the retailer; tests only read it."""
    return publish_shop(tmp_path_factory.mktemp("lake"), shop)


@pytest.fixture(scope="session")
def data(published: Settings) -> Iterator[Data]:
    """The warehouse and a cache."""
    warehouse = Warehouse(published.warehouse_dir)
    yield Data(warehouse, Cache())
    warehouse.close()


@pytest.fixture
def look(published: Settings, data: Data) -> Callable[..., AbstractContextManager[Context]]:
    """Opens the context of a query string, with the filters of the page at ``path``."""
    known = {page.path: page.filters for page in pages()}

    def opened(
        search: str, path: str = "/", tax: TaxBasis = TaxBasis.IN
    ) -> AbstractContextManager[Context]:
        state = parse(search)
        return open_context(published, data, texts("en"), path, state, tax, known[path])

    return opened


def drawn(part: Any) -> str:
    """What was drawn, as the JSON that the browser gets."""
    return json.dumps(plain(part), ensure_ascii=False)


# Not for the session: while Playwright is open its event loop runs in the test's own thread, where
# Dagster's in-process runs of other modules then fail. One profile for all tests of a module: what
# the browser has loaded once it takes from its cache; and a profile with a folder opens a tab where
# one without draws a whole window.
@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """Debian's Chromium. Without one the tests are skipped, and fail in CI."""
    found = shutil.which("chromium")
    if found is None:
        words = "no chromium here: the dashboard was NOT tested in a browser (apt install chromium)"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    expect.set_options(timeout=10_000)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=found, args=FLAGS
        )
        yield context
        context.close()


# Seconds; a server looks that often whether it is to stop.
STOPS_WITHIN = 0.02


class Site:
    """A running dashboard."""

    def __init__(self, settings: Settings) -> None:
        self.warehouse = Warehouse(settings.warehouse_dir, poll_seconds=0.05)
        app = create_app(settings, self.warehouse)
        self.server = make_server("127.0.0.1", 0, app.server, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(
            target=self.server.serve_forever, args=(STOPS_WITHIN,), daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self.server.shutdown()
        self._thread.join(5)
        self.server.server_close()
        self.warehouse.close()


@pytest.fixture(scope="session")
def site(published: Settings) -> Iterator[Site]:
    """The dashboard on the published warehouse."""
    # Nobody listens there: Operations says the same on every machine.
    nobody = {"nkdash_dagster_graphql_url": "http://127.0.0.1:9/graphql"}
    running = Site(published.model_copy(update=nobody))
    yield running
    running.stop()


# Counts what is asked of the server, and how far the page's parts move while it loads.
WATCH = """
    window.watched = { asked: 0, pending: 0, at: performance.now(), shift: 0 };
    const plain = window.fetch;
    window.fetch = async (...asked) => {
        watched.asked += 1;
        watched.pending += 1;
        try { return await plain(...asked); }
        finally { watched.pending -= 1; watched.at = performance.now(); }
    };
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries())
            if (!entry.hadRecentInput) watched.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
"""
# Nothing is loading, and nothing has been asked for a moment: an answer may lead to a question.
QUIET = """() => document.querySelector("#page")?.children.length
    && document.querySelector("nav.pages a")
    && !document.querySelector(".skeleton, [data-dash-is-loading=true], .ag-row-loading")
    && (!document.querySelector(".grid-frame")
        || document.querySelector(".grid-frame [role=columnheader]"))
    && watched.pending === 0
    && performance.now() - watched.at > 80"""
FOLLOW = """(url) => {
    history.pushState({}, "", url);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
}"""


def reveal(page: Page) -> None:
    """Have a table below the window drawn: ag-grid waits until it is looked at."""
    frame = page.locator(".grid-frame")
    if frame.count():
        frame.evaluate("(frame) => frame.scrollIntoView()")
        page.wait_for_function("() => !document.querySelector('.ag-delay-render')")
        page.evaluate("window.scrollTo(0, 0)")


class Visit:
    """One reader's tab. Collects what must not happen: console errors, foreign requests."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.faults: list[str] = []
        self.callbacks: list[str] = []
        page.set_default_timeout(10_000)
        page.add_init_script(WATCH)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"uncaught: {error}"))
        page.on("request", self._request)
        page.on("response", lambda got: self._response(got.url, got.status))

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console {message.type}: {message.text}")

    def _request(self, asked: Request) -> None:
        if not asked.url.startswith((self.base, "data:", "blob:")):
            self.faults.append(f"left the host: {asked.url}")
        if "/_dash-update-component" in asked.url:
            self.callbacks.append(str((asked.post_data_json or {}).get("output")))

    def _response(self, url: str, status: int) -> None:
        if status >= 400:
            self.faults.append(f"{status} from {url}")

    def open(self, path: str) -> Page:
        """Load a path and wait until every section has been drawn."""
        self.page.goto(self.base + path)
        self.settle()
        return self.page

    def go(self, path: str) -> Page:
        """Follow a link to a path, without loading the app again."""
        if self.page.url == self.base + path:
            return self.page
        return self.after(lambda: self.page.evaluate(FOLLOW, path))

    def after(self, act: Callable[[], object]) -> Page:
        """Do something that changes the address, and wait until all it asks for is there."""
        asked = self.page.evaluate("watched.asked")
        act()
        self.page.wait_for_function("(asked) => watched.asked > asked", arg=asked)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until nothing is being loaded or asked for."""
        self.page.wait_for_function(QUIET, polling=40)


Open = Callable[..., Visit]


@pytest.fixture
def visit(window: BrowserContext, site: Site) -> Iterator[Open]:
    """Opens a reader's tab; at the end of the test none may have seen a fault."""
    visits: list[Visit] = []

    def start(
        width: int = 1440, height: int = 900, scheme: str = "light", at: Site | None = None
    ) -> Visit:
        page = window.new_page()
        page.set_viewport_size({"width": width, "height": height})
        # What slides in would be looked at half-way.
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        visits.append(Visit(page, (at or site).url))
        return visits[-1]

    yield start
    window.set_offline(False)
    for seen in visits:
        seen.page.evaluate("location.protocol === 'http:' && localStorage.clear()")
        seen.page.close()
    window.clear_cookies()
    assert [fault for seen in visits for fault in seen.faults] == []


@pytest.fixture(scope="module")
def _shared(window: BrowserContext, site: Site) -> Visit:
    seen = Visit(window.new_page(), site.url)
    seen.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    seen.open("/")
    return seen


@pytest.fixture
def tour(_shared: Visit) -> Iterator[Visit]:
    """A tab that all tests of a module share: loading the app costs more than looking at a page.

    It is wide and light, and nothing is open above the page; theme and language that a test chose
    as a reader does stay.
    """
    page = _shared.page
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")
    if page.locator("[role=dialog]:visible, [role=listbox]:visible").count():
        _shared.open("/")
    yield _shared
    faults, _shared.faults = _shared.faults, []
    assert faults == []


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A folder for a lake of the test's own."""
    return tmp_path / "lake"
