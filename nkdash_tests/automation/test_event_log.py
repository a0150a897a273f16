"""Batched storage writes what stock storage writes."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from nkdash.automation.event_log import BatchingSqliteEventLogStorage
from nkdash.automation.event_log_postgres import BatchingPostgresEventLogStorage
from nkdash.home import with_postgres
from nkdash_tests import postgres

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01", end_date="2026-03-01")
RANGE = {
    "dagster/asset_partition_range_start": "2026-01-05",
    "dagster/asset_partition_range_end": "2026-02-10",
}


@dg.asset(
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec("positive", asset="numbers")],
)
def numbers(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    for key in context.partition_keys:
        context.add_asset_metadata({"rows": int(key[-2:])}, partition_key=key)
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])


SQLITE = """event_log_storage:
  module: nkdash.automation.event_log
  class: BatchingSqliteEventLogStorage
  config: {base_dir: {env: DAGSTER_HOME}}
"""


@pytest.fixture(params=["stock", "batched", "postgres"])
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    lines = "telemetry: {enabled: false}\n"
    expected: type = SqliteEventLogStorage
    with ExitStack() as stack:
        if request.param != "stock":
            monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "10")
        if request.param == "batched":
            lines, expected = lines + SQLITE, BatchingSqliteEventLogStorage
        if request.param == "postgres":
            lines, expected = with_postgres(lines), BatchingPostgresEventLogStorage
            address = stack.enter_context(postgres.server())
            monkeypatch.setenv("DAGSTER_POSTGRES_URL", address)
        (tmp_path / "dagster.yaml").write_text(lines)
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
        instance = stack.enter_context(dg.DagsterInstance.get())
        assert type(instance.event_log_storage) is expected
        yield instance


def test_every_event_of_a_range_is_there(instance: dg.DagsterInstance) -> None:
    result = dg.materialize([numbers], instance=instance, tags=RANGE)
    assert result.success
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=numbers.key), limit=100, ascending=True
    ).records
    found = {
        record.partition_key: record.asset_materialization.metadata["rows"].value
        for record in records
        if record.asset_materialization and record.partition_key
    }
    expected = DAYS.get_partition_keys_in_range(dg.PartitionKeyRange("2026-01-05", "2026-02-10"))
    assert found == {key: int(key[-2:]) for key in expected}
    assert instance.get_materialized_partitions(numbers.key) == set(expected)
    in_run = instance.all_logs(result.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert len(in_run) == len(expected)
    planned = instance.all_logs(result.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    assert len(planned) == len(expected)
    checks = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(numbers.key, "positive"), limit=100
    )
    statuses = Counter(check.status.value for check in checks)
    # Dagster plans the check for every day, and has it told once a run.
    assert statuses == {"PLANNED": len(expected), "SUCCEEDED": 1}
    event = instance.get_latest_materialization_event(numbers.key)
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == "2026-02-10"
