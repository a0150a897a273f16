import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pyrage
import pytest
from backports import zstd

from nkdash.backup import BackupError, Key, parse_key, sources, verify
from nkdash.backup import archive as archives
from nkdash.settings import load_settings
from nkdash_tests.backup.conftest import ENV, Place

IDENTITY = pyrage.x25519.Identity.generate()
PASSPHRASE = parse_key("correct horse battery")


def forget_all(place: Place) -> None:
    for folder in (place.lake, place.home, place.settings.state_dir):
        shutil.rmtree(folder)
    place.env_file.unlink()


@pytest.mark.parametrize(
    ("locks", "opens"),
    [
        (None, None),
        (parse_key(str(IDENTITY.to_public())), parse_key(str(IDENTITY))),
        (PASSPHRASE, PASSPHRASE),
    ],
    ids=["plain", "age", "passphrase"],
)
def test_what_was_deleted_comes_back(place: Place, locks: Key | None, opens: Key | None) -> None:
    before = place.content()
    made = place.keep(key=locks)
    assert made.encrypted == (locks is not None)
    forget_all(place)
    report = place.put_back(made.path, key=opens)
    missing = {n for n in before if n.endswith((".duckdb", ".tmp"))}
    assert place.content() == {n: c for n, c in before.items() if n not in missing}
    assert report.files == made.files - 1  # the header
    assert place.env_file.stat().st_mode & 0o077 == 0
    assert ("s3cret-api-key" in place.env_file.read_text()) == (locks is not None)
    assert not list(place.lake.glob(".nkdash*"))


def test_an_encrypted_archive_shows_nothing_and_a_plain_one_no_secrets(place: Place) -> None:
    locked = place.keep(key=PASSPHRASE).path.read_bytes()
    assert b"pos_orders" not in locked
    assert b"s3cret" not in locked
    plain = place.keep().path
    with zstd.open(plain) as packed:
        unpacked = packed.read()
    assert b"s3cret" not in unpacked
    assert b"NKDASH_TIMEZONE=Asia/Jakarta" in unpacked
    with zstd.open(place.keep(with_secrets=True).path) as packed:
        assert ENV.encode() in packed.read()


def test_secrets_are_known_by_type_name_and_address() -> None:
    left = sources.without_secrets(
        "export ODOO_API_KEY=a\nNKDASH_BACKUP_KEY=b\n#ODOO_API_KEY=c\nMY_TOKEN=d\n"
        "X=postgresql://u:e@h/d\nODOO_API_KEY_FILE=/run/secrets/f\nNKDASH_TIMEZONE=UTC\n"
    )
    assert [line.partition("=")[2] for line in left.splitlines()] == [
        *("", "", "", "", ""),
        "/run/secrets/f",
        "UTC",
    ]


def test_raw_only_keeps_raw_alone_and_moves_what_was_made_from_it_aside(place: Place) -> None:
    made = place.keep(raw_only=True)
    report = place.put_back(made.path, force=True)
    assert (place.lake / "raw" / "taxes.parquet").exists()
    assert not (place.lake / "clean").exists()
    assert (report.aside[0] / "clean").exists()
    assert report.header.raw_only


def test_restore_overwrites_nothing_unless_forced_and_then_loses_nothing(place: Place) -> None:
    made = place.keep()
    taxes = place.lake / "raw" / "taxes.parquet"
    taxes.write_bytes(b"later")
    with pytest.raises(BackupError, match=r"already hold data.*--force"):
        place.put_back(made.path)
    assert taxes.read_bytes() == b"later"
    report = place.put_back(made.path, force=True)
    assert taxes.read_bytes() == b"taxes"
    assert {p.parent for p in report.aside} == {place.lake, place.home, place.settings.state_dir}
    assert (report.aside[0] / "raw" / "taxes.parquet").read_bytes() == b"later"
    assert (place.lake / "warehouse" / "v1.duckdb").exists()


def test_an_env_file_that_is_there_stays(place: Place) -> None:
    made = place.keep()
    place.env_file.write_text("ODOO_HOST=mine\n")
    report = place.put_back(made.path, force=True)
    assert place.env_file.read_text() == "ODOO_HOST=mine\n"
    [beside] = place.env_file.parent.glob(".env.restored-*")
    assert "erp.example.com" in beside.read_text()
    assert any(str(beside) in note for note in report.notes)


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 2 // 3)


