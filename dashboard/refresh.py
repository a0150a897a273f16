"""A refresh that a reader asks for: checked, written into the audit, then handed to Dagster."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from dashboard.access import User
from dashboard.orchestrator import Orchestrator, OrchestratorError, Order, chunks
from dashboard.store import ASKED, CANCEL, DONE, FAILED, REFRESH, REFUSED, Entry, Store
from nkdash.catalog import Catalog
from nkdash.clock import days_between
from nkdash.settings import Settings

MOST_DAYS = 366


class OrderError(Exception):
    """A refresh that makes no sense; ``key`` and ``values`` are of the text that says why."""

    def __init__(self, key: str, **values: object) -> None:
        self.key = key
        self.values: Mapping[str, object] = values
        super().__init__(f"{key} {values}")


def check(settings: Settings, catalog: Catalog, today: date, order: Order) -> None:
    """Raises OrderError where the dataset or the days cannot be loaded."""
    known = {d.name: d for d in catalog.datasets}
    if order.dataset is not None and order.dataset not in known:
        raise OrderError("refresh.no_dataset", dataset=order.dataset)
    if order.last < order.first:
        raise OrderError("refresh.backwards")
    if order.first < settings.nkdash_start_date:
        raise OrderError("refresh.too_early", day=settings.nkdash_start_date)
    if order.last > today:
        raise OrderError("refresh.too_late", day=today)
    if order.dataset and known[order.dataset].is_snapshot and order.first != today:
        raise OrderError("refresh.snapshot")
    if (order.last - order.first).days >= MOST_DAYS:
        raise OrderError("refresh.too_long", days=MOST_DAYS)


def runs_of(settings: Settings, order: Order) -> int:
    """How many runs the days make."""
    return len(chunks(order.first, order.last, settings.nkdash_max_partitions_per_run))


def start(
    orchestrator: Orchestrator,
    store: Store,
    catalog: Catalog,
    user: User,
    order: Order,
    at: datetime,
) -> list[str]:
    """Ask Dagster for the runs of a checked ``order``; their ids. ``at`` is naive UTC.

    What cannot be written into the audit is not done. Raises RepeatedError for an order made
    before, OrderError where its days are being loaded already, StoreError, OrchestratorError.
    """
    asked = Entry(
        at=at,
        user=user.name,
        role=user.role,
        action=REFRESH,
        request=order.request,
        outcome=ASKED,
        dataset=order.dataset or "",
        first=order.first,
        last=order.last,
    )
    store.append(asked)
    try:
        _refuse_busy(orchestrator, catalog, order)
        run_ids = orchestrator.launch(order)
    except OrderError as error:
        store.append(replace(asked, outcome=REFUSED, detail=error.key))
        raise
    except OrchestratorError as error:
        store.append(replace(asked, outcome=FAILED, detail=str(error)))
        raise
    store.append(replace(asked, outcome=DONE, run_id=" ".join(run_ids)))
    return run_ids


def _refuse_busy(orchestrator: Orchestrator, catalog: Catalog, order: Order) -> None:
    names = [d.name for d in catalog.datasets if not d.is_snapshot]
    wanted = {
        (name, day)
        for name in ([order.dataset] if order.dataset else names)
        for day in days_between(order.first, order.last)
    }
    if busy := wanted & orchestrator.standing().running:
        days = [day for _, day in busy]
        raise OrderError("refresh.busy", first=min(days), last=max(days))


def cancel(
    orchestrator: Orchestrator, store: Store, user: User, run_id: str, request: str, at: datetime
) -> None:
    """Ask Dagster to end a run. Raises StoreError, RepeatedError, OrchestratorError."""
    run = next((run for run in orchestrator.unfinished() if run.run_id == run_id), None)
    asked = Entry(at, user.name, user.role, CANCEL, request, ASKED, run_id=run_id)
    if run:
        datasets = run.datasets or frozenset()
        only = next(iter(datasets)) if len(datasets) == 1 else ""
        asked = replace(asked, dataset=only, first=run.first, last=run.last)
    store.append(asked)
    try:
        orchestrator.cancel(run_id)
    except OrchestratorError as error:
        store.append(replace(asked, outcome=FAILED, detail=str(error)))
        raise
    store.append(replace(asked, outcome=DONE))


def refused(store: Store, user: User, action: str, request: str, why: str, at: datetime) -> None:
    """Write down that somebody asked who may not. Raises StoreError."""
    store.append(Entry(at, user.name, user.role, action, request, REFUSED, detail=why))
