"""The lake's files: whole or not at all, whatever happens in between."""

import os
import signal
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nkdash.contracts import MONEY, Column, ContractViolationError, Table, money
from nkdash.lake import (
    LakeWriteError,
    Layer,
    NotInLakeError,
    days_present,
    list_days,
    read_footer,
    scan_days,
    write_days,
    write_table,
)
from nkdash.lake.files import rows_hash

DAY = date(2026, 3, 1)
AS_OF = datetime.fromisoformat("2026-03-02T01:30")
TABLE = Table(
    "sales",
    grain="one line",
    key=("id",),
    columns=(
        Column("date", pl.Date(), "Business day", nullable=False),
        Column("id", pl.Int64(), "Line", nullable=False),
        Column("amount", MONEY, "Amount", minimum=-1e9),
        Column("taxes", pl.List(pl.Int64()), "Taxes"),
        Column("name", pl.String(), "Name"),
    ),
)


def rows(*lines: tuple[int, int], name: str | None = "x") -> pl.DataFrame:
    """Lines as (days after DAY, id)."""
    return pl.DataFrame(
        {
            "date": [DAY + timedelta(days=d) for d, _ in lines],
            "id": [i for _, i in lines],
            "amount": [float(i) for _, i in lines],
            "taxes": [[i] for _, i in lines],
            "name": [name for _ in lines],
        },
        schema={
            "date": pl.Date,
            "id": pl.Int64,
            "amount": pl.Float64,
            "taxes": pl.List(pl.Int64),
            "name": pl.String,
        },
    ).with_columns(money(pl.col("amount")))


def write(root: Path, frame: pl.DataFrame, *offsets: int) -> dict[date, int]:
    days = [DAY + timedelta(days=offset) for offset in offsets]
    return write_days(root, Layer.CLEAN, TABLE, frame, days, as_of=AS_OF)


def test_a_range_lands_as_one_file_a_day_and_empty_days_are_files_too(tmp_path: Path) -> None:
    written = write(tmp_path, rows((0, 2), (0, 1), (2, 3)), 0, 1, 2)
    assert list(written.values()) == [2, 0, 1]
    back = scan_days(tmp_path, Layer.CLEAN, TABLE, list(written)).collect()
    assert back["id"].to_list() == [1, 2, 3]
    assert back.schema == TABLE.schema
    footers = [read_footer(f.path) for f in list_days(tmp_path, Layer.CLEAN, "sales")]
    assert [(f.rows, f.as_of) for f in footers] == [(2, AS_OF), (0, AS_OF), (1, AS_OF)]


def test_only_the_asked_days_are_replaced(tmp_path: Path) -> None:
    write(tmp_path, rows((0, 1), (1, 2)), 0, 1)
    write(tmp_path, rows((1, 5)), 1)
    back = scan_days(tmp_path, Layer.CLEAN, TABLE, [DAY, DAY + timedelta(days=1)]).collect()
    assert back["id"].to_list() == [1, 5]


def test_reading_a_day_that_was_never_loaded_names_it(tmp_path: Path) -> None:
    write(tmp_path, rows((0, 1)), 0)
    with pytest.raises(NotInLakeError, match="2026-03-02"):
        scan_days(tmp_path, Layer.CLEAN, TABLE, [DAY, DAY + timedelta(days=1)])
    assert scan_days(tmp_path, Layer.CLEAN, TABLE, []).collect().schema == TABLE.schema


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (rows((3, 1)), "2026-03-04"),
        (rows((0, 1), (0, 1)), "not unique"),
        (rows((0, 1)).with_columns(id=pl.lit(None, pl.Int64)), "id is null"),
        (rows((0, 1)).with_columns(pl.col("amount").cast(pl.Float64)), "amount is Float64"),
        (rows((0, 1)).drop("name"), "name"),
        (rows((0, 1)).with_columns(amount=money(pl.lit(-2e9))), "below"),
    ],
    ids=["another day", "key twice", "null key", "wrong type", "missing column", "out of range"],
)
def test_a_frame_that_breaks_its_contract_never_reaches_the_lake(
    tmp_path: Path, frame: pl.DataFrame, message: str
) -> None:
    write(tmp_path, rows((0, 7)), 0)
    with pytest.raises(ContractViolationError, match=message):
        write(tmp_path, frame, 0)
    assert scan_days(tmp_path, Layer.CLEAN, TABLE, [DAY]).collect()["id"].to_list() == [7]


