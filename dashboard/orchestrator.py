"""What the dashboard asks of Dagster, over its GraphQL: runs, failed days, refresh, cancel.

The one module that knows Dagster; it imports none of it. Every other page works without.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from nkdash.catalog import Catalog
from nkdash.datasets.spec import Dataset
from nkdash.settings import Settings

Asset = tuple[str, ...]

WAREHOUSE: Asset = ("warehouse", "snapshot")
LOCATION, REPOSITORY = "nkdash", "__repository__"
LOAD_RANGE, SNAPSHOT = "load_range", "snapshot"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"
REASON, ASKED_BY, REQUEST = "nkdash/reason", "nkdash/user", "nkdash/request"
REFRESH = "refresh"
# With this tag a run reads the dimensions' changes, not all their rows.
CHANGES_ONLY = {"nkdash/dimensions": "changes"}

# To connect and to answer; to launch a run Dagster works out its whole plan.
ASK_SECONDS = (1.0, 8.0)
LAUNCH_SECONDS = (1.0, 60.0)
EVENTS_A_PAGE, MOST_PAGES = 1000, 20
# Errors that only carry another one.
WRAPPERS = ("Dagster", "RetryRequested")
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


class OrchestratorError(Exception):
    """Dagster did not do what it was asked; says why and what to do."""


class UnreachableError(OrchestratorError):
    """Dagster does not answer."""


class Status(StrEnum):
    """The life of a run, in Dagster's words."""

    QUEUED = "QUEUED"
    NOT_STARTED = "NOT_STARTED"
    MANAGED = "MANAGED"
    STARTING = "STARTING"
    STARTED = "STARTED"
    SUSPENDED = "SUSPENDED"
    CANCELING = "CANCELING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCELED = "CANCELED"


UNFINISHED = (
    Status.QUEUED,
    Status.NOT_STARTED,
    Status.STARTING,
    Status.STARTED,
    Status.CANCELING,
)


@dataclass(frozen=True)
class Run:
    """One run. Instants are naive UTC; ``first`` and ``last`` the business days it loads.

    ``datasets`` are those it loads, None where it is of a whole job. ``steps_done`` counts the
    steps that ended, of ``steps``.
    """

    run_id: str
    job: str
    status: Status
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    first: date | None
    last: date | None
    datasets: frozenset[str] | None
    tags: Mapping[str, str]
    steps: int
    steps_done: int
    can_cancel: bool

    @property
    def is_finished(self) -> bool:
        """Nothing more will happen to it."""
        return self.status not in UNFINISHED

    @property
    def reason(self) -> str:
        """Why it was made: refresh, the schedule's or sensor's name, backfill; empty: by hand."""
        for tag in (REASON, "dagster/schedule_name", "dagster/sensor_name"):
            if tag in self.tags:
                return self.tags[tag]
        return "backfill" if "dagster/backfill" in self.tags else ""

    @property
    def asked_by(self) -> str:
        """Who asked for it in the dashboard."""
        return self.tags.get(ASKED_BY, "")


@dataclass(frozen=True)
class DayRange:
    """Days of an asset of which the last load failed, or is under way."""

    asset: Asset
    first: date
    last: date


@dataclass(frozen=True)
class Standing:
    """What Dagster knows of the days: those that failed, and those being loaded, by dataset."""

    failed: frozenset[tuple[str, date]]
    running: frozenset[tuple[str, date]]


@dataclass(frozen=True)
class Order:
    """A refresh that somebody asks for: ``dataset`` None is all but snapshots."""

    dataset: str | None
    first: date
    last: date
    user: str
    request: str


def assets_of(dataset: Dataset) -> tuple[Asset, ...]:
    """The assets of a dataset's days: raw, clean and, where it has a fact, star."""
    found: tuple[Asset, ...] = (("raw", dataset.name), ("clean", dataset.name))
    return (*found, ("star", dataset.fact.table.name)) if dataset.fact else found


