"""Stores and names that a reader may see, enforced below every question."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from dashboard.context import open_context
from dashboard.data.scope import (
    OPEN,
    REMADE,
    STORE,
    STORELESS,
    WHOLE,
    Rule,
    Schema,
    Scope,
    WithheldError,
    read_schema,
    rule,
)
from dashboard.data.session import Cache, Data
from dashboard.i18n import texts
from dashboard.state import parse
from nkdash.kpis.model import Family, KpiError, Query
from nkdash.kpis.registry import families, measure
from nkdash.kpis.selection import Selection
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse
from nkdash_tests.dashboard.shop import Shop

SOME = Scope((1, 3))
# Families of KPIs about what belongs to no store.
WITHHELD = {"dependency", "gmroi", "inventory", "movements", "purchases"}


@pytest.fixture(scope="module")
def warehouse(published: Settings) -> Iterator[Warehouse]:
    """The retailer's warehouse."""
    opened = Warehouse(published.warehouse_dir)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def schema(warehouse: Warehouse) -> Schema:
    """Its tables."""
    with warehouse.cursor() as cursor:
        return read_schema(cursor)


@pytest.fixture
def whole(warehouse: Warehouse) -> Data:
    """Data of whoever may see everything, with a cache."""
    return Data(warehouse, Cache())


def rows(data: Data, scope: Scope, sql: str) -> list[tuple[Any, ...]]:
    """What a reader of that scope is answered."""
    with data.seen_by(scope).session() as session:
        return session.frame(Query(sql, {})).rows()


def test_every_table_is_under_one_rule_and_few_are_open(schema: Schema) -> None:
    rules = {table: rule(table, columns) for table, columns in schema.columns.items()}
    of: dict[Rule, set[str]] = {r: {t for t, found in rules.items() if found is r} for r in Rule}
    # A new table is told here, or is filtered by its store, or is withheld.
    assert of[Rule.OPEN] == OPEN
    assert of[Rule.STORELESS] == STORELESS
    assert of[Rule.REMADE] == REMADE
    assert all(STORE in schema.columns[table] for table in of[Rule.STORES])
    assert {"fact_purchases", "fact_stock_on_hand_snapshot", "mart_customer_rfm"} <= of[
        Rule.WITHHELD
    ]
    assert {"reconciliation", "restatements", "warehouse_manifest"} <= of[Rule.WITHHELD]


def test_a_table_that_nobody_thought_of_is_withheld() -> None:
    assert rule("mart_new", {"company_id", "revenue_tax_in"}) is Rule.WITHHELD


def test_figures_of_some_stores_are_those_of_their_rows(whole: Data, shop: Shop) -> None:
    mine = shop.sales.filter(pl.col(STORE).is_in(SOME.stores or ()))
    paid = shop.payments.filter(pl.col(STORE).is_in(SOME.stores or ()))
    assert 0 < mine.height < shop.sales.height
    revenue = mine.get_column("revenue_tax_in").sum()
    for table in (
        "fact_sales",
        "fact_sales_all",
        "fact_sales_profit",
        "fact_transactions",
        "agg_sales_daily",
        "agg_sales_hourly",
        "agg_sales_people_daily",
        "agg_sales_category_daily",
        "agg_sales_product_daily",
        "agg_profit_daily",
    ):
        assert rows(whole, SOME, f"SELECT sum(revenue_tax_in) FROM {table}") == [(revenue,)], table
    amount = paid.get_column("amount").sum()
    assert rows(whole, SOME, "SELECT sum(amount) FROM fact_payments") == [(amount,)]
    assert rows(whole, SOME, "SELECT pos_config_id FROM dim_pos_configs ORDER BY 1") == [(1,), (3,)]
    assert rows(whole, Scope(()), "SELECT count(*) FROM fact_sales") == [(0,)]


def test_no_table_shows_another_store_in_whatever_way_it_is_named(
    whole: Data, schema: Schema
) -> None:
    for table, columns in schema.columns.items():
        if STORE in columns:
            for name in (table, table.upper(), f'"{table}"'):
                found = rows(whole, SOME, f"SELECT DISTINCT {STORE} FROM {name}")
                assert {store for (store,) in found} <= {1, 3}, name


def test_what_is_about_all_stores_is_withheld_by_name_and_through_macros(
    whole: Data, schema: Schema
) -> None:
    for table, columns in schema.columns.items():
        if rule(table, columns) is Rule.WITHHELD:
            with pytest.raises(WithheldError, match=f"{table}: only for people"):
                rows(whole, SOME, f"SELECT count(*) FROM {table}")
            assert rows(whole, Scope(None, False), f"SELECT count(*) >= 0 FROM {table}")
    with pytest.raises(WithheldError, match="stock_legs"):
        rows(whole, SOME, "SELECT * FROM stock_on_hand(DATE '2026-11-20')")


def test_that_a_day_has_rows_is_told_how_many_is_not(whole: Data) -> None:
    days = "SELECT count(*) FROM data_coverage WHERE fact_rows > 0"
    assert rows(whole, SOME, days) == rows(whole, WHOLE, days)
    assert rows(whole, SOME, "SELECT max(fact_rows) FROM data_coverage") == [(1,)]


