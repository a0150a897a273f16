"""A snapshot equals the lake, whatever came in which order."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nkdash.catalog import Catalog
from nkdash.contracts import Column, Table
from nkdash.datasets.spec import Fact
from nkdash.lake import Layer, partition_path, write_days
from nkdash.settings import Settings
from nkdash.warehouse import (
    NothingToPublishError,
    PublishError,
    current,
    load,
    manifest,
    publish,
    publisher,
)
from nkdash_tests.warehouse.lake_samples import (
    AS_OF,
    DAY,
    PAYMENTS,
    SALES,
    catalog_of,
    contents,
    days,
    land,
    land_all,
    land_dimensions,
    make_settings,
    remove_day,
    sales,
)


@contextmanager
def opened(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The current version."""
    published = current(settings.warehouse_dir)
    assert published
    connection = duckdb.connect(published.path, read_only=True)
    try:
        yield connection
    finally:
        connection.close()


def rows(settings: Settings, sql: str) -> list[tuple[object, ...]]:
    with opened(settings) as connection:
        return connection.execute(sql).fetchall()


def from_scratch(settings: Settings) -> dict[str, list[tuple[object, ...]]]:
    """What one full publish of the lake into an empty folder holds."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = settings.model_copy(update={"nkdash_warehouse": Path(folder)})
        return contents(publish(fresh, catalog_of(fresh)).path)


def test_the_snapshot_holds_the_lakes_rows(settings: Settings, catalog: Catalog) -> None:
    land_all(settings, days(5))
    land_dimensions(settings)
    result = publish(settings, catalog)
    lake = pl.concat([sales(day, 0) for day in days(5)])
    with opened(settings) as connection:
        held = connection.sql("SELECT * FROM fact_sales ORDER BY date, line_id").pl()
    assert held.equals(lake.sort("date", "line_id"))
    assert held.schema == SALES.schema
    assert (result.version, result.unchanged) == (1, False)
    assert result.changed["fact_sales"] == 5
    assert result.rows["fact_sales"] == lake.height


def test_transactions_follow_the_rules_of_the_kpis(settings: Settings, catalog: Catalog) -> None:
    land_all(settings, days(8))
    publish(settings, catalog)
    lines = pl.concat([sales(day, 0) for day in days(8)])
    out = pl.col("line_kind").is_in(["sale", "free", "service"])
    back = pl.col("line_kind") == "return"
    expected = (
        lines.group_by("order_id")
        .agg(
            lines=pl.len().cast(pl.Int64),
            items=pl.col("quantity").filter(out).sum(),
            returned_units=-pl.col("quantity").filter(back).sum(),
            gross_tax_in=pl.col("gross_tax_in").filter(out).sum(),
            discount_tax_in=pl.col("discount_tax_in").filter(~back).sum(),
            returns_tax_in=-pl.col("revenue_tax_in").filter(back).sum(),
            revenue_tax_in=pl.col("revenue_tax_in").sum(),
            is_refund=back.any() & ~out.any(),
            is_provisional=(pl.col("order_state") == "paid").any(),
        )
        .sort("order_id")
    )
    assert expected["is_refund"].any()
    assert not expected["is_refund"].all()
    with opened(settings) as connection:
        names = ", ".join(expected.columns)
        held = connection.sql(f"SELECT {names} FROM fact_transactions ORDER BY order_id").pl()
        daily = connection.execute(
            "SELECT sum(transactions), sum(refund_transactions), sum(customer_transactions), "
            "sum(revenue_tax_in) FROM agg_sales_daily"
        ).fetchall()
        parts = connection.execute(
            "SELECT count(*) FROM fact_transactions "
            "WHERE gross_tax_in - discount_tax_in - returns_tax_in <> revenue_tax_in"
        ).fetchall()
    assert held.rows() == expected.rows()
    refunds = expected["is_refund"].sum()
    known = (
        lines.group_by("order_id")
        .agg(pl.col("customer_id").first(), refund=back.any() & ~out.any())
        .filter(pl.col("customer_id").is_not_null() & ~pl.col("refund"))
        .height
    )
    revenue = lines["revenue_tax_in"].sum()
    assert daily == [(expected.height - refunds, refunds, known, revenue)]
    assert parts == [(0,)]


def test_a_publish_of_an_unchanged_lake_makes_no_version(
    settings: Settings, catalog: Catalog
) -> None:
    land_all(settings, days(3))
    first = publish(settings, catalog)
    land(settings, DAY)  # the same rows in a new file
    second = publish(settings, catalog)
    assert second.unchanged
    assert (second.version, second.path, second.rows) == (first.version, first.path, first.rows)


@hypothesis_settings(deadline=None, max_examples=8)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("land"), st.integers(0, 3), st.integers(0, 2), st.integers(0, 3)),
            st.tuples(st.just("remove"), st.integers(0, 3)),
            st.tuples(st.just("dimensions"), st.sampled_from(["Lipstick", "Gloss"])),
            st.tuples(st.just("publish")),
        ),
        max_size=8,
    )
)
def test_whatever_the_order_a_snapshot_equals_one_full_publish(
    steps: list[tuple[object, ...]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = make_settings(Path(folder))
        catalog = catalog_of(settings)
        land(settings, DAY + timedelta(days=9))
        for name, *arguments in steps:
            match name, arguments:
                case "land", [int(day), int(seed), int(orders)]:
                    land(settings, DAY + timedelta(days=day), seed, orders)
                case "remove", [int(day)]:
                    path = partition_path(
                        settings.lake_root, Layer.STAR, "fact_sales", DAY + timedelta(days=day)
                    )
                    path.unlink(missing_ok=True)
                case "dimensions", [str(product)]:
                    land_dimensions(settings, product)
                case "publish", []:
                    publish(settings, catalog)
        assert contents(publish(settings, catalog).path) == from_scratch(settings)


def test_changed_vanished_and_emptied_days_are_followed(
    settings: Settings, catalog: Catalog
) -> None:
    first, second, third, fourth = days(4)
    land_all(settings, [first, second, third, fourth])
    publish(settings, catalog)
    land(settings, first, seed=1)
    remove_day(settings, "fact_sales", second)
    land(settings, third, orders=0)
    result = publish(settings, catalog)
    assert result.changed == {"fact_sales": 3, "fact_payments": 2}
    held = rows(settings, "SELECT date, count(*) FROM fact_sales GROUP BY date ORDER BY date")
    assert held == [(first, sales(first, 1).height), (fourth, sales(fourth, 0).height)]
    transactions = rows(settings, "SELECT DISTINCT date FROM fact_transactions ORDER BY date")
    assert transactions == [(first,), (fourth,)]
    coverage = rows(
        settings,
        "SELECT date, fact_rows FROM data_coverage WHERE dataset = 'pos_order_lines' ORDER BY date",
    )
    # An empty day is a day with 0 rows, a day that was never loaded is no row.
    assert [day for day, _ in coverage] == [first, third, fourth]
    assert (third, 0) in coverage
    assert contents(result.path) == from_scratch(settings)


def test_a_newer_reading_with_the_same_rows_moves_only_the_as_of(
    settings: Settings, catalog: Catalog
) -> None:
    land(settings, DAY)
    publish(settings, catalog)
    later = AS_OF + timedelta(hours=1)
    land(settings, DAY, as_of=later)
    result = publish(settings, catalog)
    assert (result.version, result.changed) == (2, {})
    assert rows(settings, "SELECT as_of FROM warehouse_state") == [(later,)]
    assert rows(settings, "SELECT DISTINCT as_of FROM data_coverage") == [(later,)]


def test_raw_files_tell_the_coverage(settings: Settings, catalog: Catalog) -> None:
    land(settings, DAY)
    dataset = next(d for d in catalog.datasets if d.name == "pos_orders")
    raw = pl.DataFrame(
        [{"date": DAY, "id": n, "_extracted_at": AS_OF} for n in (1, 2)],
        schema=dataset.raw_table.schema,
    )
    write_days(settings.lake_root, Layer.RAW, dataset.raw_table, raw, [DAY], as_of=AS_OF)
    publish(settings, catalog)
    covered = rows(settings, "SELECT dataset, rows, fact_table FROM data_coverage ORDER BY ALL")
    assert covered == [
        ("pos_order_lines", None, "fact_sales"),
        ("pos_orders", 2, None),
        ("pos_payments", None, "fact_payments"),
    ]


def test_names_of_products_follow_their_dimensions(settings: Settings, catalog: Catalog) -> None:
    land(settings, DAY)
    publish(settings, catalog)
    assert rows(settings, "SELECT count(*) FROM dim_products") == [(0,)]
    notes = rows(settings, "SELECT unnest(notes) FROM warehouse_state")
    assert ("dim_products was never loaded: it is empty",) in notes
    assert any("not in dim_products" in str(note) for (note,) in notes)
    land_dimensions(settings)
    publish(settings, catalog)
    known = rows(
        settings,
        "SELECT category, category_path, root_category, brand, principal FROM dim_products "
        "WHERE product_id = 1",
    )
    assert known == [("Lips", "All / Make-up / Lips", "Make-up", "Rosé", "PT Rosé")]
    by_category = rows(settings, "SELECT DISTINCT category_id FROM agg_sales_category_daily")
    assert by_category == [(11,)]


def test_the_calendar_reaches_around_the_data(settings: Settings, catalog: Catalog) -> None:
    land_all(settings, [DAY, DAY + timedelta(days=2)])
    publish(settings, catalog)
    assert rows(settings, "SELECT min(date), max(date), count(*) FROM dim_date") == [
        (DAY - timedelta(days=728), DAY + timedelta(days=368), 728 + 368 + 1)
    ]
    for day, *told in rows(
        settings, "SELECT date, iso_year, iso_week_number, weekday, iso_week, month FROM dim_date"
    ):
        assert isinstance(day, date)
        monday = day - timedelta(days=day.weekday())
        assert told == [*day.isocalendar(), monday, day.replace(day=1)]
    gaps = rows(settings, "SELECT unnest(notes) FROM warehouse_state")
    assert ("fact_sales lacks 1 days between 2026-03-01 and 2026-03-03",) in gaps


def test_a_partition_that_lands_while_we_load_is_not_lost(
    settings: Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_all(settings, days(3))
    read = load._replace
    landed = iter([1, 2])

    def replace_then_land(*arguments: object) -> None:
        read(*arguments)  # type: ignore[arg-type]
        if seed := next(landed, 0):
            land(settings, DAY, seed)

    monkeypatch.setattr(load, "_replace", replace_then_land)
    result = publish(settings, catalog)
    held = rows(settings, f"SELECT count(*) FROM fact_sales WHERE date = DATE '{DAY}'")
    assert held == [(sales(DAY, 2).height,)]
    assert contents(result.path) == from_scratch(settings)


def test_a_partition_replaced_and_put_back_while_we_load_is_read_again(
    settings: Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_all(settings, days(2))
    read = load._replace
    rounds: list[int] = []

    def replace_among_landings(*arguments: object) -> None:
        rounds.append(1)
        if len(rounds) > 1:
            return read(*arguments)  # type: ignore[arg-type]
        # The footer read before says what is there at the end too: only the stat tells.
        land(settings, DAY, seed=1)
        read(*arguments)  # type: ignore[arg-type]
        return land(settings, DAY, seed=0)

    monkeypatch.setattr(load, "_replace", replace_among_landings)
    assert contents(publish(settings, catalog).path) == from_scratch(settings)


def test_a_lake_that_never_rests_is_an_error_in_words(
    settings: Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_all(settings, days(2))
    read = load._replace
    seeds = iter(range(1, 100))

    def replace_then_land(*arguments: object) -> None:
        read(*arguments)  # type: ignore[arg-type]
        land(settings, DAY, next(seeds))

    monkeypatch.setattr(load, "_replace", replace_then_land)
    monkeypatch.setattr(load, "_ROUNDS_FOR_CONSISTENT", 4)
    with pytest.raises(PublishError, match=r"4 times in a row; publish again"):
        publish(settings, catalog)
    assert current(settings.warehouse_dir) is None


@pytest.mark.parametrize("footer_read", [True, False])
def test_a_day_that_vanishes_while_we_load_is_left_out(
    settings: Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, footer_read: bool
) -> None:
    land_all(settings, days(3))
    publish(settings, catalog)
    land(settings, DAY, seed=1)
    describe, listing = manifest.describe, manifest.list_lake

    def remove() -> None:
        path = partition_path(settings.lake_root, Layer.STAR, "fact_sales", DAY)
        path.unlink(missing_ok=True)

    def describe_then_remove(*arguments: object) -> object:
        entries = describe(*arguments)  # type: ignore[arg-type]
        remove()
        return entries

    def list_then_remove(*arguments: object) -> object:
        files = listing(*arguments)  # type: ignore[arg-type]
        remove()
        return files

    if footer_read:
        monkeypatch.setattr(manifest, "describe", describe_then_remove)
    else:
        monkeypatch.setattr(manifest, "list_lake", list_then_remove)
    result = publish(settings, catalog)
    notes = rows(settings, "SELECT unnest(notes) FROM warehouse_state")
    assert not any("built" in str(note) for (note,) in notes)
    assert contents(result.path) == from_scratch(settings)
    assert rows(settings, "SELECT min(date) FROM fact_sales") == [(DAY + timedelta(days=1),)]


def test_a_file_too_young_to_be_told_by_its_stat_is_read_again(
    settings: Settings, catalog: Catalog
) -> None:
    land(settings, DAY)
    old = partition_path(settings.lake_root, Layer.STAR, "fact_payments", DAY)
    os.utime(old, (1, 1))
    files = manifest.list_lake(settings.lake_root, catalog)
    entries = manifest.describe(files, {}, catalog)
    stamps = {key.table: entry.mtime_ns for key, entry in entries.items()}
    assert stamps == {"fact_sales": 0, "fact_payments": 1_000_000_000}


def with_fact(catalog: Catalog, table: Table) -> Catalog:
    """``catalog`` with another contract of fact_payments."""
    datasets = tuple(
        replace(d, fact=Fact(table, d.fact.make)) if d.fact and d.fact.table is PAYMENTS else d
        for d in catalog.datasets
    )
    return replace(catalog, datasets=datasets)


def test_another_contract_builds_the_snapshot_anew(settings: Settings, catalog: Catalog) -> None:
    land_all(settings, days(2))
    publish(settings, catalog)
    tip = Column("tip", PAYMENTS.schema["amount"], "Tip", "company currency")
    younger = replace(PAYMENTS, columns=(*PAYMENTS.columns, tip))
    result = publish(settings, with_fact(catalog, younger))
    # Files from before the column are still good: it may be null.
    assert result.changed == {"fact_payments": 2, "fact_sales": 2}
    assert rows(settings, "SELECT count(*), count(tip) FROM fact_payments") == [(10, 0)]
    notes = rows(settings, "SELECT unnest(notes) FROM warehouse_state")
    assert any("definition changed" in str(note) for (note,) in notes)
    assert publish(settings, with_fact(catalog, younger)).unchanged


def test_files_of_another_contract_are_refused_by_name(
    settings: Settings, catalog: Catalog
) -> None:
    land_all(settings, days(2))
    publish(settings, catalog)
    before = current(settings.warehouse_dir)
    columns = tuple(
        replace(c, dtype=pl.Float64()) if c.name == "amount" else c for c in PAYMENTS.columns
    )
    with pytest.raises(PublishError, match=r"fact_payments.*amount is Decimal.*nkdash backfill"):
        publish(settings, with_fact(catalog, replace(PAYMENTS, columns=columns)))
    assert current(settings.warehouse_dir) == before


def test_a_file_in_the_wrong_folder_is_never_published(
    settings: Settings, catalog: Catalog
) -> None:
    land_all(settings, days(2))
    publish(settings, catalog)
    wrong = partition_path(settings.lake_root, Layer.STAR, "fact_sales", DAY + timedelta(days=5))
    wrong.parent.mkdir()
    shutil.copy(partition_path(settings.lake_root, Layer.STAR, "fact_sales", DAY), wrong)
    with pytest.raises(PublishError, match=r"fact_sales.*2026-03-06"):
        publish(settings, catalog)
    published = current(settings.warehouse_dir)
    assert published
    assert published.version == 1
    assert not list(settings.warehouse_dir.glob(".candidate-*"))


@pytest.mark.parametrize("content", [b"", b"not parquet", None])
def test_a_broken_file_of_the_lake_is_named(
    settings: Settings, catalog: Catalog, content: bytes | None
) -> None:
    land(settings, DAY)
    path = partition_path(settings.lake_root, Layer.STAR, "fact_sales", DAY)
    if content is None:
        sales(DAY, 0).write_parquet(path)  # without the lake's footer
    else:
        path.write_bytes(content)
    with pytest.raises(PublishError, match=r"fact_sales/date=2026-03-01.*nkdash backfill"):
        publish(settings, catalog)
    assert current(settings.warehouse_dir) is None


def test_an_empty_lake_says_what_to_do(settings: Settings, catalog: Catalog) -> None:
    with pytest.raises(NothingToPublishError, match="nkdash backfill"):
        publish(settings, catalog)
    assert current(settings.warehouse_dir) is None


def test_a_lake_whose_path_looks_like_a_pattern(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "date=2020-01-01" / "a[b]*")
    land_all(settings, days(2))
    result = publish(settings, catalog_of(settings))
    assert result.rows["fact_sales"] == sum(sales(day, 0).height for day in days(2))


def test_the_last_versions_stay(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, nkdash_warehouse_versions=2)
    for seed in range(4):
        land(settings, DAY, seed)
        publish(settings, catalog_of(settings))
    held = sorted(path.name for path in settings.warehouse_dir.glob("*.duckdb"))
    assert held == ["nkdash-000003.duckdb", "nkdash-000004.duckdb"]


def test_publishing_takes_no_more_memory_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(tmp_path, nkdash_publish_memory="300MiB")
    land_all(settings, days(2))
    told: list[tuple[str, str]] = []

    def looked_at(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
        now = "SELECT current_setting('memory_limit'), current_setting('temp_directory')"
        told.extend(connection.execute(now).fetchall())

    monkeypatch.setattr(publisher, "verify", looked_at)
    path = publish(settings, catalog_of(settings)).path
    [(limit, spill)] = told
    assert limit == "300.0 MiB"
    assert Path(spill).parent == path.parent
    assert {file.suffix for file in path.parent.iterdir()} == {".duckdb", ".json", ".lock"}


def test_every_column_carries_its_description(settings: Settings, catalog: Catalog) -> None:
    land(settings, DAY)
    publish(settings, catalog)
    told = rows(
        settings,
        "SELECT comment FROM duckdb_columns() "
        "WHERE table_name = 'fact_sales' AND column_name = 'tax'",
    )
    assert told == [("revenue_tax_in - net_tax_ex (company currency)",)]
    silent = rows(
        settings,
        "SELECT table_name FROM duckdb_tables() "
        "WHERE comment IS NULL AND table_name NOT LIKE 'warehouse_%'",
    )
    assert silent == []
