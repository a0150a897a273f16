"""Whether Odoo may be asked: closed while it is down, and for good where it refuses."""

from dataclasses import replace

import dagster as dg
import pytest
from pydantic import SecretStr

from nkdash.automation import gate
from nkdash.automation.memory import recall
from nkdash.settings import load_settings
from nkdash_tests.automation.conftest import FIRST, Shop

WRONG = "s3cret-key-of-nobody"


def why(shop: Shop) -> str | None:
    return gate.why_closed(shop.instance, load_settings())


def logins(shop: Shop) -> int:
    return shop.odoo.control.counts().get("authenticate", 0)


def load_one_day(shop: Shop) -> bool:
    keys = [dg.AssetKey(["raw", name]) for name in ("pos_orders", "pos_payments", "taxes")]
    request = dg.RunRequest(
        job_name="daily_load", partition_key=FIRST.isoformat(), asset_selection=keys
    )
    return shop.load([request])


def test_it_is_open_while_odoo_answers_and_asks_for_that_seldom(shop: Shop) -> None:
    assert why(shop) is None
    assert why(shop) is None
    assert shop.odoo.control.counts() == {"version": 1}
    shop.wait(seconds=31)
    assert why(shop) is None
    assert shop.odoo.control.counts() == {"version": 2}


def test_it_closes_while_odoo_is_down_and_opens_again(shop: Shop) -> None:
    shop.odoo.control.add_fault("http", times=999, status=502)
    assert "502" in (why(shop) or "")
    shop.odoo.control.clear_faults()
    shop.wait(seconds=31)
    assert why(shop) is None


def test_wrong_credentials_are_tried_once_and_never_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_API_KEY", WRONG)
    assert not load_one_day(shop)
    assert logins(shop) == 1, "one for a run of three steps"
    for _ in range(3):
        shop.wait(hours=12)
        assert "nkdash resume" in (why(shop) or "")
        assert not load_one_day(shop), "runs that waited already do not log in either"
    assert logins(shop) == 1
    told = (why(shop) or "") + str(recall(shop.instance, gate.MEMORY))
    assert WRONG not in told


def test_changed_settings_open_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODOO_API_KEY", WRONG)
    assert not load_one_day(shop)
    monkeypatch.setenv("ODOO_API_KEY", "demo")
    assert why(shop) is None
    assert load_one_day(shop)


def test_resume_logs_in_once_and_opens_it_only_where_odoo_agrees(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_API_KEY", WRONG)
    assert not load_one_day(shop)
    connection = load_settings().odoo_connection()
    assert gate.try_again(shop.instance, connection) is not None
    assert why(shop) is not None
    right = replace(connection, api_key=SecretStr("demo"))
    assert gate.try_again(shop.instance, right) is None
    assert recall(shop.instance, gate.MEMORY) is None


def test_a_wrong_address_is_looked_at_again_after_an_hour(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.odoo.control.add_fault("http", times=999, status=404)
    assert not load_one_day(shop)
    shop.odoo.control.clear_faults()
    shop.wait(minutes=59)
    assert why(shop) is not None
    shop.wait(minutes=2)
    assert why(shop) is None


def test_without_settings_it_says_which(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ODOO_API_KEY")
    assert "ODOO_API_KEY" in (why(shop) or "")


def test_a_step_that_takes_too_long_fails_with_the_settings_name(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nkdash.odoo import OdooClient, OdooTimeLimitError

    shop.odoo.control.set_latency(150)
    connection = replace(load_settings().odoo_connection(), page_size=1)
    with (
        OdooClient(connection) as client,
        pytest.raises(OdooTimeLimitError, match="NKDASH_STEP_MINUTES"),
        client.time_limit(0.5 / 60, "NKDASH_STEP_MINUTES"),
    ):
        client.search_read("pos.order", [], ["name"])
