"""The login: who is let in to what, and what a reader sees when he is not."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from dashboard import users
from dashboard.login import LOGIN_OPEN, safe_next
from dashboard.store import LOGIN, LOGIN_FAILED, LOGOUT, Store
from nkdash.settings import Settings
from nkdash_tests.dashboard.conftest import Site, Visit
from nkdash_tests.dashboard.people import (
    PASSWORD,
    add_people,
    client_of,
    form_token,
    log_in,
    section,
    sections_of,
    serve,
    with_users,
)

PAGE = {"Accept": "text/html"}


@pytest.fixture
def chosen(published: Settings, tmp_path: Path) -> Settings:
    """Settings with built-in users and a state folder of the test's own."""
    return with_users(published, nkdash_state_dir=tmp_path / "state")


@pytest.fixture
def server(chosen: Settings) -> Flask:
    """The dashboard with an admin, a manager, and a viewer."""
    add_people(chosen, "bos", "sari", "tamu")
    return serve(chosen)


@pytest.fixture
def client(server: Flask) -> FlaskClient:
    """Somebody who has not logged in."""
    return server.test_client()


def paths(server: Flask) -> Iterator[tuple[str, str]]:
    """A method and a path of every route."""
    for rule in server.url_map.iter_rules():
        values = dict.fromkeys(rule.arguments, "x")
        path = rule.build(values, append_unknown=False)
        assert path, rule
        for method in sorted(rule.methods or ()):
            yield method, path[1]


def test_every_route_is_denied_to_strangers(server: Flask, client: FlaskClient) -> None:
    asked = list(paths(server))
    assert len({path for _, path in asked}) > 15
    for method, path in asked:
        answer = client.open(path, method=method)
        if path in LOGIN_OPEN:
            assert answer.status_code in (200, 400, 405), (method, path)
            continue
        assert answer.status_code == 401, (method, path)
        assert answer.get_json(silent=True) or method == "HEAD", (method, path)
    assert client.get("/no/such/path").status_code == 401
    assert client.get("/assets/20-nkdash.js").status_code == 401
    for path in LOGIN_OPEN:
        assert client.get(path).status_code == 200, path


def test_strangers_get_no_figure_from_what_is_open(client: FlaskClient) -> None:
    assert set(client.get("/healthz").get_json()) == {"version", "warehouse"}
    login = client.get("/login").get_data(as_text=True)
    assert "Kemang" not in login
    assert "sari" not in login


def test_a_page_goes_to_the_login_and_comes_back(client: FlaskClient) -> None:
    answer = client.get("/sales?range=7d&store=1,2", headers=PAGE)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login?next=%2Fsales%3Frange%3D7d%26store%3D1%2C2"
    page = client.get(answer.headers["Location"]).get_data(as_text=True)
    assert 'name="next" value="/sales?range=7d&amp;store=1,2"' in page
    back = log_in(client, "sari", onwards="/sales?range=7d&store=1,2")
    assert back.status_code == 303
    assert back.headers["Location"] == "/sales?range=7d&store=1,2"
    assert client.get("/sales?range=7d", headers=PAGE).status_code == 200
    # Whoever is logged in already is not asked again.
    assert client.get("/login?next=/sales").headers["Location"] == "/sales"


@pytest.mark.parametrize(
    "evil",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil",
        "",
        "/login?next=/x",
        "/logout",
        "/" + "x" * 3000,
        "http:evil.example",
        "///evil.example",
        "//[",
        "/\u2028/evil.example",
    ],
)
def test_the_login_leads_to_no_other_place(evil: str) -> None:
    assert safe_next(evil) == "/"


@pytest.mark.parametrize("good", ["/", "/sales?range=7d&store=1,2", "/export/products.csv?tax=ex"])
def test_the_login_leads_back_to_where_a_reader_was(good: str) -> None:
    assert safe_next(good) == good


def test_a_wrong_password_says_no_more_than_an_unknown_name(
    client: FlaskClient, chosen: Settings
) -> None:
    told = []
    for name in ("sari", "stranger"):
        answer = log_in(client, name, "wrong wrong wrong")
        assert answer.status_code == 401
        told.append(answer.get_data(as_text=True).replace(name, "NAME"))
    assert form_free(told[0]) == form_free(told[1])
    assert "Name or password is wrong" in told[0]
    unknown, known = Store(chosen.state_dir).newest(2, (LOGIN_FAILED,))
    assert (known.user, known.outcome, known.address) == ("sari", "failed", "127.0.0.1")
    # It may have been a password, typed into the wrong field.
    assert (unknown.user, unknown.detail) == ("", "unknown name")


