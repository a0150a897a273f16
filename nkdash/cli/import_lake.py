"""``nkdash import-lake``: raw Parquet of an older system into our lake, so it is not read again."""

import warnings
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nkdash.catalog import Catalog
    from nkdash.importer import ImportReport
    from nkdash.settings import Settings

# Reasons that are told one by one; the rest is counted.
MOST_REASONS = 20


def import_lake(
    source: Annotated[Path, typer.Argument(help="The old lake: the folder that holds raw/.")],
    dataset: Annotated[
        list[str] | None, typer.Option(help="Only this dataset; may be given again.")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="First local day.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last local day, included.")] = None,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="TOML file with the old lake's own names.")
    ] = None,
    trust_empty: Annotated[
        bool, typer.Option("--trust-empty", help="Believe old files without rows.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and judge everything, write nothing.")
    ] = False,
    derive: Annotated[
        bool,
        typer.Option("--derive/--no-derive", help="Make clean, star and warehouse afterwards."),
    ] = True,
) -> None:
    """Take raw/<dataset>/year=/month=/day=/*.parquet of an older system into the lake.

    Days that are in the lake already are never overwritten.
    """
    from nkdash.catalog import load_catalog
    from nkdash.cli.console import console, steady_console
    from nkdash.cli.days import parse_day
    from nkdash.cli.errors import CommandError
    from nkdash.cli.progress import progress
    from nkdash.importer import MappingError, Outcome, read_mapping
    from nkdash.importer import import_lake as take
    from nkdash.settings import load_settings

    settings = load_settings()
    catalog = load_catalog(settings)
    known = sorted(d.name for d in catalog.datasets)
    if strange := sorted(set(dataset or ()) - set(known)):
        raise typer.BadParameter(f"there is no dataset {', '.join(strange)}; known: {known}")
    try:
        start, end = (parse_day(text, settings) if text else None for text in (first, last))
        names = read_mapping(mapping, catalog.datasets)
    except MappingError as error:
        raise CommandError(str(error)) from error
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--from/--to") from error
    done = 0

    with steady_console() as steady, progress(steady, "Reading the old lake") as tell:

        def count(day: object) -> None:
            nonlocal done
            done += 1
            tell(done, done, str(day))

        try:
            report = take(
                source.expanduser(),
                settings,
                catalog,
                names,
                datasets=dataset or (),
                first=start,
                last=end,
                trust_empty=trust_empty,
                dry_run=dry_run,
                on_day=lambda d: count(f"{d.dataset} {d.day}"),
            )
        except NotADirectoryError as error:
            raise CommandError(str(error)) from error
    out = console()
    for line in told(report, dry_run=dry_run):
        out.print(line, soft_wrap=True)
    imported = report.of(Outcome.IMPORTED)
    if imported and derive and not dry_run:
        days: dict[str, set[date]] = defaultdict(set)
        for day in imported:
            days[day.dataset].add(day.day)
        make(settings, catalog, days)
    if report.of(Outcome.REFUSED):
        raise typer.Exit(1)


def told(report: "ImportReport", *, dry_run: bool) -> list[str]:
    """What became of the old lake: one line a dataset and outcome, days as ranges."""
    from rich.markup import escape

    from nkdash.cli.days import in_words
    from nkdash.importer import Outcome

    words = {
        Outcome.IMPORTED: "would be imported" if dry_run else "imported",
        Outcome.EXISTS: "in the lake already, left as they are",
        Outcome.INCOMPLETE: "not imported, since the old lake lacks a UTC day that they lie in",
        Outcome.EMPTY: "not imported, since an old file without rows is not believed",
        Outcome.REFUSED: "[bold red]refused[/]",
        Outcome.OPEN: "not over yet",
    }
    grouped: dict[tuple[str, Outcome], list[date]] = defaultdict(list)
    rows: dict[str, int] = defaultdict(int)
    reasons: dict[str, int] = defaultdict(int)
    for day in report.days:
        grouped[day.dataset, day.outcome].append(day.day)
        rows[day.dataset] += day.rows
        if day.outcome is Outcome.REFUSED:
            reasons[f"{day.dataset}: {day.detail}"] += 1
    lines = []
    for (name, outcome), days in sorted(grouped.items()):
        count = f", {rows[name]:,} rows" if outcome is Outcome.IMPORTED else ""
        lines.append(f"{name}: {len(days)} days {words[outcome]}{count}: {in_words(days)}")
    lines += [f"  {escape(reason)}" for reason in list(reasons)[:MOST_REASONS]]
    if len(reasons) > MOST_REASONS:
        lines.append(f"  and {len(reasons) - MOST_REASONS} more reasons")
    return lines + [f"[yellow]Note[/] {escape(note)}" for note in report.notes]


def make(settings: "Settings", catalog: "Catalog", days: dict[str, set[date]]) -> None:
    """Clean, star and warehouse of the imported days, through Dagster."""
    from nkdash.cli.console import console, steady_console
    from nkdash.cli.progress import progress
    from nkdash.home import prepare_home

    out = console()
    prepare_home(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dagster as dg

        from nkdash.automation.derive import derive, dimensions_missing
        from nkdash.definitions import build_definitions

        with (
            dg.DagsterInstance.get() as instance,
            steady_console() as steady,
            progress(steady, "Making clean, star and warehouse") as tell,
        ):
            if missing := dimensions_missing(settings, catalog):
                out.print(
                    f"The dimensions {', '.join(missing)} are not loaded yet. Load a day "
                    "(nkdash backfill --from yesterday); the gap sensor then makes clean and star "
                    "of the imported days, Odoo is not asked for them again.",
                    soft_wrap=True,
                )
                return
            report = derive(
                build_definitions(settings),
                instance,
                settings,
                catalog,
                days,
                lambda p: tell(p.done, p.total, p.what),
            )
    for failure in report.failures:
        out.print(f"[bold red]Failed[/] {failure}", soft_wrap=True)
    out.print(
        f"Made clean, star and warehouse in {report.seconds:.1f} s. Now compare with Odoo: "
        "nkdash reconcile --from DAY --to DAY tells which days to load again.",
        soft_wrap=True,
    )
    if not report.succeeded:
        raise typer.Exit(1)
