"""Schedules in the business time zone: yesterday at night, today in between, snapshots late.

Each asks the gate first, loads nothing that is being loaded already, and does not make up for ticks
that it missed: the sensor ``missing_days`` does.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg

from nkdash import clock
from nkdash.automation.assets import CHANGES_ONLY
from nkdash.automation.failures import asset_keys
from nkdash.automation.gate import why_closed
from nkdash.automation.missing import nightly_asked
from nkdash.automation.requests import WAREHOUSE, in_flight
from nkdash.catalog import Catalog
from nkdash.lake import Layer
from nkdash.settings import Settings
from nkdash.standing import LoadedDay, State, loaded_days, standing

# An Odoo that is down at the hour of the snapshot may be there a little later; the day is not.
SNAPSHOT_AGAIN = (timedelta(), timedelta(minutes=10), timedelta(minutes=20))
IN_ORDER = {State.LOADED, State.EMPTY, State.DIFFERS}

Asked = dg.RunRequest | dg.SkipReason


def nightly(settings: Settings, catalog: Catalog) -> dg.ScheduleDefinition:
    """At ``NKDASH_NIGHTLY_AT``: load *yesterday*, the last complete business day."""

    @dg.schedule(
        name="nightly",
        job_name="daily_load",
        cron_schedule=daily(settings.nkdash_nightly_at),
        execution_timezone=settings.nkdash_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Loads yesterday at {settings.nkdash_nightly_at:%H:%M} and publishes.",
    )
    def _nightly(context: dg.ScheduleEvaluationContext) -> Asked:
        return tonight(context.instance, settings, catalog, context.scheduled_execution_time)

    return _nightly


def tonight(
    instance: dg.DagsterInstance, settings: Settings, catalog: Catalog, at: datetime
) -> Asked:
    """What the nightly tick of ``at`` asks for.

    Dimensions are read whole, which finds deletions. Datasets of which the day is there whole, or
    being loaded, are left out.
    """
    day = clock.day_before(_local_day(at, settings))
    if day != clock.yesterday(settings):
        return dg.SkipReason(f"{day} is left to the sensor for missing days.")
    nightly_asked(instance, day, clock.utc_now(settings))
    if reason := why_closed(instance, settings):
        return dg.SkipReason(reason)
    stands = standing(settings, catalog)
    there = {s.dataset for s in stands if s.day == day and s.state in IN_ORDER}
    daily_ones = {d.name for d in catalog.datasets if not d.is_snapshot}
    wanted = _not_busy(daily_ones - there, day, in_flight(instance), catalog)
    return _request(catalog, wanted, day, run_key=f"nightly-{day}")


def intraday(settings: Settings, catalog: Catalog) -> dg.ScheduleDefinition:
    """Every ``NKDASH_INTRADAY_MINUTES``: refresh *today*, the open business day."""

    @dg.schedule(
        name="intraday",
        job_name="daily_load",
        cron_schedule=every(settings.nkdash_intraday_minutes),
        execution_timezone=settings.nkdash_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Refreshes today and publishes.",
    )
    def _intraday(context: dg.ScheduleEvaluationContext) -> Asked:
        return refresh(context.instance, settings, catalog, context.scheduled_execution_time)

    return _intraday


def refresh(
    instance: dg.DagsterInstance, settings: Settings, catalog: Catalog, at: datetime
) -> Asked:
    """What the intraday tick of ``at`` asks for.

    Dimensions by what was written since; the night reads them whole, which finds deletions.
    """
    late = clock.utc_now(settings) - at
    day = _local_day(at, settings)
    interval = timedelta(minutes=settings.nkdash_intraday_minutes)
    if late > interval or day != clock.today(settings):
        return dg.SkipReason("This refresh is overdue; the next one brings the same.")
    if reason := why_closed(instance, settings):
        return dg.SkipReason(reason)
    names = {d.name for d in catalog.datasets if not d.is_snapshot}
    wanted = _not_busy(names, day, in_flight(instance), catalog)
    if not wanted:
        return dg.SkipReason("The refresh before this one is still at work.")
    return _request(catalog, wanted, day, tags=CHANGES_ONLY)


def snapshot(settings: Settings, catalog: Catalog) -> dg.ScheduleDefinition:
    """At ``NKDASH_SNAPSHOT_AT``: what is there now, as the snapshot of *today*.

    After closing time: the less moves while it is read, and until midnight, the better. Where it
    fails it is tried twice more on the same evening.
    """

    @dg.schedule(
        name="snapshot",
        job_name="snapshot",
        cron_schedule=evening(settings.nkdash_snapshot_at),
        execution_timezone=settings.nkdash_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Takes the day's stock snapshot at {settings.nkdash_snapshot_at:%H:%M} and "
        "publishes.",
    )
    def _snapshot(context: dg.ScheduleEvaluationContext) -> Asked:
        return this_evening(context.instance, settings, catalog, context.scheduled_execution_time)

    return _snapshot


def this_evening(
    instance: dg.DagsterInstance, settings: Settings, catalog: Catalog, at: datetime
) -> Asked:
    """What the snapshot's tick of ``at`` asks for: the snapshots that are not taken yet."""
    day = _local_day(at, settings)
    if day != clock.today(settings):
        return dg.SkipReason(f"{day} is over: its snapshot is lost, Odoo knows only what is now.")
    if reason := why_closed(instance, settings):
        return dg.SkipReason(reason)
    hour = datetime.combine(day, settings.nkdash_snapshot_at, tzinfo=settings.zone)
    names = {d.name for d in catalog.datasets if d.is_snapshot}
    untaken = {name for name in names if not _is_taken(_newest(name, settings), day, hour)}
    wanted = _not_busy(untaken, day, in_flight(instance), catalog)
    if not wanted:
        return dg.SkipReason(f"The snapshot of {day} is taken.")
    # The job holds no dimensions.
    keys = [key for name in sorted(wanted) for key in asset_keys(catalog, name)]
    return dg.RunRequest(
        run_key=f"snapshot-{at.isoformat()}",
        partition_key=day.isoformat(),
        asset_selection=[*keys, WAREHOUSE],
    )


