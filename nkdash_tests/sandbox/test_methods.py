"""Order, paging, context, companies, groups and refusals."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from nkdash_tests.sandbox.conftest import Client, RecordedRows

JAKARTA = timedelta(hours=7)


def test_pages_by_id_and_by_offset_agree(reader: Client) -> None:
    by_id: list[int] = []
    while page := reader(
        "pos.order.line", "search", [["id", ">", by_id[-1] if by_id else 0]], limit=100, order="id"
    ):
        by_id += page
    by_offset = [
        i
        for offset in range(0, 900, 150)
        for i in reader("pos.order.line", "search", [], offset, 150, "id")
    ]
    assert by_id == by_offset
    assert by_id == sorted(by_id)
    assert len(by_id) == 728


def test_orders(reader: Client, recorded: RecordedRows) -> None:
    orders = recorded["pos.order"]
    totals = sorted(orders, key=lambda o: (-o["amount_total"], o["id"]))
    got = reader("pos.order", "search", [], order="amount_total desc, id asc")
    assert got == [order["id"] for order in totals]
    # Odoo's own order of the model where none is asked for.
    newest = max(orders, key=lambda o: (o["date_order"], o["name"], o["id"]))
    assert reader("pos.order", "search", [], limit=1) == [newest["id"]]


def test_nulls_come_last_and_with_desc_first(reader: Client) -> None:
    rows = reader("pos.order", "search_read", [], ["partner_id"], order="partner_id, id")
    filled = [bool(row["partner_id"]) for row in rows]
    assert filled == sorted(filled, reverse=True)
    names = [row["partner_id"][1] for row in rows if row["partner_id"]]
    assert names == sorted(names)
    assert len(set(names)) > 5
    rows = reader("pos.order", "search_read", [], ["partner_id"], order="partner_id desc")
    assert rows[0]["partner_id"] is False


def test_read_follows_the_ids(reader: Client) -> None:
    rows = reader("pos.order", "read", [3, 1, 99_999], ["name"])
    assert [row["id"] for row in rows] == [3, 1]
    assert reader("pos.order", "read", 2, ["name"]) == [{"id": 2, "name": "Toko Kemang/0002"}]


def test_binary_is_answered_only_when_asked(reader: Client) -> None:
    [row] = reader("res.partner", "search_read", [["id", "=", 1]])
    assert "image_128" not in row
    assert reader("res.partner", "read", [1], ["image_128"]) == [{"id": 1, "image_128": False}]


def test_archived_records_follow_the_context(reader: Client, recorded: RecordedRows) -> None:
    every = len(recorded["product.product"])
    active = sum(row["active"] for row in recorded["product.product"])
    assert active < every
    count = "search_count"
    assert reader("product.product", count, []) == active
    assert reader("product.product", count, [], context={"active_test": False}) == every
    hidden = reader("product.product", count, [["active", "=", False]])
    assert hidden == every - active


def test_companies(reader: Client, recorded: RecordedRows) -> None:
    taxes = recorded["account.tax"]
    of_first = sum(tax["company_id"][0] == 1 for tax in taxes)
    every = {"active_test": False}
    count = "search_count"
    assert 0 < of_first < len(taxes)
    assert reader("account.tax", count, [], context=every) == len(taxes)
    only = {**every, "allowed_company_ids": [1]}
    assert reader("account.tax", count, [], context=only) == of_first
    name, _ = reader.error("account.tax", count, [], context={"allowed_company_ids": [9]})
    assert name == "odoo.exceptions.AccessError"
    foreign = next(tax["id"] for tax in taxes if tax["company_id"][0] == 2)
    name, message = reader.error("account.tax", "read", [foreign], ["name"], context=only)
    assert name == "odoo.exceptions.AccessError"
    assert str(foreign) in message


def test_company_dependent_values_are_those_of_the_first_company(reader: Client) -> None:
    def costs(companies: list[int]) -> set[float]:
        context = {"allowed_company_ids": companies}
        rows = reader("product.product", "search_read", [], ["standard_price"], context=context)
        return {row["standard_price"] for row in rows}

    assert len(costs([1, 2])) > 50
    assert costs([2, 1]) == {0.0}


def test_fields_get(reader: Client) -> None:
    fields = reader("pos.order", "fields_get", ["state", "lines"], attributes=["type", "relation"])
    assert fields == {
        "state": {"type": "selection"},
        "lines": {"type": "one2many", "relation": "pos.order.line"},
    }
    assert len(reader("pos.order", "fields_get")) > 50


def test_nothing_can_be_written(reader: Client) -> None:
    writes: dict[str, list[Any]] = {"write": [[1], {"name": "x"}], "create": [{}], "unlink": [[1]]}
    for method, args in writes.items():
        name, _ = reader.error("pos.order", method, *args)
        assert name == "odoo.exceptions.AccessError"
    assert reader("pos.order", "check_access_rights", "write", raise_exception=False) is False
    assert reader("pos.order", "check_access_rights", "read") is True


def test_wrong_arguments_are_a_type_error(reader: Client) -> None:
    name, message = reader.error("pos.order", "search_read", [], nonsense=1)
    assert name == "builtins.TypeError"
    assert "nonsense" in message


def test_execute_takes_positional_arguments(reader: Client) -> None:
    params = {
        "service": "object",
        "method": "execute",
        "args": ["nk17", 2, reader.server.service.api_key, "pos.order", "search", [], 0, 2, "id"],
    }
    answer = reader.post({"jsonrpc": "2.0", "method": "call", "params": params, "id": 1})
    assert answer.json()["result"] == [1, 2]


def _local_day(order: dict[str, Any]) -> str:
    return str((datetime.fromisoformat(order["date_order"]) + JAKARTA).date())


def test_groups_by_local_day(reader: Client, recorded: RecordedRows) -> None:
    wanted: dict[str, list[float]] = {}
    for order in recorded["pos.order"]:
        wanted.setdefault(_local_day(order), []).append(order["amount_total"])
    groups = reader(
        "pos.order",
        "read_group",
        [],
        ["amount_total:sum"],
        ["date_order:day"],
        context={"tz": "Asia/Jakarta"},
    )
    assert len(groups) == len(wanted) > 5
    for group, day in zip(groups, sorted(wanted), strict=True):
        bounds = group["__range"]["date_order:day"]
        start = datetime.fromisoformat(bounds["from"]) + JAKARTA
        assert str(start.date()) == day
        assert group["date_order:day"] == f"{start:%d %b %Y}"
        assert group["date_order_count"] == len(wanted[day])
        assert group["amount_total"] == pytest.approx(sum(wanted[day]), abs=1e-6)
        assert reader("pos.order", "search_count", group["__domain"]) == len(wanted[day])


def test_days_are_utc_without_a_zone_and_for_an_unknown_one(reader: Client) -> None:
    call: tuple[Any, ...] = ("pos.order", "read_group", [], ["__count"], ["date_order:day"])
    plain = reader(*call)
    assert plain == reader(*call, context={"tz": "Asia/Jakartta"})
    assert plain != reader(*call, context={"tz": "Asia/Jakarta"})
    assert plain[0]["__range"]["date_order:day"]["from"].endswith(" 00:00:00")


def test_groups_by_week_and_month(reader: Client) -> None:
    [week] = reader("pos.order", "read_group", [["id", "=", 1]], [], ["date_order:week"])
    assert week["date_order:week"] == "W35 2026"
    assert week["__range"]["date_order:week"] == {
        "from": "2026-08-23 00:00:00",
        "to": "2026-08-30 00:00:00",
    }
    [month] = reader("pos.order", "read_group", [["id", "=", 1]], [], "date_order")
    assert month["date_order"] == "August 2026"
    assert month["__range"]["date_order"]["to"] == "2026-09-01 00:00:00"


def test_groups_of_dates_have_no_times(reader: Client) -> None:
    group = reader("account.move", "read_group", [["date", "!=", False]], [], ["date:day"])[0]
    assert group["__range"]["date:day"] == {"from": "2026-08-25", "to": "2026-08-26"}


def test_groups_by_many2one_with_an_unset_group(reader: Client, recorded: RecordedRows) -> None:
    groups = reader(
        "pos.order", "read_group", [], ["amount_total:avg", "ids:array_agg(id)"], ["partner_id"]
    )
    unset = [order for order in recorded["pos.order"] if not order["partner_id"]]
    assert groups[-1]["partner_id"] is False
    assert groups[-1]["partner_id_count"] == len(unset)
    assert groups[-1]["__domain"] == [["partner_id", "=", False]]
    assert sorted(groups[-1]["ids"]) == sorted(order["id"] for order in unset)
    ids, names = zip(*(group["partner_id"] for group in groups[:-1]), strict=True)
    assert list(names) == sorted(names)
    assert set(ids) == {o["partner_id"][0] for o in recorded["pos.order"] if o["partner_id"]}


def test_several_groupings(reader: Client, recorded: RecordedRows) -> None:
    pairs = {(o["config_id"][0], o["state"]) for o in recorded["pos.order"]}
    groups = reader("pos.order", "read_group", [], ["__count"], ["config_id", "state"], lazy=False)
    assert {(g["config_id"][0], g["state"]) for g in groups} == pairs
    assert sum(g["__count"] for g in groups) == len(recorded["pos.order"])
    lazy = reader("pos.order", "read_group", [], [], ["config_id", "state"])
    assert lazy[0]["__context"] == {"group_by": ["state"]}
    assert "config_id_count" in lazy[0]


def test_group_limits_order_and_totals(reader: Client, recorded: RecordedRows) -> None:
    call: tuple[Any, ...] = ("pos.order", "read_group", [], ["amount_total"], ["config_id"])
    by_sum = reader(*call, orderby="amount_total desc")
    sums = [group["amount_total"] for group in by_sum]
    assert sums == sorted(sums, reverse=True)
    assert reader(*call, orderby="amount_total desc", limit=1, offset=1) == by_sum[1:2]
    [total] = reader("pos.order", "read_group", [], ["amount_total:sum", "id:max"], [])
    orders = recorded["pos.order"]
    assert total["__count"] == len(orders)
    assert total["amount_total"] == pytest.approx(sum(o["amount_total"] for o in orders))
    assert total["id"] == max(o["id"] for o in orders)


@pytest.mark.parametrize(
    ("groupby", "fields", "message"),
    [
        (
            "order_id.date_order:day",
            [],
            "Property name 'date_order' has to be used on a property field.",
        ),
        ("nope", [], "Invalid field 'nope' on model 'pos.order.line'"),
        ("order_id", ["nope:sum"], "Invalid field 'nope' on model 'pos.order.line'"),
        (
            "margin",
            [],
            "Cannot convert pos.order.line.margin to SQL because it is not stored",
        ),
    ],
)
def test_wrong_groups(groupby: str, fields: list[str], message: str, reader: Client) -> None:
    error = reader.error("pos.order.line", "read_group", [], fields, [groupby])
    assert error == ("builtins.ValueError", message)
