"""Adding a dataset is adding one file: the guide's own, end to end."""

import importlib
import re
import sys
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

import nkdash.datasets
from nkdash.automation.backfill import plan, run_here
from nkdash.catalog import load_catalog
from nkdash.cli.checks import needs
from nkdash.cli.coverage import lake_coverage
from nkdash.clock import days_between
from nkdash.definitions import build_definitions
from nkdash.dictionary import dictionary
from nkdash.lake import Layer, days_present
from nkdash.quality.verdicts import differing_days, read_verdicts
from nkdash.sandbox import load_records, serve
from nkdash.settings import Settings, load_settings
from nkdash.warehouse import Warehouse
from nkdash_tests.conftest import RECORDS

GUIDE = Path(__file__).parents[2] / "docs" / "add-a-dataset.md"
FIRST, LAST = date(2026, 10, 13), date(2026, 10, 15)
# Opened at 23:30 UTC of the 12th, closed 19 h 2 min later: the local 13th.
MORNING = (
    date(2026, 10, 13),
    Decimal("21404011.78"),
    Decimal("27691405.89"),
    Decimal("19.0333"),
    datetime.fromisoformat("2026-10-13T06:30:00"),
    1,
)
ASSETS = {("raw", "pos_sessions"), ("clean", "pos_sessions"), ("star", "fact_pos_sessions")}


@pytest.fixture
def one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The file of the guide, where discovery looks for datasets."""
    [text] = re.findall(r"```python\n(.+?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    folder = tmp_path / "datasets"
    folder.mkdir()
    (folder / "pos_sessions.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(nkdash.datasets, "__path__", [*nkdash.datasets.__path__, str(folder)])
    importlib.invalidate_caches()
    yield
    sys.modules.pop("nkdash.datasets.pos_sessions", None)
    vars(nkdash.datasets).pop("pos_sessions", None)


@pytest.fixture
def settings(settings_env: pytest.MonkeyPatch) -> Settings:
    settings_env.setenv("NKDASH_NOW", "2026-10-16T02:00:00+00:00")
    return load_settings()


@pytest.mark.usefixtures("one_file")
def test_the_guides_file_is_all_that_a_dataset_needs(
    settings: Settings, settings_env: pytest.MonkeyPatch
) -> None:
    with serve(load_records(RECORDS)) as odoo, dg.DagsterInstance.ephemeral() as instance:
        for name, value in {
            "HOST": "127.0.0.1",
            "PORT": str(odoo.port),
            "PROTOCOL": "jsonrpc",
            "DB": "demo",
            "USERNAME": "demo",
            "API_KEY": "demo",
        }.items():
            settings_env.setenv(f"ODOO_{name}", value)
        settings = load_settings(require_odoo=True)
        catalog, definitions = load_catalog(settings), build_definitions(settings)
        wanted = plan(definitions, catalog, settings, FIRST, LAST, ["pos_sessions"])
        assert {tuple(key.path) for key in wanted.daily} == ASSETS
        report = run_here(definitions, instance, wanted, lambda _: None)
    assert report.succeeded, report.failures

    days = set(days_between(FIRST, LAST))
    for layer, table in ((Layer.RAW, "pos_sessions"), (Layer.STAR, "fact_pos_sessions")):
        assert days_present(settings.lake_root, layer, table) == days

    verdicts = read_verdicts(settings.lake_root, "pos_sessions", sorted(days))
    assert set(verdicts["date"]) == days
    assert set(verdicts["figure"]) >= {"count", "cash_register_balance_start"}
    assert differing_days(verdicts) == []

    warehouse = Warehouse(settings.warehouse_dir)
    try:
        sessions = warehouse.query(
            "SELECT date, cash_at_opening, cash_at_closing, hours_open, opened_at_local, "
            "company_id FROM fact_pos_sessions WHERE session_id = 150"
        )
        assert sessions.rows() == [MORNING]
        comments = warehouse.query(
            "SELECT comment FROM duckdb_columns() "
            "WHERE table_name = 'fact_pos_sessions' AND column_name = 'hours_open'"
        )
        assert comments.item() == "closed_at - opened_at (hours)"
        covered = warehouse.query(
            "SELECT count(*), sum(rows) = sum(fact_rows), min(fact_table) FROM data_coverage "
            "WHERE dataset = 'pos_sessions'"
        )
        assert covered.rows() == [(3, True, "fact_pos_sessions")]
    finally:
        warehouse.close()

    covered_days = lake_coverage(settings.lake_root, catalog, date(2026, 10, 16), settings.zone)
    status = [c for c in covered_days if c.dataset == "pos_sessions"]
    assert [c.layer for c in status] == ["raw", "clean", "star-schema"]
    assert all(c.days == 3 and c.rows and c.fresh for c in status)


@pytest.mark.usefixtures("one_file")
def test_it_is_in_jobs_doctor_and_dictionary(settings: Settings) -> None:
    catalog = load_catalog(settings)
    graph = build_definitions(settings).resolve_asset_graph()
    keys = {tuple(key.path) for key in graph.get_all_asset_keys()}
    assert keys >= ASSETS
    job = build_definitions(settings).resolve_job_def("daily_load")
    assert {tuple(key.path) for key in job.asset_layer.selected_asset_keys} >= ASSETS
    assert needs(catalog, lambda model, field: None)["pos.session"]["start_at"]
    text = dictionary(catalog, settings)
    for heading in ("raw pos_sessions", "clean pos_sessions", "star fact_pos_sessions"):
        assert f"### {heading}\n" in text
    assert "| `hours_open` | DECIMAL(18, 4) | hours |" in text


def test_without_the_file_there_is_no_trace_of_it(settings: Settings) -> None:
    assert "pos_sessions" not in {d.name for d in load_catalog(settings).datasets}