def _newest(name: str, settings: Settings) -> LoadedDay | None:
    return next(reversed(loaded_days(settings.lake_root, Layer.RAW, name)), None)


def _is_taken(newest: LoadedDay | None, day: date, hour: datetime) -> bool:
    since = hour.astimezone(UTC).replace(tzinfo=None)
    return newest is not None and newest.day == day and newest.as_of >= since


def _not_busy(
    names: Collection[str],
    day: date,
    busy: Mapping[dg.AssetKey, set[date]],
    catalog: Catalog,
) -> set[str]:
    """The datasets of which no asset of the day is being loaded."""
    return {
        name
        for name in names
        if not any(day in busy.get(key, ()) for key in asset_keys(catalog, name))
    }


def _request(
    catalog: Catalog,
    names: Collection[str],
    day: date,
    *,
    run_key: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.RunRequest:
    """A run of ``daily_load`` of the datasets ``names``, every dimension and the publish."""
    keys = [key for name in sorted(names) for key in asset_keys(catalog, name)]
    keys += [dg.AssetKey(["raw", d.name]) for d in catalog.dimensions]
    keys += [dg.AssetKey(["star", table.name]) for table in catalog.dimension_tables]
    return dg.RunRequest(
        run_key=run_key,
        partition_key=day.isoformat() if names else None,
        asset_selection=[*keys, WAREHOUSE],
        tags=dict(tags or {}),
    )


def _local_day(at: datetime, settings: Settings) -> date:
    """The business day in which a tick lies."""
    return at.astimezone(settings.zone).date()


def daily(at: time) -> str:
    """A cron line for each day at a local time."""
    return f"{at.minute} {at.hour} * * *"


def evening(at: time) -> list[str]:
    """Cron lines for a local time and its further tries on the same day."""
    first = datetime.combine(date.min, at)
    tries = [first + later for later in SNAPSHOT_AGAIN]
    return [daily(moment.time()) for moment in tries if moment.date() == first.date()]


def every(minutes: int) -> str:
    """A cron line for each ``minutes``: within the hour below 60, in whole hours from there."""
    if minutes < 60:
        return f"*/{minutes} * * * *"
    return f"0 */{min(minutes // 60, 23)} * * *"
