"""A table as an Excel workbook: its rows as numbers and dates, and a sheet that says what they are.

Also a program of its own, so that a long one does not hold up the dashboard's workers:
``python -m dashboard.workbook FOLDER`` makes FOLDER/table.xlsx of what ``prepare`` put there.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter

MOST_ROWS = 1_048_575
"""What a sheet holds below its headings."""

ROWS, SHEET, FILE, WRITTEN = "rows.parquet", "sheet.json", "table.xlsx", "written.json"
SLICE = 5_000
_WIDTHS = {"text": 28, "moment": 18, "day": 12, "flag": 10}
_PLAIN = {
    "count": "#,##0.##",
    "decimal": "#,##0.00",
    "ratio": "0.0%",
    "change": "+0.0%;-0.0%;0.0%",
    "days": "#,##0.0",
}


@dataclass(frozen=True)
class Sheet:
    """``columns`` are (name, title, kind as in tables.Column); ``about`` is lines of words and
    values for the second sheet; ``decimals`` those of the currency.
    """

    title: str
    columns: tuple[tuple[str, str, str], ...]
    about: tuple[tuple[str, str], ...]
    decimals: int


def write(
    path: Path,
    sheet: Sheet,
    frames: Iterable[pl.DataFrame],
    told: Callable[[int], None] = lambda rows: None,
) -> int:
    """Write the workbook; returns how many rows. Text is never a formula. Tells ``told`` how many
    rows are written so far. Raises ValueError for more than a sheet holds.
    """
    book = xlsxwriter.Workbook(
        str(path),
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "nan_inf_to_errors": True,
            "default_date_format": "yyyy-mm-dd hh:mm",
        },
    )
    try:
        rows = _rows(book, sheet, frames, told)
        _about(book, sheet)
    finally:
        book.close()
    return rows


def _rows(
    book: Any, sheet: Sheet, frames: Iterable[pl.DataFrame], told: Callable[[int], None]
) -> int:
    page = book.add_worksheet(sheet.title[:31])
    heading = book.add_format({"bold": True, "bottom": 1})
    formats = [_format(book, kind, sheet.decimals) for _, _, kind in sheet.columns]
    for place, (_, title, kind) in enumerate(sheet.columns):
        page.set_column(place, place, _WIDTHS.get(kind, 15), formats[place])
        page.write_string(0, place, title, heading)
    page.freeze_panes(1, 0)
    names = [name for name, _, _ in sheet.columns]
    count = 0
    for frame in frames:
        if count + frame.height > MOST_ROWS:
            raise ValueError(f"an Excel sheet holds {MOST_ROWS:,} rows; take the CSV instead")
        for row in frame.select(names).iter_rows():
            count += 1
            for place, value in enumerate(row):
                _cell(page, count, place, value, formats[place])
        told(count)
    page.autofilter(0, 0, count, len(names) - 1)
    return count


def _cell(page: Any, row: int, place: int, value: Any, of: Any) -> None:
    match value:
        case None:
            pass
        case bool():
            page.write_boolean(row, place, value, of)
        case int() | float() | Decimal():
            page.write_number(row, place, float(value), of)
        case datetime() | date():
            page.write_datetime(row, place, value, of)
        case _:
            page.write_string(row, place, str(value)[:32_767], of)


def _format(book: Any, kind: str, decimals: int) -> Any:
    money = "#,##0" + ("." + "0" * decimals if decimals else "")
    shown = {"money": money, "moment": "yyyy-mm-dd hh:mm", "day": "yyyy-mm-dd", **_PLAIN}
    return book.add_format({"num_format": shown.get(kind, "General")})


def _about(book: Any, sheet: Sheet) -> None:
    page = book.add_worksheet("NKDash")
    page.set_column(0, 0, 24, book.add_format({"bold": True}))
    page.set_column(1, 1, 80, book.add_format({"text_wrap": True}))
    for row, (term, words) in enumerate(sheet.about):
        page.write_string(row, 0, term)
        page.write_string(row, 1, words)


def prepare(folder: Path, sheet: Sheet) -> None:
    """Leave what the program needs beside its rows."""
    folder.joinpath(SHEET).write_text(json.dumps(asdict(sheet)), encoding="utf-8")


def make(folder: Path) -> None:
    """Make the workbook of a prepared folder, whole or not at all."""
    said: Mapping[str, Any] = json.loads(folder.joinpath(SHEET).read_text(encoding="utf-8"))
    sheet = Sheet(said["title"], _triples(said["columns"]), _pairs(said["about"]), said["decimals"])
    half = folder / f"{FILE}.part"
    write(half, sheet, _slices(folder / ROWS), lambda rows: tell(folder, rows))
    half.replace(folder / FILE)


def tell(folder: Path, rows: int) -> None:
    """Say how many rows are written."""
    half = folder / f"{WRITTEN}.part"
    half.write_text(json.dumps(rows))
    half.replace(folder / WRITTEN)


def _slices(path: Path) -> Iterator[pl.DataFrame]:
    rows = pl.scan_parquet(path)
    total = rows.select(pl.len()).collect().item()
    for start in range(0, total, SLICE):
        yield rows.slice(start, SLICE).collect()


def _triples(found: Sequence[Sequence[str]]) -> tuple[tuple[str, str, str], ...]:
    return tuple((a, b, c) for a, b, c in found)


def _pairs(found: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((a, b) for a, b in found)


if __name__ == "__main__":
    try:
        make(Path(sys.argv[1]))
    except (OSError, ValueError, xlsxwriter.exceptions.XlsxWriterException) as error:
        sys.exit(str(error))
