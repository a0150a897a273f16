"""A session per callback: one cursor, one version, results cached by (version, SQL, parameters)."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import duckdb
import polars as pl

Params = Mapping[str, Any]
T = TypeVar("T")


class Reader(Protocol):
    """What the dashboard needs of a warehouse; ``nkdash.warehouse.Warehouse`` is one."""

    def cursor(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A cursor of one's own on the newest version."""
        ...


@dataclass(frozen=True)
class Query:
    """One question: SQL with ``$name`` parameters. Lists are tuples here, so it can be a key."""

    sql: str
    params: Params

    @property
    def key(self) -> tuple[str, tuple[tuple[str, Any], ...]]:
        """What tells it from other questions."""
        return self.sql, tuple(sorted(self.params.items()))


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

    def __init__(self, cursor: duckdb.DuckDBPyConnection, cache: Cache) -> None:
        self._cursor = cursor
        self._cache = cache
        # fetchall, since duckdb 2 refuses the next query while a result is not read to its end.
        [(version,)] = cursor.execute("SELECT version FROM warehouse_state").fetchall()
        self.version = int(version)

    def frame(self, query: Query) -> pl.DataFrame:
        """The rows of ``query``. Raises duckdb.Error."""
        kept: pl.DataFrame | None = self._cache.get(self.version, query.key)
        if kept is None:
            params = {k: list(v) if isinstance(v, tuple) else v for k, v in query.params.items()}
            kept = pl.DataFrame(self._cursor.sql(query.sql, params=params))
            self._cache.put(self.version, query.key, kept, int(kept.estimated_size()) + 1024)
        return kept

    def once(self, name: str, make: Callable[["Session"], T]) -> T:
        """What ``make`` gives for this version; made once, for what every callback needs."""
        kept: T | None = self._cache.get(self.version, name)
        if kept is None:
            kept = make(self)
            self._cache.put(self.version, name, kept, 2**20)
        return kept


@dataclass(frozen=True)
class Data:
    """The warehouse and the cache of one worker."""

    reader: Reader
    cache: Cache

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session for one callback. Raises the reader's WarehouseError."""
        with self.reader.cursor() as cursor:
            yield Session(cursor, self.cache)
