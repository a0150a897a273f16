"""A warehouse in a bucket: built here, uploaded, pointed at; fetched and checked before opening."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from s3fs import S3FileSystem

from nkdash.catalog import Catalog
from nkdash.lake import place, s3
from nkdash.settings import Settings
from nkdash.warehouse import (
    BrokenWarehouseError,
    PublishError,
    Stored,
    UnreachableWarehouseError,
    Warehouse,
    current,
    lock,
    publish,
    reader,
)
from nkdash_tests import postgres
from nkdash_tests.s3_server import BUCKET, KEY, SECRET, Answer, Request, S3Server, s3_server
from nkdash_tests.warehouse.lake_samples import (
    DAY,
    catalog_of,
    contents,
    days,
    land,
    land_all,
    land_dimensions,
    make_settings,
    sales,
)

COUNT = "SELECT count(*) FROM fact_sales"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    monkeypatch.setattr(place, "_TRIES", 1)
    monkeypatch.setattr(S3FileSystem, "retries", 1)
    monkeypatch.setattr(reader, "_REMOTE_POLL_SECONDS", 0.0)
    with s3_server() as running:
        yield running


def machine(server: S3Server, folder: Path, **more: Any) -> Settings:
    """Settings of one machine: the bucket is shared, its cache is its own."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        data_lake_root=f"s3://{BUCKET}/lake",
        nkdash_warehouse_cache=folder / "cache",
        nkdash_s3_endpoint=server.url,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        aws_default_region="us-east-1",
        **more,
    )


@pytest.fixture
def settings(server: S3Server, tmp_path: Path) -> Settings:
    return machine(server, tmp_path / "here")


@pytest.fixture
def catalog(settings: Settings) -> Catalog:
    return catalog_of(settings)


def pointed(settings: Settings) -> Stored:
    found = current(settings.warehouse_dir)
    assert isinstance(found, Stored)
    return found


def stored(settings: Settings) -> list[str]:
    """What lies in the bucket's warehouse."""
    where = settings.warehouse_dir
    assert not isinstance(where, Path)
    return sorted(item.name for item in s3.listing(where, deep=True))


def open_at(settings: Settings) -> Warehouse:
    return Warehouse(settings.warehouse_dir, 0, settings.warehouse_cache)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "did not come true"


def put_of(name: str) -> Callable[[Request], bool]:
    return lambda request: request.method == "PUT" and name in request.path


def from_a_local_lake(folder: Path, write: Callable[[Settings], None]) -> dict[str, Any]:
    local = make_settings(folder / "local")
    write(local)
    return contents(publish(local, catalog_of(local)).path)


def test_a_bucket_and_a_folder_publish_the_same(
    settings: Settings, catalog: Catalog, server: S3Server, tmp_path: Path
) -> None:
    def write(into: Settings) -> None:
        land_all(into, days(4))
        land(into, days(4)[1], orders=0)
        land_dimensions(into)

    write(settings)
    server.counted()
    first = publish(settings, catalog)
    built = server.counted()
    assert contents(first.path) == from_a_local_lake(tmp_path, write)
    assert first.path.parent.parent == settings.warehouse_cache
    # Facts and dimensions: footer and content of each; the pointer, which is not there.
    assert built["GET"] <= 2 * 12 + 2
    assert built["PUT"] == 2

    again = publish(settings, catalog)
    assert (again.unchanged, again.version, again.path) == (True, 1, first.path)
    assert server.counted()["PUT"] == 0

    land(settings, DAY, seed=1)
    server.counted()
    second = publish(settings, catalog)
    asked = server.counted()
    assert (second.version, second.changed) == (2, {"fact_payments": 1, "fact_sales": 1})
    # The two files' footers and contents, the pointer, and the log of restatements.
    assert asked["GET"] <= 2 * 2 + 1 + 4
    assert contents(second.path)["main.fact_sales"] != contents(first.path)["main.fact_sales"]


def test_the_lake_in_a_bucket_serves_a_local_warehouse(
    server: S3Server, tmp_path: Path, settings: Settings, catalog: Catalog
) -> None:
    land_all(settings, days(2))
    local = machine(server, tmp_path / "here", nkdash_warehouse=tmp_path / "warehouse")
    result = publish(local, catalog)
    assert result.path.parent == tmp_path / "warehouse"
    assert contents(result.path) == contents(publish(settings, catalog).path)


