"""Which figures are meant: days, companies, filters, tax basis; and the SQL conditions for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

from nkdash.kpis.model import TaxBasis
from nkdash.kpis.periods import Period

FILTERS = (
    "store",
    "category",
    "brand",
    "principal",
    "vendor",
    "cashier",
    "method",
    "product",
    "customer",
    "source",
)
"""Filters by record id, and ``source`` by name (pos, invoice)."""
SALES_FILTERS = ("salesperson", "weekday", "hour")
"""Filters that sales and payments alone know: salespeople, weekdays (1 is Monday) and hours."""
ALL_FILTERS = (*FILTERS, *SALES_FILTERS)

Ids = tuple[int, ...] | tuple[str, ...]


@dataclass(frozen=True)
class Selection:
    """``filters`` holds ids by kind; a category comes with all below it, and ``category`` is that
    one where only one was chosen. ``companies`` share one currency.
    """

    period: Period
    base: Period | None
    companies: tuple[int, ...]
    filters: Mapping[str, Ids] = field(default_factory=dict, hash=False)
    tax: TaxBasis = TaxBasis.IN
    category: int | None = None

    @property
    def now(self) -> "Selection":
        """Without its base."""
        return replace(self, base=None)

    def has(self, *kinds: str) -> bool:
        """Some filter of these kinds is set."""
        return any(kind in self.filters for kind in kinds)


def conditions(
    selection: Selection, columns: Mapping[str, str], *, alias: str = "s"
) -> tuple[list[str], dict[str, Any]]:
    """Terms on ``alias`` for days, companies and the filters that ``columns`` (filter to SQL
    column) names, and their parameters.

    They span the days of the base too; a join with the periods then parts the two.
    """
    low = min(p.first for p in (selection.period, selection.base) if p)
    high = max(p.last for p in (selection.period, selection.base) if p)
    terms = [
        f"{alias}.date BETWEEN $from_day AND $to_day",
        f"{alias}.company_id = ANY($companies)",
    ]
    params: dict[str, Any] = {
        "from_day": low,
        "to_day": high,
        "companies": selection.companies,
    }
    for kind, ids in selection.filters.items():
        if kind in columns:
            terms.append(f"{columns[kind]} = ANY(${kind})")
            params[kind] = ids
    return terms, params


def all_of(terms: list[str]) -> str:
    """Terms of a WHERE, joined."""
    return "\n    AND ".join(terms)


def periods(selection: Selection) -> str:
    """A CTE ``periods`` with a row for 'now' and one for 'base': first, last, shift in days."""
    base = ", ('base', $base_first, $base_last, $shift)" if selection.base else ""
    return sql("periods").format(base=base)


def period_params(selection: Selection) -> dict[str, Any]:
    """The parameters of ``periods``."""
    params: dict[str, Any] = {"first": selection.period.first, "last": selection.period.last}
    if selection.base:
        params |= {
            "base_first": selection.base.first,
            "base_last": selection.base.last,
            "shift": (selection.period.first - selection.base.first).days,
        }
    return params


@cache
def sql(name: str) -> str:
    """The text of ``sql/<name>.sql`` beside this file."""
    return files("nkdash.kpis").joinpath(f"sql/{name}.sql").read_text(encoding="utf-8").strip()
