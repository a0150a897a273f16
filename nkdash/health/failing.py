"""Which steps fail, on which days and why: runs folded into causes, so that one cause that fails
twenty days, or ten datasets, is one incident."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from nkdash.automation.failures import WRAPPERS
from nkdash.automation.requests import run_assets, run_days
from nkdash.catalog import Catalog
from nkdash.cli.days import in_words

ODOO_AS_A_WHOLE = {"TransientOdooError", "OdooCredentialsError", "OdooConfigurationError"}
ODOO = "odoo"
"""Key of the incident that Odoo cannot be asked; the health check of that name shares it."""
WITHOUT_DAYS = ""
STEPS_TOLD = 4
_VARYING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+|'[^']*'|\"[^\"]*\"")
_EVENTS = {
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.RUN_FAILURE,
}

# Key of a cause to what is kept of it: text, run, and the failing days (ISO) of each step.
Causes = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Ended:
    """How a run ended: steps that succeeded, causes of those that failed, and its days (ISO;
    none where it has no days)."""

    run_id: str
    days: tuple[str, ...]
    succeeded: tuple[str, ...]
    failed: Mapping[str, tuple[str, str]]


def daily_steps(catalog: Catalog) -> dict[str, bool]:
    """Steps that make a day of a dataset; True for those of snapshots, whose days cannot be had
    again."""
    steps: dict[str, bool] = {}
    for dataset in catalog.datasets:
        names = [f"raw__{dataset.name}", f"clean__{dataset.name}"]
        names += [f"star__{dataset.fact.table.name}"] if dataset.fact else []
        steps |= dict.fromkeys(names, dataset.is_snapshot)
    return steps


def ended(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Ended:
    """What a run that is over says; one query of the event log."""
    succeeded, failed = [], {}
    whole: tuple[str, str] | None = None
    for entry in instance.all_logs(run.run_id, _EVENTS):
        event = entry.dagster_event
        if event is None:
            continue
        if event.is_step_success and event.step_key:
            succeeded.append(event.step_key)
        elif event.is_step_failure and event.step_key:
            failed[event.step_key] = cause(event)
        elif event.is_run_failure:
            whole = cause(event)
    if whole and not failed:
        # No step says why: its process ended, or it never began. What it was to make is not made.
        steps = {"__".join(key.path) for key in run_assets(instance, run)}
        failed = dict.fromkeys(sorted(steps - {*succeeded}) or [run.job_name], whole)
    days = tuple(day.isoformat() for day in run_days(run))
    return Ended(run.run_id, days, tuple(succeeded), failed)


def cause(event: dg.DagsterEvent) -> tuple[str, str]:
    """Key and sentence of why a step or run failed. The key is the same wherever the cause is."""
    data = event.event_specific_data
    failure = getattr(data, "user_failure_data", None)
    error = getattr(data, "error", None)
    while error is not None and error.cause and (error.cls_name or "").startswith(WRAPPERS):
        error = error.cause
    text = (failure.description if failure else None) or (error.message if error else None)
    text = (text or event.message or "failed").strip()
    name = (error.cls_name if error else None) or "run"
    if failure and (told := failure.metadata.get("error")):
        name = str(told.value)
    text = text.removeprefix(f"{name}: ")
    if name in ODOO_AS_A_WHOLE:
        return ODOO, text
    mark = hashlib.sha256(_VARYING.sub("#", text).encode()).hexdigest()[:8]
    return f"{name}-{mark}", text


def fold(causes: Causes, run: Ended, daily: Mapping[str, bool]) -> Causes:
    """``causes`` after a run: what succeeded no longer fails, what failed does, on its days."""
    after = {
        key: {**kept, "steps": {step: list(days) for step, days in kept["steps"].items()}}
        for key, kept in causes.items()
    }
    for step in (*run.succeeded, *run.failed):
        gone = _days(step, run, daily)
        for kept in after.values():
            if step in kept["steps"]:
                left = _left(kept["steps"][step], gone, forget_earlier=daily.get(step, False))
                kept["steps"][step] = left
    for step, (key, text) in run.failed.items():
        kept = after.setdefault(key, {"steps": {}})
        kept |= {"text": text, "run": run.run_id}
        days = {*kept["steps"].get(step, []), *_days(step, run, daily)}
        kept["steps"][step] = sorted(days)
    for kept in after.values():
        kept["steps"] = {step: days for step, days in kept["steps"].items() if days}
    return {key: kept for key, kept in after.items() if kept["steps"]}


def _days(step: str, run: Ended, daily: Mapping[str, bool]) -> Sequence[str]:
    return run.days if step in daily and run.days else (WITHOUT_DAYS,)


def _left(days: Iterable[str], gone: Sequence[str], *, forget_earlier: bool) -> list[str]:
    last = max(gone, default="") if forget_earlier else ""
    return [day for day in days if day not in gone and (not last or day > last)]


def sentences(causes: Causes, dagster_url: str) -> dict[str, str]:
    """Each cause as the sentence of an incident, with a link to the run that failed last."""
    return {key: _sentence(kept, dagster_url) for key, kept in causes.items()}


def _sentence(kept: Mapping[str, Any], dagster_url: str) -> str:
    steps = sorted(kept["steps"])
    told = ", ".join(step.replace("__", "/") for step in steps[:STEPS_TOLD])
    told += f" and {len(steps) - STEPS_TOLD} more" if len(steps) > STEPS_TOLD else ""
    days = {day for of_step in kept["steps"].values() for day in of_step if day}
    when = f" of {in_words(map(date.fromisoformat, sorted(days)))}" if days else ""
    link = f"{dagster_url}/runs/{kept['run']}"
    return f"{told}{when} failed: {kept['text'].rstrip('.')}. {link}"
