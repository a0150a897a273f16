"""Inventory worked out again in plain Python: from moves, bills and sales of the small retailer,
and from made-up stock for the rules of the lists.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dashboard.data import inventory as page
from nkdash.kpis import inventory, movements
from nkdash.kpis.inventory import Abc
from nkdash.kpis.model import KpiError, Query
from nkdash.kpis.periods import Grain, Period
from nkdash.kpis.registry import kpi, measure, trend
from nkdash.kpis.selection import Ids, Selection
from nkdash.warehouse import Warehouse
from nkdash.warehouse.derived import sql_files
from nkdash_tests.dashboard import goods
from nkdash_tests.dashboard.shop import (
    BRANDS,
    CATEGORIES,
    PRODUCTS,
    STORES,
    Shop,
    make_shop,
    publish_shop,
)

LAST = date(2026, 11, 22)
MONTH = Period(date(2026, 10, 24), LAST)
EARLIER = Period(date(2026, 9, 24), date(2026, 10, 23))
POSITION = tuple(k.name for k in inventory.POSITION)
MOVES = tuple(k.name for k in movements.KPIS)
FILTERS: list[dict[str, Ids]] = [
    {},
    {"brand": (1,)},
    {"category": (2, 3)},
    {"principal": (92,)},
    {"vendor": (goods.PARAGON,)},
    {"product": (1, 4)},
    {"store": (2,)},
    {"store": (1, 2), "brand": (2,)},
]
OURS = ("internal", "transit")
Row = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """The retailer, and its published warehouse."""

    shop: Shop
    warehouse: Warehouse

    def ask(self, query: Query) -> list[Row]:
        """The rows of a query."""
        return rows_of(self.warehouse, query)


def rows_of(warehouse: Warehouse, query: Query) -> list[Row]:
    with warehouse.cursor() as cursor:
        found: list[Row] = cursor.sql(query.sql, params=query.values).pl().to_dicts()
        return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A published retailer."""
    shop = make_shop()
    warehouse = Warehouse(publish_shop(tmp_path_factory.mktemp("lake"), shop).warehouse_dir)
    yield Told(shop, warehouse)
    warehouse.close()


def locations(selection: Selection) -> set[int]:
    """The locations that a selection means."""
    stores = selection.filters.get("store")
    if stores:
        return {goods.STORE_STOCK[int(s)] for s in stores}
    return {
        i
        for i, (_, usage, _, company) in goods.LOCATIONS.items()
        if usage in OURS and company in selection.companies
    }


def products(told: Told, selection: Selection) -> set[int]:
    """The storable products that a selection means."""
    vendors: dict[int, tuple[date, int, int]] = {}
    for bill in told.shop.purchases.sort("date", "move_id").to_dicts():
        paid = not bill["is_refund"] and not bill["is_free_item"]
        if paid and bill["company_id"] in selection.companies and bill["product_id"] is not None:
            vendors[bill["product_id"]] = (bill["date"], bill["move_id"], bill["vendor_id"])
    found = set()
    for product, (_, category, brand, kind, _) in PRODUCTS.items():
        asked = selection.filters
        fits = [
            kind == "product",
            category in asked.get("category", (category,)),
            brand in asked.get("brand", (brand,)),
            (BRANDS[brand][1] if brand else None) in asked["principal"]
            if "principal" in asked
            else True,
            product in asked.get("product", (product,)),
            product in vendors and vendors[product][2] in asked["vendor"]
            if "vendor" in asked
            else True,
        ]
        if all(fits):
            found.add(product)
    return found


def held(told: Told, day: date, where: set[int]) -> dict[tuple[int, int], Decimal]:
    """Stock at the end of a day by product and location: every move up to it, and what no move
    explains once the nearest snapshot knows of it.
    """
    stock: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    for move in told.shop.moves.filter(pl.col("date") <= day).to_dicts():
        stock[move["product_id"], move["from_location_id"]] -= move["quantity"]
        stock[move["product_id"], move["to_location_id"]] += move["quantity"]
    if nearest_snapshot(told, day) >= goods.VARIANCE_DAY:
        stock[2, goods.BANDARA] += goods.VARIANCE
    return {key: units for key, units in stock.items() if key[1] in where and units}


