"""Every request that was put to a real Odoo 17: the sandbox answers the same."""

import gzip
from typing import Any

import orjson
import pytest

from nkdash_tests.sandbox.conftest import DATA, KEY, Client, RecordedRows

PAIRS = orjson.loads(gzip.decompress((DATA / "samples.json.gz").read_bytes()))
FIELDS = orjson.loads(gzip.decompress((DATA / "fields_get.json.gz").read_bytes()))
CALLS = [pair for pair in PAIRS if "request" in pair]
REFUSALS = [pair for pair in PAIRS if "request" not in pair]

# The pairs were taken before the second company and the production orders were seeded.
CHANGED_SINCE = {("res.partner", name) for name in ("write_uid", "write_date", "supplier_rank")}


def _titles(pairs: list[dict[str, Any]]) -> list[str]:
    return [pair["title"] for pair in pairs]


def test_all_pairs_are_here() -> None:
    assert len(PAIRS) == 37
    assert len(REFUSALS) == 2


@pytest.mark.parametrize("pair", CALLS, ids=_titles(CALLS))
def test_call(pair: dict[str, Any], reader: Client, recorded: RecordedRows) -> None:
    request = orjson.dumps(pair["request"]).replace(b"<API KEY>", KEY.encode())
    answer = reader.post(request)
    wanted = pair["response"]

    assert answer.status_code == pair["response_status"]
    assert answer.headers["Content-Type"] == pair["response_headers"]["Content-Type"]
    got = answer.json()
    assert set(got) == set(wanted)
    assert (got["jsonrpc"], got["id"]) == (wanted["jsonrpc"], wanted["id"])
    if "error" in wanted:
        same_error(got["error"], wanted["error"])
        return
    args = pair["request"]["params"]["args"]
    if "search_count" in args:
        assert got["result"] == len(recorded["pos.order.line"])
    elif is_records(wanted["result"]):
        same_records(args[3], got["result"], wanted["result"], recorded, FIELDS, CHANGED_SINCE)
    elif "read_group" in args:
        assert len(got["result"]) == 2
        assert got["result"] == wanted["result"]
    else:
        assert got["result"] == wanted["result"]


def same_error(got: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert (got["code"], got["message"]) == (wanted["code"], wanted["message"])
    debug, known_debug = got["data"].pop("debug"), wanted["data"]["debug"]
    assert got["data"] == {key: v for key, v in wanted["data"].items() if key != "debug"}
    assert debug.splitlines()[0] == known_debug.splitlines()[0]
    assert debug.splitlines()[-1] == known_debug.splitlines()[-1]


def is_records(result: Any) -> bool:
    return isinstance(result, list) and bool(result) and isinstance(result[0].get("id"), int)


def same_records(
    model: str,
    got: Any,
    wanted: Any,
    recorded: RecordedRows,
    fields: dict[str, Any],
    changed: set[tuple[str, str]],
) -> None:
    assert [row["id"] for row in got] == [row["id"] for row in wanted]
    held = set(recorded[model][0])
    for row, known in zip(got, wanted, strict=True):
        assert set(row) == set(known)
        assert next(iter(row)) == "id"
        for name, value in known.items():
            if name in held and (model, name) not in changed:
                assert row[name] == value, name
            else:
                # Computed by Odoo: only the kind of value is promised.
                assert _kind(fields, model, name, row[name]), (name, row[name], value)


def _kind(fields: dict[str, Any], model: str, name: str, value: Any) -> bool:
    kind = fields[model][name]["type"] if name in fields[model] else "one2many"
    match kind:
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float" | "monetary":
            return isinstance(value, float)
        case "boolean":
            return isinstance(value, bool)
        case "one2many" | "many2many":
            return isinstance(value, list)
        case "many2one":
            return value is False or (
                isinstance(value, list) and isinstance(value[0], int) and isinstance(value[1], str)
            )
        case _:
            return value is False or isinstance(value, str)


@pytest.mark.parametrize("pair", REFUSALS, ids=_titles(REFUSALS))
def test_refusal(pair: dict[str, Any], reader: Client) -> None:
    if "text/plain" in pair["title"]:
        answer = reader.post(b"{}", content_type="text/plain")
    else:
        answer = reader.post(b"[1, 2]")
    assert answer.status_code == pair["response_status"]
    assert answer.text == pair["response_text"]


def test_no_json_at_all_is_refused(reader: Client) -> None:
    assert reader.post(b"no json").status_code == 400
