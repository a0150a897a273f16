"""The archive: a tar in zstd, encrypted where a key is given.

``header.json`` comes first (versions, when, what), ``manifest.json`` last (size and SHA-256 of
every member before it), so an archive that was cut has none and is never believed.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, Protocol, cast

from backports import zstd

from nkdash.backup.errors import BackupError
from nkdash.backup.keys import Key, locking, opening

FORMAT = 1
HEADER, MANIFEST = "header.json", "manifest.json"
# Comes right after the header, since it says where all else goes.
SETTINGS = "settings/"
# Parquet is compressed already; SQLite files and text gain most at the lowest level.
LEVEL = 1
CHUNK = 1 << 20


@dataclass(frozen=True)
class Header:
    """What an archive says of itself; ``unpacked_bytes`` is about right, the time is UTC."""

    nkdash: str
    made_at: datetime
    unpacked_bytes: int
    settings: dict[str, str]
    versions: dict[str, str]
    with_lake: bool = True
    raw_only: bool = False
    with_secrets: bool = False
    format: int = FORMAT

    def as_json(self) -> bytes:
        """JSON with the time in ISO."""
        return json.dumps({**asdict(self), "made_at": self.made_at.isoformat()}, indent=1).encode()


@dataclass(frozen=True)
class Sealed:
    """One member as the manifest has it."""

    path: str
    size: int
    sha256: str


@dataclass
class Writer:
    """Adds members to an archive and keeps their manifest."""

    _tar: tarfile.TarFile
    _members: list[Sealed] = field(default_factory=list)

    def add(self, path: str, content: IO[bytes], size: int, mtime: float = 0) -> None:
        """Add ``size`` bytes of ``content`` as ``path``."""
        info = tarfile.TarInfo(path)
        info.size, info.mtime, info.mode = size, mtime, 0o600
        hashing = _Hashing(content)
        self._tar.addfile(info, cast("IO[bytes]", hashing))
        self._members.append(Sealed(path, size, hashing.sha256.hexdigest()))

    def add_bytes(self, path: str, content: bytes) -> None:
        """Add ``content`` as ``path``."""
        self.add(path, io.BytesIO(content), len(content))

    @property
    def members(self) -> tuple[Sealed, ...]:
        """What was added so far."""
        return tuple(self._members)

    def finish(self) -> None:
        """Add the manifest, which makes the archive whole."""
        text = json.dumps({"files": [asdict(m) for m in self._members]}).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode = len(text), 0o600
        self._tar.addfile(info, io.BytesIO(text))


class Taker(Protocol):
    """Gets every member but the manifest; must read ``content`` to its end or not at all."""

    def __call__(self, path: str, content: IO[bytes]) -> None: ...


class _Hashing:
    """A stream that hashes what is read from it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.sha256 = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.sha256.update(data)
        self.size += len(data)
        return data


@contextmanager
def write(target: BinaryIO, key: Key | None) -> Iterator[Writer]:
    """An archive in ``target``; whole only when the block ends without an error."""
    with (
        locking(target, key) as stream,
        zstd.ZstdFile(stream, "w", level=LEVEL) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        writer = Writer(tar)
        yield writer
        writer.finish()


def read_header(archive: Path, key: Key | None) -> Header:
    """What the archive says of itself, without reading further. Raises BackupError."""

    with _members(archive, key) as members:
        for name, content in members:
            if name == HEADER:
                return _header(content.read())
            break
    raise _no_archive(archive)


def read_member(archive: Path, key: Key | None, wanted: str) -> str | None:
    """The text of one member, not checked against the manifest. Raises BackupError."""
    with _members(archive, key) as members:
        for name, content in members:
            if name == wanted:
                return content.read().decode()
            if name not in (HEADER, MANIFEST) and not name.startswith(SETTINGS):
                break
    return None


def unpack(archive: Path, key: Key | None, take: Taker) -> Header:
    """Hand every member to ``take`` while its hash is taken; the header when all of them are right.

    What was taken may be believed only when this returns. Raises BackupError, which names the
    cause: no archive, wrong key, cut, changed, made by a newer NKDash.
    """
    header: Header | None = None
    found: dict[str, Sealed] = {}
    listed: dict[str, Sealed] | None = None
    with _members(archive, key) as members:
        for name, content in members:
            if listed is not None:
                raise BackupError(f"{archive} has members after its manifest: it was changed")
            if name == MANIFEST:
                listed = {f["path"]: Sealed(**f) for f in json.load(content)["files"]}
                continue
            hashing = _Hashing(content)
            if header is None:
                if name != HEADER:
                    raise _no_archive(archive)
                header = _header(hashing.read())
            else:
                take(name, cast("IO[bytes]", hashing))
                while hashing.read(CHUNK):
                    pass
            found[name] = Sealed(name, hashing.size, hashing.sha256.hexdigest())
    if header is None:
        raise _no_archive(archive)
    if listed is None:
        raise _cut(archive)
    if wrong := sorted(n for n in found.keys() | listed.keys() if found.get(n) != listed.get(n)):
        raise BackupError(
            f"{len(wrong)} members of {archive} are not what its manifest says, "
            f"e.g. {wrong[0]}: it was damaged; use another backup"
        )
    return header


def verify(archive: Path, key: Key | None) -> tuple[Header, int, int]:
    """Read the whole archive and check every hash; header, files and bytes. Raises BackupError."""
    files, size = 0, 0

    def count(path: str, content: IO[bytes]) -> None:
        nonlocal files, size
        files += 1
        while data := content.read(CHUNK):
            size += len(data)

    header = unpack(archive, key, count)
    return header, files, size


@contextmanager
def _members(archive: Path, key: Key | None) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """Name and content of each member, in order; every way of being broken as a BackupError."""
    try:
        with (
            archive.open("rb") as file,
            opening(file, key) as stream,
            zstd.ZstdFile(stream, "r") as packed,
            tarfile.open(fileobj=packed, mode="r|") as tar,
        ):
            yield _regular(archive, tar)
    except zstd.ZstdError as error:
        raise BackupError(f"{archive} is no backup of NKDash, or was damaged") from error
    except (EOFError, tarfile.ReadError) as error:
        raise _cut(archive) from error
    except (FileNotFoundError, IsADirectoryError) as error:
        if error.filename != str(archive):
            raise
        raise BackupError(f"there is no archive {archive}") from error


def _regular(archive: Path, tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in tar:
        path = PurePosixPath(member.name)
        content = tar.extractfile(member) if member.isreg() else None
        if content is None or path.is_absolute() or ".." in path.parts:
            raise BackupError(f"{archive} holds {member.name!r}: NKDash did not make it")
        yield member.name, content


def _header(content: bytes) -> Header:
    try:
        told: dict[str, Any] = json.loads(content)
        if told["format"] > FORMAT:
            raise BackupError(
                f"the archive was made by NKDash {told['nkdash']} in format {told['format']}; "
                f"this one reads up to {FORMAT}. Install that version, or a later one"
            )
        return Header(**{**told, "made_at": datetime.fromisoformat(told["made_at"])})
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"the archive's header cannot be read ({error!r})") from error


def _no_archive(archive: Path) -> BackupError:
    return BackupError(f"{archive} is no backup of NKDash")


def _cut(archive: Path) -> BackupError:
    return BackupError(f"{archive} is cut short; copy it again, or use another backup")
