"""Profit worked out again in plain Python: costs as of the day from the bills, line by line."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl
import pytest

from nkdash.kpis import profit
from nkdash.kpis.gmroi import year_to
from nkdash.kpis.model import KpiError, Query, TaxBasis
from nkdash.kpis.periods import Grain, Period
from nkdash.kpis.registry import measure, trend
from nkdash.kpis.selection import Ids, Selection
from nkdash.warehouse import Warehouse
from nkdash_tests.dashboard.goods import CONSULTING_COSTED
from nkdash_tests.dashboard.shop import BRANDS, CATEGORIES, PRODUCTS, Shop, make_shop, publish_shop

PERIOD = Period(date(2026, 9, 25), date(2026, 11, 22))
NAMES = tuple(kpi.name for kpi in profit.KPIS)
ADDITIVE = tuple(kpi.name for kpi in profit.KPIS if kpi.additive)
BOTH = pytest.mark.parametrize("tax", TaxBasis)
FILTERS: list[dict[str, Ids]] = [
    {},
    {"store": (2,)},
    {"source": ("invoice",)},
    {"category": (3, 4)},
    {"brand": (2,)},
    {"principal": (91,), "store": (1, 2)},
    {"vendor": (91,)},
    {"vendor": (92,), "store": (1,)},
    {"product": (1, 5)},
    {"cashier": (1,)},
    {"customer": (11,), "brand": (1,)},
    {"method": (2,)},
]
Line = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """The retailer, and its published warehouse."""

    shop: Shop
    warehouse: Warehouse

    def ask(self, query: Query) -> pl.DataFrame:
        """The rows of a query."""
        with self.warehouse.cursor() as cursor:
            return pl.DataFrame(cursor.sql(query.sql, params=query.values))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A published retailer."""
    shop = make_shop()
    warehouse = Warehouse(publish_shop(tmp_path_factory.mktemp("lake"), shop).warehouse_dir)
    yield Told(shop, warehouse)
    warehouse.close()


def selected(
    filters: dict[str, Ids], tax: TaxBasis = TaxBasis.EX, period: Period = PERIOD
) -> Selection:
    return Selection(period, None, (1,), filters, tax)


def bills(shop: Shop) -> list[Line]:
    """Lines of bills that set a cost."""
    return [
        r
        for r in shop.purchases.to_dicts()
        if r["product_id"] and not r["is_refund"] and not r["is_free_item"]
    ]


def unit_costs(shop: Shop, column: str) -> Callable[[Line], float | None]:
    """The unit cost as of a line's day: of its last bill day the highest bill, its mean."""
    found: dict[tuple[int, int], dict[tuple[date, int], list[Line]]] = defaultdict(dict)
    for row in bills(shop):
        key = (row["company_id"], row["product_id"])
        found[key].setdefault((row["date"], row["move_id"]), []).append(row)

    def cost(line: Line) -> float | None:
        of_product = found.get((line["company_id"], line["product_id"]), {})
        before = [bill for bill in of_product if bill[0] <= line["date"]]
        if not before:
            return None
        rows = of_product[max(before)]
        units = sum(float(r["quantity"]) for r in rows)
        return sum(float(r[column]) * float(r["quantity"]) for r in rows) / units

    return cost


def newest_vendor(shop: Shop) -> dict[int, int]:
    newest = sorted(bills(shop), key=lambda r: (r["date"], r["move_id"]))
    return {r["product_id"]: r["vendor_id"] for r in newest if r["company_id"] == 1}


def lines_of(told: Told, selection: Selection) -> list[Line]:
    """The lines that a selection means, each with its cost and profit or None."""
    shop, filters = told.shop, selection.filters
    ex = selection.tax is TaxBasis.EX
    unit = unit_costs(shop, "cost_unit_tax_ex" if ex else "cost_unit_tax_in")
    vendor = newest_vendor(shop)
    methods = filters.get("method", ())
    paid = {r["order_id"] for r in shop.payments.to_dicts() if r["payment_method_id"] in methods}
    found = []
    for line in shop.sold.to_dicts():
        product = PRODUCTS[line["product_id"]]
        of = {
            "store": line["pos_config_id"],
            "source": "pos" if line["order_id"] > 0 else "invoice",
            "category": product[1],
            "brand": product[2],
            "principal": BRANDS[product[2]][1] if product[2] else None,
            "vendor": vendor.get(line["product_id"]),
            "product": line["product_id"],
            "cashier": line["cashier_id"],
            "customer": line["customer_id"],
        }
        meant = all(
            line["order_id"] in paid if kind == "method" else of[kind] in ids
            for kind, ids in filters.items()
        )
        inside = selection.period.first <= line["date"] <= selection.period.last
        if meant and inside and line["company_id"] in selection.companies:
            cost = unit(line)
            revenue = float(line["net_tax_ex"] if ex else line["revenue_tax_in"])
            cogs = None if cost is None else cost * float(line["quantity"])
            found.append({**line, **of, "revenue": revenue, "cost": cogs})
    return found


