"""How numbers read: money of a company's currency, counts, percentages and changes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from nkdash.kpis.model import Unit

MINUS = "\N{MINUS SIGN}"
NO_FIGURE = "\N{EN DASH}"
Number = int | float | Decimal

_SHORT = ((10**3, "K"), (10**6, "M"), (10**9, "B"), (10**12, "T"))


@dataclass(frozen=True)
class Currency:
    """A currency as a company has it: ISO code, symbol, decimals."""

    code: str = "IDR"
    symbol: str = "Rp"
    decimals: int = 0


RUPIAH = Currency()


def currency(code: str | None, symbol: str | None, decimals: int | None) -> Currency:
    """The currency of a company; rupiah are written without decimals, whatever Odoo keeps."""
    if code is None or code == "IDR":
        return RUPIAH
    return Currency(code, symbol or code, 2 if decimals is None else decimals)


def money(amount: Number | None, of: Currency = RUPIAH) -> str:
    """In full, e.g. 'Rp 1,234,567'; an en dash where there is no figure."""
    if amount is None:
        return NO_FIGURE
    return _signed(amount, of.decimals, lambda text: f"{of.symbol}\N{NO-BREAK SPACE}{text}")


def money_short(amount: Number | None, of: Currency = RUPIAH) -> str:
    """Short, e.g. 'Rp 1.2B', 'Rp 3.4M', 'Rp 5.6K'."""
    if amount is None:
        return NO_FIGURE
    sign = MINUS if amount < 0 else ""
    return f"{sign}{of.symbol}\N{NO-BREAK SPACE}{_short(amount, of.decimals)}"


def money_signed(amount: Number | None, of: Currency = RUPIAH) -> str:
    """A difference, short and with its sign, e.g. '+Rp 3.4M'."""
    text = money_short(amount, of)
    return f"+{text}" if amount is not None and amount > 0 else text


def count(number: Number | None, decimals: int = 0) -> str:
    """With thousands separators, e.g. '12,345'."""
    return NO_FIGURE if number is None else _signed(number, decimals, str)


def count_short(number: Number | None) -> str:
    """Short, e.g. '12.3K'."""
    if number is None:
        return NO_FIGURE
    return (MINUS if number < 0 else "") + _short(number, 0)


def percent(ratio: Number | None) -> str:
    """A ratio as a percentage with one decimal, e.g. '12.3%'."""
    return NO_FIGURE if ratio is None else _signed(Decimal(str(ratio)) * 100, 1, lambda t: t + "%")


def figure(unit: Unit, number: Any, of: Currency = RUPIAH, *, short: bool = False) -> str:
    """A figure in its unit; days as a number, dates as ISO, an en dash where there is none."""
    match unit:
        case Unit.MONEY:
            return (money_short if short else money)(number, of)
        case Unit.COUNT:
            return count_short(number) if short else count(number)
        case Unit.DECIMAL:
            return count(number, 2)
        case Unit.RATIO:
            return percent(number)
        case Unit.DAYS:
            return count(number, 1)
        case Unit.DATE:
            return NO_FIGURE if number is None else str(number)


def least(unit: Unit, of: Currency = RUPIAH) -> float:
    """The least difference of two small figures that ``figure`` tells apart."""
    match unit:
        case Unit.MONEY:
            return 10.0**-of.decimals
        case Unit.COUNT | Unit.DATE:
            return 1.0
        case Unit.DECIMAL:
            return 0.01
        case Unit.RATIO:
            return 0.001
        case Unit.DAYS:
            return 0.1


def change(now: Number | None, base: Number | None) -> float | None:
    """The change as a ratio; None (read 'n/a') where the base is missing or not above 0."""
    if now is None or base is None or base <= 0:
        return None
    return float(now) / float(base) - 1


def signed_percent(ratio: float | None) -> str:
    """A change with its sign, e.g. '+4.2%'; 'n/a' where there is no base."""
    if ratio is None:
        return "n/a"
    text = percent(abs(ratio))
    return text if text == "0.0%" else ("+" if ratio > 0 else MINUS) + text


def change_of(unit: Unit, now: Number | None, base: Number | None) -> float | None:
    """The change of a KPI: a ratio, or of a percentage the difference (0.01 is a point)."""
    if unit is not Unit.RATIO:
        return change(now, base)
    return None if now is None or base is None else float(now) - float(base)


def signed_change(unit: Unit, value: float | None) -> str:
    """``change_of`` as it reads: '+4.2%', or in percentage points '+0.4 pp'."""
    text = signed_percent(value)
    return text if unit is not Unit.RATIO else text.replace("%", "\N{NO-BREAK SPACE}pp")


def day(value: date, months: str) -> str:
    """A date, e.g. '22 Nov 2026'; ``months`` are twelve short names, space-separated."""
    return f"{value.day} {months.split()[value.month - 1]} {value.year}"


def moment(value: datetime, months: str) -> str:
    """A local instant, e.g. '22 Nov 2026, 02:04'."""
    return f"{day(value.date(), months)}, {value:%H:%M}"


def days(first: date, last: date, months: str) -> str:
    """A range, e.g. '24 Oct – 22 Nov 2026'; a single day as itself."""
    if first == last:
        return day(first, months)
    start = day(first, months)
    if first.year == last.year:
        start = start.rsplit(" ", 1)[0]
    return f"{start} – {day(last, months)}"


def _rounded(number: Number, decimals: int) -> Decimal:
    step = Decimal(1).scaleb(-decimals)
    return Decimal(str(number)).quantize(step, rounding=ROUND_HALF_UP)


def _signed(number: Number, decimals: int, dress: Callable[[str], str]) -> str:
    rounded = _rounded(number, decimals)
    return (MINUS if rounded < 0 else "") + dress(f"{abs(rounded):,f}")


def _short(amount: Number, decimals: int) -> str:
    """The size of ``amount``, without its sign."""
    size = Decimal(str(amount)).copy_abs()
    plain = _rounded(size, decimals)
    if plain < 1000:
        return f"{plain:,f}"
    for unit, letter in _SHORT:
        # Decided on the rounded figure: 999,950 reads 1.0M, not 1,000.0K.
        scaled = _rounded(size / unit, 1)
        if scaled < 1000:
            return f"{scaled:f}{letter}"
    return f"{scaled:,f}{letter}"
