"""``nkdash kpi`` gives the number of the page, by anything, in every format, or says why not."""

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dashboard.context import Context, open_context
from dashboard.data.session import Cache, Data
from dashboard.i18n import texts
from dashboard.state import parse
from nkdash.kpis.periods import Grain
from nkdash.kpis.registry import kpis, trend
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse
from nkdash_tests.cli.conftest import Nkdash
from nkdash_tests.dashboard.shop import NOW, make_shop, publish_shop

RANGE = ("--from", "2026-10-05", "--to", "2026-11-22")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The small retailer of the dashboard's tests."""
    return publish_shop(tmp_path_factory.mktemp("lake"), make_shop())


@pytest.fixture(scope="module")
def ask(published: Settings) -> Nkdash:
    """The command line on its warehouse."""
    lake = str(published.data_lake_root)
    return Nkdash({"DATA_LAKE_ROOT": lake, "NKDASH_NOW": NOW.isoformat()})


@pytest.fixture
def page(published: Settings) -> Iterator[Any]:
    """What the tile of a KPI shows for a query string."""
    warehouse = Warehouse(published.warehouse_dir)
    data = Data(warehouse, Cache())

    def tile(name: str, search: str) -> tuple[Context, Any]:
        with open_context(published, data, texts("en"), "/", parse(search)) as ctx:
            frame = ctx.session.frame(trend((name,), ctx.selection, Grain.DAY))
            rows = frame.filter(pl.col("is_total") & (pl.col("period") == "now")).to_dicts()
            return ctx, rows[0][name]

    yield tile
    warehouse.close()


def told(result: Any) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout, parse_float=Decimal)


@pytest.mark.parametrize(
    ("name", "options", "search"),
    [
        ("net_revenue", (), ""),
        ("net_revenue", ("--tax", "ex"), "tax=ex"),
        (
            "net_revenue",
            ("--filter", "category=2", "--filter", "store=1,2"),
            "category=2&store=1,2",
        ),
        ("average_transaction", ("--company", "2"), "company=2"),
        ("spend", ("--filter", "vendor=91"), "vendor=91"),
        ("cost_coverage", ("--tax", "ex"), "tax=ex"),
    ],
)
def test_the_number_is_that_of_the_page(
    ask: Nkdash, page: Any, name: str, options: tuple[str, ...], search: str
) -> None:
    [row] = told(ask("kpi", name, *RANGE, *options, "--format", "json"))
    _, shown = page(name, f"?range=2026-10-05..2026-11-22&{search}")
    assert float(row[name]) == float(shown)


def test_rows_have_ids_names_base_and_change(ask: Nkdash) -> None:
    asked = ("kpi", "net_revenue", "--from", "2026-11-09", "--to", "2026-11-15", "--by", "store")
    rows = told(ask(*asked, "--compare", "week", "--format", "json"))
    [whole] = told(ask(*asked[:-2], "--format", "json"))
    assert {row["store"]: row["store_name"] for row in rows} == {
        1: "Toko Kemang",
        2: "Toko Bandara",
        None: None,
    }
    assert sum(row["net_revenue"] or 0 for row in rows) == whole["net_revenue"]
    for row in rows:
        if row["net_revenue_base"]:
            change = float(row["net_revenue"]) / float(row["net_revenue_base"]) - 1
            assert float(row["change"]) == pytest.approx(change)


def test_the_change_of_a_percentage_is_told_in_points(ask: Nkdash) -> None:
    asked = ("kpi", "discount_rate", "--from", "2026-11-09", "--to", "2026-11-15")
    [row] = told(ask(*asked, "--compare", "week", "--format", "json"))
    points = float(row["discount_rate"]) - float(row["discount_rate_base"])
    assert points != 0
    assert float(row["change"]) == pytest.approx(points)
    shown = ask(*asked, "--compare", "week").stdout
    assert f"{abs(points) * 100:.1f}\N{NO-BREAK SPACE}pp" in shown


def test_it_can_be_told_by_several_dimensions_and_as_csv(ask: Nkdash) -> None:
    result = ask("kpi", "spend", *RANGE, "--by", "month", "--by", "vendor", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert list(rows[0]) == ["month", "vendor", "vendor_name", "spend"]
    assert {row["month"] for row in rows} == {"2026-10-05", "2026-11-01"}
    [whole] = told(ask("kpi", "spend", *RANGE, "--format", "json"))
    assert sum(Decimal(row["spend"]) for row in rows) == whole["spend"]


def test_people_read_money_of_the_company_and_the_days(ask: Nkdash) -> None:
    shown = ask("kpi", "net_revenue", *RANGE, "--company", "2").stdout
    assert "Net revenue, with tax, 2026-10-05 to 2026-11-22" in shown
    assert "S$\N{NO-BREAK SPACE}" in shown
    assert "2026-11-22" in ask("kpi", "last_complete_day", *RANGE).stdout


def test_the_default_is_the_last_thirty_complete_days(ask: Nkdash) -> None:
    assert "2026-10-24 to 2026-11-22" in ask("kpi", "transactions").stdout


def test_days_without_a_row_say_what_no_figure_means(ask: Nkdash) -> None:
    shown = ask(
        "kpi", "net_revenue", "--from", "2026-11-05", "--to", "2026-11-05", "--filter", "product=8"
    )
    assert "No figure. Days that are not loaded." in shown.stdout


def test_the_list_names_every_kpi(ask: Nkdash) -> None:
    shown = ask("kpi", "--list").stdout
    assert all(name in shown for name in kpis())


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (("net_revenu",), "did you mean net_revenue", 1),
        (("transactions", "--by", "brand"), "one receipt may hold several", 1),
        (("spend", "--by", "store"), "spend cannot be told by store; it can by", 1),
        (("spend", "--filter", "store=1"), "spend cannot be filtered by store; it can by", 1),
        (("spend", "--filter", "vendor=Paragon"), "ids, numbers", 2),
        (("spend", "--filter", "vendor"), "write it like store=1,2", 2),
        (("spend", "--company", "9"), "There is no company 9 with sales", 1),
        (("spend", "--from", "tomorrow"), "is no day", 2),
        (("spend", "--from", "2026-11-22", "--to", "2026-11-01"), "before it begins", 2),
        ((), "name a KPI", 2),
    ],
)
def test_what_cannot_be_answered_is_said_in_a_sentence(
    ask: Nkdash, arguments: tuple[str, ...], words: str, code: int
) -> None:
    result = ask("kpi", *arguments)
    assert result.exit_code == code
    assert words in " ".join(result.output.replace("│", "").split())


def test_without_a_warehouse_it_says_what_to_do(tmp_path: Path) -> None:
    result = Nkdash({"DATA_LAKE_ROOT": str(tmp_path)})("kpi", "net_revenue")
    assert result.exit_code == 1
    assert "nkdash publish" in result.output
