"""The lake in a bucket: the same promises as on disk, and as few requests as can be."""

import sys
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import polars as pl
import pytest
from s3fs import S3FileSystem
from upath import UPath

from nkdash.contracts import ContractViolationError, Table
from nkdash.lake import (
    LakePath,
    LakeWriteError,
    Layer,
    NotInLakeError,
    S3Error,
    S3RefusedError,
    days_present,
    list_days,
    list_table,
    list_tables,
    place,
    read_footer,
    read_footers,
    s3,
    scan_days,
    scan_table,
    storage,
    write_days,
    write_table,
)
from nkdash.lake.io_manager import LakeIOManager
from nkdash_tests.lake.test_files import AS_OF, DAY, TABLE, rows
from nkdash_tests.s3_server import BUCKET, SECRET, Answer, Request, S3Server, s3_server

DAYS = [DAY + timedelta(days=n) for n in range(3)]
DIM = Table("dim_shops", "one shop", ("id",), TABLE.columns[1:2], partitioned=False)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    monkeypatch.setattr(place, "_TRIES", 1)
    monkeypatch.setattr(S3FileSystem, "retries", 1)
    with s3_server() as running:
        yield running


@pytest.fixture
def lake(server: S3Server) -> UPath:
    found: UPath = UPath(f"s3://{BUCKET}/a lake/über", **server.options())
    return found


def write(root: LakePath, frame: pl.DataFrame) -> None:
    write_days(root, Layer.CLEAN, TABLE, frame, DAYS, as_of=AS_OF)


def ids(root: LakePath) -> list[int]:
    found: list[int] = scan_days(root, Layer.CLEAN, TABLE, DAYS).collect()["id"].to_list()
    return found


def test_a_range_is_one_put_a_day_one_list_and_one_get_a_day(server: S3Server, lake: UPath) -> None:
    write(lake, rows((0, 2), (0, 1), (2, 3)))
    assert server.counted() == {"PUT": 3}
    files = list_days(lake, Layer.CLEAN, "sales")
    assert [file.day for file in files] == DAYS
    assert server.counted() == {"LIST": 1}
    footers = read_footers([file.path for file in files])
    assert [(f.rows, f.as_of) for f in footers if f] == [(2, AS_OF), (0, AS_OF), (1, AS_OF)]
    assert server.counted() == {"GET": 3}
    back = scan_days(lake, Layer.CLEAN, TABLE, DAYS)
    assert server.counted() == {"GET": 3}
    assert (back.collect()["id"].to_list(), back.collect().schema) == ([1, 2, 3], TABLE.schema)
    assert server.counted() == {}


def test_tables_without_days_are_one_object(server: S3Server, lake: UPath) -> None:
    frame = pl.DataFrame({"id": [2, 1]})
    assert list_table(lake, Layer.STAR, "dim_shops") is None
    with pytest.raises(NotInLakeError, match="dim_shops"):
        scan_table(lake, Layer.STAR, DIM)
    write_table(lake, Layer.STAR, DIM, frame, as_of=AS_OF)
    assert scan_table(lake, Layer.STAR, DIM).collect()["id"].to_list() == [1, 2]
    server.counted()
    assert list_tables(lake, Layer.STAR) == [list_table(lake, Layer.STAR, "dim_shops")]
    assert server.counted() == {"LIST": 1, "HEAD": 1}


def test_days_that_were_never_loaded_are_named(lake: UPath) -> None:
    assert days_present(lake, Layer.CLEAN, "sales") == set()
    write_days(lake, Layer.CLEAN, TABLE, rows((0, 1)), DAYS[:1], as_of=AS_OF)
    with pytest.raises(NotInLakeError, match="2026-03-02, 2026-03-03"):
        ids(lake)
    with pytest.raises(FileNotFoundError):
        read_footer(lake / "clean/sales/date=2026-03-02/data.parquet")


def test_a_listing_goes_on_beyond_a_page(
    lake: UPath, monkeypatch: pytest.MonkeyPatch, server: S3Server
) -> None:
    write(lake, rows((0, 1)))
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    server.counted()
    assert days_present(lake, Layer.CLEAN, "sales") == set(DAYS)
    assert server.counted() == {"LIST": 2}


def test_equal_stat_means_equal_content_even_within_a_second(lake: UPath) -> None:
    write(lake, rows((0, 1)))
    first = list_days(lake, Layer.CLEAN, "sales")
    write(lake, rows((0, 2)))
    second = list_days(lake, Layer.CLEAN, "sales")
    assert [a.etag == b.etag for a, b in zip(first, second, strict=True)] == [False, True, True]
    assert first[0].size == second[0].size


def test_a_footer_longer_than_guessed_is_fetched_whole(
    lake: UPath, monkeypatch: pytest.MonkeyPatch, server: S3Server
) -> None:
    write(lake, rows((0, 1)))
    [file, *_] = list_days(lake, Layer.CLEAN, "sales")
    usual = read_footer(file.path)
    monkeypatch.setattr(storage, "_TAIL_BYTES", 100)
    server.counted()
    assert read_footer(file.path) == usual
    assert server.counted() == {"GET": 2}


