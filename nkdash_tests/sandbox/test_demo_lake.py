"""``nkdash demo-lake``: the invented years keep every rule that real ones keep."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from nkdash.catalog import load_catalog
from nkdash.cli.app import app
from nkdash.clock import days_between
from nkdash.lake import Layer, list_days, read_footer, scan_days
from nkdash.sandbox.demo_lake import LakeNotEmptyError, Size, write
from nkdash.settings import Settings
from nkdash.warehouse import PublishResult, publish

SIZE = Size(lines=20_000, days=60, products=400)
SMALL = replace(SIZE, lines=1_500, days=16, products=120, stores=4)
FIRST, LAST = date(2026, 9, 24), date(2026, 11, 22)
FACTS = (
    "fact_sales",
    "fact_payments",
    "fact_invoice_sales",
    "fact_purchases",
    "fact_inventory_moves",
    "fact_stock_on_hand_snapshot",
)


def settings_in(folder: Path) -> Settings:
    """A lake of its own, on the morning of 2026-11-23 in Jakarta."""
    now = datetime(2026, 11, 23, 3, tzinfo=UTC)
    return Settings(_env_file=None, data_lake_root=folder / "lake", nkdash_now=now)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> PublishResult:
    settings = settings_in(tmp_path_factory.mktemp("demo"))
    catalog = load_catalog(settings)
    write(settings, catalog, SIZE)
    # A check that failed, or a contract that is broken, would have raised.
    return publish(settings, catalog)


@pytest.fixture
def warehouse(published: PublishResult) -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect(str(published.path), read_only=True)) as connection:
        yield connection


def one(warehouse: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    row = warehouse.execute(sql).fetchone()
    assert row is not None
    return row


def test_every_table_has_rows_on_every_day(warehouse: duckdb.DuckDBPyConnection) -> None:
    first, last, days, lines = one(
        warehouse,
        "SELECT min(date), max(date), count(DISTINCT date), count(*) FROM fact_sales",
    )
    assert (first, last, days) == (FIRST, LAST, 60)
    assert lines == pytest.approx(SIZE.lines, rel=0.05)
    assert all(one(warehouse, f"SELECT count(*) > 0 FROM {fact}")[0] for fact in FACTS)
    assert one(warehouse, "SELECT notes FROM warehouse_state") == ([],)


def test_every_day_of_every_dataset_counts_as_loaded(
    warehouse: duckdb.DuckDBPyConnection, published: PublishResult
) -> None:
    days = warehouse.execute(
        "SELECT dataset, count(*), bool_and(is_complete) FROM data_coverage GROUP BY 1"
    ).fetchall()
    datasets = {d.name: d for d in load_catalog(settings_in(Path())).datasets}
    expected = dict.fromkeys(datasets, 60) | {"stock_quants": 14}
    assert {name: count for name, count, _ in days} == expected
    assert all(complete for name, _, complete in days if name != "stock_quants")
    lake = published.path.parents[1]
    table = datasets["pos_orders"].raw_table
    orders = scan_days(lake, Layer.RAW, table, days_between(FIRST, LAST))
    sold = warehouse.execute(
        "SELECT order_id, date, sum(revenue_tax_in)::DOUBLE FROM fact_sales GROUP BY ALL ORDER BY 1"
    )
    raw = orders.select("id", "date", "amount_total").sort("id").collect()
    assert raw.rows() == sold.fetchall()


def test_payments_are_what_the_orders_cost(warehouse: duckdb.DuckDBPyConnection) -> None:
    differing = warehouse.execute(
        """WITH due AS (SELECT order_id, sum(revenue_tax_in) AS due FROM fact_sales GROUP BY ALL),
        paid AS (SELECT order_id, sum(amount) AS paid FROM fact_payments GROUP BY ALL)
        SELECT order_id FROM due FULL JOIN paid USING (order_id)
        WHERE coalesce(due, 0) <> coalesce(paid, 0)"""
    ).fetchall()
    assert differing == []


def test_an_order_has_one_store_cashier_and_customer(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    mixed = one(
        warehouse,
        """SELECT count(*) FROM (
            SELECT count(DISTINCT (pos_config_id, cashier_id, customer_id, session_id, ordered_at))
                AS owners
            FROM fact_sales GROUP BY order_id
        ) WHERE owners > 1""",
    )
    assert mixed == (0,)


def test_everything_that_happens_in_a_shop_happens(warehouse: duckdb.DuckDBPyConnection) -> None:
    kinds = warehouse.execute("SELECT DISTINCT line_kind FROM fact_sales_all ORDER BY 1").fetchall()
    assert [kind for (kind,) in kinds] == ["discount", "free", "return", "sale", "service"]
    refunds, walk_ins, members, open_, invoiced, exchanged = one(
        warehouse,
        """SELECT count(*) FILTER (is_refund), count(*) FILTER (customer_id IS NULL),
            count(DISTINCT customer_id), count(*) FILTER (is_provisional),
            (SELECT count(*) FROM pos_invoices),
            count(*) FILTER (returned_units > 0 AND NOT is_refund)
        FROM fact_transactions""",
    )
    assert min(refunds, walk_ins, members, open_, invoiced, exchanged) > 0
    moved = warehouse.execute("SELECT DISTINCT movement_type FROM fact_inventory_moves").fetchall()
    assert {
        "receipt", "return_to_vendor", "delivery", "return_from_customer", "transfer",
        "transit_in", "transit_out", "adjustment", "scrap", "production_in", "production_out",
    } == {kind for (kind,) in moved}  # fmt: skip


def test_costs_are_known_of_nearly_all_revenue(warehouse: duckdb.DuckDBPyConnection) -> None:
    sources = dict(
        warehouse.execute(
            """SELECT coalesce(cost_source, 'none'), sum(revenue_tax_in) / sum(sum(revenue_tax_in))
            OVER () FROM fact_sales_profit GROUP BY cost_source"""
        ).fetchall()
    )
    assert 0.95 < sources["bill"] + sources["opening"] < 1
    [margin] = one(
        warehouse, "SELECT sum(gross_profit_tax_ex) / sum(net_tax_ex) FROM fact_sales_profit"
    )
    assert 0.3 < margin < 0.6


def test_moves_explain_the_stock_and_match_the_sales(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    assert one(warehouse, "SELECT count(*) FROM stock_variance") == (0,)
    assert one(warehouse, "SELECT count(*) FILTER (moves_known) FROM stock_snapshots") == (13,)
    # From nothing to the last snapshot, too.
    unexplained = one(
        warehouse,
        """SELECT count(*) FROM (
            SELECT product_id, location_id, sum(quantity) AS held FROM stock_legs
            WHERE product_id IN (SELECT product_id FROM dim_products WHERE storable) GROUP BY ALL
        ) FULL JOIN (
            FROM fact_stock_on_hand_snapshot WHERE date = (SELECT max(date) FROM stock_snapshots)
        ) USING (product_id, location_id) WHERE coalesce(held, 0) <> coalesce(quantity, 0)""",
    )
    assert unexplained == (0,)
    differing = one(
        warehouse,
        """WITH sold AS (
            SELECT date, product_id, sum(quantity) AS units FROM fact_sales
            WHERE order_state <> 'paid'
                AND product_id IN (SELECT product_id FROM dim_products WHERE storable)
            GROUP BY ALL
        ), moved AS (
            SELECT date, product_id, -sum(quantity_signed) AS units FROM fact_inventory_moves
            WHERE origin LIKE 'POS/%' GROUP BY ALL
        )
        SELECT count(*) FROM sold FULL JOIN moved USING (date, product_id)
        WHERE coalesce(sold.units, 0) <> coalesce(moved.units, 0)
            AND product_id IN (SELECT product_id FROM dim_products WHERE storable)""",
    )
    assert differing == (0,)


@pytest.mark.parametrize(
    "day", ["2026-09-24", "2026-09-30", "2026-10-04", "2026-10-25", "2026-11-03", "2026-11-20"]
)
def test_the_stock_of_any_day_is_all_that_moved_until_then(
    warehouse: duckdb.DuckDBPyConnection, day: str
) -> None:
    # The macro rolls it from the end of a month or from a snapshot, whichever is nearer.
    held, differing = one(
        warehouse,
        f"""WITH moved AS (
            SELECT product_id, location_id, sum(quantity) AS quantity FROM stock_legs
            WHERE date <= DATE '{day}'
                AND product_id IN (SELECT product_id FROM dim_products WHERE storable)
            GROUP BY ALL HAVING sum(quantity) <> 0
        ), told AS (
            SELECT product_id, location_id, quantity FROM stock_on_hand(DATE '{day}')
            WHERE is_complete
        )
        SELECT (SELECT count(*) FROM told), count(*)
        FROM moved FULL JOIN told USING (product_id, location_id)
        WHERE moved.quantity IS DISTINCT FROM told.quantity""",
    )
    assert held > 500
    assert differing == 0


@pytest.mark.parametrize(
    ("kind", "column", "rows"),
    [
        ("brand", "p.brand_id", ""),
        ("principal", "p.principal_id", ""),
        ("root_category", "p.root_category_id", ""),
        ("own_category", "p.category_id", ""),
        (
            "method",
            "m.payment_method_id",
            "JOIN (SELECT DISTINCT date, order_id, payment_method_id FROM fact_payments) AS m"
            " ON m.date = t.date AND m.order_id = t.order_id",
        ),
    ],
)
def test_a_slice_is_what_its_lines_and_receipts_are(
    warehouse: duckdb.DuckDBPyConnection, kind: str, column: str, rows: str
) -> None:
    slices, differing = one(
        warehouse,
        f"""WITH sold AS (
            SELECT t.date, t.source, t.pos_config_id, {column} AS id,
                count(DISTINCT t.txn_key) FILTER (NOT t.is_refund) AS transactions,
                count(*) AS lines, sum(s.revenue_tax_in) AS revenue_tax_in
            FROM fact_sales_all AS s
            JOIN fact_transactions AS t ON t.txn_key = s.txn_key
            JOIN dim_products AS p ON p.product_id = s.product_id
            {rows}
            GROUP BY ALL
        ), told AS (
            SELECT date, source, pos_config_id, id, transactions, lines, revenue_tax_in
            FROM agg_sales_slice_daily WHERE kind = '{kind}'
        )
        SELECT (SELECT count(*) FROM told),
            (SELECT count(*) FROM (FROM sold EXCEPT ALL FROM told))
            + (SELECT count(*) FROM (FROM told EXCEPT ALL FROM sold))""",
    )
    assert slices > 500
    assert differing == 0


def test_what_people_sold_is_what_their_lines_and_receipts_are(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    told, differing = one(
        warehouse,
        """WITH sold AS (
            SELECT date, source, pos_config_id, cashier_id,
                CASE WHEN source = 'invoice' THEN user_id END AS user_id,
                count(DISTINCT txn_key) AS receipts,
                count(*) AS lines, sum(revenue_tax_in) AS revenue_tax_in
            FROM fact_sales_all GROUP BY ALL
        ), told AS (
            SELECT date, source, pos_config_id, cashier_id, user_id,
                transactions + refund_transactions, lines, revenue_tax_in
            FROM agg_sales_people_daily
        )
        SELECT (SELECT count(*) FROM told),
            (SELECT count(*) FROM (FROM sold EXCEPT ALL FROM told))
            + (SELECT count(*) FROM (FROM told EXCEPT ALL FROM sold))""",
    )
    assert told > 500
    assert differing == 0


def test_what_runs_low_is_on_order(warehouse: duckdb.DuckDBPyConnection) -> None:
    lines, partly = one(
        warehouse,
        "SELECT count(*), count(*) FILTER (on_order < ordered) FROM dim_open_purchase_lines",
    )
    assert 0 < partly < lines


def test_received_goods_are_billed(warehouse: duckdb.DuckDBPyConnection) -> None:
    billed = one(warehouse, "SELECT sum(quantity) FROM fact_purchases WHERE product_id IS NOT NULL")
    moved = one(
        warehouse,
        """SELECT sum(quantity_signed) FROM fact_inventory_moves
        WHERE movement_type IN ('receipt', 'return_to_vendor')""",
    )
    assert billed == moved


def test_the_same_seed_gives_the_same_rows(tmp_path: Path) -> None:
    def hashes(name: str, seed: int) -> list[str]:
        settings = settings_in(tmp_path / name)
        write(settings, load_catalog(settings), replace(SMALL, seed=seed))
        return [
            read_footer(file.path).rows_sha256
            for fact in FACTS
            for file in list_days(settings.lake_root, Layer.STAR, fact)
        ]

    first = hashes("first", 7)
    assert hashes("again", 7) == first
    assert hashes("other", 8) != first


def test_a_lake_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    write(settings, load_catalog(settings), SMALL)
    with pytest.raises(LakeNotEmptyError, match="is not empty"):
        write(settings, load_catalog(settings), SMALL)


def test_the_command_writes_and_publishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_LAKE_ROOT", str(tmp_path / "lake"))
    arguments = ["demo-lake", "--lines", "500", "--days", "5", "--products", "80", "--stores", "2"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "Published version 1" in done.output
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 1
    assert "is not empty" in again.output
