"""The key that signs the login's forms: from the settings, else a file made at the first use."""

import os
import secrets
from pathlib import Path

from nkdash.settings import Settings

FILE = "secret_key"


class SecretError(Exception):
    """There is no key and none can be made; names cause and remedy."""


def secret_key(settings: Settings) -> bytes:
    """The same key for every worker, and after a restart. Raises SecretError."""
    if settings.nkdash_secret_key:
        return settings.nkdash_secret_key.get_secret_value().encode()
    path = settings.state_dir / FILE
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise SecretError(
            f"The secret key {path} cannot be read or made: {error}. Mend the rights of the "
            "folder, or set NKDASH_STATE_DIR or NKDASH_SECRET_KEY."
        ) from error
    if len(key) < 32:
        raise SecretError(f"The secret key {path} is damaged; delete it, and a new one is made.")
    return key


def _make(path: Path) -> None:
    """Whole or not at all, readable by us alone; whichever worker comes first wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mine = path.with_name(f"{FILE}.{secrets.token_hex(8)}")
    descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(32).encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(mine, path)
        except FileExistsError:
            return
    finally:
        mine.unlink()
