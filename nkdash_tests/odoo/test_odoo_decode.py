"""Values are decoded by their field's type, and a value of another type never passes."""

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nkdash.odoo import DTYPES, FieldInfo, OdooSchemaError
from nkdash.odoo.decode import decode_rows

INT64 = st.integers(-(2**63), 2**63 - 1)
IDS = st.integers(1, 2**31)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SECONDS = st.datetimes().map(lambda at: at.replace(microsecond=0))
JSON_VALUES = st.one_of(
    st.dictionaries(st.text(), FLOATS), st.lists(st.dictionaries(st.text(), st.text()))
)


def same(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    return strategy.map(lambda value: (value, value))


def nullable(pairs: st.SearchStrategy[tuple[Any, Any]]) -> st.SearchStrategy[tuple[Any, Any]]:
    return st.one_of(pairs, st.just((False, None)))


MANY2ONE = nullable(
    st.one_of(same(IDS), st.tuples(IDS, st.text()).map(lambda pair: (list(pair), pair[0])))
)
X2MANY = st.one_of(same(st.lists(IDS)), st.just((False, [])))
# ttype -> (what Odoo answers, what the frame shall hold)
PAIRS: dict[str, st.SearchStrategy[tuple[Any, Any]]] = {
    "integer": nullable(same(INT64)),
    "float": nullable(st.one_of(same(FLOATS), st.integers(-99, 99).map(lambda n: (n, float(n))))),
    "monetary": nullable(same(FLOATS)),
    "boolean": same(st.booleans()),
    "date": nullable(st.dates().map(lambda day: (day.isoformat(), day))),
    "datetime": nullable(SECONDS.map(lambda at: (at.isoformat(" "), at))),
    **dict.fromkeys(("char", "text", "html", "selection", "reference"), nullable(same(st.text()))),
    "many2one": MANY2ONE,
    "many2one_reference": st.one_of(MANY2ONE, st.just((0, None))),
    "one2many": X2MANY,
    "many2many": X2MANY,
}
WRONG: dict[str, list[Any]] = {
    "integer": [1.0, True, "1", [1], 2**63],
    "float": ["1.5", True, [1.5]],
    "monetary": ["1.5", True, {}],
    "boolean": [0, 1, "false", []],
    "date": ["2026-13-01", "2026-01-01 10:00:00", "today", 20260101, True],
    "datetime": ["2026-01-01", "2026-01-01T10:00:00", "2026-01-01 25:00:00", 1, True],
    "char": [1, 1.5, True, ["a"]],
    "selection": [1, True],
    "many2one": ["7", True, [], 7.0, ["a", "b"]],
    "one2many": [[1.5], ["1"], [[1, "name"]], 7, True, [True]],
    "many2many": [[None], 7],
    "json": [],
}


@pytest.mark.parametrize("ttype", PAIRS)
@given(data=st.data())
def test_every_value_of_a_type_comes_out_as_it_went_in(ttype: str, data: st.DataObject) -> None:
    pairs = data.draw(st.lists(PAIRS[ttype]))
    frame = decode_rows("m", [FieldInfo("x", ttype)], [{"id": 1, "x": raw} for raw, _ in pairs])
    assert frame.schema == {"x": DTYPES[ttype]}
    assert frame["x"].to_list() == [wanted for _, wanted in pairs]


@pytest.mark.parametrize(
    ("ttype", "value"), [(ttype, value) for ttype, values in WRONG.items() for value in values]
)
def test_a_value_of_another_type_fails_and_names_the_field(ttype: str, value: Any) -> None:
    rows = [{"x": False}, {"x": value}]
    with pytest.raises(OdooSchemaError, match=r"sale\.thing: field 'x'") as caught:
        decode_rows("sale.thing", [FieldInfo("x", ttype)], rows)
    assert not caught.value.transient


@pytest.mark.parametrize("ttype", ["json", "properties", "properties_definition", "serialized"])
@given(values=st.lists(st.one_of(JSON_VALUES, st.just(False))))
def test_json_fields_become_json_text(ttype: str, values: list[Any]) -> None:
    frame = decode_rows("m", [FieldInfo("x", ttype)], [{"x": value} for value in values])
    texts = frame["x"].to_list()
    assert frame.schema == {"x": pl.String()}
    assert [None if text is None else json.loads(text) for text in texts] == [
        None if value is False else value for value in values
    ]


def test_no_rows_give_an_empty_frame_with_the_full_schema() -> None:
    fields = [FieldInfo(ttype, ttype) for ttype in DTYPES]
    frame = decode_rows("m", fields, [])
    assert frame.is_empty()
    assert frame.schema == DTYPES
    assert frame.schema == decode_rows("m", fields, [dict.fromkeys(DTYPES, False)]).schema


def test_binary_fields_are_refused_by_name() -> None:
    with pytest.raises(OdooSchemaError, match=r"'image_1920'.*'binary'"):
        decode_rows("m", [FieldInfo("image_1920", "binary")], [])


def test_a_field_left_out_of_the_answer_fails() -> None:
    with pytest.raises(OdooSchemaError, match="left it out"):
        decode_rows("m", [FieldInfo("x", "char")], [{"x": "a"}, {}])


def test_selections_are_read_with_and_without_labels() -> None:
    labelled = {"type": "selection", "selection": [["draft", "New"], ["done", "Posted"]]}
    bare = {"type": "selection", "selection": ["draft", "done"]}
    read = [FieldInfo.from_odoo("state", about).selection for about in (labelled, bare)]
    assert read == [("draft", "done")] * 2


@pytest.mark.parametrize("major", ["17", "19"])
@pytest.mark.parametrize(
    "model", ["pos.order", "pos.order.line", "stock.move.line", "account.move.line"]
)
def test_recorded_records_decode_whole(recorded: dict[str, Any], major: str, model: str) -> None:
    fields = recorded[major]["fields_get"][model]
    rows = next(
        pair["response"]["result"]
        for pair in recorded[major]["pairs"]
        if pair["title"].startswith(f"search_read 3 of {model} ")
    )
    columns = [
        FieldInfo.from_odoo(name, fields[name])
        for name in rows[0]
        # The one virtual model whose ids are texts.
        if name in fields and fields[name].get("relation") != "account.root"
    ]
    frame = decode_rows(model, columns, rows)
    assert frame.height == 3
    for column in columns:
        for raw, value in zip((row[column.name] for row in rows), frame[column.name], strict=True):
            if column.type == "boolean":
                assert value is raw
            elif column.type in ("one2many", "many2many"):
                assert list(value) == raw
            else:
                assert (value is None) == (raw is False)


def test_recorded_order_line_has_the_values_odoo_showed(recorded: dict[str, Any]) -> None:
    about = recorded["17"]["fields_get"]["pos.order"]
    row = next(
        pair["response"]["result"][0]
        for pair in recorded["17"]["pairs"]
        if pair["title"].startswith("search_read 3 of pos.order ")
    )
    names = ("id", "name", "date_order", "user_id", "amount_total", "lines", "to_invoice", "note")
    fields = [FieldInfo.from_odoo(name, about.get(name, {"type": "integer"})) for name in names]
    assert decode_rows("pos.order", fields, [row]).row(0, named=True) == {
        "id": 1,
        "name": "Toko Kemang/0001",
        "date_order": datetime(2026, 8, 25, 4, 38, 4, tzinfo=UTC).replace(tzinfo=None),
        "user_id": 7,
        "amount_total": 591400.0,
        "lines": row["lines"],
        "to_invoice": row["to_invoice"],
        "note": None if row["note"] is False else row["note"],
    }
