"""Columns into tables of the real models: field types come from a recorded ``fields_get``."""

import gzip
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import orjson
import polars as pl

from nkdash.sandbox.schema import DTYPES, Field, read_fields
from nkdash.sandbox.store import Table

OPENED = datetime.fromisoformat("2024-01-01 01:00:00")
"""When the shop's master data was entered (UTC)."""
ADMIN = 2


@cache
def model_fields() -> dict[str, dict[str, Field]]:
    """The fields of every generated model, as a real Odoo 17 describes them."""
    packed = resources.files("nkdash.sandbox").joinpath("data/fields_get_17.json.gz").read_bytes()
    described = orjson.loads(gzip.decompress(packed))
    return {model: read_fields(fields) for model, fields in described.items()}


@cache
def lore() -> dict[str, Any]:
    """Names, prices and weights that the retailer is made of."""
    text = resources.files("nkdash.sandbox").joinpath("data/retailer.json").read_bytes()
    content: dict[str, Any] = orjson.loads(text)
    return content


def table(model: str, columns: Mapping[str, Any]) -> Table:
    """A table out of ``columns``: arrays, lists or series by field name, scalars for all rows.

    ``id`` is required; fields of the record's own history (create_date, …) have defaults.
    """
    fields = model_fields()[model]
    height = len(columns["id"])
    history = {
        "create_uid": ADMIN,
        "create_date": OPENED,
        "write_uid": ADMIN,
        "write_date": OPENED,
    }
    series = {
        name: _series(fields[name], value, height) for name, value in {**history, **columns}.items()
    }
    return Table(model, fields, pl.DataFrame(series).sort("id"))


def _series(field: Field, value: Any, height: int) -> pl.Series:
    dtype = DTYPES[field.type]
    if isinstance(value, pl.Series):
        return value.cast(dtype).alias(field.name)
    if isinstance(value, np.ndarray):
        return pl.Series(field.name, value).cast(dtype)
    if field.is_x2many and isinstance(value, list) and all(isinstance(v, int) for v in value):
        return pl.Series(field.name, [value], dtype=dtype).new_from_index(0, height)
    if isinstance(value, list):
        return pl.Series(field.name, value, dtype=dtype)
    return pl.Series(field.name, [value], dtype=dtype).new_from_index(0, height)