def test_a_disk_that_fills_up_midway_leaves_every_day_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, rows((0, 1), (1, 2)), 0, 1)
    calls = 0

    def second_write_fails(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", second_write_fails)
    with pytest.raises(LakeWriteError, match=r"No space left.*free space"):
        write(tmp_path, rows((0, 8), (1, 9)), 0, 1)
    days = [DAY, DAY + timedelta(days=1)]
    assert scan_days(tmp_path, Layer.CLEAN, TABLE, days).collect()["id"].to_list() == [1, 2]
    assert not list(tmp_path.rglob("*.tmp"))


KILLED = """
import os, signal, sys
from pathlib import Path
from nkdash_tests.lake import test_files as t
steps = int(sys.argv[2])
def count(real):
    def step(*args, **kwargs):
        global steps
        if steps == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        steps -= 1
        return real(*args, **kwargs)
    return step
os.fsync = count(os.fsync)
os.replace = count(os.replace)
t.write(Path(sys.argv[1]), t.rows((0, 11), (1, 12), (2, 13)), 0, 1, 2)
"""


@pytest.mark.parametrize("steps", range(7))
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_day(tmp_path: Path, steps: int) -> None:
    write(tmp_path, rows((0, 1), (1, 2), (2, 3)), 0, 1, 2)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(steps)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
    )
    assert done.returncode == (0 if steps == 6 else -signal.SIGKILL), done.stderr
    days = [DAY + timedelta(days=n) for n in range(3)]
    found = scan_days(tmp_path, Layer.CLEAN, TABLE, days).collect()["id"].to_list()
    replaced = max(0, steps - 3)
    assert sorted(found) == sorted([11, 12, 13][:replaced] + [1, 2, 3][replaced:])
    # The next run heals.
    write(tmp_path, rows((0, 11), (1, 12), (2, 13)), 0, 1, 2)
    assert scan_days(tmp_path, Layer.CLEAN, TABLE, days).collect()["id"].to_list() == [11, 12, 13]


def test_what_a_killed_run_left_is_swept_when_it_is_old(tmp_path: Path) -> None:
    write(tmp_path, rows((0, 1)), 0)
    [file] = list_days(tmp_path, Layer.CLEAN, "sales")
    old = file.path.with_name(".data.parquet.dead.tmp")
    young = file.path.with_name(".data.parquet.busy.tmp")
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    write(tmp_path, rows((0, 1)), 0)
    assert not old.exists()
    assert young.exists()
    assert days_present(tmp_path, Layer.CLEAN, "sales") == {DAY}


def test_a_stray_date_in_the_path_does_not_win(tmp_path: Path) -> None:
    write(tmp_path, rows((0, 1)), 0)
    moved = tmp_path / "date=1999-01-01"
    moved.mkdir()
    write(moved, rows((0, 1)), 0)
    assert scan_days(moved, Layer.CLEAN, TABLE, [DAY]).collect()["date"].to_list() == [DAY]


def test_tables_without_days_are_one_file(tmp_path: Path) -> None:
    table = Table("dim", "one", ("id",), TABLE.columns[1:2], partitioned=False)
    frame = pl.DataFrame({"id": [2, 1]})
    assert write_table(tmp_path, Layer.STAR, table, frame, as_of=AS_OF) == 2
    assert pl.read_parquet(tmp_path / "star-schema" / "dim.parquet")["id"].to_list() == [1, 2]


TEXT = st.none() | st.sampled_from(
    ["", "null", "\\N", "<null>", "a,b", 'q"q', "l\nf", "=SUM(", "🙂"]
)


@given(st.lists(TEXT, min_size=1, max_size=8), st.integers(0, 8), st.integers(0, 7), TEXT)
def test_the_row_hash_sees_content_and_nothing_else(
    names: list[str | None], cut: int, at: int, other: str | None
) -> None:
    frame = rows(*[(0, i) for i in range(len(names))]).with_columns(
        name=pl.Series(names, dtype=pl.String)
    )
    pieces = pl.concat([frame[:cut], frame[cut:]], rechunk=False)
    assert rows_hash(pieces, TABLE) == rows_hash(frame, TABLE)
    changed = names.copy()
    changed[at % len(names)] = other
    again = frame.with_columns(name=pl.Series(changed, dtype=pl.String))
    assert (rows_hash(again, TABLE) == rows_hash(frame, TABLE)) == (changed == names)
