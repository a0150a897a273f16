"""Published versions on disk: their names, the pointer to the current one, and retention.

``nkdash-000001.duckdb`` … hold the versions, ``current.json`` names the current one. A file gets
its name when it is complete and keeps it for ever: DuckDB caches open instances by path, so a name
that came back with other content would be read stale.
"""

import json
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nkdash.warehouse.errors import BrokenWarehouseError

POINTER = "current.json"
LOCK = "publish.lock"
CANDIDATE_PREFIX = ".candidate-"
_VERSION_NAME = re.compile(r"nkdash-(\d{6,})\.duckdb")


@dataclass(frozen=True)
class Published:
    """A published version; ``published_at`` is naive UTC, ``size`` the bytes of its file."""

    version: int
    path: Path
    published_at: datetime
    size: int


def version_path(warehouse_dir: Path, version: int) -> Path:
    """File of a version."""
    return warehouse_dir / f"nkdash-{version:06d}.duckdb"


def candidate_path(warehouse_dir: Path) -> Path:
    """A name, never used before, under which the next version is built."""
    return warehouse_dir / f"{CANDIDATE_PREFIX}{uuid.uuid4().hex}.duckdb"


def current(warehouse_dir: Path) -> Published | None:
    """The current version, None before the first publish.

    Raises BrokenWarehouseError when the pointer cannot be read.
    """
    pointer = warehouse_dir / POINTER
    try:
        content = json.loads(pointer.read_bytes())
        version = int(content["version"])
        published_at = datetime.fromisoformat(content["published_at"])
        size = int(content["size"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BrokenWarehouseError(
            f"the pointer {pointer} cannot be read ({error!r}); `nkdash publish` writes a new one"
        ) from error
    return Published(version, version_path(warehouse_dir, version), published_at, size)


def check_whole(published: Published) -> None:
    """Raises BrokenWarehouseError when the file is gone, or cut: DuckDB may open a cut file."""
    try:
        size = published.path.stat().st_size
    except OSError as error:
        raise broken(published, str(error)) from error
    if size != published.size:
        raise broken(published, f"it has {size} bytes, not {published.size}")


def broken(published: Published, cause: str) -> BrokenWarehouseError:
    """The error that ``published`` cannot be read."""
    return BrokenWarehouseError(
        f"the published file {published.path} cannot be read ({cause}); "
        "delete it and publish again (nkdash publish): the lake has it all"
    )


def versions_on_disk(warehouse_dir: Path) -> dict[int, Path]:
    """Version files by number, oldest first; not all of them need be published."""
    found = {
        int(match.group(1)): path
        for path in warehouse_dir.glob("nkdash-*.duckdb")
        if (match := _VERSION_NAME.fullmatch(path.name))
    }
    return dict(sorted(found.items()))


def point_at(warehouse_dir: Path, published: Published) -> None:
    """Make ``published`` the current version, atomically and durably. Raises OSError."""
    pointer = warehouse_dir / POINTER
    temporary = warehouse_dir / f".{POINTER}.{uuid.uuid4().hex}.tmp"
    content = {
        "version": published.version,
        "file": published.path.name,
        "published_at": published.published_at.isoformat(),
        "size": published.size,
    }
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, pointer)
    finally:
        temporary.unlink(missing_ok=True)
    sync(warehouse_dir)


def adopt(candidate: Path, target: Path) -> None:
    """Give a complete, closed candidate its version's name, durably. Raises OSError."""
    sync(candidate)
    candidate.rename(target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Flush a file, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def retire(warehouse_dir: Path, published: Published, keep: int) -> None:
    """Delete all but the ``keep`` newest versions up to ``published``, and what kills left over.

    Only under the publish lock. A reader that has an old version open goes on reading it.
    """
    versions = versions_on_disk(warehouse_dir)
    kept = set(sorted(v for v in versions if v <= published.version)[-keep:])
    for version, path in versions.items():
        if version not in kept:
            with suppress(OSError):
                path.unlink()
    discard(_leftovers(warehouse_dir))


def discard_candidate(candidate: Path) -> None:
    """Remove a candidate with its write-ahead log and spill folder, where they are there."""
    discard(candidate.parent.glob(f"{candidate.name}*"))


def discard(paths: Iterator[Path]) -> None:
    """Remove files and DuckDB's spill folders; what refuses to go is tried again next time."""
    for path in list(paths):
        with suppress(OSError):
            if path.is_dir():
                discard(path.iterdir())
                path.rmdir()
            else:
                path.unlink()


def _leftovers(warehouse_dir: Path) -> Iterator[Path]:
    yield from warehouse_dir.glob(f"{CANDIDATE_PREFIX}*")
    yield from warehouse_dir.glob(f".{POINTER}.*.tmp")
