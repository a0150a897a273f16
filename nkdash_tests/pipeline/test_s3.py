"""The whole path into a bucket: the same rows, day by day, as into a folder."""

from collections.abc import Callable, Iterator

import dagster as dg
import pytest
from upath import UPath

from nkdash.catalog import Catalog, load_catalog
from nkdash.cli.checks import folders
from nkdash.definitions import build_definitions
from nkdash.lake import LakePath, Layer, list_days, list_tables, read_footers
from nkdash.sandbox import SandboxServer
from nkdash.settings import load_settings
from nkdash.standing import tables
from nkdash.warehouse import Warehouse
from nkdash_tests.pipeline.conftest import Pipeline
from nkdash_tests.s3_server import BUCKET, KEY, SECRET, S3Server, s3_server

FIGURES = "SELECT date, count(*), sum(revenue_tax_in) FROM fact_sales GROUP BY ALL ORDER BY ALL"


@pytest.fixture
def bucket() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def in_bucket(
    bucket: S3Server,
    odoo: SandboxServer,
    connect_env: Callable[[SandboxServer], None],
    settings_env: pytest.MonkeyPatch,
) -> Iterator[Pipeline]:
    connect_env(odoo)
    settings_env.setenv("DATA_LAKE_ROOT", f"s3://{BUCKET}/nkdash")
    settings_env.setenv("NKDASH_S3_ENDPOINT", bucket.url)
    settings_env.setenv("AWS_DEFAULT_REGION", "us-east-1")
    settings_env.setenv("AWS_ACCESS_KEY_ID", KEY)
    settings_env.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    settings = load_settings(require_odoo=True)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Pipeline(
            settings, load_catalog(settings), build_definitions(settings), instance, odoo
        )


def hashes(root: LakePath, catalog: Catalog) -> dict[str, str]:
    """Row hash of every file that a load makes, by layer, table and day."""
    files = {
        f"{layer}/{file.table}/{file.day}": file
        for dataset in catalog.datasets
        for layer, table in tables(dataset)
        for file in list_days(root, layer, table)
    }
    files |= {
        f"{layer}/{file.table}": file
        for layer in (Layer.RAW, Layer.STAR)
        for file in list_tables(root, layer)
    }
    footers = read_footers([file.path for file in files.values()])
    return {name: f.rows_sha256 for name, f in zip(files, footers, strict=True) if f}


def test_days_loaded_through_dagster_into_a_bucket_are_those_of_a_local_lake(
    pipeline: Pipeline, in_bucket: Pipeline
) -> None:
    assert isinstance(in_bucket.settings.lake_root, UPath)
    figures = []
    for path in (pipeline, in_bucket):
        report = path.load(publish=True)
        assert report.succeeded, report.failures
        warehouse = Warehouse(path.settings.warehouse_dir, 0, path.settings.warehouse_cache)
        figures.append(warehouse.query(FIGURES))
        warehouse.close()
    local, remote = (hashes(p.settings.lake_root, p.catalog) for p in (pipeline, in_bucket))
    assert len(local) > 50
    # A snapshot of stock says when it was taken.
    momentary = {name for name in local if "stock_on_hand" in name or "stock_quants" in name}
    assert {n: h for n, h in remote.items() if n not in momentary} == {
        n: h for n, h in local.items() if n not in momentary
    }
    assert remote.keys() == local.keys()
    assert figures[0].height > 0
    assert figures[0].equals(figures[1])
    assert [check.ok for check in folders(in_bucket.settings)[:2]] == [True, True]


def test_doctor_names_what_keeps_the_bucket_from_being_used(
    in_bucket: Pipeline, bucket: S3Server, settings_env: pytest.MonkeyPatch
) -> None:
    bucket.fault = lambda request: (
        (403, "AccessDenied", "Access Denied") if request.method == "PUT" else None
    )
    lake, warehouse, *_ = folders(in_bucket.settings)
    assert (lake.ok, warehouse.ok) == (False, False)
    assert "Access Denied" in lake.detail
    assert "AWS_ACCESS_KEY_ID" in lake.detail
