"""``nkdash dictionary``: every table and column, or every KPI, in Markdown."""

from typing import Annotated

import typer


def dictionary(
    kpis: Annotated[bool, typer.Option("--kpis", help="The KPIs instead of the tables.")] = False,
) -> None:
    """Print the data dictionary (Markdown): tables, columns, types, units, sources, formulas."""
    if kpis:
        from nkdash.kpis.document import document

        typer.echo(document(), nl=False)
        return
    from nkdash import dictionary as data
    from nkdash.catalog import load_catalog
    from nkdash.settings import load_settings

    settings = load_settings()
    typer.echo(data.dictionary(load_catalog(settings), settings), nl=False)