class Orchestrator:
    """Dagster, as the settings name it. Threads may share it."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        own = _address(settings.nkdash_dagster_host, settings.nkdash_dagster_port)
        self._url = settings.nkdash_dagster_graphql_url or f"{own}/graphql"
        self._ui = settings.nkdash_dagster_url or own
        self._days_a_run = settings.nkdash_max_partitions_per_run
        self._catalog = catalog
        self._owner = {a: d.name for d in catalog.datasets for a in assets_of(d)}
        self._causes: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def run_url(self, run_id: str) -> str:
        """The run in Dagster's UI."""
        return f"{self._ui}/runs/{quote(run_id)}"

    def asset_url(self, dataset: str, day: date) -> str:
        """The raw day of a dataset in Dagster's UI."""
        return f"{self._ui}/assets/raw/{quote(dataset)}?view=partitions&partition={day}"

    def standing(self) -> Standing:
        """The failed and running days of every dataset. Raises OrchestratorError."""
        keys = [{"path": list(asset)} for asset in self._owner]
        nodes = self._ask("standing", {"assets": keys})["assetNodes"]
        found: dict[str, set[tuple[str, date]]] = {"FAILED": set(), "MATERIALIZING": set()}
        for node in nodes:
            dataset = self._owner.get(tuple(node["assetKey"]["path"]))
            for part in node["assetPartitionStatuses"].get("ranges", []):
                if dataset and part["status"] in found:
                    days = _days(_day(part["startKey"]), _day(part["endKey"]))
                    found[part["status"]].update((dataset, day) for day in days)
        return Standing(frozenset(found["FAILED"]), frozenset(found["MATERIALIZING"]))

    def unfinished(self) -> list[Run]:
        """Runs that wait or work, newest first, with their steps. Raises OrchestratorError."""
        return self._runs({"statuses": list(UNFINISHED)}, limit=50, steps=True)

    def recent(self, limit: int = 25) -> list[Run]:
        """The newest runs. Raises OrchestratorError."""
        return self._runs({}, limit=limit, steps=False)

    def of_request(self, request: str) -> list[Run]:
        """The runs that one refresh made. Raises OrchestratorError."""
        tags = [{"key": REQUEST, "value": request}]
        return self._runs({"tags": tags}, limit=50, steps=True)

    def last_run(self, dataset: str, day: date) -> Run | None:
        """The run that last loaded, or tried to load, a day. Raises OrchestratorError."""
        values = {"asset": {"path": ["raw", dataset]}, "day": day.isoformat()}
        node = self._ask("last_run", values)["assetNodeOrError"]
        found = node.get("latestRunForPartition")
        return self._run(found) if found else None

    def cause(self, run_id: str) -> str:
        """Why a run failed: its first failure in a sentence; empty where there is none.

        Raises OrchestratorError.
        """
        with self._lock:
            if run_id in self._causes:
                return self._causes[run_id]
        found = self._first_failure(run_id)
        with self._lock:
            self._causes[run_id] = found
            while len(self._causes) > 500:
                self._causes.popitem(last=False)
        return found

    def launch(self, order: Order) -> list[str]:
        """Start the runs that refresh what ``order`` names, newest days first; their ids.

        Raises OrchestratorError; runs that were started before it are named in it.
        """
        started: list[str] = []
        for first, last in chunks(order.first, order.last, self._days_a_run):
            try:
                answer = self._ask(
                    "launch",
                    {"params": self._params(order, first, last)},
                    seconds=LAUNCH_SECONDS,
                )["launchRun"]
                if answer["__typename"] != "LaunchRunSuccess":
                    raise OrchestratorError(_refused(answer))
            except OrchestratorError as error:
                if not started:
                    raise
                raise OrchestratorError(
                    f"{error} Started before that: {', '.join(started)}"
                ) from error
            started.append(answer["run"]["runId"])
        return started

    def cancel(self, run_id: str) -> None:
        """Ask Dagster to end a run. Raises OrchestratorError."""
        answer = self._ask("cancel", {"run": run_id})["terminateRun"]
        if answer["__typename"] != "TerminateRunSuccess":
            raise OrchestratorError(_refused(answer))

    def _params(self, order: Order, first: date, last: date) -> dict[str, Any]:
        chosen = [
            d
            for d in self._catalog.datasets
            if (d.name == order.dataset if order.dataset else not d.is_snapshot)
        ]
        is_snapshot = any(d.is_snapshot for d in chosen)
        assets = [asset for d in chosen for asset in assets_of(d)]
        tags = {REASON: REFRESH, ASKED_BY: order.user, REQUEST: order.request}
        if is_snapshot:
            tags |= {PARTITION: first.isoformat()}
        else:
            assets += self._dimensions(chosen, whole=order.dataset is None)
            tags |= {RANGE_START: str(first), RANGE_END: str(last), **CHANGES_ONLY}
        return {
            "selector": {
                "repositoryLocationName": LOCATION,
                "repositoryName": REPOSITORY,
                "jobName": SNAPSHOT if is_snapshot else LOAD_RANGE,
                "assetSelection": [{"path": list(a)} for a in (*assets, WAREHOUSE)],
            },
            "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in tags.items()]},
        }

    def _dimensions(self, chosen: Sequence[Dataset], *, whole: bool) -> list[Asset]:
        """Every dimension, or those that the facts of ``chosen`` are made with."""
        needed = {name for d in chosen if d.fact for name in d.fact.dimensions}
        return [
            asset
            for d in self._catalog.dimensions
            if whole or d.table.name in needed
            for asset in (("raw", d.name), ("star", d.table.name))
        ]

    def _runs(self, wanted: Mapping[str, Any], *, limit: int, steps: bool) -> list[Run]:
        values = {"filter": dict(wanted), "limit": limit, "steps": steps}
        answer = self._ask("runs", values)["runsOrError"]
        if "results" not in answer:
            raise OrchestratorError(_refused(answer))
        return [self._run(found) for found in answer["results"]]

    def _run(self, found: Mapping[str, Any]) -> Run:
        tags = {tag["key"]: tag["value"] for tag in found["tags"]}
        first, last = tags.get(RANGE_START), tags.get(RANGE_END)
        if PARTITION in tags:
            first = last = tags[PARTITION]
        chosen = found["assetSelection"]
        owners = (self._owner.get(tuple(key["path"])) for key in chosen or ())
        stats = found.get("stepStats") or []
        keys = found.get("stepKeysToExecute") or []
        return Run(
            run_id=found["runId"],
            job=found["jobName"],
            status=Status(found["status"]),
            created_at=_utc(found["creationTime"]),
            started_at=_instant(found["startTime"]),
            ended_at=_instant(found["endTime"]),
            first=_day(first) if first else None,
            last=_day(last) if last else None,
            datasets=None if chosen is None else frozenset(name for name in owners if name),
            tags=tags,
            steps=len(keys),
            steps_done=sum(s["status"] in ("SUCCESS", "FAILURE", "SKIPPED") for s in stats),
            can_cancel=found["canTerminate"] or found["status"] == Status.QUEUED,
        )

    def _first_failure(self, run_id: str) -> str:
        cursor: str | None = None
        of_run = ""
        for _ in range(MOST_PAGES):
            values = {"run": run_id, "after": cursor, "limit": EVENTS_A_PAGE}
            answer = self._ask("failures", values)["logsForRun"]
            for event in answer.get("events", []):
                if event["__typename"] == "ExecutionStepFailureEvent":
                    return _sentence(event)
                if event["__typename"] == "RunFailureEvent":
                    of_run = _sentence(event)
            cursor = answer.get("cursor")
            if not answer.get("hasMore"):
                break
        return of_run

    def _ask(
        self,
        name: str,
        values: Mapping[str, Any],
        seconds: tuple[float, float] = ASK_SECONDS,
    ) -> dict[str, Any]:
        """The data of an answer. Raises UnreachableError, OrchestratorError."""
        query = files("dashboard").joinpath(f"graphql/{name}.graphql").read_text("utf-8")
        try:
            with requests.Session() as session:
                # Dagster is a neighbour: never through a proxy of the environment.
                session.trust_env = False
                answer = session.post(
                    self._url,
                    json={"query": query, "variables": values},
                    timeout=seconds,
                    allow_redirects=False,
                )
            body = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise UnreachableError(
                f"Dagster does not answer at {_shown(self._url)}. "
                "Start its webserver (nkdash up), or set NKDASH_DAGSTER_GRAPHQL_URL."
            ) from error
        data = body.get("data") if isinstance(body, dict) else None
        if not isinstance(data, dict) or body.get("errors"):
            raise OrchestratorError(_wrong(body, _shown(self._url)))
        return data


