"""The URL says the whole state; what makes no sense falls back and is reported."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.state import EARLIEST, SOURCES, State, parse
from nkdash.kpis.model import TaxBasis
from nkdash.kpis.periods import Comparison, Grain, Period, Preset, base_period, preset_period
from nkdash.kpis.selection import FILTERS

DAYS = st.dates(EARLIEST, date(2099, 12, 31))
IDS = st.lists(st.integers(1, 10**9), max_size=5).map(lambda ids: tuple(sorted(set(ids))))
NAMES = st.sets(st.sampled_from(sorted(SOURCES))).map(lambda names: tuple(sorted(names)))
WORDS = st.one_of(st.just(""), st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True))


@st.composite
def states(draw: st.DrawFn) -> State:
    """Any state that a page can be in."""
    first, last = sorted((draw(DAYS), draw(DAYS)))
    custom = draw(st.one_of(st.none(), st.just(Period(first, last))))
    preset = st.sampled_from([p for p in Preset if p is not Preset.CUSTOM])
    sort = draw(WORDS)
    return State(
        preset=Preset.CUSTOM if custom else draw(preset),
        custom=custom,
        compare=draw(st.sampled_from(Comparison)),
        grain=draw(st.sampled_from(Grain)),
        metric=draw(WORDS),
        tax=draw(st.sampled_from([None, *TaxBasis])),
        uncovered=draw(st.booleans()),
        company=draw(st.one_of(st.none(), st.integers(1, 10**9))),
        tab=draw(WORDS),
        sort=f"-{sort}" if sort and draw(st.booleans()) else sort,
    ).with_(**{key: draw(NAMES if key == "source" else IDS) for key in FILTERS})


@given(states())
def test_a_link_opens_what_its_sender_saw(state: State) -> None:
    found = parse(state.search)
    assert found == state
    assert found.problems == ()
    assert found.search == state.search


@given(st.text())
def test_no_query_string_is_an_error(search: str) -> None:
    found = parse(search)
    assert parse(found.search) == found


@given(st.dictionaries(st.sampled_from(["range", "store", "company", "sort", "tax"]), st.text()))
def test_garbage_in_a_known_parameter_is_no_error(values: dict[str, str]) -> None:
    found = parse("?" + "&".join(f"{k}={v}" for k, v in values.items()))
    assert found.search == parse(found.search).search


@pytest.mark.parametrize(
    ("search", "key"),
    [
        ("?range=fortnight", "range"),
        ("?range=custom", "range"),
        ("?range=2026-11-22..2026-11-01", "range"),
        ("?range=2026-13-01..2026-13-02", "range"),
        ("?range=0001-01-01..9999-12-31", "range"),
        ("?store=abc", "store"),
        ("?store=1,,2", "store"),
        ("?store=-1", "store"),
        ("?store=0", "store"),
        ("?store=1%3BDROP%20TABLE", "store"),
        ("?company=1,2", "company"),
        ("?compare=yesterday", "compare"),
        ("?tax=maybe", "tax"),
        ("?uncovered=yes", "uncovered"),
        ("?sort=--name", "sort"),
        ("?sort=name%3B", "sort"),
        ("?tab=../x", "tab"),
        ("?unknown=1", "unknown"),
    ],
)
def test_a_bad_value_falls_back_and_is_reported(search: str, key: str) -> None:
    found = parse(search)
    assert found == State()
    assert [p.key for p in found.problems] == [key]


def test_a_bad_value_leaves_the_good_ones() -> None:
    found = parse("?range=7d&store=x&brand=3")
    assert found == State(preset=Preset.DAYS_7, brand=(3,))


def test_defaults_are_left_out_of_the_url() -> None:
    assert State().search == ""
    assert State(store=(2, 3)).search == "?store=2,3"


def test_a_click_adds_a_filter_and_the_next_takes_it_out() -> None:
    state = State(store=(5,)).toggled("store", 2)
    assert state.store == (2, 5)
    assert state.toggled("store", 5).store == (2,)


def test_a_new_preset_drops_the_custom_days() -> None:
    days = Period(date(2026, 1, 1), date(2026, 1, 2))
    state = State().with_(custom=days)
    assert state.search == "?range=2026-01-01..2026-01-02"
    assert state.with_(preset=Preset.DAYS_7).search == "?range=7d"


TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("preset", "first", "last"),
    [
        (Preset.TODAY, "2026-11-23", "2026-11-23"),
        (Preset.YESTERDAY, "2026-11-22", "2026-11-22"),
        (Preset.DAYS_7, "2026-11-16", "2026-11-22"),
        (Preset.DAYS_30, "2026-10-24", "2026-11-22"),
        (Preset.MONTH, "2026-11-01", "2026-11-22"),
        (Preset.QUARTER, "2026-10-01", "2026-11-22"),
        (Preset.YEAR_TO_DATE, "2026-01-01", "2026-11-22"),
        (Preset.LAST_MONTH, "2026-10-01", "2026-10-31"),
    ],
)
def test_presets_end_with_the_last_complete_day(preset: Preset, first: str, last: str) -> None:
    expected = Period(date.fromisoformat(first), date.fromisoformat(last))
    assert preset_period(preset, TODAY) == expected


def test_a_month_that_begins_today_is_today() -> None:
    first = date(2026, 11, 1)
    assert preset_period(Preset.MONTH, first) == Period(first, first)


@given(DAYS, st.integers(0, 800))
def test_comparisons_have_the_same_length_and_aligned_weekdays(first: date, length: int) -> None:
    period = Period(first, first + timedelta(length))
    previous = base_period(period, Comparison.PREVIOUS)
    assert previous is not None
    assert previous.last == first - timedelta(days=1)
    assert previous.days == period.days
    for comparison, back in ((Comparison.WEEK, 7), (Comparison.YEAR, 364)):
        base = base_period(period, comparison)
        assert base == period.moved(-back)
        assert base is not None
        assert base.first.weekday() == first.weekday()
    assert base_period(period, Comparison.NONE) is None


def test_a_period_cannot_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        Period(TODAY, TODAY - timedelta(days=1))
