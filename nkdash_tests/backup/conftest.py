"""A small loaded place: a lake of a few days, Dagster's SQLite files, a dashboard's store."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from nkdash.backup import BackupReport, Key, RestoreReport, back_up, restore
from nkdash.settings import Settings, load_settings

ENV = """ODOO_HOST=erp.example.com
ODOO_API_KEY=s3cret-api-key
NKDASH_POSTGRES_URL_NOTE=postgresql://u:s3cret-pw@db/x
SMTP_PASSWORD='s3cret-mail'
NKDASH_TIMEZONE=Asia/Jakarta
"""


@dataclass
class Place:
    """Where everything lies, and how to keep it and put it back."""

    settings: Settings
    home: Path
    env_file: Path
    backups: Path

    @property
    def lake(self) -> Path:
        return Path(str(self.settings.lake_root))

    def keep(self, **options: object) -> BackupReport:
        return back_up(self.settings, self.home, self.env_file, self.backups, **options)  # type: ignore[arg-type]

    def put_back(
        self, archive: Path, *, key: Key | None = None, force: bool = False
    ) -> RestoreReport:
        return restore(archive, self.settings, self.home, self.env_file, key=key, force=force)

    def content(self) -> dict[str, bytes]:
        """Every file that a restore must bring back; of SQLite its rows."""
        found = {}
        for root in (self.lake, self.home, self.settings.state_dir):
            for path in sorted(root.rglob("*")):
                hidden = any(p.startswith(("before-restore", ".nkdash")) for p in path.parts)
                if path.is_file() and not hidden and not path.name.endswith(("-wal", "-shm")):
                    name = str(path.relative_to(root.parent))
                    found[name] = rows(path) if path.suffix == ".db" else path.read_bytes()
        return found


def rows(path: Path) -> bytes:
    connection = sqlite3.connect(path)
    try:
        return "\n".join(connection.iterdump()).encode()
    finally:
        connection.close()


def database(path: Path, value: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (v TEXT)")
    connection.execute("INSERT INTO t VALUES (?)", [value])
    connection.commit()
    connection.close()


@pytest.fixture
def place(settings_env: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    settings_env.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    settings_env.setenv("NKDASH_STATE_DIR", str(tmp_path / "state"))
    here = Place(load_settings(), tmp_path / "home", tmp_path / ".env", tmp_path / "backups")
    for layer in ("raw", "clean", "star-schema", "quality"):
        for day in ("2026-10-01", "2026-10-02"):
            path = here.lake / layer / "pos_orders" / f"date={day}" / "data.parquet"
            path.parent.mkdir(parents=True)
            path.write_bytes(f"{layer} {day}".encode() * 1000)
    (here.lake / "raw" / "taxes.parquet").write_bytes(b"taxes")
    (here.lake / "warehouse").mkdir()
    (here.lake / "warehouse" / "v1.duckdb").write_bytes(b"made again by publish")
    (here.lake / "raw" / ".data.parquet.ab.tmp").write_bytes(b"half")
    database(here.home / "history" / "runs.db", "a run")
    database(here.home / "history" / "runs" / "index.db", "events")
    database(here.home / "schedules" / "schedules.db", "ticks")
    (here.home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    database(here.settings.state_dir / "audit.db", "who did what")
    (here.settings.state_dir / "nkdash-1.duckdb").write_bytes(b"a copy of the warehouse")
    here.env_file.write_text(ENV)
    return here
