"""The sandbox as an Odoo 19: every recorded pair of it, by JSON-RPC and by JSON-2."""

import gzip
from typing import Any

import orjson
import pytest
import requests

from nkdash.sandbox import SandboxOptions, World, environment, start
from nkdash_tests.sandbox.conftest import DATA_19, KEY, Client, RecordedRows
from nkdash_tests.sandbox.test_contract import is_records, same_error, same_records

PAIRS = orjson.loads(gzip.decompress((DATA_19 / "samples.json.gz").read_bytes()))
FIELDS = orjson.loads(gzip.decompress((DATA_19 / "fields_get.json.gz").read_bytes()))
JSON_RPC = [p for p in PAIRS if p.get("http", {}).get("url") == "/jsonrpc"]
JSON_2 = [p for p in PAIRS if p["title"].startswith("JSON-2")]
REFUSALS = [p for p in PAIRS if "request" not in p]
# The pairs were taken before more orders and documents were seeded.
CHANGED_SINCE = {
    ("account.move", "is_manually_modified"),
    ("account.move", "write_date"),
    ("account.move.line", "write_date"),
    ("res.partner", "supplier_rank"),
    ("res.partner", "write_date"),
    ("res.partner", "write_uid"),
}


def titles(pairs: list[dict[str, Any]]) -> list[str]:
    return [pair["title"] for pair in pairs]


def test_all_pairs_are_here() -> None:
    assert len(JSON_RPC) + len(JSON_2) + len(REFUSALS) == len(PAIRS) == 54
    assert len(JSON_2) == 17


@pytest.fixture(scope="session")
def recorded_19() -> RecordedRows:
    return RecordedRows(DATA_19)


@pytest.mark.parametrize("pair", JSON_RPC, ids=titles(JSON_RPC))
def test_json_rpc(pair: dict[str, Any], reader_19: Client, recorded_19: RecordedRows) -> None:
    request = orjson.dumps(pair["request"]).replace(b"<API KEY>", KEY.encode())
    answer = reader_19.post(request)
    wanted = pair["response"]
    assert answer.status_code == pair["response_status"]
    assert answer.headers["Content-Type"] == pair["response_headers"]["Content-Type"]
    got = answer.json()
    assert set(got) == set(wanted)
    if "error" in wanted:
        same_error(got["error"], wanted["error"])
        return
    args = pair["request"]["params"]["args"]
    same_result(args[3] if len(args) > 3 else "", pair, got["result"], recorded_19)


@pytest.mark.parametrize("pair", JSON_2, ids=titles(JSON_2))
def test_json_2(pair: dict[str, Any], reader_19: Client, recorded_19: RecordedRows) -> None:
    wanted = pair["request"]
    headers = {k: v.replace("<API KEY>", KEY) for k, v in wanted["headers"].items()}
    answer = requests.post(
        reader_19.server.url + wanted["path"], headers=headers, json=wanted["body"], timeout=10
    )
    assert answer.status_code == pair["response_status"]
    for name, value in pair["response_headers"].items():
        assert answer.headers[name] == value
    if answer.status_code == 200:
        model = wanted["path"].split("/")[3]
        same_result(model, pair, answer.json(), recorded_19)
    elif "html" in answer.headers["Content-Type"]:
        assert answer.text == pair["response"]
    else:
        # same_error looks into JSON-RPC's envelope.
        same_error(enveloped(answer.json()), enveloped(pair["response"]))


def enveloped(error: dict[str, Any]) -> dict[str, Any]:
    return {"code": 0, "message": "", "data": error}


def same_result(model: str, pair: dict[str, Any], got: Any, recorded: RecordedRows) -> None:
    wanted: Any = pair.get("response")
    wanted = wanted["result"] if isinstance(wanted, dict) and "jsonrpc" in wanted else wanted
    if "search_count" in pair["title"]:
        assert got == len(recorded["pos.order.line"])
    elif "cashier" in pair["title"]:
        # The document that was the newest then; what counts is that a cashier may read it.
        assert len(got) == 1
        assert set(got[0]) == {"id"}
    elif "fields_get" in pair["title"]:
        told = {"type", "string"}
        known = {
            name: {key: value for key, value in about.items() if key in told}
            for name, about in FIELDS[model].items()
        }
        assert got == known
        assert {name: about["type"] for name, about in wanted.items()}.items() <= {
            name: about["type"] for name, about in got.items()
        }.items()
    elif is_records(wanted):
        same_records(model, got, wanted, recorded, FIELDS, CHANGED_SINCE)
    else:
        assert got == wanted


@pytest.mark.parametrize("pair", REFUSALS, ids=titles(REFUSALS))
def test_refusal(pair: dict[str, Any], reader_19: Client) -> None:
    plain = "text/plain" in pair["title"]
    answer = (
        reader_19.post(b"{}", content_type="text/plain") if plain else reader_19.post(b"[1, 2]")
    )
    assert (answer.status_code, answer.text) == (pair["response_status"], pair["response_text"])


def test_the_version_is_told_without_a_key(reader_19: Client, reader: Client) -> None:
    told = requests.get(f"{reader_19.server.url}/web/version", timeout=5).json()
    assert told == {"version": "19.0", "version_info": [19, 0, 0, "final", 0, ""]}
    assert requests.get(f"{reader.server.url}/web/version", timeout=5).status_code == 404


