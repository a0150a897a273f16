"""Price, volume and mix: why net revenue changed against the base, product by product.

For every product with units left sold in both periods (q units, p average price; 0 is the base, 1
is now; Q is the sum of q over these products):

    price effect  = (p1 - p0) x q1             the same goods at another price
    volume effect = p0 x q0 x (Q1 / Q0 - 1)    more or fewer goods in all, in the base's proportions
    mix effect    = p0 x (q1 - q0 x Q1 / Q0)   another share of dearer or cheaper goods

They are the sales-price variance, the sales-quantity variance and the sales-mix variance of C. T.
Horngren, S. M. Datar and M. V. Rajan, Cost Accounting: A Managerial Emphasis, 15th ed., ch. 7 and
14, with the base in the place of the budget. Products of which nothing was left sold in the base
are new, those of which nothing is now are gone; vouchers and whatever else has revenue without
units is the rest. Each effect is rounded to the cent and mix takes the remainder, so that the six
add up to the change of net revenue to the cent, for each product and for all.
"""

from nkdash.kpis import flow, sales
from nkdash.kpis.model import COLUMNS, Basis, Family, Good, Kpi, KpiError, Query, Unit
from nkdash.kpis.selection import ALL_FILTERS, Selection, period_params, periods, sql

OF_PRODUCTS = ("product", "root_category", "category", "brand", "principal")
DIMENSIONS = {name: sales.DIMENSIONS[name] for name in OF_PRODUCTS}
EFFECTS = (
    "price_effect",
    "volume_effect",
    "mix_effect",
    "new_product_effect",
    "gone_product_effect",
    "other_effect",
)


def _money(name: str, title: str, words: str, formula: str) -> Kpi:
    return Kpi(
        name,
        title,
        words,
        formula,
        f"sum({name})",
        Unit.MONEY,
        Good.UP,
        Basis.CHOSEN,
        additive=True,
        none="Nothing to compare with.",
    )


KPIS = (
    _money(
        "revenue_change",
        "Change of net revenue",
        "Net revenue now less that of the days compared with.",
        "net revenue now - net revenue of the base",
    ),
    _money(
        "price_effect",
        "Price",
        "What products that sold in both periods brought in more or less because their average "
        "price changed, discounts included.",
        "(average price now - before) x net items now",
    ),
    _money(
        "volume_effect",
        "Volume",
        "What more or fewer items in all bring, had each product kept its share of the items and "
        "its price.",
        "net revenue before x (all net items now / before - 1)",
    ),
    _money(
        "mix_effect",
        "Mix",
        "What it brings that dearer or cheaper products now have another share of the items.",
        "price before x (net items now - net items before x all net items now / before)",
    ),
    _money(
        "new_product_effect",
        "New products",
        "Revenue of products that sold nothing, net of returns, in the days compared with.",
        "change of net revenue of products with net items <= 0 before and > 0 now",
    ),
    _money(
        "gone_product_effect",
        "Gone products",
        "Revenue lost with products of which nothing, net of returns, is sold any more.",
        "change of net revenue of products with net items > 0 before and <= 0 now",
    ),
    _money(
        "other_effect",
        "Vouchers and the rest",
        "Change of revenue that has no items to set a price by: vouchers, mere returns.",
        "change of net revenue of products with net items <= 0 before and now",
    ),
)


def measure(selection: Selection, kpis: tuple[Kpi, ...], by: tuple[str, ...]) -> Query:
    """See Family.measure; only rows of 'now', and none without a base. Raises KpiError."""
    if unknown := [name for name in by if name not in DIMENSIONS]:
        raise KpiError(
            f"{kpis[0].name} cannot be told by {', '.join(unknown)}; "
            f"it can by {', '.join(DIMENSIONS)}"
        )
    products, params = effects(selection)
    text = sql("price_mix/measure").format(
        products=products,
        dimensions="".join(f"\n    {_column(name)} AS {name}," for name in by),
        order=", ".join(("period", *by)),
        kpis=flow.select_list(kpis, selection.tax),
    )
    return Query(text, params)


def _column(name: str) -> str:
    return f"{'e' if name == 'product' else 'p'}.{DIMENSIONS[name]}"


def effects(selection: Selection) -> tuple[str, dict[str, object]]:
    """SQL of one row a product: product_id, revenue and net units of both periods
    (revenue_now, revenue_base, units_now, units_base), revenue_change and its six effects, in
    company currency on the basis of ``selection``; and its parameters.
    """
    source, params = sales.rows(selection, (), ("product",))
    text = sql("price_mix/products").format(
        periods=periods(selection), source=source, **COLUMNS[selection.tax]
    )
    return text, {**params, **period_params(selection), "compared": selection.base is not None}


def family() -> Family:
    """The family of price, volume and mix."""
    return Family(
        name="price_mix",
        title="Price, volume and mix",
        kpis=KPIS,
        by=OF_PRODUCTS,
        filters=ALL_FILTERS,
        measure=measure,
    )
