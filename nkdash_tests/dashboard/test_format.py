"""How numbers read."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.charts import nice_ticks, sparkline
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Unit

DOLLAR = fmt.currency("SGD", "S$", 2)
SPACE = "\N{NO-BREAK SPACE}"
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (1234567, "Rp 1,234,567"),
        (Decimal("1234567.50"), "Rp 1,234,568"),
        (Decimal("-1234567.4"), "−Rp 1,234,567"),
        (0, "Rp 0"),
        (Decimal("-0.4"), "Rp 0"),
        (None, "–"),
    ],
)
def test_rupiah_have_no_decimals(amount: Decimal | None, text: str) -> None:
    assert fmt.money(amount).replace(SPACE, " ") == text


def test_other_currencies_have_their_own_symbol_and_decimals() -> None:
    assert fmt.money(Decimal("1234.5"), DOLLAR).replace(SPACE, " ") == "S$ 1,234.50"
    assert fmt.currency("JPY", "¥", 0) == fmt.Currency("JPY", "¥", 0)
    assert fmt.currency("IDR", "Rp", 2).decimals == 0


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (1_234_567_890, "Rp 1.2B"),
        (3_400_000, "Rp 3.4M"),
        (5_600, "Rp 5.6K"),
        (999_949, "Rp 999.9K"),
        (999_950, "Rp 1.0M"),
        (999, "Rp 999"),
        (-3_400_000, "−Rp 3.4M"),
        (2_500_000_000_000, "Rp 2.5T"),
        (None, "–"),
    ],
)
def test_short_money_takes_the_unit_it_rounds_to(amount: int | None, text: str) -> None:
    assert fmt.money_short(amount).replace(SPACE, " ") == text


def test_percentages_have_one_decimal_and_changes_a_sign() -> None:
    assert fmt.percent(0.1234) == "12.3%"
    assert fmt.signed_percent(0.1234) == "+12.3%"
    assert fmt.signed_percent(-0.1234) == "−12.3%"
    assert fmt.signed_percent(0.0001) == "0.0%"
    assert fmt.signed_percent(None) == "n/a"


@pytest.mark.parametrize("base", [None, 0, -5])
def test_no_base_is_no_percentage(base: int | None) -> None:
    assert fmt.change(10, base) is None


def test_a_change_is_against_its_base() -> None:
    assert fmt.change(Decimal("150"), 100) == pytest.approx(0.5)
    assert fmt.change(0, 100) == -1


def test_ranges_say_the_year_once() -> None:
    first, last = date(2026, 10, 24), date(2026, 11, 22)
    assert fmt.days(first, last, MONTHS) == "24 Oct – 22 Nov 2026"
    assert fmt.days(last, last, MONTHS) == "22 Nov 2026"
    assert fmt.days(date(2025, 12, 1), last, MONTHS) == "1 Dec 2025 – 22 Nov 2026"


@given(st.floats(-1e12, 0), st.floats(0, 1e12))
def test_ticks_are_few_round_and_reach_both_ends(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
    assert 2 <= len(ticks) <= 12
    assert ticks == sorted(ticks)
    if high - low > 1e-6:
        step = ticks[1] - ticks[0]
        assert ticks[0] <= low + step * 1e-3
        assert ticks[-1] >= high - step * 1e-3
        assert 0.0 in [round(tick, 9) for tick in ticks]


@given(st.sampled_from(sorted(Unit)), st.floats(-2, 0), st.floats(0, 30))
def test_no_two_ticks_read_the_same(unit: Unit, low: float, high: float) -> None:
    ticks = nice_ticks(low, high, fmt.least(unit))
    told = [fmt.figure(unit, tick, short=True) for tick in ticks]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize(
    ("high", "ticks"),
    [(1, [0, 1]), (2, [0, 1, 2]), (7, [0, 2, 4, 6, 8]), (100, [0, 25, 50, 75, 100])],
)
def test_counts_have_whole_ticks(high: float, ticks: list[float]) -> None:
    assert nice_ticks(0, high, least=1) == ticks


def test_a_sparkline_leaves_gaps_where_nothing_is_known() -> None:
    assert sparkline([1.0]) == ""
    assert sparkline([1.0, None, 2.0, 3.0]).count("M") == 2