def test_an_odoo_17_has_no_json_2_nor_the_methods_of_later_ones(reader: Client) -> None:
    assert reader.json2("pos.order/search_count", {"domain": []}, db="nk17").status_code == 404
    for method in ("formatted_read_group", "has_access"):
        assert reader.error("pos.order", method, [])[0] == "builtins.AttributeError"
    with_path = reader.error("pos.order.line", "read_group", [], [], ["order_id.date_order:day"])
    assert with_path[0] == "builtins.ValueError"


def test_the_only_database_needs_no_name(reader_19: Client) -> None:
    assert reader_19.json2("pos.order/search_count", {"domain": []}, db=None).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("pos.order/search", {"domain": [], "ids": [1]}, 422, "cannot call pos.order.search with"),
        ("pos.order/search", {"domain": [], "colour": 1}, 422, "unexpected keyword argument"),
        ("pos.order/write", {"ids": [1], "vals": {}}, 403, "not allowed to modify"),
        ("pos.order/has_access", {}, 422, "missing a required argument: 'operation'"),
        ("pos.order/search", {"domain": [["a", "=", 1]]}, 500, "Invalid field pos.order.a in con"),
    ],
)
def test_what_json_2_refuses(
    reader_19: Client, path: str, body: Any, status: int, words: str
) -> None:
    answer = reader_19.json2(path, body)
    assert answer.status_code == status
    assert words in answer.json()["message"]


def test_another_content_type_is_refused(reader_19: Client) -> None:
    answer = reader_19.json2("pos.order/search", {"domain": []}, content_type="text/plain")
    assert answer.status_code == 415


def test_a_cashiers_key_opens_what_a_cashier_may_read(reader_19: Client) -> None:
    told = reader_19.json2("res.users/context_get", key="kasir1").json()
    [user] = reader_19.json2(
        "res.users/read", {"ids": [told["uid"]], "fields": ["login"]}, key="kasir1"
    ).json()
    assert user["login"] == "kasir1"
    assert reader_19.json2("pos.order/has_access", {"operation": "read"}, key="kasir1").json()
    assert not reader_19.json2("pos.order/has_access", {"operation": "write"}).json()


def test_groups_as_the_web_client_gets_them(reader_19: Client) -> None:
    sold = [["state", "in", ["done", "paid"]]]
    context = {"tz": "Asia/Jakarta"}
    body = {"domain": sold, "groupby": ["date_order:day"], "context": context}
    body["aggregates"] = ["__count", "amount_total:sum"]
    first = reader_19.json2("pos.order/formatted_read_group", body).json()[0]
    # The figures are those of the recorded read_group of that day.
    assert first == {
        "date_order:day": ["2026-11-12 17:00:00", "13 Nov 2026"],
        "__count": 27,
        "amount_total:sum": 13167700.88,
        "__extra_domain": [
            "&",
            ["date_order", ">=", "2026-11-12 17:00:00"],
            ["date_order", "<", "2026-11-13 17:00:00"],
        ],
    }
    below = {"domain": [], "groupby": ["order_id.date_order:day"], "context": context}
    below["aggregates"] = ["__count"]
    lines = reader_19.json2("pos.order.line/formatted_read_group", below).json()[0]
    assert lines["order_id.date_order:day"] == first["date_order:day"]
    assert lines["__extra_domain"] == [["order_id", "any", first["__extra_domain"]]]
    within = [["order_id.state", "!=", "draft"], *lines["__extra_domain"]]
    assert reader_19.json2("pos.order.line/search_count", {"domain": within}).json() > 0
    nothing = {"domain": [["id", "=", 0]], "aggregates": ["__count", "amount_total:sum"]}
    assert reader_19.json2("pos.order/formatted_read_group", nothing).json() == [
        {"__count": 0, "amount_total:sum": False, "__extra_domain": [[1, "=", 1]]}
    ]


def test_what_19_no_longer_stores_is_worked_out(reader_19: Client) -> None:
    taxes = reader_19(
        "account.tax", "search_read", [], fields=["price_include_override", "price_include"]
    )
    assert {(tax["price_include_override"], tax["price_include"]) for tax in taxes} == {
        (False, False),
        ("tax_included", True),
    }


def test_faults_meet_json_2_too_and_the_log_holds_no_key(client_19: Client) -> None:
    control = client_19.server.control
    control.add_fault("error", method="search_count")
    control.add_fault("http", method="search_count", after=1, status=429, retry_after=7)
    failed = client_19.json2("pos.order/search_count", {"domain": []})
    assert failed.status_code == 500
    assert failed.json()["name"] == "psycopg2.errors.SerializationFailure"
    slowed = client_19.json2("pos.order/search_count", {"domain": []})
    assert (slowed.status_code, slowed.headers["Retry-After"]) == (429, "7")
    assert client_19.json2("pos.order/search_count", {"domain": []}).status_code == 200
    assert control.counts() == {"pos.order.search_count": 3}
    assert KEY not in repr(control.calls())


def test_recorded_19_is_served_as_19(world_19: World) -> None:
    options = SandboxOptions(port=0, records=DATA_19 / "records")
    with start(options) as server:
        settings = environment(server, options)
        assert settings["ODOO_PROTOCOL"] == "json2"
        assert settings["NKDASH_START_DATE"] == "2026-11-13"
    assert world_19.major == 19
