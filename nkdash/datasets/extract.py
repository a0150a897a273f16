"""From Odoo to raw: reads the fields of a source, follows relations, gives every row its day."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

import polars as pl

from nkdash import clock
from nkdash.clock import day_window, utc_now
from nkdash.contracts import Table
from nkdash.datasets.columns import to_local
from nkdash.datasets.spec import Dataset, Field
from nkdash.dimensions.spec import Dimension
from nkdash.lake import EXTRACTED_AT
from nkdash.odoo import FieldInfo, OdooSchemaError, TransientOdooError, versions
from nkdash.settings import Settings

OVERLAP = timedelta(minutes=5)


class NotTodayError(ValueError):
    """A snapshot was asked for of a day that is not today; the message says why and what to do."""


class Reader(Protocol):
    """What extraction needs of an Odoo client."""

    def fields_get(self, model: str) -> dict[str, FieldInfo]: ...

    def search_read(
        self,
        model: str,
        domain: Sequence[object],
        fields: Sequence[str],
        *,
        company: int | None = None,
    ) -> pl.DataFrame: ...

    def companies(self) -> tuple[int, ...]: ...

    def read_ids(self, model: str, ids: Iterable[int], fields: Sequence[str]) -> pl.DataFrame: ...


def extract_days(
    client: Reader, dataset: Dataset, first: date, last: date, settings: Settings
) -> pl.DataFrame:
    """Raw rows of the business days ``first`` to ``last`` (both included), in the raw contract.

    Raises OdooError; TransientOdooError also when a related record vanished while it was read;
    NotTodayError for a snapshot of another day.
    """
    source = dataset.source
    taken_at = utc_now(settings)
    if dataset.is_snapshot:
        only_today(dataset, first, last, taken_at.astimezone(settings.zone).date())
    extracted_at = clock.machine_now().replace(tzinfo=None)
    model = model_here(client, source.model)
    domain = window(dataset, client.fields_get(model), first, last, settings)
    rows = _read(client, model, domain, source.fields)
    if dataset.is_snapshot:
        instant = pl.lit(taken_at.replace(tzinfo=None), pl.Datetime("us"))
        rows = rows.with_columns(instant.alias(source.day_field))
    # Taken aside, since some models have a field named date of their own.
    days = _business_days(rows, dataset, settings)
    frame = _in_contract(rows, source.fields, dataset.raw_table, extracted_at, days)
    # A header may have moved to another day between the two reads; that day's load will have it.
    return frame.filter(pl.col("date").is_between(first, last))


def extract_stamps(
    client: Reader, dataset: Dataset, domain: Sequence[object], settings: Settings
) -> pl.DataFrame:
    """``date`` and the ``Source.stamps`` (named as in raw) of the records that fit ``domain``.

    Raises OdooError, as extract_days.
    """
    fields = dataset.source.stamps
    rows = _read(client, model_here(client, dataset.source.model), domain, fields)
    days = _business_days(rows, dataset, settings)
    names = {f.name: f.raw_name for f in fields if f.name in rows.columns}
    return rows.select(names.keys()).rename(names).with_columns(days)


def _business_days(rows: pl.DataFrame, dataset: Dataset, settings: Settings) -> pl.Series:
    """The business day of each row that was read, as ``date``."""
    day = pl.col(dataset.source.day_field)
    if dataset.source.day_kind != "date":
        day = to_local(day, settings.nkdash_timezone).dt.date()
    return rows.select(date=day).to_series()


def only_today(dataset: Dataset, first: date, last: date, today: date) -> None:
    """Refuse to take a snapshot for another day than ``today``. Raises NotTodayError."""
    if (first, last) != (today, today):
        asked = f"{first}" if first == last else f"{first} to {last}"
        raise NotTodayError(
            f"{dataset.name} of {asked} cannot be loaded: Odoo knows only what is there now, so a "
            f"snapshot can be taken for today ({today}) alone and a missed day is lost. "
            "stock_on_hand(day) in the warehouse works out any day from a snapshot and the moves."
        )


def extract_dimension(client: Reader, dimension: Dimension) -> pl.DataFrame:
    """Every record of the dimension's model, archived ones too, in the raw contract.

    One per company has them once for each of the client's companies. An optional model that this
    Odoo lacks gives an empty frame. Raises OdooError.
    """
    extracted_at = clock.machine_now().replace(tzinfo=None)
    table = dimension.raw_table
    model = model_here(client, dimension.model)
    try:
        rows = (
            _of_each_company(client, model, dimension.fields)
            if dimension.per_company
            else _read(client, model, [], dimension.fields)
        )
    except OdooSchemaError as error:
        absent = error.model == model and error.method == "fields_get"
        if dimension.optional and absent:
            return pl.DataFrame(schema=table.schema)
        raise
    return _in_contract(rows, dimension.fields, table, extracted_at)


def extract_changes(client: Reader, dimension: Dimension, known: pl.DataFrame) -> pl.DataFrame:
    """``known``, the dimension's raw rows, with the records written since brought up to date.

    Deleted records stay until the dimension is read whole again, and so does a value of a related
    record. One per company, or an empty one, is read whole: writing a company's own value need not
    touch the record. Raises OdooError.
    """
    if dimension.per_company or known.is_empty():
        return extract_dimension(client, dimension)
    extracted_at = clock.machine_now().replace(tzinfo=None)
    last = known.get_column("write_date").max()
    if not isinstance(last, datetime):
        return extract_dimension(client, dimension)
    # Odoo keeps microseconds and answers seconds, and commits later than it stamps.
    since = (last - OVERLAP).isoformat(" ", "seconds")
    model = model_here(client, dimension.model)
    rows = _read(client, model, [("write_date", ">=", since)], dimension.fields)
    changed = _in_contract(rows, dimension.fields, dimension.raw_table, extracted_at)
    return pl.concat([known.join(changed, on="id", how="anti"), changed])


def _of_each_company(client: Reader, model: str, fields: Sequence[Field]) -> pl.DataFrame:
    """Every record once for each company, with that company's values."""
    return pl.concat(
        _read(client, model, [], fields, company).with_columns(
            company_id=pl.lit(company, pl.Int64())
        )
        for company in client.companies()
    )


