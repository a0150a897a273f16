"""``nkdash demo-lake``: years of an invented retailer in the lake, without an Odoo, in minutes."""

from typing import Annotated

import typer


def demo_lake(
    lines: Annotated[int, typer.Option(help="POS lines, about.", min=1)] = 10_000_000,
    days: Annotated[int, typer.Option(help="Complete days, up to yesterday.", min=1)] = 1_096,
    products: Annotated[int, typer.Option(help="Products of the retailer.", min=50)] = 54_000,
    stores: Annotated[int, typer.Option(help="Its shops.", min=1, max=50)] = 12,
    seed: Annotated[int, typer.Option(help="The same seed gives the same lake.", min=0)] = 1,
    publish: Annotated[
        bool, typer.Option("--publish/--no-publish", help="Publish it to the warehouse.")
    ] = True,
) -> None:
    """Write an invented retailer's star schema into an empty lake (DATA_LAKE_ROOT) and publish it.

    For demonstrations and load tests: no Odoo is asked. A lake that holds anything is left alone.
    """
    from nkdash import warehouse
    from nkdash.catalog import load_catalog
    from nkdash.cli.console import console
    from nkdash.cli.errors import CommandError
    from nkdash.cli.progress import progress
    from nkdash.sandbox.demo_lake import LakeNotEmptyError, Size, write
    from nkdash.settings import load_settings

    settings = load_settings()
    catalog = load_catalog(settings)
    size = Size(lines=lines, days=days, products=products, stores=stores, seed=seed)
    done = 0
    with progress(console(), "Writing days") as tell:

        def count(more: int) -> None:
            nonlocal done
            done += more
            tell(done, days, "")

        try:
            rows = write(settings, catalog, size, count)
        except LakeNotEmptyError as error:
            raise CommandError(str(error)) from error
    facts = ", ".join(f"{name} {many:,}" for name, many in rows.items() if name.startswith("fact_"))
    console().print(f"Rows: {facts}.\n{settings.lake_root}", soft_wrap=True)
    if publish:
        result = warehouse.publish(settings, catalog)
        console().print(
            f"Published version {result.version} in {result.seconds:.0f} s.\n{result.path}",
            soft_wrap=True,
        )
