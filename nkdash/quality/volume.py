"""Volume check: is a day far outside of what is usual for its weekday?

By the median of the same weekday of the eight weeks before, on a logarithmic scale: trade grows
and falls by factors, and an empty day must stand out however much busy days scatter.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

WEEKS = 8
ENOUGH = 4
FAR = 4.0
# Median absolute deviation to standard deviation, for a normal distribution.
MAD_TO_SIGMA = 1.4826
LEAST_SIGMA = 0.15


@dataclass(frozen=True)
class Unusual:
    """A day with ``rows`` where ``usual`` is the median of its weekday."""

    day: date
    rows: int
    usual: float

    def __str__(self) -> str:
        return f"{self.day:%a %Y-%m-%d}: {self.rows:,} rows, usual are {self.usual:,.0f}"


def weekdays_before(day: date) -> list[date]:
    """The same weekday of the weeks before that ``day`` is compared with."""
    return [day - timedelta(weeks=n) for n in range(1, WEEKS + 1)]


def unusual_days(rows: Mapping[date, int], days: Sequence[date]) -> list[Unusual]:
    """Those of ``days`` whose ``rows`` are far outside; one with too little to compare is none.

    The scatter is at least 15 %, and what chance alone makes of small numbers (1 / sqrt(n)).
    """
    found = []
    for day in days:
        before = [math.log1p(rows[d]) for d in weekdays_before(day) if d in rows]
        if day not in rows or len(before) < ENOUGH:
            continue
        usual = median(before)
        scatter = MAD_TO_SIGMA * median([abs(value - usual) for value in before])
        sigma = max(scatter, LEAST_SIGMA, math.exp(-usual / 2))
        if abs(math.log1p(rows[day]) - usual) > FAR * sigma:
            found.append(Unusual(day, rows[day], math.expm1(usual)))
    return found
