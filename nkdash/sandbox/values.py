"""Columns as the JSON values that Odoo answers."""

from typing import Any

import polars as pl

from nkdash.sandbox.schema import Field

EMPTY: dict[str, Any] = {"integer": 0, "float": 0.0, "monetary": 0.0}


def plain(field: Field, values: pl.Series) -> list[Any]:
    """A column as JSON values the way Odoo answers: False, 0 or [] for null, UTC text for time."""
    match field.type:
        case "datetime":
            values = values.dt.to_string("%Y-%m-%d %H:%M:%S")
        case "date":
            values = values.dt.to_string("%Y-%m-%d")
        case "float" | "monetary" | "integer":
            return values.fill_null(0).to_list()
        case "one2many" | "many2many":
            return [v or [] for v in values.to_list()]
    if values.null_count() == 0:
        return values.to_list()
    return [False if value is None else value for value in values.to_list()]
