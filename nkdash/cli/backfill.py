"""``nkdash backfill``: load a range of days through Dagster, here or by its daemon."""

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nkdash.automation.backfill import BackfillReport, Plan
    from nkdash.settings import Settings

# Dagster's name for a Ctrl-C that reached it within a step.
INTERRUPTED = "DagsterExecutionInterruptedError"


def backfill(
    first: Annotated[str, typer.Option("--from", help="First day: ISO, today or yesterday.")],
    last: Annotated[
        str, typer.Option("--to", help="Last day, included; today is loaded as far as it got.")
    ] = "yesterday",
    dataset: Annotated[
        list[str] | None, typer.Option(help="Only this dataset; may be given again.")
    ] = None,
    publish: Annotated[
        bool, typer.Option("--publish/--no-publish", help="Publish the warehouse afterwards.")
    ] = True,
    queue: Annotated[
        bool,
        typer.Option(
            "--queue",
            help="Hand it to the running Dagster daemon, which goes on when this terminal closes; "
            "slower, since the daemon looks only every half a minute.",
        ),
    ] = False,
) -> None:
    """Load a range of business days from Odoo, and the dimensions, then publish."""
    from nkdash.cli.console import console, steady_console
    from nkdash.cli.days import parse_range
    from nkdash.cli.errors import CommandError
    from nkdash.cli.processes import interruptible
    from nkdash.cli.progress import progress
    from nkdash.home import prepare_home
    from nkdash.settings import load_settings

    settings = load_settings(require_odoo=True)
    try:
        start, end = parse_range(first, last, settings)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--from/--to") from error
    prepare_home()
    with warnings.catch_warnings():
        # Dagster calls backfill_policy beta at each import; users cannot act on it.
        warnings.simplefilter("ignore")
        import dagster as dg

        from nkdash.automation import backfill as backfills
        from nkdash.automation import gate
        from nkdash.catalog import load_catalog
        from nkdash.definitions import build_definitions

        catalog = load_catalog(settings)
        definitions = build_definitions(settings)
        try:
            plan = backfills.plan(
                definitions, catalog, settings, start, end, dataset or (), publish=publish
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        reach_odoo(settings)
        with (
            interruptible(),
            dg.DagsterInstance.get() as instance,
            steady_console() as steady,
            progress(steady, f"Loading {start} to {end}") as tell,
        ):
            if queue and not backfills.daemon_is_running(instance):
                raise CommandError(
                    "no Dagster daemon is running to take the backfill; start one (nkdash up), "
                    "or leave --queue away to load it here"
                )
            # Odoo has just taken the login.
            gate.resume(instance)
            load = backfills.hand_to_daemon if queue else backfills.run_here
            report = load(definitions, instance, plan, lambda p: tell(p.done, p.total, p.what))
    if any(INTERRUPTED in failure for failure in report.failures):
        raise KeyboardInterrupt
    out = console()
    for failure in report.failures:
        out.print(f"[bold red]Failed[/] {failure}", soft_wrap=True)
    out.print(summary(plan, report, by_daemon=queue), soft_wrap=True)
    if not report.succeeded:
        raise typer.Exit(1)


def reach_odoo(settings: "Settings") -> None:
    """Log in once, so that a wrong address or key is told at once and not after every retry.

    Raises OdooError.
    """
    from nkdash.odoo import OdooClient

    connection = settings.odoo_connection()
    with OdooClient(replace(connection, max_attempts=min(2, connection.max_attempts))) as client:
        client.companies()


def summary(plan: "Plan", report: "BackfillReport", *, by_daemon: bool) -> str:
    """How a backfill went, in two or three lines."""
    days = plan.days
    lines = [
        f"{'Loaded' if report.succeeded else 'Not all loaded:'} {len(days)} "
        f"{'day' if len(days) == 1 else 'days'}, {plan.total:,} partitions asked for, "
        f"in {report.seconds:.1f} s and {len(report.run_ids)} runs"
        f"{' of the Dagster daemon' if by_daemon else ''}."
    ]
    if report.odoo_calls:
        rest = max(0.0, report.seconds - report.odoo_seconds)
        lines.append(
            f"Odoo: {report.odoo_calls:,} calls, {report.odoo_seconds:.1f} s; "
            f"everything else (Dagster, computing, writing): {rest:.1f} s."
        )
    if not report.succeeded:
        lines.append("Days that failed are as they were before; run it again when mended.")
    return "\n".join(lines)
