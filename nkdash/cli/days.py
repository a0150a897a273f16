"""Days on the command line: words and ISO dates in, short lists of ranges out."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta

from nkdash import clock
from nkdash.settings import Settings

WORDS: dict[str, Callable[[Settings], date]] = {
    "today": clock.today,
    "yesterday": clock.yesterday,
}


def parse_day(text: str, settings: Settings) -> date:
    """A business day from ``2026-11-23``, ``today`` or ``yesterday``. Raises ValueError."""
    if word := WORDS.get(text.strip().lower()):
        return word(settings)
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no day; write it like 2026-11-23, or today, or yesterday"
        ) from error


def parse_range(first: str, last: str, settings: Settings) -> tuple[date, date]:
    """The range of business days from ``--from`` and ``--to``; today is the last there can be.

    Raises ValueError with a sentence for a user.
    """
    start, end = parse_day(first, settings), parse_day(last, settings)
    today = clock.today(settings)
    if future := max(start, end) > today and max(start, end):
        raise ValueError(f"{future} lies in the future; today is {today} in {settings.zone}")
    if end < start:
        raise ValueError(f"--to {end} lies before --from {start}")
    if start < settings.nkdash_start_date:
        raise ValueError(
            f"{start} lies before NKDASH_START_DATE ({settings.nkdash_start_date}), the first day "
            "that NKDash loads; set that to an earlier day first"
        )
    return start, end


def ranges(days: Iterable[date]) -> list[tuple[date, date]]:
    """Consecutive days joined: first and last of each run, oldest first."""
    found: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if found and day - found[-1][1] == timedelta(days=1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def in_words(days: Iterable[date], most: int = 4) -> str:
    """Ranges as text, e.g. ``2026-11-01, 2026-11-05..2026-11-07 and 2 more``."""
    spans = ranges(days)
    told = ", ".join(f"{a}" if a == b else f"{a}..{b}" for a, b in spans[:most])
    return told + (f" and {len(spans) - most} more" if len(spans) > most else "")
