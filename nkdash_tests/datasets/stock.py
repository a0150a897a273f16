"""Reading the recorded retailer's stock as NKDash does, and hand-made Odoo records."""

import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import SecretStr

from nkdash.catalog import Catalog
from nkdash.contracts import conform
from nkdash.datasets.extract import extract_days, extract_dimension
from nkdash.odoo import OdooClient, OdooConnection
from nkdash.sandbox import SandboxServer
from nkdash.settings import Settings
from nkdash_tests.conftest import RECORDS

TRUTH = json.loads((RECORDS.parent / "stock_truth.json").read_text())

FieldsOf = Mapping[str, Mapping[str, tuple[str, str | None]]]
"""Model to field to (type, relation)."""


def make_settings(folder: Path, **more: object) -> Settings:
    """Settings of their own, whatever the environment says."""
    return Settings(_env_file=None, data_lake_root=folder / "lake", **more)  # type: ignore[arg-type]


def connect(server: SandboxServer) -> OdooClient:
    return OdooClient(
        OdooConnection(
            host="127.0.0.1",
            port=server.port,
            protocol="jsonrpc",
            db="demo",
            username="demo",
            api_key=SecretStr("demo"),
            max_attempts=1,
        )
    )


def read_dimension(client: OdooClient, catalog: Catalog, name: str) -> pl.DataFrame:
    """A dimension as it gets into the lake, ``name`` as in dim_products."""
    dimension = next(d for d in catalog.dimensions if d.table.name == name)
    raw = conform(extract_dimension(client, dimension), dimension.raw_table)
    return conform(dimension.make(raw.lazy()).collect(), dimension.table)


def read_fact(
    client: OdooClient, catalog: Catalog, settings: Settings, name: str, first: date, last: date
) -> pl.DataFrame:
    """The fact of the dataset ``name`` over a range of days, as it gets into the lake."""
    dataset = next(d for d in catalog.datasets if d.name == name)
    raw = conform(extract_days(client, dataset, first, last, settings), dataset.raw_table)
    clean = conform(dataset.clean(raw.lazy()).collect(), dataset.clean_table)
    assert dataset.fact
    dimensions = {d: read_dimension(client, catalog, d).lazy() for d in dataset.fact.dimensions}
    return conform(dataset.fact.make(clean.lazy(), dimensions).collect(), dataset.fact.table)


def write_records(
    folder: Path, fields: FieldsOf, records: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Path:
    """Hand-made records beside the recorded users, companies and units, for ``load_records``.

    ``fields`` are all that each hand-made model has.
    """
    target = folder / "records"
    target.mkdir(parents=True)
    kept = [p for p in RECORDS.glob("res.*.gz") if p.name.removesuffix(".jsonl.gz") not in fields]
    for path in kept:
        (target / path.name).write_bytes(path.read_bytes())
    described = json.loads(gzip.decompress((RECORDS.parent / "fields_get.json.gz").read_bytes()))
    described = {model: about for model, about in described.items() if model.startswith("res.")}
    for model, of_model in fields.items():
        described[model] = {
            name: {"type": kind, "relation": relation, "store": True, "string": name}
            for name, (kind, relation) in {"id": ("integer", None), **of_model}.items()
        }
        rows = "".join(json.dumps(row) + "\n" for row in records[model])
        (target / f"{model}.jsonl.gz").write_bytes(gzip.compress(rows.encode()))
    packed = gzip.compress(json.dumps(described).encode())
    (folder / "fields_get.json.gz").write_bytes(packed)
    return target
