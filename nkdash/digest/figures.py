"""What the digest tells of a day: figures of the KPIs that pages show, in no language yet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from nkdash.kpis import format as fmt
from nkdash.kpis.ask import Ask, Companies, companies, labels, reach
from nkdash.kpis.model import TaxBasis
from nkdash.kpis.periods import Comparison, Period, base_period
from nkdash.kpis.profit import ENOUGH
from nkdash.kpis.registry import kpis, measure
from nkdash.kpis.selection import Selection

SALES = ("net_revenue", "transactions", "average_transaction", "items_sold")
RATES = ("discount_rate", "return_rate")
PROFIT = ("gross_profit", "gross_margin")
MONTH = ("net_revenue", "transactions", "average_transaction")
STOCK = ("out_of_stock_products", "low_products", "negative_products")
LOOK_BACK = 30
MOVERS = 3
# More receipts of open POS sessions than this may still change the day.
PROVISIONAL = 0.05
# Of these the day has to be read whole before there is anything to tell.
NEEDED = ("pos_order_lines", "invoice_sales")


class NotLoadedError(Exception):
    """The day is not in the warehouse as a whole; says which day and what to do."""


@dataclass(frozen=True)
class Figure:
    """One KPI of the day and of its base; ``change`` is a ratio, of ratios their
    difference; None without a base.
    """

    kpi: str
    value: Any
    base: Any
    change: float | None


@dataclass(frozen=True)
class Named:
    """Net revenue of a store or category; ``difference`` is what it has more than in the base."""

    name: str
    value: float
    change: float | None
    difference: float


@dataclass(frozen=True)
class Concern:
    """Something to look at: a key of the texts and what its blanks hold."""

    key: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Digest:
    """All that is told of ``day``. ``left_out`` are companies of another currency."""

    day: date
    base: date
    month: Period
    month_base: Period
    currency: fmt.Currency
    company: str
    left_out: tuple[str, ...]
    headline: tuple[Figure, ...]
    to_date: tuple[Figure, ...]
    best: Named | None
    weakest: Named | None
    risers: tuple[Named, ...]
    fallers: tuple[Named, ...]
    concerns: tuple[Concern, ...]


def gather(ask: Ask, day: date) -> Digest:
    """The digest of ``day``. Raises NotLoadedError, duckdb.Error."""
    if reason := why_not(ask, day):
        raise NotLoadedError(reason)
    period = Period(day, day)
    base = base_period(period, Comparison.WEEK) or period
    month = Period(day.replace(day=1), day)
    month_base = base_period(month, Comparison.PREVIOUS) or month
    known = companies(ask)
    ids, currency = reach(known, None)
    today = Selection(period, base if _is_loaded(ask, base) else None, ids)
    to_date = Selection(month, month_base if _is_loaded(ask, month_base) else None, ids)
    profit = replace(today, tax=TaxBasis.EX)
    coverage = _one(ask, ("cost_coverage",), profit)["cost_coverage"]
    names = (*SALES, *RATES)
    headline = figures(ask, names, today)
    if coverage is not None and coverage >= ENOUGH:
        headline += figures(ask, PROFIT, profit)
    stores = by_name(ask, today, "store")
    categories = sorted(by_name(ask, today, "category"), key=lambda n: n.difference)
    return Digest(
        day=day,
        base=base.first,
        month=month,
        month_base=month_base,
        currency=currency,
        company=known[ids[0]].name if len(ids) == 1 else "",
        left_out=_left_out(known, ids),
        headline=headline,
        to_date=figures(ask, MONTH, to_date),
        best=max(stores, key=lambda n: n.value) if len(stores) > 1 else None,
        weakest=min(stores, key=lambda n: n.value) if len(stores) > 1 else None,
        risers=tuple(n for n in reversed(categories[-MOVERS:]) if n.difference > 0),
        fallers=tuple(n for n in categories[:MOVERS] if n.difference < 0),
        concerns=tuple(concerns(ask, today, coverage)),
    )


def why_not(ask: Ask, day: date) -> str | None:
    """None where the sales of ``day`` are in the warehouse as a whole; else a sentence."""
    chosen = Selection(Period(day, day), None, ())
    rows = ask(measure(("last_complete_day",), chosen, ("dataset",))).to_dicts()
    reach_of = {row["dataset"]: row["last_complete_day"] for row in rows}
    held = {name: reach_of[name] for name in NEEDED if name in reach_of}
    late = [name for name, last in held.items() if last != day]
    if held and not late:
        return None
    what = ", ".join(late) or "sales"
    return (
        f"{day} is not loaded whole yet ({what}): it comes with the nightly load; by hand: "
        f"nkdash backfill --from {day} --to {day}."
    )


def figures(ask: Ask, names: tuple[str, ...], chosen: Selection) -> tuple[Figure, ...]:
    """KPIs of one family, now and in the base."""
    frame = ask(measure(names, chosen))
    found = {row["period"]: row for row in frame.to_dicts()}
    now, base = found.get("now", {}), found.get("base", {})
    return tuple(
        Figure(name, _zero(name, now.get(name)), b, _change(name, now.get(name), b))
        for name in names
        for b in [base.get(name)]
    )


def by_name(ask: Ask, chosen: Selection, kind: str) -> list[Named]:
    """Net revenue of each store or category, now or in the base."""
    frame = ask(measure(("net_revenue",), chosen, (kind,)))
    values: dict[str, dict[int, float]] = {"now": {}, "base": {}}
    for period, record, value in frame.select("period", kind, "net_revenue").iter_rows():
        if record is not None and value is not None:
            values[period][record] = float(value)
    ids = {**values["now"], **values["base"]}
    known = labels(ask, kind, ids)
    found = []
    for record in ids:
        now, base = values["now"].get(record, 0.0), values["base"].get(record)
        change = fmt.change(now, base) if chosen.base else None
        difference = now - (base or 0.0) if chosen.base else 0.0
        found.append(
            Named(known.get(record, f"#{record}").removeprefix("All / "), now, change, difference)
        )
    return found


def concerns(ask: Ask, today: Selection, coverage: float | None) -> Iterable[Concern]:
    """What somebody should look at, the data first."""
    last = today.period.last
    span = Selection(Period(last - timedelta(days=LOOK_BACK - 1), last), None, today.companies)
    trust = _one(ask, ("days_missing", "days_differing", "unexplained_stock"), span)
    for name in ("days_missing", "days_differing"):
        if trust[name]:
            yield Concern(f"look.{name}", {"count": trust[name], "days": LOOK_BACK})
    share = _one(ask, ("provisional_share",), today.now)["provisional_share"]
    if share is not None and share > PROVISIONAL:
        yield Concern("look.provisional", {"share": share})
    if coverage is not None and coverage < ENOUGH:
        yield Concern("look.coverage", {"share": coverage})
    if trust["unexplained_stock"]:
        yield Concern("look.unexplained", {"count": trust["unexplained_stock"]})
    for name, count in _one(ask, STOCK, today).items():
        if count:
            yield Concern(f"look.{name}", {"count": count})


def _is_loaded(ask: Ask, period: Period) -> bool:
    """Every day's sales are there: a base with holes would make growth out of missing data."""
    rows = ask(measure(("days_missing",), Selection(period, None, ()), ("dataset",))).to_dicts()
    missing = {row["dataset"]: row["days_missing"] for row in rows}
    return all(missing.get(name, 0) == 0 for name in NEEDED)


def _one(ask: Ask, names: tuple[str, ...], chosen: Selection) -> Mapping[str, Any]:
    rows = ask(measure(names, chosen.now)).to_dicts()
    return {name: rows[0][name] if rows else None for name in names}


def _zero(name: str, value: Any) -> Any:
    # The day is loaded, so a sum over no rows is a true zero.
    return 0 if value is None and kpis()[name].additive else value


def _change(name: str, now: Any, base: Any) -> float | None:
    return fmt.change_of(kpis()[name].unit, now, base)


def _left_out(known: Companies, ids: Sequence[int]) -> tuple[str, ...]:
    return tuple(company.name for i, company in known.items() if i not in ids)