def by_hand(lines: list[Line]) -> dict[str, float | None]:
    """Every KPI by its definition in words."""
    costed = [r for r in lines if r["cost"] is not None]
    revenue = sum(r["revenue"] for r in lines)
    with_cost = sum(r["revenue"] for r in costed)
    cogs = sum(r["cost"] for r in costed) if costed else None
    earned = None if cogs is None else with_cost - cogs
    return {
        "gross_profit": earned,
        "gross_margin": earned / with_cost if earned is not None and with_cost else None,
        "cogs": cogs,
        "costed_revenue": with_cost,
        "uncosted_revenue": revenue - with_cost,
        "cost_coverage": with_cost / revenue if revenue else None,
    }


@BOTH
@pytest.mark.parametrize("filters", FILTERS)
def test_every_kpi_is_what_its_words_say(
    told: Told, filters: dict[str, Ids], tax: TaxBasis
) -> None:
    selection = selected(filters, tax)
    lines = lines_of(told, selection)
    assert lines
    [found] = told.ask(measure(NAMES, selection)).to_dicts()
    for name, value in by_hand(lines).items():
        if value is None:
            assert found[name] is None, name
        else:
            # Cost is rounded line by line.
            assert float(found[name]) == pytest.approx(value, rel=1e-6, abs=0.01 * len(lines))


@BOTH
@pytest.mark.parametrize("filters", FILTERS)
def test_slices_add_up_and_coverage_with_its_rest_is_one(
    told: Told, filters: dict[str, Ids], tax: TaxBasis
) -> None:
    selection = selected(filters, tax)
    [total] = told.ask(measure(NAMES, selection)).to_dicts()
    for by in ("day", "week", "month", *profit.DIMENSIONS):
        parts = told.ask(measure(ADDITIVE, selection, (by,)))
        assert parts.height >= 1
        for name in ADDITIVE:
            assert parts.get_column(name).sum() == (total[name] or 0), (by, name)
    days = told.ask(trend(ADDITIVE, selection, Grain.DAY)).filter(~pl.col("is_total"))
    assert days.get_column("gross_profit").sum() == (total["gross_profit"] or 0)
    revenue = float(total["costed_revenue"] + total["uncosted_revenue"])
    rest = float(total["uncosted_revenue"]) / revenue
    assert total["cost_coverage"] + rest == pytest.approx(1)


def root(category: int) -> int:
    """The category below 'All' that holds it."""
    parent = CATEGORIES[category][1]
    return category if parent in (None, 1) else root(parent)


@pytest.mark.parametrize("by", ["store", "product", "root_category", "vendor"])
def test_a_slice_is_what_its_own_filter_gives(told: Told, by: str) -> None:
    kind = {"root_category": "category"}.get(by, by)
    frame = told.ask(measure(NAMES, selected({}), (by,)))
    for row in frame.filter(pl.col(by).is_not_null()).to_dicts():
        own: tuple[int, ...] = (row[by],)
        if by == "root_category":
            own = tuple(i for i in CATEGORIES if root(i) == row[by])
        [alone] = told.ask(measure(NAMES, selected({kind: own}))).to_dicts()
        assert {n: row[n] for n in NAMES} == {n: alone[n] for n in NAMES}, row[by]


def test_without_any_cost_there_is_no_margin_and_never_a_zero(told: Told) -> None:
    before = Period(PERIOD.first, CONSULTING_COSTED - timedelta(days=1))
    [row] = told.ask(measure(NAMES, selected({"product": (5,)}, period=before))).to_dicts()
    assert row["cogs"] is row["gross_profit"] is row["gross_margin"] is None
    assert row["cost_coverage"] == row["costed_revenue"] == 0
    assert row["uncosted_revenue"] > 0


def test_a_selection_without_sales_has_no_row(told: Told) -> None:
    nothing = selected({}, period=Period(date(2026, 11, 5), date(2026, 11, 5)))
    assert told.ask(measure(NAMES, nothing, ("store",))).is_empty()


