"""Readers: always the newest version, never another's rows, and errors in words."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from nkdash.catalog import Catalog
from nkdash.settings import Settings
from nkdash.warehouse import (
    BrokenWarehouseError,
    NoWarehouseError,
    OldSchemaError,
    Warehouse,
    current,
    publish,
    snapshot,
)
from nkdash.warehouse.versions import point_at
from nkdash_tests.warehouse.lake_samples import (
    DAY,
    catalog_of,
    days,
    land,
    land_all,
    make_settings,
    sales,
)

COUNT = "SELECT count(*) FROM fact_sales"


def test_before_the_first_publish_it_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(NoWarehouseError, match="nkdash backfill"):
        Warehouse(settings.warehouse_dir).query(COUNT)


def test_a_reader_follows_the_pointer_and_old_cursors_go_on(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, nkdash_warehouse_versions=2)
    catalog = catalog_of(settings)
    land(settings, DAY)
    first = publish(settings, catalog)
    reader = Warehouse(settings.warehouse_dir, poll_seconds=0)
    with reader.cursor() as old:
        for seed in range(1, 4):
            land(settings, DAY, seed)
            version = publish(settings, catalog).version
            assert reader.version == version
            assert reader.query(COUNT).item() == sales(DAY, seed).height
        assert not first.path.exists()
        assert old.execute(COUNT).fetchall() == [(sales(DAY, 0).height,)]
    with pytest.raises(duckdb.ConnectionException):
        old.execute(COUNT)
    reader.close()


def test_the_pointer_is_looked_at_no_more_often_than_asked(
    settings: Settings, catalog: Catalog
) -> None:
    land(settings, DAY)
    publish(settings, catalog)
    seldom = Warehouse(settings.warehouse_dir, poll_seconds=3600)
    assert seldom.version == 1
    land(settings, DAY, seed=1)
    publish(settings, catalog)
    assert seldom.version == 1
    seldom.close()
    assert seldom.version == 2
    seldom.close()


def test_a_folder_emptied_and_filled_anew_is_read_anew(
    settings: Settings, catalog: Catalog
) -> None:
    land(settings, DAY)
    publish(settings, catalog)
    reader = Warehouse(settings.warehouse_dir, poll_seconds=0)
    assert reader.query(COUNT).item() == sales(DAY, 0).height
    with reader.cursor() as old:
        shutil.rmtree(settings.warehouse_dir)
        land(settings, DAY, seed=1, orders=9)
        # The same number, and so the same path, which DuckDB still has open.
        assert publish(settings, catalog).version == 1
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(reader.query(COUNT).item()))
        thread.start()
        thread.join(0.3)
        # Waits for the cursor on the old file, which goes on.
        assert thread.is_alive()
        assert old.execute(COUNT).fetchall() == [(sales(DAY, 0).height,)]
    thread.join()
    assert found == [sales(DAY, 1, 9).height]
    reader.close()


def test_a_reader_can_change_nothing_and_reach_nothing_else(
    settings: Settings, catalog: Catalog, tmp_path: Path
) -> None:
    land(settings, DAY)
    publish(settings, catalog)
    reader = Warehouse(settings.warehouse_dir)
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n")
    frame = sales(DAY, 0)
    assert frame.height
    for forbidden in (
        "DELETE FROM fact_sales",
        "CREATE TABLE mine (a INTEGER)",
        f"SELECT * FROM read_csv('{other}')",
        f"COPY fact_sales TO '{tmp_path / 'out.csv'}'",
        "SELECT * FROM frame",
    ):
        with reader.cursor() as cursor, pytest.raises(duckdb.Error):
            cursor.execute(forbidden)
    assert not (tmp_path / "out.csv").exists()
    reader.close()


def test_another_schema_is_refused_in_words(
    settings: Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(settings, DAY)
    publish(settings, catalog)
    newer = snapshot.SCHEMA_VERSION + 1
    monkeypatch.setattr("nkdash.warehouse.reader.SCHEMA_VERSION", newer)
    reader = Warehouse(settings.warehouse_dir)
    with pytest.raises(OldSchemaError, match="nkdash publish"):
        reader.query(COUNT)
    monkeypatch.setattr("nkdash.warehouse.publisher.SCHEMA_VERSION", newer)
    assert publish(settings, catalog).version == 2
    assert reader.query(COUNT).item() == sales(DAY, 0).height
    reader.close()


def test_a_missing_file_is_an_error_and_never_a_zero(settings: Settings, catalog: Catalog) -> None:
    land(settings, DAY)
    result = publish(settings, catalog)
    result.path.unlink()
    reader = Warehouse(settings.warehouse_dir)
    with pytest.raises(BrokenWarehouseError, match=r"nkdash-000001\.duckdb"):
        reader.query(COUNT)
    with pytest.raises(BrokenWarehouseError):
        assert reader.version
    publish(settings, catalog)
    assert reader.query(COUNT).item() == sales(DAY, 0).height
    reader.close()


def test_a_version_taken_away_between_look_and_open_is_no_error(
    settings: Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(settings, DAY)
    first = publish(settings, catalog)
    look = current(settings.warehouse_dir)
    assert look
    land(settings, DAY, seed=1)
    second = publish(settings, catalog)
    newest = current(settings.warehouse_dir)
    assert newest
    first.path.unlink()
    point_at(settings.warehouse_dir, look)
    from nkdash.warehouse import reader as module

    looks = iter([look, newest])
    monkeypatch.setattr(module, "current", lambda _: next(looks))
    reader = Warehouse(settings.warehouse_dir)
    assert reader.version == second.version
    reader.close()


def test_threads_read_their_own_rows_of_the_newest_version_while_publishes_run(
    settings: Settings, catalog: Catalog
) -> None:
    threads, queries, publishes = 8, 1000, 5
    land_all(settings, days(threads))
    publish(settings, catalog)
    reader = Warehouse(settings.warehouse_dir, poll_seconds=0)
    own = days(threads)
    pointed = 1
    problems: list[object] = []

    def read(me: int) -> Callable[[], None]:
        expected = [(own[me], sales(own[me], 0).height)]

        def work() -> None:
            seen = 0
            try:
                for _ in range(queries):
                    least = pointed
                    with reader.cursor() as cursor:
                        found = cursor.execute(
                            "SELECT date, count(*) FROM fact_sales WHERE date = ? GROUP BY date",
                            [own[me]],
                        ).fetchall()
                        state = cursor.execute("SELECT version FROM warehouse_state").fetchall()
                    version = state[0][0]
                    if found != expected or version < max(least, seen):
                        problems.append((me, found, version, least, seen))
                    seen = version
            except Exception as error:
                problems.append(error)

        return work

    workers = [threading.Thread(target=read(n)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for n in range(publishes):
        land(settings, days(threads + 1)[-1], seed=n)
        pointed = publish(settings, catalog).version
    for worker in workers:
        worker.join()
    assert problems == []
    assert pointed == 1 + publishes
    reader.close()
