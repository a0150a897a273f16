"""What Prometheus scrapes parses, keeps to its naming rules, and follows what happens."""

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import (
    text_fd_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from nkdash.health import metrics
from nkdash.health.metrics import Health
from nkdash.health.server import listen
from nkdash_tests.pipeline.conftest import FIRST, LAST, Pipeline, connect_env, odoo, pipeline

__all__ = ["connect_env", "odoo", "pipeline"]


class Page:
    """The endpoint of a pipeline, scraped."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, accept: str = "text/plain") -> tuple[int, str, str]:
        request = urllib.request.Request(self.url + path, headers={"Accept": accept})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["Content-Type"], error.read().decode()

    def families(self) -> dict[str, Metric]:
        status, _, text = self.get("/metrics")
        assert status == 200
        return {family.name: family for family in text_string_to_metric_families(text)}

    def value(self, sample: str, **labels: str) -> float | None:
        for family in self.families().values():
            for found in family.samples:
                if found.name == sample and found.labels == labels:
                    return float(found.value)
        return None


@pytest.fixture
def page(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.setattr(metrics, "CACHE_SECONDS", 0.0)
    health = Health(
        pipeline.settings, pipeline.catalog, pipeline.instance, ["daily_load", "publish"]
    )
    server = listen(health, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Page(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()


def test_metrics_keep_to_the_conventions(page: Page, pipeline: Pipeline) -> None:
    assert pipeline.load(FIRST, LAST, publish=True).succeeded
    families = page.families()
    assert len(families) > 15
    for name, family in families.items():
        assert re.fullmatch(r"nkdash_[a-z_]+", name)
        assert family.documentation.endswith(".")
        assert family.type in ("gauge", "counter")
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
        assert not re.search(r"_(ms|minutes|hours|mib|gib|percent)\b", name)


def test_metrics_are_openmetrics_too(page: Page, pipeline: Pipeline) -> None:
    kind = "application/openmetrics-text"
    status, told, text = page.get("/metrics", kind)
    assert (status, told.startswith(kind)) == (200, True)
    import io

    assert list(openmetrics_families(io.StringIO(text)))


def test_metrics_follow_what_happens(page: Page, pipeline: Pipeline) -> None:
    assert page.value("nkdash_odoo_up") == 1
    assert page.value("nkdash_warehouse_version") is None
    assert page.value("nkdash_check_status", check="published") == 2
    assert page.value("nkdash_odoo_calls_total") == 0
    report = pipeline.load(FIRST, LAST, publish=True)
    assert page.value("nkdash_odoo_calls_total") == report.odoo_calls > 0
    assert page.value("nkdash_odoo_calls_total") == report.odoo_calls, "each run counts once"
    assert page.value("nkdash_warehouse_version") == 1
    assert page.value("nkdash_check_status", check="published") == 0
    assert (page.value("nkdash_warehouse_age_seconds") or 0) < 300
    days = {"dataset": "pos_orders"}
    loaded = page.value("nkdash_dataset_days", **days, state="loaded")
    empty = page.value("nkdash_dataset_days", **days, state="empty")
    assert (loaded or 0) + (empty or 0) == 4
    assert (page.value("nkdash_dataset_days", **days, state="missing") or 0) > 0
    runs = {"job": metrics.BACKFILLS, "status": "success"}
    assert page.value("nkdash_runs_total", **runs) == len(report.run_ids)
    seconds = page.value("nkdash_run_last_duration_seconds", job=metrics.BACKFILLS)
    assert (seconds or 0) > 0
    assert (page.value("nkdash_disk_free_bytes", volume="lake") or 0) > 0


def test_a_failing_run_is_counted_and_an_odoo_that_is_down_seen(
    page: Page, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.odoo.control.add_fault("http", model="pos.payment", method="search_read", times=1)
    assert not pipeline.load(FIRST, FIRST).succeeded
    runs = {"job": metrics.BACKFILLS, "status": "failure"}
    assert page.value("nkdash_runs_total", **runs) == 1
    assert page.value("nkdash_dataset_days", dataset="pos_payments", state="failed") == 1
    pipeline.odoo.control.add_fault("http", method="version", times=99)
    assert page.value("nkdash_odoo_up") == 0


def test_healthz_answers_503_where_a_check_fails(page: Page, pipeline: Pipeline) -> None:
    status, kind, text = page.get("/healthz")
    assert (status, kind) == (503, "application/json")
    told = json.loads(text)
    assert told["status"] == "fail"
    by_name = {check["name"]: check for check in told["checks"]}
    assert by_name["odoo"]["status"] == "ok"
    assert by_name["published"]["remedy"]
    assert page.get("/")[0] == 404


def test_answers_are_kept_for_a_moment(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    look = metrics.run_checks
    monkeypatch.setattr(metrics, "run_checks", lambda *given: (looks.append(1), look(*given))[1])
    health = Health(pipeline.settings, pipeline.catalog, pipeline.instance, [])
    for _ in range(3):
        health.results()
        list(health.collect())
    assert len(looks) == 1
