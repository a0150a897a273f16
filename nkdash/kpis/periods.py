"""Business-day ranges: the presets, and the range that a figure is compared with."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class Preset(StrEnum):
    """The ranges that have a name; ``CUSTOM`` is any other."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    DAYS_7 = "7d"
    DAYS_30 = "30d"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR_TO_DATE = "ytd"
    LAST_MONTH = "last_month"
    CUSTOM = "custom"


class Comparison(StrEnum):
    """What a figure is held against."""

    PREVIOUS = "previous"
    WEEK = "week"
    YEAR = "year"
    NONE = "none"


class Grain(StrEnum):
    """How a trend is cut; ``AUTO`` follows the length of the range."""

    AUTO = "auto"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True)
class Period:
    """Business days ``first`` to ``last``, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"a period cannot end ({self.last}) before it begins ({self.first})")

    @property
    def days(self) -> int:
        """Its length in days."""
        return (self.last - self.first).days + 1

    def moved(self, days: int) -> "Period":
        """The same length, ``days`` later."""
        return Period(self.first + timedelta(days), self.last + timedelta(days))


def preset_period(preset: Preset, today: date) -> Period:
    """The days of ``preset``, seen from the open business day ``today``.

    Only 'today' holds the open day, and a month, quarter or year that began today. Raises
    ValueError for CUSTOM, which has no days of its own.
    """
    yesterday = today - timedelta(days=1)
    match preset:
        case Preset.TODAY:
            return Period(today, today)
        case Preset.YESTERDAY:
            return Period(yesterday, yesterday)
        case Preset.DAYS_7:
            return Period(today - timedelta(days=7), yesterday)
        case Preset.DAYS_30:
            return Period(today - timedelta(days=30), yesterday)
        case Preset.MONTH:
            return _to_date(today.replace(day=1), today)
        case Preset.QUARTER:
            return _to_date(date(today.year, today.month - (today.month - 1) % 3, 1), today)
        case Preset.YEAR_TO_DATE:
            return _to_date(date(today.year, 1, 1), today)
        case Preset.LAST_MONTH:
            last = today.replace(day=1) - timedelta(days=1)
            return Period(last.replace(day=1), last)
        case Preset.CUSTOM:
            raise ValueError("a custom range names its own days")


def _to_date(first: date, today: date) -> Period:
    return Period(first, max(first, today - timedelta(days=1)))


def base_period(period: Period, comparison: Comparison) -> Period | None:
    """The range that ``period`` is compared with; None for no comparison.

    Last year is 364 days back, so that weekdays align.
    """
    match comparison:
        case Comparison.PREVIOUS:
            return period.moved(-period.days)
        case Comparison.WEEK:
            return period.moved(-7)
        case Comparison.YEAR:
            return period.moved(-364)
        case Comparison.NONE:
            return None


def trend_grain(grain: Grain, period: Period) -> Grain:
    """``grain``, or for AUTO the one that gives a readable number of points."""
    if grain is not Grain.AUTO:
        return grain
    if period.days <= 92:
        return Grain.DAY
    return Grain.WEEK if period.days <= 400 else Grain.MONTH


def buckets(period: Period, grain: Grain) -> list[Period]:
    """The days, weeks (from Monday) or months of a period, clipped to it."""
    found: list[Period] = []
    first = period.first
    while first <= period.last:
        match grain:
            case Grain.WEEK:
                last = first + timedelta(days=6 - first.weekday())
            case Grain.MONTH:
                last = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
                last -= timedelta(days=1)
            case _:
                last = first
        found.append(Period(first, min(last, period.last)))
        first = last + timedelta(days=1)
    return found
