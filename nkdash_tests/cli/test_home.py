import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nkdash import home


@pytest.fixture
def dagster_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    return folder


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's dagster.yaml, as one that a test may change."""
    file = tmp_path / "shipped.yaml"
    file.write_text("telemetry: {enabled: false}\n")
    monkeypatch.setattr(home, "INSTANCE_FILE", file)
    return file


def test_home_is_made_under_the_current_folder_unless_named(tmp_path: Path) -> None:
    assert home.prepare_home() == tmp_path / ".nkdash" / "dagster"
    assert os.environ["DAGSTER_HOME"] == str(tmp_path / ".nkdash" / "dagster")
    assert (tmp_path / ".nkdash/dagster/dagster.yaml").read_bytes() == (
        home.INSTANCE_FILE.read_bytes()
    )


def test_an_unedited_copy_follows_the_project_and_an_edited_one_stays(
    dagster_home: Path, shipped: Path
) -> None:
    home.prepare_home()
    shipped.write_text("telemetry: {enabled: false}\nnew: true\n")
    home.prepare_home()
    copy = dagster_home / "dagster.yaml"
    assert copy.read_text() == shipped.read_text()
    copy.write_text("mine: true\n")
    home.prepare_home()
    assert copy.read_text() == "mine: true\n"


def test_a_file_of_the_users_own_is_never_replaced(dagster_home: Path, shipped: Path) -> None:
    dagster_home.mkdir()
    (dagster_home / "dagster.yaml").write_text("mine: true\n")
    home.prepare_home()
    assert (dagster_home / "dagster.yaml").read_text() == "mine: true\n"


def test_a_home_that_cannot_be_made_names_the_remedy(
    dagster_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(home.HomeError, match="set DAGSTER_HOME"):
        home.prepare_home()


ADDRESS = "postgresql://nkdash:top-secret@db:5432/nkdash"


def test_postgres_takes_the_place_of_sqlite_and_its_password_is_in_no_file(
    dagster_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.prepare_home()
    ours = yaml.safe_load((dagster_home / "dagster.yaml").read_text())
    monkeypatch.setenv("NKDASH_POSTGRES_URL", ADDRESS)
    home.prepare_home()
    text = (dagster_home / "dagster.yaml").read_text()
    found = yaml.safe_load(text)
    stores = {"run_storage", "event_log_storage", "schedule_storage"}
    for name in stores:
        assert "postgres" in found[name]["module"]
        assert found[name]["config"] == {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}
    assert {k: v for k, v in found.items() if k not in stores} == {
        k: v for k, v in ours.items() if k not in stores
    }
    assert os.environ["DAGSTER_POSTGRES_URL"] == ADDRESS
    assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == "200"
    assert "top-secret" not in text
    monkeypatch.delenv("NKDASH_POSTGRES_URL")
    home.prepare_home()
    assert "postgres" not in (dagster_home / "dagster.yaml").read_text()
    assert "DAGSTER_POSTGRES_URL" not in os.environ


def test_an_edited_file_without_postgres_is_no_silent_sqlite(
    dagster_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dagster_home.mkdir()
    (dagster_home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("NKDASH_POSTGRES_URL", ADDRESS)
    with pytest.raises(home.HomeError, match="names no Postgres; delete that file"):
        home.prepare_home()
    (dagster_home / "dagster.yaml").write_text("storage: {postgres: {}}\n")
    home.prepare_home()


def test_without_the_package_the_remedy_is_named(
    dagster_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NKDASH_POSTGRES_URL", ADDRESS)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(home.HomeError, match=r"pip install 'nkdash\[postgres\]'") as error:
        home.prepare_home()
    assert "top-secret" not in str(error.value)


def test_as_an_entry_point_it_tells_a_wrong_setting_and_starts_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nkdash.home", "touch", str(tmp_path / "started")],
        env={**os.environ, "NKDASH_POSTGRES_URL_FILE": str(tmp_path / "secret")},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert f"NKDASH_POSTGRES_URL_FILE: {tmp_path / 'secret'} cannot be read" in done.stderr
    assert not (tmp_path / "started").exists()


def test_an_installation_finds_the_files_that_a_checkout_has_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "share" / "nkdash" / "dagster.yaml"
    listed = importlib.metadata.PackagePath("../../../share/nkdash/dagster.yaml")
    monkeypatch.setattr(listed, "locate", lambda: installed, raising=False)
    monkeypatch.setattr(importlib.metadata, "files", lambda name: [listed])
    monkeypatch.setattr(home, "PROJECT", tmp_path)
    assert home._shipped("dagster.yaml") == installed
    (tmp_path / "dagster.yaml").write_text("")
    assert home._shipped("dagster.yaml") == tmp_path / "dagster.yaml"
