"""Jobs: the night's load, today's refresh, the dimensions, the publish."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from nkdash.automation.requests import LOAD_RANGE, WAREHOUSE
from nkdash.catalog import Catalog
from nkdash.settings import Settings

# Days are healed by the sensor for missing days, today by the next refresh: to run again what a
# killed worker left would load twice. A killed snapshot or publish is run again by Dagster.
HEALED_BY_SENSOR = {"dagster/max_retries": "0"}


def dimension_selection(catalog: Catalog) -> dg.AssetSelection:
    """raw of every dimension, and every table of the star schema without days."""
    keys = [["raw", d.name] for d in catalog.dimensions]
    keys += [["star", table.name] for table in catalog.dimension_tables]
    return dg.AssetSelection.assets(*[dg.AssetKey(key) for key in keys])


def daily_selection(catalog: Catalog, names: tuple[str, ...] = ()) -> dg.AssetSelection:
    """raw, clean and star of the datasets ``names``; of all but snapshots where none is named."""
    keys = []
    for dataset in catalog.datasets:
        if dataset.name in names or not (names or dataset.is_snapshot):
            keys += [["raw", dataset.name], ["clean", dataset.name]]
            keys += [["star", dataset.fact.table.name]] if dataset.fact else []
    return dg.AssetSelection.assets(*[dg.AssetKey(key) for key in keys])


def time_limit(settings: Settings) -> dict[str, str]:
    """The tag that makes run monitoring end a run after ``NKDASH_RUN_MINUTES``."""
    return {"dagster/max_runtime": str(settings.nkdash_run_minutes * 60)}


def jobs(catalog: Catalog, settings: Settings) -> tuple[UnresolvedAssetJobDefinition, ...]:
    """``daily_load`` (a business day with dimensions and publish), ``load_range`` (the same over a
    range of days, of the assets that are asked for), ``snapshot`` (today's stock), ``dimensions``,
    ``publish``."""
    warehouse = dg.AssetSelection.assets(WAREHOUSE)
    limit = time_limit(settings)
    snapshots = tuple(d.name for d in catalog.datasets if d.is_snapshot)
    return (
        dg.define_asset_job(
            "daily_load",
            selection=dimension_selection(catalog) | daily_selection(catalog) | warehouse,
            description="One business day of every dataset, dimensions first, then publish.",
            tags=limit | HEALED_BY_SENSOR,
        ),
        dg.define_asset_job(
            LOAD_RANGE,
            selection=dimension_selection(catalog) | daily_selection(catalog) | warehouse,
            description="A range of business days; sensors ask for it, with the assets they want.",
            tags=limit | HEALED_BY_SENSOR,
        ),
        dg.define_asset_job(
            "snapshot",
            selection=daily_selection(catalog, snapshots) | warehouse,
            description="What Odoo has now, as today's snapshot, then publish. Only for today.",
            tags=limit,
        ),
        dg.define_asset_job(
            "dimensions",
            selection=dimension_selection(catalog),
            description="Every dimension, read whole.",
            tags=limit,
        ),
        dg.define_asset_job(
            "publish",
            selection=warehouse,
            description="Publish the lake as it is now.",
            tags=limit,
        ),
    )
