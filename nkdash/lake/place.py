"""Where a lake or a warehouse lies: a local folder, or a bucket and prefix on S3.

A local place is a ``pathlib.Path``; one on S3 is a ``UPath`` that carries how to reach the server
(fsspec's storage options; its ``repr`` and ``str`` show no secret).
"""

import re
from pathlib import Path
from typing import Any, TypeAlias

from typing_extensions import TypeIs
from upath import UPath

LakePath: TypeAlias = Path | UPath

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_S3_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]+[a-z0-9](/[^\s?#]*)?")
# botocore tries again what S3 says is worth it: throttling, 5xx, lost connections.
_TRIES = 5
_CONNECT_SECONDS, _READ_SECONDS = 10, 60


def parse_place(value: object) -> LakePath:
    """A folder, or ``s3://bucket/prefix``. Raises ValueError for every other URL."""
    if isinstance(value, UPath) and is_remote(value):
        return value
    text = str(value)
    if not (scheme := _SCHEME.match(text)):
        return Path(text)
    if not _S3_URL.fullmatch(text):
        known = "s3://bucket/prefix" if scheme[1].lower() == "s3" else "a folder or s3://…"
        raise ValueError(f"{text!r} is no place for a lake or warehouse; write {known}")
    return UPath(text.rstrip("/"))


def is_remote(place: LakePath) -> TypeIs[UPath]:
    """Whether ``place`` is on S3."""
    return not isinstance(place, Path)


def s3_options(
    endpoint: str | None,
    region: str | None,
    access_key: str | None,
    secret_key: str | None,
    session_token: str | None,
) -> dict[str, Any]:
    """s3fs' options. What is None is left to botocore: environment, profile, the machine's role."""
    given = {
        "endpoint_url": endpoint,
        "key": access_key,
        "secret": secret_key,
        "token": session_token,
    }
    return {
        **{name: value for name, value in given.items() if value},
        "client_kwargs": {"region_name": region} if region else {},
        "config_kwargs": {
            "retries": {"mode": "standard", "max_attempts": _TRIES},
            "connect_timeout": _CONNECT_SECONDS,
            "read_timeout": _READ_SECONDS,
        },
        # A listing must show what another machine has just written.
        "use_listings_cache": False,
    }
