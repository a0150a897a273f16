"""The few requests that NKDash makes to S3, and its faults in words with a remedy.

Paths are UPaths that carry how to reach the server (``nkdash.lake.place``). A PUT replaces an
object whole or not at all; one with a condition fails with LostRaceError where somebody else was
first. botocore and s3fs try again what may pass: throttling, 5xx, lost connections.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar

import fsspec
from upath import UPath

AT_ONCE = 16
"""Requests under way at the same time."""

_PART_BYTES = 50 * 2**20
_LOST = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_REACH = (
    "Check NKDASH_S3_ENDPOINT and AWS_DEFAULT_REGION, and that the server is up; then run again."
)
_RIGHTS = (
    "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN (or the machine's role), "
    "and that they may list, read, write and delete there."
)

In = TypeVar("In")
Out = TypeVar("Out")


class S3Error(OSError):
    """S3 cannot be reached, or did not do what was asked; trying again may help."""


class S3RefusedError(S3Error):
    """S3 refuses: credentials, rights, no such bucket; trying again cannot help."""


class LostRaceError(S3Error):
    """A conditional PUT found that somebody else had written meanwhile."""


@dataclass(frozen=True)
class Stat:
    """What tells one content of a file from another; equal stat, equal content.

    Locally size and modification time; on S3 the ETag, with the time S3 received the object.
    """

    size: int
    mtime_ns: int
    etag: str = ""


@dataclass(frozen=True)
class Object:
    """An object's key below the folder that was listed, and its stat."""

    name: str
    stat: Stat


def at_once(work: Callable[[In], Out], items: Iterable[In]) -> list[Out]:
    """``work`` on every item, several at the same time, in order; the first error is raised."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, items))


def listing(folder: UPath, *, deep: bool) -> list[Object]:
    """The objects in ``folder``, by key; with ``deep`` those of its subfolders too.

    One request for every 1,000 objects. Raises S3Error.
    """
    bucket, prefix = _address(folder)
    prefix = f"{prefix}/" if prefix else ""
    found: list[Object] = []
    asked: dict[str, str] = {"Bucket": bucket, "Prefix": prefix}
    if not deep:
        asked["Delimiter"] = "/"
    while True:
        with _told(folder):
            page = _fs(folder).call_s3("list_objects_v2", **asked)
        for item in page.get("Contents", ()):
            stat = Stat(item["Size"], _ns(item["LastModified"]), item["ETag"].strip('"'))
            found.append(Object(item["Key"].removeprefix(prefix), stat))
        if not page.get("IsTruncated"):
            return found
        asked["ContinuationToken"] = page["NextContinuationToken"]


def stat(path: UPath) -> Stat:
    """The stat of one object. Raises FileNotFoundError, S3Error."""
    bucket, key = _address(path)
    with _told(path):
        head = _fs(path).call_s3("head_object", Bucket=bucket, Key=key)
    return Stat(head["ContentLength"], _ns(head["LastModified"]), head["ETag"].strip('"'))


def get(path: UPath, *, last_bytes: int | None = None) -> bytes:
    """An object's content, or the end of it. Raises FileNotFoundError, S3Error."""
    start = None if last_bytes is None else -last_bytes
    with _told(path):
        # Without concurrency it is one GET; with it, s3fs asks for the size first.
        content: bytes = _fs(path).cat_file(path.path, start=start, max_concurrency=1)
        return content


def put(path: UPath, content: bytes, *, if_etag: str | None = None, if_new: bool = False) -> None:
    """Replace an object whole.

    With ``if_etag`` only the object that has it, with ``if_new`` only where there is none: else
    LostRaceError. Raises S3Error; the object is then as it was.
    """
    condition = {"IfMatch": f'"{if_etag}"'} if if_etag else {}
    if if_new:
        condition = {"IfNoneMatch": "*"}
    with _told(path):
        try:
            _fs(path).pipe_file(path.path, content, **condition)
        except OSError as error:
            gone = if_etag is not None and isinstance(error, FileNotFoundError)
            if condition and (_code(error) in _LOST or gone):
                raise LostRaceError(f"{path} was written by somebody else meanwhile") from error
            raise


def upload(local: Path, path: UPath) -> None:
    """Put a file, in parts where it is large. Raises S3Error; no part of it is ever seen."""
    with _told(path):
        _fs(path).put_file(str(local), path.path, chunksize=_PART_BYTES)


def download(path: UPath, local: Path) -> None:
    """Fetch an object into a file. Raises FileNotFoundError, S3Error; a part may be left."""
    with _told(path):
        _fs(path).get_file(path.path, str(local))


def delete(path: UPath) -> None:
    """Remove an object, where there is one. Raises S3Error."""
    bucket, key = _address(path)
    with _told(path):
        _fs(path).call_s3("delete_object", Bucket=bucket, Key=key)


def _fs(path: UPath) -> Any:
    # fsspec keeps one instance for equal options, and makes a new one after a fork.
    return fsspec.filesystem("s3", **path.storage_options)


def _address(path: UPath) -> tuple[str, str]:
    bucket, _, key = path.path.partition("/")
    return bucket, key.strip("/")


def _ns(instant: datetime) -> int:
    since = instant.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def _code(error: BaseException) -> str:
    """S3's own code of an error, empty where it has none."""
    response = getattr(error.__cause__, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def _words(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


@contextmanager
def _told(path: UPath) -> Iterator[None]:
    """Any fault as S3Error that names what was asked for and the remedy."""
    try:
        from aiohttp import ClientError
        from botocore.exceptions import (
            BotoCoreError,
            HTTPClientError,
            NoCredentialsError,
            PartialCredentialsError,
        )
        from botocore.exceptions import ConnectionError as NoConnectionError
    except ImportError as error:
        raise S3RefusedError(
            f"{path} needs s3fs, which is not installed: pip install 'nkdash[s3]'"
        ) from error

    try:
        yield
    except S3Error:
        raise
    except FileNotFoundError as error:
        if _code(error) != "NoSuchBucket":
            raise
        bucket = _address(path)[0]
        raise S3RefusedError(
            f"there is no bucket {bucket}; create it, or mend DATA_LAKE_ROOT and NKDASH_WAREHOUSE"
        ) from error
    except PermissionError as error:
        raise S3RefusedError(f"S3 refuses {path}: {_words(error)}. {_RIGHTS}") from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise S3RefusedError(
            f"S3 cannot be asked for {path}: {_words(error)}. {_RIGHTS}"
        ) from error
    except (NoConnectionError, HTTPClientError, HTTPException, ClientError, TimeoutError) as error:
        raise S3Error(f"S3 cannot be reached for {path}: {_words(error)}. {_REACH}") from error
    except (OSError, BotoCoreError) as error:
        raise S3Error(f"S3 failed on {path}: {_words(error)}. {_REACH}") from error
