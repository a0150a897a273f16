"""The naive variant: no publish. The same tables are views over the daily Parquet files, and
derived tables are views over those; the same questions are asked of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from nkdash.catalog import load_catalog
from nkdash.settings import Settings
from nkdash.warehouse.ddl import literal
from nkdash.warehouse.derived import derived_tables, sql_files
from nkdash.warehouse.load import qualified, star_tables
from nkdash.warehouse.manifest import TABLE as MANIFEST

COPIED = (
    MANIFEST,
    "warehouse_state",
    "reconciliation",
    "restatements",
    "data_coverage",
    "stock_snapshots",
    "stock_month_sources",
)


class Views:
    """A reader, as ``Warehouse`` is one, of views over the lake of ``settings``.

    What only a publish knows (which files there are, their version) is copied from ``published``.
    """

    def __init__(self, settings: Settings, published: Path) -> None:
        self._connection = duckdb.connect()
        self._running: duckdb.DuckDBPyConnection | None = None
        run = self._connection.execute
        star = settings.lake_root / "star-schema"
        run(f"ATTACH {literal(str(published))} AS published (READ_ONLY)")
        for table in COPIED:
            run(f"CREATE TABLE {table} AS FROM published.{table}")
        run("CREATE SCHEMA base")
        for table in star_tables(load_catalog(settings)):
            files = f"{table.name}/*/data.parquet" if table.partitioned else f"{table.name}.parquet"
            if any(star.glob(files)):
                source = f"read_parquet({literal(str(star / files))}, hive_partitioning = false)"
                run(f"CREATE VIEW {qualified(table)} AS FROM {source}")
            else:
                # Never loaded: as empty as it was published.
                run(f"CREATE TABLE {qualified(table)} AS FROM published.{qualified(table)}")
        run("DETACH published")
        variables = {
            "cost_fallback": settings.nkdash_cost_fallback,
            "business_zone": settings.nkdash_timezone,
        }
        for derived in derived_tables():
            if derived.name in COPIED:
                continue
            select = derived.select
            for name, value in variables.items():
                select = select.replace(f"getvariable('{name}')", literal(value))
            run(f"CREATE VIEW main.{derived.name} AS\n{select}")
        for macro in sql_files("macros").values():
            run(macro)

    @contextmanager
    def reading(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, int]]:
        """A cursor of one's own, on the one version that there is."""
        cursor = self._connection.cursor()
        self._running = cursor
        try:
            yield cursor, 1
        finally:
            self._running = None
            cursor.close()

    def interrupt(self) -> None:
        """End the query that runs."""
        if self._running:
            self._running.interrupt()

    def close(self) -> None:
        """Close it."""
        self._connection.close()
