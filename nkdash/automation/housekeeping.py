"""What grows by itself, kept in bounds: Dagster's runs, their events and logs, stray files.

A run is deleted when it is old and everything that it made was made again by a later one: Dagster
forgets a partition whose last materialization goes with its run. So the last load of each day
stays, for ever, and with it what the UI says of that day. (Versions of the warehouse are retired
by publish itself; ticks by Dagster's retention settings.)
"""

import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)

from nkdash import clock
from nkdash.lake import Layer, is_remote
from nkdash.settings import Settings

JOB = "housekeeping"
# After the night's load and before anybody works.
DAILY = "30 4 * * *"
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
SCHEDULE, INTRADAY = "dagster/schedule_name", "intraday"
KEEP_REFRESHES = timedelta(days=3)
STRAY_SECONDS = 24 * 3600
# A SQLite file is packed when so much of it is free, and nobody writes.
FREE_SHARE, FREE_BYTES = 0.2, 1 << 20
PACK_WAIT_SECONDS = 5
# Events that tell the present state of an asset or partition while they are its last.
TELLING = ("ASSET_MATERIALIZATION", "ASSET_OBSERVATION", "ASSET_FAILED_TO_MATERIALIZE")
IDS_AT_ONCE = 500


@dataclass(frozen=True)
class Tidied:
    """What was, or with a dry run would be, removed. Bytes are those of files that shrank."""

    runs: int
    kept_runs: int
    stray_files: int
    stray_bytes: int
    packed_bytes: int


def tidy(instance: dg.DagsterInstance, settings: Settings, *, dry_run: bool = False) -> Tidied:
    """Remove old runs with their events and logs, and stray files of the lake; pack SQLite.

    Safe while programs run.
    """
    old = old_runs(instance, settings)
    spare = superseded(instance, old)
    strays = list(stray_files(settings))
    sizes = sum(size for _, size in strays)
    packed = 0
    if not dry_run:
        for run_id in spare:
            delete_run(instance, run_id)
        for path, _ in strays:
            with suppress(OSError):
                path.unlink()
        packed = sum(map(pack, sqlite_files(instance)))
    return Tidied(len(spare), len(old) - len(spare), len(strays), sizes, packed)


def old_runs(instance: dg.DagsterInstance, settings: Settings) -> list[str]:
    """Runs that ended and were made more than NKDASH_KEEP_RUNS_DAYS ago, oldest first.

    Refreshes of today that succeeded are old sooner: there are many, and nobody asks for them.
    """
    now = clock.utc_now(settings)
    keep = timedelta(days=settings.nkdash_keep_runs_days)
    every = dg.RunsFilter(statuses=FINISHED, created_before=now - keep)
    refreshes = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.SUCCESS],
        tags={SCHEDULE: INTRADAY},
        created_before=now - min(keep, KEEP_REFRESHES),
    )
    found = [*instance.get_run_ids(refreshes), *instance.get_run_ids(every)]
    return list(dict.fromkeys(reversed(found)))


def superseded(instance: dg.DagsterInstance, run_ids: Iterable[str]) -> list[str]:
    """Those of ``run_ids`` that hold nobody's last materialization, failure or check."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return []
    events, checks = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c
    last_events = (
        sa.select(sa.func.max(events.id))
        .where(events.dagster_event_type.in_(TELLING))
        .group_by(events.asset_key, events.partition, events.dagster_event_type)
    )
    last_checks = sa.select(sa.func.max(checks.id)).group_by(
        checks.asset_key, checks.check_name, checks.partition
    )
    with storage.index_connection() as connection:
        needed = {
            run_id
            for query in (
                sa.select(events.run_id).where(events.id.in_(last_events)).distinct(),
                sa.select(checks.run_id).where(checks.id.in_(last_checks)).distinct(),
            )
            for (run_id,) in connection.execute(query)
        }
    return [run_id for run_id in run_ids if run_id not in needed]


def delete_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run with its events, check results, SQLite file and what its steps printed."""
    storage = instance.event_log_storage
    instance.delete_run(run_id)
    with suppress(OSError, NotImplementedError):
        instance.compute_log_manager.delete_logs(prefix=[run_id])
    if not isinstance(storage, SqlEventLogStorage):
        return
    with storage.index_connection() as connection:
        # Dagster itself leaves them behind.
        checks = AssetCheckExecutionsTable
        connection.execute(checks.delete().where(checks.c.run_id == run_id))
    if isinstance(storage, SqliteEventLogStorage):
        shard = Path(storage.path_for_shard(run_id))
        for suffix in ("", "-wal", "-shm"):
            shard.with_name(shard.name + suffix).unlink(missing_ok=True)


def stray_files(settings: Settings) -> Iterable[tuple[Path, int]]:
    """Temporary files of the lake that a killed writer left more than a day ago, with their size.

    A bucket has none: a PUT is whole or not there.
    """
    root = settings.lake_root
    if is_remote(root):
        return
    for layer in Layer:
        for path in (root / layer.value).rglob(".*.tmp"):
            with suppress(OSError):
                stat = path.stat()
                if time.time() - stat.st_mtime > STRAY_SECONDS:
                    yield path, stat.st_size


def sqlite_files(instance: dg.DagsterInstance) -> list[Path]:
    """The SQLite files that all runs share; none where Dagster's storage is Postgres."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        return []
    index = Path(storage.path_for_shard("index"))
    home = index.parents[2]
    files = [index, home / "history" / "runs.db", home / "schedules" / "schedules.db"]
    return [path for path in files if path.is_file()]


def pack(path: Path) -> int:
    """Give the free pages of a SQLite file back to the disk, where they are many; bytes won.

    Waits a moment for writers, and leaves it to the next day where they go on.
    """
    with closing(sqlite3.connect(path, timeout=PACK_WAIT_SECONDS)) as connection:
        free, pages, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("freelist_count", "page_count", "page_size")
        )
        if free * size < FREE_BYTES or free < pages * FREE_SHARE:
            return 0
        try:
            connection.execute("VACUUM")
        except sqlite3.OperationalError:
            return 0
    return int(free * size)


def housekeeping(settings: Settings) -> dg.JobDefinition:
    """The job ``housekeeping``."""

    @dg.op(name="tidy", description="Old runs, their events and logs, stray files of the lake.")
    def tidied(context: dg.OpExecutionContext) -> None:
        found = tidy(context.instance, settings)
        context.add_output_metadata(
            {
                "runs_deleted": found.runs,
                "old_runs_kept": found.kept_runs,
                "stray_files": found.stray_files,
                "stray_bytes": found.stray_bytes,
                "packed_bytes": found.packed_bytes,
            }
        )

    @dg.job(name=JOB, description="Removes what is old and superseded; see docs/backup.md.")
    def job() -> None:
        tidied()

    return job


def daily(settings: Settings) -> dg.ScheduleDefinition:
    """At 04:30 local time, every day."""
    return dg.ScheduleDefinition(
        name="housekeeping",
        job_name=JOB,
        cron_schedule=DAILY,
        execution_timezone=settings.nkdash_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Removes old, superseded runs and stray files at 04:30 local time.",
    )
