"""``nkdash kpi``: any KPI over any days, by dimensions, with the definitions that pages use."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import polars as pl

    from nkdash.kpis.ask import Ask
    from nkdash.kpis.format import Currency
    from nkdash.kpis.model import Family, Kpi
    from nkdash.kpis.periods import Period
    from nkdash.kpis.selection import Ids, Selection
    from nkdash.settings import Settings

DEFAULT_DAYS = 30


class Format(StrEnum):
    """How the rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class Compare(StrEnum):
    """What the figures are held against."""

    PREVIOUS = "previous"
    WEEK = "week"
    YEAR = "year"


class Tax(StrEnum):
    """Whether revenue holds the tax."""

    IN = "in"
    EX = "ex"


def kpi(
    name: Annotated[str | None, typer.Argument(help="Name of the KPI; --list tells them.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First business day.")] = None,
    last: Annotated[str, typer.Option("--to", help="Last business day.")] = "yesterday",
    by: Annotated[
        list[str] | None, typer.Option("--by", help="store, month, …; may be given several times.")
    ] = None,
    filters: Annotated[
        list[str] | None, typer.Option("--filter", help="store=1,2; several times for several.")
    ] = None,
    compare: Annotated[Compare | None, typer.Option(help="Beside the same of other days.")] = None,
    tax: Annotated[Tax, typer.Option(help="Revenue with or without tax.")] = Tax.IN,
    company: Annotated[int | None, typer.Option(help="Id of one company.")] = None,
    shape: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TABLE,
    as_list: Annotated[bool, typer.Option("--list", help="List the KPIs.")] = False,
) -> None:
    """Ask for a KPI: as the pages define it, from the published warehouse. Days are inclusive."""
    import contextlib

    from nkdash.kpis import registry
    from nkdash.kpis.ask import asking, selection
    from nkdash.kpis.model import TaxBasis
    from nkdash.kpis.periods import Comparison, base_period
    from nkdash.settings import load_settings
    from nkdash.warehouse import Warehouse

    if as_list:
        _list()
        return
    if name is None:
        raise typer.BadParameter("name a KPI, or give --list")
    settings = load_settings()
    asked, family = registry.kpi(name), registry.family_of(name)
    dimensions = tuple(dict.fromkeys(by or ()))
    wanted = read_filters(filters or [], name, family)
    period = days(first, last, settings)
    base = base_period(period, Comparison(compare.value)) if compare else None
    reader = Warehouse(settings.warehouse_dir, cache_dir=settings.warehouse_cache)
    with contextlib.closing(reader), reader.cursor() as cursor:
        ask = asking(cursor)
        chosen, currency = selection(
            ask, period, base, company=company, filters=wanted, tax=TaxBasis(tax.value)
        )
        frame = answer(ask, asked, chosen, dimensions)
    if shape is Format.TABLE:
        _show(asked, frame, chosen, currency)
    else:
        _write(frame, shape)


def days(first: str | None, last: str, settings: "Settings") -> "Period":
    """The range of ``--from`` and ``--to``; 30 days where only its end is known.

    Raises typer.BadParameter.
    """
    from datetime import timedelta

    from nkdash.cli.days import parse_day
    from nkdash.kpis.periods import Period

    try:
        end = parse_day(last, settings)
        start = parse_day(first, settings) if first else end - timedelta(days=DEFAULT_DAYS - 1)
        return Period(start, end)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def read_filters(texts: Iterable[str], name: str, family: "Family") -> dict[str, "Ids"]:
    """``store=1,2`` as ids by kind. Raises typer.BadParameter, KpiError for one it knows not."""
    from nkdash.kpis.model import KpiError

    found: dict[str, Ids] = {}
    for text in texts:
        kind, equals, values = text.partition("=")
        if not equals or not values:
            raise typer.BadParameter(f"{text!r} is no filter; write it like store=1,2")
        if kind not in family.filters:
            known = ", ".join(family.filters) or "nothing"
            raise KpiError(f"{name} cannot be filtered by {kind}; it can by {known}.")
        parts = [part.strip() for part in values.split(",")]
        try:
            found[kind] = tuple(parts) if kind == "source" else tuple(int(p) for p in parts)
        except ValueError as error:
            raise typer.BadParameter(f"{text!r}: {kind} is filtered by ids, numbers") from error
    return found


