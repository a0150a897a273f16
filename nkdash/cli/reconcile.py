"""``nkdash reconcile``: ask Odoo again what a range of days is, and hold the lake against it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import polars as pl

FIGURES_SHOWN = 40


@dataclass(frozen=True)
class Compared:
    """One dataset: days that agree, that differ, and that are over but not in the lake."""

    dataset: str
    agreeing: tuple[date, ...]
    differing: tuple[date, ...]
    not_loaded: tuple[date, ...]

    def as_dict(self) -> dict[str, object]:
        """JSON-able; days ISO."""
        return {
            "dataset": self.dataset,
            "agreeing_days": len(self.agreeing),
            "differing": [day.isoformat() for day in self.differing],
            "not_loaded": [day.isoformat() for day in self.not_loaded],
        }


def reconcile(
    first: Annotated[str, typer.Option("--from", help="First day: ISO, today or yesterday.")],
    last: Annotated[
        str, typer.Option("--to", help="Last day, included; today is open and left out.")
    ] = "yesterday",
    dataset: Annotated[
        list[str] | None, typer.Option(help="Only this dataset; may be given again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Compare loaded days with what Odoo says of them now, to the cent, and keep the verdicts.

    Exit code 1 where a day differs or is not loaded. Publish holds back a day that differs until
    a later reconciliation agrees.
    """
    import polars as pl

    from nkdash import clock
    from nkdash.catalog import load_catalog
    from nkdash.cli.days import parse_range
    from nkdash.odoo import OdooClient
    from nkdash.quality.reconcile import reconcile as compare
    from nkdash.settings import load_settings

    settings = load_settings(require_odoo=True)
    datasets = {d.name: d for d in load_catalog(settings).datasets if d.reconcile}
    wanted = dataset or list(datasets)
    if strange := sorted(set(wanted) - datasets.keys()):
        raise typer.BadParameter(
            f"{', '.join(strange)} cannot be reconciled; these can: {', '.join(datasets)}",
            param_hint="--dataset",
        )
    try:
        start, end = parse_range(first, last, settings)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--from/--to") from error
    with OdooClient(settings.odoo_connection()) as client:
        verdicts = pl.concat(
            compare(client, datasets[name], start, end, settings) for name in wanted
        )
    past = [day for day in clock.days_between(start, end) if day < clock.today(settings)]
    found = [outcome(name, verdicts, past) for name in wanted]
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "from": start.isoformat(),
                    "to": end.isoformat(),
                    "datasets": [compared.as_dict() for compared in found],
                    "verdicts": rows(verdicts),
                },
                indent=2,
            )
        )
    else:
        show(found, verdicts)
    if any(compared.differing or compared.not_loaded for compared in found):
        raise typer.Exit(1)


def outcome(dataset: str, verdicts: "pl.DataFrame", days: Sequence[date]) -> Compared:
    """What ``verdicts`` say of ``days`` of a dataset; one without a verdict is not loaded."""
    import polars as pl

    by_day = verdicts.filter(dataset=dataset).group_by("date").agg(pl.col("agrees").all())
    agrees: dict[date, bool] = dict(by_day.iter_rows())
    return Compared(
        dataset,
        agreeing=tuple(day for day in days if agrees.get(day) is True),
        differing=tuple(day for day in days if agrees.get(day) is False),
        not_loaded=tuple(day for day in days if day not in agrees),
    )


def rows(verdicts: "pl.DataFrame") -> list[dict[str, object]]:
    """The verdicts, JSON-able: values as exact decimals in text, days and instants ISO."""

    def plain(value: Any) -> object:
        if isinstance(value, bool) or value is None:
            return value
        return value.isoformat() if hasattr(value, "isoformat") else str(value)

    return [
        {name: plain(value) for name, value in row.items()}
        for row in verdicts.iter_rows(named=True)
    ]


def show(found: Sequence[Compared], verdicts: "pl.DataFrame") -> None:
    """A line a dataset, the figures that differ, and how to heal them."""
    import polars as pl
    from rich import box
    from rich.table import Table

    from nkdash.cli.console import console
    from nkdash.cli.days import in_words, ranges

    out = console()
    for compared in found:
        out.print(
            f"{compared.dataset}: {len(compared.agreeing)} days agree"
            + (f", [red]differing: {in_words(compared.differing)}[/]" * bool(compared.differing))
            + (f", not loaded: {in_words(compared.not_loaded)}" * bool(compared.not_loaded)),
            soft_wrap=True,
        )
    wrong = verdicts.filter(~pl.col("agrees"))
    if wrong.is_empty():
        return
    made = Table(box=box.SIMPLE_HEAD)
    for name in ("dataset", "day", "figure"):
        made.add_column(name)
    for name in ("Odoo", "lake"):
        made.add_column(name, justify="right")
    made.add_column("what differs", overflow="fold")
    for row in wrong.head(FIGURES_SHOWN).iter_rows(named=True):
        values = [
            f"{v:,f}" if v is not None else "–" for v in (row["odoo_value"], row["lake_value"])
        ]
        made.add_row(row["dataset"], str(row["date"]), row["figure"], *values, row["detail"] or "")
    out.print(made)
    if wrong.height > FIGURES_SHOWN:
        out.print(f"The first {FIGURES_SHOWN} of {wrong.height:,} figures; --json gives all.")
    out.print("Load them again to heal them; until then publish keeps what it had of these days:")
    for compared in found:
        for start, end in ranges(compared.differing):
            command = f"nkdash backfill --from {start} --to {end} --dataset {compared.dataset}"
            out.print(f"  {command}", soft_wrap=True)
