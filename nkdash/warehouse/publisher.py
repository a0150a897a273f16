"""Publish: the lake's star schema as a new, checked, versioned DuckDB snapshot.

Under one lock between publishers: copy the current version to a name of its own, replace what
changed in the lake, make derived tables, check, close, rename, flip the pointer. Whatever the
order of loads and publishes, a snapshot equals the lake; an empty folder is filled from the lake
alone. All of that is done in a local folder, also where the warehouse lies on S3
(``nkdash.warehouse.remote``).
"""

import errno
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb

from nkdash.catalog import Catalog
from nkdash.clock import utc_now
from nkdash.lake import Layer, PartitionFile, S3Error, is_remote
from nkdash.settings import Settings
from nkdash.warehouse import lock, manifest, quarantine, remote, restatements
from nkdash.warehouse.ddl import fingerprint
from nkdash.warehouse.derived import (
    column_notes,
    comment_columns,
    create_macros,
    derived_tables,
    refresh,
    set_variables,
    sql_files,
)
from nkdash.warehouse.errors import (
    BrokenWarehouseError,
    CheckFailedError,
    NothingToPublishError,
    PublishError,
)
from nkdash.warehouse.load import bring_up_to_date, create_statements, star_tables
from nkdash.warehouse.manifest import Entry, Key
from nkdash.warehouse.snapshot import SCHEMA_VERSION, open_snapshot
from nkdash.warehouse.verify import read_whole, remarks, verify
from nkdash.warehouse.versions import (
    LOCK,
    Published,
    adopt,
    candidate_path,
    check_whole,
    current,
    discard_candidate,
    point_at,
    retire,
    version_path,
    versions_on_disk,
)

LOCK_TIMEOUT = 900.0
_STATE = """
CREATE OR REPLACE TABLE warehouse_state AS SELECT
    ?::BIGINT AS version, ?::INTEGER AS schema_version, ?::TIMESTAMP AS published_at,
    ?::VARCHAR AS business_zone, min(day) AS first_day, max(day) AS last_day,
    max(as_of) AS as_of, ?::VARCHAR[] AS notes, ?::VARCHAR AS fingerprint
FROM warehouse_manifest WHERE layer = 'star-schema' AND day IS NOT NULL
"""


@dataclass(frozen=True)
class PublishResult:
    """What a publish did.

    ``changed`` counts the partitions replaced or removed by table, ``rows`` the rows of every table
    now; ``unchanged`` means that nothing had changed and no new version was made.
    """

    version: int
    path: Path
    changed: Mapping[str, int]
    rows: Mapping[str, int]
    seconds: float
    unchanged: bool


@dataclass(frozen=True)
class _Base:
    """A version that the next one may start from."""

    path: Path
    entries: Mapping[Key, Entry]
    rows: Mapping[str, int]
    held: frozenset[quarantine.Day]


@dataclass(frozen=True)
class _Order:
    """What to build: the lake as listed, the tables' definitions and the marks of the version.

    ``earlier`` is the version from which days are kept that differ from Odoo.
    """

    settings: Settings
    catalog: Catalog
    files: Mapping[Key, PartitionFile]
    creation: Sequence[str]
    shape: str
    version: int
    published_at: datetime
    earlier: Path | None


