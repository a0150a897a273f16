"""Several processes land partitions and publish at the same time: nothing is lost."""

import subprocess
import sys
from pathlib import Path

import duckdb

from nkdash.warehouse import current, publish
from nkdash_tests.warehouse.lake_samples import (
    DAY,
    catalog_of,
    contents,
    land,
    make_settings,
    sales,
)

PROCESSES = 4
PUBLISHES = 6

WORK = """
import sys
from datetime import timedelta
from pathlib import Path
import duckdb
from nkdash.warehouse import publish
from nkdash_tests.warehouse.lake_samples import DAY, catalog_of, land, make_settings, sales

folder, me, times = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
settings = make_settings(folder, nkdash_warehouse_versions=100)
catalog = catalog_of(settings)
day = DAY + timedelta(days=me)
print("ready", flush=True)
sys.stdin.readline()
for seed in range(1, times + 1):
    land(settings, day, seed, orders=seed % 4 + 1)
    result = publish(settings, catalog)
    with duckdb.connect(result.path, read_only=True) as connection:
        held = connection.execute(
            "SELECT count(*), sum(revenue_tax_in) FROM fact_sales WHERE date = ?", [day]
        ).fetchall()
    mine = sales(day, seed, seed % 4 + 1)
    assert held == [(mine.height, mine["revenue_tax_in"].sum())], (held, me, seed)
    print(result.version, "unchanged" if result.unchanged else "new", flush=True)
"""


def test_four_processes_publish_while_partitions_land(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, nkdash_warehouse_versions=100)
    catalog = catalog_of(settings)
    land(settings, DAY)
    publish(settings, catalog)
    root = Path(__file__).parents[2]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORK, str(tmp_path), str(n), str(PUBLISHES)],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(PROCESSES)
    ]
    for worker in workers:
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    outputs = [worker.communicate(timeout=120) for worker in workers]
    for worker, (_, errors) in zip(workers, outputs, strict=True):
        assert worker.returncode == 0, errors

    told = [[line.split() for line in out.splitlines()] for out, _ in outputs]
    assert [len(lines) for lines in told] == [PUBLISHES] * PROCESSES
    made = []
    for lines in told:
        versions = [int(version) for version, _ in lines]
        assert versions == sorted(versions)
        made += [int(version) for version, kind in lines if kind == "new"]
    # Every version was made once, and none between them is missing.
    assert sorted(made) == list(range(2, max(made) + 1))

    last = publish(settings, catalog)
    published = current(settings.warehouse_dir)
    assert published
    assert published.version == last.version
    assert last.unchanged
    fresh = settings.model_copy(update={"nkdash_warehouse": tmp_path / "fresh"})
    assert contents(last.path) == contents(publish(fresh, catalog).path)
    with duckdb.connect(last.path, read_only=True) as connection:
        held = connection.execute("SELECT count(*) FROM fact_sales").fetchall()
    days = [DAY.fromordinal(DAY.toordinal() + n) for n in range(PROCESSES)]
    assert held == [(sum(sales(d, PUBLISHES, PUBLISHES % 4 + 1).height for d in days),)]
