"""The dashboard's questions, each a Query built from what the page shows.

The cheapest source that knows the filters is taken: day x store, else transactions, else lines.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from dashboard.data.session import Query
from dashboard.kpis import REVENUE, select_list
from dashboard.periods import Grain, Period
from dashboard.state import TaxBasis

PRODUCT_FILTERS = {
    "category": "category_id",
    "brand": "brand_id",
    "principal": "principal_id",
    "product": "product_id",
}
TRANSACTION_FILTERS = {"cashier": "cashier_id", "customer": "customer_id"}
BREAKDOWNS = {"store": "pos_config_id", "cashier": "cashier_id"}
PRODUCT_BREAKDOWNS = {
    "category": "category_id",
    "root_category": "root_category_id",
    "brand": "brand_id",
    "principal": "principal_id",
}


@dataclass(frozen=True)
class Selection:
    """Which sales are meant. ``filters`` holds ids by kind; a category comes with all below it."""

    period: Period
    base: Period | None
    companies: tuple[int, ...]
    filters: Mapping[str, tuple[int, ...]]
    tax: TaxBasis

    @property
    def by_product(self) -> bool:
        """Some filter is about products: only lines know those."""
        return any(key in self.filters for key in PRODUCT_FILTERS)

    @property
    def by_transaction(self) -> bool:
        """Some filter is about transactions, which the daily aggregate does not know."""
        return "method" in self.filters or any(k in self.filters for k in TRANSACTION_FILTERS)


def trend(selection: Selection, kpis: tuple[str, ...], grain: Grain) -> Query:
    """KPIs by period ('now', 'base') and bucket (first day of day, week or month, clipped).

    A row with is_total has the KPIs of the whole period; base buckets lie on the current days.
    """
    source, params = _source(selection)
    sql = _sql("trend").format(
        periods=_periods(selection), source=source, kpis=select_list(kpis, selection.tax)
    )
    return Query(sql, {**params, **_period_params(selection), "grain": grain.value})


def breakdown(selection: Selection, by: str, kpis: tuple[str, ...]) -> Query:
    """KPIs by period and id of ``by`` (store, cashier); id null where the sale has none."""
    source, params = _source(selection, transactions=by == "cashier")
    sql = _sql("breakdown").format(
        periods=_periods(selection),
        source=source,
        key=BREAKDOWNS[by],
        kpis=select_list(kpis, selection.tax),
    )
    return Query(sql, {**params, **_period_params(selection)})


def product_breakdown(selection: Selection, by: str, kpis: tuple[str, ...]) -> Query:
    """KPIs by period and id of ``by`` (category, root_category, brand, principal).

    Only KPIs that need no transactions: one with two categories would count twice.
    """
    aggregated = not selection.by_transaction and "product" not in selection.filters
    where, params = _where(selection, product="s" if aggregated else "p")
    sql = _sql("category_breakdown" if aggregated else "product_breakdown").format(
        periods=_periods(selection),
        key=PRODUCT_BREAKDOWNS[by],
        where=where,
        line_measures=_sql("line_measures").strip(),
        kpis=select_list(kpis, selection.tax),
    )
    return Query(sql, {**params, **_period_params(selection)})


def payments(selection: Selection) -> Query:
    """Amount (change netted) and transactions by period and payment method."""
    where, params = _where(selection, payments=True)
    sql = _sql("payments").format(periods=_periods(selection), where=where)
    return Query(sql, {**params, **_period_params(selection)})


def heatmap(selection: Selection) -> Query:
    """By weekday (1 Monday) and hour: revenue and transactions an *open* store-hour."""
    now = _now(selection)
    finest = now.by_product or now.by_transaction
    source, params = _source(now, hours=not finest)
    of_stores = Selection(
        now.period,
        None,
        now.companies,
        {k: v for k, v in now.filters.items() if k == "store"},
        now.tax,
    )
    store_where, store_params = _where(of_stores)
    sql = _sql("heatmap").format(source=source, store_where=store_where, revenue=REVENUE[now.tax])
    return Query(sql, {**params, **store_params})


def products(selection: Selection) -> Query:
    """One row a product sold in the period, with its money, units and share of revenue."""
    where, params = _where(_now(selection), product="p")
    return Query(_sql("products").format(where=where, revenue=REVENUE[selection.tax]), params)


def transactions(selection: Selection) -> Query:
    """One row a transaction of the period."""
    where, params = _where(_now(selection), product="")
    return Query(_sql("transactions").format(where=where, revenue=REVENUE[selection.tax]), params)


def transaction_lines(transaction: str, companies: tuple[int, ...]) -> Query:
    """The lines of one transaction."""
    return Query(_sql("transaction_lines"), {"transaction": transaction, "companies": companies})


def coverage() -> Query:
    """One row a loaded day: date, rows (0: no sales), as_of (UTC)."""
    return Query(_sql("coverage"), {})


def names(kind: str, ids: tuple[int, ...]) -> Query:
    """id and name of products or customers, which are too many to keep."""
    return Query(_sql(f"{kind}_names"), {"ids": ids})


def freshness(today: date) -> Query:
    """One row: version, published_at (UTC), first_day, last_day, last_complete_day, as_of (UTC)."""
    return Query(_sql("freshness"), {"today": today})


def held_days() -> Query:
    """Every day of every dataset that the warehouse knows of: rows, as-of (UTC), verdict."""
    return Query(_sql("held_days"), {})


def verdicts(dataset: str, day: date) -> Query:
    """The figures of a day's last reconciliation with Odoo."""
    return Query(_sql("verdicts"), {"dataset": dataset, "day": day})


