import os
from pathlib import Path

import pytest

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
