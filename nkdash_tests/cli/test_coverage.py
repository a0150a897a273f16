from datetime import date, datetime
from zoneinfo import ZoneInfo

from nkdash.cli.coverage import coverage
from nkdash.standing import LoadedDay

ZONE = ZoneInfo("Asia/Jakarta")
TODAY = date(2026, 11, 23)


def loaded(day: int, rows: int = 1, as_of: str = "2026-11-23T05:00") -> LoadedDay:
    return LoadedDay(date(2026, 11, day), rows, datetime.fromisoformat(as_of))


def test_gaps_between_the_first_day_and_yesterday_are_missing() -> None:
    found = coverage("d", "raw", "d", [loaded(18), loaded(20, rows=0)], TODAY, ZONE)
    assert [d.day for d in found.missing] == [19, 21, 22]
    assert [d.day for d in found.empty] == [20]
    assert not found.fresh


def test_today_is_never_missing_and_does_not_make_fresh() -> None:
    assert coverage("d", "raw", "d", [loaded(22)], TODAY, ZONE).missing == ()
    only_today = coverage("d", "raw", "d", [loaded(23)], TODAY, ZONE)
    assert (only_today.missing, only_today.fresh) == ((), False)


def test_a_day_read_before_its_local_midnight_is_unfinished() -> None:
    before, after = "2026-11-22T16:59", "2026-11-22T17:00"
    early = coverage("d", "raw", "d", [loaded(22, as_of=before)], TODAY, ZONE)
    assert ([d.day for d in early.unfinished], early.fresh) == ([22], False)
    late = coverage("d", "raw", "d", [loaded(22, as_of=after)], TODAY, ZONE)
    assert (late.unfinished, late.fresh) == ((), True)


def test_nothing_loaded_is_no_error() -> None:
    found = coverage("d", "raw", "d", [], TODAY, ZONE)
    assert found.as_dict()["first"] is None
    assert (found.missing, found.rows, found.fresh) == ((), 0, False)