def nearest_snapshot(told: Told, day: date) -> date:
    end = datetime.combine(day + timedelta(days=1), datetime.min.time())
    taken = told.shop.stock.select("date", "taken_at_local").unique().sort("date").to_dicts()
    nearest = min(taken, key=lambda row: (abs(row["taken_at_local"] - end), row["date"]))
    return nearest["date"]  # type: ignore[no-any-return]


def costs(told: Told, day: date, company: int) -> dict[int, Decimal]:
    """The unit cost of each product by its last bill: the highest id of the last day."""
    bills: dict[tuple[int, date, int], list[Row]] = defaultdict(list)
    for line in told.shop.purchases.filter(pl.col("date") <= day).to_dicts():
        free = line["is_free_item"] or line["is_refund"] or not line["cost_unit_tax_ex"]
        if line["product_id"] is not None and line["company_id"] == company and not free:
            bills[line["product_id"], line["date"], line["move_id"]].append(line)
    found: dict[int, Decimal] = {}
    for (product, _, _), lines in sorted(bills.items()):
        units = sum(line["quantity"] for line in lines)
        spent = sum(line["cost_unit_tax_ex"] * line["quantity"] for line in lines)
        found[product] = spent / units
    return found


def sold(told: Told, selection: Selection, first: date, last: date) -> dict[int, tuple[float, ...]]:
    """Units sold and units brought back by product."""
    stores = selection.filters.get("store")
    found: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for line in told.shop.sold.filter(pl.col("date").is_between(first, last)).to_dicts():
        if line["company_id"] not in selection.companies:
            continue
        if stores and line.get("pos_config_id") not in stores:
            continue
        if line["line_kind"] in ("sale", "free", "service"):
            found[line["product_id"]][0] += float(line["quantity"])
        elif line["line_kind"] == "return":
            found[line["product_id"]][1] -= float(line["quantity"])
    return {product: (out, back) for product, (out, back) in found.items()}


def positions(told: Told, selection: Selection) -> dict[int, Row]:
    """What each product of a selection has at the end of its period, by its words."""
    day, where = selection.period.last, locations(selection)
    stock = held(told, day, where)
    taken = nearest_snapshot(told, day)
    promised: dict[int, Decimal] = defaultdict(Decimal)
    for quant in told.shop.stock.filter(date=taken).to_dicts():
        if quant["location_id"] in where:
            promised[quant["product_id"]] += quant["reserved_quantity"]
    known = costs(told, day, selection.companies[0])
    windows = {
        days: sold(told, selection, day - timedelta(days=days - 1), day) for days in (30, 56, 90)
    }
    found = {}
    for product in products(told, selection):
        at = [units for (p, _), units in stock.items() if p == product]
        on_hand = sum(at, Decimal(0))
        out30, back30 = windows[30].get(product, (0.0, 0.0))
        net = out30 - back30
        available = on_hand - promised[product]
        found[product] = {
            "on_hand": on_hand,
            "reserved": promised[product],
            "available": available,
            "net": net,
            "cost": known.get(product),
            "cover": None
            if net <= 0
            else 0.0
            if on_hand <= 0
            else max(float(available), 0.0) / (net / 30),
            "out": on_hand <= 0 and windows[56].get(product, (0.0, 0.0))[0] > 0,
            "dead": on_hand > 0 and windows[90].get(product, (0.0, 0.0))[0] <= 0,
            "negative": any(units < 0 for units in at),
        }
    return found


def by_hand(told: Told, selection: Selection) -> dict[str, float | None]:
    """The KPIs of the position, by their words."""
    rows = positions(told, selection).values()

    def total(found: list[Any]) -> float:
        return float(sum(found))

    value = [r["on_hand"] * r["cost"] for r in rows if r["cost"] is not None and r["on_hand"]]
    dead = [r["on_hand"] * r["cost"] for r in rows if r["cost"] is not None and r["dead"]]
    here = [r for r in rows if r["on_hand"] > 0]
    net = sum(r["net"] for r in rows)
    return {
        "stock_value": total(value),
        "dead_value": total(dead) if dead else None,
        "stock_cost_coverage": total([r["on_hand"] for r in here if r["cost"] is not None])
        / total([r["on_hand"] for r in here]),
        "on_hand": total([r["on_hand"] for r in rows]),
        "reserved": total([r["reserved"] for r in rows]),
        "available": total([r["available"] for r in rows]),
        "stocked_products": float(len(here)),
        "daily_units": net / 30,
        "stock_cover": total([r["available"] for r in rows]) / (net / 30) if net else None,
        "low_products": float(len([r for r in rows if r["cover"] and r["cover"] < 7])),
        "out_of_stock_products": total([r["out"] for r in rows]),
        "dead_products": total([r["dead"] for r in rows]),
        "negative_products": total([r["negative"] for r in rows]),
    }


