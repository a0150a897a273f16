"""The audit: append-only, safe with several workers, a request asked for once."""

import multiprocessing
import sqlite3
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from dashboard.store import FILE, Entry, RepeatedError, Store, StoreError

AT = datetime(2026, 11, 23, 3, 0, 0, 125000)  # noqa: DTZ001 - naive UTC, as the store has it
ASKED = Entry(
    AT,
    "ayu",
    "manager",
    "refresh",
    "r1",
    "asked",
    "pos_orders",
    date(2026, 11, 1),
    date(2026, 11, 2),
)


def test_what_was_written_is_read_and_only_the_last_word_of_a_request(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    done = replace(ASKED, outcome="done", run_id="abc")
    store.append(ASKED)
    store.append(done)
    store.append(other := replace(ASKED, request="r2", first=None, last=None, dataset=""))
    assert Store(tmp_path / "state").newest() == [other, done]
    assert store.newest(1) == [other]


def test_a_request_is_asked_for_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.append(ASKED)
    with pytest.raises(RepeatedError):
        store.append(ASKED)
    assert len(store.newest()) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET user = 'nobody'",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit",
        "REPLACE INTO audit "
        "(id, at, user, role, action, request, outcome, dataset, run_id, detail) "
        "SELECT 1, at, 'nobody', role, action, 'r9', 'done', dataset, run_id, detail FROM audit",
    ],
)
def test_nothing_is_ever_changed_or_taken_out(tmp_path: Path, sql: str) -> None:
    store = Store(tmp_path)
    store.append(ASKED)
    with sqlite3.connect(tmp_path / FILE) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(sql)
    connection.close()
    assert store.newest() == [ASKED]


def _write(folder: Path, worker: int, refused: "multiprocessing.Queue[int]") -> None:
    store, count = Store(folder), 0
    for number in range(25):
        store.append(replace(ASKED, request=f"{worker}-{number}"))
        try:
            store.append(replace(ASKED, request=f"both-{number}"))
        except RepeatedError:
            count += 1
    refused.put(count)


def test_workers_write_at_once_and_lose_nothing(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    refused: multiprocessing.Queue[int] = spawn.Queue()
    workers = [spawn.Process(target=_write, args=(tmp_path, n, refused)) for n in range(3)]
    for worker in workers:
        worker.start()
    # Each request of 'both' was taken from one worker and refused to the two others.
    assert sum(refused.get(timeout=60) for _ in workers) == 2 * 25
    for worker in workers:
        worker.join(10)
    assert len(Store(tmp_path).newest(1000)) == 4 * 25


def test_a_folder_that_cannot_be_used_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="NKDASH_STATE_DIR"):
        Store(tmp_path / "state").append(ASKED)
    (tmp_path / FILE).write_bytes(b"no database at all, but long enough to be looked at" * 40)
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path).newest()
