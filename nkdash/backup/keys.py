"""Keys of backups, and the age encryption of a stream.

A key is an age recipient (``age1…``: can lock only), an age identity (``AGE-SECRET-KEY-1…``: locks
and opens), or any other text: a passphrase. age encrypts streams for recipients only, so with a
passphrase each archive has an identity of its own, which the passphrase locks, in front of it.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import BinaryIO

import pyrage
from pyrage import x25519

from nkdash.backup.errors import BackupError

AGE = b"age-encryption.org/"
LOCKED = b"nkdash-backup/passphrase/1\n"
LOCK_BYTES = 4
SHORTEST_PASSPHRASE = 12


@dataclass(frozen=True)
class Key:
    """One of the three kinds of keys; never shown."""

    recipient: x25519.Recipient | None = field(default=None, repr=False)
    identity: x25519.Identity | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)


def parse_key(text: str) -> Key:
    """The key that ``text`` is; of a key file of age-keygen the line that counts.

    Raises BackupError for a damaged age key and a passphrase that is too short.
    """
    lines = [line.strip() for line in text.strip().splitlines()]
    text = next((line for line in lines if line and not line.startswith("#")), "")
    try:
        if text.startswith("age1"):
            return Key(recipient=x25519.Recipient.from_str(text))
        if text.upper().startswith("AGE-SECRET-KEY-"):
            identity = x25519.Identity.from_str(text)
            return Key(identity=identity, recipient=identity.to_public())
    except (pyrage.RecipientError, pyrage.IdentityError) as error:
        raise BackupError(
            f"the backup key looks like an age key, but is none ({error}); copy it whole"
        ) from error
    if len(text) < SHORTEST_PASSPHRASE:
        raise BackupError(
            f"the backup key is neither an age key nor a passphrase of {SHORTEST_PASSPHRASE} "
            "characters or more"
        )
    return Key(passphrase=text)


@contextmanager
def locking(target: BinaryIO, key: Key | None) -> Iterator[BinaryIO]:
    """A stream whose content arrives in ``target`` encrypted; as it is without a key."""
    if key is None:
        yield target
        return
    recipient = key.recipient
    if key.passphrase is not None:
        own = x25519.Identity.generate()
        lock = pyrage.passphrase.encrypt(str(own).encode(), key.passphrase)
        target.write(LOCKED + len(lock).to_bytes(LOCK_BYTES, "big") + lock)
        recipient = own.to_public()
    reading, writing = _pipe()
    with (
        _beside(lambda: pyrage.encrypt_io(reading, target, [recipient]), reading),
        writing as stream,
    ):
        yield stream


@contextmanager
def opening(source: BinaryIO, key: Key | None) -> Iterator[BinaryIO]:
    """The content of ``source``, decrypted where it is encrypted.

    Raises BackupError where the key is missing or another one, or the archive was cut or changed.
    """
    start = source.read(len(LOCKED))
    source.seek(0)
    if not start.startswith((AGE, LOCKED)):
        yield source
        return
    if key is None:
        raise BackupError(
            "the archive is encrypted; give its key with --key-file or in NKDASH_BACKUP_KEY"
        )
    identity = _own_identity(source, key) if start == LOCKED else key.identity
    if identity is None:
        raise BackupError(
            "the archive is locked for an age key; only its identity (AGE-SECRET-KEY-1…) opens "
            "it, not the recipient (age1…) nor a passphrase"
        )
    reading, writing = _pipe()

    def decrypt() -> None:
        try:
            pyrage.decrypt_io(source, writing, [identity])
        except BrokenPipeError:
            pass  # whoever reads has seen enough
        except pyrage.DecryptError as error:
            raise BackupError(f"the key does not open this archive ({error})") from error
        except OSError as error:
            if "decryption error" in str(error):
                raise BackupError("the archive is cut short or was changed") from error
            if "roken pipe" not in str(error):
                raise

    with _beside(decrypt, writing), reading as stream:
        yield stream


def _own_identity(source: BinaryIO, key: Key) -> x25519.Identity:
    """The identity that a passphrase locks, in front of the archive."""
    if key.passphrase is None:
        raise BackupError("the archive is locked with a passphrase, not with an age key")
    source.seek(len(LOCKED))
    lock = source.read(int.from_bytes(source.read(LOCK_BYTES), "big"))
    try:
        text = pyrage.passphrase.decrypt(lock, key.passphrase)
        return x25519.Identity.from_str(text.decode())
    except pyrage.DecryptError as error:
        raise BackupError("the passphrase does not open this archive") from error


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    reading, writing = os.pipe()
    return os.fdopen(reading, "rb"), os.fdopen(writing, "wb")


@contextmanager
def _beside(work: Callable[[], None], end: BinaryIO) -> Iterator[None]:
    """Run ``work`` in a thread while the block runs; its error counts more than the block's.

    ``end`` is its end of the pipe: closed when it is done, so that the other end hears of it.
    """
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            with suppress(OSError):
                end.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    except BaseException as error:
        thread.join()
        if failures and not isinstance(error, KeyboardInterrupt):
            raise failures[0] from error
        raise
    thread.join()
    if failures:
        raise failures[0]
