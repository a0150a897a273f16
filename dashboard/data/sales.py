"""What the Sales page asks beside its KPIs."""

from dashboard.data.queries import sql
from nkdash.kpis.model import COLUMNS, Query
from nkdash.kpis.sales import rows, where
from nkdash.kpis.selection import Selection


def heatmap(selection: Selection) -> Query:
    """By weekday (1 Monday) and hour: revenue and transactions an *open* store-hour."""
    now = selection.now
    source, params = rows(now, (), ("hour",))
    stores = {kind: ids for kind, ids in now.filters.items() if kind == "store"}
    store_where, store_params = where(Selection(now.period, None, now.companies, stores, now.tax))
    text = sql("sales/heatmap").format(source=source, store_where=store_where, **COLUMNS[now.tax])
    return Query(text, {**params, **store_params})


def products(selection: Selection) -> Query:
    """One row a product sold in the period, with its money, units and share of revenue."""
    source, params = rows(selection.now, (), ("product",))
    return Query(sql("sales/products").format(source=source, **COLUMNS[selection.tax]), params)


def transactions(selection: Selection) -> Query:
    """One row a transaction of the period."""
    condition, params = where(selection.now, own=True)
    return Query(
        sql("sales/transactions").format(where=condition, **COLUMNS[selection.tax]), params
    )


def transaction(transaction: str, companies: tuple[int, ...]) -> Query:
    """One row: source, ids, reference, moment, store, seller and customer of a transaction."""
    return Query(sql("sales/transaction"), {"transaction": transaction, "companies": companies})


def transaction_lines(transaction: str, companies: tuple[int, ...]) -> Query:
    """The lines of one transaction."""
    return Query(
        sql("sales/transaction_lines"), {"transaction": transaction, "companies": companies}
    )
