"""What the Purchases page asks beside its KPIs."""

from dashboard.data.queries import sql
from nkdash.kpis.model import Query
from nkdash.kpis.purchases import where
from nkdash.kpis.registry import measure
from nkdash.kpis.selection import Selection

OF_VENDORS = (
    "spend",
    "bills",
    "products_bought",
    "units_bought",
    "cost_change",
    "cost_change_value",
    "vendor_returns",
    "free_goods_value",
)


def cost_changes(selection: Selection) -> Query:
    """One row a bill line whose unit cost is not that of the bill before."""
    condition, params = where(selection.now)
    return Query(sql("purchases/cost_changes").format(where=condition), params)


def cost_history(line: int, companies: tuple[int, ...]) -> Query:
    """The bills that set the cost of a bill line's product, the newest first; up to its own."""
    return Query(sql("purchases/cost_history"), {"line": line, "companies": companies})


def bills(selection: Selection) -> Query:
    """One row a document, of its lines that fit the filters."""
    condition, params = where(selection.now)
    return Query(sql("purchases/bills").format(where=condition), params)


def bill_lines(move: int, companies: tuple[int, ...]) -> Query:
    """Every line of one document, with the change of its unit cost."""
    return Query(sql("purchases/bill_lines"), {"move": move, "companies": companies})


def vendors(selection: Selection) -> Query:
    """One row a vendor: his KPIs of the period, and his share of the spend."""
    measured = measure(OF_VENDORS, selection.now, ("vendor",))
    shares = measure(("vendor_share",), selection.now, ("vendor",))
    text = sql("purchases/vendors").format(measured=measured.sql, shares=shares.sql)
    return Query(text, {**measured.params, **shares.params})


def dependency(selection: Selection, kind: str) -> Query:
    """One row a brand or category, highest spend first: its largest vendor and his share."""
    shares = measure(("vendor_share",), selection.now, (kind, "vendor"))
    spends = measure(("spend",), selection.now, (kind,))
    text = sql("purchases/dependency").format(kind=kind, shares=shares.sql, spends=spends.sql)
    return Query(text, {**shares.params, **spends.params})
