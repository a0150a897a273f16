"""A session per callback: one cursor, one version, one reader's scope; results cached by these."""

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import duckdb
import polars as pl

from dashboard.data.scope import WHOLE, Schema, Scope, read_schema, views
from nkdash.kpis.model import Query

T = TypeVar("T")
warnings.filterwarnings("ignore", "Arrow output on a DB-API result", UserWarning)


class Reader(Protocol):
    """What the dashboard needs of a warehouse; ``nkdash.warehouse.Warehouse`` is one."""

    def reading(self) -> AbstractContextManager[tuple[duckdb.DuckDBPyConnection, int]]:
        """A cursor of one's own on the newest version, and that version's number."""
        ...


class Cache:
    """Answers of the newest version, least recently used out first; threads may share it."""

    def __init__(self, megabytes: int = 64) -> None:
        self._limit = megabytes * 2**20
        self._lock = threading.Lock()
        self._version = 0
        self._size = 0
        self._kept: OrderedDict[Any, tuple[Any, int]] = OrderedDict()

    def get(self, version: int, key: Any) -> Any:
        """What is kept for ``key``, or None."""
        with self._lock:
            if version != self._version or key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, version: int, key: Any, answer: Any, size: int) -> None:
        """Keep an answer of ``size`` bytes; a newer version drops all those of the one before."""
        with self._lock:
            if version < self._version or size > self._limit // 4:
                return
            if version > self._version:
                self._kept.clear()
                self._version, self._size = version, 0
            self._size -= self._kept.pop(key, (None, 0))[1]
            self._kept[key] = (answer, size)
            self._size += size
            while self._size > self._limit:
                self._size -= self._kept.popitem(last=False)[1][1]


class Session:
    """Answers questions from one version of the warehouse."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, version: int, cache: Cache, scope: Scope
    ) -> None:
        self.version = version
        self._cursor = cursor
        self._cache = cache
        self._scope = scope
        self._seen: set[str] = set()

    def frame(self, query: Query) -> pl.DataFrame:
        """The rows of ``query`` that the reader may see. Raises duckdb.Error, WithheldError."""
        key = (self._scope, query.key)
        kept: pl.DataFrame | None = self._cache.get(self.version, key)
        if kept is None:
            if not self._scope.is_whole:
                self._narrow(query.sql)
            # Not cursor.sql, which binds every question twice: that costs more than another copy.
            answer = self._cursor.execute(query.sql, query.values).to_arrow_table()
            kept = pl.DataFrame(pl.from_arrow(answer))
            self._cache.put(self.version, key, kept, int(kept.estimated_size()) + 1024)
        return kept

    def frames(self, query: Query, rows: int = 20_000) -> Iterator[pl.DataFrame]:
        """The rows of ``query`` in order, as many at a time, not kept; one frame where there are
        none. Ask nothing else before the last. Raises duckdb.Error, WithheldError.
        """
        if not self._scope.is_whole:
            self._narrow(query.sql)
        reader = self._cursor.sql(query.sql, params=query.values).to_arrow_reader(rows)
        empty = pl.DataFrame(pl.from_arrow(reader.schema.empty_table()))
        found = False
        for batch in reader:
            found = True
            yield pl.DataFrame(pl.from_arrow(batch))
        if not found:
            yield empty

    def once(self, name: str, make: Callable[["Session"], T]) -> T:
        """What ``make`` gives for this version and scope; made once, as all need it."""
        key = (self._scope, name)
        kept: T | None = self._cache.get(self.version, key)
        if kept is None:
            kept = make(self)
            self._cache.put(self.version, key, kept, 2**20)
        return kept

    def _narrow(self, sql: str) -> None:
        """Let no table that ``sql`` names show more than the scope. Raises WithheldError."""
        schema: Schema | None = self._cache.get(self.version, "schema")
        if schema is None:
            schema = read_schema(self._cursor)
            self._cache.put(self.version, "schema", schema, 2**16)
        for table, view in views(self._scope, schema, schema.named(sql) - self._seen):
            self._cursor.execute(view)
            self._seen.add(table)


@dataclass(frozen=True)
class Data:
    """The warehouse and the cache of one worker.

    ``scope`` tells what whoever asks now may see. Work that goes on without a request, such as a
    large export, is given its own by ``seen_by``.
    """

    reader: Reader
    cache: Cache
    scope: Callable[[], Scope] = lambda: WHOLE

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session for one callback. Raises the reader's WarehouseError."""
        with self.reader.reading() as (cursor, version):
            yield Session(cursor, version, self.cache, self.scope())

    def seen_by(self, scope: Scope) -> "Data":
        """The same, for a reader who may see ``scope``."""
        return replace(self, scope=lambda: scope)

    def version(self) -> int:
        """Number of the newest version; no secret. Raises the reader's WarehouseError."""
        with self.reader.reading() as (_, version):
            return version
