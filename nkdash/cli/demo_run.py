"""What ``nkdash demo`` does: an environment of its own, what to load, and the programs."""

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import typer
from filelock import FileLock, Timeout

from nkdash import clock
from nkdash.catalog import load_catalog
from nkdash.cli import services
from nkdash.cli.console import console
from nkdash.cli.errors import CommandError
from nkdash.cli.ports import next_free
from nkdash.cli.processes import Processes, Program, interruptible, python
from nkdash.cli.up import START_SECONDS
from nkdash.datasets import stock_quants
from nkdash.home import DEFAULT_HOME, prepare_home
from nkdash.lake import Layer
from nkdash.settings import Settings
from nkdash.standing import is_whole, loaded_days, tables

HOST = "127.0.0.1"
TIMEZONE = "Asia/Jakarta"
SEED = 1
MARK = "retailer.json"
STATE = ("lake", "warehouse", DEFAULT_HOME.parts[0])


@dataclass(frozen=True)
class Retailer:
    """The size of the invented retailer; days of one size do not fit those of another."""

    products: int
    orders_per_day: int


def run(
    folder: Path, retailer: Retailer, days: int, ports: Mapping[str, int], *, once: bool
) -> None:
    """The demo in ``folder``, until Ctrl-C; with ``once`` until everything has answered.

    Raises CommandError when another demo runs in the folder, or when a program fails.
    """
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "demo.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise CommandError(
            f"a demo is running in {folder} already; stop that one (Ctrl-C) first"
        ) from error
    with lock, interruptible():
        _run(folder, retailer, days, ports, once=once, started=started)


def _run(
    folder: Path,
    retailer: Retailer,
    days: int,
    ports: Mapping[str, int],
    *,
    once: bool,
    started: float,
) -> None:
    out = console()
    start_over_if_other(folder, retailer)
    found = free_ports(ports)
    for name, wanted in ports.items():
        if found[name] != wanted:
            out.print(f"Port {wanted} is taken; {name} takes {found[name]}.")
    first_day = clock.today(lake_settings(folder, date.min)) - timedelta(days=days)
    own = settings_of(folder, first_day, found)
    # The demo's commands also work by hand: cd demo, then nkdash status, nkdash query …
    (folder / ".env").write_text("".join(f"{k}={v}\n" for k, v in own.items()), "utf-8")
    os.environ["DAGSTER_HOME"] = str(folder / DEFAULT_HOME)
    home = prepare_home(lake_settings(folder, first_day))
    environment = isolated(os.environ, own)
    with (
        services.dagster_storage(),
        Processes(home / "logs", environment, folder) as processes,
    ):
        odoo = sandbox(retailer, days, found["odoo"])
        processes.start(odoo)
        processes.start(services.dashboard(HOST, found["dashboard"]))
        processes.start(services.webserver(HOST, found["dagster"]))
        processes.wait_healthy(START_SECONDS, odoo)
        lake = lake_settings(folder, first_day)
        # Before today's moves, since stock is rolled back by those that were read after it.
        if lacks_snapshot(lake) and (code := processes.run(snapshot())):
            raise typer.Exit(code)
        first = first_unloaded(lake)
        if code := processes.run(backfill(first)):
            raise typer.Exit(code)
        # Only now, so that its schedules do not load days while the backfill does.
        processes.start(services.daemon(HOST, found["dagster"]))
        processes.wait_healthy(START_SECONDS)
        out.print(
            f"\nReady after {time.monotonic() - started:.0f} s.\n"
            f"  Dashboard     {services.address(HOST, found['dashboard'])}\n"
            f"  Dagster       {services.address(HOST, found['dagster'])}\n"
            f"  Sandbox Odoo  {services.address(HOST, found['odoo'])} "
            "(JSON-RPC; database, user and key: demo)",
            soft_wrap=True,
        )
        out.print(f"  State, logs   {folder}", soft_wrap=True)
        if not once:
            processes.watch(out.print)


