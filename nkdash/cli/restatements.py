"""``nkdash restatements``: past days that changed after they were published, and by how much."""

from typing import Annotated

import typer


def restatements(
    first: Annotated[
        str | None, typer.Option("--from", help="First day: ISO, today or yesterday.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day, included.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list of row objects.")] = False,
) -> None:
    """List the past days whose published figures changed, newest publish last."""
    from nkdash.cli.console import console
    from nkdash.cli.days import parse_day
    from nkdash.cli.query import to_json, to_table
    from nkdash.settings import load_settings
    from nkdash.warehouse import Warehouse
    from nkdash.warehouse.restatements import read

    settings = load_settings()
    try:
        span = [parse_day(text, settings) if text else None for text in (first, last)]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--from/--to") from error
    warehouse = Warehouse(settings.warehouse_dir, cache_dir=settings.warehouse_cache)
    try:
        with warehouse.cursor() as cursor:
            found = read(cursor, *span)
    finally:
        warehouse.close()
    if as_json:
        typer.echo(to_json(found.columns, found.rows()))
    elif found.is_empty():
        console().print("No day changed after it had been published.")
    else:
        console().print(to_table(found.columns, found.rows()))
