"""Dagster's SQLite event log, with events of a range stored in one transaction.

Stock SQLite storage opens an engine and commits twice for every single event, also where the
events come as a batch (``DAGSTER_EVENT_BATCH_SIZE``). A range run stores two events for every
asset and day, so that is most of what a backfill costs. Same tables, same files, fewer commits;
modelled on dagster-postgres' ``store_event_batch``.
"""

import os
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from dagster import EventLogEntry
from dagster._core.events import ASSET_EVENTS
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.sql import create_engine
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, Insert, event

ENGINES_KEPT = 32


class BatchingSqliteEventLogStorage(SqliteEventLogStorage):
    """SqliteEventLogStorage that keeps its engines and writes a batch of events at once."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._there: set[str] = set()
        super().__init__(base_dir=base_dir, inst_data=inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """``base_dir`` is DAGSTER_HOME; the files lie where the stock storage has them."""
        return cls(os.path.join(config_value["base_dir"], "history", "runs"), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        """The shard's engine; each keeps one connection, so the number of engines is bounded."""
        engine = self._engines.get(shard)
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                pool_size=1,
                max_overflow=-1,
                connect_args={
                    "timeout": SQLITE_BUSY_TIMEOUT_SECONDS,
                    "check_same_thread": False,
                },
            )
            event.listen(engine, "connect", _no_fsync_per_commit)
            self._engines[shard] = engine
            while len(self._engines) > ENGINES_KEPT:
                self._engines.popitem(last=False)[1].dispose()
        self._engines.move_to_end(shard)
        return engine

    def has_table(self, table_name: str) -> bool:
        """Stock storage opens the file to look, for each event; a table that is there stays."""
        if table_name not in self._there and super().has_table(table_name):
            self._there.add(table_name)
        return table_name in self._there

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        name = f"asset_keys.{column_name}"
        if name not in self._there and super()._has_asset_key_col_on_connection(conn, column_name):
            self._there.add(name)
        return name in self._there

    def dispose(self) -> None:
        """Close every connection."""
        for engine in self._engines.values():
            engine.dispose()
        super().dispose()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store the asset events of one run in one transaction a file, all else one by one."""
        of_assets = [entry for entry in events if entry.dagster_event_type in ASSET_EVENTS]
        if len({entry.run_id for entry in of_assets}) == 1:
            self._store_asset_events(of_assets)
        else:
            super().store_event_batch(of_assets)
        super().store_event_batch(
            [entry for entry in events if entry.dagster_event_type not in ASSET_EVENTS]
        )

    def _store_asset_events(self, events: Sequence[EventLogEntry]) -> None:
        insert = self.prepare_insert_event_batch(events)
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(insert)
        with self.index_transaction() as connection:
            index_asset_events(self, connection, events, insert)


def index_asset_events(
    storage: SqlEventLogStorage,
    connection: Connection,
    events: Sequence[EventLogEntry],
    insert: Insert,
) -> None:
    """Store asset events of one run by ``insert``, with what Dagster keeps beside them."""
    rows = connection.execute(insert.returning(SqlEventLogStorageTable.c.id))
    ids = [row[0] for row in rows]
    storage._store_asset_event_tags(connection, events, ids)
    # The asset's own row shows its last event only.
    last = {
        entry.get_dagster_event().asset_key: (entry, event_id)
        for entry, event_id in zip(events, ids, strict=True)
    }
    for entry, event_id in last.values():
        storage._store_asset_event(connection, entry, event_id)


def _no_fsync_per_commit(connection: sqlite3.Connection, _record: object) -> None:
    # In WAL mode a crash of the process loses nothing by this; the lake's files are the facts.
    connection.execute("PRAGMA synchronous=NORMAL")