def window(
    dataset: Dataset, known: Collection[str], first: date, last: date, settings: Settings
) -> list[object]:
    """The domain of the days ``first`` to ``last``; ``known`` are the fields that the model has."""
    source = dataset.source
    limits: list[object] = []
    if source.day_kind == "utc":
        start, end = day_window(first, last, settings.zone)
        limits += [
            (source.day_field, ">=", start.isoformat(" ", "seconds")),
            (source.day_field, "<", end.isoformat(" ", "seconds")),
        ]
    elif source.day_kind == "date":
        limits += [
            (source.day_field, ">=", first.isoformat()),
            (source.day_field, "<=", last.isoformat()),
        ]
    if settings.nkdash_companies:
        limits.append((source.company_field, "in", list(settings.nkdash_companies)))
    return [*source.domain(known), *limits]


def _read(
    client: Reader,
    model: str,
    domain: Sequence[object],
    fields: Sequence[Field],
    company: int | None = None,
) -> pl.DataFrame:
    """The records' own fields that exist, and those of related records under their dotted names.

    ``company`` is the one whose company-dependent values are read (default: the main one).
    """
    names = _own_names(client, model, fields)
    frame = client.search_read(model, domain, list(names), company=company)
    return _with_related(client, model, frame.rename(names), fields)


def model_here(client: Reader, model: str) -> str:
    """What this Odoo calls ``model``; the newest name where it has none of its names."""
    for name in versions.model_names(model):
        try:
            client.fields_get(name)
        except OdooSchemaError:
            continue
        return name
    return model


def name_here(model: str, field: str, known: Collection[str]) -> str | None:
    """What this Odoo, whose ``model`` has the fields ``known``, calls ``field``; None: lacks it."""
    return next((name for name in versions.field_names(model, field) if name in known), None)


def _own_names(client: Reader, model: str, fields: Sequence[Field]) -> dict[str, str]:
    """What to ask for, as this Odoo calls it, to NKDash's name.

    Required fields are there in any case, so that Odoo's lack of one is an error.
    """
    known = client.fields_get(model)
    names: dict[str, str] = {}
    for field in fields:
        if "." in field.name:
            continue
        here = name_here(model, field.name, known)
        if here or field.required:
            names[here or field.name] = field.name
    return names


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
        # An optional relation that this Odoo lacks: its fields are null columns.
        if head not in frame.columns and not any(f.required for f in wanted):
            continue
        related = client.fields_get(model)[head].relation or ""
        names = _own_names(client, related, wanted)
        if not names and not any("." in f.name for f in wanted):
            continue
        ids = frame.get_column(head).drop_nulls().unique().sort()
        parents = client.read_ids(related, ids.to_list(), list(names)).rename(names)
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


def _in_contract(
    frame: pl.DataFrame,
    fields: Sequence[Field],
    table: Table,
    extracted_at: datetime,
    days: pl.Series | None = None,
) -> pl.DataFrame:
    """Columns of the contract: fields renamed where ``column`` says so, absent ones null.

    ``days`` is the business day of each row, for a partitioned table.
    """
    absent = [
        pl.lit(None, f.dtype).alias(f.name)
        for f in fields
        if f.name not in frame.columns and f.name
    ]
    unset = [pl.lit(None, f.dtype).alias(f.raw_name) for f in fields if not f.name]
    renames = {f.name: f.column for f in fields if f.column and f.name}
    added = {EXTRACTED_AT: pl.lit(extracted_at, pl.Datetime("us"))}
    return (
        frame.with_columns(*absent, *unset)
        .rename(renames)
        .with_columns(*([days] if days is not None else []), **added)
        .select(table.schema.names())
    )
