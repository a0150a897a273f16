"""Reading the published warehouse from many threads, always in its newest version."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from nkdash.home import home_path
from nkdash.lake import LakePath, is_remote
from nkdash.warehouse.errors import (
    BrokenWarehouseError,
    NoWarehouseError,
    OldSchemaError,
    WarehouseError,
)
from nkdash.warehouse.remote import Stored, cache_of, current, local_copy
from nkdash.warehouse.snapshot import SCHEMA_VERSION, open_snapshot
from nkdash.warehouse.versions import Published, broken, check_whole

_DRAIN_SECONDS = 30.0
# To ask S3 for the pointer costs money and some ten milliseconds.
_REMOTE_POLL_SECONDS = 5.0

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Anchor:
    """The one connection that keeps a version open; ``users`` counts the cursors in use."""

    published: Published
    connection: duckdb.DuckDBPyConnection
    users: int = 0


class Warehouse:
    """A reader of the warehouse in ``warehouse_dir``; threads may share it.

    It looks at the pointer at most every ``poll_seconds``. When that has moved, it opens the new
    version; the old one closes with its last cursor.

    A version on S3 is fetched into ``cache_dir`` (by default beside DAGSTER_HOME). There a thread
    looks and fetches, every few seconds at most; the version before answers meanwhile, and as long
    as S3 does not.

    Of a version DuckDB keeps in memory what was read, up to most of the machine's; ``memory_mb``
    is less. A query that needs more goes to disk.
    """

    def __init__(
        self,
        warehouse_dir: LakePath,
        poll_seconds: float = 1.0,
        cache_dir: Path | None = None,
        memory_mb: int | None = None,
    ) -> None:
        self._dir = warehouse_dir
        self._memory_mb = memory_mb
        self._cache_dir = cache_dir
        self._looking: threading.Thread | None = None
        self._poll_seconds = poll_seconds
        if is_remote(warehouse_dir):
            self._poll_seconds = max(poll_seconds, _REMOTE_POLL_SECONDS)
        self._polled_at = float("-inf")
        self._anchor: _Anchor | None = None
        self._changed = threading.Condition()

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own on the newest version, for one thread and one request.

        Raises NoWarehouseError, BrokenWarehouseError or OldSchemaError.
        """
        with self.reading() as (cursor, _):
            yield cursor

    @contextmanager
    def reading(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, int]]:
        """``cursor`` and the number of its version. Raises as ``cursor``."""
        with self._changed:
            anchor = self._newest()
            cursor = anchor.connection.cursor()
            anchor.users += 1
        try:
            yield cursor, anchor.published.version
        finally:
            cursor.close()
            with self._changed:
                anchor.users -= 1
                if anchor is not self._anchor:
                    self._close_if_unused(anchor)
                self._changed.notify_all()

    @property
    def version(self) -> int:
        """Number of the newest version; grows with every publish. Raises as ``cursor``."""
        with self._changed:
            return self._newest().published.version

    def query(
        self, sql: str, params: Sequence[object] | Mapping[str, object] | None = None
    ) -> pl.DataFrame:
        """The rows of one SELECT. Raises duckdb.Error, and as ``cursor``."""
        with self.cursor() as cursor:
            frame: pl.DataFrame = cursor.sql(sql, params=params).pl()
            return frame

    def close(self) -> None:
        """Close the open version; cursors in use go on. A later cursor opens it again."""
        with self._changed:
            anchor, self._anchor = self._anchor, None
            self._polled_at = float("-inf")
            if anchor:
                self._close_if_unused(anchor)

    def _newest(self) -> _Anchor:
        now = time.monotonic()
        if self._anchor and now - self._polled_at < self._poll_seconds:
            return self._anchor
        if self._anchor and is_remote(self._dir):
            self._polled_at = now
            if self._looking is None or not self._looking.is_alive():
                self._looking = threading.Thread(target=self._look_aside, daemon=True)
                self._looking.start()
            return self._anchor
        anchor = self._at(self._look())
        self._polled_at = now
        return anchor

    def _look_aside(self) -> None:
        """Look for a newer version and fetch it while others read the one before."""
        try:
            published = self._look()
            with self._changed:
                if self._anchor:
                    self._at(published)
        except WarehouseError as error:
            _log.warning("no newer version of the warehouse can be had: %s", error)

    def _at(self, published: Published) -> _Anchor:
        if self._anchor is None or self._anchor.published != published:
            self._anchor = self._open(published)
        return self._anchor

    def _look(self) -> Published:
        """The current version, as a local file."""
        published = current(self._dir)
        if published is None:
            raise NoWarehouseError(
                f"nothing was published yet in {self._dir}: load some days (nkdash backfill), "
                "then publish (nkdash publish)"
            )
        return self._fetched(published) if isinstance(published, Stored) else published

    def _fetched(self, version: Stored) -> Published:
        folder = cache_of(version.path.parent, self._cache_dir or default_cache())
        try:
            return local_copy(version, folder)
        except BrokenWarehouseError:
            # Publishes may have gone on and taken this version away since we looked.
            if current(self._dir) == version:
                raise
            return self._look()

    def _open(self, published: Published) -> _Anchor:
        old = self._anchor
        if old and old.published.path == published.path:
            # The folder was emptied and filled anew. DuckDB knows files by path: only when the
            # last cursor on the old one is gone does the same path open the new one.
            if not self._changed.wait_for(lambda: old.users == 0, timeout=_DRAIN_SECONDS):
                raise BrokenWarehouseError(
                    f"{published.path} was replaced while a query on the file before it runs on; "
                    "end that query or restart this reader"
                )
            if self._anchor is not old:
                return self._newest()
        self._anchor = None
        if old:
            self._close_if_unused(old)
        again = True
        while True:
            try:
                return _Anchor(published, self._connected(published))
            except BrokenWarehouseError:
                copied = is_remote(self._dir) and published.path.is_file()
                if copied:
                    # The copy was damaged on this disk: fetch it once more.
                    published.path.unlink(missing_ok=True)
                # Publishes may have gone on and taken this version away since we looked.
                newer = self._look()
                if newer == published and not (copied and again):
                    raise
                again = False
                published = newer

    def _connected(self, published: Published) -> duckdb.DuckDBPyConnection:
        connection = _connect(published)
        if self._memory_mb:
            connection.execute(f"SET memory_limit = '{self._memory_mb}MB'")
        return connection

    def _close_if_unused(self, anchor: _Anchor) -> None:
        if anchor.users == 0:
            anchor.connection.close()


def default_cache() -> Path:
    """Where versions on S3 are kept locally, unless told otherwise."""
    return home_path().parent / "warehouse-cache"


def _connect(published: Published) -> duckdb.DuckDBPyConnection:
    check_whole(published)
    connection: duckdb.DuckDBPyConnection | None = None
    try:
        connection = open_snapshot(published.path)
        found = connection.execute("SELECT schema_version FROM warehouse_state").fetchall()
    except duckdb.Error as error:
        if connection:
            connection.close()
        raise broken(published, str(error)) from error
    if found != [(SCHEMA_VERSION,)]:
        connection.close()
        raise OldSchemaError(
            f"{published.path.name} was published by another version of NKDash (schema "
            f"{found[0][0] if found else 'unknown'}, this one reads {SCHEMA_VERSION}): "
            "publish again (nkdash publish) and start readers of the same version"
        )
    return connection
