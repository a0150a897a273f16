"""Sunday morning: the last weeks of every dataset are held against Odoo, sums and ids.

What differs is told in the run, and the sensor ``changed_days`` loads it again: days with other
sums by their verdicts in the lake, days with other ids by what is remembered here.
"""

from collections.abc import Mapping
from datetime import date, timedelta

import dagster as dg
import polars as pl

from nkdash import clock
from nkdash.automation.assets import retries
from nkdash.automation.changes import SWEEP
from nkdash.automation.gate import why_closed
from nkdash.automation.jobs import time_limit
from nkdash.automation.memory import remember
from nkdash.automation.requests import UNFINISHED
from nkdash.catalog import Catalog
from nkdash.odoo.resource import POOL, OdooResource
from nkdash.quality.id_sweep import SCHEMA, sweep
from nkdash.quality.reconcile import reconcile
from nkdash.quality.verdicts import differing_days
from nkdash.settings import Settings

JOB = "reconcile_weeks"
SUNDAY = "nkdash/sunday"


def reconcile_weeks(settings: Settings, catalog: Catalog) -> dg.JobDefinition:
    """The job ``reconcile_weeks``: reconciliation and id sweep of the last NKDASH_WEEKLY_DAYS."""

    @dg.op(
        name="compare_weeks",
        pool=POOL,
        retry_policy=retries(settings),
        description="Counts, sums and ids of every dataset's days, as Odoo has them now.",
    )
    def reconciled(context: dg.OpExecutionContext, odoo: OdooResource) -> None:
        last = clock.yesterday(settings)
        first = max(
            settings.nkdash_start_date, last - timedelta(days=settings.nkdash_weekly_days - 1)
        )
        swept = [pl.DataFrame(schema=SCHEMA)]
        told: dict[str, object] = {"first_day": str(first), "last_day": str(last)}
        for dataset in catalog.datasets:
            if dataset.is_snapshot:
                continue
            with odoo.client() as client:
                verdicts = reconcile(client, dataset, first, last, settings)
                ids = sweep(client, dataset, first, last, settings)
            swept.append(ids)
            told |= _told(dataset.name, differing_days(verdicts), ids)
        remember(context.instance, SWEEP, findings(pl.concat(swept), settings))
        context.add_output_metadata(told)

    @dg.job(
        name=JOB,
        tags=time_limit(settings),
        description="Holds the last weeks of every dataset against Odoo: counts, sums and ids.",
    )
    def job() -> None:
        reconciled()

    return job


def findings(swept: pl.DataFrame, settings: Settings) -> dict[str, object]:
    """What the sensor hears of a sweep: when it ended, and the days with other ids."""
    days = swept.select("dataset", "date", "raw_as_of").rows()
    return {
        "finished_at": clock.utc_now(settings).isoformat(),
        "days": [[name, day.isoformat(), as_of.isoformat()] for name, day, as_of in days],
    }


def _told(dataset: str, differing: list[date], ids: pl.DataFrame) -> Mapping[str, object]:
    """The run's metadata of one dataset; only what is wrong lists its days."""
    found: dict[str, object] = {
        f"{dataset}/days_with_other_sums": len(differing),
        f"{dataset}/days_with_other_ids": ids.height,
        f"{dataset}/deleted_records": ids["deleted"].sum(),
        f"{dataset}/absent_records": ids["absent"].sum(),
    }
    if days := sorted({*differing, *ids["date"]}):
        found[f"{dataset}/days"] = ", ".join(map(str, days))
    return found


def weekly(settings: Settings) -> dg.ScheduleDefinition:
    """Sundays at NKDASH_WEEKLY_AT, local time; where Odoo is down then, or the run fails, an hour
    later, and so on."""
    at = settings.nkdash_weekly_at

    @dg.schedule(
        name="weekly",
        job_name=JOB,
        cron_schedule=f"{at.minute} {at.hour}-23 * * 0",
        execution_timezone=settings.nkdash_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Reconciles the last weeks on Sundays.",
    )
    def _weekly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if reason := why_closed(context.instance, settings):
            return dg.SkipReason(reason)
        day = context.scheduled_execution_time.astimezone(settings.zone).date()
        # A schedule's run_key is one of its tick, not of the day.
        of_today = dg.RunsFilter(
            job_name=JOB,
            tags={SUNDAY: day.isoformat()},
            statuses=[*UNFINISHED, dg.DagsterRunStatus.SUCCESS],
        )
        if context.instance.get_runs_count(of_today):
            return dg.SkipReason(f"The weeks up to {day} are reconciled, or about to be.")
        return dg.RunRequest(tags={SUNDAY: day.isoformat()})

    return _weekly
