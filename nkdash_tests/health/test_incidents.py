"""Every receiver hears of an incident's begin and end, once."""

from collections.abc import Callable

import dagster as dg
import pytest

from nkdash.automation.memory import recall
from nkdash.health import incidents
from nkdash.health.incidents import open_incidents, settle
from nkdash.settings import Settings
from nkdash_tests.health.conftest import NOON, Clock, Webhook

With = Callable[..., Settings]


@pytest.fixture
def settings(with_settings: With, webhook: Webhook) -> Settings:
    return with_settings(NKDASH_ALERT_WEBHOOK=webhook.url)


def test_an_incident_is_told_once_and_its_recovery_once(
    instance: dg.DagsterInstance, settings: Settings, webhook: Webhook, stopped: Clock
) -> None:
    for _ in range(3):
        settle(instance, settings, {"odoo": "Odoo does not answer"}, "health")
        stopped.advance(hours=1)
    assert webhook.states == [("odoo", "opened")]
    assert [i.opened for i in open_incidents(instance)] == [NOON.isoformat()]
    for _ in range(3):
        settle(instance, settings, {}, "health")
    assert webhook.states == [("odoo", "opened"), ("odoo", "closed")]
    last = webhook.posted[-1]["incidents"][0]
    assert last["id"] == webhook.posted[0]["incidents"][0]["id"]
    assert last["closed"] == "2026-10-20T08:30:00+00:00"
    assert open_incidents(instance) == []
    settle(instance, settings, {"odoo": "again"}, "health")
    assert webhook.states[-1] == ("odoo", "opened")
    assert webhook.posted[-1]["incidents"][0]["id"] != last["id"]


def test_what_could_not_be_delivered_is_sent_later_to_those_who_lack_it(
    instance: dg.DagsterInstance, settings: Settings, webhook: Webhook, stopped: Clock
) -> None:
    webhook.status = 503
    settled = settle(instance, settings, {"disk": "full"}, "health")
    assert "503" in next(iter(settled.undelivered.values()))
    webhook.status = 200
    settle(instance, settings, {"disk": "full"}, "health")
    settle(instance, settings, {"disk": "full"}, "health")
    assert webhook.states == [("disk", "opened")]


def test_an_incident_that_was_over_before_it_could_be_told_is_told_as_over(
    instance: dg.DagsterInstance, settings: Settings, webhook: Webhook, stopped: Clock
) -> None:
    webhook.status = 500
    settle(instance, settings, {"disk": "full"}, "health")
    stopped.advance(hours=1)
    settle(instance, settings, {}, "health")
    webhook.status = 200
    settle(instance, settings, {}, "runs")
    settle(instance, settings, {}, "health")
    assert webhook.states == [("disk", "closed")]
    assert "from 2026-10-20 05:30 to 2026-10-20 06:30" in webhook.posted[0]["text"]


def test_an_end_that_nobody_takes_is_forgotten_after_a_week(
    instance: dg.DagsterInstance, settings: Settings, webhook: Webhook, stopped: Clock
) -> None:
    webhook.status = 500
    settle(instance, settings, {"disk": "full"}, "health")
    settle(instance, settings, {}, "health")
    stopped.advance(days=8)
    webhook.status = 200
    settle(instance, settings, {}, "health")
    assert webhook.states == []


def test_two_scopes_that_find_the_same_share_one_incident(
    instance: dg.DagsterInstance, settings: Settings, webhook: Webhook, stopped: Clock
) -> None:
    settle(instance, settings, {"odoo": "down"}, "runs")
    settle(instance, settings, {"odoo": "down"}, "health")
    settle(instance, settings, {}, "health")
    assert webhook.states == [("odoo", "opened")]
    settle(instance, settings, {}, "runs")
    assert webhook.states == [("odoo", "opened"), ("odoo", "closed")]


def test_what_comes_back_before_its_end_was_told_never_ended_for_that_receiver(
    instance: dg.DagsterInstance, settings: Settings, webhook: Webhook, stopped: Clock
) -> None:
    settle(instance, settings, {"odoo": "down"}, "health")
    webhook.status = 500
    settle(instance, settings, {}, "health")
    webhook.status = 200
    settle(instance, settings, {"odoo": "down"}, "health")
    assert webhook.states == [("odoo", "opened")]


def test_news_of_one_tick_go_in_one_message(
    instance: dg.DagsterInstance, settings: Settings, webhook: Webhook, stopped: Clock
) -> None:
    settle(instance, settings, {"a": "1", "b": "2"}, "health")
    settle(instance, settings, {"b": "2", "c": "3"}, "health")
    assert [body["title"] for body in webhook.posted] == [
        "NKDash: 2 problems",
        "NKDash: 1 problem, 1 recovered",
    ]


def test_a_new_receiver_hears_of_what_is_open(
    instance: dg.DagsterInstance, with_settings: With, webhook: Webhook, stopped: Clock
) -> None:
    settle(instance, with_settings(), {"odoo": "down"}, "health")
    settle(instance, with_settings(), {"odoo": "down"}, "health")
    settings = with_settings(NKDASH_ALERT_WEBHOOK=webhook.url)
    settle(instance, settings, {"odoo": "down"}, "health")
    assert webhook.states == [("odoo", "opened")]


def test_no_text_holds_a_secret_a_login_or_an_address(
    instance: dg.DagsterInstance, with_settings: With, webhook: Webhook, stopped: Clock
) -> None:
    settings = with_settings(
        NKDASH_ALERT_WEBHOOK=webhook.url,
        ODOO_API_KEY="s3cret-key",
        ODOO_USERNAME="reader-of-odoo",
    )
    text = f"user reader-of-odoo with s3cret-key, ann@example.com, {webhook.url}"
    settle(instance, settings, {"odoo": text}, "health")
    shown = str(webhook.posted) + str(open_incidents(instance))
    for hidden in ("s3cret-key", "reader-of-odoo", "ann@", "T0KEN"):
        assert hidden not in shown


def test_a_restart_between_two_ticks_forgets_nothing(
    settings: Settings, webhook: Webhook, stopped: Clock, tmp_path: "object"
) -> None:
    for _ in range(2):
        with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
            settle(instance, settings, {"odoo": "down"}, "health")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        settle(instance, settings, {}, "health")
    assert webhook.states == [("odoo", "opened"), ("odoo", "closed")]


def test_a_receiver_is_told_under_a_name_without_its_address(
    instance: dg.DagsterInstance, settings: Settings, webhook: Webhook, stopped: Clock
) -> None:
    webhook.status = 500
    settle(instance, settings, {"odoo": "down"}, "health")
    kept = str(recall(instance, incidents.MEMORY))
    assert "T0KEN" not in kept


def test_receivers_that_take_long_keep_a_tick_no_longer_than_it_may_last(
    instance: dg.DagsterInstance,
    with_settings: With,
    webhook: Webhook,
    stopped: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(incidents, "TELLING_SECONDS", -1.0)
    settings = with_settings(NKDASH_ALERT_WEBHOOK=webhook.url)
    assert settle(instance, settings, {"odoo": "down"}, "health").undelivered
    monkeypatch.setattr(incidents, "TELLING_SECONDS", 20.0)
    assert not settle(instance, settings, {"odoo": "down"}, "health").undelivered
    assert webhook.states == [("odoo", "opened")]
