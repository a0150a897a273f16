"""What the Customers page asks beside its KPIs.

Segments, cohorts and pairs are made when a version is published, of the 12 months (cohorts: of all
the lake) to the last complete day; of a selection they know companies and tax basis only.
"""

from dashboard.data.queries import sql
from nkdash.kpis.customers import receipts
from nkdash.kpis.model import COLUMNS, Query
from nkdash.kpis.selection import Selection

SEGMENTS = (
    "champions",
    "loyal",
    "potential_loyalists",
    "recent",
    "promising",
    "need_attention",
    "about_to_sleep",
    "cannot_lose",
    "at_risk",
    "hibernating",
)


def marts() -> Query:
    """One row: first and last day of the 12 months, and lake_first; null before there is one."""
    return Query(sql("customers/marts"), {})


def segments(selection: Selection) -> Query:
    """One row a segment that has customers: how many, their revenue, days since they last bought
    (average).
    """
    text = sql("customers/segments").format(**COLUMNS[selection.tax])
    return Query(text, {"companies": selection.companies})


def members(selection: Selection, segment: str) -> Query:
    """One row a customer of a segment; of all of them where it is ''."""
    of_segment = "\n    AND m.segment = $segment" if segment else ""
    text = sql("customers/members").format(of_segment=of_segment, **COLUMNS[selection.tax])
    chosen = {"segment": segment} if segment else {}
    return Query(text, {"companies": selection.companies, **chosen})


def cohorts(selection: Selection) -> Query:
    """One row a month of first purchase and month after it."""
    return Query(sql("customers/cohorts"), {"companies": selection.companies})


def top(selection: Selection) -> Query:
    """One row a known customer of the period, with what he spent in it."""
    source, params = receipts(selection.now)
    return Query(sql("customers/top").format(source=source, **COLUMNS[selection.tax]), params)


def pairs(selection: Selection) -> Query:
    """One row a pair of products that were bought together."""
    return Query(sql("customers/pairs"), {"companies": selection.companies})


def one(selection: Selection, customer: int) -> Query:
    """One row: first and last day, transactions and net revenue of a customer in all the lake."""
    text = sql("customers/one").format(**COLUMNS[selection.tax])
    return Query(text, {"companies": selection.companies, "customer": customer})