def columns_of(table: str) -> Query:
    """The columns of a table (column_name); no rows where this warehouse has no such table."""
    return Query(_sql("columns_of"), {"table": table})


def restatements() -> Query:
    """The newest changes of past days; ask ``columns_of`` first whether there is such a table."""
    return Query(_sql("restatements"), {})


def _now(selection: Selection) -> Selection:
    return Selection(selection.period, None, selection.companies, selection.filters, selection.tax)


def _source(
    selection: Selection, *, transactions: bool = False, hours: bool = False
) -> tuple[str, dict[str, Any]]:
    if selection.by_product:
        where, params = _where(selection, product="p")
        sql = _sql("source_lines").format(where=where, line_measures=_sql("line_measures").strip())
        return sql, params
    finest = transactions or selection.by_transaction
    name = "transactions" if finest else "hourly" if hours else "daily"
    where, params = _where(selection)
    return _sql(f"source_{name}").format(where=where), params


def _where(
    selection: Selection, *, product: str = "", payments: bool = False
) -> tuple[str, dict[str, Any]]:
    """Conditions on alias s (and ``product`` for product columns), and their parameters.

    They span the days of the base too; the join with the periods then parts the two.
    """
    low = min(p.first for p in (selection.period, selection.base) if p)
    high = max(p.last for p in (selection.period, selection.base) if p)
    terms = ["s.date BETWEEN $from_day AND $to_day", "s.company_id = ANY($companies)"]
    params: dict[str, Any] = {
        "from_day": low,
        "to_day": high,
        "companies": selection.companies,
    }
    columns = {"store": "s.pos_config_id"}
    columns |= {key: f"s.{column}" for key, column in TRANSACTION_FILTERS.items()}
    if payments:
        columns["method"] = "s.payment_method_id"
    if product:
        columns |= {key: f"{product}.{column}" for key, column in PRODUCT_FILTERS.items()}
    outside: list[str] = []
    for key, ids in selection.filters.items():
        params[key] = ids
        if key in columns:
            terms.append(f"{columns[key]} = ANY(${key})")
        elif key == "method":
            terms.append(_sql("paid_by").strip())
        else:
            outside.append(f"p.{PRODUCT_FILTERS[key]} = ANY(${key})")
    if outside:
        key = "order_id" if payments else "txn_key"
        holds = _sql("holds_products").strip()
        terms.append(holds.format(transaction=key, where=" AND ".join(outside)))
    return "\n    AND ".join(terms), params


def _periods(selection: Selection) -> str:
    base = ", ('base', $base_first, $base_last, $shift)" if selection.base else ""
    return _sql("periods").strip().format(base=base)


def _period_params(selection: Selection) -> dict[str, Any]:
    params: dict[str, Any] = {"first": selection.period.first, "last": selection.period.last}
    if selection.base:
        params |= {
            "base_first": selection.base.first,
            "base_last": selection.base.last,
            "shift": (selection.period.first - selection.base.first).days,
        }
    return params


@cache
def _sql(name: str) -> str:
    return files("dashboard.data").joinpath(f"sql/{name}.sql").read_text(encoding="utf-8")
