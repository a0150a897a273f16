"""Making a backup: everything into one archive, under a temporary name until it is whole."""

import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from nkdash.backup import archive, sources
from nkdash.backup.archive import HEADER, Header, Writer
from nkdash.backup.errors import BackupError
from nkdash.backup.keys import Key
from nkdash.backup.sources import POSTGRES_DUMP, Source
from nkdash.settings import Settings

NAME = re.compile(r"nkdash-\d{8}T\d{6}Z\.tar\.zst(\.age|\.locked)?")
UNFINISHED = ".nkdash-backup-"
# A backup that was killed leaves its temporary file; one at work is younger.
STALE_SECONDS = 24 * 3600
PACKAGES = ("dagster", "polars", "duckdb")
# What must be the same where the lake is used again.
KEPT_SETTINGS = ("nkdash_timezone", "nkdash_money_decimals", "nkdash_start_date")


@dataclass(frozen=True)
class BackupReport:
    """What was kept. ``notes`` are sentences worth reading."""

    path: Path
    files: int
    bytes: int
    size: int
    seconds: float
    encrypted: bool
    removed: tuple[Path, ...]
    notes: tuple[str, ...]


def back_up(
    settings: Settings,
    home: Path,
    env_file: Path,
    folder: Path,
    *,
    key: Key | None = None,
    raw_only: bool = False,
    with_lake: bool = True,
    with_secrets: bool = False,
    keep: int | None = None,
) -> BackupReport:
    """Write ``folder``/nkdash-<time>.tar.zst (.age: for an age key; .locked: with a passphrase).

    ``home`` is DAGSTER_HOME. Secrets of ``env_file`` are kept only where the archive is encrypted
    or ``with_secrets`` asks for it. ``keep`` backups stay in the folder, counted after this one is
    whole. Raises BackupError; then no archive appears under its name.
    """
    started = time.perf_counter()
    made_at = datetime.now(UTC)
    secrets = with_secrets or key is not None
    suffix = "" if key is None else ".locked" if key.passphrase else ".age"
    target = folder / f"nkdash-{made_at:%Y%m%dT%H%M%SZ}.tar.zst{suffix}"
    temporary = folder / f"{UNFINISHED}{uuid.uuid4().hex}.tmp"
    notes: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with (
            tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder) as scratch,
            temporary.open("xb") as file,
        ):
            os.chmod(temporary, 0o600)
            files = [*sources.dagster_files(home), *sources.state_files(settings)]
            if with_lake:
                files += sources.lake_files(settings, raw_only=raw_only)
            with archive.write(file, key) as writer:
                header = replace(
                    _header(settings, files, made_at),
                    with_lake=with_lake,
                    raw_only=raw_only,
                    with_secrets=secrets,
                )
                writer.add_bytes(HEADER, header.as_json())
                _add_env(writer, env_file, notes, secrets=secrets)
                if url := sources.postgres_url(settings):
                    _add_postgres(writer, url, Path(scratch))
                gone = _add_files(writer, files, Path(scratch))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise BackupError(
            f"the backup could not be written to {folder}: {error.strerror or error}. "
            "Free space there or take another folder; earlier backups are untouched."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    if gone:
        notes.append(f"{gone} files were removed while the backup was made and are not in it")
    return BackupReport(
        path=target,
        files=len(writer.members),
        bytes=sum(member.size for member in writer.members),
        size=target.stat().st_size,
        seconds=time.perf_counter() - started,
        encrypted=key is not None,
        removed=retain(folder, keep, target) if keep is not None else (),
        notes=tuple(notes),
    )


def retain(folder: Path, keep: int, newest: Path) -> tuple[Path, ...]:
    """Remove all but the ``keep`` newest backups of ``folder``, never ``newest``; those removed."""
    found = sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))
    spare = [path for path in found[: max(0, len(found) - keep)] if path != newest]
    for path in spare:
        path.unlink(missing_ok=True)
    return tuple(spare)


def _header(settings: Settings, files: Iterable[Source], made_at: datetime) -> Header:
    size = 0
    for source in files:
        with suppress(FileNotFoundError):
            size += source.path.stat().st_size
    return Header(
        nkdash=version("nkdash"),
        made_at=made_at,
        unpacked_bytes=size,
        settings={name: str(getattr(settings, name)) for name in KEPT_SETTINGS},
        versions={name: version(name) for name in PACKAGES},
    )


def _add_env(writer: Writer, env_file: Path, notes: list[str], *, secrets: bool) -> None:
    try:
        text = env_file.read_text()
    except FileNotFoundError:
        notes.append("there is no .env here: settings come from the environment and are not kept")
        return
    if not secrets:
        notes.append("secrets of .env were left out, since the archive is not encrypted")
    writer.add_bytes("settings/env", (text if secrets else sources.without_secrets(text)).encode())


def _add_postgres(writer: Writer, url: str, scratch: Path) -> None:
    dump = scratch / "postgres.dump"
    sources.dump_postgres(url, dump)
    with dump.open("rb") as content:
        writer.add(POSTGRES_DUMP, content, dump.stat().st_size)
    dump.unlink()


def _add_files(writer: Writer, files: Iterable[Source], scratch: Path) -> int:
    """Add every file that is still there; how many were not."""
    gone = 0
    for source in files:
        try:
            mtime = source.path.stat().st_mtime
            with sources.still(source.path, scratch) as (content, size):
                writer.add(source.name, content, size, mtime)
        except FileNotFoundError:
            gone += 1
    return gone


def _sweep(folder: Path) -> None:
    """Remove what killed backups left."""
    for stray in folder.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            if time.time() - stray.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(stray) if stray.is_dir() else stray.unlink()
