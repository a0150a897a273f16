"""The one clock: what time it is, and which business day that makes.

Partitions, schedules, the CLI and the dashboard ask here, so that ``NKDASH_NOW`` (tests,
demonstrations) moves all of them together.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from nkdash.settings import Settings


def machine_now() -> datetime:
    """The machine's own instant (aware, UTC): when something was read, checked or written."""
    return datetime.now(UTC)


def utc_now(settings: Settings) -> datetime:
    """The current instant (aware, UTC); ``NKDASH_NOW`` where that is set."""
    return (settings.nkdash_now or machine_now()).astimezone(UTC)


def today(settings: Settings) -> date:
    """The business day that is open now, in the business time zone."""
    return utc_now(settings).astimezone(settings.zone).date()


def yesterday(settings: Settings) -> date:
    """The last complete business day."""
    return day_before(today(settings))


def day_before(day: date) -> date:
    """The day before ``day``."""
    return day - timedelta(days=1)


def day_window(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The half-open UTC window [start of ``first``, end of ``last``) as naive UTC instants.

    Days begin at local midnight; where daylight saving skips midnight, at the first instant after.
    """
    start = datetime.combine(first, time.min, tzinfo=zone)
    end = datetime.combine(last + timedelta(days=1), time.min, tzinfo=zone)
    return start.astimezone(UTC).replace(tzinfo=None), end.astimezone(UTC).replace(tzinfo=None)


def days_between(first: date, last: date) -> list[date]:
    """Every day from ``first`` to ``last``, both included; empty when ``last`` is earlier."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
