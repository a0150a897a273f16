"""DAGSTER_HOME: where Dagster keeps runs and events, ready before Dagster is first asked."""

import hashlib
import os
import sys
import uuid
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
INSTANCE_FILE = PROJECT / "dagster.yaml"
WORKSPACE_FILE = PROJECT / "workspace.yaml"
DEFAULT_HOME = Path(".nkdash") / "dagster"
# Holds the hash of the dagster.yaml that we put there: one that still has it was never edited.
COPIED = ".dagster.yaml.sha256"
# What Dagster's programs take from the environment alone.
VARIABLES = {"DAGSTER_DISABLE_TELEMETRY": "yes", "DAGSTER_EVENT_BATCH_SIZE": "200"}


class HomeError(Exception):
    """DAGSTER_HOME cannot be made ready; names the cause and the remedy."""


def home_path() -> Path:
    """DAGSTER_HOME from the environment, else .nkdash/dagster in the current folder; absolute."""
    return Path(os.environ.get("DAGSTER_HOME") or DEFAULT_HOME).expanduser().resolve()


def prepare_home() -> Path:
    """Create DAGSTER_HOME with NKDash's dagster.yaml, and name it to Dagster; returns it.

    A dagster.yaml that somebody edited stays as it is; one that we once copied is brought up to
    date. Sets DAGSTER_HOME, and switches Dagster's telemetry off, for this process and its
    children. Raises HomeError.
    """
    home = home_path()
    try:
        home.mkdir(parents=True, exist_ok=True)
        _bring_instance_file(home)
    except OSError as error:
        raise HomeError(
            f"DAGSTER_HOME {home} cannot be used: {error}. "
            "Mend the folder's rights, or set DAGSTER_HOME to a folder that can be written."
        ) from error
    os.environ.update(VARIABLES | {"DAGSTER_HOME": str(home)})
    return home


def _bring_instance_file(home: Path) -> None:
    ours, theirs, mark = INSTANCE_FILE.read_bytes(), home / "dagster.yaml", home / COPIED
    if theirs.exists():
        found = theirs.read_bytes()
        edited = not mark.exists() or mark.read_text().strip() != _hash(found)
        if edited or found == ours:
            return
    _replace(theirs, ours)
    _replace(mark, _hash(ours).encode())


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """``python -m nkdash.home COMMAND …``: make DAGSTER_HOME ready, then become the command."""
    prepare_home()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606


if __name__ == "__main__":
    main()
