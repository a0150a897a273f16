"""From Odoo to raw: reads the fields of a source, follows relations, gives every row its day."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Protocol

import polars as pl

from nkdash.clock import day_window
from nkdash.contracts import Table
from nkdash.datasets.columns import to_local
from nkdash.datasets.spec import Dataset, Field
from nkdash.dimensions.spec import Dimension
from nkdash.lake import EXTRACTED_AT
from nkdash.odoo import FieldInfo, OdooSchemaError, TransientOdooError
from nkdash.settings import Settings


class Reader(Protocol):
    """What extraction needs of an Odoo client."""

    def fields_get(self, model: str) -> dict[str, FieldInfo]: ...

    def search_read(
        self, model: str, domain: Sequence[object], fields: Sequence[str]
    ) -> pl.DataFrame: ...

    def read_ids(self, model: str, ids: Iterable[int], fields: Sequence[str]) -> pl.DataFrame: ...


def extract_days(
    client: Reader, dataset: Dataset, first: date, last: date, settings: Settings
) -> pl.DataFrame:
    """Raw rows of the business days ``first`` to ``last`` (both included), in the raw contract.

    Raises OdooError; TransientOdooError also when a related record vanished while it was read.
    """
    source = dataset.source
    extracted_at = datetime.now(UTC).replace(tzinfo=None)
    rows = _read(client, source.model, _window(dataset, first, last, settings), source.fields)
    day = pl.col(source.day_field)
    if source.day_kind == "utc":
        day = to_local(day, settings.nkdash_timezone).dt.date()
    frame = rows.with_columns(date=day, **{EXTRACTED_AT: pl.lit(extracted_at, pl.Datetime("us"))})
    # A header may have moved to another day between the two reads; that day's load will have it.
    frame = frame.filter(pl.col("date").is_between(first, last))
    return _in_contract(frame, source.fields, dataset.raw_table)


def extract_dimension(client: Reader, dimension: Dimension) -> pl.DataFrame:
    """Every record of the dimension's model, archived ones too, in the raw contract.

    An optional model that this Odoo lacks gives an empty frame. Raises OdooError.
    """
    extracted_at = datetime.now(UTC).replace(tzinfo=None)
    table = dimension.raw_table
    try:
        rows = _read(client, dimension.model, [], dimension.fields)
    except OdooSchemaError as error:
        absent = error.model == dimension.model and error.method == "fields_get"
        if dimension.optional and absent:
            return pl.DataFrame(schema=table.schema)
        raise
    frame = rows.with_columns(**{EXTRACTED_AT: pl.lit(extracted_at, pl.Datetime("us"))})
    return _in_contract(frame, dimension.fields, table)


def _window(dataset: Dataset, first: date, last: date, settings: Settings) -> list[object]:
    source = dataset.source
    if source.day_kind == "utc":
        start, end = day_window(first, last, settings.zone)
        limits: list[object] = [
            (source.day_field, ">=", start.isoformat(" ", "seconds")),
            (source.day_field, "<", end.isoformat(" ", "seconds")),
        ]
    else:
        limits = [
            (source.day_field, ">=", first.isoformat()),
            (source.day_field, "<=", last.isoformat()),
        ]
    if settings.nkdash_companies:
        limits.append((source.company_field, "in", list(settings.nkdash_companies)))
    return [*source.domain, *limits]


def _read(
    client: Reader, model: str, domain: Sequence[object], fields: Sequence[Field]
) -> pl.DataFrame:
    """The records' own fields that exist, and those of related records under their dotted names."""
    own = [f for f in fields if "." not in f.name]
    frame = client.search_read(model, domain, _existing(client, model, own))
    return _with_related(client, model, frame, fields)


def _existing(client: Reader, model: str, fields: Sequence[Field]) -> list[str]:
    """Names to ask for: required ones in any case, so that Odoo's lack of one is an error."""
    known = client.fields_get(model)
    return [f.name for f in fields if f.required or f.name in known]


def _with_related(
    client: Reader, model: str, frame: pl.DataFrame, fields: Sequence[Field]
) -> pl.DataFrame:
    relations: dict[str, list[Field]] = {}
    for field in fields:
        head, _, rest = field.name.partition(".")
        if rest:
            relations.setdefault(head, []).append(
                Field(rest, field.dtype, field.description, field.required)
            )
    for head, wanted in relations.items():
        related = client.fields_get(model)[head].relation or ""
        ids = frame.get_column(head).drop_nulls().unique().sort()
        own = [f for f in wanted if "." not in f.name]
        parents = client.read_ids(related, ids.to_list(), _existing(client, related, own))
        if parents.height < ids.len():
            raise TransientOdooError(
                f"{ids.len() - parents.height} records of {related} vanished while they were read",
                remedy="Run the load again; nothing was written.",
                model=related,
                method="search_read",
            )
        parents = _with_related(client, related, parents, wanted)
        renamed = parents.rename({c: f"{head}.{c}" for c in parents.columns if c != "id"})
        frame = frame.join(renamed, left_on=head, right_on="id", how="left")
    return frame


def _in_contract(frame: pl.DataFrame, fields: Sequence[Field], table: Table) -> pl.DataFrame:
    """Columns of the contract, renamed where a field's Odoo name is a setting, absent ones null."""
    absent = [
        pl.lit(None, f.dtype).alias(f.name)
        for f in fields
        if f.name not in frame.columns and f.name
    ]
    unset = [pl.lit(None, f.dtype).alias(f.raw_name) for f in fields if not f.name]
    renames = {f.name: f.column for f in fields if f.column and f.name}
    return frame.with_columns(*absent, *unset).rename(renames).select(table.schema.names())
