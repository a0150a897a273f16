"""A published warehouse, contexts on it, and, for the browser tests, a running app and Chromium."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import make_server

from dashboard.app import create_app
from dashboard.context import Context, open_context
from dashboard.data.session import Cache, Data
from dashboard.i18n import texts
from dashboard.state import parse
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse
from nkdash_tests.dashboard.shop import Shop, make_shop, publish_shop

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


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
    """Opens the context of a query string."""

    def opened(search: str, path: str = "/") -> AbstractContextManager[Context]:
        return open_context(published, data, texts("en"), path, parse(search))

    return opened


# Not for the session: while Playwright is open its event loop runs in the test's own thread, where
# Dagster's in-process runs of other modules then fail.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Without one the tests are skipped, and fail in CI."""
    found = shutil.which("chromium")
    if found is None:
        words = "no chromium here: the dashboard was NOT tested in a browser (apt install chromium)"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    expect.set_options(timeout=10_000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield chromium
        chromium.close()


class Site:
    """A running dashboard."""

    def __init__(self, settings: Settings) -> None:
        self.warehouse = Warehouse(settings.warehouse_dir, poll_seconds=0.05)
        app = create_app(settings, self.warehouse)
        self.server = make_server("127.0.0.1", 0, app.server, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
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
    running = Site(published)
    yield running
    running.stop()


class Visit:
    """One reader's tab. Collects what must not happen: console errors, foreign requests."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.faults: list[str] = []
        page.set_default_timeout(10_000)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"uncaught: {error}"))
        page.on("request", lambda asked: self._request(asked.url))
        page.on("response", lambda got: self._response(got.url, got.status))

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console {message.type}: {message.text}")

    def _request(self, url: str) -> None:
        if not url.startswith((self.base, "data:", "blob:")):
            self.faults.append(f"left the host: {url}")

    def _response(self, url: str, status: int) -> None:
        if status >= 400:
            self.faults.append(f"{status} from {url}")

    def open(self, path: str) -> Page:
        """Go to a path and wait until every section has been drawn."""
        self.page.goto(self.base + path)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until nothing is being loaded or asked for."""
        self.page.wait_for_function(
            """() => document.querySelector('#page')?.children.length
                && document.querySelector('#nav a')
                && !document.querySelector('.skeleton')
                && !document.querySelector('[data-dash-is-loading=true]')"""
        )


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Callable[..., Visit]]:
    """Opens a reader's tab; at the end of the test none may have seen a fault."""
    contexts = []
    visits: list[Visit] = []

    def start(
        width: int = 1440, height: int = 900, scheme: str = "light", at: Site | None = None
    ) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        contexts.append(context)
        visits.append(Visit(context.new_page(), (at or site).url))
        return visits[-1]

    yield start
    for context in contexts:
        context.close()
    assert [fault for v in visits for fault in v.faults] == []


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A folder for a lake of the test's own."""
    return tmp_path / "lake"
