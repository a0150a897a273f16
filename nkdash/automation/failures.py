"""Which loads failed and why, from the runs that Dagster remembers."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date

import dagster as dg
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.execution.stats import StepEventStatus

from nkdash.automation.requests import run_assets, run_days
from nkdash.catalog import Catalog

FAILED_RUNS = 200
"""The newest failed runs that are looked at."""

RUNS_SINCE = 2000
"""Of the runs since the oldest of them, how many are asked whether they mended it."""

# Errors that only carry another one.
WRAPPERS = ("Dagster", "RetryRequested")
# Of these the gate or the next try decides, not the day.
ABOUT_THE_CONNECTION = {"OdooCredentialsError", "OdooConfigurationError", "OdooTimeLimitError"}

DatasetDay = tuple[str, date]
"""A dataset's name and a business day."""


@dataclass(frozen=True)
class LoadFailure:
    """Why a load failed: ``cause`` is a sentence, ``permanent`` whether another try is in vain."""

    run_id: str
    cause: str
    permanent: bool


def failures(instance: dg.DagsterInstance, catalog: Catalog) -> dict[DatasetDay, LoadFailure]:
    """The dataset's days of which an asset's last load failed. Runs that were canceled are no
    failures."""
    of_status = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])
    failed = [
        record
        for record in instance.get_run_records(of_status, limit=FAILED_RUNS)
        if run_days(record.dagster_run)
    ]
    if not failed:
        return {}
    since = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.SUCCESS],
        created_after=min(record.create_timestamp for record in failed),
    )
    ended = [*failed, *instance.get_run_records(since, limit=RUNS_SINCE)]
    ended.sort(key=lambda record: record.end_time or 0, reverse=True)
    datasets = dataset_of(catalog)
    settled: set[tuple[dg.AssetKey, date]] = set()
    found: dict[DatasetDay, LoadFailure] = {}
    for record in ended:
        run = record.dagster_run
        days = run_days(run)
        keys = run_assets(instance, run) & datasets.keys() if days else set()
        causes = _causes(instance, run, keys) if run.status is dg.DagsterRunStatus.FAILURE else {}
        for key in keys:
            for day in days:
                if (key, day) not in settled and (failure := causes.get(key)):
                    found.setdefault((datasets[key], day), failure)
                settled.add((key, day))
    return found


def dataset_of(catalog: Catalog) -> dict[dg.AssetKey, str]:
    """The daily assets by key, each with its dataset's name."""
    found = {}
    for dataset in catalog.datasets:
        for key in asset_keys(catalog, dataset.name):
            found[key] = dataset.name
    return found


def asset_keys(catalog: Catalog, name: str) -> list[dg.AssetKey]:
    """The assets of the dataset ``name``: raw, clean and, where it has a fact, star."""
    dataset = next(d for d in catalog.datasets if d.name == name)
    keys = [["raw", name], ["clean", name]]
    keys += [["star", dataset.fact.table.name]] if dataset.fact else []
    return [dg.AssetKey(key) for key in keys]


def _causes(
    instance: dg.DagsterInstance, run: dg.DagsterRun, keys: set[dg.AssetKey]
) -> dict[dg.AssetKey, LoadFailure]:
    """Why each of ``keys`` was not made by a failed run; those that were are left out."""
    done, own, whole = _ended_steps(instance, run.run_id)
    return {key: own.get(_step(key), whole) for key in keys if _step(key) not in done}


def _step(key: dg.AssetKey) -> str:
    return "__".join(key.path)


Ended = tuple[frozenset[str], dict[str, LoadFailure], LoadFailure]
"""Of a run that has failed: steps that succeeded, causes of those that failed, and of all."""

# Of the newest failed runs; what a run was does not change any more.
_ended: OrderedDict[str, Ended] = OrderedDict()


def _ended_steps(instance: dg.DagsterInstance, run_id: str) -> Ended:
    if run_id not in _ended:
        _ended[run_id] = _read_steps(instance, run_id)
        while len(_ended) > 2 * FAILED_RUNS:
            _ended.popitem(last=False)
    return _ended[run_id]


def _read_steps(instance: dg.DagsterInstance, run_id: str) -> Ended:
    stats = instance.get_run_step_stats(run_id)
    done = frozenset(s.step_key for s in stats if s.status is StepEventStatus.SUCCESS)
    own = {}
    for entry in instance.all_logs(run_id, dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        if event and event.step_key:
            failure = LoadFailure(run_id, sentence(event), _is_permanent(event))
            own[event.step_key] = failure
    if own:
        return done, own, next(iter(own.values()))
    told = [e.dagster_event for e in instance.all_logs(run_id, dg.DagsterEventType.RUN_FAILURE)]
    words = next((e.message for e in told if e and e.message), "the run was ended from outside")
    return done, own, LoadFailure(run_id, words, permanent=False)


def _is_permanent(event: dg.DagsterEvent) -> bool:
    """Whether a step failed for good, and not for the connection's sake."""
    data = event.event_specific_data
    if not isinstance(data, StepFailureData) or data.user_failure_data is None:
        return False
    told = data.user_failure_data.metadata.get("error")
    return getattr(told, "value", None) not in ABOUT_THE_CONNECTION


def sentence(event: dg.DagsterEvent) -> str:
    """The cause of a failed step in its own words, without the errors that Dagster wraps it in."""
    data = event.event_specific_data
    failure = getattr(data, "user_failure_data", None)
    error = getattr(data, "error", None)
    while error is not None and error.cause and (error.cls_name or "").startswith(WRAPPERS):
        error = error.cause
    text = (failure.description if failure else None) or (error.message if error else "failed")
    return f"{event.step_key or 'run'}: {text.strip()}"
