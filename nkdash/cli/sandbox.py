"""``nkdash sandbox``: a small Odoo on loopback with an invented retailer, or recorded answers."""

from pathlib import Path
from typing import Annotated

import typer


def sandbox(
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 8069,
    days: Annotated[int, typer.Option(help="Whole days of sales before today.", min=1)] = 90,
    products: Annotated[int, typer.Option(help="Products in the catalogue.", min=1)] = 2_000,
    orders_per_day: Annotated[int, typer.Option(help="Orders on an average day.", min=1)] = 200,
    seed: Annotated[int, typer.Option(help="The same seed gives the same retailer.")] = 1,
    now: Annotated[
        str | None, typer.Option(help="Stop the clock: ISO time (UTC) or a day (its end).")
    ] = None,
    latency_ms: Annotated[float, typer.Option(help="Wait before each answer.", min=0)] = 0,
    db: Annotated[str, typer.Option(help="Name of the database.")] = "demo",
    username: Annotated[str, typer.Option(help="Login.")] = "demo",
    api_key: Annotated[str, typer.Option(help="API key.")] = "demo",
    records: Annotated[
        Path | None,
        typer.Option(
            help="Serve <model>.jsonl.gz of this folder (with ../fields_get.json.gz).",
            exists=True,
            file_okay=False,
        ),
    ] = None,
) -> None:
    """Serve a sandbox Odoo on 127.0.0.1 until Ctrl-C; prints the settings to paste."""
    from nkdash.cli.errors import CommandError
    from nkdash.sandbox import SandboxOptions, parse_now, run

    try:
        stopped_at = parse_now(now) if now else None
    except ValueError as error:
        raise typer.BadParameter(
            f"{now!r} is no time; write it like 2026-11-23T05:00:00 or 2026-11-23",
            param_hint="--now",
        ) from error
    options = SandboxOptions(
        port=port,
        days=days,
        products=products,
        orders_per_day=orders_per_day,
        seed=seed,
        now=stopped_at,
        latency_ms=latency_ms,
        db=db,
        username=username,
        api_key=api_key,
        records=records,
    )
    try:
        run(options)
    except FileNotFoundError as error:
        raise CommandError(str(error)) from error
