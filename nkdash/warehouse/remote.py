"""A warehouse on S3: versions come and go as whole objects, the pointer by a conditional PUT.

``nkdash-000001-<hash>.duckdb`` … hold the versions, ``current.json`` names the current one with its
size and hash. DuckDB never reads S3: versions are built in a local folder and uploaded, and
downloaded into a local cache before they are opened. A name tells its content, so what is in the
cache is right or is not there.

The pointer replaces only the pointer that the publisher had read: whoever else published meanwhile
wins, and the loser builds again upon that version.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from upath import UPath

from nkdash.lake import LakePath, is_remote, s3
from nkdash.warehouse import versions
from nkdash.warehouse.errors import (
    BrokenWarehouseError,
    PublishError,
    UnreachableWarehouseError,
)
from nkdash.warehouse.versions import POINTER, Published, version_path

_NAME = re.compile(r"nkdash-(\d{6,})-([0-9a-f]{16})\.duckdb")
_TRIES = 10
_WORKSHOP = ".publish-"
_PARTIAL = ".partial-"
_COPIES_KEPT = 2
# An object of a version that no pointer names yet may be about to be: its publisher is at work.
_UNPOINTED_NS = 24 * 3600 * 10**9

Result = TypeVar("Result")


@dataclass(frozen=True)
class Stored:
    """A published version on S3; ``published_at`` is naive UTC, ``size`` the bytes of its file."""

    version: int
    path: UPath
    published_at: datetime
    size: int
    sha256: str


def current(warehouse: LakePath) -> Published | Stored | None:
    """The current version of a warehouse, local or on S3; None before the first publish.

    Raises BrokenWarehouseError when the pointer cannot be read, UnreachableWarehouseError when it
    lies on S3 and that does not give it.
    """
    return stored(warehouse) if is_remote(warehouse) else versions.current(warehouse)


def stored(warehouse: UPath) -> Stored | None:
    """As ``current`` of a warehouse on S3; one GET."""
    pointer = warehouse / POINTER
    try:
        return _parse(s3.get(pointer), warehouse)
    except FileNotFoundError:
        return None
    except s3.S3Error as error:
        raise UnreachableWarehouseError(str(error)) from error
    except (ValueError, TypeError, KeyError) as error:
        raise BrokenWarehouseError(
            f"the pointer {pointer} cannot be read ({error!r}); `nkdash publish` writes a new one"
        ) from error


def _parse(content: bytes, warehouse: UPath) -> Stored:
    told = json.loads(content)
    return Stored(
        int(told["version"]),
        warehouse / str(told["file"]),
        datetime.fromisoformat(told["published_at"]),
        int(told["size"]),
        str(told["sha256"]),
    )


def cache_of(warehouse: UPath, cache: Path) -> Path:
    """The folder within ``cache`` that is this warehouse's; it is made."""
    address = f"{warehouse.storage_options.get('endpoint_url')} {warehouse}"
    folder = cache / hashlib.sha256(address.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def local_copy(version: Stored, folder: Path) -> Published:
    """The version as a file in ``folder``, fetched where it is not there yet.

    Raises BrokenWarehouseError when it is gone or not what was published,
    UnreachableWarehouseError when S3 does not give it.
    """
    path = folder / version.path.name
    if not (path.is_file() and path.stat().st_size == version.size):
        _fetch(version.path, path, version.sha256, version.size)
        _forget_old(folder, path)
    return Published(version.version, path, version.published_at, version.size)


def _fetch(source: UPath, path: Path, sha256: str, size: int) -> None:
    partial = path.with_name(f"{_PARTIAL}{uuid.uuid4().hex}")
    try:
        s3.download(source, partial)
        if partial.stat().st_size != size or _sha256(partial) != sha256:
            raise BrokenWarehouseError(
                f"{source} is not what was published: another size or hash. "
                "Publish again (nkdash publish): the lake has it all"
            )
        os.replace(partial, path)
    except FileNotFoundError as error:
        raise BrokenWarehouseError(
            f"{source} is gone; publish again (nkdash publish): the lake has it all"
        ) from error
    except s3.S3Error as error:
        raise UnreachableWarehouseError(str(error)) from error
    except OSError as error:
        raise UnreachableWarehouseError(
            f"{source} could not be kept in {path.parent}: {error}. "
            "Free disk space there, or set NKDASH_WAREHOUSE_CACHE to another folder"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _forget_old(folder: Path, newest: Path) -> None:
    """Remove copies but the last ones; a reader that has one open goes on reading it."""
    copies = [path for path in folder.glob("nkdash-*.duckdb") if path != newest]
    copies.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in copies[_COPIES_KEPT - 1 :]:
        with suppress(OSError):
            path.unlink()


def publish_through(
    warehouse: UPath, folder: Path, keep: int, build: Callable[[Path], Result]
) -> tuple[Result, Path]:
    """Let ``build`` publish in a local folder that holds the current version; upload what is new.

    Returns its result and the current version's file in the cache ``folder``. Only one call at a
    time may work in that folder. Raises PublishError when others published too often meanwhile,
    OSError, and what ``build`` raises; the version before is then current.
    """
    for stray in folder.glob(f"{_WORKSHOP}*"):
        shutil.rmtree(stray, ignore_errors=True)
    for _ in range(_TRIES):
        with _workshop(folder) as workshop:
            seen = _bring(warehouse, folder, workshop)
            result = build(workshop)
            made = versions.current(workshop)
            if made is None:
                raise PublishError(f"nothing was published in {workshop}")
            if seen.pointed and seen.pointed.version == made.version:
                return result, folder / seen.pointed.path.name
            try:
                return result, _bring_back(made, seen, warehouse, folder, keep)
            except s3.LostRaceError:
                continue
    raise PublishError(
        f"others published to {warehouse} {_TRIES} times while this was at work; set "
        "NKDASH_POSTGRES_URL, so that publishers wait for one another, or publish again later"
    )


@dataclass(frozen=True)
class _Seen:
    """The pointer as it was read: its ETag, None where there was none, and what it named."""

    etag: str | None
    pointed: Stored | None


@contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=_WORKSHOP, dir=folder) as name:
        yield Path(name)


def _bring(warehouse: UPath, folder: Path, workshop: Path) -> _Seen:
    """Make ``workshop`` a local warehouse with the pointer and the current, or newest, version.

    What is broken there stays so: publish says so and builds anew.
    """
    pointer = warehouse / POINTER
    try:
        # The ETag first: of a pointer that moves in between it is the old one, which loses.
        etag = s3.stat(pointer).etag
        content = s3.get(pointer)
    except FileNotFoundError:
        etag, content = None, b""
    pointed: Stored | None = None
    if content:
        with suppress(ValueError, TypeError, KeyError):
            pointed = _parse(content, warehouse)
        (workshop / POINTER).write_bytes(content)
    if pointed:
        with suppress(BrokenWarehouseError):
            copy = local_copy(pointed, folder)
            os.link(copy.path, version_path(workshop, pointed.version))
        return _Seen(etag, pointed)
    if stored_versions := _stored_versions(warehouse):
        version, name = max((version, item.name) for version, item in stored_versions)
        with suppress(FileNotFoundError):
            s3.download(warehouse / name, version_path(workshop, version))
    return _Seen(etag, None)


def _bring_back(made: Published, seen: _Seen, warehouse: UPath, folder: Path, keep: int) -> Path:
    """Upload a version and point at it; its file in the cache. Raises LostRaceError, S3Error."""
    sha256 = _sha256(made.path)
    name = f"nkdash-{made.version:06d}-{sha256[:16]}.duckdb"
    pointer, target = warehouse / POINTER, warehouse / name
    s3.upload(made.path, target)
    told = {
        "version": made.version,
        "file": name,
        "published_at": made.published_at.isoformat(),
        "size": made.size,
        "sha256": sha256,
    }
    try:
        s3.put(pointer, json.dumps(told).encode(), if_etag=seen.etag, if_new=seen.etag is None)
    except s3.LostRaceError:
        # A PUT whose answer was lost is sent again, and then loses against itself.
        now = stored(warehouse)
        if now is None or now.path.name != name:
            with suppress(s3.S3Error):
                s3.delete(target)
            raise
    path = folder / name
    os.replace(made.path, path)
    _forget_old(folder, path)
    with suppress(s3.S3Error):
        _retire(warehouse, name, made.version, keep)
    return path


def _retire(warehouse: UPath, name: str, version: int, keep: int) -> None:
    """Delete all but the ``keep`` newest versions up to ``version``, and what kills left over."""
    found = _stored_versions(warehouse)
    ours = next((item.stat.mtime_ns for _, item in found if item.name == name), 0)
    published = [item for number, item in found if number <= version and item.name != name]
    unpointed = [
        item
        for number, item in found
        if number > version and ours - item.stat.mtime_ns > _UNPOINTED_NS
    ]
    for item in [*published[: max(0, len(published) - keep + 1)], *unpointed]:
        s3.delete(warehouse / item.name)


def _stored_versions(warehouse: UPath) -> list[tuple[int, s3.Object]]:
    """The versions' objects with their numbers, oldest first; not all need be published."""
    found = [
        (int(match[1]), item)
        for item in s3.listing(warehouse, deep=False)
        if (match := _NAME.fullmatch(item.name))
    ]
    return sorted(found, key=lambda entry: (entry[0], entry[1].stat.mtime_ns))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
