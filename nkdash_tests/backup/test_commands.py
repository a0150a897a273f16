import time
from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster._daemon.types import DaemonHeartbeat
from typer.testing import CliRunner, Result

from nkdash.cli.app import app
from nkdash.home import prepare_home
from nkdash_tests.backup.conftest import Place


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


def test_a_running_daemon_keeps_restore_from_beginning(
    settings_env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings_env.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    prepare_home()
    assert run("backup", str(tmp_path / "kept")).exit_code == 0
    [archive] = (tmp_path / "kept").iterdir()
    with DagsterInstance.get() as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "BACKFILL", "one"))
    done = run("restore", str(archive), "--force")
    assert done.exit_code == 1
    assert "daemon is running" in done.stderr
    assert not list((tmp_path / "home").glob("before-restore*"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["backup"], 2, "either a folder"),
        (["backup", "kept", "--raw-only", "--without-lake"], 2, "exclude each other"),
        (["backup", "--verify", "absent"], 1, "there is no archive"),
        (["restore", "absent"], 1, "there is no archive"),
        (["backup", "kept", "--key-file", "absent"], 1, "key file absent cannot be read"),
    ],
)
def test_wrong_use_is_told_in_a_sentence(
    settings_env: pytest.MonkeyPatch, arguments: list[str], code: int, words: str
) -> None:
    done = run(*arguments)
    assert done.exit_code == code, done.output
    assert words in done.stderr


def test_a_backup_tells_what_it_kept_and_what_not(place: Place) -> None:
    done = run("backup", str(place.backups), "--keep", "1")
    assert done.exit_code == 0, done.output
    assert "not encrypted" in done.stdout
    assert "secrets of .env were left out" in done.stdout