def turn_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, turn_a_byte])
@pytest.mark.parametrize("key", [None, parse_key(str(IDENTITY))], ids=["plain", "locked"])
def test_a_damaged_archive_changes_nothing(
    place: Place, damage: Callable[[Path], None], key: Key | None
) -> None:
    made = place.keep(key=key)
    damage(made.path)
    before = place.content()
    with pytest.raises(BackupError):
        verify(made.path, key)
    with pytest.raises(BackupError):
        place.put_back(made.path, key=key, force=True)
    assert place.content() == before
    assert not list(place.lake.glob("before-restore*"))
    assert not list(place.lake.glob(".nkdash*"))


def test_what_the_manifest_does_not_say_is_not_believed(place: Place, tmp_path: Path) -> None:
    made = place.keep()
    forged = tmp_path / "forged.tar.zst"
    with (
        zstd.open(made.path) as before,
        tarfile.open(fileobj=before, mode="r|") as tar,
        zstd.open(forged, "w") as packed,
        tarfile.open(fileobj=packed, mode="w|") as out,
    ):
        for member in tar:
            content: IO[bytes] | None = tar.extractfile(member)
            if member.name != "lake/raw/taxes.parquet":
                out.addfile(member, content)
    with pytest.raises(BackupError, match=r"lake/raw/taxes\.parquet"):
        verify(forged, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "is encrypted; give its key"),
        ("another passphrase", "passphrase does not open"),
        (str(IDENTITY), "with a passphrase, not with an age key"),
    ],
    ids=["none", "another", "of another kind"],
)
def test_a_wrong_key_is_named_as_such(place: Place, text: str | None, words: str) -> None:
    made = place.keep(key=PASSPHRASE)
    with pytest.raises(BackupError, match=words):
        verify(made.path, parse_key(text) if text else None)


def test_only_the_identity_opens_what_its_recipient_locked(place: Place) -> None:
    made = place.keep(key=parse_key(str(IDENTITY.to_public())))
    other = parse_key(str(pyrage.x25519.Identity.generate()))
    with pytest.raises(BackupError, match="does not open this archive"):
        verify(made.path, other)
    with pytest.raises(BackupError, match="only its identity"):
        verify(made.path, parse_key(str(IDENTITY.to_public())))
    assert verify(made.path, parse_key(f"# created\n{IDENTITY}\n"))[1] == made.files - 1
    # Nothing of ours is needed to open it: age and zstd do.
    plain = pyrage.decrypt(made.path.read_bytes(), [IDENTITY])
    assert b"header.json" in zstd.decompress(plain)


def test_what_is_no_archive_is_told(place: Place, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1" * 100)
    with pytest.raises(BackupError, match="no backup of NKDash"):
        verify(tmp_path / "a.parquet", None)
    with pytest.raises(BackupError, match="there is no archive"):
        verify(tmp_path / "absent", None)


@pytest.mark.parametrize("text", ["short", "age1damaged", "AGE-SECRET-KEY-1DAMAGED", ""])
def test_keys_that_cannot_be_right_are_refused(text: str) -> None:
    with pytest.raises(BackupError):
        parse_key(text)


def test_another_time_zone_is_refused(place: Place, settings_env: pytest.MonkeyPatch) -> None:
    made = place.keep()
    place.settings = place.settings.model_copy(update={"nkdash_timezone": "UTC"})
    with pytest.raises(BackupError, match="NKDASH_TIMEZONE=Asia/Jakarta, here it is UTC"):
        place.put_back(made.path, force=True)


def test_an_archive_of_a_later_format_is_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = place.keep()
    monkeypatch.setattr(archives, "FORMAT", 0)
    with pytest.raises(BackupError, match="format 1; this one reads up to 0"):
        verify(made.path, None)


def test_a_file_that_changes_while_it_is_read_is_read_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing = place.lake / "raw" / "taxes.parquet"
    reads = 0
    whole = sources._read_whole

    def read(path: Path, into: IO[bytes]) -> int | None:
        nonlocal reads
        if path == changing:
            reads += 1
            if reads < 3:
                # As if it grew between the two looks at it.
                whole(path, into)
                path.write_bytes(b"longer" * reads)
                return None
        return whole(path, into)

    monkeypatch.setattr(sources, "_read_whole", read)
    made = place.keep()
    monkeypatch.undo()
    forget_all(place)
    place.put_back(made.path)
    assert changing.read_bytes() == b"longer" * 2


def test_growth_while_reading_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a" * 10)

    class Growing:
        def write(self, data: bytes) -> int:
            with path.open("ab") as file:
                file.write(b"b" if path.stat().st_size < 20 else b"")
            return len(data)

    assert sources._read_whole(path, Growing()) is None  # type: ignore[arg-type]


def test_sqlite_is_copied_while_a_writer_is_at_work(place: Place, tmp_path: Path) -> None:
    path = place.home / "history" / "runs.db"
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("INSERT INTO t VALUES ('in the write-ahead log')")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO t VALUES ('not committed')")
    made = place.keep()
    writer.execute("ROLLBACK")
    writer.close()
    forget_all(place)
    place.put_back(made.path)
    copy = sqlite3.connect(path)
    assert copy.execute("SELECT v FROM t").fetchall() == [("a run",), ("in the write-ahead log",)]
    copy.close()


def test_a_full_disk_leaves_earlier_backups_and_no_half_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = place.keep().path

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BackupError, match="No space left"):
        place.keep()
    assert list(place.backups.iterdir()) == [first]


