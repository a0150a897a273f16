"""What is on order: confirmed lines that are not wholly received, in the product's own unit."""

import gzip
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import polars as pl

from nkdash.catalog import load_catalog
from nkdash.datasets.extract import extract_dimension
from nkdash.dimensions import open_purchase_lines, pos_configs
from nkdash.sandbox import World, generate, load_records, serve
from nkdash_tests.conftest import RECORDS
from nkdash_tests.datasets.stock import connect, make_settings, read_dimension

NOW = datetime.fromisoformat("2026-11-19T09:30:00")


def made(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """The star rows of raw ones."""
    dimension = open_purchase_lines.dimension(make_settings(Path("unused")))
    blank = dict.fromkeys(dimension.raw_table.schema.names())
    raw = pl.LazyFrame([{**blank, **row} for row in rows], schema=dimension.raw_table.schema)
    return open_purchase_lines.make(raw).collect().to_dicts()


def line(number: int, **changes: object) -> dict[str, object]:
    usual = {"id": number, "state": "purchase", "product_id": 7, "company_id": 1, "order_id": 3}
    quantities = {"product_qty": 4.0, "product_uom_qty": 48.0, "qty_received": 1.0}
    return {**usual, **quantities, **changes}


def test_only_what_is_still_to_come_in_units_of_the_product() -> None:
    found = made(
        [
            line(1),
            line(2, state="done", qty_received=None),
            line(3, state="draft"),
            line(4, state="cancel"),
            line(5, qty_received=4.0),
            line(6, qty_received=9.0),
            line(7, product_id=None),
            line(8, product_qty=3.0, product_uom_qty=3.0, qty_received=0.1),
        ]
    )
    # Dozens: of four, one came.
    assert {r["open_purchase_line_id"]: r["on_order"] for r in found} == {
        1: Decimal(36),
        2: Decimal(48),
        8: Decimal("2.9"),
    }


def test_the_generated_retailer_has_orders_that_come_this_week(tmp_path: Path) -> None:
    catalog = load_catalog(make_settings(tmp_path))
    shop = generate(now=NOW, days=30, products=200, orders_per_day=60)
    lines = shop.tables["purchase.order.line"].frame
    with serve(shop, now=NOW) as server:
        found = read_dimension(connect(server), catalog, "dim_open_purchase_lines")
        shops = read_dimension(connect(server), catalog, "dim_pos_configs")
    coming = lines.filter(pl.col("qty_received") < pl.col("product_qty"))
    assert set(found["open_purchase_line_id"]) == set(coming["id"])
    assert found["on_order"].sum() == Decimal(int(coming["product_uom_qty"].sum()))
    assert (found["expected_at"] > NOW).all()
    assert shops["warehouse_id"].is_not_null().all()
    assert shops["warehouse_id"].n_unique() == shops.height


def test_a_shop_sells_out_of_the_warehouse_of_its_operation_type(tmp_path: Path) -> None:
    catalog = load_catalog(make_settings(tmp_path))
    with serve(load_records(RECORDS)) as server:
        shops = read_dimension(connect(server), catalog, "dim_pos_configs")
    # Odoo's own warehouse_id of all is the central one.
    lines = gzip.decompress((RECORDS / "pos.config.jsonl.gz").read_bytes()).splitlines()
    own = [json.loads(line)["warehouse_id"] for line in lines]
    assert own == [own[0]] * shops.height
    assert shops["warehouse_id"].n_unique() == shops.height > 2
    assert pos_configs.TABLE.schema.names() == shops.columns


def test_an_odoo_without_purchases_has_nothing_on_order(tmp_path: Path) -> None:
    catalog = load_catalog(make_settings(tmp_path))
    shop = generate(now=NOW, days=3, products=20, orders_per_day=5)
    tables = {name: t for name, t in shop.tables.items() if name != "purchase.order.line"}
    dimension = next(d for d in catalog.dimensions if d.name == "open_purchase_lines")
    with serve(World(tables), now=NOW) as server:
        assert extract_dimension(connect(server), dimension).is_empty()
