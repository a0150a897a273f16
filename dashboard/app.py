"""The Dash app: the page's frame, what it serves, and how it is put together."""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dash import Dash, dcc
from flask import Flask, Response, jsonify, request
from flask_compress import Compress

import dashboard.pages
from dashboard import callbacks, tokens
from dashboard.access import INSIDE, OPEN_PATHS, Access, Login, current_user, guard
from dashboard.account import add_account
from dashboard.audit import Audit
from dashboard.callbacks import Server
from dashboard.components.shell import shell
from dashboard.data.session import Cache, Data, Reader
from dashboard.export import add_export
from dashboard.login import LOGIN_OPEN, add_login, logout_form
from dashboard.orchestrator import Orchestrator
from dashboard.scheme import FONT_FILE, SCHEME_SCRIPT
from dashboard.secret import secret_key
from dashboard.sections import Page
from dashboard.security import OWN_SCRIPTS, add_headers
from dashboard.store import Store
from nkdash.catalog import load_catalog
from nkdash.discovery import offers
from nkdash.settings import Settings
from nkdash.warehouse import NoWarehouseError, WarehouseError

__all__ = ["create_app"]

log = logging.getLogger(__name__)

YEAR = 365 * 24 * 3600
# Twice what the app has: one file can be asked for by many paths (./, any fingerprint).
MOST_BUNDLES = 500
# No question of a page of ours is a tenth of that; strangers' are read before they are refused.
MOST_BYTES = 2**20


def create_app(settings: Settings, warehouse: Reader) -> Dash:
    """The app on a warehouse reader. It needs no warehouse to start: pages say there is none.

    Raises SettingsError where the settings would let in just anybody, SecretError.
    """
    pages = tuple(sorted((make() for make in offers(dashboard.pages, "page")), key=_order))
    store = Store(settings.state_dir)
    access = Access(settings, store)
    key = secret_key(settings) if access.mode is Login.USERS else b""
    data = Data(warehouse, Cache(), lambda: current_user().scope)
    server = _flask()
    owners: dict[str, str] = {}
    # Before Dash, whose own preparations ask who is there.
    if access.mode is Login.USERS:
        guard(server, access, LOGIN_OPEN, owners)
        add_login(server, access, key)
        add_account(server, access, key, data)
    else:
        guard(server, access, OPEN_PATHS, owners)
    app = Dash(
        "dashboard",
        server=server,  # type: ignore[arg-type]
        title="NKDash",
        update_title="",
        suppress_callback_exceptions=True,
        serve_locally=True,
        include_pages_meta=False,
        add_log_handler=False,
        assets_folder=str(Path(__file__).parent / "assets"),
        assets_ignore=r".*\.(txt|svg)$",
    )
    _use_own_plotly()
    app.index_string = _index()
    catalog = load_catalog(settings)
    audit = Audit(store)
    shared = Server(settings, data, pages, catalog, Orchestrator(settings, catalog), store, audit)
    app.layout = lambda: shell(
        callbacks.language(),
        pages,
        _version(data),
        current_user(),
        logout_form(access, key),
    )
    owners |= callbacks.register(app, shared)
    add_export(server, settings, data, pages, audit)
    _add_health(server, data)
    _localise(app)
    hashes = (*OWN_SCRIPTS, *app.csp_hashes())
    add_headers(server, hashes, https=access.is_https)
    return app


def _order(page: Page) -> int:
    return page.order


def _flask() -> Flask:
    server = Flask("dashboard", static_folder=None)
    server.config.update(
        MAX_CONTENT_LENGTH=MOST_BYTES,
        COMPRESS_ALGORITHM=["br", "gzip"],
        COMPRESS_BR_LEVEL=5,
        COMPRESS_MIMETYPES=[
            "text/html",
            "text/css",
            "text/csv",
            "text/plain",
            "text/javascript",
            "application/javascript",
            "application/json",
            "image/svg+xml",
        ],
        COMPRESS_CACHE_KEY=lambda asked: asked.path,
        COMPRESS_CACHE_BACKEND=_bundle_cache,
    )
    Compress(server)
    # Flask runs these last first: assets are whole before they are compressed and kept.
    server.after_request(_cache_headers)
    server.after_request(_whole_assets)
    return server