def test_a_full_disk_while_unpacking_changes_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = place.keep()
    before = place.content()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sys.modules["nkdash.backup.restore"], "_write", full)
    with pytest.raises(BackupError, match=r"no space.*Nothing was changed"):
        place.put_back(made.path, force=True)
    assert place.content() == before


def test_too_little_room_is_told_before_unpacking(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = place.keep()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    with pytest.raises(BackupError, match="the backup needs"):
        place.put_back(made.path, force=True)


KILLED = """
import os, signal, sys
from pathlib import Path
from nkdash.backup import back_up, sources
from nkdash.settings import load_settings
left = 3
real = sources.still
def still(*args):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args)
sources.still = still
home, env, folder = map(Path, sys.argv[1:])
back_up(load_settings(), home, env, folder)
"""


def test_a_killed_backup_leaves_no_archive_and_is_swept_a_day_later(place: Place) -> None:
    arguments = map(str, (place.home, place.env_file, place.backups))
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = list(place.backups.iterdir())
    assert left
    assert not [p for p in left if p.name.startswith("nkdash-")]
    for path in left:
        os.utime(path, (0, 0))
    made = place.keep()
    assert list(place.backups.iterdir()) == [made.path]


def test_the_newest_backups_are_kept_and_nothing_else_is_touched(place: Place) -> None:
    place.backups.mkdir()
    for day in (1, 2, 3):
        (place.backups / f"nkdash-2026010{day}T000000Z.tar.zst.age").touch()
    (place.backups / "nkdash-notes.txt").touch()
    made = place.keep(keep=2)
    assert {p.name for p in place.backups.iterdir()} == {
        made.path.name,
        "nkdash-20260103T000000Z.tar.zst.age",
        "nkdash-notes.txt",
    }
    assert len(made.removed) == 2


def test_a_lake_in_a_bucket_is_left_to_the_bucket(
    place: Place, settings_env: pytest.MonkeyPatch
) -> None:
    local = place.keep()
    settings_env.setenv("DATA_LAKE_ROOT", "s3://bucket/lake")
    place.settings = load_settings()
    with pytest.raises(BackupError, match="versioning"):
        place.keep()
    with pytest.raises(BackupError, match="is put back into a folder"):
        place.put_back(local.path)
    kept = place.keep(with_lake=False)
    shutil.rmtree(place.home)
    shutil.rmtree(place.settings.state_dir)
    place.put_back(kept.path)
    assert (place.home / "history" / "runs.db").exists()


def test_a_backup_without_the_lake_leaves_the_lake_alone(place: Place) -> None:
    kept = place.keep(with_lake=False)
    shutil.rmtree(place.home)
    shutil.rmtree(place.settings.state_dir)
    report = place.put_back(kept.path)
    assert not report.aside
    assert (place.lake / "raw" / "taxes.parquet").exists()