def choose(period: Period, filters: Mapping[str, Ids], company: int = 1) -> Selection:
    return Selection(period, None, (company,), dict(filters))


def known_stores(filters: Mapping[str, Ids], company: int) -> bool:
    return all(STORES[int(s)][0] == company for s in filters.get("store", ()))


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("period", [MONTH, EARLIER, Period(date(2026, 11, 1), date(2026, 11, 15))])
@pytest.mark.parametrize("company", [1, 2])
def test_the_position_is_what_its_words_say(
    told: Told, period: Period, filters: dict[str, Ids], company: int
) -> None:
    selection = choose(period, filters, company)
    if not known_stores(filters, company) or not positions(told, selection):
        pytest.skip("another company's")
    found = told.ask(measure(POSITION, selection))
    expected = by_hand(told, selection)
    for name, value in expected.items():
        got = found[0][name]
        if value is None:
            assert got is None, name
        else:
            # A product's value is rounded to cents.
            assert float(got) == pytest.approx(value, rel=1e-9, abs=0.05), name


@pytest.mark.parametrize("filters", FILTERS)
def test_slices_add_up_to_the_total(told: Told, filters: dict[str, Ids]) -> None:
    selection = choose(MONTH, filters)
    names = tuple(k.name for k in (*inventory.POSITION, *inventory.LOST) if k.additive)
    [total] = told.ask(measure(names, selection))
    for by in inventory.DIMENSIONS:
        parts = told.ask(measure(names, selection, (by,)))
        for name in names:
            sliced = sum(float(r[name]) for r in parts if r[name] is not None)
            assert sliced == pytest.approx(float(total[name] or 0)), (by, name)
    moved = tuple(k.name for k in movements.KPIS if k.additive)
    [total] = told.ask(measure(moved, selection))
    for by in (*movements.DIMENSIONS, "day", "week"):
        parts = told.ask(measure(moved, selection, (by,)))
        for name in moved:
            sliced = sum(float(r[name]) for r in parts)
            assert sliced == pytest.approx(float(total[name])), (by, name)


def test_the_base_is_what_the_same_question_said_then(told: Told) -> None:
    names = (*POSITION, "sell_through", "lost_sales")
    both = told.ask(measure(names, Selection(MONTH, EARLIER, (1,))))
    base = next(r for r in both if r["period"] == "base")
    [then] = told.ask(measure(names, choose(EARLIER, {})))
    assert {k: base[k] for k in names} == {k: then[k] for k in names}


def test_what_came_in_and_went_out_is_the_difference_of_the_stock(told: Told) -> None:
    selection = choose(MONTH, {})
    [moved] = told.ask(measure(MOVES, selection))
    into = ("received_units", "brought_back_units", "adjusted_units", "produced_units")
    change = sum(moved[n] for n in (*into, "other_units"))
    change -= sum(moved[n] for n in ("sent_back_units", "delivered_units", "scrapped_units"))
    end = sum(held(told, MONTH.last, locations(selection)).values())
    begin = sum(held(told, MONTH.first - timedelta(days=1), locations(selection)).values())
    assert end - begin == change + goods.VARIANCE
    assert moved["missing_units"] - moved["found_units"] == -moved["adjusted_units"]
    assert moved["scrapped_units"] == 1


