"""The doctor names every cause with its remedy, tells "no" from "cannot tell", and never raises."""

import json
import socket
from collections.abc import Mapping
from typing import Any

import pytest

from nkdash.odoo.doctor import Check, checks
from nkdash_tests.odoo.conftest import Connect
from nkdash_tests.odoo.stub import KEY, Call, Reply, TinyOdoo, odoo_error, serve

FIELDS = {
    "res.company": {"id": "integer", "name": "char", "currency_id": "many2one"},
    "res.currency": {"id": "integer", "name": "char"},
    "pos.order": {"id": "integer", "date_order": "datetime", "state": "selection"},
    "product.product": {"id": "integer", "name": "char"},
    "ir.model.fields": {"id": "integer", "name": "char", "model": "char"},
}
NEEDS = {
    "pos.order": {"date_order": True, "state": True},
    "product.product": {"name": True},
}


def records(**more: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {
        "res.company": [
            {"id": 1, "name": "PT Satu", "currency_id": 12},
            {"id": 2, "name": "PT Dua", "currency_id": 12},
        ],
        "res.currency": [{"id": 12, "name": "IDR"}, {"id": 37, "name": "SGD"}],
        "pos.order": [
            {"id": 1, "date_order": "2026-08-01 05:00:00", "state": "done"},
            # 26 August in Jakarta, 25 August in UTC.
            {"id": 2, "date_order": "2026-08-25 18:30:00", "state": "done"},
        ],
        "product.product": [{"id": 1, "name": "Serum"}],
        "ir.model.fields": [],
        **more,
    }


def examine(
    connect: Connect,
    *,
    needs: Mapping[str, Mapping[str, bool]] = NEEDS,
    data: dict[str, list[dict[str, Any]]] | None = None,
    answers: Mapping[tuple[str, str], Any] | None = None,
    major: int = 17,
    zone: str = "Asia/Jakarta",
    **overrides: object,
) -> dict[str, Check]:
    """Run all checks; ``answers`` replaces the answer to a (model, method)."""
    replies: dict[tuple[str, str], Any] = {
        ("pos.order", "read_group"): day_beginning("2026-08-25 17:00:00"),
        ("pos.order", "check_access_rights"): False,
        ("product.product", "check_access_rights"): False,
        ("res.users", "has_group"): False,
        **(answers or {}),
    }

    def before(call: Call) -> Any:
        if call.model and call.model not in FIELDS and call.model != "res.users":
            return odoo_error("odoo.exceptions.UserError", f"Object {call.model} doesn't exist")
        return replies.get((call.model, call.method))

    odoo = TinyOdoo(data or records(), FIELDS, before, major)
    with serve(odoo) as stub:
        found = checks(connect(stub.port, timezone=zone, **overrides), needs)
    assert KEY not in json.dumps([check.as_dict() for check in found])
    assert all(check.remedy for check in found if check.ok is False)
    return {check.name: check for check in found}


def day_beginning(utc: str) -> list[dict[str, Any]]:
    limits = {"from": utc, "to": "2026-08-26 17:00:00"}
    return [{"date_order:day": "26 Aug 2026", "__range": {"date_order:day": limits}}]


def test_a_fit_odoo_passes_every_check(connect: Connect) -> None:
    found = examine(connect)
    assert list(found) == [
        "server",
        "version",
        "credentials",
        "companies",
        "model pos.order",
        "model product.product",
        "time zone",
        "write rights",
    ]
    assert {check.ok for check in found.values()} == {True}
    assert found["companies"].detail == "1 PT Satu (IDR); 2 PT Dua (IDR)"
    assert found["model pos.order"].detail == "2 records, all 2 fields"


def test_a_server_that_is_not_there_ends_the_examination(connect: Connect) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    found = checks(connect(port), NEEDS)
    assert [(check.name, check.ok) for check in found] == [("server", False)]
    assert "refused" in found[0].detail
    assert "ODOO_HOST" in found[0].remedy


def test_a_host_without_odoo_is_told_from_one_that_is_down(connect: Connect) -> None:
    with serve(lambda call: Reply(404)) as stub:
        found = checks(connect(stub.port), NEEDS)
    assert [(check.name, check.ok) for check in found] == [("server", False)]
    assert "there is no Odoo" in found[0].detail


@pytest.mark.parametrize(
    ("major", "ok", "words"),
    [
        (13, False, "14 to 19"),
        (14, True, "field lists only"),
        (16, True, "field lists only"),
        (17, True, "recorded data"),
        (20, None, "14 to 19"),
    ],
)
def test_versions_are_known_old_or_new(
    connect: Connect, major: int, ok: bool | None, words: str
) -> None:
    version = examine(connect, major=major)["version"]
    assert version.ok is ok
    assert words in version.detail


def test_wrong_credentials_end_the_examination(connect: Connect) -> None:
    found = examine(connect, username="stranger")
    assert list(found) == ["server", "version", "credentials"]
    assert found["credentials"].ok is False
    assert "ODOO_API_KEY" in found["credentials"].remedy


def test_a_company_that_is_not_the_users_ends_the_examination(connect: Connect) -> None:
    found = examine(connect, companies=(9,))
    assert list(found)[-1] == "companies"
    assert found["companies"].ok is False
    assert "NKDASH_COMPANIES" in found["companies"].remedy


def test_companies_of_several_currencies_are_a_warning(connect: Connect) -> None:
    data = records()
    data["res.company"][1]["currency_id"] = 37
    companies = examine(connect, data=data)["companies"]
    assert companies.ok is None
    assert companies.detail == "1 PT Satu (IDR); 2 PT Dua (SGD)"


def test_missing_required_fields_fail_and_missing_optional_ones_are_named(connect: Connect) -> None:
    needs = {
        "pos.order": {"date_order": True, "employee_id": False},
        "product.product": {"name": True, "sku": True},
        "x_product_brand": {"x_name": False},
        "account.move": {"date": True},
    }
    found = examine(connect, needs=needs)
    assert found["model pos.order"].ok is None
    assert "without employee_id" in found["model pos.order"].detail
    assert found["model product.product"].ok is False
    assert found["model product.product"].detail == "lacks sku"
    assert found["model x_product_brand"].ok is None
    assert found["model account.move"].ok is False
    assert "account.move doesn't exist" in found["model account.move"].detail


def test_a_model_that_the_user_may_not_read_fails(connect: Connect) -> None:
    denied = odoo_error("odoo.exceptions.AccessError", "You are not allowed to access 'Product'")
    found = examine(connect, answers={("product.product", "search_read"): denied})
    assert found["model product.product"].ok is False
    assert "not allowed" in found["model product.product"].detail
    assert "read access" in found["model product.product"].remedy
    assert found["model pos.order"].ok is True


def test_a_needed_model_without_records_is_a_warning(connect: Connect) -> None:
    found = examine(connect, data=records(**{"product.product": []}))
    assert found["model product.product"].ok is None
    assert "record rules" in found["model product.product"].remedy


def test_a_day_that_begins_at_utc_midnight_means_that_odoo_lacks_the_zone(
    connect: Connect,
) -> None:
    utc = day_beginning("2026-08-25 00:00:00")
    zone = examine(connect, answers={("pos.order", "read_group"): utc})["time zone"]
    assert zone.ok is False
    assert "2026-08-25 17:00:00" in zone.detail
    assert "tzdata" in zone.remedy


@pytest.mark.parametrize(
    ("zone", "begins", "ok"),
    [
        ("UTC", "2026-08-25 00:00:00", True),
        ("Africa/Abidjan", "2026-08-25 00:00:00", None),
        ("Asia/Jakarta", "2026-08-25 17:00:00", True),
        ("Asia/Jayapura", "2026-08-25 15:00:00", True),
    ],
)
def test_only_a_zone_apart_from_utc_can_be_proven(
    connect: Connect, zone: str, begins: str, ok: bool | None
) -> None:
    answers = {("pos.order", "read_group"): day_beginning(begins)}
    assert examine(connect, zone=zone, answers=answers)["time zone"].ok is ok


@pytest.mark.parametrize(
    ("data", "answers"),
    [
        (records(**{"pos.order": []}), {}),
        (records(), {("pos.order", "read_group"): [{"date_order:day": "26 Aug 2026"}]}),
    ],
)
def test_the_zone_cannot_be_told_without_an_order_or_limits(
    connect: Connect, data: dict[str, Any], answers: dict[tuple[str, str], Any]
) -> None:
    zone = examine(connect, data=data, answers=answers)["time zone"]
    assert zone.ok is None
    assert "cannot tell" in zone.detail


@pytest.mark.parametrize(("major", "method"), [(17, "check_access_rights"), (18, "has_access")])
def test_rights_to_write_are_only_noted(connect: Connect, major: int, method: str) -> None:
    answers = {("pos.order", method): True, ("product.product", method): False}
    rights = examine(connect, major=major, answers=answers)["write rights"]
    assert rights.ok is None
    assert rights.detail == "NKDash never writes, but may write, create, unlink: pos.order"
    assert "docs/odoo-user.md" in rights.remedy


def test_fields_that_groups_hide_are_told_from_those_that_odoo_lacks(connect: Connect) -> None:
    needs = {
        "pos.order": {"date_order": True, "employee_id": False},
        "product.product": {"name": True, "standard_price": True},
    }
    known = {"name": "standard_price", "id": 7, "model": "product.product"}
    data = records(**{"ir.model.fields": [known]})
    found = examine(connect, needs=needs, data=data)
    assert found["model product.product"].ok is False
    assert "groups that see standard_price: this Odoo has them" in (
        found["model product.product"].remedy
    )
    assert found["model pos.order"].remedy == "Not needed: these columns stay empty."


def test_a_server_that_fails_halfway_is_reported_not_raised(connect: Connect) -> None:
    found = examine(connect, answers={("pos.order", "search_count"): Reply(500)})
    assert found["model pos.order"].ok is False
    assert "HTTP 500" in found["model pos.order"].detail
    assert found["model product.product"].ok is True


def test_an_unencrypted_way_over_the_network_is_a_warning(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: loopback("127.0.0.1", *rest, **more)
    )
    found = examine(connect, host="erp.example.com")
    assert found["encryption"].ok is None
    assert "jsonrpc+ssl" in found["encryption"].remedy
    assert found["server"].ok is True
