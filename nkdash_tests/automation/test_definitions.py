"""What Dagster sees: the assets, their days, their jobs and schedules."""

import re
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from nkdash.automation.schedules import every
from nkdash.definitions import build_definitions
from nkdash.settings import load_settings

DAILY = {
    "raw/pos_orders",
    "clean/pos_orders",
    "raw/pos_order_lines",
    "clean/pos_order_lines",
    "star/fact_sales",
    "raw/pos_payments",
    "clean/pos_payments",
    "star/fact_payments",
}
DIMENSIONS = {
    "brands",
    "categories",
    "companies",
    "employees",
    "partners",
    "payment_methods",
    "pos_configs",
    "products",
    "taxes",
    "users",
}


@pytest.fixture
def definitions(settings_env: pytest.MonkeyPatch) -> dg.Definitions:
    settings_env.setenv("NKDASH_NOW", "2026-11-22T18:30:00+00:00")
    return build_definitions(load_settings())


def graph(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def test_every_dataset_and_dimension_has_its_assets(definitions: dg.Definitions) -> None:
    expected = {f"{layer}{name}" for name in DIMENSIONS for layer in ("raw/", "star/dim_")}
    assert set(graph(definitions)) >= DAILY | expected | {"warehouse/snapshot"}


def test_assets_tell_who_what_and_which_columns(definitions: dg.Definitions) -> None:
    for name, spec in graph(definitions).items():
        assert spec.group_name not in (None, "default"), name
        assert spec.description, name
        assert spec.owners, name
        assert spec.kinds, name
        if name != "warehouse/snapshot":
            assert spec.metadata["dagster/column_schema"].columns, name


def test_days_are_local_and_today_is_the_last(definitions: dg.Definitions) -> None:
    partitions = graph(definitions)["raw/pos_orders"].partitions_def
    assert isinstance(partitions, dg.DailyPartitionsDefinition)
    keys = partitions.get_partition_keys()
    assert (keys[0], keys[-1]) == ("2026-10-01", "2026-11-23")
    window = partitions.time_window_for_partition_key("2026-11-23")
    assert window.start.astimezone(UTC) == datetime(2026, 11, 22, 17, tzinfo=UTC)


@pytest.mark.parametrize("now", ["2026-03-05T03:00:00", "2031-03-05T03:00:00"])
def test_days_follow_the_one_clock_into_past_and_future(
    settings_env: pytest.MonkeyPatch, now: str
) -> None:
    settings_env.setenv("NKDASH_START_DATE", "2026-02-01")
    settings_env.setenv("NKDASH_NOW", now)
    partitions = graph(build_definitions(load_settings()))["raw/pos_orders"].partitions_def
    assert partitions is not None
    assert partitions.get_partition_keys()[-1] == now[:10]


def test_ranges_run_as_one(definitions: dg.Definitions) -> None:
    asset_graph = definitions.resolve_asset_graph()
    for name in DAILY:
        policy = asset_graph.get(dg.AssetKey(name.split("/"))).backfill_policy
        assert policy is not None
        assert policy.max_partitions_per_run == 31


def test_schedules_run_unless_stopped(definitions: dg.Definitions) -> None:
    for name in ("nightly", "intraday"):
        schedule = definitions.resolve_schedule_def(name)
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


@pytest.mark.parametrize(
    ("minutes", "cron"), [(5, "*/5 * * * *"), (30, "*/30 * * * *"), (60, "0 */1 * * *")]
)
def test_interval_of_the_refresh(minutes: int, cron: str) -> None:
    assert every(minutes) == cron


def test_the_definitions_load_without_an_odoo_and_hold_no_secret(
    settings_env: pytest.MonkeyPatch,
) -> None:
    settings_env.setenv("ODOO_API_KEY", "very-secret")
    shown = repr(build_definitions(load_settings()).resources)
    assert "very-secret" not in shown


def test_the_workspace_file_names_the_module_that_exists() -> None:
    workspace = (Path(__file__).parents[2] / "workspace.yaml").read_text()
    [module] = re.findall(r"module_name: (\S+)", workspace)
    assert module == "nkdash.definitions"