def form_free(html: str) -> str:
    """A page without what signs its form."""
    return re.sub(r'name="form" value="\w+"', "", html)


def test_guessing_is_locked_out_with_how_long_it_takes(client: FlaskClient) -> None:
    for _ in range(users.MOST_OF_BOTH):
        assert log_in(client, "sari", "wrong wrong wrong").status_code == 401
    locked = log_in(client, "sari")
    assert locked.status_code == 429
    assert "Try again in 15 min" in locked.get_data(as_text=True)
    assert 0 < int(locked.headers["Retry-After"]) <= 900


def test_a_form_of_another_page_logs_nobody_in_or_out(server: Flask) -> None:
    client, other = server.test_client(), server.test_client()
    token = form_token(other.get("/login").get_data(as_text=True))
    values = {"name": "sari", "password": PASSWORD}
    for form in (token, "", "x"):
        assert client.post("/login", data={**values, "form": form}).status_code == 400
        client.get("/login")
        assert client.post("/login", data={**values, "form": form}).status_code == 400
    log_in(client, "sari")
    for form in (token, ""):
        assert client.post("/logout", data={"form": form}).status_code == 400
    assert client.get("/", headers=PAGE).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    ],
)
def test_nothing_that_another_site_sends_is_done(server: Flask, headers: dict[str, str]) -> None:
    client = client_of(server, "bos")
    assert section(client, sections_of("/")[0]).status_code == 200
    client.environ_base["HTTP_SEC_FETCH_SITE"] = headers["Sec-Fetch-Site"]
    for path in ("/_dash-update-component", "/login", "/logout", "/export/products.xlsx"):
        assert client.post(path, json={}, headers=headers).status_code == 403, path


def test_the_cookie_is_out_of_reach_of_scripts_and_of_plain_http(
    chosen: Settings, published: Settings
) -> None:
    add_people(chosen, "sari")

    def cookies(changes: dict[str, Any]) -> list[str]:
        client = serve(chosen.model_copy(update=changes)).test_client()
        answer = client.get("/login", base_url="https://localhost")
        values = {
            "form": form_token(answer.get_data(as_text=True)),
            "name": "sari",
            "password": PASSWORD,
        }
        entered = client.post("/login", data=values, base_url="https://localhost")
        assert entered.status_code == 303
        return answer.headers.getlist("Set-Cookie") + entered.headers.getlist("Set-Cookie")

    for changes in (
        {"nkdash_dashboard_url": "https://nkdash.example.com"},
        {"nkdash_dashboard_host": "0.0.0.0"},
    ):
        found = [c for c in cookies(changes) if "Max-Age=0" not in c]
        assert len(found) == 2
        for cookie in found:
            assert cookie.startswith("__Host-nkdash")
            assert "Secure" in cookie
            assert "HttpOnly" in cookie
            assert re.search("SameSite=(Lax|Strict)", cookie)
            assert "Domain" not in cookie
    for cookie in [c for c in cookies({}) if "Max-Age=0" not in c]:
        assert "Secure" not in cookie
        assert "HttpOnly" in cookie


def test_an_address_without_tls_is_told_since_no_browser_would_keep_the_login(
    chosen: Settings,
) -> None:
    add_people(chosen, "sari")
    client = serve(chosen.model_copy(update={"nkdash_dashboard_host": "0.0.0.0"})).test_client()
    plain = client.get("/login", base_url="http://192.168.1.5:8050").get_data(as_text=True)
    assert "has no TLS" in plain
    by_proxy = client.get(
        "/login", base_url="http://nkdash.example.com", headers={"X-Forwarded-Proto": "https"}
    )
    assert "has no TLS" not in by_proxy.get_data(as_text=True)


def test_without_users_the_login_says_how_to_make_the_first(chosen: Settings) -> None:
    client = serve(chosen).test_client()
    page = client.get("/login").get_data(as_text=True)
    assert "nkdash user add NAME --role admin" in page
    assert "<form" not in page
    add_people(chosen, "bos")
    assert "<form" in client.get("/login").get_data(as_text=True)


def test_logging_out_ends_the_session_and_is_written_down(server: Flask, chosen: Settings) -> None:
    client = client_of(server, "tamu")
    stolen = client.get_cookie("nkdash")
    assert stolen is not None
    layout = client.get("/_dash-layout").get_data(as_text=True)
    [token] = re.findall(r'"name":"form","type":"hidden","value":"(\w+)"', layout) or re.findall(
        r'"value":"(\w{64})"', layout
    )
    assert client.post("/logout", data={"form": token}).headers["Location"] == "/login"
    client.set_cookie("nkdash", stolen.value)
    assert client.get("/", headers=PAGE).status_code == 302
    told = Store(chosen.state_dir).newest(5, (LOGIN, LOGOUT))
    assert [(e.user, e.role, e.action) for e in told] == [
        ("tamu", "viewer", LOGOUT),
        ("tamu", "viewer", LOGIN),
    ]


