"""Sensors that tell people: health checks by the hour, failed runs and their recovery at once."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from nkdash import clock
from nkdash.automation.memory import recall, remember
from nkdash.catalog import Catalog
from nkdash.health.checks import all_checks
from nkdash.health.failing import Causes, daily_steps, ended, fold, sentences
from nkdash.health.incidents import Incident, Settled, open_incidents, settle
from nkdash.health.message import dagster_url
from nkdash.health.result import Result, Status
from nkdash.settings import Settings

HEALTH, RUNS = "health", "runs"
"""Scopes of incidents."""

RUN_ALERTS_SECONDS = 30
# Told by the sensor of runs, with the cause; the check is for monitoring.
TOLD_BY_RUNS = ("failed days",)
MEMORY = "run-alerts"
# What ended before alerts first ran is history.
FIRST_LOOK = timedelta(days=1)
RUNS_A_TICK = 200
# Clocks of several machines differ, and what ended first may be stored last.
OVERLAP = timedelta(minutes=2)
SEEN_KEPT = 500
_OVER = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def health_sensor(settings: Settings, catalog: Catalog) -> dg.SensorDefinition:
    """Every ``NKDASH_HEALTH_MINUTES``: all health checks; what fails is an incident."""

    @dg.sensor(
        name="health",
        minimum_interval_seconds=settings.nkdash_health_minutes * 60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Checks everything and tells people what begins to fail, and what recovered.",
    )
    def _health(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        results = all_checks(settings, catalog, context.instance)
        found = wrong(results, open_incidents(context.instance))
        settled = settle(context.instance, settings, found, HEALTH)
        return dg.SkipReason(_words(results, settled))

    return _health


def wrong(results: Iterable[Result], known: Iterable[Incident]) -> dict[str, str]:
    """The incidents in ``results``: what fails. Warnings are for those who look.

    A check that cannot tell is an incident of its own, and keeps the ``known`` one that it would
    otherwise tell of: not to know is no recovery.
    """
    found = {}
    for result in results:
        if result.status is Status.FAIL and result.name not in TOLD_BY_RUNS:
            found[result.name] = str(result)
        elif result.status is Status.UNKNOWN:
            found[f"check of {result.name}"] = str(result)
            for incident in known:
                if HEALTH in incident.scopes and _is_about(incident.key, result.name):
                    found[incident.key] = incident.text
    return found


def _is_about(key: str, check: str) -> bool:
    """Whether the incident ``key`` is one of a check, which may give a result a dataset."""
    return key == check or key.startswith(f"{check} ")


def _words(results: list[Result], settled: Settled) -> str:
    not_well = [
        f"{result.name} {result.status.value}" for result in results if result.status != Status.OK
    ]
    return f"{', '.join(not_well) or 'all is well'}. {settled}"


def run_alerts_sensor(settings: Settings, catalog: Catalog) -> dg.SensorDefinition:
    """Twice a minute: runs that ended. A failure is an incident, over when what failed was made.

    One sensor for both ends of an incident, rather than Dagster's two run status sensors: each
    would have to know what the other saw.
    """

    @dg.sensor(
        name="run_alerts",
        minimum_interval_seconds=RUN_ALERTS_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people at once that runs fail, and that what failed was made after all.",
    )
    def _run_alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        causes = look_at_runs(context.instance, catalog)
        found = sentences(causes, dagster_url(settings))
        return dg.SkipReason(str(settle(context.instance, settings, found, RUNS)))

    return _run_alerts


def look_at_runs(instance: dg.DagsterInstance, catalog: Catalog) -> Causes:
    """Fold the runs that ended since the last look into what fails, and remember it."""
    kept: dict[str, Any] = recall(instance, MEMORY) or {}
    # Run storage stamps with the machine's own time, whatever NKDASH_NOW says.
    after = datetime.fromisoformat(kept["after"]) if kept else clock.machine_now() - FIRST_LOOK
    seen: list[str] = kept.get("seen", [])
    causes: Causes = kept.get("causes", {})
    records = instance.get_run_records(
        dg.RunsFilter(statuses=_OVER, updated_after=after),
        limit=RUNS_A_TICK + len(seen),
        order_by="update_timestamp",
        ascending=True,
    )
    daily = daily_steps(catalog)
    # A run is stamped anew when it gets a tag: what was seen of it stays true.
    for record in records:
        run = record.dagster_run
        if run.run_id not in seen:
            causes = fold(causes, ended(instance, run), daily)
            seen.append(run.run_id)
    if records:
        newest = max(record.update_timestamp for record in records)
        after = max(after, newest - OVERLAP)
    told = {"after": after.isoformat(), "seen": seen[-SEEN_KEPT:], "causes": causes}
    if told != kept:
        remember(instance, MEMORY, told)
    return causes
