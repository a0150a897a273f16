"""What a section needs to draw itself: the state, resolved against one version of the warehouse."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property, partial
from typing import Any

from dashboard.data import dimensions, queries
from dashboard.data.dimensions import Dimensions
from dashboard.data.session import Data, Session
from dashboard.i18n import Texts
from dashboard.state import Problem, State
from nkdash.clock import days_between, today
from nkdash.kpis import format as fmt
from nkdash.kpis.format import Currency
from nkdash.kpis.model import Kpi, TaxBasis, Unit
from nkdash.kpis.periods import Grain, Period, buckets, trend_grain
from nkdash.kpis.selection import ALL_FILTERS, Ids, Selection
from nkdash.settings import Settings


@dataclass(frozen=True)
class Coverage:
    """Which days of a period are in the warehouse, and as of when Odoo was read (UTC)."""

    period: Period
    loaded: frozenset[date]
    empty: frozenset[date]
    as_of: datetime | None

    @property
    def complete(self) -> bool:
        """Every day is loaded."""
        return len(self.loaded) == self.period.days

    @property
    def missing(self) -> int:
        """Days that are not loaded."""
        return self.period.days - len(self.loaded)


@dataclass(frozen=True)
class Context:
    """One request. ``state`` holds only what exists; ``path`` and ``usual_tax`` are the page's.

    ``fact`` is the table whose days tell what is loaded. Filters that are not among ``filters``,
    the page's, do not apply.
    """

    settings: Settings
    session: Session
    texts: Texts
    path: str
    state: State
    today: date
    names: Dimensions
    usual_tax: TaxBasis = TaxBasis.IN
    fact: str = "fact_sales"
    filters: Sequence[str] = ALL_FILTERS

    @property
    def tax(self) -> TaxBasis:
        """The tax basis shown: the one asked for, else the page's own."""
        return self.state.tax or self.usual_tax

    @cached_property
    def period(self) -> Period:
        """The business days shown."""
        return self.state.period(self.today)

    @cached_property
    def base(self) -> Period | None:
        """The business days compared with."""
        return self.state.base(self.today)

    @cached_property
    def currency(self) -> Currency:
        """The one currency of every figure shown."""
        return self.names.reach(self.state.company)[1]

    @cached_property
    def selection(self) -> Selection:
        """The sales that are meant."""
        filters: dict[str, Ids] = {
            kind: ids for kind, ids in self.state.filters.items() if kind in self.filters
        }
        if "category" in filters:
            whole = set().union(*(self.names.below(i) for i in self.state.category))
            filters["category"] = tuple(sorted(whole))
        companies, _ = self.names.reach(self.state.company)
        one = self.state.category[0] if len(self.state.category) == 1 else None
        return Selection(self.period, self.base, companies, filters, self.tax, one)

    @cached_property
    def grain(self) -> Grain:
        """How trends are cut."""
        return trend_grain(self.state.grain, self.period)

    @cached_property
    def buckets(self) -> Mapping[Period, bool]:
        """The buckets of a trend in order, each with whether any day of it is loaded."""
        loaded = self.coverage.loaded
        return {
            bucket: not loaded.isdisjoint(days_between(bucket.first, bucket.last))
            for bucket in buckets(self.period, self.grain)
        }

    @cached_property
    def coverage(self) -> Coverage:
        """What is loaded of the period."""
        return self._coverage(self.period)

    @cached_property
    def base_coverage(self) -> Coverage | None:
        """What is loaded of the base."""
        return self._coverage(self.base) if self.base else None

    @property
    def comparable(self) -> bool:
        """The base is wholly loaded; a base with holes would make growth out of missing data."""
        return self.base_coverage is not None and self.base_coverage.complete

    def _coverage(self, period: Period) -> Coverage:
        loaded = self.session.once(f"loaded {self.fact}", partial(_loaded, self.fact))
        days = {
            day: loaded[day] for day in days_between(period.first, period.last) if day in loaded
        }
        return Coverage(
            period,
            frozenset(days),
            frozenset(day for day, (rows, _) in days.items() if rows == 0),
            max((as_of for _, as_of in days.values() if as_of), default=None),
        )

    def t(self, key: str, **values: object) -> str:
        """A text in the reader's language."""
        return self.texts(key, **values)

    def href(self, state: State, path: str | None = None) -> str:
        """The link to a state of this page, or of another."""
        return (path or self.path) + state.search

    def value(self, kpi: Kpi, number: Any, *, short: bool = False) -> str:
        """A figure of ``kpi`` as it reads; an en dash where there is none."""
        match kpi.unit:
            case Unit.DAYS:
                known = number is not None
                return self.t("unit.days", count=fmt.count(number, 1)) if known else fmt.NO_FIGURE
            case Unit.DATE if number is not None:
                return self.day(number)
            case _:
                return fmt.figure(kpi.unit, number, self.currency, short=short)

    def day(self, value: date) -> str:
        """A date as it reads."""
        return fmt.day(value, self.t("months"))

    def days(self, period: Period) -> str:
        """A range as it reads."""
        return fmt.days(period.first, period.last, self.t("months"))

    def moment(self, utc: datetime | None) -> str:
        """A naive UTC instant as it reads in the business zone."""
        if utc is None:
            return fmt.NO_FIGURE
        local = utc.replace(tzinfo=UTC).astimezone(self.settings.zone)
        return fmt.moment(local, self.t("months"))

    def label(self, kind: str, record: int | str | None) -> str:
        """The name of a store, brand, …; words where there is none."""
        if record is None:
            return self.t(f"none.{kind}")
        if isinstance(record, str):
            return self.t(f"{kind}.{record}")
        if kind == "weekday":
            return self.t("weekdays").split()[record - 1]
        if kind == "hour":
            return f"{record:02d}:00"
        self.look_up(kind, (record,))
        kept = self.names.names.get(kind, {})
        return kept.get(record) or self._found.get((kind, record), f"#{record}")

    @cached_property
    def _found(self) -> dict[tuple[str, int], str]:
        return {}

    def look_up(self, kind: str, records: Iterable[int | str | None]) -> None:
        """Have the names of records that are too many to be kept, so that ``label`` need not ask
        for each."""
        kept = self.names.names.get(kind, {})
        # Vendors of goods are kept; those who bill only services are partners like customers.
        if kept and kind != "vendor":
            return
        new = {i for i in records if isinstance(i, int) and i not in kept}
        new -= {i for of, i in self._found if of == kind}
        if new:
            asked = queries.names("customer" if kind == "vendor" else kind, tuple(sorted(new)))
            rows = self.session.frame(asked).to_dicts()
            self._found.update({(kind, i): f"#{i}" for i in new})
            self._found.update({(kind, row["id"]): row["name"] for row in rows})


