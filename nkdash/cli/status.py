"""``nkdash status``: what is loaded, what is missing, how fresh it is, what is published."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from nkdash.catalog import Catalog
    from nkdash.cli.coverage import Coverage
    from nkdash.lake import LakePath
    from nkdash.standing import Day


def status(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Per dataset and layer: first and last day, missing and empty days, rows, freshness."""
    from nkdash import clock
    from nkdash.catalog import load_catalog
    from nkdash.cli.console import console
    from nkdash.cli.coverage import lake_coverage
    from nkdash.settings import load_settings
    from nkdash.standing import standing

    settings = load_settings()
    catalog = load_catalog(settings)
    today = clock.today(settings)
    covered = lake_coverage(settings.lake_root, catalog, today, settings.zone)
    wrong = troubled(standing(settings, catalog, last_failures(catalog)))
    published = warehouse_state(settings.warehouse_dir)
    if as_json:
        told = {
            "today": today.isoformat(),
            "timezone": settings.nkdash_timezone,
            "lake": str(settings.lake_root),
            "datasets": [c.as_dict() for c in covered],
            "wrong": wrong,
            "warehouse": published,
        }
        typer.echo(json.dumps(told, indent=2))
        return
    out = console()
    out.print(table(covered, settings.zone))
    for line in [*remarks(covered, today), *map(trouble_words, wrong)]:
        out.print(line, soft_wrap=True)
    out.print(warehouse_words(published), soft_wrap=True)


def table(covered: Sequence["Coverage"], zone: ZoneInfo) -> Any:
    """A rich table, one line a dataset and layer; times in the business zone."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD)
    for name in ("dataset", "layer", "first", "last"):
        made.add_column(name)
    for name in ("days", "missing", "empty", "rows"):
        made.add_column(name, justify="right")
    made.add_column(f"as of ({zone})")
    made.add_column("fresh")
    for c in covered:
        made.add_row(
            c.dataset,
            c.layer,
            str(c.first or "–"),
            str(c.last or "–"),
            f"{c.days:,}",
            f"[red]{len(c.missing):,}[/]" if c.missing else "0",
            f"{len(c.empty):,}",
            f"{c.rows:,}",
            _local(c.as_of, zone),
            "[green]yes[/]" if c.fresh else "[yellow]no[/]",
        )
    return made


def _local(instant: datetime | None, zone: ZoneInfo) -> str:
    if instant is None:
        return "–"
    return instant.replace(tzinfo=UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def remarks(covered: Sequence["Coverage"], today: date) -> list[str]:
    """A sentence for each gap, for days read before they ended, and for what is not fresh."""
    from nkdash.cli.days import in_words

    said = []
    for c in covered:
        name = f"{c.dataset} ({c.layer})"
        if c.missing:
            fate = "lost" if c.snapshot else "not loaded"
            said.append(f"{name}: {fate}: {in_words(c.missing)}")
        if c.unfinished and c.layer == "raw":
            said.append(f"{name}: read before the day had ended: {in_words(c.unfinished)}")
    if not any(c.days for c in covered):
        return ["Nothing is loaded yet; `nkdash backfill --from DAY --to yesterday` loads days."]
    stale = sorted({c.dataset for c in covered if not c.fresh and not c.snapshot})
    if stale:
        said.append(
            f"Yesterday is not whole for {', '.join(stale)} (today is {today}): "
            "`nkdash backfill --from yesterday` loads it."
        )
    said += [
        f"{name} has no snapshot of yesterday or today: "
        f"`nkdash backfill --dataset {name} --from today --to today` takes one."
        for name in sorted({c.dataset for c in covered if not c.fresh and c.snapshot})
    ]
    return said


def last_failures(catalog: "Catalog") -> dict[tuple[str, date], str]:
    """The days whose last load failed, as Dagster has it; none where it never ran here."""
    from nkdash.home import home_path, prepare_home

    if not (home_path() / "dagster.yaml").exists():
        return {}
    prepare_home()
    import dagster as dg

    from nkdash.standing import failed_days

    with dg.DagsterInstance.get() as instance:
        return failed_days(instance, catalog)


def troubled(days: Iterable["Day"]) -> list[dict[str, str]]:
    """Days that are there but not right, JSON-able, as ranges: failed, differing and outdated."""
    from nkdash.cli.days import ranges
    from nkdash.standing import State

    found: dict[tuple[str, str, str], list[date]] = {}
    for day in days:
        if day.state in (State.FAILED, State.DIFFERS, State.OUTDATED):
            found.setdefault((day.dataset, day.state.value, day.detail), []).append(day.day)
    return [
        {
            "dataset": dataset,
            "state": state,
            "first": first.isoformat(),
            "last": last.isoformat(),
            "detail": detail,
        }
        for (dataset, state, detail), of_kind in sorted(found.items())
        for first, last in ranges(of_kind)
    ]


def trouble_words(wrong: Mapping[str, str]) -> str:
    """One entry of ``troubled`` as a sentence."""
    first, last = wrong["first"], wrong["last"]
    span = first if first == last else f"{first}..{last}"
    return f"{wrong['dataset']}: {wrong['state']}: {span}: {wrong['detail']}"


def warehouse_state(folder: "LakePath") -> dict[str, object]:
    """The published version and when that was (UTC), or why there is none."""
    from nkdash.warehouse import WarehouseError, current

    try:
        published = current(folder)
    except WarehouseError as error:
        return {"version": None, "published_at": None, "problem": str(error)}
    if published is None:
        problem = f"nothing was published yet in {folder}; `nkdash publish` does"
        return {"version": None, "published_at": None, "problem": problem}
    return {
        "version": published.version,
        "published_at": published.published_at.replace(tzinfo=UTC).isoformat(),
        "path": str(published.path),
    }


def warehouse_words(state: dict[str, object]) -> str:
    """The same as a sentence."""
    if state["version"] is None:
        return f"Warehouse: {state['problem']}"
    return f"Warehouse: version {state['version']}, published {state['published_at']}"
