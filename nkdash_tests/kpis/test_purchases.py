"""Purchases worked out again in plain Python from the bill lines, and slices that add up."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from dashboard.data import purchases as page
from nkdash.kpis import dependency, purchases
from nkdash.kpis.model import KpiError, Query
from nkdash.kpis.periods import Grain, Period
from nkdash.kpis.registry import measure, trend
from nkdash.kpis.selection import Ids, Selection
from nkdash.warehouse import Warehouse
from nkdash_tests.dashboard.shop import BRANDS, CATEGORIES, PRODUCTS, Shop, make_shop, publish_shop

NAMES = tuple(kpi.name for kpi in purchases.KPIS)
ADDITIVE = tuple(kpi.name for kpi in purchases.KPIS if kpi.additive)
SHARES = tuple(kpi.name for kpi in dependency.KPIS)
LAST = date(2026, 11, 22)
PERIODS = (Period(date(2026, 9, 1), LAST), Period(date(2026, 10, 1), LAST))
FILTERS: list[dict[str, Ids]] = [
    {},
    {"vendor": (91,)},
    {"brand": (2,)},
    {"category": (3, 4)},
    {"principal": (91,)},
    {"product": (1, 4)},
    {"vendor": (91, 92), "brand": (1,)},
]
WANTED = [
    (period, filters, company) for period in PERIODS for filters in FILTERS for company in (1, 2)
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
            return cursor.sql(query.sql, params=query.values).pl()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A published retailer."""
    shop = make_shop()
    warehouse = Warehouse(publish_shop(tmp_path_factory.mktemp("lake"), shop).warehouse_dir)
    yield Told(shop, warehouse)
    warehouse.close()


def select(period: Period, filters: dict[str, Ids], company: int = 1) -> Selection:
    return Selection(period, None, (company,), filters)


def lines_of(shop: Shop, period: Period, filters: dict[str, Ids], company: int) -> list[Line]:
    """The bill lines that are meant."""

    def fits(line: Line) -> bool:
        row = PRODUCTS.get(line["product_id"])
        of = {
            "vendor": line["vendor_id"],
            "product": line["product_id"],
            "category": row and row[1],
            "brand": row and row[2],
            "principal": row and row[2] and BRANDS[row[2]][1],
        }
        return all(of[kind] in ids for kind, ids in filters.items())

    return [
        line
        for line in shop.purchases.to_dicts()
        if period.first <= line["date"] <= period.last
        and line["company_id"] == company
        and fits(line)
    ]


def sets_cost(line: Line) -> bool:
    unit = line["cost_unit_tax_ex"]
    free_or_back = line["is_refund"] or line["is_free_item"]
    return bool(line["product_id"] and not free_or_back and unit and unit > 0)


def costs(shop: Shop) -> dict[tuple[int, int], dict[date, float]]:
    """What a unit cost by company and product and day: of a day the last bill, weighted."""
    of_day: dict[tuple[int, int, date], list[Line]] = defaultdict(list)
    for line in filter(sets_cost, shop.purchases.to_dicts()):
        of_day[line["company_id"], line["product_id"], line["date"]].append(line)
    found: dict[tuple[int, int], dict[date, float]] = defaultdict(dict)
    for (company, product, day), lines in of_day.items():
        last = max(line["move_id"] for line in lines)
        own = [line for line in lines if line["move_id"] == last]
        units = sum(float(line["quantity"]) for line in own)
        total = sum(float(line["quantity"]) * float(line["cost_unit_tax_ex"]) for line in own)
        found[company, product][day] = round(total / units, 6)
    return found


def known(
    history: dict[tuple[int, int], dict[date, float]], line: Line, *, before: bool
) -> float | None:
    days = [
        day
        for day in history.get((line["company_id"], line["product_id"]), {})
        if day < line["date"] or (day == line["date"] and not before)
    ]
    return history[line["company_id"], line["product_id"]][max(days)] if days else None


