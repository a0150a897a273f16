"""``nkdash restore``: a backup back in its place, checked before anything is put there."""

import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nkdash.cli.backup import ENV_FILE, KEY_FILE, read_key

if TYPE_CHECKING:
    from nkdash.backup import Key
    from nkdash.settings import Settings


def restore(
    archive: Annotated[Path, typer.Argument(help="The archive.")],
    force: Annotated[
        bool, typer.Option("--force", help="Move what is there aside first; nothing is deleted.")
    ] = False,
    publish: Annotated[
        bool, typer.Option("--publish/--no-publish", help="Publish the warehouse afterwards.")
    ] = True,
    key_file: KEY_FILE = None,
) -> None:
    """Put a backup back. Stop NKDash's programs first."""
    from nkdash.backup import restore as put_back
    from nkdash.cli.console import console
    from nkdash.home import home_path, prepare_home

    archive = archive.expanduser().resolve()
    settings, key = _terms(archive, key_file)
    home = home_path()
    _refuse_while_running(home)
    report = put_back(archive, settings, home, ENV_FILE.resolve(), key=key, force=force)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nkdash.backup.restore import settle_runs

        prepare_home(settings)
        ended = settle_runs(home)
    out = console()
    out.print(
        f"Put back {report.files:,} files, {report.bytes / 1e6:,.1f} MB, of the backup made "
        f"{report.header.made_at:%Y-%m-%d %H:%M} UTC by NKDash {report.header.nkdash}.",
        soft_wrap=True,
    )
    for path in report.aside:
        out.print(f"What was there is in {path}; delete it when all is well.", soft_wrap=True)
    if ended:
        out.print(f"{ended} runs that were under way then are marked as failed.")
    for note in report.notes:
        out.print(f"[yellow]Note[/] {note}.", soft_wrap=True)
    if publish and report.header.with_lake:
        # A process of its own: the settings that were put back count from its start.
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", _REMAKE if report.header.raw_only else _PUBLISH], check=False
        )
        if done.returncode:
            raise typer.Exit(1)


_PUBLISH = "import sys; sys.argv[1:] = ['publish']; from nkdash.cli import main; main()"
_REMAKE = "from nkdash.cli.restore import remake; remake()"


def remake() -> None:
    """Make clean and star from raw, and publish; the rest of a restore of raw alone."""
    from nkdash.cli.console import console, steady_console
    from nkdash.cli.progress import progress
    from nkdash.home import prepare_home
    from nkdash.settings import load_settings

    settings = load_settings()
    prepare_home(settings)
    warnings.simplefilter("ignore")
    import dagster as dg

    from nkdash.automation.derive import days_of_raw, derive
    from nkdash.catalog import load_catalog
    from nkdash.definitions import build_definitions

    catalog = load_catalog(settings)
    with (
        dg.DagsterInstance.get() as instance,
        steady_console() as steady,
        progress(steady, "Making clean, star and warehouse from raw") as tell,
    ):
        report = derive(
            build_definitions(settings),
            instance,
            settings,
            catalog,
            days_of_raw(settings, catalog),
            lambda p: tell(p.done, p.total, p.what),
        )
    out = console()
    for failure in report.failures:
        out.print(f"[bold red]Failed[/] {failure}", soft_wrap=True)
    out.print(f"Made clean, star and warehouse from raw in {report.seconds:.1f} s.")
    if not report.succeeded:
        raise SystemExit(1)


def _terms(archive: Path, key_file: Path | None) -> "tuple[Settings, Key | None]":
    """The settings that say where things go, and the key: those here, else the archive's own."""
    from nkdash.backup.restore import read_env
    from nkdash.settings import Settings, SettingsError, load_settings

    settings = load_settings()
    key = read_key(key_file, settings)
    if ENV_FILE.exists() or os.environ.get("DATA_LAKE_ROOT"):
        return settings, key
    text = read_env(archive, key)
    if text is None:
        return settings, key
    with tempfile.NamedTemporaryFile("w", suffix=".env") as file:
        file.write(text)
        file.flush()
        try:
            return Settings(_env_file=file.name), key
        except ValueError as error:
            raise SettingsError([f"the backup's .env is not valid: {error}"]) from None


def _refuse_while_running(home: Path) -> None:
    """Programs that are at work would go on writing to files that are moved aside."""
    if not (home / "dagster.yaml").is_file():
        return
    from nkdash.cli.errors import CommandError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dagster as dg

        from nkdash.automation.backfill import daemon_is_running
        from nkdash.home import prepare_home

        prepare_home()
        with dg.DagsterInstance.get() as instance:
            if daemon_is_running(instance):
                raise CommandError(
                    "Dagster's daemon is running; stop NKDash's programs (nkdash up, the services) "
                    "before a restore. One that was killed counts as running for 90 seconds"
                )
