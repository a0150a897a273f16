"""The one Definitions that Dagster loads (``workspace.yaml``: -m nkdash.definitions)."""

import warnings

import dagster as dg

from nkdash.automation.assets import (
    dataset_assets,
    dimension_assets,
    lake_tables,
    opening_costs_asset,
    warehouse_asset,
)
from nkdash.automation.jobs import jobs
from nkdash.automation.partitions import business_days
from nkdash.automation.schedules import intraday, nightly, snapshot
from nkdash.catalog import load_catalog
from nkdash.lake.io_manager import LakeIOManager
from nkdash.odoo.resource import OdooResource
from nkdash.quality.asset_checks import dataset_checks, pos_total_checks
from nkdash.settings import Settings, load_settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """Everything Dagster runs, for these settings. Needs no Odoo: the UI loads without one."""
    catalog = load_catalog(settings)
    partitions = business_days(settings)
    tables = lake_tables(catalog)

    @dg.io_manager
    def lake() -> LakeIOManager:
        return LakeIOManager(settings.lake_root, tables)

    with warnings.catch_warnings():
        # backfill_policy is marked beta; we use it on purpose.
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets = [
            *[a for d in catalog.datasets for a in dataset_assets(d, settings, partitions)],
            *[a for d in catalog.dimensions for a in dimension_assets(d, settings)],
            opening_costs_asset(settings),
            warehouse_asset(catalog, settings),
        ]
    return dg.Definitions(
        assets=assets,
        asset_checks=[
            *[dataset_checks(dataset, catalog, settings) for dataset in catalog.datasets],
            pos_total_checks(settings, catalog),
        ],
        jobs=jobs(catalog),
        schedules=[nightly(settings), intraday(settings), snapshot(settings)],
        resources={"odoo": OdooResource(), "lake": lake},
        # One process a run: a process a step costs more than most steps take.
        executor=dg.in_process_executor,
    )


defs = build_definitions(load_settings())
