"""``nkdash query``: SQL on the published warehouse, read-only, for people and for programs."""

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import duckdb

# More rows than a person reads in a terminal.
SHOWN_ROWS = 500


def query(
    sql: Annotated[str, typer.Argument(help="One SELECT (or SHOW TABLES, DESCRIBE …).")],
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list of row objects.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header line.")] = False,
) -> None:
    """Ask the published warehouse; nothing can be written and no other file be read."""
    import duckdb

    from nkdash.cli.console import console
    from nkdash.cli.errors import CommandError
    from nkdash.settings import load_settings
    from nkdash.warehouse import Warehouse

    if as_json and as_csv:
        raise typer.BadParameter("choose one of --json and --csv")
    settings = load_settings()
    warehouse = Warehouse(settings.warehouse_dir, cache_dir=settings.warehouse_cache)
    try:
        with warehouse.cursor() as cursor:
            names, rows = ask(cursor, sql)
    except duckdb.Error as error:
        raise CommandError(
            f"{error}\nMend the SQL; `nkdash query 'SHOW TABLES'` lists what there is."
        ) from error
    finally:
        warehouse.close()
    if as_json:
        typer.echo(to_json(names, rows))
    elif as_csv:
        typer.echo(to_csv(names, rows), nl=False)
    else:
        out = console()
        out.print(to_table(names, rows[:SHOWN_ROWS]))
        if len(rows) > SHOWN_ROWS:
            out.print(f"The first {SHOWN_ROWS} of {len(rows):,} rows; --csv or --json gives all.")


def ask(
    cursor: "duckdb.DuckDBPyConnection", sql: str
) -> tuple[list[str], list[tuple[object, ...]]]:
    """Column names and rows of one statement that reads.

    Raises duckdb.Error for bad SQL, CommandError for anything but one reading statement.
    """
    import duckdb

    from nkdash.cli.errors import CommandError

    kinds = duckdb.StatementType
    statements = cursor.extract_statements(sql)
    reads = {kinds.SELECT, kinds.EXPLAIN, kinds.PRAGMA, kinds.RELATION}
    if len(statements) != 1 or statements[0].type not in reads:
        raise CommandError("Give one statement that reads, e.g. SELECT * FROM agg_sales_daily.")
    cursor.execute(statements[0])
    return distinct([column[0] for column in cursor.description or []]), cursor.fetchall()


def distinct(names: Sequence[str]) -> list[str]:
    """Column names with ``_2``, ``_3`` … where one comes again, so that no row object loses one."""
    found: list[str] = []
    for name in names:
        number, unique = 1, name
        while unique in found:
            number += 1
            unique = f"{name}_{number}"
        found.append(unique)
    return found


def to_json(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A list of row objects: dates ISO, decimals as numbers with all their digits, NaN null."""
    import simplejson

    return simplejson.dumps(
        [dict(zip(names, row, strict=True)) for row in rows],
        use_decimal=True,
        ignore_nan=True,
        ensure_ascii=False,
        default=_json_value,
    )


def to_csv(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV with a header; null is empty, dates are ISO."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([["" if v is None else _text(v) for v in row] for row in rows])
    return text.getvalue()


def to_table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> Any:
    """A rich table; numbers to the right, null as a dim dash."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for i, name in enumerate(names):
        first = next((row[i] for row in rows if row[i] is not None), None)
        numeric = isinstance(first, int | float | Decimal) and not isinstance(first, bool)
        table.add_column(Text(name), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*[Text("–", "dim") if v is None else Text(_text(v)) for v in row])
    return table


def _json_value(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return _text(value)


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case Decimal():
            return f"{value:f}"
        case bytes():
            return value.hex()
    return str(value)
