"""Jobs: the night's load, today's refresh, the dimensions, the publish."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from nkdash.automation.assets import WAREHOUSE
from nkdash.catalog import Catalog

# A run that takes longer hangs; run monitoring ends it.
MAX_RUNTIME = {"dagster/max_runtime": str(4 * 3600)}


def dimension_selection(catalog: Catalog) -> dg.AssetSelection:
    """raw and star of every dimension."""
    keys = [["raw", d.name] for d in catalog.dimensions]
    keys += [["star", d.table.name] for d in catalog.dimensions]
    return dg.AssetSelection.assets(*[dg.AssetKey(key) for key in keys])


def daily_selection(catalog: Catalog, names: tuple[str, ...] = ()) -> dg.AssetSelection:
    """raw, clean and star of the datasets ``names``; of all of them where none is named."""
    keys = []
    for dataset in catalog.datasets:
        if not names or dataset.name in names:
            keys += [["raw", dataset.name], ["clean", dataset.name]]
            keys += [["star", dataset.fact.table.name]] if dataset.fact else []
    return dg.AssetSelection.assets(*[dg.AssetKey(key) for key in keys])


def jobs(catalog: Catalog) -> tuple[UnresolvedAssetJobDefinition, ...]:
    """``daily_load`` (a business day with dimensions and publish), ``dimensions``, ``publish``."""
    warehouse = dg.AssetSelection.assets(WAREHOUSE)
    return (
        dg.define_asset_job(
            "daily_load",
            selection=dimension_selection(catalog) | daily_selection(catalog) | warehouse,
            description="One business day of every dataset, dimensions first, then publish.",
            tags=MAX_RUNTIME,
        ),
        dg.define_asset_job(
            "dimensions",
            selection=dimension_selection(catalog),
            description="Every dimension, read whole.",
            tags=MAX_RUNTIME,
        ),
        dg.define_asset_job(
            "publish",
            selection=warehouse,
            description="Publish the lake as it is now.",
            tags=MAX_RUNTIME,
        ),
    )
