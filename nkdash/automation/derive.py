"""Clean, star and the warehouse made again from raw alone: Odoo is not asked."""

from collections.abc import Collection, Mapping
from datetime import date

import dagster as dg

from nkdash.automation.backfill import BackfillReport, OnProgress, Plan, Progress, run_here
from nkdash.catalog import Catalog
from nkdash.lake import Layer, days_present, list_table
from nkdash.settings import Settings


def days_of_raw(settings: Settings, catalog: Catalog) -> dict[str, set[date]]:
    """The days of each dataset that lie in raw."""
    return {d.name: days_present(settings.lake_root, Layer.RAW, d.name) for d in catalog.datasets}


def dimensions_missing(settings: Settings, catalog: Catalog) -> list[str]:
    """The dimensions whose raw is not in the lake: Odoo must be read before facts can be made."""
    root = settings.lake_root
    return [d.name for d in catalog.dimensions if not list_table(root, Layer.RAW, d.raw_table.name)]


def derive(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    settings: Settings,
    catalog: Catalog,
    days: Mapping[str, Collection[date]],
    on_progress: OnProgress,
) -> BackfillReport:
    """Make the star tables of the dimensions, then clean and star of ``days`` by dataset, publish.

    Runs through Dagster, so its event log knows. A failure ends it; what was made is published.
    """
    stars = [dg.AssetKey(["star", table.name]) for table in catalog.dimension_tables]
    plans = [Plan(tuple(stars), (), False, ())]
    for dataset in catalog.datasets:
        keys = [dg.AssetKey(["clean", dataset.name])]
        if dataset.fact:
            keys.append(dg.AssetKey(["star", dataset.fact.table.name]))
        chunks = contiguous(days.get(dataset.name, ()), settings.nkdash_max_partitions_per_run)
        if chunks:
            plans.append(Plan((), tuple(keys), False, tuple(chunks)))
    plans.append(Plan((), (), True, ()))
    total = sum(plan.total for plan in plans)
    done = 0
    whole = BackfillReport(succeeded=True)

    def count(progress: Progress) -> None:
        on_progress(Progress(done + progress.done, total, progress.what))

    for plan in plans:
        if whole.succeeded or plan.publish:
            report = run_here(definitions, instance, plan, count)
            done += plan.total
            whole.succeeded &= report.succeeded
            whole.run_ids += report.run_ids
            whole.failures += report.failures
            whole.seconds += report.seconds
    return whole


def contiguous(days: Collection[date], most: int) -> list[tuple[date, date]]:
    """Days in a row joined, ``most`` at once; oldest first."""
    found: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if found and (day - found[-1][1]).days == 1 and (day - found[-1][0]).days < most:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
