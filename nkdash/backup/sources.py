"""What a backup holds, and how each file is read so that the copy is of one moment.

Files of the lake are replaced by renaming, so an open one never changes; any other file that
changes while it is read is read again. SQLite files are copied by SQLite's own backup, which
waits for writers and takes what is in the write-ahead log along.
"""

import os
import re
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url

from nkdash.backup.errors import BackupError
from nkdash.lake import Layer, is_remote
from nkdash.settings import Settings

SQLITE_MAGIC = b"SQLite format 3\0"
BESIDE_SQLITE = ("-wal", "-shm", "-journal")
PASSING = (".tmp", ".lock", ".pid")
IN_MEMORY = 64 << 20
READS = 5
SQLITE_WAIT_SECONDS = 60
POSTGRES_DUMP = "dagster/postgres.dump"
# Folders of DAGSTER_HOME; what steps printed (storage/, logs/) is left out.
DAGSTER_FOLDERS = ("history", "schedules")
DAGSTER_FILES = ("dagster.yaml", ".dagster.yaml.sha256")
# Derived layers first: whatever lands meanwhile, no star file is newer than the raw file it is of,
# so `standing` sees a day that must be made again.
LAYERS = (Layer.QUALITY, Layer.STAR, Layer.CLEAN, Layer.RAW)
# Of the dashboard's state: what signs its logins, and files that readers have asked for.
SECRET_KEY, EXPORTS = "secret_key", "exports"
SECRET_NAME = re.compile(r"(?i)(key|password|passwd|secret|token|webhook|credential)")


@dataclass(frozen=True)
class Source:
    """A file to keep under ``name`` in the archive."""

    name: str
    path: Path


def lake_files(settings: Settings, *, raw_only: bool) -> Iterator[Source]:
    """Every file of the lake's layers; of raw alone, and verdicts, with ``raw_only``.

    Raises BackupError for a lake that is no local folder."""
    root = local_lake(settings)
    for layer in (Layer.QUALITY, Layer.RAW) if raw_only else LAYERS:
        for path in _files(root / layer.value):
            yield Source(f"lake/{path.relative_to(root).as_posix()}", path)


def local_lake(settings: Settings) -> Path:
    """The lake's folder. Raises BackupError where it is a bucket."""
    root = settings.lake_root
    if is_remote(root):
        raise BackupError(
            f"the lake is at {root}: keep its history with the bucket's own versioning or "
            "replication; backup --without-lake keeps all else, and what a backup has of a lake "
            "is put back into a folder, from where it can be copied to the bucket"
        )
    return root


def dagster_files(home: Path) -> Iterator[Source]:
    """Dagster's SQLite files and its instance file."""
    for name in DAGSTER_FILES:
        if (home / name).is_file():
            yield Source(f"dagster/{name}", home / name)
    for folder in DAGSTER_FOLDERS:
        for path in _files(home / folder):
            yield Source(f"dagster/{path.relative_to(home).as_posix()}", path)


def state_files(settings: Settings) -> Iterator[Source]:
    """The dashboard's small store, without its secret key, copies of the warehouse, and exports."""
    root = settings.state_dir
    for path in _files(root):
        kept = path.relative_to(root).parts[0] not in (SECRET_KEY, EXPORTS)
        if kept and path.suffix != ".duckdb":
            yield Source(f"state/{path.relative_to(root).as_posix()}", path)


def postgres_url(settings: Settings) -> str | None:
    """Where Dagster's storage is in Postgres, else None."""
    url = settings.nkdash_postgres_url
    return url.get_secret_value() if url else None


def without_secrets(text: str) -> str:
    """A ``.env`` with the values of secrets left out: by our own types, by name, in addresses."""
    fields = Settings.model_fields.items()
    known = {name.upper() for name, field in fields if "SecretStr" in str(field.annotation)}

    def kept(line: str) -> str:
        name, equals, value = line.partition("=")
        bare = name.strip().removeprefix("export ").lstrip("#").strip()
        if not equals or bare.upper().endswith("_FILE"):
            return line
        secret = bare.upper() in known or SECRET_NAME.search(bare) or _has_password(value)
        return f"{name}=" if secret and value.strip() else line

    return "".join(f"{kept(line)}\n" for line in text.splitlines())


def _has_password(value: str) -> bool:
    try:
        return urlsplit(value.strip().strip("\"'")).password is not None
    except ValueError:
        return True


@contextmanager
def still(path: Path, scratch: Path) -> Iterator[tuple[IO[bytes], int]]:
    """The content of ``path`` at one moment, and its size.

    Raises FileNotFoundError, BackupError.
    """
    with path.open("rb") as file:
        is_sqlite = file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
    if is_sqlite:
        with tempfile.NamedTemporaryFile(dir=scratch, suffix=".db") as copy:
            copy_sqlite(path, Path(copy.name))
            with open(copy.name, "rb") as content:
                yield content, os.fstat(content.fileno()).st_size
        return
    with tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(scratch)) as spool:
        for _ in range(READS):
            spool.seek(0)
            spool.truncate()
            if (size := _read_whole(path, spool)) is not None:
                spool.seek(0)
                yield spool, size
                return
    raise BackupError(f"{path} changed {READS} times while it was read; stop what writes it")


def _read_whole(path: Path, into: IO[bytes]) -> int | None:
    """Copy the file; its size, or None where it changed meanwhile."""
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        size = 0
        while data := file.read(1 << 20):
            size += into.write(data)
        after = os.fstat(file.fileno())
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return size if same and size == after.st_size else None


def copy_sqlite(source: Path, target: Path) -> None:
    """A consistent copy of a SQLite file that others may be writing. Raises BackupError."""
    try:
        with (
            closing(
                sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True, timeout=SQLITE_WAIT_SECONDS)
            ) as before,
            closing(sqlite3.connect(target)) as copy,
        ):
            before.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise BackupError(f"{source} could not be copied: {error}") from error


def dump_postgres(url: str, target: Path) -> None:
    """Dagster's storage in Postgres as a custom-format dump. Raises BackupError."""
    run_postgres("pg_dump", url, "--format=custom", "--no-owner", f"--file={target}")


def run_postgres(program: str, url: str, *arguments: str) -> None:
    """Run a program of Postgres against ``url``; the password goes by the environment.

    Raises BackupError with what the program said.
    """
    parsed = make_url(url)
    given = {
        "PGHOST": parsed.host,
        "PGPORT": parsed.port and str(parsed.port),
        "PGUSER": parsed.username,
        "PGPASSWORD": parsed.password,
        "PGDATABASE": parsed.database,
        **{f"PG{k.upper()}": v for k, v in parsed.query.items() if isinstance(v, str)},
    }
    host = given["PGHOST"] or parsed.query.get("host")
    environment = {**os.environ, **{k: str(v) for k, v in given.items() if v}}
    try:
        done = subprocess.run(  # noqa: S603
            [program, *arguments], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise BackupError(
            f"{program} is not installed; install Postgres' client programs of the server's "
            "version (Debian: postgresql-client)"
        ) from error
    if done.returncode:
        raise BackupError(f"{program} failed at {host}: {done.stderr.strip()[-500:]}")


def database_of(url: str) -> str:
    """The name of the database in ``url``."""
    return make_url(url).database or ""


def _files(folder: Path) -> list[Path]:
    """Files below ``folder`` that are worth keeping, in order; symbolic links are not followed."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and not path.name.endswith((*BESIDE_SQLITE, *PASSING))
    )
