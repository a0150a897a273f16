"""What the services of docker-compose.yml need: memory of each, idle, loading and being read.

    PYTHONPATH=. python benchmarks/production.py [--days 31] [--orders-per-day 200]

Runs them as the production test does (processes, a real Postgres, Caddy) against the sandbox Odoo.
Memory is the proportional share (Pss) of a service and all that it started, runs included.
"""

import argparse
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import requests

from nkdash.sandbox import generate, serve
from nkdash_tests import postgres
from nkdash_tests.deploy.stack import Stack, stack
from nkdash_tests.deploy.test_production import OPERATOR, READER, authority, door, hashed

ZONE = ZoneInfo("Asia/Jakarta")
MIB = 1024**2


class Peaks(threading.Thread):
    """Looks at the memory of every service twice a second."""

    def __init__(self, services: Stack) -> None:
        super().__init__(daemon=True)
        self._services = services
        self.peaks: dict[str, int] = {}
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.5):
            for name, size in memory(self._services).items():
                self.peaks[name] = max(size, self.peaks.get(name, 0))

    def stop(self) -> dict[str, int]:
        """The largest of each service."""
        self.ended.set()
        self.join()
        return self.peaks


def memory(services: Stack) -> dict[str, int]:
    """Bytes by service."""
    return {name: services.memory(name) for name in services.running}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--products", type=int, default=2_000)
    parser.add_argument("--orders-per-day", type=int, default=200)
    options = parser.parse_args()
    now = datetime.now(UTC).replace(tzinfo=None)
    world = generate(
        now=now,
        days=options.days,
        products=options.products,
        orders_per_day=options.orders_per_day,
    )
    today = datetime.now(ZONE).date()
    with serve(world) as odoo, tempfile.TemporaryDirectory() as folder:
        settings = dict(odoo.settings)
        secrets = {
            "odoo_api_key": settings.pop("ODOO_API_KEY"),
            "operators": f"{OPERATOR[0]} {hashed(OPERATOR[1])}",
            "readers": f"{READER[0]} {hashed(READER[1])}",
        }
        settings |= {
            "NKDASH_START_DATE": (today - timedelta(days=options.days)).isoformat(),
            "NKDASH_TIMEZONE": ZONE.key,
            "NKDASH_NIGHTLY_AT": "00:00",
        }
        with stack(Path(folder), settings, secrets) as services:
            services.up("postgres")
            postgres.create_database(services.ports["5432"], "nkdash")
            services.up("code", "webserver", "dashboard", "proxy", "daemon")
            idle = memory(services)
            peaks = Peaks(services)
            peaks.start()
            started = time.monotonic()
            pointer = Path(folder) / "data" / "warehouse"
            services.until(
                lambda: any(pointer.glob("*.duckdb")), 600, lambda: services.tail("code")
            )
            seconds = time.monotonic() - started
            loading = peaks.stop()
            first = today - timedelta(days=options.days - 1)
            peaks = Peaks(services)
            peaks.start()
            for _ in range(10):
                for name in ("products", "stores"):
                    requests.get(
                        f"{door(services)}/export/{name}.csv?range={first}..{today}",
                        auth=READER,
                        verify=authority(services),
                        timeout=60,
                    )
            read = peaks.stop()
            lake = sum(f.stat().st_size for f in (Path(folder) / "data/lake").rglob("*.parquet"))
            versions = [f.stat().st_size for f in pointer.glob("*.duckdb")]
    print(
        f"{options.days} days, {options.orders_per_day} orders a day, {options.products} products"
    )
    print(f"first publish {seconds:.0f} s after all was up; lake {lake / MIB:.1f} MiB,", end=" ")
    print(f"warehouse {max(versions) / MIB:.1f} MiB a version")
    print(f"{'MiB':10} {'idle':>7} {'loading':>8} {'read':>7}")
    for name in idle:
        row = [each.get(name, 0) / MIB for each in (idle, loading, read)]
        print(f"{name:10} {row[0]:7.0f} {row[1]:8.0f} {row[2]:7.0f}")


if __name__ == "__main__":
    main()