def answer(ask: "Ask", asked: "Kpi", chosen: "Selection", by: Sequence[str]) -> "pl.DataFrame":
    """A row for each value of ``by``: the ids, their names, the figure, and with a base that of
    the base (``<name>_base``) and the ``change``: a ratio, of ratios their difference.

    Raises KpiError, duckdb.Error.
    """
    import polars as pl

    from nkdash.kpis import format as fmt
    from nkdash.kpis.ask import has_names, labels
    from nkdash.kpis.registry import measure

    name = asked.name
    frame = ask(measure((name,), chosen, tuple(by)))
    now = frame.filter(pl.col("period") == "now").drop("period")
    if chosen.base:
        base = frame.filter(pl.col("period") == "base").drop("period")
        base = base.rename({name: f"{name}_base"})
        if by:
            now = now.join(base, on=list(by), how="full", coalesce=True, nulls_equal=True)
            now = now.sort(list(by), nulls_last=True)
        else:
            now = pl.concat([now, base], how="horizontal")
        pairs = now.select(name, f"{name}_base").iter_rows()
        changes = [
            None if isinstance(n, date) else fmt.change_of(asked.unit, n, b) for n, b in pairs
        ]
        now = now.with_columns(pl.Series("change", changes, dtype=pl.Float64))
    columns: list[pl.Expr | pl.Series] = []
    for kind in by:
        columns.append(pl.col(kind))
        if has_names(kind):
            ids = now.get_column(kind).to_list()
            known = labels(ask, kind, ids)
            columns.append(pl.Series(f"{kind}_name", [known.get(i) for i in ids], dtype=pl.String))
    figures = [column for column in now.columns if column not in by]
    return now.select(*columns, *figures)


def _show(asked: "Kpi", frame: "pl.DataFrame", chosen: "Selection", currency: "Currency") -> None:
    from nkdash.cli.console import console
    from nkdash.cli.query import SHOWN_ROWS, to_table

    out = console()
    span = f"{chosen.period.first} to {chosen.period.last}"
    against = f", against {chosen.base.first} to {chosen.base.last}" if chosen.base else ""
    out.print(f"{asked.title}, {_basis(asked, chosen)}{span}{against}", soft_wrap=True)
    rows = [
        [_text(asked, column, row[column], currency) for column in row]
        for row in frame.head(SHOWN_ROWS).to_dicts()
    ]
    if not rows:
        out.print(f"No figure. {asked.none}", soft_wrap=True)
        return
    table = to_table(frame.columns, rows)
    for column, name in zip(table.columns, frame.columns, strict=True):
        figures = (asked.name, f"{asked.name}_base", "change")
        column.justify = "right" if name in figures else "left"
    out.print(table)
    if frame.height > SHOWN_ROWS:
        out.print(f"The first {SHOWN_ROWS} of {frame.height:,} rows; --format csv gives all.")


def _basis(asked: "Kpi", chosen: "Selection") -> str:
    from nkdash.kpis.model import Basis, TaxBasis

    words = {TaxBasis.IN: "with tax, ", TaxBasis.EX: "without tax, "}
    match asked.basis:
        case Basis.CHOSEN:
            return words[chosen.tax]
        case Basis.TAX_IN:
            return words[TaxBasis.IN]
        case Basis.TAX_EX:
            return words[TaxBasis.EX]
        case Basis.NONE:
            return ""


def _text(asked: "Kpi", column: str, value: Any, currency: "Currency") -> Any:
    """A cell as people read it."""
    from nkdash.kpis import format as fmt

    if column == "change":
        return fmt.signed_change(asked.unit, value)
    if column in (asked.name, f"{asked.name}_base"):
        return fmt.figure(asked.unit, value, currency)
    return value


def _write(frame: "pl.DataFrame", shape: Format) -> None:
    from nkdash.cli.query import to_csv, to_json

    write = to_csv if shape is Format.CSV else to_json
    typer.echo(write(frame.columns, frame.rows()), nl=shape is Format.JSON)


def _list() -> None:
    from nkdash.cli.console import console
    from nkdash.cli.query import to_table
    from nkdash.kpis.registry import families

    rows: list[Mapping[str, str]] = [
        {"family": family.name, "name": k.name, "title": k.title, "words": k.words}
        for family in families().values()
        for k in family.kpis
    ]
    columns = ["family", "name", "title", "words"]
    console().print(to_table(columns, [[row[c] for c in columns] for row in rows]))
