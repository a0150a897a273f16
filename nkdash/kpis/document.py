"""docs/kpis.md: every KPI as it is defined, in Markdown."""

from collections.abc import Iterable, Mapping

from nkdash.kpis.flow import CALENDAR
from nkdash.kpis.model import COLUMNS, Basis, Family, Good, Kpi, TaxBasis, Unit
from nkdash.kpis.registry import families

_HEAD = """# KPIs

Made by `nkdash dictionary --kpis`; do not edit. Pages, tooltips, exports, the daily digest and
`nkdash kpi NAME` use these definitions and no other. Day ranges are inclusive business days; money
is in company currency, and figures of different currencies are never added.

*SQL* is an aggregate over the family's rows; `{revenue}` and the like stand for the column of the
tax basis asked for:

"""
_UNITS = {
    Unit.MONEY: "money, company currency",
    Unit.COUNT: "number",
    Unit.DECIMAL: "number with decimals",
    Unit.RATIO: "ratio, shown as a percentage",
    Unit.DAYS: "days",
    Unit.DATE: "business day",
}
_GOOD = {Good.UP: "more", Good.DOWN: "less", Good.NEITHER: "neither"}
_BASIS = {
    Basis.CHOSEN: "as asked for: with or without tax",
    Basis.TAX_IN: "with tax",
    Basis.TAX_EX: "without tax",
    Basis.NONE: "none",
}


def document() -> str:
    """The whole text: families by name, each with its KPIs in order."""
    return _HEAD + _columns() + "".join(map(_family, families().values()))


def _columns() -> str:
    rows = [
        (f"`{{{name}}}`", *(f"`{COLUMNS[t][name]}`" for t in TaxBasis))
        for name in COLUMNS[TaxBasis.IN]
    ]
    return _table(("in the SQL", "with tax", "without tax"), rows) + "\n"


def _family(family: Family) -> str:
    by = [
        *[name for name in CALENDAR if name in family.by],
        *[name for name in family.by if name not in CALENDAR],
    ]
    told = [
        f"- By: {_names(by)}",
        f"- Filters: {_names(('company', *family.filters))}",
        f"- Trend by day, week or month: {'yes' if family.trend else 'no'}",
    ]
    head = f"## {family.title}\n\n" + "\n".join(told) + "\n\n"
    return head + "".join(map(_kpi, family.kpis))


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _kpi(kpi: Kpi) -> str:
    facts: Mapping[str, str] = {
        "Formula": kpi.formula,
        "SQL": f"`{kpi.sql}`",
        "Unit": _UNITS[kpi.unit],
        "Tax": _BASIS[kpi.basis],
        "Better": _GOOD[kpi.good],
        "Slices add up": "yes" if kpi.additive else "no",
        "No figure": kpi.none,
    }
    lines = "\n".join(f"- {name}: {text}" for name, text in facts.items())
    return f"### {kpi.title} (`{kpi.name}`)\n\n{kpi.words}\n\n{lines}\n\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
