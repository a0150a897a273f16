"""Headers of every answer; stores and names in every byte that callbacks and exports answer."""

import base64
import csv
import gzip
import hashlib
import io
import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from flask import Flask
from flask.testing import FlaskClient

import dashboard.pages
from dashboard.app import MOST_BUNDLES, MOST_BYTES, _bundle_cache
from dashboard.i18n import texts
from nkdash.discovery import offers
from nkdash.settings import Settings
from nkdash_tests.dashboard.conftest import Visit
from nkdash_tests.dashboard.people import (
    add_people,
    client_of,
    controls,
    log_in,
    section,
    sections_of,
    serve,
    with_users,
)
from nkdash_tests.dashboard.shop import STORES, Shop

RANGE = "?range=2026-09-25..2026-11-22"
NAMES = ("Budi", "Sari")
TABLES = ("transactions", "products", "customers", "segment_customers", "product_sales")


@pytest.fixture(scope="module")
def server(published: Settings, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The dashboard with readers of every kind."""
    chosen = with_users(published, nkdash_state_dir=tmp_path_factory.mktemp("state"))
    add_people(chosen, "bos", "sari", "tamu", "kemang", "pintu")
    return serve(chosen)


@pytest.fixture(scope="module")
def clients(server: Flask) -> Callable[[str], FlaskClient]:
    """A logged-in client by name."""
    made: dict[str, FlaskClient] = {}

    def client(name: str) -> FlaskClient:
        if name not in made:
            made[name] = client_of(server, name)
        return made[name]

    return client


# Headers


@pytest.mark.parametrize(
    "path", ["/", "/login", "/healthz", "/_dash-layout", "/assets/20-nkdash.js", "/no/such/page.js"]
)
@pytest.mark.parametrize("known", [True, False])
def test_every_answer_says_what_it_may_load_and_who_may_frame_it(
    server: Flask, clients: Callable[[str], FlaskClient], path: str, known: bool
) -> None:
    client = clients("sari") if known else server.test_client()
    headers = client.get(path, headers={"Accept": "text/html"}).headers
    policy = directives(headers["Content-Security-Policy"])
    assert policy["default-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == ["'none'"]
    assert policy["form-action"] == policy["connect-src"] == ["'self'"]
    assert policy["script-src"][0] == "'self'"
    assert all(re.fullmatch(r"'sha256-[\w+/]{43}='", s) for s in policy["script-src"][1:])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers
    if not path.startswith("/assets/"):
        assert "no-store" in headers["Cache-Control"]


def directives(policy: str) -> dict[str, list[str]]:
    """The parts of a policy by name."""
    parts = [part.split() for part in policy.split(";")]
    return {part[0]: part[1:] for part in parts}


@pytest.mark.parametrize("path", ["/", "/login"])
def test_the_policy_has_the_hash_of_every_inline_script(
    server: Flask, clients: Callable[[str], FlaskClient], path: str
) -> None:
    client = server.test_client() if path == "/login" else clients("sari")
    answer = client.get(path)
    found = re.findall(r"<script([^>]*)>(.+?)</script>", answer.get_data(as_text=True), re.DOTALL)
    inline = [text for tag, text in found if "src=" not in tag and "json" not in tag]
    allowed = directives(answer.headers["Content-Security-Policy"])["script-src"]
    assert inline
    for text in inline:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in allowed


def test_by_https_the_browser_is_told_to_stay_there(published: Settings, tmp_path: Path) -> None:
    chosen = with_users(
        published, nkdash_state_dir=tmp_path, nkdash_dashboard_url="https://nkdash.example.com"
    )
    answer = serve(chosen).test_client().get("/login")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


@pytest.mark.browser
def test_the_policy_stops_foreign_code_and_no_page_breaks_it(visit: Callable[..., Visit]) -> None:
    seen = visit()
    seen.page.add_init_script(
        "window.broken = [];"
        "document.addEventListener('securitypolicyviolation', (event) =>"
        " window.broken.push(`${event.violatedDirective} ${event.blockedURI}`));"
    )
    for path in ("/", "/sales?tab=products", "/sales?tab=when", "/operations"):
        page = seen.open(path)
        assert page.evaluate("window.broken") == [], path
    # In the page's own world, where the policy holds: it is not only a header.
    page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.ran = true';
            document.head.append(script);
        }"""
    )
    page.wait_for_function("window.broken.length > 0")
    assert page.evaluate("window.ran") is None
    assert "script-src" in page.evaluate("window.broken")[0]
    seen.faults[:] = [f for f in seen.faults if "Content Security Policy" not in f]


# Stores and names


def rows_of(answer: Any) -> list[dict[str, str]]:
    """The rows of a CSV."""
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return list(csv.DictReader(io.StringIO(answer.get_data().decode("utf-8-sig"))))


def sold(shop: Shop, stores: list[int]) -> pl.DataFrame:
    """The lines of these stores in RANGE, of the company that is shown."""
    return shop.sales.filter(
        pl.col("date").is_between(pl.date(2026, 9, 25), pl.date(2026, 11, 22)),
        pl.col("company_id") == 1,
        pl.col("pos_config_id").is_in(stores),
    )


