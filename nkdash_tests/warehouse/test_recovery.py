"""Damage, kills and full disks: readers keep the old version, the next publish heals."""

import resource
import signal
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from nkdash.catalog import Catalog
from nkdash.settings import Settings
from nkdash.warehouse import (
    BrokenWarehouseError,
    PublishError,
    Warehouse,
    current,
    manifest,
    publish,
)
from nkdash.warehouse.versions import POINTER
from nkdash_tests.warehouse.lake_samples import (
    DAY,
    catalog_of,
    contents,
    days,
    land,
    land_all,
    make_settings,
    sales,
)

COUNT = "SELECT count(*) FROM fact_sales"
NOTES = "SELECT unnest(notes) AS note FROM warehouse_state"


def in_another_process(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run ``body`` with ``settings``, ``catalog`` and ``publish`` at hand."""
    head = f"""
    import os, resource, signal
    from pathlib import Path
    from nkdash.warehouse import PublishError, publish
    from nkdash_tests.warehouse.lake_samples import catalog_of, make_settings
    settings = make_settings(Path({str(folder)!r}))
    catalog = catalog_of(settings)
    """
    script = textwrap.dedent(head) + textwrap.dedent(body)
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=60
    )


def leftovers(settings: Settings) -> list[str]:
    """What is beside the published versions, the pointer and the lock."""
    known = {POINTER, "publish.lock"}
    return sorted(
        path.name
        for path in settings.warehouse_dir.iterdir()
        if path.name not in known and not path.name.startswith("nkdash-")
    )


DEATHS = {
    "copy": ("nkdash.warehouse.publisher", "shutil.copyfile", "before"),
    "transaction": ("nkdash.warehouse.manifest", "write", "after"),
    "derived": ("nkdash.warehouse.publisher", "refresh", "after"),
    "checked": ("nkdash.warehouse.publisher", "verify", "after"),
    "rename": ("nkdash.warehouse.publisher", "adopt", "before"),
    "renamed": ("nkdash.warehouse.publisher", "adopt", "after"),
    "flip": ("nkdash.warehouse.versions", "os.replace", "before"),
    "flipped": ("nkdash.warehouse.publisher", "point_at", "after"),
}


@pytest.mark.parametrize("point", DEATHS)
def test_a_kill_at_any_point_leaves_the_old_or_the_new_version(tmp_path: Path, point: str) -> None:
    settings = make_settings(tmp_path)
    catalog = catalog_of(settings)
    land_all(settings, days(3))
    publish(settings, catalog)
    reader = Warehouse(settings.warehouse_dir, poll_seconds=0)
    before = reader.query(COUNT).item()
    land(settings, DAY, seed=1, orders=9)
    module, name, when = DEATHS[point]
    owner, _, attribute = name.rpartition(".")
    died = in_another_process(
        tmp_path,
        f"""
        import importlib
        target = importlib.import_module({module!r})
        for part in {owner!r}.split(".") if {owner!r} else []:
            target = getattr(target, part)
        work = getattr(target, {attribute!r})
        def die(*arguments, **named):
            if {when!r} == "after":
                work(*arguments, **named)
            os.kill(os.getpid(), signal.SIGKILL)
        setattr(target, {attribute!r}, die)
        publish(settings, catalog)
        """,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    after = before - sales(DAY, 0).height + sales(DAY, 1, 9).height
    assert reader.query(COUNT).item() == (after if point == "flipped" else before)
    healed = publish(settings, catalog)
    assert reader.query(COUNT).item() == after
    assert reader.version == healed.version
    # A name that a killed run used, even one never pointed at, does not come back.
    assert healed.version == {"renamed": 3, "flip": 3}.get(point, 2)
    if not healed.unchanged:
        assert leftovers(settings) == []
    reader.close()


def test_a_lost_or_broken_pointer_never_goes_back(settings: Settings, catalog: Catalog) -> None:
    for seed in range(3):
        land(settings, DAY, seed)
        publish(settings, catalog)
    pointer = settings.warehouse_dir / POINTER
    pointer.write_text('{"version": ')
    with pytest.raises(BrokenWarehouseError, match="nkdash publish"):
        current(settings.warehouse_dir)
    assert publish(settings, catalog).version == 4
    pointer.unlink()
    result = publish(settings, catalog)
    assert result.version == 5
    published = current(settings.warehouse_dir)
    assert published
    assert (published.version, published.path) == (5, result.path)


def test_a_broken_current_file_is_built_anew_from_the_lake(
    settings: Settings, catalog: Catalog
) -> None:
    land_all(settings, days(3))
    first = publish(settings, catalog)
    whole = contents(first.path)
    intact = first.path.read_bytes()
    for content in (b"", b"no database" * 1000, intact[: len(intact) // 2], intact + b"\0"):
        published = current(settings.warehouse_dir)
        assert published
        published.path.write_bytes(content)
        reader = Warehouse(settings.warehouse_dir)
        with pytest.raises(BrokenWarehouseError, match="delete it and publish again"):
            reader.query(COUNT)
        healed = publish(settings, catalog)
        assert healed.version == published.version + 1
        assert contents(healed.path) == whole
        notes = reader.query(NOTES)["note"].to_list()
        assert any(f"{published.path.name} could not be read" in note for note in notes)
        reader.close()


def damage_rows(path: Path) -> None:
    """Overwrite a block that holds rows of fact_sales and nothing else."""

    def blocks(table: str) -> set[int]:
        found = connection.execute(f"PRAGMA storage_info('{table}')")
        at = [column[0] for column in found.description or []].index("block_id")
        return {row[at] for row in found.fetchall() if row[at] >= 0}

    with duckdb.connect(path, read_only=True) as connection:
        shared = blocks("warehouse_manifest") | blocks("warehouse_state")
        block = max(blocks("fact_sales") - shared)
    content = bytearray(path.read_bytes())
    start = 12_288 + block * 262_144  # after DuckDB's three headers of 4 KiB
    content[start + 1000 : start + 2000] = bytes(1000)
    path.write_bytes(content)


def test_a_version_damaged_inside_is_not_built_upon(settings: Settings, catalog: Catalog) -> None:
    land(settings, DAY, orders=3000)
    first = publish(settings, catalog)
    damage_rows(first.path)
    with Warehouse(settings.warehouse_dir).cursor() as cursor:
        # What a publish looks at first is whole: only the rows tell.
        assert manifest.read(cursor)
        with pytest.raises(duckdb.Error):
            cursor.execute("SELECT * FROM fact_sales").fetchall()
    land(settings, DAY + timedelta(days=1), seed=1)
    healed = publish(settings, catalog)
    reader = Warehouse(settings.warehouse_dir)
    notes = reader.query(NOTES)["note"].to_list()
    reader.close()
    assert any("could not be built upon" in note for note in notes)
    assert contents(healed.path) == contents(_fresh(settings, catalog))


def _fresh(settings: Settings, catalog: Catalog) -> Path:
    elsewhere = settings.lake_root / "elsewhere"
    other = settings.model_copy(update={"nkdash_warehouse": elsewhere})
    return publish(other, catalog).path


def test_a_lost_current_file_is_built_anew(settings: Settings, catalog: Catalog) -> None:
    land_all(settings, days(2))
    first = publish(settings, catalog)
    whole = contents(first.path)
    first.path.unlink()
    healed = publish(settings, catalog)
    assert (healed.version, healed.unchanged) == (2, False)
    assert contents(healed.path) == whole


def test_a_full_disk_leaves_the_old_version_and_says_so(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    catalog = catalog_of(settings)
    land_all(settings, days(2))
    first = publish(settings, catalog)
    land(settings, DAY, seed=1)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    # The kernel refuses to let files grow beyond this, as a full disk would.
    room = first.path.stat().st_size // 2
    failed = in_another_process(
        tmp_path,
        f"""
        resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, resource.RLIM_INFINITY))
        try:
            publish(settings, catalog)
        except PublishError as error:
            print(error)
        """,
    )
    assert "could not be published" in failed.stdout, failed.stderr
    assert "version before is still current" in failed.stdout
    published = current(settings.warehouse_dir)
    assert published
    assert published.version == first.version
    assert leftovers(settings) == []
    assert publish(settings, catalog).version == 2


def test_no_space_names_its_remedy(
    settings: Settings, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(settings, DAY)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nkdash.warehouse.publisher.point_at", full)
    with pytest.raises(PublishError, match="Free disk space"):
        publish(settings, catalog)
    assert list(settings.warehouse_dir.glob("*.duckdb")) == []
