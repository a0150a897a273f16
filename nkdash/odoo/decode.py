"""From Odoo's JSON rows to typed polars columns, by each field's type and never by its value.

``False`` is null for every type but boolean, and ``[]`` for x2many. Datetimes are naive UTC.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson
import polars as pl

from nkdash.odoo.errors import CHECK_FIELDS, OdooSchemaError

NoneType = type(None)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class FieldInfo:
    """One field of a model as ``fields_get`` describes it; ``type`` is Odoo's ttype."""

    name: str
    type: str
    relation: str | None = None
    store: bool = True
    required: bool = False
    company_dependent: bool = False
    string: str = ""
    selection: tuple[str, ...] = ()

    @classmethod
    def from_odoo(cls, name: str, description: Mapping[str, Any]) -> "FieldInfo":
        """Read one entry of a ``fields_get`` answer; selections keep their keys only."""
        options = description.get("selection") or ()
        return cls(
            name=name,
            type=description["type"],
            relation=description.get("relation"),
            store=bool(description.get("store", True)),
            required=bool(description.get("required", False)),
            company_dependent=bool(description.get("company_dependent", False)),
            string=description.get("string") or "",
            selection=tuple(str(o[0] if isinstance(o, list) else o) for o in options),
        )


ID_FIELD = FieldInfo(name="id", type="integer", required=True)

_TEXT = ("char", "text", "html", "selection", "reference")
_REFERENCES = ("many2one", "many2one_reference")
_LISTS = ("one2many", "many2many")
_JSON = ("json", "properties", "properties_definition", "serialized")

DTYPES: dict[str, pl.DataType] = {
    "integer": pl.Int64(),
    "float": pl.Float64(),
    "monetary": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "datetime": pl.Datetime("us"),
    **dict.fromkeys(_TEXT, pl.String()),
    **dict.fromkeys(_REFERENCES, pl.Int64()),
    **dict.fromkeys(_LISTS, pl.List(pl.Int64())),
    **dict.fromkeys(_JSON, pl.String()),
}


def frame_schema(model: str, fields: Sequence[FieldInfo]) -> dict[str, pl.DataType]:
    """Polars dtype of each field, in order. Raises OdooSchemaError for a type without one."""
    for field in fields:
        if field.type not in DTYPES:
            raise OdooSchemaError(
                f"field {field.name!r} is of type {field.type!r}, which NKDash cannot store in a"
                " table",
                remedy="Leave this field out.",
                model=model,
            )
    return {field.name: DTYPES[field.type] for field in fields}


def decode_rows(model: str, fields: Sequence[FieldInfo], rows: Sequence[Row]) -> pl.DataFrame:
    """One frame with exactly ``fields`` as columns, in that order, from ``read``'s rows.

    Many2one values may be bare ids or ``[id, name]`` pairs. Raises OdooSchemaError when a field
    is missing from a row or a value is not of its field's type.
    """
    schema = frame_schema(model, fields)
    return pl.DataFrame([_column(model, field, schema[field.name], rows) for field in fields])


def _column(model: str, field: FieldInfo, dtype: pl.DataType, rows: Sequence[Row]) -> pl.Series:
    try:
        values = _DECODERS[field.type]([row[field.name] for row in rows])
        if dtype == pl.Date:
            return pl.Series(field.name, values, pl.String).str.to_date("%Y-%m-%d")
        if dtype == pl.Datetime:
            # write_date has no fraction in answers today; `%.f` also takes one.
            text = pl.Series(field.name, values, pl.String)
            return text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us")
        if dtype == pl.List:
            # polars reads lists from JSON text twenty times faster than from Python lists.
            texts = pl.Series(field.name, [orjson.dumps(ids).decode() for ids in values], pl.String)
            return texts.str.json_decode(dtype)
        return pl.Series(field.name, values, dtype)
    except KeyError:
        reason = "Odoo left it out of its answer"
    except (TypeError, OverflowError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
    raise OdooSchemaError(
        f"field {field.name!r} ({field.type}) cannot be read: {reason}",
        remedy=CHECK_FIELDS,
        model=model,
    )


def _nulls(values: list[Any], *accepted: type) -> list[Any]:
    """The values with False as null. Raises TypeError for any other type, and for True."""
    kinds = set(map(type, values))
    if strange := kinds - {*accepted, bool, NoneType}:
        raise TypeError(f"got a value of type {min(kind.__name__ for kind in strange)}")
    if bool not in kinds:
        return values
    # `is`, since 0 == False and 1 == True in Python.
    if any(value is True for value in values):
        raise TypeError("got the value true")
    return [None if value is False else value for value in values]


def _of(*accepted: type) -> Callable[[list[Any]], list[Any]]:
    return lambda values: _nulls(values, *accepted)


def _booleans(values: list[Any]) -> list[Any]:
    if not set(map(type, values)) <= {bool, NoneType}:
        raise TypeError("got a value that is neither true nor false")
    return values


def _many2one(values: list[Any]) -> list[Any]:
    bare = [value[0] if type(value) is list and value else value for value in values]
    # Records count from 1: 0 and False both say "none".
    return [value or None for value in _nulls(bare, int)]


def _id_lists(values: list[Any]) -> list[Any]:
    lists = [value or [] for value in _nulls(values, list)]
    if not set(map(type, chain.from_iterable(lists))) <= {int}:
        raise TypeError("got a list of something other than ids")
    return lists


def _json_text(values: list[Any]) -> list[Any]:
    return [
        None if value is False or value is None else orjson.dumps(value).decode()
        for value in values
    ]


_DECODERS: dict[str, Callable[[list[Any]], list[Any]]] = {
    "integer": _of(int),
    "float": _of(float, int),
    "monetary": _of(float, int),
    "boolean": _booleans,
    "date": _of(str),
    "datetime": _of(str),
    **dict.fromkeys(_TEXT, _of(str)),
    **dict.fromkeys(_REFERENCES, _many2one),
    **dict.fromkeys(_LISTS, _id_lists),
    **dict.fromkeys(_JSON, _json_text),
}
