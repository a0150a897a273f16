"""The restatement log: published days that changed, told once, by how much, and never lost."""

import json
import shutil
from datetime import date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from typer.testing import CliRunner

from nkdash.catalog import Catalog
from nkdash.cli.app import app
from nkdash.clock import day_window
from nkdash.contracts import empty
from nkdash.lake import LakeWriteError, Layer, table_path, write_days
from nkdash.settings import Settings
from nkdash.warehouse import publish, restatements
from nkdash.warehouse.snapshot import open_snapshot
from nkdash_tests.warehouse.lake_samples import (
    AS_OF,
    DAY,
    PAYMENTS,
    SALES,
    days,
    land,
    land_all,
    land_dimensions,
    payments,
    remove_day,
    sales,
)

Row = tuple[str, date, str, object, object]
OTHER = DAY + timedelta(days=1)


def log(settings: Settings, catalog: Catalog) -> pl.DataFrame:
    """The log of what is published now."""
    connection = open_snapshot(publish(settings, catalog).path)
    try:
        return restatements.read(connection)
    finally:
        connection.close()


def figures(frame: pl.DataFrame) -> set[Row]:
    return set(frame.select("table_name", "date", "measure", "value_before", "value_after").rows())


def of(
    table: str, day: date, before: pl.DataFrame, after: pl.DataFrame, *measures: str
) -> set[Row]:
    return {(table, day, "rows", Decimal(before.height), Decimal(after.height))} | {
        (table, day, m, before[m].sum(), after[m].sum()) for m in measures
    }


@pytest.fixture
def published(settings: Settings, catalog: Catalog) -> Settings:
    """Three days, published whole."""
    land_dimensions(settings)
    land_all(settings, days(3))
    assert log(settings, catalog).is_empty()
    return settings


def restate(settings: Settings, day: date = DAY, seed: int = 1) -> set[Row]:
    """Another load of a day, and what the log must say of it."""
    land(settings, day, seed)
    expected = of(
        SALES.name,
        day,
        sales(day, seed - 1),
        sales(day, seed),
        "quantity",
        "net_tax_ex",
        "revenue_tax_in",
        "discount_tax_in",
    )
    return expected | of(PAYMENTS.name, day, payments(day, seed - 1), payments(day, seed), "amount")


def test_a_day_that_changes_is_told_with_its_figures_before_and_after(
    published: Settings, catalog: Catalog
) -> None:
    expected = restate(published)
    found = log(published, catalog)
    assert figures(found) == expected
    assert set(found["version"]) == {2}
    again = restate(published, OTHER)
    assert figures(log(published, catalog)) == expected | again


def test_the_same_rows_loaded_again_are_no_restatement(
    published: Settings, catalog: Catalog
) -> None:
    land(published, DAY, as_of=AS_OF + timedelta(days=1))
    assert log(published, catalog).is_empty()


def test_a_day_that_was_still_open_is_not_restated(settings: Settings, catalog: Catalog) -> None:
    land_dimensions(settings)
    end = day_window(DAY, DAY, settings.zone)[1]
    land(settings, DAY, as_of=end - timedelta(seconds=1))
    publish(settings, catalog)
    land(settings, DAY, seed=1, as_of=end)
    assert log(settings, catalog).is_empty()
    land(settings, DAY, seed=2)
    assert not log(settings, catalog).is_empty()


def test_a_day_that_becomes_empty_or_goes_is_told(published: Settings, catalog: Catalog) -> None:
    root = published.lake_root
    write_days(root, Layer.STAR, PAYMENTS, empty(PAYMENTS), [DAY], as_of=AS_OF)
    remove_day(published, PAYMENTS.name, OTHER)
    found = log(published, catalog).filter(measure="rows")
    assert found.select("date", "value_before", "value_after").rows() == [
        (DAY, Decimal(5), Decimal(0)),
        (OTHER, Decimal(5), Decimal(0)),
    ]


def test_a_change_without_a_figure_is_told_too(published: Settings, catalog: Catalog) -> None:
    other = sales(DAY, 0).with_columns(pl.lit(99, pl.Int64).alias("session_id"))
    write_days(published.lake_root, Layer.STAR, SALES, other, [DAY], as_of=AS_OF)
    found = log(published, catalog)
    assert found.height == 5
    assert (found["value_before"] == found["value_after"]).all()