def publish(settings: Settings, catalog: Catalog) -> PublishResult:
    """Publish the lake as a new version, unless nothing changed since the current one.

    Raises NothingToPublishError when the lake is empty, PublishError for everything else that
    keeps the lake from being published; the version before then stays current.
    """
    started = time.perf_counter()
    warehouse = settings.warehouse_dir

    def build(folder: Path) -> PublishResult:
        return _publish(settings, catalog, folder, started)

    try:
        if not is_remote(warehouse):
            warehouse.mkdir(parents=True, exist_ok=True)
            with lock.on_this_machine(warehouse / LOCK, LOCK_TIMEOUT):
                result = build(warehouse)
                restatements.mirror(settings, result.path)
                return result
        folder = remote.cache_of(warehouse, settings.warehouse_cache)
        with (
            lock.on_this_machine(folder / LOCK, LOCK_TIMEOUT),
            lock.between_machines(settings.nkdash_postgres_url, str(warehouse), LOCK_TIMEOUT),
        ):
            keep = settings.nkdash_warehouse_versions
            result, path = remote.publish_through(warehouse, folder, keep, build)
            # Only now: a version that lost the race to the pointer was never published.
            restatements.mirror(settings, path)
        return replace(result, path=path, seconds=time.perf_counter() - started)
    except (OSError, duckdb.Error) as error:
        raise PublishError(
            f"the warehouse in {warehouse} could not be published: {error}. {_remedy(error)} "
            "The version before is still current."
        ) from error


def _remedy(error: Exception) -> str:
    if isinstance(error, S3Error):
        return "Then publish again."
    if getattr(error, "errno", None) == errno.ENOSPC or "space left" in str(error):
        return "Free disk space, then publish again."
    return "Mend the cause (disk, rights of the folder), then publish again."


def _publish(settings: Settings, catalog: Catalog, folder: Path, started: float) -> PublishResult:
    root = settings.lake_root
    files = manifest.list_lake(root, catalog)
    if not any(key.layer is Layer.STAR for key in files):
        raise NothingToPublishError(
            f"the lake under {root} holds nothing to publish; load some days first "
            "(nkdash backfill), or check DATA_LAKE_ROOT"
        )
    creation = create_statements(catalog)
    shape = fingerprint(
        [
            *creation,
            *sql_files("tables").values(),
            *sql_files("macros").values(),
            str(SCHEMA_VERSION),
            settings.nkdash_timezone,
            settings.nkdash_cost_fallback,
        ]
    )
    notes: list[str] = []
    pointed, last_version = _pointed(folder, notes)
    earlier = _newest(folder, pointed)
    base = _base(earlier, pointed, shape, notes)
    if pointed and base and base.path == pointed.path and _nothing_new(files, base, catalog):
        seconds = time.perf_counter() - started
        return PublishResult(pointed.version, pointed.path, {}, base.rows, seconds, True)

    published_at = utc_now(settings).replace(tzinfo=None)
    order = _Order(
        settings, catalog, files, creation, shape, last_version + 1, published_at, earlier
    )
    candidate = candidate_path(folder)
    try:
        try:
            counts, rows = _build(candidate, base, order, notes)
        except (duckdb.Error, CheckFailedError) as error:
            if base is None:
                raise
            # The version we started from may be damaged inside: the lake has it all.
            notes.append(f"{base.path.name} could not be built upon ({error}): built anew")
            discard_candidate(candidate)
            candidate = candidate_path(folder)
            counts, rows = _build(candidate, None, order, notes)
        published = _put_in_place(candidate, folder, order)
    finally:
        discard_candidate(candidate)
    retire(folder, published, settings.nkdash_warehouse_versions)
    seconds = time.perf_counter() - started
    return PublishResult(published.version, published.path, counts, rows, seconds, False)


def _pointed(folder: Path, notes: list[str]) -> tuple[Published | None, int]:
    """The current version, and the highest number ever used, which the pointer may not know."""
    try:
        pointed = current(folder)
    except BrokenWarehouseError as error:
        notes.append(str(error))
        pointed = None
    return pointed, max([0, *versions_on_disk(folder), pointed.version if pointed else 0])


def _newest(folder: Path, pointed: Published | None) -> Path | None:
    """File of the current version, else of the newest one there is."""
    versions = versions_on_disk(folder)
    if pointed and pointed.version in versions:
        return pointed.path
    return versions[max(versions)] if versions else None


