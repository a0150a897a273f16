"""The dashboard's own state: who asked for what, in one append-only SQLite file."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path

FILE = "dashboard.sqlite"
BUSY_SECONDS = 10.0


class StoreError(Exception):
    """The store cannot be read or written; says why and what to do."""


class RepeatedError(Exception):
    """This very request was made before."""


@dataclass(frozen=True)
class Entry:
    """One line of the audit. ``at`` is naive UTC; ``request`` ties lines of one request together.

    ``action`` is refresh or cancel; ``outcome`` is asked, done, or refused or failed with why in
    ``detail``. ``dataset`` empty: all of them.
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


class Store:
    """The audit in ``folder``; made at the first use. Threads and processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def append(self, entry: Entry) -> None:
        """Write a line. Raises RepeatedError for a request asked for twice, else StoreError."""
        row = (
            entry.at.isoformat(sep=" ", timespec="milliseconds"),
            entry.user,
            entry.role,
            entry.action,
            entry.request,
            entry.outcome,
            entry.dataset,
            entry.first and entry.first.isoformat(),
            entry.last and entry.last.isoformat(),
            entry.run_id,
            entry.detail,
        )
        with self._open() as connection:
            try:
                connection.execute(
                    "INSERT INTO audit (at, user, role, action, request, outcome, dataset, "
                    "first_day, last_day, run_id, detail) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                    row,
                )
            except sqlite3.IntegrityError as error:
                if "asked before" in str(error):
                    raise RepeatedError(entry.request) from error
                raise

    def newest(self, limit: int = 50) -> list[Entry]:
        """What was asked for last, newest first: the last line of each request.

        Raises StoreError.
        """
        with self._open() as connection:
            rows = connection.execute(
                "SELECT at, user, role, action, request, outcome, dataset, first_day, last_day, "
                "run_id, detail FROM audit "
                "WHERE id IN (SELECT max(id) FROM audit GROUP BY request) "
                "ORDER BY id DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [_entry(row) for row in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction: SQLite's own lock is between workers."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS)
            try:
                _prepare(connection)
                with connection:
                    yield connection
            finally:
                connection.close()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"The audit in {self._path} cannot be used: {error}. "
                "Mend the folder's rights or free space, or set NKDASH_STATE_DIR."
            ) from error


def _prepare(connection: sqlite3.Connection) -> None:
    [(version,)] = connection.execute("PRAGMA user_version").fetchall()
    if version == 0:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(files("dashboard").joinpath("store.sql").read_text("utf-8"))


def _entry(row: tuple[str, ...]) -> Entry:
    at, user, role, action, request, outcome, dataset, first, last, run_id, detail = row
    return Entry(
        at=datetime.fromisoformat(at),
        user=user,
        role=role,
        action=action,
        request=request,
        outcome=outcome,
        dataset=dataset,
        first=date.fromisoformat(first) if first else None,
        last=date.fromisoformat(last) if last else None,
        run_id=run_id,
        detail=detail,
    )