def test_losses_are_at_the_cost_of_their_day(told: Told) -> None:
    selection = choose(MONTH, {})
    lost = 0.0
    for move in told.shop.moves.filter(pl.col("date").is_between(*_ends(MONTH))).to_dicts():
        if move["movement_type"] in ("adjustment", "scrap") and move["company_id"] == 1:
            cost = costs(told, move["date"], 1)[move["product_id"]]
            lost -= float(move["quantity_signed"] * cost)
    [found] = told.ask(measure(("stock_losses",), selection))
    assert lost != 0
    assert found["stock_losses"] == pytest.approx(lost)
    [total] = [r for r in told.ask(trend(("stock_losses",), selection, Grain.DAY)) if r["is_total"]]
    assert total["stock_losses"] == pytest.approx(lost)
    rows = told.ask(page.adjustments(selection))
    assert sum(r["value_at_cost"] for r in rows) == pytest.approx(-lost)


def _ends(period: Period) -> tuple[date, date]:
    return period.first, period.last


@pytest.mark.parametrize("filters", FILTERS)
def test_sell_through_is_sold_by_what_was_there_to_sell(
    told: Told, filters: dict[str, Ids]
) -> None:
    selection = choose(MONTH, filters)
    where, chosen = locations(selection), products(told, selection)
    opening = held(told, MONTH.first - timedelta(days=1), where)
    there = sum(float(units) for (product, _), units in opening.items() if product in chosen)
    kinds = {"receipt", "production_in"}
    kinds |= {"transfer", "transit_in"} if "store" in filters else set()
    for move in told.shop.moves.filter(pl.col("date").is_between(*_ends(MONTH))).to_dicts():
        into = move["to_location_id"] in where and move["from_location_id"] not in where
        if into and move["movement_type"] in kinds and move["product_id"] in chosen:
            there += float(move["quantity"])
    out = sum(
        units
        for product, (units, _) in sold(told, selection, *_ends(MONTH)).items()
        if product in chosen
    )
    [found] = told.ask(measure(("sell_through",), selection))
    assert found["sell_through"] == pytest.approx(out / there)


def test_stock_that_is_not_known_has_no_figures(told: Told) -> None:
    ahead = choose(Period(date(2026, 11, 1), date(2026, 11, 30)), {})
    for names in (POSITION, ("sell_through",), ("lost_sales",), ("stock_turn",)):
        assert told.ask(measure(names, ahead)) == []
    assert told.ask(page.products(ahead, Abc.REVENUE_RANK)) == []
    [row] = told.ask(page.snapshot(ahead))
    assert row["is_known"] is False
    [row] = told.ask(page.snapshot(choose(MONTH, {})))
    assert (row["is_known"], row["snapshot_date"]) == (True, date(2026, 11, 23))


def test_stock_is_not_told_by_day(told: Told) -> None:
    with pytest.raises(KpiError, match="end of a range only"):
        measure(("on_hand",), choose(MONTH, {}), ("day",))
    with pytest.raises(KpiError, match="end of a range only"):
        trend(("on_hand",), choose(MONTH, {}), Grain.DAY)


@pytest.mark.parametrize("filters", FILTERS)
def test_the_lists_are_made_by_their_rules(told: Told, filters: dict[str, Ids]) -> None:
    selection = choose(MONTH, filters)
    expected = positions(told, selection)
    ranked = {r["product_id"]: r for r in told.ask(page.ranked(selection, Abc.REVENUE_RANK))}
    coming = {1: 16, 4: 500} if "store" not in filters else {}
    every = {r["product_id"]: r for r in told.ask(page.products(selection, Abc.REVENUE_RANK))}
    assert set(every) <= set(expected)
    for product, row in every.items():
        mine = expected[product]
        assert row["on_hand"] == mine["on_hand"]
        assert row["on_order"] == (None if "store" in filters else coming.get(product, 0))
        wanted = mine["net"] - float(mine["available"]) - coming.get(product, 0)
        assert row["reorder_quantity"] == ceil(max(0.0, wanted))
        assert row["abc_class"] == (ranked[product]["abc_class"] if product in ranked else None)

    def listed(rule: str) -> set[int]:
        return {r["product_id"] for r in told.ask(page.products(selection, Abc.REVENUE_RANK, rule))}

    def kind(product: int) -> str:
        return ranked[product]["abc_class"] if product in ranked else "C"

    assert listed(page.REORDER) == {
        p
        for p, r in expected.items()
        if kind(p) in "AB"
        and ((r["cover"] is not None and r["cover"] < 14) or (r["out"] and r["net"] > 0))
    }
    assert listed(page.PROMOTE) == {
        p
        for p, r in expected.items()
        if kind(p) == "C"
        and r["on_hand"] > 0
        and (r["cover"] is None or r["cover"] > 90 or r["dead"])
    }
    assert listed(page.TOP) == {
        p
        for p, r in expected.items()
        if kind(p) == "A"
        and r["on_hand"] > 0
        and r["cover"] is not None
        and 7 <= r["cover"] <= 90
        and not r["dead"]
        and not r["negative"]
    }
    [todo] = told.ask(page.actions(selection, Abc.REVENUE_RANK))
    assert todo["reorder_products"] == len(listed(page.REORDER))
    assert todo["promote_products"] == len(listed(page.PROMOTE))