def _base(
    path: Path | None, pointed: Published | None, shape: str, notes: list[str]
) -> _Base | None:
    """The version to start from, None where the snapshot must be built from the lake alone."""
    if path is None:
        return None
    try:
        if pointed and path == pointed.path:
            check_whole(pointed)
        connection = open_snapshot(path)
        try:
            found = connection.execute("SELECT fingerprint FROM warehouse_state").fetchall()
            if found != [(shape,)]:
                notes.append(f"the tables' definition changed after {path.name}: built anew")
                return None
            held = quarantine.held_days(connection)
            return _Base(path, manifest.read(connection), _rows(connection), held)
        finally:
            connection.close()
    except (duckdb.Error, BrokenWarehouseError) as error:
        notes.append(f"{path.name} could not be read ({error}): built anew from the lake")
        return None


def _nothing_new(files: Mapping[Key, PartitionFile], base: _Base, catalog: Catalog) -> bool:
    # Where a verdict is new, its footer is; else the days held back are the same.
    described = manifest.describe(files, base.entries, catalog)
    entries = manifest.hold_back(described, base.entries, base.held)
    return {k: e.footer for k, e in entries.items()} == {
        k: e.footer for k, e in base.entries.items()
    }


def _build(
    candidate: Path, base: _Base | None, order: _Order, notes: Sequence[str]
) -> tuple[dict[str, int], dict[str, int]]:
    """Build the new version in ``candidate``; partitions replaced and rows, by table."""
    if base:
        shutil.copyfile(base.path, candidate)
    root, catalog = order.settings.lake_root, order.catalog
    with _writing(candidate, order.settings.nkdash_publish_memory) as connection:
        if base:
            read_whole(connection)
        else:
            connection.execute(";".join(["BEGIN", *order.creation, "COMMIT"]))
        set_variables(connection, order.settings)
        earlier = None if base else order.earlier
        touched, counts = bring_up_to_date(connection, root, catalog, order.files, earlier)
        refresh(connection, derived_tables(), {**touched, manifest.TABLE: None})
        comment_columns(connection, column_notes(star_tables(catalog)))
        create_macros(connection)
        verify(connection, catalog)
        restatements.record(
            connection,
            catalog,
            order.settings,
            base.path if base else order.earlier,
            order.version,
            order.published_at,
            anew=base is None,
        )
        connection.execute(
            _STATE,
            [
                order.version,
                SCHEMA_VERSION,
                order.published_at,
                order.settings.nkdash_timezone,
                [*notes, *remarks(connection, catalog)],
                order.shape,
            ],
        )
        rows = _rows(connection)
        connection.execute("CHECKPOINT")
    return counts, rows


@contextmanager
def _writing(candidate: Path, memory: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
    # Imported here: readers of the warehouse need no Dagster.
    from dagster_duckdb import DuckDBResource

    config = {
        # Named, not left to DuckDB: what spills must be found when the candidate is discarded.
        "temp_directory": f"{candidate}.tmp",
        # Nobody reads a candidate before it is whole, and ``adopt`` flushes it then, once.
        "fsync_mode": "NONE",
        **({"memory_limit": memory} if memory else {}),
    }
    resource = DuckDBResource(database=str(candidate), connection_config=config)
    with resource.get_connection() as connection:
        try:
            yield connection
        finally:
            # The resource leaves the connection open when its block fails.
            connection.close()


def _rows(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    tables = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' ORDER BY ALL"
    ).fetchall()
    counts = " UNION ALL ".join(f"SELECT '{t}', count(*) FROM main.{t}" for (t,) in tables)
    return dict(connection.execute(counts).fetchall())


def _put_in_place(candidate: Path, folder: Path, order: _Order) -> Published:
    path = version_path(folder, order.version)
    new = Published(order.version, path, order.published_at, candidate.stat().st_size)
    adopt(candidate, path)
    try:
        point_at(folder, new)
    except OSError:
        with suppress(BrokenWarehouseError):
            if current(folder) != new:
                path.unlink(missing_ok=True)
        raise
    return new
