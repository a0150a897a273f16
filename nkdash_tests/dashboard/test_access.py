"""Who may do what: loopback, a trusted proxy, and everybody else."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request

from dashboard.access import Access, Login, RefusedError, Role, User, guard, login_mode, same_origin
from dashboard.store import Store
from nkdash.settings import Settings, SettingsError, load_settings
from nkdash_tests.dashboard.shop import settings

PROXY: dict[str, Any] = {
    "nkdash_dashboard_host": "0.0.0.0",
    "nkdash_trusted_proxies": ("10.0.0.0/24", "::1"),
    "nkdash_managers": ("ayu",),
    "nkdash_admins": ("bagus",),
}


def asks(
    chosen: Settings,
    caller: str = "127.0.0.1",
    host: str = "127.0.0.1:8050",
    **headers: str,
) -> User:
    """Who a request is taken for."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with Flask("test").test_request_context(
        "/", base_url=f"http://{host}", headers=named, environ_base={"REMOTE_ADDR": caller}
    ):
        return Access(chosen, Store(chosen.state_dir)).reader(request)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_whoever_sits_at_the_machine_is_its_admin(tmp_path: Path, host: str) -> None:
    chosen = settings(tmp_path, nkdash_dashboard_host=host)
    assert asks(chosen) == User("local", Role.ADMIN)
    assert asks(chosen, "::1", "[::1]:8050").may_operate


@pytest.mark.parametrize(
    "strange",
    [
        {"host": "evil.example"},
        {"host": "erp.example.com", "X_Forwarded_For": "203.0.113.9"},
        {"X_Forwarded_For": "203.0.113.9"},
        {"caller": "10.0.0.7"},
    ],
)
def test_a_forwarded_request_is_not_from_this_machine(
    tmp_path: Path, strange: dict[str, str]
) -> None:
    with pytest.raises(RefusedError, match="NKDASH_LOGIN=users") as refused:
        asks(settings(tmp_path), **strange)
    assert refused.value.status == 403


