"""``nkdash backup``: everything worth keeping in one archive; or check one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nkdash.backup import Key
    from nkdash.settings import Settings

ENV_FILE = Path(".env")
KEY_FILE = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        help="File with the key: an age recipient or identity, or a passphrase. "
        "Default: NKDASH_BACKUP_KEY.",
    ),
]


def backup(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder for the archive; made where absent.")
    ] = None,
    verify: Annotated[
        Path | None, typer.Option("--verify", help="Only check this archive, whole.")
    ] = None,
    raw_only: Annotated[
        bool,
        typer.Option(
            "--raw-only", help="Of the lake only raw and verdicts; restore makes the rest."
        ),
    ] = False,
    without_lake: Annotated[
        bool, typer.Option("--without-lake", help="No lake, e.g. where it is a bucket.")
    ] = False,
    with_secrets: Annotated[
        bool,
        typer.Option("--with-secrets", help="Keep secrets of .env though there is no key."),
    ] = False,
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, help="Keep that many of the folder's backups.")
    ] = None,
    key_file: KEY_FILE = None,
) -> None:
    """Keep lake, settings, Dagster's storage and the dashboard's state in one archive.

    Programs may run meanwhile. The warehouse is not kept: publish makes it from the lake.
    """
    from nkdash.backup import back_up
    from nkdash.backup import verify as check
    from nkdash.cli.console import console
    from nkdash.home import home_path
    from nkdash.settings import load_settings

    if (folder is None) == (verify is None):
        raise typer.BadParameter("give either a folder for the backup, or --verify ARCHIVE")
    if raw_only and without_lake:
        raise typer.BadParameter("--raw-only and --without-lake exclude each other")
    settings = load_settings()
    key = read_key(key_file, settings)
    out = console()
    if verify is not None:
        header, files, size = check(verify, key)
        out.print(
            f"{verify} is whole: {files:,} files, {size / 1e6:,.1f} MB, made "
            f"{header.made_at:%Y-%m-%d %H:%M} UTC by NKDash {header.nkdash}.",
            soft_wrap=True,
        )
        return
    if folder is None:
        return
    report = back_up(
        settings,
        home_path(),
        ENV_FILE,
        folder.expanduser().resolve(),
        key=key,
        raw_only=raw_only,
        with_lake=not without_lake,
        with_secrets=with_secrets,
        keep=keep,
    )
    out.print(
        f"Kept {report.files:,} files, {report.bytes / 1e6:,.1f} MB, in {report.seconds:.1f} s:\n"
        f"{report.path} ({report.size / 1e6:,.1f} MB, "
        f"{'encrypted' if report.encrypted else 'not encrypted'})",
        soft_wrap=True,
    )
    for path in report.removed:
        out.print(f"Removed the older {path.name}.")
    for note in report.notes:
        out.print(f"[yellow]Note[/] {note}.", soft_wrap=True)


def read_key(key_file: Path | None, settings: "Settings | None") -> "Key | None":
    """The key of ``--key-file``, else of the settings. Raises BackupError."""
    from nkdash.backup import BackupError, parse_key

    if key_file is not None:
        try:
            return parse_key(key_file.read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise BackupError(f"the key file {key_file} cannot be read: {error}") from error
    kept = settings.nkdash_backup_key if settings else None
    return parse_key(kept.get_secret_value()) if kept else None
