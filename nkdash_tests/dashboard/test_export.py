"""CSV and Excel hold every row of the page's query; long ones are made beside the workers."""

import csv
import io
import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from flask.testing import FlaskClient

import dashboard.export
from dashboard import tables, workbook
from dashboard.app import create_app
from dashboard.context import Context
from dashboard.export_jobs import BusyError, Jobs, NoJobError
from dashboard.pages import sales
from dashboard.workbook import Sheet
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse

Look = Callable[..., AbstractContextManager[Context]]
RANGE = "range=2026-09-25..2026-11-22"
ORIGIN = {"Sec-Fetch-Site": "same-origin"}
SHEET = Sheet(
    "Rows",
    (("id", "Id", "count"), ("name", "Name", "text"), ("amount", "Amount", "money")),
    (("Range", "a day"),),
    decimals=2,
)

# No process has it.
NOBODY = 2**22 - 1


@pytest.fixture
def client(published: Settings) -> FlaskClient:
    """A reader on this machine."""
    app = create_app(published, Warehouse(published.warehouse_dir))
    return app.server.test_client()


def _frame(rows: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": range(rows),
            "name": [f"=1+{i}" for i in range(rows)],
            "amount": [Decimal(i) / 4 for i in range(rows)],
        },
        schema_overrides={"amount": pl.Decimal(18, 2)},
    )


def _sheet(body: bytes) -> list[tuple[object, ...]]:
    book = openpyxl.load_workbook(io.BytesIO(body))
    return list(book.worksheets[0].iter_rows(values_only=True))


def _until_ended(jobs: Jobs, user: str, job: str) -> str:
    deadline = time.monotonic() + 60
    while (now := jobs.progress(user, job)).state == "running":
        assert time.monotonic() < deadline, now
        threading.Event().wait(0.05)
    return now.state


@pytest.mark.parametrize("sort", ["net_revenue", "-order_ref"])
def test_both_kinds_of_file_hold_every_row_in_the_order_shown(
    client: FlaskClient, look: Look, sort: str
) -> None:
    search = f"?{RANGE}&store=2&sort={sort}"
    with look(search, "/sales") as ctx:
        query = tables.whole(ctx, sales.TRANSACTIONS, sort)
        expected = ctx.session.frame(query)
    text = client.get(f"/export/transactions.csv{search}").get_data().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [r["txn_key"] for r in rows] == expected.get_column("txn_key").to_list()
    assert [Decimal(r["net_revenue"]) for r in rows] == expected["net_revenue"].to_list()
    answer = client.get(f"/export/transactions.xlsx{search}")
    assert "nkdash-transactions-2026-09-25-2026-11-22.xlsx" in answer.headers["Content-Disposition"]
    head, *body = _sheet(answer.get_data())
    assert head[:3] == ("Time", "Net revenue", "Store")
    assert [Decimal(str(row[1])) for row in body] == expected["net_revenue"].to_list()
    assert [row[0] for row in body] == expected["ordered_at_local"].to_list()
    assert all(isinstance(row[0], datetime) for row in body)


def test_the_second_sheet_says_what_the_rows_are_of(client: FlaskClient) -> None:
    body = client.get(f"/export/products.xlsx?{RANGE}&store=2&tax=ex").get_data()
    about = openpyxl.load_workbook(io.BytesIO(body))["NKDash"]
    said = dict(about.iter_rows(values_only=True, max_col=2))
    assert said["Store"] == "Toko Bandara"
    assert said["Days"] == "25 Sep – 22 Nov 2026"
    assert said["Revenue"] == "without tax"
    assert said["Currency"] == "IDR"


def test_what_no_page_has_is_not_there(client: FlaskClient) -> None:
    assert client.get("/export/audit.csv").status_code == 404
    assert client.get("/export/nothing.xlsx").status_code == 404
    assert client.post("/export/nothing.xlsx", headers=ORIGIN).status_code == 404
    assert client.get("/export/jobs/nothing").status_code == 404


def test_a_long_one_is_begun_watched_and_fetched(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, look: Look
) -> None:
    monkeypatch.setattr(dashboard.export, "IN_BACKGROUND", 100)
    refused = client.get(f"/export/transactions.xlsx?{RANGE}")
    assert refused.status_code == 413
    assert "in the background" in refused.get_data(as_text=True)
    begun = client.post(f"/export/transactions.xlsx?{RANGE}", headers=ORIGIN)
    assert begun.status_code == 202
    job = begun.get_json()["job"]
    deadline = time.monotonic() + 60
    while (now := client.get(f"/export/jobs/{job}").get_json())["state"] == "running":
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)
    assert now == {"state": "done", "rows": now["rows"], "written": now["rows"], "words": ""}
    with look(f"?{RANGE}", "/sales") as ctx:
        total = tables.count(ctx, sales.TRANSACTIONS)
    assert now["rows"] == total
    assert (
        len(_sheet(client.get(f"/export/jobs/{job}/file", buffered=True).get_data())) == total + 1
    )