def test_warehouses_add_up_to_the_stock(told: Told) -> None:
    selection = choose(MONTH, {})
    [total] = told.ask(measure(("on_hand", "stock_value"), selection))
    rows = told.ask(page.warehouses(selection))
    assert sum(r["on_hand"] for r in rows) == total["on_hand"]
    assert sum(r["stock_value"] for r in rows) == pytest.approx(float(total["stock_value"]))
    assert {r["name"] for r in rows} == {"Gudang", "Toko Kemang", "Toko Bandara", None}


def test_the_variance_is_listed_and_counted(told: Told) -> None:
    selection = choose(MONTH, {})
    rows = told.ask(page.variance(selection))
    assert [(r["date"], r["product_id"], r["variance"]) for r in rows] == [
        (goods.VARIANCE_DAY, 2, goods.VARIANCE)
    ]
    [told_of] = told.ask(page.compared(selection))
    assert (told_of["differences"], told_of["less"], told_of["more"]) == (1, 2, 0)
    assert 0 < told_of["compared"] <= told_of["snapshots"]
    assert told.ask(page.variance(choose(MONTH, {"store": (1,)}))) == []


def test_every_category_of_the_small_retailer_has_one_class(told: Told) -> None:
    assert CATEGORIES
    for how in Abc:
        rows = told.ask(page.ranked(choose(MONTH, {}), how))
        curve = told.ask(page.pareto(choose(MONTH, {}), how))
        assert len({r["product_id"] for r in rows}) == len(rows) == len(curve)
        assert curve[-1]["share_of_amount"] == pytest.approx(1)
        classes = told.ask(page.classes(choose(MONTH, {}), how))
        assert sum(r["products"] for r in classes if r["abc_class"] != "-") == len(rows)


def world() -> duckdb.DuckDBPyConnection:
    """Empty tables with the columns that the rules read, and the two macros over made-up stock."""
    connection = duckdb.connect()
    connection.execute("""
        CREATE TABLE agg_sales_product_daily (date DATE, company_id BIGINT, product_id BIGINT,
            items DECIMAL(18, 4), returned_units DECIMAL(18, 4), revenue_tax_in DECIMAL(18, 2),
            net_tax_ex DECIMAL(18, 2), gross_profit_tax_in DECIMAL(18, 2));
        CREATE TABLE dim_products (product_id BIGINT, storable BOOLEAN, name VARCHAR, sku VARCHAR,
            category VARCHAR, brand VARCHAR, category_id BIGINT, brand_id BIGINT,
            principal_id BIGINT, root_category_id BIGINT);
        CREATE TABLE product_vendors (company_id BIGINT, product_id BIGINT, vendor_id BIGINT);
        CREATE TABLE dim_partners (partner_id BIGINT, name VARCHAR);
        CREATE TABLE dim_locations (location_id BIGINT, company_id BIGINT);
        CREATE TABLE fact_product_costs (date DATE, company_id BIGINT, product_id BIGINT,
            cost_source VARCHAR, cost_unit_tax_ex DECIMAL(18, 6));
        CREATE TABLE fact_stock_on_hand_snapshot (date DATE, product_id BIGINT,
            location_id BIGINT, reserved_quantity DECIMAL(18, 4));
        CREATE TABLE dim_open_purchase_lines (company_id BIGINT, product_id BIGINT,
            on_order DECIMAL(18, 4), expected_at TIMESTAMP);
        CREATE TABLE warehouse_manifest (table_name VARCHAR);
        CREATE TABLE data_coverage (fact_table VARCHAR, date DATE);
        CREATE TABLE stock_legs (date DATE, product_id BIGINT, location_id BIGINT,
            quantity DECIMAL(18, 4));
        CREATE TABLE held (company_id BIGINT, product_id BIGINT, location_id BIGINT,
            quantity DECIMAL(18, 4), is_complete BOOLEAN);
        CREATE MACRO stock_on_hand(day, products := NULL) AS TABLE SELECT * FROM held;
        CREATE MACRO nearest_snapshot(day) AS TABLE
            SELECT day::DATE AS snapshot_date, true AS is_complete;
        INSERT INTO dim_locations VALUES (8, 1);
    """)
    for name in ("stock_changes", "stock_totals"):
        connection.execute(f"CREATE VIEW {name} AS {sql_files('tables')[name]}")
    return connection


