"""The dashboard's own state in one SQLite file: an append-only audit of who did what, and users."""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from importlib.resources import files
from pathlib import Path

from filelock import FileLock, Timeout

FILE = "dashboard.sqlite"
LOCK = "dashboard.lock"
BUSY_SECONDS = 10.0
# Each brings a store of the version before it to its own.
VERSIONS = ("store.sql", "store_2.sql")

VIEW, EXPORT, REFRESH, CANCEL = "view", "export", "refresh", "cancel"
LOGIN, LOGIN_FAILED, LOGOUT, USER = "login", "login_failed", "logout", "user"
ORDERS = (REFRESH, CANCEL)
ACTIONS = (VIEW, EXPORT, REFRESH, CANCEL, LOGIN, LOGIN_FAILED, LOGOUT, USER)
ASKED, DONE, REFUSED, FAILED = "asked", "done", "refused", "failed"

# Callbacks of one visit come within seconds; a view that is open all day is told again.
SAME_VISIT = timedelta(seconds=10)
SAME_VIEW = timedelta(hours=12)


class StoreError(Exception):
    """The store cannot be read or written; says why and what to do."""


class RepeatedError(Exception):
    """This very request was made before."""


@dataclass(frozen=True)
class Entry:
    """One line of the audit. ``at`` is naive UTC; ``request`` ties lines of one request together.

    ``action`` is one of ACTIONS; ``outcome`` is asked, done, or refused or failed with why in
    ``detail``. ``dataset`` empty: all of them. ``filters`` is the page's query string, ``rows`` how
    many were taken, ``data_version`` the version of the warehouse they came from.
    """

    at: datetime
    user: str
    role: str
    action: str
    request: str
    outcome: str
    dataset: str = ""
    first: date | None = None
    last: date | None = None
    run_id: str = ""
    detail: str = ""
    path: str = ""
    filters: str = ""
    rows: int | None = None
    data_version: int | None = None
    address: str = ""


_NAMES = {"first": "first_day", "last": "last_day"}
_COLUMNS = ", ".join(_NAMES.get(field.name, field.name) for field in fields(Entry))
_MARKS = ", ".join("?" for _ in fields(Entry))


