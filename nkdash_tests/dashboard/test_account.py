"""The reader's own account: another password by whoever knows the old one, and nobody else."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import expect

from dashboard import users
from dashboard.store import USER, Store
from nkdash.settings import Settings
from nkdash_tests.dashboard.conftest import Site, Visit
from nkdash_tests.dashboard.people import (
    PASSWORD,
    add_people,
    client_of,
    form_token,
    log_in,
    serve,
    with_users,
)

PAGE = {"Accept": "text/html"}
NEW = "three small blue boats"


@pytest.fixture
def chosen(published: Settings, tmp_path: Path) -> Settings:
    """Settings with built-in users and a state folder of the test's own."""
    made = with_users(published, nkdash_state_dir=tmp_path / "state")
    add_people(made, "sari", "pintu")
    return made


@pytest.fixture
def client(chosen: Settings) -> FlaskClient:
    """A viewer of two stores."""
    return client_of(serve(chosen), "pintu")


def change(client: FlaskClient, **values: str) -> Any:
    """Fill in the form; the answer."""
    page = client.get("/account").get_data(as_text=True)
    form = re.findall(r'name="form" value="(\w+)"', page)[0]
    filled = {"form": form, "old": PASSWORD, "new": NEW, "again": NEW, **values}
    return client.post("/account", data=filled)


def test_a_reader_sees_who_he_is_in_his_language(client: FlaskClient, chosen: Settings) -> None:
    page = client.get("/account").get_data(as_text=True)
    for words in ("pintu", "viewer", "Toko Kemang, Orchard", "Change password", "Log out"):
        assert words in page
    assert "Toko Bandara" not in page
    page = client.get("/account?lang=id").get_data(as_text=True)
    assert '<html lang="id">' in page
    assert "Ganti kata sandi" in page
    assert "all stores" in client_of(serve(chosen), "sari").get("/account").get_data(as_text=True)
    assert "'href': '/account'" in str(client.get("/_dash-layout").get_json())


def test_a_new_password_ends_every_other_session_and_is_written_down(
    client: FlaskClient, chosen: Settings
) -> None:
    elsewhere = client_of(serve(chosen), "pintu")
    old = client.get_cookie("nkdash")
    answer = change(client)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account?changed")
    now = client.get_cookie("nkdash")
    assert old
    assert now
    assert old.value != now.value
    assert "Your password is changed" in client.get("/account?changed").get_data(as_text=True)
    assert elsewhere.get("/", headers=PAGE).status_code == 302
    assert log_in(elsewhere, "pintu").status_code == 401
    assert log_in(elsewhere, "pintu", NEW).status_code == 303
    told = Store(chosen.state_dir).newest(1, (USER,))[0]
    assert (told.user, told.role, told.outcome) == ("pintu", "viewer", "done")
    assert told.detail == "pintu: password"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"old": "wrong wrong wrong"}, "password now is wrong"),
        ({"again": NEW + "x"}, "not the same both times"),
        ({"new": "short", "again": "short"}, "12 to 200 characters"),
        ({"new": "x" * 201, "again": "x" * 201}, "12 to 200 characters"),
        ({"new": "Password-1234", "again": "Password-1234"}, "too easy to guess"),
        ({"new": PASSWORD, "again": PASSWORD}, "your password already"),
        ({"form": ""}, "This form was too old"),
        ({"form": "0" * 64}, "This form was too old"),
    ],
)
def test_what_is_no_change_says_why(
    client: FlaskClient, chosen: Settings, values: dict[str, str], words: str
) -> None:
    answer = change(client, **values)
    assert answer.status_code == 400
    assert words in answer.get_data(as_text=True)
    assert not any(value in answer.get_data(as_text=True) for value in (PASSWORD, NEW))
    assert log_in(serve(chosen).test_client(), "pintu").status_code == 303


def test_whoever_finds_an_open_browser_cannot_guess_the_password(
    client: FlaskClient, chosen: Settings
) -> None:
    for _ in range(users.MOST_OF_BOTH):
        assert change(client, old="wrong wrong wrong").status_code == 400
    locked = change(client)
    assert locked.status_code == 429
    assert int(locked.headers["Retry-After"]) > 0
    told = Store(chosen.state_dir).newest(1, (USER,))[0]
    assert (told.user, told.outcome, told.address) == ("pintu", "failed", "127.0.0.1")


def test_no_other_site_and_no_stranger_changes_a_password(
    client: FlaskClient, chosen: Settings
) -> None:
    values = {"old": PASSWORD, "new": NEW, "again": NEW}
    values["form"] = re.findall(
        r'name="form" value="(\w+)"', client.get("/account").get_data(as_text=True)
    )[0]
    foreign = client.post("/account", data=values, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    stranger = serve(chosen).test_client()
    assert stranger.post("/account", data=values).status_code == 401
    lapsed = stranger.post("/account", data=values, headers=PAGE)
    assert (lapsed.status_code, lapsed.headers["Location"]) == (303, "/login?next=%2Faccount")
    token = form_token(stranger.get("/login").get_data(as_text=True))
    assert change(client, form=token).status_code == 400


def test_without_users_of_our_own_there_is_no_such_page(published: Settings) -> None:
    server = serve(published)
    assert "/account" not in {rule.rule for rule in server.url_map.iter_rules()}
    assert "'/account'" not in str(server.test_client().get("/_dash-layout").get_json())


@pytest.fixture
def people_site(chosen: Settings) -> Iterator[Site]:
    """A running dashboard with built-in users."""
    running = Site(chosen)
    yield running
    running.stop()


@pytest.mark.browser
def test_a_reader_changes_the_password_in_the_browser(
    visit: Callable[..., Visit], people_site: Site
) -> None:
    seen = visit(at=people_site)
    page = seen.page
    page.goto(f"{seen.base}/login?next=/sales")
    page.get_by_label("Name").fill("sari")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{seen.base}/sales")
    seen.settle()
    page.get_by_label("You are sari").click()
    page.get_by_role("link", name="Change password").click()
    expect(page).to_have_url(f"{seen.base}/account")

    def fill(old: str) -> None:
        page.get_by_label("Password now").fill(old)
        page.get_by_label("New password", exact=True).fill(NEW)
        page.get_by_label("New password once more").fill(NEW)
        page.get_by_role("button", name="Change password").click()

    fill("wrong wrong wrong")
    expect(page.get_by_role("alert")).to_have_text("The password now is wrong.")
    fill(PASSWORD)
    expect(page.get_by_role("status")).to_contain_text("Your password is changed")
    page.get_by_role("link", name="Back to NKDash").click()
    seen.settle()
    expect(page.get_by_label("You are sari")).to_be_visible()
    page.goto(f"{seen.base}/account")
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{seen.base}/login")
    expected = [f for f in seen.faults if "400" in f]
    seen.faults[:] = [f for f in seen.faults if f not in expected]
    assert expected
