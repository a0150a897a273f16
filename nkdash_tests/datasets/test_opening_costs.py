"""The user's CSV of opening costs: what it may say, and what every wrong line is told."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from nkdash.contracts import conform
from nkdash.datasets import opening_costs
from nkdash.datasets.opening_costs import OpeningCostsError

PRODUCTS = pl.DataFrame(
    {
        "product_id": [1, 2, 3, 4, 5],
        "sku": ["NK-1", "TWICE", "TWICE", "OLD", "OLD"],
        "active": [True, True, True, False, True],
    }
)


def read(folder: Path, text: str, encoding: str = "utf-8") -> pl.DataFrame:
    path = folder / "opening.csv"
    path.write_bytes(text.encode(encoding))
    return conform(opening_costs.read(path, PRODUCTS), opening_costs.TABLE)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(OpeningCostsError) as caught:
        read(folder, text)
    return caught.value.problems


def test_every_column(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        "product_id,sku,cost_unit,from_date,tax_included,company_id,notes\n"
        '1,,12500.5,2026-01-31,yes,2,"stock take,\nJanuary"\n'
        ",NK-1, 11000 ,,,,\n",
    )
    assert rows.rows() == [
        (1, None, None, Decimal("11000.000000"), False, None),
        (1, 2, date(2026, 1, 31), Decimal("12500.500000"), True, "stock take,\nJanuary"),
    ]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("product_id,cost_unit\n1,100\n", "utf-8"),
        ("sku;cost_unit\nNK-1;100\n", "utf-8"),
        ("SKU, Cost_Unit\r\nNK-1,100\r\n", "utf-8-sig"),
        ("product_id,cost_unit\n\n1,100\n,\n", "utf-8"),
    ],
    ids=["few columns", "semicolons", "as Excel saves it", "empty lines"],
)
def test_plain_files(tmp_path: Path, text: str, encoding: str) -> None:
    [row] = read(tmp_path, text, encoding).iter_rows(named=True)
    assert (row["product_id"], row["cost_unit"]) == (1, Decimal(100))


def test_an_archived_product_gives_way_to_the_active_one_of_its_sku(tmp_path: Path) -> None:
    assert read(tmp_path, "sku,cost_unit\nOLD,100\n")["product_id"].to_list() == [5]


def test_every_wrong_line_is_told_with_its_number(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "product_id,sku,cost_unit,from_date,tax_included\n"
        "1,,100,,\n"
        ",,100,,\n"
        "9,,100,,\n"
        ",NK-9,100,,\n"
        ",TWICE,100,,\n"
        "2,NK-1,100,,\n"
        "2,,,,\n"
        "2,,0,,\n"
        "2,,12.500,50,,\n"
        "2,,abc,31/01/2026,perhaps\n"
        "1,,200,,\n",
    )
    expected = [
        ("line 3", "neither product_id nor sku is given"),
        ("line 4", "there is no product 9"),
        ("line 5", "there is no product with the sku 'NK-9'"),
        ("line 6", "the sku 'TWICE' is that of products [2, 3]; give the product_id"),
        ("line 7", "product 2 does not have the sku 'NK-1'"),
        ("line 8", "cost_unit is empty"),
        ("line 9", "cost_unit '0': Input should be greater than 0"),
        ("line 10", "from_date '50'"),
        ("line 11", "cost_unit 'abc'"),
        ("line 11", "from_date '31/01/2026'"),
        ("line 11", "tax_included 'perhaps'"),
        ("line 12", "the same product, company and from_date as line 2"),
    ]
    assert len(found) == len(expected)
    for sentence, (where, what) in zip(found, expected, strict=True):
        assert sentence.startswith(f"{where}: {what}")


def test_line_numbers_count_lines_of_the_file_not_records(tmp_path: Path) -> None:
    text = 'product_id,cost_unit,notes\n1,100,"two\nlines"\n9,100,\n'
    assert problems(tmp_path, text) == ["line 4: there is no product 9"]


def test_files_that_are_no_such_csv(tmp_path: Path) -> None:
    [unknown] = problems(tmp_path, "product_id,price\n1,100\n")
    assert unknown.startswith("line 1: unknown columns ['price']; known: product_id, sku")
    [more] = problems(tmp_path, "product_id,cost_unit\n1,100,200\n")
    assert more == "line 2: more cells than columns: '200'"
    (tmp_path / "opening.csv").write_bytes("sku,cost_unit\nRosé,1\n".encode("latin-1"))
    with pytest.raises(OpeningCostsError, match="cannot be read as UTF-8 CSV"):
        opening_costs.read(tmp_path / "opening.csv", PRODUCTS)
    with pytest.raises(OpeningCostsError, match=r"absent\.csv"):
        opening_costs.read(tmp_path / "absent.csv", PRODUCTS)


def test_a_file_with_a_header_alone_is_empty(tmp_path: Path) -> None:
    assert read(tmp_path, "product_id,cost_unit\n").is_empty()
