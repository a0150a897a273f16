"""The restatement log: which past day changed after it had been published whole, when, and by how
much.

It is a table of the snapshot, carried from version to version; a copy in the lake
(``quality/restatements.parquet``) outlives a lost warehouse. The copy is written once a version is
current, and every later publish adds what it lacks.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import closing, suppress
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import polars as pl

from nkdash.catalog import Catalog
from nkdash.clock import day_window, utc_now
from nkdash.contracts import Column, Table, conform, empty
from nkdash.datasets.columns import DATE, utc_column
from nkdash.datasets.spec import Fact
from nkdash.lake import Layer, NotInLakeError, scan_table, write_table
from nkdash.settings import Settings
from nkdash.warehouse import manifest
from nkdash.warehouse.ddl import literal, quoted
from nkdash.warehouse.snapshot import open_snapshot

VALUE = pl.Decimal(38, 6)
ROWS = "rows"

TABLE = Table(
    "restatements",
    grain="one figure of a day of a fact that changed after the day had been published whole",
    key=("published_at", "version", "table_name", "date", "measure"),
    columns=(
        Column("table_name", pl.String(), "Fact table", nullable=False),
        DATE,
        Column("measure", pl.String(), "rows, or the column that is summed up", nullable=False),
        Column("value_before", VALUE, "As the version before had it", "that of the column"),
        Column("value_after", VALUE, "As it is from this version on", "that of the column"),
        Column("version", pl.Int64(), "Version of the warehouse", nullable=False),
        utc_column("published_at", "When that was published", "the clock of NKDash"),
    ),
    partitioned=False,
)

_NEW = "new_restatements"
Published = Mapping[date, tuple[str, datetime]]
"""Row hash of each day of a fact, and as of when its source was read."""


def record(
    connection: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    settings: Settings,
    earlier: Path | None,
    version: int,
    published_at: datetime,
    *,
    anew: bool,
) -> None:
    """Bring the log of a candidate up to date: what the lake and ``earlier`` (the version before)
    have of it, and what the candidate's days have become since ``earlier``.

    Of a candidate built ``anew``, perhaps by newer code, only days with other figures are told.
    Raises duckdb.Error.
    """
    log = [read(connection), _mirrored(settings)]
    if earlier is not None:
        # A version that is damaged has nothing to compare with.
        with suppress(duckdb.Error), closing(open_snapshot(earlier)) as before:
            log += [read(before)] if anew else []
            changes = _changes(before, connection, catalog, settings.zone, anew=anew)
            log.append(
                changes.with_columns(
                    version=pl.lit(version, pl.Int64),
                    published_at=pl.lit(published_at, pl.Datetime("us")),
                ).select(TABLE.schema.names())
            )
    whole = _merged(log)
    connection.register(_NEW, whole)
    connection.execute(f"DELETE FROM {TABLE.name}")
    connection.execute(f"INSERT INTO {TABLE.name} BY NAME FROM {_NEW}")
    connection.unregister(_NEW)


def mirror(settings: Settings, version: Path) -> None:
    """Copy the log of a published version to the lake, where that lacks some of it.

    Raises LakeWriteError, duckdb.Error.
    """
    with closing(open_snapshot(version)) as connection:
        published = read(connection)
    there = _mirrored(settings)
    whole = _merged([there, published])
    if whole.height > there.height:
        as_of = utc_now(settings).replace(tzinfo=None)
        write_table(settings.lake_root, Layer.QUALITY, TABLE, whole, as_of=as_of)


def read(
    connection: duckdb.DuckDBPyConnection, first: date | None = None, last: date | None = None
) -> pl.DataFrame:
    """The log by the contract ``TABLE``, of the days from ``first`` to ``last`` where given.

    Empty for a version of an NKDash that kept none. Raises duckdb.Error.
    """
    if not _columns(connection, TABLE.name):
        return empty(TABLE)
    rows = connection.execute(
        f"SELECT {', '.join(map(quoted, TABLE.schema.names()))} FROM {TABLE.name} "
        "WHERE date BETWEEN coalesce(?, date) AND coalesce(?, date) "
        "ORDER BY published_at, date, table_name, measure",
        [first, last],
    ).fetchall()
    return pl.DataFrame(rows, schema=TABLE.schema, orient="row")


def _mirrored(settings: Settings) -> pl.DataFrame:
    try:
        return scan_table(settings.lake_root, Layer.QUALITY, TABLE).collect()
    except NotInLakeError:
        return empty(TABLE)


def _merged(logs: Iterable[pl.DataFrame]) -> pl.DataFrame:
    whole = pl.concat(logs).unique(TABLE.key, keep="first", maintain_order=True)
    return conform(whole, TABLE)


def _changes(
    before: duckdb.DuckDBPyConnection,
    after: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    zone: ZoneInfo,
    *,
    anew: bool,
) -> pl.DataFrame:
    """What became of the days that ``before`` had whole, but for version and published_at."""
    found = [empty(TABLE).drop("version", "published_at")]
    for dataset in catalog.datasets:
        if (fact := dataset.fact) is None:
            continue
        was = _published(before, dataset.name, fact.table.name)
        now = _published(after, dataset.name, fact.table.name)
        days = [
            day
            for day, (sha, as_of) in was.items()
            if as_of >= day_window(day, day, zone)[1] and (day not in now or now[day][0] != sha)
        ]
        if days:
            found.append(_compared(before, after, fact, days, only_other_figures=anew))
    return pl.concat(found)


def _published(connection: duckdb.DuckDBPyConnection, dataset: str, table: str) -> Published:
    """The days of a fact in a version; whole is a day whose raw was, where the manifest has it."""
    rows = connection.execute(
        f"SELECT star.day, star.rows_sha256, least(star.as_of, coalesce(raw.as_of, star.as_of)) "
        f"FROM {manifest.TABLE} AS star LEFT JOIN {manifest.TABLE} AS raw "
        "ON raw.layer = 'raw' AND raw.table_name = ? AND raw.day = star.day "
        "WHERE star.layer = 'star-schema' AND star.table_name = ? AND star.day IS NOT NULL",
        [dataset, table],
    ).fetchall()
    return {day: (sha, as_of) for day, sha, as_of in rows}


def _compared(
    before: duckdb.DuckDBPyConnection,
    after: duckdb.DuckDBPyConnection,
    fact: Fact,
    days: Collection[date],
    *,
    only_other_figures: bool,
) -> pl.DataFrame:
    keys = ["date", "measure"]
    every = pl.DataFrame({"date": sorted(days)}, schema={"date": pl.Date()}).join(
        pl.DataFrame({"measure": [ROWS, *fact.measures]}), how="cross"
    )
    told = (
        every.join(_figures(before, fact, days), on=keys, how="left")
        .rename({"value": "value_before"})
        .join(_figures(after, fact, days), on=keys, how="left")
        .rename({"value": "value_after"})
        # A day without rows is none of a GROUP BY.
        .with_columns(
            pl.when(pl.col("measure") == ROWS)
            .then(pl.col("value_before", "value_after").fill_null(0))
            .otherwise(pl.col("value_before", "value_after"))
        )
    )
    if only_other_figures:
        moved = pl.col("value_before").ne_missing(pl.col("value_after"))
        told = told.filter(moved.any().over("date"))
    return told.select(
        table_name=pl.lit(fact.table.name),
        date="date",
        measure="measure",
        value_before=pl.col("value_before").cast(VALUE),
        value_after=pl.col("value_after").cast(VALUE),
    )


def _figures(
    connection: duckdb.DuckDBPyConnection, fact: Fact, days: Collection[date]
) -> pl.DataFrame:
    """date, measure, value: rows and sums of a fact's days; none of a column that is not there."""
    name = fact.table.name
    schema = "base" if _columns(connection, name, "base") else "main"
    there = _columns(connection, name, schema)
    figures = {ROWS: "count(*)", **{m: f"sum({quoted(m)})" for m in fact.measures if m in there}}
    shape = {"date": pl.Date(), "measure": pl.String(), "value": VALUE}
    if not there:
        return pl.DataFrame(schema=shape)
    # Literals reach the scan's zone maps.
    literals = ", ".join(f"DATE '{day}'" for day in days)
    asked = ", ".join(f"{sql}::DECIMAL(38, 6)" for sql in figures.values())
    rows = connection.execute(
        f"SELECT date, {asked} FROM {schema}.{quoted(name)} "
        f"WHERE date IN ({literals}) GROUP BY date"
    ).fetchall()
    told = [(row[0], *figure) for row in rows for figure in zip(figures, row[1:], strict=True)]
    return pl.DataFrame(told, schema=shape, orient="row")


def _columns(
    connection: duckdb.DuckDBPyConnection, table: str, schema: str = "main"
) -> frozenset[str]:
    """The columns of a table, none where it is not there."""
    try:
        rows = connection.execute(
            f"PRAGMA table_info({literal(f'{schema}.{quoted(table)}')})"
        ).fetchall()
    except duckdb.CatalogException:
        return frozenset()
    return frozenset(row[1] for row in rows)