def test_what_it_cannot_be_told_by_is_said(told: Told) -> None:
    with pytest.raises(KpiError, match="hour"):
        measure(("gross_profit",), selected({}), ("hour",))
    with pytest.raises(KpiError, match="store"):
        measure(("gmroi",), selected({}), ("store",))


# GMROI: a year of the same profit a day and the same stock at every month's end.
LAST = date(2028, 2, 29)
STOCK = {1: 600.0, 2: 300.0}
AMOUNTS = (
    "revenue_tax_in",
    "net_tax_ex",
    "costed_revenue_tax_in",
    "costed_net_tax_ex",
    "cogs_tax_in",
    "cogs_tax_ex",
    "gross_profit_tax_in",
)


@pytest.fixture
def stocked() -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables that GMROI reads, with 13 month-ends and 400 days of two products."""
    days = [LAST - timedelta(days=n) for n in range(400)]
    ends = [d for d in days if (d + timedelta(days=1)).day == 1]
    sold = pl.DataFrame(
        [
            {
                "date": day,
                "company_id": 1,
                "product_id": product,
                "items": Decimal(1),
                "returned_units": Decimal(0),
                "brand_id": 7 if product == 2 else None,
                **dict.fromkeys(AMOUNTS, Decimal(0)),
                "gross_profit_tax_ex": Decimal(product),
            }
            for day in days
            for product in (1, 2)
        ]
    )
    held = pl.DataFrame(
        [
            {"date": day, "company_id": 1, "product_id": p, "value_tax_ex": value}
            for day in ends
            for p, value in STOCK.items()
        ]
    )
    tables = {
        "agg_sales_product_daily": sold.drop("brand_id"),
        "agg_profit_daily": sold,
        "agg_profit_category_daily": sold,
        "stock_month_ends": held,
        "stock_month_sources": pl.DataFrame({"date": ends}),
        "data_coverage": pl.DataFrame(
            {"fact_table": "fact_sales", "date": days, "fact_rows": 1},
        ),
        "dim_products": pl.DataFrame(
            {
                "product_id": [1, 2],
                "category_id": [1, 2],
                "root_category_id": [1, 1],
                "brand_id": [None, 7],
                "principal_id": [None, 9],
            }
        ),
        "product_vendors": pl.DataFrame(
            {"company_id": [1, 1], "product_id": [1, 2], "vendor_id": [5, 6]}
        ),
    }
    with duckdb.connect() as connection:
        for name, frame in tables.items():
            connection.register("made", frame)
            connection.execute(f"CREATE TABLE {name} AS FROM made")
        yield connection


def returns(
    connection: duckdb.DuckDBPyConnection, last: date, by: tuple[str, ...] = (), **filters: Ids
) -> dict[Any, float]:
    period = Period(last - timedelta(days=6), last)
    query = measure(("gmroi",), Selection(period, None, (1,), filters), by)
    rows = connection.execute(query.sql, query.values).fetchall()
    return {row[1] if by else None: row[-1] for row in rows}


def test_gmroi_is_a_year_of_profit_over_the_average_stock(
    stocked: duckdb.DuckDBPyConnection,
) -> None:
    year = year_to(LAST).days
    assert year == 366
    assert returns(stocked, LAST)[None] == pytest.approx(3 * year / 900)
    by_product = {1: year / 600, 2: 2 * year / 300}
    assert returns(stocked, LAST, ("product",)) == pytest.approx(by_product)
    assert returns(stocked, LAST, ("vendor",)) == pytest.approx({5: year / 600, 6: 2 * year / 300})
    assert returns(stocked, LAST, brand=(7,)) == pytest.approx({None: 2 * year / 300})
    # Stores have no stock of their own, so a store is no filter here.
    assert returns(stocked, LAST, store=(1,)) == returns(stocked, LAST)


def test_gmroi_of_less_than_a_year_is_not_told(stocked: duckdb.DuckDBPyConnection) -> None:
    assert returns(stocked, LAST - timedelta(days=60)) == {}
    stocked.execute("DELETE FROM stock_month_sources WHERE date = '2027-12-31'")
    assert returns(stocked, LAST) == {}


def test_a_year_ends_with_its_day_in_leap_years_too() -> None:
    assert year_to(date(2026, 11, 22)) == Period(date(2025, 11, 23), date(2026, 11, 22))
    assert year_to(LAST) == Period(date(2027, 3, 1), LAST)