def chunks(first: date, last: date, days: int) -> list[tuple[date, date]]:
    """The range in parts of at most ``days`` days, newest first."""
    parts = []
    while last >= first:
        start = max(first, last - timedelta(days=days - 1))
        parts.append((start, last))
        last = start - timedelta(days=1)
    return parts


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else _utc(seconds)


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def _address(host: str, port: int) -> str:
    host = ANYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _shown(url: str) -> str:
    """An address without a password in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _refused(answer: Mapping[str, Any]) -> str:
    """What a GraphQL error type says, without the errors it is wrapped in."""
    words = str(answer.get("message") or answer["__typename"]).strip().splitlines()[0]
    words = words.rpartition("Description: ")[2].rstrip(".")
    if "No remote job" in words or answer["__typename"] == "PipelineNotFoundError":
        return f"Dagster has not loaded NKDash's jobs ({words}). Restart its webserver and daemon."
    return f"Dagster refused: {words}."


def _wrong(body: Any, url: str) -> str:
    errors = body.get("errors") if isinstance(body, dict) else None
    if errors:
        return f"Dagster at {url} could not answer: {str(errors[0].get('message', ''))[:300]}"
    return f"What answers at {url} is not Dagster. Set NKDASH_DAGSTER_GRAPHQL_URL."


def _sentence(event: Mapping[str, Any]) -> str:
    """The cause of a failure in its own words, without the errors that Dagster wraps it in."""
    error = event.get("error")
    while error and error.get("cause") and (error["className"] or "").startswith(WRAPPERS):
        error = error["cause"]
    failure = event.get("failureMetadata") or {}
    text = failure.get("description") or (error or {}).get("message") or event["message"]
    words = " ".join(str(text).split())
    return f"{event['stepKey']}: {words}" if event.get("stepKey") else words
