from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nkdash.cli.days import in_words, parse_range, ranges
from nkdash.clock import days_between
from nkdash.settings import Settings

SETTINGS = Settings.model_construct(
    nkdash_timezone="Asia/Jakarta", nkdash_start_date=date(2020, 1, 1)
)


def now_at(text: str) -> Settings:
    return Settings.model_validate({**SETTINGS.model_dump(), "nkdash_now": text})


def test_words_follow_the_business_zone() -> None:
    just_past_midnight_in_jakarta = now_at("2026-11-22T17:00:01Z")
    assert parse_range("yesterday", "today", just_past_midnight_in_jakarta) == (
        date(2026, 11, 22),
        date(2026, 11, 23),
    )


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-11-20", "2026-11-24", "future"),
        ("2026-11-24", "2026-11-20", "future"),
        ("2026-11-20", "2026-11-19", "before --from"),
        ("2019-12-31", "yesterday", "NKDASH_START_DATE"),
        ("20.11.2026", "yesterday", "2026-11-23"),
        ("tomorrow", "today", "is no day"),
    ],
)
def test_impossible_ranges_are_refused_in_words(first: str, last: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_range(first, last, now_at("2026-11-23T05:00:00Z"))


@given(st.sets(st.integers(0, 60)))
def test_ranges_hold_exactly_the_days_and_never_touch(offsets: set[int]) -> None:
    days = {date(2026, 1, 1) + timedelta(days=n) for n in offsets}
    spans = ranges(days)
    assert {day for first, last in spans for day in days_between(first, last)} == days
    assert all((b[0] - a[1]).days > 1 for a, b in pairwise(spans))


def test_many_gaps_are_counted_not_listed() -> None:
    days = [date(2026, 1, n) for n in (1, 3, 4, 6, 8, 10, 12)]
    assert in_words(days, most=2) == "2026-01-01, 2026-01-03..2026-01-04 and 4 more"
