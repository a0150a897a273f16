"""The asset factory: raw, clean and star of every dataset, raw and star of every dimension."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from nkdash import clock
from nkdash.automation.requests import WAREHOUSE
from nkdash.catalog import Catalog
from nkdash.contracts import Table, empty
from nkdash.datasets import opening_costs
from nkdash.datasets.extract import (
    NotTodayError,
    extract_changes,
    extract_days,
    extract_dimension,
    only_today,
)
from nkdash.datasets.spec import Dataset
from nkdash.dimensions import products
from nkdash.dimensions.spec import Dimension
from nkdash.lake import Layer, NotInLakeError, scan_table
from nkdash.lake.io_manager import RUN_BYTES
from nkdash.odoo import StatsSnapshot
from nkdash.odoo.resource import POOL as ODOO_POOL
from nkdash.odoo.resource import OdooResource
from nkdash.quality.asset_checks import (
    contract_result,
    contract_spec,
    warehouse_results,
    warehouse_specs,
)
from nkdash.settings import Settings
from nkdash.warehouse import publish

OWNERS = ["team:data"]
PUBLISH_POOL = "publish"

# Runs with this tag read what was written since, not whole dimensions; see schedules.
CHANGES_ONLY = {"nkdash/dimensions": "changes"}

Landed = Iterator[dg.AssetCheckResult | dg.Output[pl.DataFrame]]
"""What an asset of the lake yields: the contract's check, then the frame."""


def retries(settings: Settings) -> dg.RetryPolicy:
    """Further tries of a step after a transient fault; permanent ones fail at once."""
    return dg.RetryPolicy(
        max_retries=settings.nkdash_step_retries,
        delay=settings.nkdash_step_retry_seconds,
        backoff=dg.Backoff.EXPONENTIAL,
        jitter=dg.Jitter.PLUS_MINUS,
    )


def lake_tables(catalog: Catalog) -> dict[tuple[str, ...], Table]:
    """Asset key to table contract, for everything that lies in the lake."""
    tables: dict[tuple[str, ...], Table] = {}
    for dataset in catalog.datasets:
        tables["raw", dataset.name] = dataset.raw_table
        tables["clean", dataset.name] = dataset.clean_table
        if dataset.fact:
            tables["star", dataset.fact.table.name] = dataset.fact.table
    for dimension in catalog.dimensions:
        tables["raw", dimension.name] = dimension.raw_table
    for table in catalog.dimension_tables:
        tables["star", table.name] = table
    return tables


def dataset_assets(
    dataset: Dataset, settings: Settings, partitions: dg.DailyPartitionsDefinition
) -> list[dg.AssetsDefinition]:
    """raw/<name>, clean/<name> and star/<fact> of one daily dataset, over ranges of days.

    A snapshot's days go one by one, so that days gone by are refused and today is not.
    """
    days_a_run = 1 if dataset.is_snapshot else settings.nkdash_max_partitions_per_run
    daily: dict[str, Any] = {
        "partitions_def": partitions,
        "backfill_policy": dg.BackfillPolicy.multi_run(days_a_run),
        "io_manager_key": "lake",
        "owners": OWNERS,
        "group_name": dataset.name,
    }

    @dg.asset(
        key=["raw", dataset.name],
        check_specs=[contract_spec(["raw", dataset.name])],
        kinds={"odoo", "parquet"},
        description=f"{dataset.description} As Odoo answers, every state.",
        metadata=_about(dataset.raw_table),
        retry_policy=retries(settings),
        pool=ODOO_POOL,
        **daily,
    )
    def raw(context: dg.AssetExecutionContext, odoo: OdooResource) -> Landed:
        days = _days(context)
        _refuse_lost_days(dataset, days, settings)
        with odoo.client() as client:
            before = client.stats.snapshot()
            frame = extract_days(client, dataset, days[0], days[-1], settings)
            _report_calls(context, client.stats.snapshot() - before)
        yield from _landed_days(context, frame, dataset.raw_table)

    @dg.asset(
        key=["clean", dataset.name],
        check_specs=[contract_spec(["clean", dataset.name])],
        ins={"raw": dg.AssetIn(dg.AssetKey(["raw", dataset.name]))},
        kinds={"polars", "parquet"},
        description=f"{dataset.description} Filtered, typed, named.",
        metadata=_about(dataset.clean_table),
        **daily,
    )
    def clean(context: dg.AssetExecutionContext, raw: pl.LazyFrame) -> Landed:
        yield from _landed_days(context, dataset.clean(raw).collect(), dataset.clean_table)

    found = [raw, clean]
    if fact := dataset.fact:

        @dg.asset(
            key=["star", fact.table.name],
            check_specs=[contract_spec(["star", fact.table.name])],
            ins={
                "clean": dg.AssetIn(dg.AssetKey(["clean", dataset.name])),
                **{d: dg.AssetIn(dg.AssetKey(["star", d])) for d in fact.dimensions},
            },
            kinds={"polars", "parquet"},
            description=f"One row: {fact.table.grain}.",
            metadata=_about(fact.table),
            **daily,
        )
        def star(context: dg.AssetExecutionContext, **inputs: pl.LazyFrame) -> Landed:
            made = fact.make(inputs.pop("clean"), inputs)
            yield from _landed_days(context, made.collect(), fact.table)

        found.append(star)
    return found