def start_over_if_other(folder: Path, retailer: Retailer) -> None:
    """Remember the retailer; drop the state of a demo with another one."""
    mark = folder / MARK
    wanted = json.dumps({**asdict(retailer), "seed": SEED})
    if mark.exists() and mark.read_text("utf-8") != wanted:
        for name in STATE:
            shutil.rmtree(folder / name, ignore_errors=True)
    mark.write_text(wanted, "utf-8")


def free_ports(ports: Mapping[str, int]) -> dict[str, int]:
    """The wanted ports, or the next ones that are free. Raises CommandError."""
    found: dict[str, int] = {}
    for name, wanted in ports.items():
        try:
            found[name] = next_free(HOST, wanted, found.values())
        except OSError as error:
            raise CommandError(f"{error}; give another with nkdash demo --help") from error
    return found


def settings_of(folder: Path, first_day: date, ports: Mapping[str, int]) -> dict[str, str]:
    """Every setting that the demo needs, by environment name."""
    return {
        "ODOO_HOST": HOST,
        "ODOO_PORT": str(ports["odoo"]),
        "ODOO_PROTOCOL": "jsonrpc",
        "ODOO_DB": "demo",
        "ODOO_USERNAME": "demo",
        "ODOO_API_KEY": "demo",
        "DATA_LAKE_ROOT": str(folder / "lake"),
        "NKDASH_WAREHOUSE": str(folder / "warehouse"),
        "NKDASH_TIMEZONE": TIMEZONE,
        "NKDASH_START_DATE": first_day.isoformat(),
        "NKDASH_DASHBOARD_HOST": HOST,
        "NKDASH_DASHBOARD_PORT": str(ports["dashboard"]),
        "NKDASH_DAGSTER_HOST": HOST,
        "NKDASH_DAGSTER_PORT": str(ports["dagster"]),
    }


def isolated(environment: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without any setting of NKDash, then the demo's own.

    A .env of the user's is out of reach too: the programs run in the demo's folder.
    """
    names = {name.upper() for name in Settings.model_fields}
    names |= {f"{name}_FILE" for name in names}
    return {k: v for k, v in environment.items() if k.upper() not in names} | dict(own)


def lake_settings(folder: Path, first_day: date) -> Settings:
    """As much of the demo's settings as listing its lake takes, whatever the environment says."""
    return Settings.model_construct(
        data_lake_root=folder / "lake", nkdash_timezone=TIMEZONE, nkdash_start_date=first_day
    )


def first_unloaded(settings: Settings) -> date:
    """The first day that some table lacks or that was read before it ended; at the latest today."""
    today = clock.today(settings)
    wanted = set(clock.days_between(settings.nkdash_start_date, clock.day_before(today)))
    lacking = {today}
    # A snapshot is of its day only: no range brings a missed one back.
    for dataset in (d for d in load_catalog(settings).datasets if not d.is_snapshot):
        for layer, table in tables(dataset):
            loaded = loaded_days(settings.lake_root, layer, table)
            lacking |= wanted - {e.day for e in loaded if is_whole(e, settings.zone)}
    return min(lacking)


def lacks_snapshot(settings: Settings) -> bool:
    """No snapshot of the stock was ever taken: without one no day's stock is known."""
    return not loaded_days(settings.lake_root, Layer.STAR, stock_quants.FACT.name)


def sandbox(retailer: Retailer, days: int, port: int) -> Program:
    """The sandbox Odoo as a program."""
    argv = ["-m", "nkdash.cli", "sandbox", "--port", str(port), "--days", str(days)]
    argv += ["--products", str(retailer.products), "--seed", str(SEED)]
    argv += ["--orders-per-day", str(retailer.orders_per_day)]
    url = f"{services.address(HOST, port)}/sandbox/status"
    return Program("sandbox", python(*argv), lambda: services.answers(url))


def snapshot() -> list[str]:
    """The command line that takes a snapshot of the stock."""
    chosen = ("--dataset", "stock_quants", "--from", "today", "--to", "today", "--no-publish")
    return python("-m", "nkdash.cli", "backfill", *chosen)


def backfill(first: date) -> list[str]:
    """The command line that loads ``first`` to today."""
    return python("-m", "nkdash.cli", "backfill", "--from", first.isoformat(), "--to", "today")