def test_customers_have_no_names_and_vendors_do(whole: Data, shop: Shop) -> None:
    names = (
        "SELECT partner_id, name, email FROM dim_partners "
        "WHERE partner_id IN (11, 12, 91, 92) ORDER BY partner_id"
    )
    customers = [(11, "Budi", None), (12, "Sari", None)]
    unnamed = [(11, "#11", None), (12, "#12", None)]
    principals = [(91, "PT Paragon", None), (92, 'UD "Makmur"', None)]
    assert rows(whole, WHOLE, names) == customers + principals
    assert rows(whole, Scope(None, personal=False), names) == unnamed + principals
    assert rows(whole, Scope((1,), personal=False), names) == unnamed + principals
    searched = "SELECT count(*) FROM dim_partners WHERE name ILIKE '%budi%'"
    assert rows(whole, Scope(None, personal=False), searched) == [(0,)]
    # Who bought nowhere in a reader's stores is nobody he knows.
    assert rows(whole, Scope((99,)), names) == unnamed + principals
    told = "SELECT partner_id FROM dim_partners WHERE name NOT LIKE '#%'"
    always = {i for (i,) in rows(whole, Scope(None, personal=False), told)}
    bought = shop.sales.filter(pl.col(STORE) == 1).get_column("customer_id").drop_nulls()
    assert {i for (i,) in rows(whole, Scope((1,)), told)} == always | set(bought)


def test_a_user_who_is_no_staff_may_be_a_customer_with_a_login(whole: Data) -> None:
    names = "SELECT user_id, name FROM dim_users ORDER BY user_id"
    assert rows(whole, WHOLE, names) == [(2, "Kasir"), (3, "Dewi")]
    # Dewi is the salesperson of a document; of the other nothing says that he works here.
    for scope in (Scope(None, personal=False), SOME):
        assert rows(whole, scope, names) == [(2, "#2"), (3, "Dewi")]


@pytest.mark.parametrize("family", [f for f in families().values() if "store" in f.filters])
@pytest.mark.parametrize("by", ["", "store", "category", "cashier", "method", "product"])
def test_every_kpi_of_a_reader_is_that_of_his_stores(
    whole: Data, published: Settings, family: Family, by: str
) -> None:
    def told(scope: Scope, search: str) -> list[str]:
        with open_context(published, whole.seen_by(scope), texts("en"), "/", parse(search)) as c:
            cut = (by,) if by else ()
            names = [kpi.name for kpi in family.kpis if can_be_told(kpi.name, c.selection, cut)]
            found = c.session.frame(measure(tuple(names), c.selection, cut)) if names else None
            return [] if found is None else sorted(map(str, found.rows()))

    if by and by not in family.by:
        return
    days = "?range=2026-09-25..2026-11-22"
    try:
        mine = told(Scope((1,)), days)
    except WithheldError:
        assert family.name in WITHHELD
        return
    assert family.name not in WITHHELD
    assert mine == told(WHOLE, f"{days}&store=1")


def can_be_told(kpi: str, selection: Selection, by: tuple[str, ...]) -> bool:
    """A receipt may hold many products: not everything is told by them."""
    try:
        measure((kpi,), selection, by)
    except KpiError:
        return False
    return True


def test_answers_are_kept_for_each_scope(whole: Data) -> None:
    count = "SELECT count(*) FROM fact_sales"
    first = {scope: rows(whole, scope, count) for scope in (WHOLE, SOME, Scope((1,)), Scope(()))}
    assert len({str(found) for found in first.values()}) == 4
    assert {scope: rows(whole, scope, count) for scope in first} == first
    with whole.seen_by(SOME).session() as session:
        session.once("a name", lambda _: "of some")
    with whole.session() as session:
        assert session.once("a name", lambda _: "of all") == "of all"


def test_a_view_of_ours_is_gone_with_its_cursor(whole: Data, warehouse: Warehouse) -> None:
    rows(whole, Scope(()), "SELECT count(*) FROM fact_sales")
    with warehouse.cursor() as cursor:
        assert cursor.execute("SELECT count(*) > 0 FROM fact_sales").fetchall() == [(True,)]


def test_what_no_rule_could_see_is_nowhere_in_our_sql() -> None:
    """Qualified names pass by the views, and so does a name that is put together at run time."""
    strange = re.compile(r"\b(main|base|temp)\.\w|\bquery(_table)?\s*\(|\bEXECUTE\b", re.IGNORECASE)
    folders = [Path(str(files(name))) for name in ("dashboard", "nkdash.kpis")]
    found = [
        f"{path.name}: {match[0]}"
        for folder in folders
        for path in folder.rglob("*.sql")
        for match in strange.finditer(path.read_text("utf-8"))
    ]
    assert found == []


def test_a_question_is_cut_before_it_is_asked(whole: Data) -> None:
    with whole.seen_by(SOME).session() as session:
        with pytest.raises(WithheldError):
            session.frame(Query("SELECT 1 FROM fact_sales, fact_purchases", {}))
        with pytest.raises(duckdb.Error):
            session.frame(Query("SELECT nonsense FROM fact_sales", {}))
        assert session.frame(Query("SELECT max(pos_config_id) FROM fact_sales", {})).item() == 3
