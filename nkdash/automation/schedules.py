"""Schedules in the business time zone: yesterday at night, today in between, snapshots late."""

from datetime import date

import dagster as dg

from nkdash import clock
from nkdash.automation.assets import CHANGES_ONLY
from nkdash.settings import Settings

NIGHTLY = "0 2 * * *"
# After closing time: the less moves while it is read, and until midnight, the better.
SNAPSHOT = "30 23 * * *"


def nightly(settings: Settings) -> dg.ScheduleDefinition:
    """At 02:00 local time: load *yesterday*, the last complete business day."""

    @dg.schedule(
        name="nightly",
        job_name="daily_load",
        cron_schedule=NIGHTLY,
        execution_timezone=settings.nkdash_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Loads yesterday at 02:00 local time and publishes.",
    )
    def _nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = clock.day_before(_local_day(context, settings)).isoformat()
        return dg.RunRequest(run_key=f"nightly-{day}", partition_key=day)

    return _nightly


def intraday(settings: Settings) -> dg.ScheduleDefinition:
    """Every ``NKDASH_INTRADAY_MINUTES``: refresh *today*, the open business day.

    Dimensions by what was written since; the night reads them whole, which finds deletions.
    """

    @dg.schedule(
        name="intraday",
        job_name="daily_load",
        cron_schedule=every(settings.nkdash_intraday_minutes),
        execution_timezone=settings.nkdash_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Refreshes today and publishes.",
    )
    def _intraday(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        unfinished = context.instance.get_run_records(
            dg.RunsFilter(
                job_name="daily_load",
                tags={"dagster/schedule_name": "intraday"},
                statuses=[
                    dg.DagsterRunStatus.QUEUED,
                    dg.DagsterRunStatus.NOT_STARTED,
                    dg.DagsterRunStatus.STARTING,
                    dg.DagsterRunStatus.STARTED,
                ],
            ),
            limit=1,
        )
        if unfinished:
            return dg.SkipReason("The refresh before this one is still at work.")
        day = _local_day(context, settings)
        return dg.RunRequest(partition_key=day.isoformat(), tags=CHANGES_ONLY)

    return _intraday


def snapshot(settings: Settings) -> dg.ScheduleDefinition:
    """At 23:30 local time: what is there now, as the snapshot of *today*."""

    @dg.schedule(
        name="snapshot",
        job_name="snapshot",
        cron_schedule=SNAPSHOT,
        execution_timezone=settings.nkdash_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Takes the day's stock snapshot at 23:30 local time and publishes.",
    )
    def _snapshot(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = _local_day(context, settings)
        if day != clock.today(settings):
            return dg.SkipReason(
                f"{day} is over: its snapshot is lost, Odoo knows only what is now."
            )
        return dg.RunRequest(run_key=f"snapshot-{day}", partition_key=day.isoformat())

    return _snapshot


def _local_day(context: dg.ScheduleEvaluationContext, settings: Settings) -> date:
    """The business day in which the tick lies."""
    return context.scheduled_execution_time.astimezone(settings.zone).date()


def every(minutes: int) -> str:
    """A cron line for each ``minutes``: within the hour below 60, in whole hours from there."""
    if minutes < 60:
        return f"*/{minutes} * * * *"
    return f"0 */{min(minutes // 60, 23)} * * *"