def by_hand(shop: Shop, lines: list[Line]) -> dict[str, float | None]:
    """Every KPI by its definition in words."""
    history = costs(shop)
    back = [line for line in lines if line["is_refund"]]
    billed = [line for line in lines if not line["is_refund"]]
    goods = [line for line in billed if line["product_id"] and line["cost_unit_tax_ex"] is not None]
    free = [line for line in lines if line["is_free_item"]]
    again = [
        (line, before)
        for line in lines
        if sets_cost(line) and (before := known(history, line, before=True)) is not None
    ]

    def total(rows: list[Line], name: str) -> Decimal:
        return sum((row[name] for row in rows), Decimal(0))

    def ratio(top: float, bottom: float) -> float | None:
        return top / bottom if bottom else None

    more = sum(
        round((float(line["cost_unit_tax_ex"]) - before) * float(line["quantity"]), 2)
        for line, before in again
    )
    was = sum(before * float(line["quantity"]) for line, before in again)
    units = float(total(goods, "quantity"))
    returned = -float(total(back, "net_tax_ex"))
    return {
        "spend": float(total(lines, "net_tax_ex")),
        "vendor_returns": returned,
        "vendor_return_rate": ratio(returned, float(total(billed, "net_tax_ex"))),
        "units_bought": units,
        "average_unit_cost": ratio(float(total(goods, "cost_tax_ex")), units),
        "cost_change": ratio(more, was),
        "cost_change_value": more,
        "free_goods_value": sum(
            round((known(history, line, before=False) or 0) * float(line["quantity"]), 2)
            for line in free
        ),
        "free_units": float(total(free, "quantity")),
        "bills": len({line["move_id"] for line in billed}),
        "vendor_refunds": len({line["move_id"] for line in back}),
        "vendors": len({line["vendor_id"] for line in billed} - {None}),
        "products_bought": len({line["product_id"] for line in goods}),
    }


@pytest.mark.parametrize(("period", "filters", "company"), WANTED)
def test_every_kpi_is_what_its_words_say(
    told: Told, period: Period, filters: dict[str, Ids], company: int
) -> None:
    lines = lines_of(told.shop, period, filters, company)
    rows = told.ask(measure(NAMES, select(period, filters, company))).to_dicts()
    if not lines:
        assert rows == []
        return
    for name, value in by_hand(told.shop, lines).items():
        found = rows[0][name]
        if value is None:
            assert found is None, name
        else:
            assert float(found) == pytest.approx(value, rel=1e-6, abs=0.05), name


def test_the_retailer_has_what_makes_figures_go_wrong(told: Told) -> None:
    found = by_hand(told.shop, lines_of(told.shop, PERIODS[0], {}, 1))
    for name in ("vendor_returns", "free_goods_value", "cost_change", "vendor_refunds"):
        assert found[name], name


@pytest.mark.parametrize("filters", FILTERS)
def test_slices_add_up_to_the_whole(told: Told, filters: dict[str, Ids]) -> None:
    chosen = select(PERIODS[0], filters)
    [whole] = told.ask(measure(ADDITIVE, chosen)).to_dicts()
    for by in ("day", "week", "month", *purchases.DIMENSIONS):
        parts = told.ask(measure(ADDITIVE, chosen, (by,)))
        for name in ADDITIVE:
            assert parts.get_column(name).sum() == whole[name], (by, name)
    for grain in (Grain.DAY, Grain.WEEK, Grain.MONTH):
        parts = told.ask(trend(ADDITIVE, chosen, grain)).filter(~pl.col("is_total"))
        for name in ADDITIVE:
            assert parts.get_column(name).sum() == whole[name], (grain, name)


@pytest.mark.parametrize("by", ["brand", "vendor", "product", "month"])
def test_a_bill_counts_once_in_each_slice_that_it_is_in(told: Told, by: str) -> None:
    keys = {
        "brand": lambda line: (PRODUCTS.get(line["product_id"]) or (None,) * 3)[2],
        "vendor": lambda line: line["vendor_id"],
        "product": lambda line: line["product_id"],
        "month": lambda line: line["date"].replace(day=1),
    }
    moves: dict[Any, set[int]] = defaultdict(set)
    for line in lines_of(told.shop, PERIODS[0], {}, 1):
        moves[keys[by](line)] |= set() if line["is_refund"] else {line["move_id"]}
    found = told.ask(measure(("bills", "products_bought"), select(PERIODS[0], {}), (by,)))
    assert dict(found.select(by, "bills").iter_rows()) == {k: len(v) for k, v in moves.items()}
    alone = told.ask(measure(("bills",), select(PERIODS[0], {}), (by,)))
    assert dict(alone.select(by, "bills").iter_rows()) == {k: len(v) for k, v in moves.items()}


def spends(lines: list[Line], key: Any) -> dict[Any, float]:
    found: dict[Any, float] = defaultdict(float)
    for line in lines:
        found[key(line)] += float(line["net_tax_ex"])
    return found


