"""What differs between a local lake and one on S3: listing, writing whole files, opening them.

Locally a file is complete under a temporary name and then renamed; on S3 one PUT is the atomic
step. Either way all files of a call are complete before the first takes its place, and a reader,
or a kill -9, sees the old file or the new one.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Protocol, TypeVar

import polars as pl
from upath import UPath

from nkdash.lake import s3
from nkdash.lake.place import LakePath, is_remote
from nkdash.lake.s3 import Stat

FILE_NAME = "data.parquet"

In = TypeVar("In")
Out = TypeVar("Out")
Write = Callable[[IO[bytes]], None]
Source = Path | BytesIO
"""What polars can scan: a local file, or the content of one on S3."""

# Footers of our widest tables have some 6 KiB; one that is longer takes a second request.
_TAIL_BYTES = 16 * 1024
_STRAY_SECONDS = 3600


@dataclass(frozen=True)
class Found:
    """A file: the name of its folder (of a day) or its own, its path and its stat."""

    name: str
    path: LakePath
    stat: Stat


class Storage(Protocol):
    """One lake's files. Every method may raise OSError; on S3 that is nkdash.lake.s3.S3Error."""

    remedy: str
    """What to do when the lake cannot be written."""

    def days(self, folder: LakePath) -> list[Found]:
        """The ``data.parquet`` of each subfolder ``date=…``, oldest first."""

    def tables(self, folder: LakePath) -> list[Found]:
        """The ``….parquet`` in a folder itself, by name."""

    def find(self, path: LakePath) -> Found | None:
        """One file, None where there is none."""

    def write_all(self, files: Iterable[tuple[LakePath, Write]]) -> None:
        """Replace files; none before all are complete."""

    def source(self, path: LakePath) -> Source | None:
        """What polars reads a file from, None where there is none."""

    def metadata(self, path: LakePath) -> dict[str, str]:
        """The key-value metadata of a Parquet file. Raises FileNotFoundError."""

    def each(self, work: Callable[[In], Out], items: Sequence[In]) -> list[Out]:
        """``work`` on every item, in order; several at the same time where one waits."""


def storage_of(place: LakePath) -> Storage:
    """The storage in which ``place`` lies."""
    return S3Storage() if is_remote(place) else LocalStorage()


class LocalStorage:
    """A lake in a folder."""

    remedy = "free space or mend the rights of the folder, then run again"

    def days(self, folder: LakePath) -> list[Found]:
        """As Storage."""
        found = []
        local = _local(folder)
        try:
            names = sorted(os.listdir(local))
        except (FileNotFoundError, NotADirectoryError):
            return []
        # Years of days are listed once a minute: no Path is made where its text will do.
        for name in names:
            if name.startswith("date="):
                path = local.joinpath(name, FILE_NAME)
                with suppress(FileNotFoundError, NotADirectoryError):
                    found.append(Found(name, path, _stat(path)))
        return found

    def tables(self, folder: LakePath) -> list[Found]:
        """As Storage."""
        found = []
        for path in sorted(_local(folder).glob("[!.]*.parquet")):
            with suppress(FileNotFoundError):
                found.append(Found(path.name, path, _stat(path)))
        return found

    def find(self, path: LakePath) -> Found | None:
        """As Storage."""
        try:
            return Found(path.name, path, _stat(_local(path)))
        except FileNotFoundError:
            return None

    def write_all(self, files: Iterable[tuple[LakePath, Write]]) -> None:
        """As Storage; durable, with fsync."""
        written: list[tuple[Path, Path]] = []
        try:
            for place, write in files:
                path = _local(place)
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
                written.append((temporary, path))
                with temporary.open("wb") as file:
                    write(file)
                    file.flush()
                    os.fsync(file.fileno())
            for temporary, path in written:
                _sweep(path, keep={t for t, _ in written})
                os.replace(temporary, path)
        finally:
            for temporary, _ in written:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)

    def source(self, path: LakePath) -> Source | None:
        """As Storage."""
        local = _local(path)
        return local if local.is_file() else None

    def metadata(self, path: LakePath) -> dict[str, str]:
        """As Storage."""
        return pl.read_parquet_metadata(_local(path))

    def each(self, work: Callable[[In], Out], items: Sequence[In]) -> list[Out]:
        """As Storage."""
        return [work(item) for item in items]


def _stat(path: Path) -> Stat:
    found = path.stat()
    return Stat(found.st_size, found.st_mtime_ns)


def _sweep(path: Path, keep: set[Path]) -> None:
    """Remove what a killed run left beside ``path``; a writer still at work is an hour young."""
    for stray in path.parent.glob(f".{path.name}.*.tmp"):
        with suppress(OSError):
            age = time.time() - stray.stat().st_mtime
            if stray not in keep and age > _STRAY_SECONDS:
                stray.unlink()


def _local(path: LakePath) -> Path:
    if is_remote(path):
        raise TypeError(f"{path} is no local path")
    return path


class S3Storage:
    """A lake in a bucket. A file is one GET or PUT, a table's listing one LIST per 1,000 days."""

    remedy = "mend the cause, then run again"

    def days(self, folder: LakePath) -> list[Found]:
        """As Storage."""
        found = []
        for item in s3.listing(_remote(folder), deep=True):
            day, _, name = item.name.partition("/")
            if day.startswith("date=") and name == FILE_NAME:
                found.append(Found(day, folder.joinpath(day, name), item.stat))
        return found

    def tables(self, folder: LakePath) -> list[Found]:
        """As Storage."""
        return [
            Found(item.name, folder / item.name, item.stat)
            for item in s3.listing(_remote(folder), deep=False)
            if item.name.endswith(".parquet")
        ]

    def find(self, path: LakePath) -> Found | None:
        """As Storage."""
        try:
            return Found(path.name, path, s3.stat(_remote(path)))
        except FileNotFoundError:
            return None

    def write_all(self, files: Iterable[tuple[LakePath, Write]]) -> None:
        """As Storage; the files are held in memory until all are complete."""
        complete: list[tuple[UPath, BytesIO]] = []
        for path, write in files:
            content = BytesIO()
            write(content)
            complete.append((_remote(path), content))
        s3.at_once(lambda item: s3.put(item[0], item[1].getvalue()), complete)

    def source(self, path: LakePath) -> Source | None:
        """As Storage: the whole content, as it was at one instant."""
        try:
            return BytesIO(s3.get(_remote(path)))
        except FileNotFoundError:
            return None

    def metadata(self, path: LakePath) -> dict[str, str]:
        """As Storage: from the last bytes of the file."""
        tail = s3.get(_remote(path), last_bytes=_TAIL_BYTES)
        # Parquet ends with the footer's length, in 4 bytes, and 4 bytes of magic.
        footer = int.from_bytes(tail[-8:-4], "little") + 8
        if footer > len(tail):
            tail = s3.get(_remote(path), last_bytes=footer)
        return pl.read_parquet_metadata(BytesIO(tail))

    def each(self, work: Callable[[In], Out], items: Sequence[In]) -> list[Out]:
        """As Storage."""
        return s3.at_once(work, items)


def _remote(path: LakePath) -> UPath:
    if not is_remote(path):
        raise TypeError(f"{path} is no place on S3")
    return path