def ask(connection: duckdb.DuckDBPyConnection, query: Query) -> list[Row]:
    found: list[Row] = connection.sql(query.sql, params=query.values).pl().to_dicts()
    return found


units = st.integers(-20, 200)
amounts = st.lists(st.tuples(st.integers(1, 2), st.integers(-500, 10_000)), min_size=1, max_size=40)


@hypothesis_settings(max_examples=40, deadline=None)
@given(amounts)
def test_abc_parts_all_products_by_rank_and_by_share(found: list[tuple[int, int]]) -> None:
    connection = world()
    rows = [(company, number, Decimal(cents)) for number, (company, cents) in enumerate(found, 1)]
    for company, product, amount in rows:
        connection.execute(
            "INSERT INTO agg_sales_product_daily VALUES (?, ?, ?, 1, 0, ?, ?, NULL)",
            [LAST, company, product, amount, amount],
        )
        connection.execute(
            "INSERT INTO dim_products (product_id, storable) VALUES (?, true)", [product]
        )
    selection = Selection(MONTH, None, (1, 2))
    by_rank = {
        r["product_id"]: r for r in ask(connection, page.ranked(selection, Abc.REVENUE_RANK))
    }
    by_share = {
        r["product_id"]: r for r in ask(connection, page.ranked(selection, Abc.REVENUE_SHARE))
    }
    assert ask(connection, page.ranked(selection, Abc.PROFIT_RANK)) == []
    assert set(by_rank) == set(by_share) == {product for _, product, _ in rows}
    for company in (1, 2):
        mine = sorted((-amount, product) for c, product, amount in rows if c == company)
        total = sum(max(-negative, Decimal(0)) for negative, _ in mine)
        before = Decimal(0)
        for place, (negative, product) in enumerate(mine):
            share = Decimal(place) / len(mine)
            expected = "A" if share < Decimal("0.2") else "B" if share < Decimal("0.5") else "C"
            assert (by_rank[product]["rank"], by_rank[product]["abc_class"]) == (
                place + 1,
                expected,
            )
            expected = (
                "A"
                if before < total * Decimal("0.80")
                else "B"
                if before < total * Decimal("0.95")
                else "C"
            )
            assert by_share[product]["abc_class"] == expected
            before += max(-negative, Decimal(0))


