"""Putting a backup back: unpacked beside what is there, checked whole, and only then put in place.

What is there is never overwritten: with ``force`` it is moved aside, and named.
"""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from nkdash.backup import archive, sources
from nkdash.backup.archive import CHUNK, Header
from nkdash.backup.errors import BackupError
from nkdash.backup.keys import Key
from nkdash.backup.sources import DAGSTER_FILES, DAGSTER_FOLDERS, POSTGRES_DUMP
from nkdash.lake import Layer
from nkdash.settings import Settings

STAGING = ".nkdash-restoring-"
ASIDE = "before-restore-"
ENV = "settings/env"
# Room that a file system keeps for itself and our own small files need.
SPARE_BYTES = 64 << 20


@dataclass
class RestoreReport:
    """What was put back. ``aside`` are folders with what was there before."""

    header: Header
    files: int = 0
    bytes: int = 0
    aside: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_env(source: Path, key: Key | None) -> str | None:
    """The ``.env`` that the archive holds. Raises BackupError."""
    return archive.read_member(source, key, ENV)


def restore(
    source: Path,
    settings: Settings,
    home: Path,
    env_file: Path,
    *,
    key: Key | None = None,
    force: bool = False,
) -> RestoreReport:
    """Put the lake, Dagster's storage, the dashboard's state and the settings back.

    Everything is unpacked next to its place and its hashes are checked before anything is put
    there. A ``.env`` that is there stays; the archive's is then put beside it. No program of NKDash
    may run meanwhile. Raises BackupError: not an archive, wrong key, damaged, no room, something
    is there already; nothing was changed then.
    """
    header = archive.read_header(source, key)
    _same_terms(header, settings)
    places = _places(header, settings, home)
    if not force and (taken := [str(p.folder) for p in places if p.taken()]):
        raise BackupError(
            f"{' and '.join(taken)} already hold data; give --force to move that aside first, "
            "or set other folders"
        )
    _room(header, places[0].folder)
    report = RestoreReport(header)
    with _staged(places) as staged:

        def take(path: str, content: IO[bytes]) -> None:
            top, _, rest = path.partition("/")
            if target := staged.get(top):
                report.files += 1
                report.bytes += _write(target / rest, content)

        try:
            archive.unpack(source, key, take)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise BackupError(
                    f"no space is left to unpack the backup ({error.filename or source}); "
                    "free some. Nothing was changed"
                ) from error
            raise BackupError(f"the backup could not be unpacked: {error}") from error
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        dump = staged["dagster"] / Path(POSTGRES_DUMP).name
        _postgres(dump, settings, report)
        for place in places:
            _swap(place, staged[place.top], stamp, report)
        _settings_file(staged["settings"] / "env", env_file, stamp, report)
    return report


@dataclass(frozen=True)
class _Place:
    """Where a part of the archive goes: these names of ``folder``; files only where absent."""

    top: str
    folder: Path
    names: tuple[str, ...] | None
    files: tuple[str, ...] = ()

    def here(self) -> list[Path]:
        """What is there now and would be replaced."""
        if not self.folder.is_dir():
            return []
        return [
            path
            for path in sorted(self.folder.iterdir())
            if not path.name.startswith((STAGING, ASIDE))
            and (self.names is None or path.name in self.names)
        ]

    def taken(self) -> bool:
        """Whether any of that is a file, or a folder with one."""
        return any(p.is_file() or any(q.is_file() for q in p.rglob("*")) for p in self.here())


def _places(header: Header, settings: Settings, home: Path) -> list[_Place]:
    """Where the parts that the archive has go. Raises BackupError for a lake in a bucket."""
    layers = tuple(layer.value for layer in Layer)
    lake = [_Place("lake", sources.local_lake(settings), layers)] if header.with_lake else []
    return [
        *lake,
        _Place("dagster", home, DAGSTER_FOLDERS, DAGSTER_FILES),
        _Place("state", settings.state_dir, None),
    ]


