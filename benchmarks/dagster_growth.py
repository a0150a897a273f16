"""What a day of refreshes leaves in DAGSTER_HOME, and what housekeeping leaves of it.

    python benchmarks/dagster_growth.py [--refreshes 48]

Loads today again and again from a small sandbox, through Dagster with SQLite, then tidies up as if
31 days had gone by. Prints bytes and files; the folder is deleted at the end.
"""

import argparse
import logging
import os
import tempfile
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

warnings.simplefilter("ignore")

import dagster as dg  # noqa: E402

from nkdash import clock  # noqa: E402
from nkdash.automation.housekeeping import tidy  # noqa: E402
from nkdash.definitions import build_definitions  # noqa: E402
from nkdash.home import prepare_home  # noqa: E402
from nkdash.sandbox import generate, serve  # noqa: E402
from nkdash.settings import load_settings  # noqa: E402

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def measured(home: Path) -> str:
    """Size and number of the files below ``home``."""
    files = [path for path in home.rglob("*") if path.is_file()]
    return f"{sum(path.stat().st_size for path in files) / 1e6:8.1f} MB in {len(files):4} files"


def main() -> None:
    """Load, measure, tidy, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--refreshes", type=int, default=48)
    asked = parser.parse_args()
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    now = datetime.now(UTC)
    world = generate(now=now.replace(tzinfo=None), days=2, products=60, orders_per_day=12)
    with serve(world, now=now) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = folder / "home"
        os.environ |= {
            **server.settings,
            "DATA_LAKE_ROOT": str(folder / "lake"),
            "DAGSTER_HOME": str(home),
            "NKDASH_START_DATE": (now - timedelta(days=2)).date().isoformat(),
        }
        settings = load_settings(require_odoo=True)
        prepare_home(settings)
        job = build_definitions(settings).resolve_job_def("daily_load")
        today = clock.today(settings)
        for n, day in enumerate([clock.day_before(today), *[today] * asked.refreshes]):
            # As a run in a process of its own leaves them: closed, without write-ahead logs.
            with dg.DagsterInstance.get() as instance:
                job.execute_in_process(
                    instance=instance,
                    partition_key=day.isoformat(),
                    run_config=QUIET,
                    tags={"nkdash/dimensions": "changes"},
                )
            if n in (0, asked.refreshes):
                print(f"after {n:3} refreshes {measured(home)}")
        for path in sorted(home.rglob("*"), key=lambda p: -p.stat().st_size)[:4]:
            print(f"  {path.relative_to(home)} {path.stat().st_size / 1e6:.2f} MB")
        os.environ["NKDASH_NOW"] = (now + timedelta(days=31)).isoformat()
        with dg.DagsterInstance.get() as instance:
            started = time.perf_counter()
            told = tidy(instance, load_settings())
            print(f"{told} in {time.perf_counter() - started:.1f} s")
        print(f"after tidying    {measured(home)}")


if __name__ == "__main__":
    main()