def test_another_machine_reads_the_newest_version(
    settings: Settings, catalog: Catalog, server: S3Server, tmp_path: Path
) -> None:
    elsewhere = open_at(machine(server, tmp_path / "there"))
    with pytest.raises(Exception, match="nothing was published yet"):
        elsewhere.query(COUNT)
    land(settings, DAY)
    publish(settings, catalog)
    server.counted()
    assert elsewhere.query(COUNT).item() == sales(DAY, 0).height
    assert server.counted() == {"GET": 2}
    for seed in range(1, 5):
        land(settings, DAY, seed, orders=seed * 3)
        version = publish(settings, catalog).version
        wait_for(lambda version=version: elsewhere.version == version)  # type: ignore[misc]
        assert elsewhere.query(COUNT).item() == sales(DAY, seed, seed * 3).height
    kept = list((tmp_path / "there" / "cache").rglob("*"))
    assert len([path for path in kept if path.is_file()]) == 2
    elsewhere.close()


def test_the_last_versions_stay_and_others_go(
    server: S3Server, tmp_path: Path, catalog: Catalog
) -> None:
    settings = machine(server, tmp_path, nkdash_warehouse_versions=2)
    for seed in range(4):
        land(settings, DAY, seed)
        publish(settings, catalog)
    names = stored(settings)
    assert [name[:13] for name in names] == ["current.json", "nkdash-000003", "nkdash-000004"]


def test_a_publisher_that_loses_the_race_builds_upon_the_winner(
    settings: Settings, catalog: Catalog, server: S3Server, tmp_path: Path
) -> None:
    land(settings, DAY)
    publish(settings, catalog)
    land(settings, DAY, seed=1)
    other = machine(server, tmp_path / "there")
    races: list[int] = []

    def other_publishes_first(request: Request) -> Answer | None:
        if put_of("current.json")(request) and not races:
            races.append(0)
            land(other, days(2)[1], seed=2)
            races[0] = publish(other, catalog).version
        return None

    server.fault = other_publishes_first
    mine = publish(settings, catalog)
    assert races == [2]
    # The winner had seen all that was there: nothing was left to publish.
    assert (mine.version, mine.unchanged) == (2, True)
    assert pointed(settings).path.name == mine.path.name
    assert len(stored(settings)) == 3
    expected = sales(DAY, 1).height + sales(days(2)[1], 2).height
    warehouse = open_at(settings)
    assert warehouse.query(COUNT).item() == expected
    restated = "SELECT count(*) FROM restatements WHERE version <> 2"
    assert warehouse.query(restated).item() == 0
    warehouse.close()


def test_publishers_on_several_machines_end_with_the_lake_and_growing_versions(
    settings: Settings, catalog: Catalog, server: S3Server, tmp_path: Path
) -> None:
    machines = [machine(server, tmp_path / f"machine-{n}") for n in range(3)]
    land(settings, DAY)

    def work(n: int) -> list[int]:
        found = []
        for seed in range(3):
            land(machines[n], days(4)[n], seed)
            found.append(publish(machines[n], catalog).version)
        return found

    with ThreadPoolExecutor(3) as pool:
        grown = list(pool.map(work, range(3)))
    assert all(found == sorted(found) for found in grown)
    last = publish(settings, catalog)
    fresh = machine(server, tmp_path, nkdash_warehouse=tmp_path / "fresh")
    assert contents(last.path) == contents(publish(fresh, catalog).path)
    assert pointed(settings).version == last.version >= max(max(found) for found in grown)


def test_a_flip_whose_answer_is_lost_counts(
    settings: Settings, catalog: Catalog, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "_TRIES", 3)
    land(settings, DAY)
    lost: list[str] = []

    def first_flip(request: Request) -> bool:
        if put_of("current.json")(request) and not lost:
            lost.append(request.path)
            return True
        return False

    server.lose = first_flip
    result = publish(settings, catalog)
    assert lost
    assert (result.version, result.unchanged) == (1, False)
    assert pointed(settings).path.name == result.path.name
    assert len(stored(settings)) == 2


@pytest.mark.parametrize("name", ["nkdash-", "current.json"])
def test_a_failure_to_upload_or_to_flip_leaves_the_version_before(
    settings: Settings, catalog: Catalog, server: S3Server, name: str
) -> None:
    land(settings, DAY)
    publish(settings, catalog)
    land(settings, DAY, seed=1)
    failing = put_of(name)
    server.fault = lambda r: (500, "InternalError", "We broke.") if failing(r) else None
    with pytest.raises(PublishError, match=r"We broke.*version before is still current"):
        publish(settings, catalog)
    assert pointed(settings).version == 1
    warehouse = open_at(settings)
    assert warehouse.query(COUNT).item() == sales(DAY, 0).height
    warehouse.close()
    server.fault = None
    assert publish(settings, catalog).version == 2
    left = [path.name for path in settings.warehouse_cache.rglob(".*")]
    assert left == []


def test_a_download_that_is_cut_is_never_opened(
    settings: Settings, catalog: Catalog, server: S3Server, tmp_path: Path
) -> None:
    land(settings, DAY)
    publish(settings, catalog)
    there = machine(server, tmp_path / "there")
    warehouse = open_at(there)
    server.cut = lambda request: "nkdash-0" in request.path
    with pytest.raises(UnreachableWarehouseError, match="NKDASH_S3_ENDPOINT"):
        warehouse.query(COUNT)
    assert [path for path in there.warehouse_cache.rglob("*") if path.is_file()] == []
    server.cut = None
    assert warehouse.query(COUNT).item() == sales(DAY, 0).height
    warehouse.close()