def test_a_vendors_share_is_of_the_spend_with_all_vendors(told: Told) -> None:
    lines = lines_of(told.shop, PERIODS[0], {}, 1)
    by_vendor = spends(lines, lambda line: line["vendor_id"])
    whole = sum(by_vendor.values())
    shares = told.ask(measure(SHARES, select(PERIODS[0], {}), ("vendor",)))
    assert shares.get_column("vendor_share").sum() == pytest.approx(1)
    for vendor, share in shares.select("vendor", "vendor_share").iter_rows():
        assert share == pytest.approx(by_vendor[vendor] / whole)
    [alone] = told.ask(measure(SHARES, select(PERIODS[0], {"vendor": (91,)}))).to_dicts()
    assert alone["vendor_share"] == pytest.approx(by_vendor[91] / whole)
    [all_of_them] = told.ask(measure(SHARES, select(PERIODS[0], {}))).to_dicts()
    assert all_of_them["vendor_share"] == pytest.approx(1)
    assert all_of_them["largest_vendor_share"] == pytest.approx(max(by_vendor.values()) / whole)


def test_a_vendors_share_of_a_brand_is_of_the_spend_on_that_brand(told: Told) -> None:
    brand = {product: row[2] for product, row in PRODUCTS.items()}
    lines = lines_of(told.shop, PERIODS[0], {}, 1)
    pairs = spends(lines, lambda line: (brand.get(line["product_id"]), line["vendor_id"]))
    brands = spends(lines, lambda line: brand.get(line["product_id"]))
    chosen = select(PERIODS[0], {})
    shares = told.ask(measure(("vendor_share",), chosen, ("brand", "vendor")))
    for b, vendor, share in shares.select("brand", "vendor", "vendor_share").iter_rows():
        assert share == pytest.approx(pairs[b, vendor] / brands[b])
    top = told.ask(page.dependency(chosen, "brand"))
    for b, share in top.select("brand", "vendor_share").iter_rows():
        assert share == pytest.approx(max(v for (x, _), v in pairs.items() if x == b) / brands[b])


@pytest.mark.parametrize("filters", FILTERS)
def test_the_tables_of_the_page_add_up_to_its_tiles(told: Told, filters: dict[str, Ids]) -> None:
    chosen = select(PERIODS[0], filters)
    [whole] = told.ask(measure(NAMES, chosen)).to_dicts()
    bills = told.ask(page.bills(chosen))
    assert bills.get_column("spend").sum() == whole["spend"]
    assert bills.filter(~pl.col("is_refund")).height == whole["bills"]
    changed = told.ask(page.cost_changes(chosen))
    assert changed.get_column("cost_change_value").sum() == whole["cost_change_value"]
    vendors = told.ask(page.vendors(chosen))
    assert vendors.get_column("spend").sum() == whole["spend"]


def test_a_changed_cost_is_told_against_the_last_bill_of_an_earlier_day(told: Told) -> None:
    history = costs(told.shop)
    lines = {line["line_id"]: line for line in told.shop.purchases.to_dicts()}
    changed = told.ask(page.cost_changes(select(PERIODS[0], {}))).to_dicts()
    assert changed
    for row in changed:
        before = known(history, lines[row["line_id"]], before=True)
        assert before == pytest.approx(float(row["previous_cost"]), abs=1e-5)
        assert row["previous_date"] < row["date"]
    history_of = told.ask(page.cost_history(changed[0]["line_id"], (1,)))
    days = history_of.get_column("date").to_list()
    assert days == sorted(days, reverse=True)
    assert days[0] == changed[0]["date"]


def test_no_bill_is_told_by_store_and_none_of_another_company(told: Told) -> None:
    with pytest.raises(KpiError, match="cannot be told by store"):
        measure(("spend",), select(PERIODS[0], {}), ("store",))
    with pytest.raises(KpiError, match="cannot be told by store"):
        measure(("vendor_share",), select(PERIODS[0], {}), ("store",))
    [move] = told.shop.purchases.filter(pl.col("company_id") == 1).head(1).get_column("move_id")
    assert told.ask(page.bill_lines(move, (2,))).is_empty()
    assert not told.ask(page.bill_lines(move, (1,))).is_empty()


def test_categories_of_the_retailer_are_whole() -> None:
    assert {row[1] for row in PRODUCTS.values()} <= set(CATEGORIES)
