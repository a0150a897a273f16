"""The business day as Dagster's partition."""

from datetime import timedelta

import dagster as dg

from nkdash import clock
from nkdash.settings import Settings


def business_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """One partition a business day; today exists (end_offset 1) and is open until midnight.

    With ``NKDASH_NOW`` the days end with that day, so that partitions follow the one clock.
    """
    today = clock.today(settings)
    ahead = (today - clock.machine_now().astimezone(settings.zone).date()).days
    fixed = settings.nkdash_now is not None
    return dg.DailyPartitionsDefinition(
        start_date=settings.nkdash_start_date.isoformat(),
        end_date=(today + timedelta(days=1)).isoformat() if fixed else None,
        timezone=settings.nkdash_timezone,
        end_offset=max(1, ahead + 1),
    )
