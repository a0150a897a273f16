"""How every business day of every dataset stands: pure, from what warehouse and Dagster say."""

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from dashboard.orchestrator import Standing
from nkdash.clock import day_window, days_between
from nkdash.datasets.spec import Dataset
from nkdash.kpis.periods import Period

CALENDAR = re.compile(r"(\d{4})-(0[1-9]|1[0-2]|q[1-4])")


class Stand(StrEnum):
    """How a day of a dataset stands."""

    LOADED = "loaded"
    EMPTY = "empty"
    OPEN = "open"
    RUNNING = "running"
    MISSING = "missing"
    UNFINISHED = "unfinished"
    FAILED = "failed"
    DIFFERS = "differs"
    LOST = "lost"
    NONE = "none"


WORRIES = (Stand.FAILED, Stand.DIFFERS, Stand.MISSING, Stand.UNFINISHED, Stand.LOST)
"""What somebody should look at, the worst first."""


@dataclass(frozen=True)
class Held:
    """What the warehouse holds of a day: rows as read and of the fact, as-of (UTC), verdict."""

    rows: int | None
    fact_rows: int | None
    as_of: datetime | None
    verdict: str | None
    checked_at: datetime | None
    differing: str | None


Days = Mapping[date, Held]


@dataclass(frozen=True)
class Expected:
    """Which days are expected: from ``start`` to ``today``, the open one, in ``zone``."""

    start: date
    today: date
    zone: ZoneInfo


@dataclass(frozen=True)
class Row:
    """A dataset's days, from ``first`` to today; ``last_complete`` is the newest whole one."""

    dataset: str
    stands: Mapping[date, Stand]
    last_complete: date | None
    as_of: datetime | None
    is_snapshot: bool

    def of(self, day: date) -> Stand:
        """How a day stands; NONE where nothing is expected."""
        return self.stands.get(day, Stand.NONE)

    def count(self, stand: Stand) -> int:
        """Days that stand so."""
        return sum(s is stand for s in self.stands.values())


def row(
    dataset: Dataset,
    held: Days,
    expected: Expected,
    failed: AbstractSet[date],
    running: AbstractSet[date],
) -> Row:
    """How every expected day of ``dataset`` stands."""
    first = expected.start
    if dataset.is_snapshot:
        # What was never taken cannot be missed: Odoo knows only what is now.
        first = min(held, default=expected.today)
    days = {
        day: _stand(dataset, day, held.get(day), expected, day in failed, day in running)
        for day in days_between(first, expected.today)
    }
    complete = (Stand.LOADED, Stand.EMPTY, Stand.DIFFERS, Stand.FAILED, Stand.RUNNING)
    return Row(
        dataset.name,
        days,
        max(
            (
                d
                for d, stand in days.items()
                if d in held and d < expected.today and stand in complete
            ),
            default=None,
        ),
        max((h.as_of for h in held.values() if h.as_of), default=None),
        dataset.is_snapshot,
    )


def rows(
    datasets: Sequence[Dataset],
    held: Mapping[str, Days],
    expected: Expected,
    known: Standing | None,
) -> list[Row]:
    """A row a dataset; ``known`` None where Dagster cannot be asked."""
    return [
        row(
            d,
            held.get(d.name, {}),
            expected,
            _of(d.name, known.failed if known else ()),
            _of(d.name, known.running if known else ()),
        )
        for d in datasets
    ]


def _of(dataset: str, days: Iterable[tuple[str, date]]) -> set[date]:
    return {day for name, day in days if name == dataset}


def _stand(
    dataset: Dataset, day: date, held: Held | None, expected: Expected, failed: bool, running: bool
) -> Stand:
    gone_by = day < expected.today
    if running:
        return Stand.RUNNING
    if dataset.is_snapshot and gone_by and held is None:
        return Stand.LOST
    if failed:
        return Stand.FAILED
    if held is not None and held.verdict == "differs":
        return Stand.DIFFERS
    if not gone_by:
        return Stand.OPEN
    if held is None or (held.rows is None and held.fact_rows is None):
        return Stand.MISSING
    if _is_unfinished(dataset, day, held, expected.zone):
        return Stand.UNFINISHED
    return Stand.EMPTY if 0 in (held.fact_rows, held.rows) else Stand.LOADED


def _is_unfinished(dataset: Dataset, day: date, held: Held, zone: ZoneInfo) -> bool:
    """Read before the day had ended, or its fact is not made yet."""
    if dataset.fact and held.fact_rows is None:
        return True
    if dataset.is_snapshot or held.as_of is None:
        return False
    return held.as_of < day_window(day, day, zone)[1]


def stretches(row: Row, stands: Iterable[Stand], span: Period) -> list[tuple[Stand, date, date]]:
    """Days in ``span`` that stand like that, joined where they follow each other."""
    wanted = set(stands)
    found: list[tuple[Stand, date, date]] = []
    for day in days_between(span.first, span.last):
        stand = row.of(day)
        if stand not in wanted:
            continue
        if found and found[-1][0] is stand and found[-1][2] == day - timedelta(days=1):
            found[-1] = (stand, found[-1][1], day)
        else:
            found.append((stand, day, day))
    return found


@dataclass(frozen=True)
class Calendar:
    """What the grid shows: a month or a quarter; ``name`` as the URL writes it."""

    name: str
    span: Period

    @property
    def is_quarter(self) -> bool:
        """Three months."""
        return "q" in self.name


def month(day: date) -> Calendar:
    """The month of ``day``."""
    return _calendar(day.year, day.month, 1)


def quarter(day: date) -> Calendar:
    """The quarter of ``day``."""
    return _calendar(day.year, (day.month - 1) // 3 * 3 + 1, 3)


def calendar(name: str, expected: Expected) -> Calendar:
    """What ``name`` (2026-11, 2026-q4) means; this month where it is empty or out of reach."""
    match = CALENDAR.fullmatch(name)
    if match is None:
        return month(expected.today)
    year, part = int(match[1]), match[2]
    try:
        first = date(year, int(part[1]) * 3 - 2 if part[0] == "q" else int(part), 1)
    except ValueError:
        return month(expected.today)
    found = quarter(first) if part[0] == "q" else month(first)
    reached = found.span.last >= expected.start and found.span.first <= expected.today
    return found if reached else month(expected.today)


def beside(shown: Calendar, expected: Expected) -> tuple[Calendar | None, Calendar | None]:
    """The calendars before and after, where there are days to see."""
    make = quarter if shown.is_quarter else month
    before, after = shown.span.first - timedelta(days=1), shown.span.last + timedelta(days=1)
    return (
        make(before) if before >= expected.start else None,
        make(after) if after <= expected.today else None,
    )


def _calendar(year: int, first_month: int, months: int) -> Calendar:
    first = date(year, first_month, 1)
    following = date(year + (first_month + months > 12), (first_month + months - 1) % 12 + 1, 1)
    name = f"{year}-{first_month:02d}" if months == 1 else f"{year}-q{(first_month + 2) // 3}"
    return Calendar(name, Period(first, following - timedelta(days=1)))