class _BundleCache(dict[str, bytes]):
    """Compressed bundles, kept for the life of the worker; answers to questions are not.

    A key is the algorithm and the path without its query, which anybody can fill at will.
    """

    def get(self, key: str, default: Any = None) -> Any:
        """The compressed body kept for a path."""
        return super().get(key, default)

    def set(self, key: str, value: bytes) -> None:
        """Keep the body of a file that never changes."""
        _, _, path = key.partition(";")
        if path.startswith(("/_dash-component-suites/", "/assets/")) and len(self) < MOST_BUNDLES:
            self[key] = value


def _bundle_cache() -> _BundleCache:
    return _BundleCache()


def _whole_assets(response: Response) -> Response:
    if request.path.startswith("/assets/") and response.is_streamed:
        body = response.response
        response.direct_passthrough = False
        response.set_data(b"".join(response.iter_encoded()))
        if hasattr(body, "close"):
            body.close()
    return response


def _cache_headers(response: Response) -> Response:
    """Assets carry their time or version in the URL, or never change: keep them for a year."""
    if response.status_code == 200 and request.path.startswith("/assets/"):
        fixed = "m" in request.args or request.path.endswith((".woff2", ".svg"))
        response.headers["Cache-Control"] = (
            f"public, max-age={YEAR}, immutable" if fixed else "no-cache"
        )
    return response


def _use_own_plotly() -> None:
    """Serve the small bundle in assets instead of the package's, which is four times as large."""
    dcc._js_dist[:] = [part for part in dcc._js_dist if part.get("namespace") != "plotly"]


def _index() -> str:
    charts = json.dumps(tokens.chart_templates()).replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
{{%metas%}}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{%title%}}</title>
<link rel="icon" type="image/svg+xml" href="/assets/icons/nkdash.svg">
<link rel="preload" href="{FONT_FILE}" as="font" type="font/woff2" crossorigin>
<style>{tokens.css_variables()}</style>
<script>{SCHEME_SCRIPT}</script>
<script type="application/json" id="nk-charts">{charts}</script>
{{%css%}}
</head>
<body>
{{%app_entry%}}
<footer hidden>
{{%config%}}
{{%scripts%}}
{{%renderer%}}
</footer>
</body>
</html>"""


def _localise(app: Dash) -> None:
    """Say the reader's language in the page's ``lang``."""
    plain: Callable[..., str] = app.interpolate_index

    def interpolate(**parts: Any) -> str:
        language = callbacks.language().language
        return plain(**parts).replace('<html lang="en">', f'<html lang="{language}">', 1)

    app.interpolate_index = interpolate  # type: ignore[method-assign,assignment]


def _version(data: Data) -> int | None:
    try:
        return data.version()
    except WarehouseError:
        return None


def _add_health(server: Flask, data: Data) -> None:
    logged = ""

    @server.get("/healthz")
    def healthz() -> Response:
        """The process lives; the version of the warehouse, and whether it is ok. Anybody may ask:
        why it is not, which names paths, goes to the log, once.
        """
        nonlocal logged
        why, said = "", "ok"
        version = None
        try:
            version = data.version()
        except NoWarehouseError as error:
            why, said = str(error), "no warehouse"
        except WarehouseError as error:
            why, said = str(error), "broken"
        if why and why != logged:
            log.warning("warehouse: %s", why)
        logged = why
        return jsonify(version=version, warehouse=said)


def warm_up(app: Dash, paths: Sequence[str] = ("/", "/_dash-layout", "/_dash-dependencies")) -> int:
    """Ask for everything that a first visit asks for; returns how many scripts those were.

    On a cold start Dash can answer 500 for a bundle. Raises RuntimeError when one still does.
    """
    client = app.server.test_client()
    client.environ_base[INSIDE] = True
    headers = {"Accept-Encoding": "br"}
    html = client.get("/", headers={"Accept-Encoding": "identity"}).get_data(as_text=True)
    bundles = [part.split('"')[0] for part in html.split('<script src="')[1:]]
    for path in (*paths, *bundles):
        answer = client.get(path, headers=headers)
        # Read to its end: a streamed answer is compressed, and its context closed, only then.
        answer.get_data()
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answers {answer.status_code} on warming up")
    return len(bundles)