@pytest.mark.parametrize(
    ("changes", "mode"),
    [
        ({}, Login.OFF),
        ({"nkdash_login": "users"}, Login.USERS),
        ({"nkdash_dashboard_host": "0.0.0.0"}, Login.USERS),
        (PROXY, Login.PROXY),
        ({"nkdash_trusted_proxies": ("127.0.0.1",)}, Login.PROXY),
        ({**PROXY, "nkdash_login": "users"}, Login.USERS),
    ],
)
def test_who_logs_readers_in(tmp_path: Path, changes: dict[str, Any], mode: Login) -> None:
    assert login_mode(settings(tmp_path, **changes)) is mode


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"nkdash_login": "off", "nkdash_dashboard_host": "0.0.0.0"}, "set NKDASH_LOGIN=users"),
        ({**PROXY, "nkdash_login": "off"}, "listen on 127.0.0.1"),
        ({"nkdash_login": "proxy"}, "NKDASH_TRUSTED_PROXIES names none"),
    ],
)
def test_settings_that_would_let_in_just_anybody_do_not_start(
    tmp_path: Path, changes: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(SettingsError, match=remedy):
        Access(settings(tmp_path, **changes), Store(tmp_path))


def test_beyond_loopback_nobody_is_let_in_without_a_login(tmp_path: Path) -> None:
    chosen = settings(tmp_path, nkdash_dashboard_host="0.0.0.0")
    for headers in ({}, {"Remote_User": "bagus"}, {"Cookie": "__Host-nkdash=x"}):
        with pytest.raises(RefusedError) as refused:
            asks(chosen, **headers)
        assert refused.value.status == 401


def test_readers_of_a_proxy_have_the_role_and_stores_of_the_table(tmp_path: Path) -> None:
    chosen = settings(tmp_path, **PROXY)
    users = Access(chosen, Store(chosen.state_dir)).users
    users.add("Ayu", Role.VIEWER, [2])
    users.add("citra", Role.ADMIN)
    users.set_active("citra", False)
    assert asks(chosen, "10.0.0.9", Remote_User="ayu") == User("ayu", Role.VIEWER, (2,))
    assert asks(chosen, "10.0.0.9", Remote_User="bagus") == User("bagus", Role.ADMIN)
    with pytest.raises(RefusedError, match="ask an admin"):
        asks(chosen, "10.0.0.9", Remote_User="citra")


@pytest.mark.parametrize(
    ("caller", "forwarded", "address"),
    [
        ("10.0.0.9", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.9", "6.6.6.6, 203.0.113.9, 10.0.0.8", "203.0.113.9"),
        ("10.0.0.9", "", "10.0.0.9"),
        ("198.51.100.1", "203.0.113.9", "198.51.100.1"),
    ],
)
def test_only_trusted_proxies_tell_where_a_request_comes_from(
    tmp_path: Path, caller: str, forwarded: str, address: str
) -> None:
    access = Access(settings(tmp_path, **PROXY), Store(tmp_path))
    with Flask("test").test_request_context(
        "/", headers={"X-Forwarded-For": forwarded}, environ_base={"REMOTE_ADDR": caller}
    ):
        assert access.address(request) == address


@pytest.mark.parametrize(
    ("name", "role"), [("ayu", Role.MANAGER), ("bagus", Role.ADMIN), ("citra", Role.VIEWER)]
)
def test_a_trusted_proxy_names_the_reader(tmp_path: Path, name: str, role: Role) -> None:
    chosen = settings(tmp_path, **PROXY)
    for caller in ("10.0.0.9", "::ffff:10.0.0.9", "::1"):
        assert asks(chosen, caller, "erp.example.com", Remote_User=name) == User(name, role)


def test_the_header_has_the_name_that_the_settings_give(tmp_path: Path) -> None:
    chosen = settings(tmp_path, **PROXY, nkdash_user_header="X-Auth-Login")
    assert asks(chosen, "10.0.0.9", X_Auth_Login="bagus").role is Role.ADMIN
    with pytest.raises(RefusedError, match="X-Auth-Login"):
        asks(chosen, "10.0.0.9", Remote_User="bagus")


@pytest.mark.parametrize("caller", ["127.0.0.1", "10.0.1.9", "", "unix"])
def test_nobody_else_may_name_himself(tmp_path: Path, caller: str) -> None:
    with pytest.raises(RefusedError) as refused:
        asks(settings(tmp_path, **PROXY), caller, Remote_User="bagus")
    assert refused.value.status == 403


def test_a_proxy_that_names_nobody_is_refused(tmp_path: Path) -> None:
    chosen = settings(tmp_path, **PROXY)
    # Two headers of one name arrive as one: whoever wrote the first is not the proxy.
    for headers in ({}, {"Remote_User": "  "}, {"Remote_User": "stranger,bagus"}):
        with pytest.raises(RefusedError) as refused:
            asks(chosen, "10.0.0.9", **headers)
        assert refused.value.status == 401


def test_the_guard_stands_before_every_path_but_the_health_check(tmp_path: Path) -> None:
    server = Flask("test")
    guard(server, Access(settings(tmp_path, **PROXY), Store(tmp_path)))
    server.add_url_rule("/<path:any>", view_func=lambda any: "in", endpoint="any")
    client = server.test_client()
    assert client.get("/export/products.csv").status_code == 403
    assert client.get("/healthz").status_code == 200
    trusted = {"REMOTE_ADDR": "10.0.0.9"}
    assert client.get("/x", environ_base=trusted).status_code == 401
    named = client.get("/x", environ_base=trusted, headers={"Remote-User": "citra"})
    assert named.status_code == 200


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://erp.example.com"}, True),
        ({"Origin": "https://erp.example.com"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://erp.example.com"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({}, False),
    ],
)
def test_what_changes_something_must_come_from_a_page_of_ours(
    headers: dict[str, str], ours: bool
) -> None:
    with Flask("test").test_request_context(
        "/", base_url="http://erp.example.com", headers=headers
    ):
        assert same_origin(request) is ours


def test_a_network_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NKDASH_TRUSTED_PROXIES", "10.0.0.0/24, caddy")
    with pytest.raises(SettingsError, match="NKDASH_TRUSTED_PROXIES: 'caddy' is no address"):
        load_settings()
    monkeypatch.setenv("NKDASH_TRUSTED_PROXIES", "10.0.0.0/24, ::1")
    assert load_settings().nkdash_trusted_proxies == ("10.0.0.0/24", "::1")