def test_text_is_never_a_formula_and_numbers_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    told: list[int] = []
    assert workbook.write(path, SHEET, [_frame(3), _frame(2)], told.append) == 5
    assert told == [3, 5]
    book = openpyxl.load_workbook(path)
    row = next(book.worksheets[0].iter_rows(min_row=3, max_row=3))
    assert [cell.data_type for cell in row] == ["n", "s", "n"]
    assert [cell.value for cell in row] == [1, "=1+1", 0.25]
    assert row[2].number_format == "#,##0.00"


def test_days_are_dates_and_nothing_is_an_empty_cell(tmp_path: Path) -> None:
    sheet = Sheet("Days", (("day", "Day", "day"), ("n", "N", "count")), (), 0)
    frame = pl.DataFrame({"day": [date(2026, 11, 22), None], "n": [None, 2]})
    path = tmp_path / "t.xlsx"
    workbook.write(path, sheet, [frame])
    assert _sheet(path.read_bytes())[1:] == [
        (datetime(2026, 11, 22), None),  # noqa: DTZ001 - a cell has no zone
        (None, 2),
    ]


def test_more_than_a_sheet_holds_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 4)
    with pytest.raises(ValueError, match="take the CSV"):
        workbook.write(tmp_path / "t.xlsx", SHEET, [_frame(5)])


def test_an_export_is_its_readers_alone(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    job = jobs.start("ayu", "a.xlsx", 3, SHEET, [_frame(3)])
    for other in ("bagus", ""):
        with pytest.raises(NoJobError):
            jobs.progress(other, job)
        with pytest.raises(NoJobError):
            jobs.file(other, job)
    with pytest.raises(NoJobError):
        jobs.progress("ayu", f"../{tmp_path.name}/{job}")
    assert _until_ended(jobs, "ayu", job) == "done"
    path, name = jobs.file("ayu", job)
    assert name == "a.xlsx"
    assert len(_sheet(path.read_bytes())) == 4


def test_no_more_than_two_are_made_at_once_and_old_ones_go(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    for name in ("one", "two"):
        _running(tmp_path / name, os.getpid())
    with pytest.raises(BusyError) as busy:
        jobs.start("budi", "a.xlsx", 1, SHEET, [_frame(1)])
    assert not busy.value.own
    old = time.time() - 2 * 3600
    os.utime(tmp_path / "one", (old, old))
    job = jobs.start("budi", "a.xlsx", 1, SHEET, [_frame(1)])
    assert not (tmp_path / "one").exists()
    assert _until_ended(jobs, "budi", job) == "done"


def test_one_reader_makes_one_at_a_time_and_leaves_the_others_room(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    _running(tmp_path / "one", os.getpid())
    with pytest.raises(BusyError) as busy:
        jobs.start("ayu", "a.xlsx", 1, SHEET, [_frame(1)])
    assert busy.value.own
    job = jobs.start("budi", "b.xlsx", 1, SHEET, [_frame(1)])
    assert _until_ended(jobs, "budi", job) == "done"


def test_of_one_reader_the_last_three_are_kept(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    for place, name in enumerate(("one", "two", "three")):
        _running(tmp_path / name, NOBODY)
        at = time.time() - 600 + place
        os.utime(tmp_path / name, (at, at))
    _running(tmp_path / "other", NOBODY, "budi")
    job = jobs.start("ayu", "a.xlsx", 1, SHEET, [_frame(1)])
    assert {folder.name for folder in tmp_path.iterdir()} == {"two", "three", "other", job}
    assert _until_ended(jobs, "ayu", job) == "done"


def test_who_asks_again_too_early_is_told_what_to_do(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> str:
        raise BusyError(own=True)

    monkeypatch.setattr(Jobs, "start", busy)
    answer = client.post(f"/export/transactions.xlsx?{RANGE}", headers=ORIGIN)
    assert answer.status_code == 429
    assert "Wait until it is there, or take the CSV" in answer.get_data(as_text=True)


def test_one_whose_process_died_says_so(tmp_path: Path) -> None:
    _running(tmp_path / "one", NOBODY)
    now = Jobs(tmp_path).progress("ayu", "one")
    assert (now.state, now.written) == ("failed", 2)
    assert "ask for it again" in now.words


def test_one_that_failed_says_why_and_leaves_no_half(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    wrong = Sheet("Rows", (("missing", "Missing", "text"),), (), 0)
    job = jobs.start("ayu", "a.xlsx", 3, wrong, [_frame(3)])
    assert _until_ended(jobs, "ayu", job) == "failed"
    with pytest.raises(NoJobError):
        jobs.file("ayu", job)


def test_rows_that_cannot_be_kept_leave_nothing_behind(tmp_path: Path) -> None:
    def broken() -> list[pl.DataFrame]:
        raise OSError(28, "No space left on device")

    class Rows:
        def __iter__(self) -> object:
            return iter(broken())

    with pytest.raises(OSError, match="No space"):
        Jobs(tmp_path).start("ayu", "a.xlsx", 1, SHEET, Rows())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def _running(folder: Path, pid: int, user: str = "ayu") -> None:
    folder.mkdir()
    folder.joinpath("job.json").write_text(json.dumps({"user": user, "file": "x", "rows": 9}))
    folder.joinpath("pid").write_text(str(pid))
    workbook.tell(folder, 2)
