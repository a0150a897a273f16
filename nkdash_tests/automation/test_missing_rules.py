"""The rules behind the sensor for missing days, as plain functions of days, states and time."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from nkdash.automation.failures import DatasetDay, LoadFailure
from nkdash.automation.missing import (
    LONGEST_PAUSE,
    PAUSE_FOR_GOOD,
    Attempts,
    most_days_of,
    needs,
    noticed,
    ripe,
)
from nkdash.standing import Day, State

NOW = datetime(2026, 10, 17, 3, tzinfo=UTC)
LAST = date(2026, 10, 16)
DATASETS = ("orders", "lines", "stock")
dataset_days = st.tuples(
    st.sampled_from(DATASETS), st.integers(0, 20).map(lambda n: LAST - timedelta(days=n))
)
states = st.dictionaries(dataset_days, st.sampled_from(State), max_size=30)


def as_days(found: dict[DatasetDay, State]) -> list[Day]:
    return [Day(name, day, state) for (name, day), state in found.items()]


@given(states, st.integers(0, 20))
def test_only_days_that_lack_something_are_wanted_and_never_a_snapshot(
    found: dict[DatasetDay, State], ago: int
) -> None:
    last = LAST - timedelta(days=ago)
    wanted = needs(as_days(found), {"stock"}, last)
    for (name, day), state in found.items():
        lacks = state in {State.MISSING, State.UNFINISHED, State.OUTDATED}
        assert ((name, day) in wanted) == (lacks and name != "stock" and day <= last)
        if (name, day) in wanted:
            assert wanted[name, day] == (state is not State.OUTDATED), "raw is there"


@settings(max_examples=50)
@given(
    st.dictionaries(dataset_days, st.integers(0, 4), min_size=1, max_size=10),
    st.integers(1, 20),
    st.booleans(),
)
def test_a_day_is_asked_for_once_for_each_time_that_it_fails_and_once_more(
    failing: dict[DatasetDay, int], minutes_a_load: int, permanent: bool
) -> None:
    """A world in which each day's load fails so many times, and takes a while."""
    left = dict(failing)
    asked: Counter[DatasetDay] = Counter()
    under_way: dict[DatasetDay, datetime] = {}
    failed: dict[DatasetDay, LoadFailure] = {}
    attempts: dict[DatasetDay, Attempts] = {}
    there: set[DatasetDay] = set()
    now, last_asked = NOW, dict[DatasetDay, datetime]()
    while now < NOW + timedelta(days=6):
        for day, end in list(under_way.items()):
            if end <= now:
                del under_way[day]
                if left[day]:
                    left[day] -= 1
                    failed[day] = LoadFailure(f"{day}{left[day]}", "no", permanent)
                else:
                    there.add(day)
        wanted = {day: True for day in failing if day not in there}
        attempts = noticed(wanted, under_way, failed, attempts, now)
        for day in ripe(wanted, under_way, attempts, now):
            assert day not in under_way, "never twice at once"
            if permanent and day in last_asked:
                assert now - last_asked[day] >= PAUSE_FOR_GOOD
            asked[day] += 1
            last_asked[day] = now
            under_way[day] = now + timedelta(minutes=minutes_a_load)
            attempts[day] = Attempts(
                attempts[day].tries,
                attempts[day].at,
                pending=True,
                run_id=attempts[day].run_id,
                permanent=attempts[day].permanent,
            )
        now += timedelta(minutes=1 if not permanent else 30)
    assert there == set(failing), "all of it healed"
    assert asked == {day: times + 1 for day, times in failing.items()}
    assert attempts == {}


@given(st.integers(1, 1000))
def test_the_pause_grows_to_an_hour_and_no_further(tries: int) -> None:
    tried = Attempts(tries=tries, at=NOW)
    assert not tried.may_be_asked(NOW + timedelta(minutes=4))
    assert tried.may_be_asked(NOW + LONGEST_PAUSE)
    assert not Attempts(tries, NOW, permanent=True).may_be_asked(NOW + timedelta(hours=23))


def test_the_nights_own_failure_counts_as_a_try() -> None:
    day = ("orders", LAST)
    failed = {day: LoadFailure("run", "no such field", permanent=True)}
    attempts = noticed([day], [], failed, {}, NOW)
    assert not attempts[day].may_be_asked(NOW + timedelta(hours=23))
    assert noticed([day], [], failed, attempts, NOW + timedelta(hours=1)) == attempts


def test_what_fails_for_good_is_tried_in_ever_smaller_ranges() -> None:
    sizes = [most_days_of(Attempts(tries, NOW, permanent=True), 31) for tries in range(7)]
    assert sizes == [31, 15, 7, 3, 1, 1, 1]
    assert most_days_of(Attempts(3, NOW), 31) == 31
