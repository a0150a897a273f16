"""``nkdash tidy``: what the daily housekeeping removes, now."""

import warnings
from typing import Annotated

import typer


def tidy(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be removed.")
    ] = False,
) -> None:
    """Remove old, superseded runs of Dagster with their logs, and stray files of the lake."""
    from nkdash.cli.console import console
    from nkdash.home import prepare_home
    from nkdash.settings import load_settings

    settings = load_settings()
    prepare_home(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dagster as dg

        from nkdash.automation import housekeeping

        with dg.DagsterInstance.get() as instance:
            found = housekeeping.tidy(instance, settings, dry_run=dry_run)
    verb = "Would remove" if dry_run else "Removed"
    console().print(
        f"{verb} {found.runs:,} runs older than {settings.nkdash_keep_runs_days} days "
        f"({found.kept_runs:,} as old are kept: they hold the last load of something) and "
        f"{found.stray_files:,} stray files, {found.stray_bytes / 1e6:,.1f} MB"
        + (f"; packing won {found.packed_bytes / 1e6:,.1f} MB." if found.packed_bytes else "."),
        soft_wrap=True,
    )
