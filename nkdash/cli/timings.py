"""``nkdash timings``: what the last runs cost, step by step."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nkdash.health.timings import StepTiming, Summary


def timings(
    last: Annotated[int, typer.Option(min=1, help="So many of the last runs.")] = 20,
    run: Annotated[
        str | None, typer.Option(help="Only this run: its id, or how that begins.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Seconds, rows, bytes, calls to Odoo and retries of each step, from Dagster's event log."""
    import dagster as dg

    from nkdash.cli.errors import CommandError
    from nkdash.health.timings import RUNS, last_runs, summarize, timings_of
    from nkdash.home import prepare_home

    prepare_home()
    with dg.DagsterInstance.get() as instance:
        if run:
            recent = last_runs(instance, max(last, RUNS * 50))
            runs = [r for r in recent if r.run_id.startswith(run)]
            if len(runs) != 1:
                found = "no run that ended" if not runs else f"{len(runs)} runs"
                raise CommandError(f"{found} has an id that begins with {run}")
        else:
            runs = last_runs(instance, last)
        steps = list(timings_of(instance, runs))
    summaries = summarize(steps)
    if as_json:
        told = {
            "runs": [r.run_id for r in runs],
            "summary": [summary.as_dict() for summary in summaries],
            "steps": [step.as_dict() for step in steps],
        }
        typer.echo(json.dumps(told, indent=2))
        return
    show(summaries, steps, len(runs))


def show(summaries: Sequence["Summary"], steps: Sequence["StepTiming"], runs: int) -> None:
    """A line a step, the costliest first."""
    from rich import box
    from rich.table import Table

    from nkdash.cli.console import console

    out = console()
    if not summaries:
        out.print("No run has ended yet; `nkdash backfill` makes one.")
        return
    made = Table(box=box.SIMPLE_HEAD)
    made.add_column("step", no_wrap=True)
    for name in ("runs", "failed", "days", "median s", "max s", "rows", "written", "calls"):
        made.add_column(name, justify="right")
    for name in ("received", "call retries", "step retries"):
        made.add_column(name, justify="right")
    for s in summaries:
        made.add_row(
            s.step.replace("__", "/"),
            f"{s.runs:,}",
            f"[red]{s.failed:,}[/]" if s.failed else "0",
            f"{s.days:,}",
            f"{s.median_seconds:,.2f}",
            f"{s.max_seconds:,.2f}",
            f"{s.rows:,}",
            _size(s.bytes_written),
            f"{s.odoo_calls:,}",
            _size(s.odoo_bytes),
            f"{s.odoo_retries:,}",
            f"{s.retries:,}",
        )
    out.print(made)
    odoo = sum(step.odoo_seconds for step in steps)
    total = sum(step.seconds for step in steps)
    out.print(f"{runs:,} runs: {total:,.1f} s in steps, {odoo:,.1f} s of them waiting for Odoo.")


def _size(count: int) -> str:
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:,.0f} KiB" if count < 1024**2 else f"{count / 1024**2:,.1f} MiB"