def test_nothing_is_put_before_every_file_of_the_range_is_complete(
    lake: UPath, monkeypatch: pytest.MonkeyPatch, server: S3Server
) -> None:
    write(lake, rows((0, 1), (1, 2), (2, 3)))
    server.counted()
    real, calls = pl.DataFrame.write_parquet, 0

    def third_fails(*args: object, **named: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError(12, "Cannot allocate memory")
        real(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(pl.DataFrame, "write_parquet", third_fails)
    with pytest.raises(LakeWriteError, match="Cannot allocate memory"):
        write(lake, rows((0, 7), (1, 8), (2, 9)))
    with pytest.raises(ContractViolationError):
        write(lake, rows((0, 1), (0, 1)))
    assert server.counted() == {}
    assert ids(lake) == [1, 2, 3]


def test_a_put_that_fails_midway_leaves_each_day_old_or_new(lake: UPath, server: S3Server) -> None:
    write(lake, rows((0, 1), (1, 2), (2, 3)))

    def second_day_fails(request: Request) -> Answer | None:
        if request.method == "PUT" and "2026-03-02" in request.path:
            return 500, "InternalError", "We encountered an internal error."
        return None

    server.fault = second_day_fails
    with pytest.raises(LakeWriteError, match=r"internal error.*run again") as failed:
        write(lake, rows((0, 11), (1, 12), (2, 13)))
    assert not failed.value.permanent
    first, second, third = ids(lake)
    assert (first in (1, 11), second, third in (3, 13)) == (True, 2, True)
    server.fault = None
    write(lake, rows((0, 11), (1, 12), (2, 13)))
    assert ids(lake) == [11, 12, 13]


def test_a_passing_fault_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, lake: UPath, server: S3Server
) -> None:
    monkeypatch.setattr(place, "_TRIES", 3)
    failed: set[str] = set()

    def once_each(request: Request) -> Answer | None:
        if request.path in failed:
            return None
        failed.add(request.path)
        return 503, "ServiceUnavailable", "Please reduce your request rate."

    server.fault = once_each
    patient = UPath(str(lake), **server.options())
    write_days(patient, Layer.CLEAN, TABLE, rows((0, 1)), DAYS[:1], as_of=AS_OF)
    assert server.counted() == {"PUT": 2}


def test_a_connection_lost_while_reading_is_an_error_with_a_remedy(
    lake: UPath, server: S3Server
) -> None:
    write(lake, rows((0, 1), (1, 2), (2, 3)))
    server.cut = lambda request: "2026-03-02" in request.path
    with pytest.raises(S3Error, match=r"2026-03-02.*cannot be reached|cannot be reached.*03-02"):
        ids(lake)
    server.cut = None
    assert ids(lake) == [1, 2, 3]


def test_a_server_that_is_down_is_named_with_the_setting(lake: UPath, server: S3Server) -> None:
    server.__exit__()
    for ask in (lambda: ids(lake), lambda: days_present(lake, Layer.CLEAN, "sales")):
        with pytest.raises(S3Error, match="NKDASH_S3_ENDPOINT") as failed:
            ask()
        assert not isinstance(failed.value, S3RefusedError)


def test_wrong_credentials_fail_once_clearly_and_for_good(server: S3Server) -> None:
    wrong = UPath(f"s3://{BUCKET}/lake", **server.options(key="WRONGKEY"))
    with pytest.raises(LakeWriteError, match=r"does not exist.*AWS_ACCESS_KEY_ID") as failed:
        write_days(wrong, Layer.CLEAN, TABLE, rows((0, 1)), DAYS[:1], as_of=AS_OF)
    assert failed.value.permanent
    assert server.counted() == {"PUT": 1}
    with pytest.raises(S3RefusedError, match="AWS_ACCESS_KEY_ID"):
        days_present(wrong, Layer.CLEAN, "sales")
    assert SECRET not in f"{failed.value} {wrong!r} {wrong}"

    manager = LakeIOManager(wrong, {("star", "dim_shops"): DIM})
    context = dg.build_output_context(asset_key=dg.AssetKey(["star", "dim_shops"]))
    with pytest.raises(dg.Failure) as refused:
        manager.handle_output(context, pl.DataFrame({"id": [1]}))
    assert refused.value.allow_retries is False


def test_a_missing_extra_is_named(
    lake: UPath, monkeypatch: pytest.MonkeyPatch, server: S3Server
) -> None:
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    with pytest.raises(S3RefusedError, match=r"needs s3fs.*pip install 'nkdash\[s3\]'"):
        days_present(lake, Layer.CLEAN, "sales")


def test_a_bucket_that_is_not_there_is_named(server: S3Server) -> None:
    nowhere = UPath("s3://no-such-bucket/lake", **server.options())
    with pytest.raises(S3RefusedError, match=r"no bucket no-such-bucket.*DATA_LAKE_ROOT"):
        list_days(nowhere, Layer.CLEAN, "sales")


def test_a_conditional_put_replaces_only_what_was_read(lake: UPath) -> None:
    pointer = lake / "pointer"
    s3.put(pointer, b"1", if_new=True)
    with pytest.raises(s3.LostRaceError):
        s3.put(pointer, b"2", if_new=True)
    etag = s3.stat(pointer).etag
    s3.put(pointer, b"2", if_etag=etag)
    with pytest.raises(s3.LostRaceError):
        s3.put(pointer, b"3", if_etag=etag)
    assert s3.get(pointer) == b"2"
    s3.delete(pointer)
    with pytest.raises(s3.LostRaceError):
        s3.put(pointer, b"3", if_etag=etag)