@hypothesis_settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(units, st.integers(0, 9), st.integers(0, 300), st.integers(0, 5), units),
        min_size=1,
        max_size=12,
    ),
    st.booleans(),
)
def test_reorder_brings_available_and_ordered_up_to_thirty_days(
    found: list[tuple[int, int, int, int, int]], orders_loaded: bool
) -> None:
    connection = world()
    if orders_loaded:
        connection.execute("INSERT INTO warehouse_manifest VALUES ('dim_open_purchase_lines')")
    for product, (on_hand, reserved, items, back, coming) in enumerate(found, 1):
        connection.execute(
            "INSERT INTO dim_products (product_id, storable) VALUES (?, true)", [product]
        )
        connection.execute("INSERT INTO held VALUES (1, ?, 8, ?, true)", [product, on_hand])
        connection.execute(
            "INSERT INTO fact_stock_on_hand_snapshot VALUES (?, ?, 8, ?)", [LAST, product, reserved]
        )
        connection.execute(
            "INSERT INTO agg_sales_product_daily VALUES (?, 1, ?, ?, ?, ?, ?, NULL)",
            [LAST - timedelta(days=29), product, items, back, items * 100 + 1, items * 100 + 1],
        )
        if orders_loaded and coming > 0:
            connection.execute(
                "INSERT INTO dim_open_purchase_lines VALUES (1, ?, ?, NULL)", [product, coming]
            )
    rows = {
        r["product_id"]: r
        for r in ask(connection, page.products(choose(MONTH, {}), Abc.REVENUE_RANK))
    }
    for product, (on_hand, reserved, items, back, coming) in enumerate(found, 1):
        if product not in rows:
            assert (on_hand, reserved, items) == (0, 0, 0) or items == 0
            continue
        row, daily = rows[product], (items - back) / 30
        ordered = max(coming, 0) if orders_loaded else 0
        assert row["on_order"] == (ordered if orders_loaded else None)
        available = on_hand - reserved
        assert row["reorder_quantity"] == ceil(round(max(0, 30 * daily - available - ordered), 6))
        if daily <= 0:
            assert row["cover"] is None
        elif on_hand <= 0:
            assert row["cover"] == 0
        else:
            assert row["cover"] == pytest.approx(max(available, 0) / daily)
    reorder = {
        r["product_id"]
        for r in ask(connection, page.products(choose(MONTH, {}), Abc.REVENUE_RANK, page.REORDER))
    }
    promote = {
        r["product_id"]
        for r in ask(connection, page.products(choose(MONTH, {}), Abc.REVENUE_RANK, page.PROMOTE))
    }
    assert not reorder & promote


def test_lost_sales_are_empty_days_by_the_same_weekdays_average() -> None:
    connection = world()
    first = MONTH.first - timedelta(days=56)
    days = [first + timedelta(days=n) for n in range((LAST - first).days + 1)]
    connection.execute(
        "INSERT INTO dim_products (product_id, storable) VALUES (1, true), (2, true)"
    )
    connection.executemany(
        "INSERT INTO data_coverage VALUES ('fact_inventory_moves', ?)", [[day] for day in days]
    )
    # Two a day, five on Sundays; nothing is left from the 5th to the 9th of November.
    empty = {date(2026, 11, 5) + timedelta(days=n) for n in range(5)}
    spent = 0
    for day in days:
        if day in empty:
            continue
        many = 5 if day.isoweekday() == 7 else 2
        spent += many
        connection.execute(
            "INSERT INTO agg_sales_product_daily VALUES (?, 1, 1, ?, 0, ?, ?, NULL)",
            [day, many, many * 1000, many * 900],
        )
        connection.execute("INSERT INTO stock_legs VALUES (?, 1, 8, ?)", [day, -many])
        if day == date(2026, 11, 4):
            # All that was left is scrapped in the evening.
            left = 10_000 - spent
            connection.execute("INSERT INTO stock_legs VALUES (?, 1, 8, ?)", [day, -left])
        if day == date(2026, 11, 10):
            connection.execute("INSERT INTO stock_legs VALUES (?, 1, 8, 500)", [day])
    [(end,)] = connection.execute("SELECT 10000 + sum(quantity) FROM stock_legs").fetchall()
    connection.execute("INSERT INTO held VALUES (1, 1, 8, ?, true)", [end])
    # A product that came for the first time within the period was not missed before.
    connection.execute("INSERT INTO stock_legs VALUES (?, 2, 8, 7)", [date(2026, 11, 20)])
    connection.execute("INSERT INTO held VALUES (1, 2, 8, 7, true)")
    rows = ask(connection, page.lost(choose(MONTH, {})))
    assert [(r["product_id"], r["lost_days"]) for r in rows] == [(1, 5)]
    # Thursday to Monday: 2 + 2 + 2 + 5 + 2.
    assert rows[0]["lost_units"] == pytest.approx(13)
    assert rows[0]["lost_revenue"] == pytest.approx(13_000)
    [total] = ask(
        connection, measure(("lost_sales", "lost_units", "empty_days"), choose(MONTH, {}))
    )
    assert (total["empty_days"], total["lost_units"]) == (5, pytest.approx(13))
    assert kpi("lost_sales").additive
