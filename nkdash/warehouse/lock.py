"""One publish at a time: a file lock on a machine, Postgres' advisory lock between machines."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import SecretStr

from nkdash.warehouse.errors import PublishError


@contextmanager
def on_this_machine(path: Path, timeout: float) -> Iterator[None]:
    """Hold the lock file ``path``. Raises PublishError after ``timeout`` seconds, OSError."""
    lock = FileLock(path, timeout=timeout)
    try:
        lock.acquire()
    except Timeout as error:
        raise _held(str(path), timeout) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def between_machines(
    postgres_url: SecretStr | None, subject: str, timeout: float
) -> Iterator[None]:
    """Hold Postgres' advisory lock on ``subject``; it ends with the connection.

    Without Postgres nothing is held: the pointer's conditional PUT alone decides. Raises
    PublishError after ``timeout`` seconds, and when Postgres cannot be asked.
    """
    if postgres_url is None:
        yield
        return
    try:
        import psycopg2
    except ImportError as error:
        raise PublishError(
            "the publish lock needs psycopg2, which is not installed: "
            "pip install 'nkdash[postgres]', or unset NKDASH_POSTGRES_URL"
        ) from error
    try:
        connection = psycopg2.connect(postgres_url.get_secret_value(), keepalives_idle=30)
    except psycopg2.Error as error:
        raise _unanswered(error) from error
    try:
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{timeout:.0f}s"])
                cursor.execute("SELECT pg_advisory_lock(%s)", [_number(subject)])
        except psycopg2.errors.LockNotAvailable as error:
            raise _held(f"Postgres' advisory lock on {subject}", timeout) from error
        except psycopg2.Error as error:
            raise _unanswered(error) from error
        yield
    finally:
        connection.close()


def _number(subject: str) -> int:
    digest = hashlib.sha256(f"nkdash publish {subject}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def _unanswered(error: Exception) -> PublishError:
    return PublishError(
        f"Postgres cannot be asked for the publish lock: {str(error).strip()}. Check "
        "NKDASH_POSTGRES_URL and that Postgres is up, then publish again"
    )


def _held(what: str, timeout: float) -> PublishError:
    return PublishError(
        f"another publish has held {what} for {timeout:.0f} s; end that process, then publish again"
    )
