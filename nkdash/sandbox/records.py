"""Recorded Odoo answers as a ``World``: ``<model>.jsonl.gz`` and ``fields_get.json.gz``."""

import gzip
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from nkdash.sandbox.schema import DTYPES, Field, read_fields
from nkdash.sandbox.store import Table, World

Names = dict[str, dict[int, str]]


def load_records(directory: Path) -> World:
    """Read ``directory/<model>.jsonl.gz`` with ``directory/../fields_get.json.gz``.

    Many2ones are recorded as ``[id, name]``: the names are kept, also those of models of which
    no records were taken. The fields tell the version of Odoo, 17 or 19. Raises
    ``FileNotFoundError`` naming what is missing.
    """
    described = directory.resolve().parent / "fields_get.json.gz"
    if not described.is_file():
        raise FileNotFoundError(f"{described} is missing: it says what fields the records have")
    paths = sorted(directory.glob("*.jsonl.gz"))
    if not paths:
        raise FileNotFoundError(f"no <model>.jsonl.gz in {directory}: give a folder of records")
    fields_get = orjson.loads(gzip.decompress(described.read_bytes()))
    names: Names = defaultdict(dict)
    tables: dict[str, Table] = {}
    for path in paths:
        model = path.name.removesuffix(".jsonl.gz")
        if model in fields_get:
            fields = read_fields(fields_get[model])
            tables[model] = Table(model, fields, _frame(fields, _lines(path), names))
    named = {model: _with_names(table, names.get(model, {})) for model, table in tables.items()}
    return World(named, names, _major(fields_get))


# Fields that came with a version, by what they are of.
_SINCE_19 = {
    "account.tax": "price_include_override",
    "res.users": "group_ids",
    "uom.uom": "relative_factor",
}


def _major(fields_get: Mapping[str, Mapping[str, Any]]) -> int:
    """The version that the records were taken of: 19 if any model has what only 19 has."""
    newer = any(field in fields_get.get(model, {}) for model, field in _SINCE_19.items())
    return 19 if newer else 17


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path) as lines:
        for line in lines:
            if line.strip():
                yield orjson.loads(line)


def _frame(
    fields: Mapping[str, Field], records: Iterator[dict[str, Any]], names: Names
) -> pl.DataFrame:
    rows = list(records)
    present = {name for row in rows for name in row} | {"id"}
    columns: dict[str, pl.Series] = {}
    for name, field in fields.items():
        if name not in present or field.type not in DTYPES:
            continue
        answers = [row.get(name, False) for row in rows]
        if field.type == "many2one" and field.relation:
            names[field.relation].update(pair for pair in answers if pair)
        columns[name] = _column(field, answers)
    return pl.DataFrame(columns).sort("id")


def _column(field: Field, answers: list[Any]) -> pl.Series:
    """Odoo's answers as a column: False is null but for booleans, [] for x2many."""
    if field.type == "many2one":
        answers = [pair[0] if pair else None for pair in answers]
    elif field.is_x2many:
        # Through text: polars builds lists of lists one small series at a time.
        texts = pl.Series(field.name, [orjson.dumps(ids or []).decode() for ids in answers])
        return texts.str.json_decode(field.dtype)
    elif field.type != "boolean":
        answers = [None if answer is False else answer for answer in answers]
    if field.type == "datetime":
        return pl.Series(field.name, answers, pl.String).str.to_datetime(
            "%Y-%m-%d %H:%M:%S", time_unit="us"
        )
    if field.type == "date":
        return pl.Series(field.name, answers, pl.String).str.to_date("%Y-%m-%d")
    return pl.Series(field.name, answers, field.dtype, strict=False)


def _with_names(table: Table, known: Mapping[int, str]) -> Table:
    """The table with the names by which other records call its records."""
    recorded = pl.DataFrame(
        {"id": list(known), "recorded_name": list(known.values())},
        schema={"id": pl.Int64, "recorded_name": pl.String},
    )
    frame = table.frame.join(recorded, on="id", how="left", maintain_order="left")
    own = [pl.col("display_name")] if "display_name" in frame.columns else []
    frame = frame.with_columns(
        pl.coalesce(*own, pl.col("recorded_name")).alias("display_name")
    ).drop("recorded_name")
    return Table(table.model, table.fields, frame)