@contextmanager
def open_context(
    settings: Settings,
    data: Data,
    texts: Texts,
    path: str,
    state: State,
    usual_tax: TaxBasis = TaxBasis.IN,
    filters: Sequence[str] = ALL_FILTERS,
) -> Iterator[Context]:
    """A context on the newest version. Raises WarehouseError where there is none to read."""
    with data.session() as session:
        names = session.once("dimensions", dimensions.load)
        yield Context(
            settings,
            session,
            texts,
            path,
            known(state, names),
            today(settings),
            names,
            usual_tax,
            filters=filters,
        )


def _loaded(fact: str, session: Session) -> dict[date, tuple[int, datetime | None]]:
    frame = session.frame(queries.coverage(fact))
    return {day: (rows, as_of) for day, rows, as_of in frame.iter_rows()}


def known(state: State, names: Dimensions) -> State:
    """``state`` without filters on records that do not exist, each reported as a problem."""
    changes: dict[str, object] = {}
    problems = list(state.problems)
    if state.company is not None and state.company not in names.companies:
        changes["company"] = None
        problems.append(Problem("company", str(state.company)))
    for key, ids in state.filters.items():
        if key not in names.names:
            continue
        kept = tuple(i for i in ids if i in names.names[key])
        problems += [Problem(key, str(i)) for i in ids if i not in names.names[key]]
        if kept != ids:
            changes[key] = kept
    return replace(state, **changes, problems=tuple(problems)) if changes else state  # type: ignore[arg-type]
