"""``nkdash dictionary``: every table and column, in Markdown."""

import typer


def dictionary() -> None:
    """Print the data dictionary (Markdown): tables, columns, types, units, sources, formulas."""
    from nkdash import dictionary as data
    from nkdash.catalog import load_catalog
    from nkdash.settings import load_settings

    settings = load_settings()
    typer.echo(data.dictionary(load_catalog(settings), settings), nl=False)
