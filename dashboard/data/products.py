"""What the pages of products ask beside their KPIs. Company currency, units in product unit."""

from dashboard.data.queries import sql
from nkdash.kpis.model import COLUMNS, Query, TaxBasis
from nkdash.kpis.periods import Period
from nkdash.kpis.price_mix import effects
from nkdash.kpis.sales import FILED, FINE_FILTERS, where
from nkdash.kpis.selection import Selection

LISTED = {
    "category": "p.category_id = ANY($category)",
    "brand": "p.brand_id = ANY($brand)",
    "principal": "p.principal_id = ANY($principal)",
    "product": "p.product_id = ANY($product)",
    "vendor": (
        "p.product_id IN (SELECT v.product_id FROM product_vendors AS v "
        "WHERE v.vendor_id = ANY($vendor) AND v.company_id = ANY($companies))"
    ),
}
"""Which products are listed, by filter."""


def catalog(selection: Selection, coverage: float) -> Query:
    """One row a product that is active or was sold in the period: revenue, units, prices, margin.

    What was not sold has null figures; so is the margin where less of the product's revenue than
    ``coverage`` has a cost.
    """
    condition, params = where(selection.now, product="p", own=True)
    lines = selection.has(*FINE_FILTERS, "store", "source")
    source = sql("products/source_lines" if lines else "products/source_daily")
    columns = COLUMNS[selection.tax]
    listed = "".join(f" AND {term}" for kind, term in LISTED.items() if selection.has(kind))
    text = sql("products/catalog").format(
        source=source.format(where=condition, join=_filed(selection), **columns), listed=listed
    )
    return Query(text, {**params, "coverage": coverage})


def movers(selection: Selection) -> Query:
    """One row a product sold in either period: its change of net revenue and the effects in it."""
    text, params = effects(selection)
    return Query(sql("products/movers").format(effects=text), params)


def extremes(selection: Selection) -> Query:
    """Of ``movers`` the eight that gained most and the eight that lost most."""
    inner = movers(selection)
    return Query(sql("products/extremes").format(movers=inner.sql), inner.params)


def identity(product: int, companies: tuple[int, ...]) -> Query:
    """One row: names and numbers of a product as of today, first and last day sold; or no row."""
    return Query(sql("products/identity"), {"product": product, "companies": companies})


def costs(product: int, companies: tuple[int, ...], period: Period, tax: TaxBasis) -> Query:
    """Unit costs by the day from which they hold, from the one that held when the period began."""
    text = sql("products/costs").format(**COLUMNS[tax])
    return Query(text, _of(product, companies, period))


def stock(product: int, companies: tuple[int, ...], period: Period) -> Query:
    """On hand by location at the end of the period's last day."""
    params = {"product": product, "companies": companies, "day": period.last}
    return Query(sql("products/stock"), params)


def snapshots() -> Query:
    """How many stock snapshots there are; without one nothing is known of any stock."""
    return Query("SELECT count(*) AS snapshots FROM stock_snapshots", {})


def moved(product: int, companies: tuple[int, ...], period: Period) -> Query:
    """Stock moves of the period added up by why they moved."""
    return Query(sql("products/moved"), _of(product, companies, period))


def moves(product: int, companies: tuple[int, ...], period: Period) -> Query:
    """One row a stock move line of the period."""
    return Query(sql("products/moves"), _of(product, companies, period))


def vendors(product: int, companies: tuple[int, ...], period: Period) -> Query:
    """Vendors with what a unit cost on their newest bill and on the one before, tax out."""
    params = {"product": product, "companies": companies, "last": period.last}
    return Query(sql("products/vendors"), params)


def pairs(product: int, companies: tuple[int, ...]) -> Query:
    """The products most often in the same baskets, over the 12 months of mart_product_pairs."""
    return Query(sql("products/pairs"), {"product": product, "companies": companies})


def lines(selection: Selection) -> Query:
    """One row a transaction of the period with its lines of the chosen products added up."""
    condition, params = where(selection.now, product="p", own=True)
    text = sql("products/lines").format(
        where=condition, join=_filed(selection), **COLUMNS[selection.tax]
    )
    return Query(text, params)


def _filed(selection: Selection) -> str:
    # A join of a million rows that no filter asks for costs more than all the rest.
    return sql("products/filed") if selection.has(*FILED) else ""


def _of(product: int, companies: tuple[int, ...], period: Period) -> dict[str, object]:
    return {
        "product": product,
        "companies": companies,
        "first": period.first,
        "last": period.last,
    }
