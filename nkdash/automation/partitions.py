"""The business day as Dagster's partition."""

from datetime import timedelta

import dagster as dg

from nkdash import clock
from nkdash.settings import Settings


def business_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """One partition a business day; today exists (end_offset 1) and is open until midnight.

    With ``NKDASH_NOW`` the days end with that day, so that partitions follow the one clock.
    """
    fixed_end = (
        (clock.today(settings) + timedelta(days=1)).isoformat() if settings.nkdash_now else None
    )
    return dg.DailyPartitionsDefinition(
        start_date=settings.nkdash_start_date.isoformat(),
        end_date=fixed_end,
        timezone=settings.nkdash_timezone,
        end_offset=0 if fixed_end else 1,
    )