def test_the_login_speaks_the_readers_language(client: FlaskClient) -> None:
    answer = client.get("/login?lang=id&next=/sales")
    page = answer.get_data(as_text=True)
    assert '<html lang="id">' in page
    assert "Kata sandi" in page
    assert 'href="/login?lang=en&amp;next=%2Fsales"' in page
    assert "Kata sandi" in client.get("/login").get_data(as_text=True)


def test_a_reader_of_some_stores_is_not_shown_pages_about_all(
    chosen: Settings,
) -> None:
    add_people(chosen, "kemang", "sari")
    server = serve(chosen)
    mine, whole = client_of(server, "kemang"), client_of(server, "sari")
    assert section(mine, "operations-log", path=None).status_code == 403
    assert section(whole, "operations-log", path=None).status_code == 200


# In the browser


@pytest.fixture
def people_site(chosen: Settings) -> Iterator[Site]:
    """A running dashboard with built-in users."""
    add_people(chosen, "sari", "kemang")
    running = Site(chosen)
    yield running
    running.stop()


def fill(page: Page, name: str, password: str) -> None:
    """Fill in the login page and send it."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


@pytest.mark.browser
def test_a_reader_logs_in_is_thrown_out_comes_back_and_leaves(
    visit: Callable[..., Visit], people_site: Site, chosen: Settings
) -> None:
    seen = visit(at=people_site)
    page = seen.page
    page.goto(f"{seen.base}/sales?range=7d")
    expect(page).to_have_url(re.compile(r"/login\?next=%2Fsales%3Frange%3D7d$"))
    fill(page, "sari", "wrong wrong wrong")
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    fill(page, "sari", PASSWORD)
    expect(page).to_have_url(f"{seen.base}/sales?range=7d")
    seen.settle()
    # Told from elsewhere: the page stays, and says what to do.
    add_people(chosen).set_password("sari", "another good password")
    page.get_by_role("link", name="Overview").first.click()
    ended = page.get_by_role("dialog", name="Your session has ended")
    expect(ended).to_be_visible()
    ended.get_by_role("link", name="Log in again").click()
    expect(page).to_have_url(re.compile(r"/login\?next=%2F\?range%3D7d$|/login\?next=%2F%3Frange"))
    fill(page, "sari", "another good password")
    expect(page).to_have_url(f"{seen.base}/?range=7d")
    seen.settle()
    page.get_by_label("You are sari").click()
    expect(page.get_by_text("manager · all stores")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("manager · all stores")).to_be_hidden()
    page.get_by_label("You are sari").click()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{seen.base}/login")
    page.go_back()
    expect(page).to_have_url(re.compile("/login"))
    expected = [f for f in seen.faults if "401" in f]
    seen.faults[:] = [f for f in seen.faults if f not in expected]
    assert expected


@pytest.mark.browser
def test_a_reader_of_one_store_sees_that_store_and_no_page_about_all(
    visit: Callable[..., Visit], people_site: Site
) -> None:
    seen = visit(at=people_site)
    page = seen.page
    page.goto(f"{seen.base}/login")
    fill(page, "kemang", PASSWORD)
    expect(page).to_have_url(f"{seen.base}/")
    seen.settle()
    expect(page.locator("#nav")).not_to_contain_text("Operations")
    expect(page.locator("#page")).to_contain_text("Toko Kemang")
    expect(page.locator("#page")).not_to_contain_text("Toko Bandara")
    page.goto(f"{seen.base}/operations")
    expect(page.locator("#page")).to_contain_text("Only for people who may see all stores")


@pytest.mark.browser
def test_the_head_has_room_for_the_reader_in_one_line(
    visit: Callable[..., Visit], people_site: Site
) -> None:
    seen = visit(at=people_site)
    page = seen.page
    page.goto(f"{seen.base}/login")
    fill(page, "sari", PASSWORD)
    expect(page).to_have_url(f"{seen.base}/")
    for language in ("en", "id"):
        cookie = {"name": "nkdash_lang", "value": language, "url": seen.base}
        page.context.add_cookies([cookie])  # type: ignore[list-item]
        seen.open("/")
        for width in (1440, 1400, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            box = page.locator("#as-of").bounding_box()
            assert box
            assert box["height"] < 20, (language, width)
            nav = page.locator("#nav")
            assert nav.evaluate("(nav) => nav.scrollWidth <= nav.clientWidth"), (language, width)
