"""``nkdash demo``: the whole way from a sandbox Odoo to the dashboard, in ./demo, by itself."""

from pathlib import Path
from typing import Annotated

import typer

FOLDER = Path("demo")
START_SECONDS = 120.0


def demo(
    days: Annotated[int, typer.Option(help="Complete days to load, before today.", min=1)] = 90,
    products: Annotated[
        int, typer.Option(help="Products of the invented retailer.", min=10)
    ] = 2_000,
    orders_per_day: Annotated[int, typer.Option(help="Its orders on an average day.", min=1)] = 200,
    port: Annotated[int, typer.Option(help="Dashboard; the next free one where taken.")] = 8050,
    dagster_port: Annotated[int, typer.Option(help="Dagster's UI, likewise.")] = 3000,
    odoo_port: Annotated[int, typer.Option(help="Sandbox Odoo, likewise.")] = 8069,
    once: Annotated[
        bool, typer.Option("--once", help="Stop again as soon as everything answered.")
    ] = False,
) -> None:
    """Sandbox Odoo, backfill, publish, dashboard and Dagster's UI; Ctrl-C stops them all.

    Everything lives in ./demo and no settings of yours are used. Again takes seconds: only days
    that are not yet in its lake are loaded.
    """
    from nkdash.cli.demo_run import Retailer, run

    retailer = Retailer(products=products, orders_per_day=orders_per_day)
    ports = {"dashboard": port, "dagster": dagster_port, "odoo": odoo_port}
    run(FOLDER.resolve(), retailer, days, ports, once=once)