def test_a_lost_warehouse_does_not_lose_the_log(published: Settings, catalog: Catalog) -> None:
    expected = restate(published)
    publish(published, catalog)
    shutil.rmtree(str(published.warehouse_dir))
    assert figures(log(published, catalog)) == expected
    # Its versions begin anew: what is found then is told beside it.
    expected |= restate(published, OTHER)
    assert figures(log(published, catalog)) == expected


def test_a_kill_before_the_copy_is_healed_by_the_next_publish(
    published: Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = restate(published)
    with monkeypatch.context() as killed:
        killed.setattr(
            restatements, "write_table", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            publish(published, catalog)
    copy = table_path(published.lake_root, Layer.QUALITY, restatements.TABLE.name)
    assert not copy.exists()
    assert publish(published, catalog).unchanged
    assert copy.exists()
    shutil.rmtree(str(published.warehouse_dir))
    assert figures(log(published, catalog)) == expected


def test_a_copy_that_cannot_be_written_fails_the_publish_until_it_can(
    published: Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    restate(published)

    def full(*_: object, **__: object) -> int:
        raise LakeWriteError("No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(restatements, "write_table", full)
        with pytest.raises(LakeWriteError):
            publish(published, catalog)
    assert publish(published, catalog).unchanged
    assert not log(published, catalog).is_empty()


def test_a_warehouse_built_anew_by_newer_code_tells_only_days_with_other_figures(
    published: Settings, catalog: Catalog
) -> None:
    land(published, OTHER, seed=1)
    other = sales(DAY, 0).with_columns(pl.lit(99, pl.Int64).alias("session_id"))
    write_days(published.lake_root, Layer.STAR, SALES, other, [DAY], as_of=AS_OF)
    newer = published.model_copy(update={"nkdash_cost_fallback": "odoo_line_cost"})
    found = log(newer, catalog)
    assert set(found["date"]) == {OTHER}
    assert set(found["table_name"]) == {SALES.name, PAYMENTS.name}


def test_a_damaged_version_has_nothing_to_compare_with(
    published: Settings, catalog: Catalog
) -> None:
    expected = restate(published)
    version = publish(published, catalog).path
    with version.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 65536)
    land(published, OTHER, seed=1)
    assert figures(log(published, catalog)) == expected


def test_the_log_can_be_asked_for_a_range_of_days(published: Settings, catalog: Catalog) -> None:
    restate(published)
    restate(published, OTHER)
    connection = open_snapshot(publish(published, catalog).path)
    try:
        assert set(restatements.read(connection, OTHER)["date"]) == {OTHER}
        assert set(restatements.read(connection, None, DAY)["date"]) == {DAY}
        assert restatements.read(connection, date(2030, 1, 1)).is_empty()
        at = restatements.read(connection)["published_at"][0]
        assert isinstance(at, datetime)
        comments = connection.execute(
            "SELECT count(*) FROM duckdb_columns() WHERE table_name = 'restatements' "
            "AND comment IS NULL"
        ).fetchall()
        assert comments == [(0,)]
    finally:
        connection.close()


def test_measures_are_columns_that_can_be_summed_up(catalog: Catalog) -> None:
    for dataset in catalog.datasets:
        if dataset.fact and not dataset.is_snapshot:
            assert dataset.fact.measures, dataset.name
            schema = dataset.fact.table.schema
            assert all(schema[measure].is_numeric() for measure in dataset.fact.measures)


def test_the_command_lists_them(
    published: Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_LAKE_ROOT", str(published.lake_root))
    assert "No day changed" in CliRunner().invoke(app, ["restatements"]).output
    restate(published)
    publish(published, catalog)
    asked = ["restatements", "--json", "--to", f"{DAY}"]
    told = json.loads(CliRunner().invoke(app, asked).output)
    assert len(told) == 7
    assert {(row["date"], row["version"]) for row in told} == {(f"{DAY}", 2)}
    assert (
        CliRunner().invoke(app, ["restatements", "--from", f"{OTHER}", "--json"]).output == "[]\n"
    )
    assert "fact_payments" in CliRunner().invoke(app, ["restatements"]).output
    assert CliRunner().invoke(app, ["restatements", "--from", "soon"]).exit_code == 2
