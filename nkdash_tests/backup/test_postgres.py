"""Dagster's storage in a real Postgres: kept, lost, put back; and tidied."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from nkdash.automation.housekeeping import tidy
from nkdash.backup import BackupError, back_up, restore
from nkdash.backup.restore import settle_runs
from nkdash.home import prepare_home
from nkdash.settings import load_settings
from nkdash_tests import postgres


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres.server() as address:
        yield address


@dg.asset
def made() -> None: ...


def run(instance: dg.DagsterInstance) -> str:
    job = dg.Definitions(assets=[made]).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance).run_id


def forget(url: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()


def test_runs_in_postgres_come_back_and_are_tidied(
    url: str, settings_env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings_env.setenv("NKDASH_POSTGRES_URL", url)
    settings_env.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    settings_env.delenv("DAGSTER_POSTGRES_URL", raising=False)
    settings = load_settings()
    home, env = prepare_home(settings), tmp_path / ".env"
    with dg.DagsterInstance.get() as instance:
        runs = [run(instance) for _ in range(3)]
        under_way = instance.create_run_for_job(
            dg.Definitions(assets=[made]).resolve_implicit_global_asset_job_def()
        )
    kept = back_up(settings, home, env, tmp_path / "kept")

    forget(url)
    report = restore(kept.path, settings, home, env)
    assert not report.notes
    assert settle_runs(home) == 1
    with dg.DagsterInstance.get() as instance:
        assert set(instance.get_run_ids()) == {*runs, under_way.run_id}
        last = instance.get_latest_materialization_event(made.key)
        assert last is not None
        assert last.run_id == runs[-1]
        later = datetime.now(UTC) + timedelta(days=31)
        settings_env.setenv("NKDASH_NOW", later.isoformat())
        assert tidy(instance, load_settings()).runs == 3
        assert instance.get_run_ids() == [runs[-1]]
    # Putting it back over what is there replaces it, in one transaction.
    restore(kept.path, settings, home, env, force=True)
    with dg.DagsterInstance.get() as instance:
        assert len(instance.get_run_ids()) == 4


def test_what_pg_dump_says_is_told_without_the_password(
    url: str, settings_env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings_env.setenv("NKDASH_POSTGRES_URL", url.replace("p%40ss-word", "wr0ng"))
    with pytest.raises(BackupError, match="password authentication failed") as told:
        back_up(load_settings(), tmp_path / "home", tmp_path / ".env", tmp_path / "kept")
    assert "wr0ng" not in str(told.value)
    assert not list((tmp_path / "kept").iterdir())


def test_a_dump_without_postgres_here_is_told(
    url: str, settings_env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings_env.setenv("NKDASH_POSTGRES_URL", url)
    kept = back_up(load_settings(), tmp_path / "home", tmp_path / ".env", tmp_path / "kept")
    settings_env.delenv("NKDASH_POSTGRES_URL")
    report = restore(kept.path, load_settings(), tmp_path / "home", tmp_path / ".env")
    assert any("NKDASH_POSTGRES_URL is not set" in note for note in report.notes)


def test_missing_client_programs_are_named(
    url: str, settings_env: pytest.MonkeyPatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_env.setenv("NKDASH_POSTGRES_URL", url)

    def absent(*_: object, **__: object) -> None:
        raise FileNotFoundError("pg_dump")

    monkeypatch.setattr(subprocess, "run", absent)
    with pytest.raises(BackupError, match="postgresql-client"):
        back_up(load_settings(), tmp_path / "home", tmp_path / ".env", tmp_path / "kept")
