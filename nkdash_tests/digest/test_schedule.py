"""The digest goes out once a day to each receiver, after the load, and its failure is told."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import pytest

from nkdash.automation.alerts import look_at_runs
from nkdash.automation.digest import (
    DigestError,
    digest_job,
    is_on,
    missing,
    send,
    this_morning,
    tries,
)
from nkdash.catalog import load_catalog
from nkdash.definitions import build_definitions
from nkdash.settings import Settings, load_settings
from nkdash_tests.health.conftest import Webhook
from nkdash_tests.health.test_notify import Mailbox

DAY = date(2026, 11, 22)
SEVEN = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
Mailing = Callable[..., Settings]


def tick(instance: dg.DagsterInstance, settings: Settings, at: datetime = SEVEN) -> str:
    """Why nothing is asked for; empty where the digest is."""
    answer = this_morning(instance, settings, at)
    return "" if isinstance(answer, dg.RunRequest) else answer.skip_message or ""


def test_a_tick_sends_once_whatever_comes_after(
    instance: dg.DagsterInstance, mailing: Mailing, mailbox: Mailbox
) -> None:
    settings = mailing()
    assert tick(instance, settings) == ""
    for _ in range(2):
        run = digest_job(settings).execute_in_process(instance=instance)
        assert run.success
    assert sorted(who for who, _ in mailbox.mails) == ["ann@example.com", "bob@example.com"]
    assert tick(instance, settings, SEVEN + timedelta(minutes=30)) == (
        f"The digest of {DAY} was sent."
    )


def test_a_restart_forgets_nobody(mailing: Mailing, mailbox: Mailbox, tmp_path: Path) -> None:
    for _ in range(2):
        with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
            send(instance, mailing(), DAY)
    assert len(mailbox.mails) == 2


def test_only_who_was_not_reached_is_sent_it_again_and_the_failure_is_told(
    instance: dg.DagsterInstance, mailing: Mailing, mailbox: Mailbox, webhook: Webhook
) -> None:
    settings = mailing(
        nkdash_alert_webhook=webhook.url, nkdash_digest_to=("ann@example.com", "webhook")
    )
    webhook.status = 503
    failed = digest_job(settings).execute_in_process(instance=instance, raise_on_error=False)
    assert not failed.success
    [kept] = look_at_runs(instance, load_catalog(settings)).values()
    assert "could not be delivered" in kept["text"]
    assert "answered HTTP 503" in kept["text"]
    assert webhook.url not in kept["text"]
    assert missing(instance, settings, DAY) == ["webhook at 127.0.0.1"]
    assert tick(instance, settings, SEVEN + timedelta(minutes=30)) == ""
    webhook.status = 200
    assert digest_job(settings).execute_in_process(instance=instance).success
    assert len(mailbox.mails) == len(webhook.posted) == 1
    assert look_at_runs(instance, load_catalog(settings)) == {}


def test_it_waits_until_yesterday_is_loaded(
    instance: dg.DagsterInstance, mailing: Mailing, mailbox: Mailbox
) -> None:
    next_day = mailing(nkdash_now=datetime(2026, 11, 24, 0, 0, tzinfo=UTC))
    words = tick(instance, next_day, datetime(2026, 11, 24, 0, 0, tzinfo=UTC))
    assert words.startswith("2026-11-23 is not loaded whole yet")
    assert digest_job(next_day).execute_in_process(instance=instance, raise_on_error=False)
    assert mailbox.mails == []


def test_an_overdue_tick_and_a_missing_warehouse_send_nothing(
    instance: dg.DagsterInstance, mailing: Mailing, tmp_path: Path
) -> None:
    assert "overdue" in tick(instance, mailing(), SEVEN - timedelta(days=1))
    nowhere = mailing(nkdash_warehouse=tmp_path / "none")
    assert "nkdash publish" in tick(instance, nowhere)


def test_a_new_day_is_told_to_everybody_again(
    instance: dg.DagsterInstance, mailing: Mailing, mailbox: Mailbox
) -> None:
    for day in (DAY - timedelta(days=1), DAY, DAY):
        send(instance, mailing(), day)
    assert len(mailbox.mails) == 4


def test_nobody_reached_is_an_error(instance: dg.DagsterInstance, mailing: Mailing) -> None:
    with pytest.raises(DigestError, match="did not take the mail"):
        send(instance, mailing(nkdash_smtp_port=9), DAY)


def test_tries_end_with_the_day() -> None:
    assert tries(time(7))[:3] == ["0 7 * * *", "30 7 * * *", "0 8 * * *"]
    assert len(tries(time(7))) == 9
    assert tries(time(23, 10)) == ["10 23 * * *", "40 23 * * *"]


@pytest.mark.parametrize(
    ("changes", "on"),
    [
        ({}, False),
        ({"NKDASH_ALERT_EMAIL_TO": "ann@example.com"}, True),
        ({"NKDASH_DIGEST_TO": "ann@example.com"}, True),
        ({"NKDASH_DIGEST_TO": "ann@example.com", "NKDASH_DIGEST_AT": "off"}, False),
        ({"NKDASH_DIGEST_TO": "webhook"}, False),
        ({"NKDASH_ALERT_WEBHOOK": "https://hooks.example.com/x"}, True),
    ],
)
def test_it_is_scheduled_where_somebody_is_to_get_it(
    settings_env: pytest.MonkeyPatch, changes: dict[str, str], on: bool
) -> None:
    for name, value in changes.items():
        settings_env.setenv(name, value)
    settings = load_settings()
    assert is_on(settings) is on
    schedules = build_definitions(settings).schedules or []
    assert ("digest" in {schedule.name for schedule in schedules}) is on
