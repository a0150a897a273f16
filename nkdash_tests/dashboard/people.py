"""Readers of the dashboard for tests: users with passwords, and clients that are logged in."""

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

import dashboard.pages
from dashboard.access import Access
from dashboard.app import create_app
from dashboard.store import Store
from dashboard.users import Role, Users
from nkdash.discovery import offers
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse

PASSWORD = "correct horse battery"
PEOPLE: dict[str, tuple[Role, list[int] | None]] = {
    "bos": (Role.ADMIN, None),
    "sari": (Role.MANAGER, None),
    "tamu": (Role.VIEWER, None),
    "kemang": (Role.MANAGER, [1]),
    "pintu": (Role.VIEWER, [1, 3]),
}


def with_users(chosen: Settings, **changes: Any) -> Settings:
    """The same settings, with built-in users."""
    return chosen.model_copy(update={"nkdash_login": "users", **changes})


def add_people(chosen: Settings, *names: str) -> Users:
    """Make users in the state folder of the settings."""
    users = Access(chosen, Store(chosen.state_dir)).users
    for name in names:
        role, stores = PEOPLE[name]
        users.add(name, role, stores, PASSWORD)
    return users


def serve(chosen: Settings) -> Flask:
    """The app as a server."""
    server: Flask = create_app(chosen, Warehouse(chosen.warehouse_dir)).server
    return server


def form_token(html: str) -> str:
    """What signs the form of a page."""
    [token] = re.findall(r'name="form" value="(\w+)"', html)
    return str(token)


def log_in(client: FlaskClient, name: str, password: str = PASSWORD, onwards: str = "") -> Any:
    """Fill in the login page; the answer."""
    page = client.get("/login").get_data(as_text=True)
    values = {"form": form_token(page), "name": name, "password": password, "next": onwards}
    return client.post("/login", data=values)


def client_of(server: Flask, name: str) -> FlaskClient:
    """A client of a user who is logged in."""
    client = server.test_client()
    assert log_in(client, name).status_code == 303
    return client


def section(
    client: FlaskClient,
    output: str,
    search: str = "",
    path: str | None = "/",
    changed: str = "url.search",
) -> Any:
    """The answer of a section's callback; without ``path`` of one that does not ask for it."""
    state = [] if path is None else [{"id": "url", "property": "pathname", "value": path}]
    return client.post(
        "/_dash-update-component",
        json={
            "output": f"{output}.children",
            "outputs": {"id": output, "property": "children"},
            "inputs": [
                {"id": "url", "property": "search", "value": search},
                {"id": "version", "property": "data", "value": 1},
            ],
            "state": state,
            "changedPropIds": [changed],
        },
    )


def sections_of(path: str) -> list[str]:
    """The sections of all tabs of a page."""
    pages = [make() for make in offers(dashboard.pages, "page")]
    [page] = [page for page in pages if page.path == path]
    return [section.name for sections in page.tabs.values() for section in sections]


def controls(
    client: FlaskClient, known: list[dict[str, Any]], search: str, path: str = "/"
) -> bytes:
    """The answer of the callback that draws the chips of the filters."""
    [wanted] = [d for d in known if "chips.children" in d["output"]]
    outputs: list[Any] = []
    for part in wanted["output"].strip(".").split("..."):
        name, prop = part.rsplit(".", 1)
        outputs.append([] if name.startswith("{") else {"id": name, "property": prop})
    values = {"search": search, "pathname": path, "data": 1}
    body = {
        "output": wanted["output"],
        "outputs": outputs,
        "inputs": [{**part, "value": values[part["property"]]} for part in wanted["inputs"]],
        "state": [],
        "changedPropIds": ["url.search"],
    }
    answer = client.post("/_dash-update-component", json=body)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return bytes(answer.get_data())
