"""Dagster sees no secret, retries what may pass and fails at once on what cannot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from nkdash.odoo import OdooSchemaError, TransientOdooError
from nkdash.odoo.resource import OdooResource, dagster_errors
from nkdash_tests.odoo.stub import KEY, Call, Reply, TinyOdoo, serve

# Dagster 1.13 asks pydantic for this old attribute.
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated")


@pytest.fixture
def settings_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], None]:
    def point_at(port: int) -> None:
        monkeypatch.chdir(tmp_path)
        for name, value in {
            "ODOO_HOST": "127.0.0.1",
            "ODOO_PORT": str(port),
            "ODOO_PROTOCOL": "jsonrpc",
            "ODOO_DB": "shop",
            "ODOO_USERNAME": "demo",
            "ODOO_API_KEY": KEY,
            "ODOO_MAX_ATTEMPTS": "1",
        }.items():
            monkeypatch.setenv(name, value)

    return point_at


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=2))
def things(odoo: OdooResource) -> int:
    with odoo.client() as client:
        return client.search_read("thing", [], ["name"]).height


def materialize(answer: Callable[[Call], Any], settings_for: Callable[[int], None]) -> Any:
    odoo = TinyOdoo(
        {"thing": [{"id": 1, "name": "a"}]}, {"thing": {"id": "integer", "name": "char"}}, answer
    )
    with serve(odoo) as stub:
        settings_for(stub.port)
        outcome = dg.materialize([things], resources={"odoo": OdooResource()}, raise_on_error=False)
    return outcome, stub


def test_an_asset_reads_through_the_resource(settings_for: Callable[[int], None]) -> None:
    outcome, _ = materialize(lambda call: None, settings_for)
    assert outcome.success
    assert outcome.output_for_node("things") == 1


def test_a_transient_error_goes_to_the_retry_policy(settings_for: Callable[[int], None]) -> None:
    outcome, stub = materialize(
        lambda call: Reply(503) if call.method == "search_read" else None, settings_for
    )
    assert not outcome.success
    assert stub.count("search_read") == 3


def test_an_odoo_that_is_down_is_not_waited_for_once_a_step(
    settings_for: Callable[[int], None],
) -> None:
    @dg.asset
    def others(odoo: OdooResource) -> int:
        with odoo.client() as client:
            return client.search_read("thing", [], ["name"]).height

    odoo = TinyOdoo({"thing": []}, {"thing": {"id": "integer"}}, lambda call: Reply(503))
    with serve(odoo) as stub:
        settings_for(stub.port)
        outcome = dg.materialize(
            [things, others], resources={"odoo": OdooResource()}, raise_on_error=False
        )
    failed = {event.step_key for event in outcome.all_events if event.is_step_failure}
    assert failed == {"things", "others"}
    assert len(stub.calls) == 1


def test_all_steps_of_a_run_share_one_login(settings_for: Callable[[int], None]) -> None:
    @dg.asset(deps=[things])
    def others(odoo: OdooResource) -> int:
        with odoo.client() as client:
            return client.search_read("thing", [], ["name"]).height

    odoo = TinyOdoo(
        {"thing": [{"id": 1, "name": "a"}]},
        {"thing": {"id": "integer", "name": "char"}},
        lambda call: None,
    )
    with serve(odoo) as stub:
        settings_for(stub.port)
        outcome = dg.materialize([things, others], resources={"odoo": OdooResource()})
    assert outcome.success
    assert stub.count("login") + stub.count("authenticate") == 1
    assert stub.count("search_read") == 2


def test_a_permanent_error_fails_the_step_at_once_with_its_remedy(
    settings_for: Callable[[int], None],
) -> None:
    outcome, stub = materialize(
        lambda call: Reply(404) if call.method == "search_read" else None, settings_for
    )
    assert not outcome.success
    assert stub.count("search_read") == 1
    events = repr(outcome.all_events)
    assert "there is no Odoo at" in events
    assert "ODOO_HOST" in events
    assert KEY not in events


def test_the_resource_has_no_configuration_to_show() -> None:
    assert OdooResource.model_fields == {}


def test_permanent_errors_become_failures_without_retries() -> None:
    with pytest.raises(dg.Failure, match="no field") as caught, dagster_errors():
        raise OdooSchemaError("no field 'x'", remedy="Install it.", model="m", method="read")
    assert caught.value.allow_retries is False
    assert caught.value.metadata["odoo_call"].value == "m.read"


def test_a_transient_error_passes_as_it_is() -> None:
    with pytest.raises(TransientOdooError), dagster_errors():
        raise TransientOdooError("HTTP 503", remedy="Wait.")


def test_an_error_that_is_not_odoos_fails_at_once_and_is_named() -> None:
    with (
        pytest.raises(dg.Failure, match="ValueError: a broken contract") as caught,
        dagster_errors(),
    ):
        raise ValueError("a broken contract")
    assert caught.value.allow_retries is False
