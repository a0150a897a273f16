"""DAGSTER_HOME: where Dagster keeps runs and events, ready before Dagster is first asked."""

import hashlib
import importlib.metadata
import importlib.util
import os
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nkdash.settings import Settings

PROJECT = Path(__file__).resolve().parent.parent


def _shipped(name: str) -> Path:
    """A file that lies beside the source, or where an installation put it (share/nkdash)."""
    beside = PROJECT / name
    if not beside.exists():
        for file in importlib.metadata.files("nkdash") or ():
            if file.parts[-3:] == ("share", "nkdash", name):
                return Path(str(file.locate())).resolve()
    return beside


INSTANCE_FILE = _shipped("dagster.yaml")
WORKSPACE_FILE = _shipped("workspace.yaml")
DEFAULT_HOME = Path(".nkdash") / "dagster"
# Holds the hash of the dagster.yaml that we put there: one that still has it was never edited.
COPIED = ".dagster.yaml.sha256"
# What Dagster's programs take from the environment alone.
VARIABLES = {"DAGSTER_DISABLE_TELEMETRY": "yes", "DAGSTER_EVENT_BATCH_SIZE": "200"}
# Where dagster.yaml finds the address of Postgres: the password stays out of the file.
POSTGRES_URL = "DAGSTER_POSTGRES_URL"
POSTGRES_STORAGE = {
    "run_storage": ("dagster_postgres", "PostgresRunStorage"),
    "event_log_storage": (
        "nkdash.automation.event_log_postgres",
        "BatchingPostgresEventLogStorage",
    ),
    "schedule_storage": ("dagster_postgres", "PostgresScheduleStorage"),
}


class HomeError(Exception):
    """DAGSTER_HOME cannot be made ready; names the cause and the remedy."""


def home_path() -> Path:
    """DAGSTER_HOME from the environment, else .nkdash/dagster in the current folder; absolute."""
    return Path(os.environ.get("DAGSTER_HOME") or DEFAULT_HOME).expanduser().resolve()


def prepare_home(settings: "Settings | None" = None) -> Path:
    """Create DAGSTER_HOME with NKDash's dagster.yaml, and name it to Dagster; returns it.

    A dagster.yaml that somebody edited stays as it is; one that we once copied is brought up to
    date. Sets DAGSTER_HOME, and switches Dagster's telemetry off, for this process and its
    children. With ``NKDASH_POSTGRES_URL`` Dagster's storage is that Postgres. ``settings`` are
    those of the environment unless given. Raises HomeError, and SettingsError.
    """
    from nkdash.settings import load_settings

    postgres = (settings or load_settings()).nkdash_postgres_url
    ours = INSTANCE_FILE.read_text("utf-8")
    if postgres is not None:
        ours = with_postgres(ours)
    home = home_path()
    try:
        home.mkdir(parents=True, exist_ok=True)
        in_use = _bring_instance_file(home, ours.encode())
    except OSError as error:
        raise HomeError(
            f"DAGSTER_HOME {home} cannot be used: {error}. "
            "Mend the folder's rights, or set DAGSTER_HOME to a folder that can be written."
        ) from error
    if postgres is not None and b"postgres" not in in_use:
        raise HomeError(
            f"NKDASH_POSTGRES_URL is set, but {home / 'dagster.yaml'} was edited and "
            "names no Postgres; delete that file to get ours, or take NKDASH_POSTGRES_URL away."
        )
    os.environ.update(VARIABLES | {"DAGSTER_HOME": str(home)})
    os.environ.pop(POSTGRES_URL, None)
    if postgres is not None:
        os.environ[POSTGRES_URL] = postgres.get_secret_value()
    return home


def with_postgres(instance_file: str) -> str:
    """NKDash's dagster.yaml with Postgres in place of SQLite. Raises HomeError."""
    import yaml

    if importlib.util.find_spec("dagster_postgres") is None:
        raise HomeError(
            "NKDASH_POSTGRES_URL is set, but dagster-postgres is not installed; "
            "install it with: pip install 'nkdash[postgres]'."
        )
    config = yaml.safe_load(instance_file)
    for block, (module, name) in POSTGRES_STORAGE.items():
        url = {"postgres_url": {"env": POSTGRES_URL}}
        config[block] = {"module": module, "class": name, "config": url}
    return "# NKDash's dagster.yaml, with Postgres as storage.\n" + yaml.safe_dump(config)


def _bring_instance_file(home: Path, ours: bytes) -> bytes:
    """Put ``ours`` there unless a user's own is; what is there then."""
    theirs, mark = home / "dagster.yaml", home / COPIED
    if theirs.exists():
        found = theirs.read_bytes()
        edited = not mark.exists() or mark.read_text().strip() != _hash(found)
        if edited or found == ours:
            return found
    _replace(theirs, ours)
    _replace(mark, _hash(ours).encode())
    return ours


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """``python -m nkdash.home COMMAND …``: make DAGSTER_HOME ready, then become the command."""
    from nkdash.settings import SettingsError

    try:
        prepare_home()
    except (HomeError, SettingsError) as error:
        sys.exit(str(error))
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606


if __name__ == "__main__":
    main()
