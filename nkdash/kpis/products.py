"""Products: how many sell, what each brings in, and how much hangs on the best of them."""

from nkdash.kpis import flow, sales
from nkdash.kpis.model import COLUMNS, Basis, Family, Good, Kpi, KpiError, Query, Unit, ratio
from nkdash.kpis.selection import ALL_FILTERS, Selection, period_params, periods, sql

DIMENSIONS = {
    name: sales.DIMENSIONS[name]
    for name in ("company", "store", "root_category", "category", "brand", "principal")
}
SOLD = "count(*) FILTER (items > 0)"
NOTHING_SOLD = "No product was sold."
KPIS = (
    Kpi(
        "products_sold",
        "Products sold",
        "Different products of which something was sold; free items and services count too.",
        "products with items sold > 0",
        SOLD,
        Unit.COUNT,
        Good.UP,
        Basis.NONE,
        additive=False,
    ),
    Kpi(
        "revenue_per_product",
        "Revenue per product",
        "Net revenue for each product of which something was sold.",
        "net revenue / products sold",
        ratio("sum({revenue})", SOLD),
        Unit.MONEY,
        Good.UP,
        Basis.CHOSEN,
        additive=False,
        none=NOTHING_SOLD,
    ),
    Kpi(
        "items_per_product",
        "Items per product",
        "Items sold for each product of which something was sold.",
        "items sold / products sold",
        ratio("sum(items)", SOLD),
        Unit.DECIMAL,
        Good.UP,
        Basis.NONE,
        additive=False,
        none=NOTHING_SOLD,
    ),
    Kpi(
        "top_products_share",
        "Share of the top 20%",
        "The part of net revenue that the best-selling fifth of the products brings in, by "
        "revenue; a part of a product counts as one more. The higher, the more hangs on a few.",
        "net revenue of the first 20 % of the products sold / net revenue of all products",
        ratio("sum({revenue}) FILTER (place <= ceil(0.2 * products))", "sum({revenue})"),
        Unit.RATIO,
        Good.NEITHER,
        Basis.CHOSEN,
        additive=False,
        none=NOTHING_SOLD,
    ),
)


def measure(selection: Selection, kpis: tuple[Kpi, ...], by: tuple[str, ...]) -> Query:
    """See Family.measure. Raises KpiError."""
    if unknown := [name for name in by if name not in DIMENSIONS]:
        raise KpiError(
            f"{kpis[0].name} cannot be told by {', '.join(unknown)}; "
            f"it can by {', '.join(DIMENSIONS)}"
        )
    source, params = sales.rows(selection, (), (*by, "product"))
    text = sql("products/measure").format(
        periods=periods(selection),
        source=source,
        dimensions="".join(f"\n        {flow.dimension(n, DIMENSIONS)} AS {n}," for n in by),
        slice=", ".join(("period", *by)),
        same_slice=" AND ".join(f"c.{n} IS NOT DISTINCT FROM r.{n}" for n in ("period", *by)),
        **COLUMNS[selection.tax],
        kpis=flow.select_list(kpis, selection.tax),
    )
    return Query(text, {**params, **period_params(selection)})


def family() -> Family:
    """The family of products."""
    return Family(
        name="products",
        title="Products",
        kpis=KPIS,
        by=(*DIMENSIONS,),
        filters=ALL_FILTERS,
        measure=measure,
    )
