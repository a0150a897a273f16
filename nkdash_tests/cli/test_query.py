import csv
import io
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nkdash.cli.query import distinct, to_csv, to_json
from nkdash_tests.cli.conftest import TODAY, Nkdash

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**18))


@given(st.lists(DECIMALS, min_size=1))
def test_decimals_keep_every_digit_in_json(values: list[Decimal]) -> None:
    rows = json.loads(to_json(["x"], [(v,) for v in values]), parse_float=Decimal)
    assert [Decimal(row["x"]) for row in rows] == values


def test_json_values_by_type() -> None:
    row = (
        date(2026, 11, 1),
        datetime.fromisoformat("2026-11-01T02:03"),
        None,
        True,
        float("nan"),
        [Decimal("1.10")],
    )
    told = to_json(["d", "t", "n", "b", "f", "l"], [row])
    assert told == (
        '[{"d": "2026-11-01", "t": "2026-11-01T02:03:00", "n": null, "b": true, "f": null, '
        '"l": [1.10]}]'
    )


def test_csv_is_read_back_as_it_was() -> None:
    text = to_csv(["a", "b"], [('x,"y"\nz', Decimal("1.50")), (None, False)])
    assert list(csv.reader(io.StringIO(text))) == [
        ["a", "b"],
        ['x,"y"\nz', "1.50"],
        ["", "false"],
    ]


@given(st.lists(st.sampled_from(["a", "a_2", "b"])))
def test_no_column_is_lost_to_another_of_the_same_name(names: list[str]) -> None:
    assert len(set(distinct(names))) == len(names)


def test_query_answers_from_the_published_warehouse(loaded: Nkdash) -> None:
    sql = "SELECT date, sum(revenue_tax_in) r FROM agg_sales_daily GROUP BY date ORDER BY date"
    rows = json.loads(loaded("query", "--json", sql).stdout, parse_float=Decimal)
    assert rows[-1]["date"] == TODAY.isoformat()
    facts = json.loads(
        loaded("query", "--json", "SELECT sum(revenue_tax_in) r FROM fact_sales_all").stdout,
        parse_float=Decimal,
    )
    assert sum(row["r"] for row in rows) == facts[0]["r"] != 0
    table = loaded("query", sql).stdout
    assert TODAY.isoformat() in table
    assert loaded("query", "--csv", sql).stdout.splitlines()[0] == "date,r"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{file}')",
        "SELECT content FROM read_text('{file}')",
        "SELECT * FROM '{file}'",
        "COPY fact_sales TO '{file}.csv'",
        "ATTACH '{file}.duckdb'",
        "CREATE TABLE x AS SELECT 1",
        "CREATE TEMP TABLE x AS SELECT 1",
        "DELETE FROM fact_sales",
        "SET enable_external_access = true",
        "SELECT 1; SELECT 2",
        "INSTALL httpfs",
    ],
)
def test_query_writes_nothing_and_reads_no_other_file(
    loaded: Nkdash, tmp_path: Path, sql: str
) -> None:
    file = tmp_path / "secret"
    file.write_text("a\nsecret\n")
    answer = loaded("query", sql.format(file=file))
    assert answer.exit_code == 1, answer.output
    assert "Error: " in answer.stderr
    assert "secret\n" not in answer.stdout
    assert list(tmp_path.iterdir()) == [file]


def test_bad_sql_and_no_warehouse_are_told(loaded: Nkdash, nkdash: Nkdash) -> None:
    bad = loaded("query", "SELECT nothing FROM fact_sales")
    assert (bad.exit_code, "nothing" in bad.stderr) == (1, True)
    none = nkdash("query", "SELECT 1")
    assert (none.exit_code, "nkdash publish" in none.stderr) == (1, True)
    assert loaded("query", "SELECT 1", "--json", "--csv").exit_code == 2