@contextmanager
def _staged(places: list[_Place]) -> Iterator[dict[str, Path]]:
    """A folder for each part, on the disk it goes to; gone at the end, with what was not moved."""
    name = f"{STAGING}{uuid.uuid4().hex}"
    staged = {place.top: place.folder / name for place in places}
    staged["settings"] = places[0].folder / f"{name}-settings"
    try:
        for folder in staged.values():
            folder.mkdir(parents=True, mode=0o700)
        yield staged
    finally:
        for folder in staged.values():
            shutil.rmtree(folder, ignore_errors=True)


def _write(target: Path, content: IO[bytes]) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with target.open("xb") as file:
        while data := content.read(CHUNK):
            size += file.write(data)
    return size


def _swap(place: _Place, staged: Path, stamp: str, report: RestoreReport) -> None:
    """Move what is there aside, and what was unpacked in; a folder that is not in it stays."""
    arriving = [p for p in sorted(staged.iterdir()) if p.name != Path(POSTGRES_DUMP).name]
    replaced = [p for p in arriving if p.name not in place.files]
    aside = place.folder / f"{ASIDE}{stamp}"
    for old in place.here() if replaced else ():
        aside.mkdir(exist_ok=True)
        os.rename(old, aside / old.name)
    if aside.exists():
        report.aside.append(aside)
    for new in arriving:
        if new in replaced or not (place.folder / new.name).exists():
            os.rename(new, place.folder / new.name)


def _postgres(dump: Path, settings: Settings, report: RestoreReport) -> None:
    """Dagster's storage back into Postgres, in one transaction."""
    url = sources.postgres_url(settings)
    if dump.exists() and url:
        sources.run_postgres(
            "pg_restore",
            url,
            *("--clean", "--if-exists", "--no-owner", "--single-transaction"),
            *("--exit-on-error", f"--dbname={sources.database_of(url)}", str(dump)),
        )
    elif dump.exists():
        report.notes.append(
            "the archive's Dagster history is of Postgres, and NKDASH_POSTGRES_URL is not set: "
            "it was left out; runs and events begin anew"
        )
    elif url:
        report.notes.append(
            "the archive has no Postgres dump: Dagster's history in Postgres stays as it is"
        )


def _settings_file(env: Path, env_file: Path, stamp: str, report: RestoreReport) -> None:
    if not env.exists():
        return
    target = env_file
    if env_file.exists():
        if env_file.read_bytes() == env.read_bytes():
            return
        target = env_file.with_name(f"{env_file.name}.restored-{stamp}")
        report.notes.append(f"{env_file} stays as it is; the backup's is {target}")
    env.chmod(0o600)
    shutil.copy2(env, target)
    if not report.header.with_secrets:
        report.notes.append(f"secrets are not in the backup: fill them in in {target}")


def _same_terms(header: Header, settings: Settings) -> None:
    """Refuse a lake whose days or money are cut otherwise than these settings say."""
    for name in ("nkdash_timezone", "nkdash_money_decimals"):
        kept, here = header.settings.get(name), str(getattr(settings, name))
        if kept is not None and kept != here:
            raise BackupError(
                f"the backup was made with {name.upper()}={kept}, here it is {here}: "
                "its days or amounts would be wrong; set it as it was"
            )


def _room(header: Header, folder: Path) -> None:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if header.unpacked_bytes + SPARE_BYTES > free:
        needed = f"{header.unpacked_bytes / 1e9:,.2f} GB"
        raise BackupError(
            f"the backup needs {needed}, {there} has {free / 1e9:,.2f} GB free; "
            "free some, or set DATA_LAKE_ROOT to another disk"
        )


def settle_runs(home: Path) -> int:
    """End the runs that were under way when the backup was made; how many.

    Their processes are gone; left as they are they would block pools and count as being loaded.
    Dagster's instance in ``home`` must be named in DAGSTER_HOME already.
    """
    import dagster as dg

    unfinished = (
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    )
    with suppress(FileNotFoundError), dg.DagsterInstance.from_config(str(home)) as instance:
        instance.wipe_daemon_heartbeats()
        runs = instance.get_runs(dg.RunsFilter(statuses=list(unfinished)))
        for run in runs:
            instance.report_run_failed(run, message="Was under way when the backup was made.")
        return len(runs)
    return 0