def test_a_copy_that_is_damaged_on_disk_is_fetched_again(
    settings: Settings, catalog: Catalog, server: S3Server
) -> None:
    land(settings, DAY)
    path = publish(settings, catalog).path
    path.write_bytes(bytes(path.stat().st_size))
    server.counted()
    warehouse = open_at(settings)
    assert warehouse.query(COUNT).item() == sales(DAY, 0).height
    assert server.counted() == {"GET": 3}
    warehouse.close()


def test_an_object_that_is_not_what_was_published_is_refused_and_made_anew(
    settings: Settings, catalog: Catalog, server: S3Server, tmp_path: Path
) -> None:
    land(settings, DAY)
    path = publish(settings, catalog).path
    s3.put(pointed(settings).path, bytes(path.stat().st_size))
    there = machine(server, tmp_path / "there")
    warehouse = open_at(there)
    with pytest.raises(BrokenWarehouseError, match="not what was published"):
        warehouse.query(COUNT)
    assert publish(there, catalog).version == 2
    assert warehouse.query(COUNT).item() == sales(DAY, 0).height
    warehouse.close()


def test_readers_go_on_while_s3_does_not_answer(
    settings: Settings, catalog: Catalog, server: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    land(settings, DAY)
    publish(settings, catalog)
    warehouse = open_at(settings)
    assert warehouse.version == 1
    server.fault = lambda _: (503, "ServiceUnavailable", "Down for maintenance.")

    def told() -> bool:
        assert warehouse.query(COUNT).item() == sales(DAY, 0).height
        return "Down for maintenance" in caplog.text

    wait_for(told)
    server.fault = None
    land(settings, DAY, seed=1, orders=9)
    publish(settings, catalog)
    wait_for(lambda: warehouse.query(COUNT).item() == sales(DAY, 1, 9).height)
    warehouse.close()


def test_a_lost_or_broken_pointer_never_goes_back(settings: Settings, catalog: Catalog) -> None:
    for seed in range(3):
        land(settings, DAY, seed)
        publish(settings, catalog)
    pointer = pointed(settings).path.parent / "current.json"
    s3.put(pointer, b'{"version": ')
    with pytest.raises(BrokenWarehouseError, match="nkdash publish"):
        current(settings.warehouse_dir)
    assert publish(settings, catalog).version == 4
    s3.delete(pointer)
    assert current(settings.warehouse_dir) is None
    assert publish(settings, catalog).version == 5


def test_a_bucket_that_is_emptied_and_filled_anew_is_not_read_stale(
    settings: Settings, catalog: Catalog
) -> None:
    land(settings, DAY)
    publish(settings, catalog)
    warehouse = open_at(settings)
    assert warehouse.query(COUNT).item() == sales(DAY, 0).height
    folder = pointed(settings).path.parent
    for name in stored(settings):
        s3.delete(folder / name)
    land(settings, DAY, seed=1, orders=9)
    assert publish(settings, catalog).version == 1
    wait_for(lambda: warehouse.query(COUNT).item() == sales(DAY, 1, 9).height)
    warehouse.close()


def test_wrong_credentials_are_named_with_the_settings_and_no_secret(
    server: S3Server, tmp_path: Path, catalog: Catalog
) -> None:
    wrong = machine(server, tmp_path).model_copy(update={"aws_access_key_id": None})
    with pytest.raises(PublishError, match="AWS_ACCESS_KEY_ID") as failed:
        publish(wrong, catalog)
    assert SECRET not in str(failed.value)
    with pytest.raises(UnreachableWarehouseError, match="AWS_ACCESS_KEY_ID"):
        open_at(wrong).query(COUNT)


def test_publishers_wait_for_one_another_through_postgres(
    server: S3Server, tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.server() as url:
        shared = machine(server, tmp_path, nkdash_postgres_url=url)
        land(shared, DAY)
        monkeypatch.setattr("nkdash.warehouse.publisher.LOCK_TIMEOUT", 1.0)
        with lock.between_machines(shared.nkdash_postgres_url, str(shared.warehouse_dir), 1):
            server.counted()
            with pytest.raises(PublishError, match=r"another publish has held .*advisory lock"):
                publish(shared, catalog)
            assert server.counted() == {}
            other = shared.model_copy(update={"nkdash_warehouse": f"s3://{BUCKET}/other"})
            assert publish(other, catalog).version == 1
        assert publish(shared, catalog).version == 1
    with pytest.raises(PublishError, match="Postgres cannot be asked"):
        publish(shared, catalog)