def dimension_assets(dimension: Dimension, settings: Settings) -> list[dg.AssetsDefinition]:
    """raw/<name> and star/dim_<name> of one dimension, read whole or by its changes."""
    whole: dict[str, Any] = {
        "io_manager_key": "lake",
        "owners": OWNERS,
        "group_name": "dimensions",
    }

    @dg.asset(
        key=["raw", dimension.name],
        kinds={"odoo", "parquet"},
        description=f"{dimension.description} As Odoo answers.",
        metadata=_about(dimension.raw_table),
        retry_policy=retries(settings),
        pool=ODOO_POOL,
        **whole,
    )
    def raw(context: dg.AssetExecutionContext, odoo: OdooResource) -> pl.DataFrame:
        with odoo.client() as client:
            before = client.stats.snapshot()
            known = _known(context, dimension, settings)
            frame = (
                extract_dimension(client, dimension)
                if known is None
                else extract_changes(client, dimension, known)
            )
            _report_calls(context, client.stats.snapshot() - before)
        return frame

    @dg.asset(
        key=["star", dimension.table.name],
        check_specs=[contract_spec(["star", dimension.table.name])],
        ins={"raw": dg.AssetIn(dg.AssetKey(["raw", dimension.name]))},
        kinds={"polars", "parquet"},
        description=f"One row: {dimension.table.grain}.",
        metadata=_about(dimension.table),
        **whole,
    )
    def star(context: dg.AssetExecutionContext, raw: pl.LazyFrame) -> Landed:
        yield from _landed(context, dimension.make(raw).collect(), dimension.table)

    return [raw, star]


def _known(
    context: dg.AssetExecutionContext, dimension: Dimension, settings: Settings
) -> pl.DataFrame | None:
    """The dimension as it is in the lake, where this run asks for changes only and has it."""
    if not CHANGES_ONLY.items() <= context.run.tags.items():
        return None
    try:
        return scan_table(settings.lake_root, Layer.RAW, dimension.raw_table).collect()
    # A file from before a field was added is no use: read it whole.
    except (NotInLakeError, pl.exceptions.SchemaError, pl.exceptions.ColumnNotFoundError):
        return None


def opening_costs_asset(settings: Settings) -> dg.AssetsDefinition:
    """star/opening_costs: the user's CSV, checked; empty where none is set."""
    table = opening_costs.TABLE

    @dg.asset(
        key=["star", table.name],
        ins={"products": dg.AssetIn(dg.AssetKey(["star", products.TABLE.name]))},
        kinds={"polars", "parquet"},
        description=f"One row: {table.grain}, from NKDASH_OPENING_COSTS.",
        metadata=_about(table),
        io_manager_key="lake",
        owners=OWNERS,
        group_name="dimensions",
    )
    def star(products: pl.LazyFrame) -> pl.DataFrame:
        if settings.nkdash_opening_costs is None:
            return empty(table)
        try:
            return opening_costs.read(settings.nkdash_opening_costs, products.collect())
        except opening_costs.OpeningCostsError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error

    return star


def warehouse_asset(catalog: Catalog, settings: Settings) -> dg.AssetsDefinition:
    """The published DuckDB snapshot: a new version wherever the lake has changed."""
    tables = [*catalog.facts, *catalog.dimension_tables]

    @dg.asset(
        key=WAREHOUSE,
        deps=[dg.AssetKey(["star", table.name]) for table in tables],
        group_name="warehouse",
        kinds={"duckdb"},
        owners=OWNERS,
        description="The snapshot that the dashboard reads: every fact, dimension and aggregate.",
        pool=PUBLISH_POOL,
        check_specs=warehouse_specs(WAREHOUSE),
    )
    def snapshot() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        result = publish(settings, catalog)
        yield dg.MaterializeResult(
            metadata={
                "version": result.version,
                "changed_partitions": sum(result.changed.values()),
                "dagster/row_count": sum(result.rows.values()),
                "seconds": round(result.seconds, 3),
                RUN_BYTES: 0 if result.unchanged else result.path.stat().st_size,
            }
        )
        yield from warehouse_results(WAREHOUSE, result.path)

    return snapshot


def _refuse_lost_days(dataset: Dataset, days: list[date], settings: Settings) -> None:
    """Fail the step for good, and before Odoo is asked, for a snapshot of a day gone by."""
    if dataset.is_snapshot:
        try:
            only_today(dataset, days[0], days[-1], clock.today(settings))
        except NotTodayError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error


def _days(context: dg.AssetExecutionContext) -> list[date]:
    return [date.fromisoformat(key) for key in context.partition_keys]


def _landed_days(context: dg.AssetExecutionContext, frame: pl.DataFrame, table: Table) -> Landed:
    """``_landed``, with each day's rows in its materialization."""
    days = _days(context)
    rows = dict(frame.group_by("date").len().iter_rows())
    for day in days:
        context.add_asset_metadata(
            {"dagster/partition_row_count": rows.get(day, 0)}, partition_key=day.isoformat()
        )
    yield from _landed(context, frame, table, days)


def _landed(
    context: dg.AssetExecutionContext,
    frame: pl.DataFrame,
    table: Table,
    days: Sequence[date] = (),
) -> Landed:
    """What the contract says of the frame, told before the lake's writer may refuse it."""
    yield contract_result(context.asset_key, frame, table, days)
    yield dg.Output(frame)


def _report_calls(context: dg.AssetExecutionContext, calls: StatsSnapshot) -> None:
    context.add_output_metadata(
        {
            "odoo_calls": calls.calls,
            "odoo_retries": calls.retries,
            "odoo_seconds": round(calls.busy_seconds, 3),
            "odoo_bytes": calls.bytes_received,
        },
        # With a check beside it the frame is no longer the only output.
        output_name="result",
    )


def _about(table: Table) -> dict[str, Any]:
    """Grain and column schema for Dagster's catalogue."""
    columns = [
        dg.TableColumn(
            name=c.name,
            type=str(c.dtype),
            description=c.description + (f" ({c.unit})" if c.unit else ""),
            constraints=dg.TableColumnConstraints(
                nullable=c.nullable, unique=table.key == (c.name,)
            ),
        )
        for c in table.columns
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns), "grain": table.grain}
