"""The one Definitions that Dagster loads (``workspace.yaml``: -m nkdash.definitions)."""

import warnings

import dagster as dg

from nkdash.automation.alerts import health_sensor, run_alerts_sensor
from nkdash.automation.assets import (
    dataset_assets,
    dimension_assets,
    lake_tables,
    opening_costs_asset,
    warehouse_asset,
)
from nkdash.automation.changes import changed_days
from nkdash.automation.digest import digest_job, digest_schedule, is_on
from nkdash.automation.executor import executor
from nkdash.automation.housekeeping import daily, housekeeping
from nkdash.automation.jobs import jobs
from nkdash.automation.missing import missing_days
from nkdash.automation.partitions import business_days
from nkdash.automation.schedules import intraday, nightly, snapshot
from nkdash.automation.weekly import reconcile_weeks, weekly
from nkdash.catalog import load_catalog
from nkdash.lake.io_manager import LakeIOManager
from nkdash.logs import configure_dagster
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
        jobs=[
            *jobs(catalog, settings),
            reconcile_weeks(settings, catalog),
            housekeeping(settings),
            *([digest_job(settings)] if is_on(settings) else []),
        ],
        schedules=[
            nightly(settings, catalog),
            intraday(settings, catalog),
            snapshot(settings, catalog),
            weekly(settings),
            daily(settings),
            *([digest_schedule(settings)] if is_on(settings) else []),
        ],
        sensors=[
            missing_days(settings, catalog),
            health_sensor(settings, catalog),
            run_alerts_sensor(settings, catalog),
            changed_days(settings, catalog),
        ],
        resources={"odoo": OdooResource(), "lake": lake},
        executor=executor(settings),
    )


_settings = load_settings()
configure_dagster(_settings)
defs = build_definitions(_settings)
