"""The daily digest: after the night's load, once a day to each receiver, whatever restarts."""

from datetime import date, datetime, time, timedelta
from typing import Any

import dagster as dg

from nkdash import clock
from nkdash.automation.memory import recall, remember
from nkdash.automation.schedules import daily
from nkdash.digest.send import deliver, letter, why_not_yet
from nkdash.health.notify import digest_receivers
from nkdash.settings import Settings
from nkdash.warehouse import WarehouseError

JOB = "digest"
MEMORY = "digest"
# A late load, or a mail server that is down, is waited for this long.
TRIES, BETWEEN = 9, timedelta(minutes=30)


class DigestError(Exception):
    """Some receiver did not take the digest; the run fails, so that alerts tell it."""


def is_on(settings: Settings) -> bool:
    """A time is set, and somebody is to get it."""
    return settings.nkdash_digest_at != "off" and bool(digest_receivers(settings))


def digest_job(settings: Settings) -> dg.JobDefinition:
    """The job ``digest``: sends yesterday's to those who have not had it."""

    @dg.op(name="send_digest", description="Yesterday's headline figures, by e-mail or webhook.")
    def send_digest(context: dg.OpExecutionContext) -> None:
        context.log.info(send(context.instance, settings, clock.yesterday(settings)))

    @dg.job(name=JOB, description="Sends the daily digest; see docs/automation.md.")
    def job() -> None:
        send_digest()

    return job


def digest_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """At ``NKDASH_DIGEST_AT``, and each half an hour for four hours while it is not sent."""
    at = settings.nkdash_digest_at

    @dg.schedule(
        name="digest",
        job_name=JOB,
        cron_schedule=tries(at) if isinstance(at, time) else daily(time(7)),
        execution_timezone=settings.nkdash_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Sends yesterday's digest once yesterday is loaded.",
    )
    def _digest(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return this_morning(context.instance, settings, context.scheduled_execution_time)

    return _digest


def this_morning(
    instance: dg.DagsterInstance, settings: Settings, at: datetime
) -> dg.RunRequest | dg.SkipReason:
    """What the tick of ``at`` asks for."""
    day = clock.yesterday(settings)
    if clock.day_before(at.astimezone(settings.zone).date()) != day:
        return dg.SkipReason("This digest is overdue; it tells of yesterday or not at all.")
    if not missing(instance, settings, day):
        return dg.SkipReason(f"The digest of {day} was sent.")
    try:
        reason = why_not_yet(settings, day)
    except WarehouseError as error:
        reason = str(error)
    return dg.SkipReason(reason) if reason else dg.RunRequest(run_key=f"digest-{at.isoformat()}")


def missing(instance: dg.DagsterInstance, settings: Settings, day: date) -> list[str]:
    """Names of the receivers who have not had the digest of ``day``."""
    told = _told(instance, day)
    return [r.name for r in digest_receivers(settings) if r.id not in told]


def send(instance: dg.DagsterInstance, settings: Settings, day: date) -> str:
    """Send the digest of ``day`` to those who have not had it; says to whom.

    Raises DigestError, NotLoadedError, WarehouseError.
    """
    told = _told(instance, day)
    if not missing(instance, settings, day):
        return f"The digest of {day} was sent before."
    sent = deliver(settings, letter(settings, day), told)
    remember(instance, MEMORY, {"day": day.isoformat(), "told": [*told, *sent.taken]})
    if sent.failed:
        words = "; ".join(f"{name}: {why}" for name, why in sent.failed.items())
        raise DigestError(f"The digest of {day} could not be delivered. {words}")
    return f"The digest of {day} went to {', '.join(sent.taken.values())}."


def _told(instance: dg.DagsterInstance, day: date) -> list[str]:
    kept: dict[str, Any] = recall(instance, MEMORY) or {}
    return list(kept["told"]) if kept.get("day") == day.isoformat() else []


def tries(at: time) -> list[str]:
    """Cron lines for a local time and each half an hour after it, on the same day."""
    first = datetime.combine(date.min, at)
    moments = [first + n * BETWEEN for n in range(TRIES)]
    return [daily(moment.time()) for moment in moments if moment.date() == first.date()]