@pytest.mark.parametrize(("name", "stores"), [("kemang", [1]), ("pintu", [1, 3])])
def test_totals_of_a_reader_are_those_of_his_stores(
    clients: Callable[[str], FlaskClient], shop: Shop, name: str, stores: list[int]
) -> None:
    company = "&company=1"
    expected = sold(shop, stores).get_column("revenue_tax_in").sum()
    products = rows_of(clients(name).get(f"/export/products.csv{RANGE}{company}"))
    assert sum(Decimal(row["net_revenue"]) for row in products) == expected
    receipts = rows_of(clients(name).get(f"/export/transactions.csv{RANGE}{company}"))
    assert sum(Decimal(row["net_revenue"]) for row in receipts) == expected
    assert {row["store"] for row in receipts} == {STORES[s][1] for s in stores if s != 3}
    shown = [
        section(clients(name), output, RANGE + company).get_data(as_text=True)
        for output in sections_of("/")
    ]
    assert any(f"{int(expected):,}" in text for text in shown)
    # What he may not see is left out of the first page: no part of it is withheld as a whole.
    assert [text for text in shown if "Only for people who" in text] == []


def test_what_is_kept_from_a_reader_says_whom_to_ask(
    clients: Callable[[str], FlaskClient],
) -> None:
    shown = [
        section(clients("kemang"), output, "?product=1", "/product").get_data(as_text=True)
        for output in sections_of("/product")
    ]
    kept = [text for text in shown if "Only for people who may see all stores" in text]
    assert kept
    assert all("An admin can give you all of them" in text for text in kept)


@pytest.mark.parametrize("search", [f"{RANGE}&store=2", f"{RANGE}&store=1,2", RANGE])
def test_a_filter_opens_no_other_store(clients: Callable[[str], FlaskClient], search: str) -> None:
    mine = clients("kemang")
    for row in rows_of(mine.get(f"/export/transactions.csv{search}")):
        assert row["store"] == "Toko Kemang"
    for path in ("/", "/sales"):
        for output in sections_of(path):
            assert "Toko Bandara" not in section(mine, output, search, path).get_data(as_text=True)


def test_stores_that_may_be_chosen_are_those_that_may_be_seen(
    clients: Callable[[str], FlaskClient],
) -> None:
    known = clients("kemang").get("/_dash-dependencies").get_json()
    [wanted] = [d for d in known if "company-control.hidden" in d["output"]]
    outputs = [part.rsplit(".", 1) for part in wanted["output"].strip(".").split("...")]
    body = {
        "output": wanted["output"],
        "outputs": [
            {"id": json.loads(i) if i.startswith("{") else i, "property": p} for i, p in outputs
        ],
        "inputs": [{**part, "value": 1} for part in wanted["inputs"]],
        "state": [],
        "changedPropIds": [],
    }
    answers = {
        name: clients(name).post("/_dash-update-component", json=body).get_data(as_text=True)
        for name in ("sari", "kemang")
    }
    assert "Toko Bandara" in answers["sari"]
    assert "Toko Kemang" in answers["kemang"]
    assert "Toko Bandara" not in answers["kemang"]


def test_a_viewer_gets_no_customers_name_in_any_byte(
    server: Flask, clients: Callable[[str], FlaskClient]
) -> None:
    search = f"{RANGE}&customer=11,12"

    def everything(name: str) -> str:
        """What a reader is answered on everything that could know a customer."""
        client = clients(name)
        answers = [
            client.get(f"/export/{table}.{kind}{search}").get_data()
            for table in TABLES
            for kind in ("csv", "xlsx")
        ]
        pages = [make() for make in offers(dashboard.pages, "page")]
        sections = [(s.name, p.path) for p in pages for tab in p.tabs.values() for s in tab]
        assert len(sections) > 20
        answers += [section(client, name, search, path).get_data() for name, path in sections]
        known = client.get("/_dash-dependencies").get_json()
        answers.append(controls(client, known, search))
        return b"".join(answers).decode("utf-8", "replace")

    named = everything("sari")
    assert all(name in named for name in NAMES)
    for reader in ("tamu", "pintu"):
        silent = everything(reader)
        assert [name for name in NAMES if name in silent] == []
    assert "#11" in everything("tamu")


# What one reader leaves behind for another


def test_nobody_is_handed_what_another_was_answered(clients: Callable[[str], FlaskClient]) -> None:
    for path in ("/_dash-layout?x=/assets/", "/_dash-layout?/_dash-component-suites/"):
        for name in ("bos", "tamu"):
            answer = clients(name).get(path, headers={"Accept-Encoding": "gzip"})
            assert answer.headers["Content-Encoding"] == "gzip"
            assert f"You are {name}" in gzip.decompress(answer.get_data()).decode()


def test_strangers_cannot_fill_the_memory(
    server: Flask, clients: Callable[[str], FlaskClient]
) -> None:
    kept = _bundle_cache()
    for path in ("/login?x=/assets/", "/export/products.csv?/_dash-component-suites/", "/assets"):
        kept.set(f"br;{path}", b"")
    assert kept == {}
    for number in range(2 * MOST_BUNDLES):
        kept.set(f"br;/assets/{number}", b"")
    assert len(kept) == MOST_BUNDLES
    assert texts("no such language") is texts("another")
    for client, path in (
        (server.test_client(), "/login"),
        (clients("sari"), "/_dash-update-component"),
    ):
        body = b'{"output": "' + b"x" * MOST_BYTES + b'"}'
        answer = client.post(path, data=body, content_type="application/json")
        assert answer.status_code == 413, path


def test_a_file_is_gone_for_whoever_may_see_fewer_stores_by_now(
    published: Settings, tmp_path: Path
) -> None:
    chosen = with_users(published, nkdash_state_dir=tmp_path)
    users = add_people(chosen, "sari")
    client = client_of(serve(chosen), "sari")
    job = client.post(f"/export/transactions.xlsx{RANGE}").get_json()["job"]
    assert client.get(f"/export/jobs/{job}").status_code == 200
    users.set_stores("sari", [1])
    assert log_in(client, "sari").status_code == 303
    for path in (f"/export/jobs/{job}", f"/export/jobs/{job}/file"):
        assert client.get(path).status_code == 404