class Store:
    """The store in ``folder``; made at the first use. Threads and processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / FILE
        self._kept: sqlite3.Connection | None = None

    def append(self, entry: Entry) -> None:
        """Write a line. Raises RepeatedError for a request asked for twice, else StoreError."""
        with self.transaction() as connection:
            try:
                write(connection, entry)
            except sqlite3.IntegrityError as error:
                if "asked before" in str(error):
                    raise RepeatedError(entry.request) from error
                raise

    def viewed(self, reader: str, view: str, entry: Entry, *, navigates: bool) -> bool:
        """Write ``entry`` where ``reader`` has just come to ``view``; whether it was written.

        Callbacks of one visit count as one. Where the reader does not navigate, a page that stays
        open is told again after twelve hours only. Raises StoreError.
        """
        with self.transaction() as connection:
            # A view lost with the machine's power is no reason to wait for the disk at each one.
            connection.execute("PRAGMA synchronous = NORMAL")
            if self._is_same(connection, reader, view, entry.at, navigates=navigates):
                return False
            # Asked again under the lock: another worker may have come first.
            connection.execute("BEGIN IMMEDIATE")
            if self._is_same(connection, reader, view, entry.at, navigates=navigates):
                return False
            old = _moment(entry.at - SAME_VIEW)
            connection.execute("DELETE FROM viewed WHERE reader = ? AND at < ?", (reader, old))
            connection.execute(
                "INSERT OR REPLACE INTO viewed VALUES (?, ?, ?)", (reader, view, _moment(entry.at))
            )
            write(connection, entry)
            return True

    @staticmethod
    def _is_same(
        connection: sqlite3.Connection, reader: str, view: str, at: datetime, *, navigates: bool
    ) -> bool:
        known = connection.execute(
            "SELECT at FROM viewed WHERE reader = ? AND view = ?", (reader, view)
        ).fetchone()
        if known is None or at - (seen := datetime.fromisoformat(known[0])) > SAME_VIEW:
            return False
        if not navigates or at - seen < SAME_VISIT:
            return True
        newest = connection.execute(
            "SELECT view FROM viewed WHERE reader = ? ORDER BY at DESC LIMIT 1", (reader,)
        ).fetchone()
        return bool(newest[0] == view)

    def newest(
        self,
        limit: int = 50,
        actions: Collection[str] = ORDERS,
        user: str | None = None,
    ) -> list[Entry]:
        """What was done last, newest first: the last line of each request. Raises StoreError."""
        wanted = ", ".join("?" for _ in actions)
        with self.transaction() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM audit AS a WHERE action IN ({wanted}) "
                "AND (? IS NULL OR user = ?) AND NOT EXISTS "
                "(SELECT 1 FROM audit AS b WHERE b.request = a.request AND b.id > a.id) "
                "ORDER BY id DESC LIMIT ?",
                (*actions, user, user, limit),
            ).fetchall()
        return [_entry(row) for row in rows]

    def readers(self) -> list[str]:
        """Everybody who is in the audit, by name. Raises StoreError."""
        with self.transaction() as connection:
            rows = connection.execute(
                # One step through the index for each name, however long the audit is.
                "WITH RECURSIVE named (user) AS ("
                "SELECT min(user) FROM audit WHERE user > '' UNION ALL "
                "SELECT (SELECT min(user) FROM audit WHERE user > named.user) FROM named "
                "WHERE named.user IS NOT NULL) SELECT user FROM named WHERE user IS NOT NULL"
            ).fetchall()
        return [name for (name,) in rows]

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction: SQLite's own lock is between workers.

        Raises StoreError.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS)
            try:
                self._prepare(connection)
                connection.execute("PRAGMA foreign_keys = ON")
                if self._kept is None:
                    # As long as one is open, those that close need not write all into the file.
                    self._kept = sqlite3.connect(self._path, check_same_thread=False)
                    self._kept.execute("SELECT name FROM users LIMIT 1").fetchall()
                with connection:
                    yield connection
            finally:
                connection.close()
        except (sqlite3.Error, OSError, Timeout) as error:
            raise StoreError(
                f"The audit in {self._path} cannot be used: {error}. "
                "Mend the folder's rights or free space, or set NKDASH_STATE_DIR."
            ) from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if _version(connection) == len(VERSIONS):
            return
        with FileLock(self.folder / LOCK, timeout=BUSY_SECONDS):
            version = _version(connection)
            if version > len(VERSIONS):
                raise sqlite3.DatabaseError("it was made by a newer NKDash")
            if version == 0:
                connection.execute("PRAGMA journal_mode=WAL")
            for name in VERSIONS[version:]:
                connection.executescript(files("dashboard").joinpath(name).read_text("utf-8"))
            self._path.chmod(0o600)


def write(connection: sqlite3.Connection, entry: Entry) -> None:
    """Add a line to the audit within a transaction."""
    row = [_text(getattr(entry, field.name)) for field in fields(Entry)]
    connection.execute(f"INSERT INTO audit ({_COLUMNS}) VALUES ({_MARKS})", row)


def _version(connection: sqlite3.Connection) -> int:
    [(version,)] = connection.execute("PRAGMA user_version").fetchall()
    return int(version)


def _moment(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="milliseconds")


def _text(value: object) -> object:
    match value:
        case datetime():
            return _moment(value)
        case date():
            return value.isoformat()
        case _:
            return value


def _entry(row: tuple[object, ...]) -> Entry:
    values = dict(zip((field.name for field in fields(Entry)), row, strict=True))
    values["at"] = datetime.fromisoformat(str(values["at"]))
    for name in ("first", "last"):
        values[name] = date.fromisoformat(str(values[name])) if values[name] else None
    return Entry(**values)  # type: ignore[arg-type]
