"""The Inventory page: what it says where stock, warehouses or orders are not known."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from plotly.utils import PlotlyJSONEncoder

from dashboard import tables
from dashboard.context import Context, open_context
from dashboard.data import inventory as data
from dashboard.data.session import Cache, Data
from dashboard.i18n import texts
from dashboard.pages import inventory
from dashboard.state import parse
from nkdash.dimensions import open_purchase_lines, pos_configs
from nkdash.kpis.inventory import Abc
from nkdash.lake import Layer, write_table
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse, publish
from nkdash_tests.dashboard.shop import AS_OF, Shop, catalog, publish_shop

Look = Callable[..., AbstractContextManager[Context]]
SECTIONS = {s.name: s.render for sections in inventory.page().tabs.values() for s in sections}
TABLES = inventory.page().tables
OF_STOCK = ("inventory-stock", "inventory-products", "inventory-reorder", "inventory-empty")


@pytest.fixture
def look_at() -> Iterator[Callable[..., AbstractContextManager[Context]]]:
    """Opens the context of a query string on a warehouse of the test's own."""
    with ExitStack() as stack:

        def opened(settings: Settings, search: str, path: str) -> AbstractContextManager[Context]:
            warehouse = Warehouse(settings.warehouse_dir)
            stack.callback(warehouse.close)
            data = Data(warehouse, Cache())
            return open_context(settings, data, texts("en"), path, parse(search))

        yield opened


def drawn(ctx: Context, section: str) -> str:
    """A section as the browser gets it."""
    return json.dumps(SECTIONS[section](ctx), cls=PlotlyJSONEncoder, ensure_ascii=False)


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize(
    "search",
    ["", "?store=2", "?brand=1&vendor=91", "?company=2", "?product=8", "?range=today", "?metric=x"],
)
def test_every_section_draws_itself(look: Look, section: str, search: str) -> None:
    with look(search, "/inventory") as ctx:
        assert "None" not in drawn(ctx, section).replace("“None”", "")


@pytest.mark.parametrize("section", OF_STOCK)
def test_stock_that_is_not_known_is_words_and_no_figures(look: Look, section: str) -> None:
    with look("?range=2026-11-20..2026-11-30", "/inventory") as ctx:
        words = drawn(ctx, section)
        assert "The stock of 30 Nov 2026 is not known" in words
        assert "nkdash backfill --from 2026-11-23 --to 2026-11-30" in words
        assert "tile-value" not in words
        assert SECTIONS["inventory-where"](ctx) is None
        _, total = tables.block(ctx, TABLES["reorder"], 0, 10, "", {})
        assert total == 0


def test_without_any_snapshot_it_says_how_to_take_one(
    tmp_path: Path, shop: Shop, look_at: Callable[..., AbstractContextManager[Context]]
) -> None:
    bare = Shop(**{**vars(shop), "stock": shop.stock.clear()})
    with look_at(publish_shop(tmp_path, bare), "", "/inventory") as ctx:
        assert "No snapshot of the stock was ever taken" in drawn(ctx, "inventory-stock")


def test_orders_that_were_never_loaded_are_said_to_be_unknown(
    tmp_path: Path, shop: Shop, look: Look, look_at: Callable[..., AbstractContextManager[Context]]
) -> None:
    with look("", "/inventory") as ctx:
        assert "on order is not known" not in drawn(ctx, "inventory-reorder")
        known = ctx.session.frame(data.products(ctx.selection, Abc.REVENUE_RANK))
        assert known["on_order"].null_count() == 0
    with look("?store=2", "/inventory") as ctx:
        assert "on order is not known" in drawn(ctx, "inventory-reorder")
    settings = publish_shop(tmp_path, shop)
    (settings.lake_root / "star-schema" / f"{open_purchase_lines.TABLE.name}.parquet").unlink()
    publish(settings, catalog(settings))
    with look_at(settings, "", "/inventory") as ctx:
        assert "on order is not known" in drawn(ctx, "inventory-reorder")
        unknown = ctx.session.frame(data.products(ctx.selection, Abc.REVENUE_RANK))
        assert unknown["on_order"].null_count() == unknown.height > 0
        assert (unknown["reorder_quantity"] >= known["reorder_quantity"]).all()


def test_a_store_without_a_known_warehouse_has_no_stock_to_show(
    tmp_path: Path, shop: Shop, look_at: Callable[..., AbstractContextManager[Context]]
) -> None:
    settings = publish_shop(tmp_path, shop)
    path = Path(str(settings.lake_root)) / "star-schema" / f"{pos_configs.TABLE.name}.parquet"
    unplaced = pl.read_parquet(path).with_columns(warehouse_id=pl.lit(None, pl.Int64))
    write_table(settings.lake_root, Layer.STAR, pos_configs.TABLE, unplaced, as_of=AS_OF)
    publish(settings, catalog(settings))
    with look_at(settings, "?store=2", "/inventory") as ctx:
        words = drawn(ctx, "inventory-stock")
        assert "The warehouse of these stores is not known" in words
        assert "tile-value" not in words
    with look_at(settings, "", "/inventory") as ctx:
        assert "tile-value" in drawn(ctx, "inventory-stock")


@pytest.mark.parametrize("name", TABLES)
def test_rows_of_every_table_have_one_key_each(look: Look, name: str) -> None:
    table = TABLES[name]
    with look("?range=2026-09-25..2026-11-22", "/inventory") as ctx:
        rows, total = tables.block(ctx, table, 0, 1000, "", {})
        assert len(rows) == total
        assert len({row["row_id"] for row in rows}) == total
        assert all(row["href"].startswith("/product?") for row in rows)
        for column in table.columns:
            tables.block(ctx, table, 0, 5, f"-{column.name}", {})


def test_how_classes_are_made_is_in_the_url(look: Look) -> None:
    found = {}
    for how in Abc:
        with look(f"?metric={how}", "/inventory") as ctx:
            assert inventory.abc_of(ctx) is how
            words = drawn(ctx, "inventory-abc")
            assert f"metric={Abc.PROFIT_SHARE}" in words or how is Abc.PROFIT_SHARE
            rows = ctx.session.frame(data.classes(ctx.selection, how)).to_dicts()
            found[how] = [(r["abc_class"], r["products"]) for r in rows]
    assert len({str(classes) for classes in found.values()}) > 1


def test_a_choice_of_the_breakdown_keeps_the_filters(look: Look) -> None:
    with look("?brand=1&metric=vendor", "/inventory") as ctx:
        words = drawn(ctx, "inventory-where")
        assert "/inventory?metric=warehouse&brand=1" in words
        assert "PT Paragon" in words


def test_a_lists_words_are_what_the_list_is_made_by(look: Look) -> None:
    with look("", "/inventory") as ctx:
        todo: dict[str, Any] = ctx.session.frame(data.actions(ctx.selection, Abc.REVENUE_RANK)).row(
            0, named=True
        )
        for name in ("reorder", "promote", "top"):
            _, total = tables.block(ctx, TABLES[name], 0, 10, "", {})
            assert todo[f"{name}_products"] == total
            assert f"tab={name}" in drawn(ctx, "inventory-actions")
