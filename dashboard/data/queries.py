"""What every page asks beside its KPIs, and how SQL files are read.

KPIs are asked for by ``nkdash.kpis.registry``; a page's own questions lie in a module beside this.
"""

from datetime import date
from functools import cache
from importlib.resources import files

from nkdash.kpis.model import Query


def coverage(fact: str) -> Query:
    """One row a loaded day of a fact: date, rows (0: nothing happened), as_of (UTC)."""
    return Query(sql("coverage"), {"fact": fact})


def names(kind: str, ids: tuple[int, ...]) -> Query:
    """id and name of products or customers, which are too many to keep."""
    return Query(sql(f"{kind}_names"), {"ids": ids})


def freshness(today: date) -> Query:
    """One row: version, published_at (UTC), first_day, last_day, last_complete_day, as_of (UTC)."""
    return Query(sql("freshness"), {"today": today})


def held_days() -> Query:
    """Every day of every dataset that the warehouse knows of: rows, as-of (UTC), verdict."""
    return Query(sql("held_days"), {})


def verdicts(dataset: str, day: date) -> Query:
    """The figures of a day's last reconciliation with Odoo."""
    return Query(sql("verdicts"), {"dataset": dataset, "day": day})


def columns_of(table: str) -> Query:
    """The columns of a table (column_name); no rows where this warehouse has no such table."""
    return Query(sql("columns_of"), {"table": table})


def restatements() -> Query:
    """The newest changes of past days; ask ``columns_of`` first whether there is such a table."""
    return Query(sql("restatements"), {})


@cache
def sql(name: str) -> str:
    """The text of ``sql/<name>.sql`` beside this file."""
    return files("dashboard.data").joinpath(f"sql/{name}.sql").read_text(encoding="utf-8")
