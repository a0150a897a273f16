"""Reconciliation: what Odoo says now of a business day against what the lake holds of it.

Odoo adds up in its own database (``read_group``), the lake in raw, so both count the same records
by different ways. The day comes from the groups' ``__range``, never from their labels.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Protocol

import polars as pl

from nkdash import clock
from nkdash.clock import today
from nkdash.datasets.columns import to_local
from nkdash.datasets.extract import Reader, model_here, name_here, window
from nkdash.datasets.spec import Dataset, Reconcile
from nkdash.lake import LakePath, Layer, days_present, partition_path, read_footer, scan_days
from nkdash.odoo import ServerVersion, TransientOdooError
from nkdash.quality.verdicts import TABLE, VALUE, write_verdicts
from nkdash.settings import Settings

COUNT = "count"
# Sums are exact on both sides but for the double in which Odoo's answer carries them.
HALF_A_UNIT = 0.00005
DOUBLE = 2.0**-51
EXACT = pl.Decimal(38, 6)
GROUPS_TOLD = 5
RELATED_DAYS_SINCE = 19
_FIGURES = pl.Schema({"date": pl.Date(), "group": pl.String(), "figure": pl.String()})


class Grouper(Reader, Protocol):
    """What reconciliation needs of an Odoo client."""

    def version(self) -> ServerVersion: ...

    def read_group(
        self, model: str, domain: Sequence[Any], aggregates: Sequence[str], groupby: Sequence[str]
    ) -> list[dict[str, Any]]: ...


def reconcile(
    client: Grouper, dataset: Dataset, first: date, last: date, settings: Settings
) -> pl.DataFrame:
    """Compare the loaded days from ``first`` to ``last`` with Odoo and keep the verdicts.

    Returns them by the contract ``nkdash.quality.verdicts.TABLE``. Today is left out: it changes
    while it is compared. No row for a dataset that has nothing to compare, nor for a day that is
    not loaded. Raises OdooError, LakeWriteError; what was kept before then stays.
    """
    root = settings.lake_root
    days = comparable_days(dataset, first, last, settings)
    if not days or dataset.reconcile is None:
        return pl.DataFrame(schema=TABLE.schema)
    checked_at = clock.machine_now().replace(tzinfo=None)
    fields = _summed(client, dataset, dataset.reconcile)
    in_odoo = odoo_figures(client, dataset, fields, days[0], days[-1], settings)
    in_lake = lake_figures(root, dataset, list(fields), days)
    figures = pl.concat(
        [
            compare(in_odoo, in_lake, days, [COUNT, *fields]),
            _rows_of_later_layers(root, dataset, in_odoo, days),
        ]
    )
    verdicts = figures.select(
        dataset=pl.lit(dataset.name),
        **{name: pl.col(name) for name in figures.columns},
        checked_at=pl.lit(checked_at, pl.Datetime("us")),
    )
    write_verdicts(root, dataset.name, verdicts, days, checked_at)
    return verdicts


def comparable_days(dataset: Dataset, first: date, last: date, settings: Settings) -> list[date]:
    """The days that are loaded and over, oldest first."""
    if dataset.reconcile is None:
        return []
    loaded = days_present(settings.lake_root, Layer.RAW, dataset.name)
    return sorted(day for day in loaded if first <= day <= last and day < today(settings))


def odoo_figures(
    client: Grouper,
    dataset: Dataset,
    fields: Mapping[str, str],
    first: date,
    last: date,
    settings: Settings,
) -> pl.DataFrame:
    """date, group, figure, value (exact): Odoo's count and sums of each day and group.

    ``fields`` are those to sum up and what this Odoo calls them. Raises OdooError.
    """
    spec = _spec(dataset)
    model = model_here(client, dataset.source.model)
    known = client.fields_get(model)
    domain = window(dataset, known, first, last, settings)
    domain += [(name_here(model, f, known) or f, op, _listed(value)) for f, op, value in spec.kept]
    day_group, is_parent = _day_group(client, dataset, known)
    aggregates = [f"{name}:sum" for name in fields.values()]
    rows: list[dict[str, Any]] = []
    for value, question in _questions(spec):
        groups = client.read_group(model, [*domain, *question], aggregates, [day_group, *spec.by])
        days = (
            _days_of_parents(client, dataset, known[day_group].relation or "", groups, settings)
            if is_parent
            else _days_of_ranges(groups, day_group, settings)
        )
        for day, group in zip(days, groups, strict=True):
            told = [value] if value else []
            told += [_id(group[name]) for name in spec.by]
            key = {"date": day, "group": " ".join(told)}
            rows.append({**key, "figure": COUNT, "value": group["__count"]})
            for name, here in fields.items():
                rows.append({**key, "figure": name, "value": group[here] or 0})
    schema = {**_FIGURES, "value": pl.Float64()}
    return _summed_up(
        pl.DataFrame(rows, schema=schema, strict=False).filter(
            pl.col("date").is_between(first, last)
        )
    )


def lake_figures(
    root: LakePath, dataset: Dataset, fields: Sequence[str], days: Sequence[date]
) -> pl.DataFrame:
    """The same of raw: date, group, figure, value (exact). Raises NotInLakeError."""
    spec = _spec(dataset)
    of_field = {f.name: f.raw_name for f in dataset.source.fields}
    told = ([spec.each[0]] if spec.each else []) + list(spec.by)
    group = [pl.col(of_field[name]).cast(pl.String).fill_null("") for name in told]
    raw = scan_days(root, Layer.RAW, dataset.raw_table, days)
    return _summed_up(
        raw.filter(*(_holds(of_field[field], op, value) for field, op, value in spec.kept))
        .select(
            "date",
            pl.concat_str(group, separator=" ").alias("group")
            if group
            else pl.lit("").alias("group"),
            pl.lit(1.0).alias(COUNT),
            *(pl.col(of_field[name]).fill_null(0.0).alias(name) for name in fields),
        )
        .unpivot(index=["date", "group"], variable_name="figure", value_name="value")
        .collect()
    )


def compare(
    in_odoo: pl.DataFrame, in_lake: pl.DataFrame, days: Sequence[date], figures: Sequence[str]
) -> pl.DataFrame:
    """date, figure, odoo_value, lake_value, agrees, detail: every figure of every day of ``days``.

    A figure agrees when each of its groups does; ``detail`` names groups that do not.
    """
    odoo, lake = pl.col("odoo").cast(pl.Float64), pl.col("lake").cast(pl.Float64)
    agrees = (odoo - lake).abs() <= HALF_A_UNIT + DOUBLE * odoo.abs()
    every = pl.DataFrame({"date": days}, schema={"date": pl.Date()}).join(
        pl.DataFrame({"figure": figures}, schema={"figure": pl.String()}), how="cross"
    )
    differing = (
        pl.concat_str(
            pl.when(pl.col("group") != "").then(pl.format("{}: ", "group")).otherwise(pl.lit("")),
            pl.format("{} in Odoo, {} here", _plainly("odoo"), _plainly("lake")),
        )
        .filter(~pl.col("agrees"))
        .sort()
    )
    both = (
        in_odoo.rename({"value": "odoo"})
        .join(
            in_lake.rename({"value": "lake"}),
            on=["date", "group", "figure"],
            how="full",
            coalesce=True,
        )
        .with_columns(pl.col("odoo", "lake").fill_null(0))
        .with_columns(agrees=agrees)
        .group_by("date", "figure")
        .agg(
            pl.col("odoo", "lake").sum(),
            pl.col("agrees").all(),
            detail=differing.head(GROUPS_TOLD).str.join("; "),
        )
    )
    return (
        every.join(both, on=["date", "figure"], how="left")
        .select(
            "date",
            "figure",
            odoo_value=pl.col("odoo").fill_null(0).round(4).cast(VALUE),
            lake_value=pl.col("lake").fill_null(0).round(4).cast(VALUE),
            agrees=pl.col("agrees").fill_null(True),
            detail=pl.when(pl.col("detail") != "").then("detail"),
        )
        .sort("date", "figure")
    )


def _rows_of_later_layers(
    root: LakePath, dataset: Dataset, in_odoo: pl.DataFrame, days: Sequence[date]
) -> pl.DataFrame:
    """Rows of clean and star, which hold one for each record that Odoo counts."""
    counts = in_odoo.filter(figure=COUNT).group_by("date").agg(pl.col("value").sum())
    expected = dict(counts.iter_rows())
    layers = [(Layer.CLEAN, dataset.clean_table.name)]
    layers += [(Layer.STAR, dataset.fact.table.name)] if dataset.fact else []
    rows = []
    for day in days:
        wanted = int(expected.get(day, 0))
        read_at = read_footer(partition_path(root, Layer.RAW, dataset.name, day)).as_of
        for layer, table in layers:
            held, wrong = _held(partition_path(root, layer, table, day), read_at)
            rows.append(
                {
                    "date": day,
                    "figure": f"rows of {layer}/{table}",
                    "odoo_value": wanted,
                    "lake_value": held,
                    "agrees": held == wanted,
                    "detail": wrong,
                }
            )
    schema = {name: TABLE.schema[name] for name in ("date", "figure", "odoo_value")}
    schema |= {name: TABLE.schema[name] for name in ("lake_value", "agrees", "detail")}
    return pl.DataFrame(rows, schema=schema)


def _held(path: LakePath, read_at: datetime) -> tuple[int | None, str | None]:
    """Rows of a file that is made from raw as it was ``read_at``; None and the reason if not."""
    try:
        footer = read_footer(path)
    except FileNotFoundError:
        return None, "it was never made; load the day again"
    if footer.as_of < read_at:
        return None, "it is older than raw; load the day again"
    return footer.rows, None


def _spec(dataset: Dataset) -> Reconcile:
    if dataset.reconcile is None:
        raise ValueError(f"{dataset.name} has nothing to reconcile")
    return dataset.reconcile


def _summed(client: Grouper, dataset: Dataset, spec: Reconcile) -> dict[str, str]:
    """The fields to sum up that this Odoo stores, and what it calls them."""
    model = model_here(client, dataset.source.model)
    known = client.fields_get(model)
    here = {name: name_here(model, name, known) for name in spec.sums}
    return {name: own for name, own in here.items() if own and known[own].store}


def _day_group(client: Grouper, dataset: Dataset, known: Collection[str]) -> tuple[str, bool]:
    """What to group by to tell days apart; True where it is a related record that has the day."""
    field = _spec(dataset).day_field or dataset.source.day_field
    head, _, rest = field.partition(".")
    if rest and client.version().major < RELATED_DAYS_SINCE:
        return head, True
    return f"{field}:day", False


def _questions(spec: Reconcile) -> Iterator[tuple[str, list[object]]]:
    if spec.each is None:
        yield "", []
        return
    field, values = spec.each
    for value in values:
        yield value, [(field, "=", value)]


def _days_of_ranges(
    groups: Iterable[Mapping[str, Any]], day_group: str, settings: Settings
) -> list[date]:
    """The business day of each group, from the first instant of its range (UTC, or a date)."""
    found = []
    for group in groups:
        first = datetime.fromisoformat(group["__range"][day_group]["from"])
        is_date = len(group["__range"][day_group]["from"]) == len("2026-11-23")
        local = first if is_date else first.replace(tzinfo=UTC).astimezone(settings.zone)
        found.append(local.date())
    return found


def _days_of_parents(
    client: Grouper,
    dataset: Dataset,
    related: str,
    groups: Sequence[Mapping[str, Any]],
    settings: Settings,
) -> list[date]:
    """The business day of each group, which is one record of ``related``."""
    head, _, rest = dataset.source.day_field.partition(".")
    ids = [int(_id(group[head])) for group in groups]
    day = pl.col(rest)
    if dataset.source.day_kind == "utc":
        day = to_local(day, settings.nkdash_timezone).dt.date()
    parents = client.read_ids(related, ids, [rest]).select("id", day=day)
    days: dict[int, date] = dict(parents.iter_rows())
    if gone := set(ids) - days.keys():
        raise TransientOdooError(
            f"{len(gone)} records of {related} vanished while they were read",
            remedy="Reconcile again; no verdict was changed.",
            model=related,
            method="search_read",
        )
    return [days[record] for record in ids]


def _id(value: Any) -> str:
    """The id of a many2one as Odoo answers it in groups; empty where it is not set."""
    if isinstance(value, list | tuple):
        value = value[0]
    return "" if value is False or value is None else str(value)


def _summed_up(figures: pl.DataFrame) -> pl.DataFrame:
    """Float values added up exactly by date, group and figure."""
    exact = pl.col("value").round(6, mode="half_away_from_zero").cast(EXACT)
    return (
        figures.with_columns(value=exact)
        .group_by("date", "group", "figure")
        .agg(pl.col("value").sum())
        .cast({"figure": pl.String()})
    )


def _plainly(column: str) -> pl.Expr:
    """A value in words, without the zeros behind the point."""
    return pl.col(column).cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _holds(column: str, operator: str, value: object) -> pl.Expr:
    """A condition of ``Reconcile.kept`` on raw."""
    if operator == "in" and isinstance(value, tuple):
        return pl.col(column).is_in(list(value))
    return pl.col(column).ne(pl.lit(value))
