"""Dagster's own daemons, one iteration at a time, at the virtual clock's instant."""

import logging
import os
import random
import time
import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.remote_representation.external import RemoteSchedule
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.daemon import get_default_daemon_logger
from dagster._daemon.monitoring.concurrency import execute_concurrency_slots_iteration
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import (
    QueuedRunCoordinatorDaemon,
)
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._daemon.types import DaemonHeartbeat
from dagster._scheduler.scheduler import ScheduleIterationTimes, launch_scheduled_runs
from sqlalchemy import Engine, create_engine
from sqlalchemy.event import listen

from nkdash.odoo import resource
from nkdash_tests.simulation import location
from nkdash_tests.simulation.clock import VirtualClock
from nkdash_tests.simulation.launcher import SimulatedLauncher

LOGGER = get_default_daemon_logger("SimulatedDaemon")

UNASKED = {
    dg.DagsterEventType.STEP_INPUT,
    dg.DagsterEventType.LOADED_INPUT,
    dg.DagsterEventType.HANDLED_OUTPUT,
}
"""A third of a run's events, and neither Dagster nor NKDash reads them."""


class Daemon:
    """A running ``dagster-daemon``: made from what lies on disk, and gone with its process."""

    def __init__(
        self, instance: dg.DagsterInstance, workspace: WorkspaceProcessContext, clock: VirtualClock
    ) -> None:
        self.instance = instance
        self._clock = clock
        self.launcher = SimulatedLauncher(clock)
        self.launcher.register_instance(instance)
        instance._run_launcher = self.launcher
        self._workspace = workspace
        self._id = str(uuid.uuid4())
        self._iterations: dict[str, ScheduleIterationTimes] = {}
        self._queue = QueuedRunCoordinatorDaemon(interval_seconds=30)
        self._consumer = EventLogConsumerDaemon()

    def tick(self) -> None:
        """One round of every daemon."""
        for kind in self.instance.get_required_daemon_types():
            # Heartbeats are the one thing that goes by the machine's clock.
            self.instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), kind, self._id, []))
        now = self._clock.now
        _through(launch_scheduled_runs(self._workspace, LOGGER, now, self._iterations))
        _through(execute_sensor_iteration(self._workspace, LOGGER, None, None))
        self.work_off()
        _through(execute_run_monitoring_iteration(self._workspace, LOGGER))
        _through(execute_concurrency_slots_iteration(self._workspace, LOGGER))

    def schedule(self, name: str) -> RemoteSchedule:
        """A schedule as Dagster's UI knows it."""
        [location] = self._workspace.create_request_context().code_locations
        [repository] = location.get_repositories().values()
        return repository.get_schedule(name)

    def work_off(self) -> None:
        """Execute what is queued, what its failures call for and what backfills ask for."""
        while True:
            _through(execute_backfill_iteration(self._workspace, LOGGER))
            before = self.instance.get_runs_count(_queued())
            if not before:
                _through(self._consumer.run_iteration(self._workspace))
                before = self.instance.get_runs_count(_queued())
            if not before:
                return
            _through(self._queue.run_iteration(self._workspace, self._clock.now.timestamp()))
            if self.instance.get_runs_count(_queued()) >= before:
                return


def _queued() -> dg.RunsFilter:
    return dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])


def _through(iteration: Iterable[object]) -> None:
    """Run a daemon's iteration to its end. Its errors are those of ticks, kept in the storage."""
    for _ in iteration:
        pass


def quicken(patch: pytest.MonkeyPatch) -> None:
    """Leave out what costs time and decides nothing: Alembic's look at its scripts at each opening
    of a storage (Dagster opens an instance for each tick of each sensor), a new engine and a new
    connection for each query, the settings anew for each step, two processes a run that copy its
    output, events as text, and events that nothing asks for."""
    _keep_first(patch, ScriptDirectory, "from_config", key=_scripts_of)
    for kind in ("runs", "schedules"):
        module = f"dagster._core.storage.{kind}.sqlite.sqlite_{kind.removesuffix('s')}_storage"
        patch.setattr(f"{module}.create_engine", _one_engine())
    _keep_first(patch, resource, "load_settings", key=lambda: tuple(sorted(os.environ.items())))
    logs = "dagster._core.storage.local_compute_log_manager.mirror_stream_to_file"
    patch.setattr(logs, lambda stream, file: nullcontext())
    patch.setattr("dagster._core.execution.context_creation_job.default_loggers", dict)
    for name in ("context_creation_job", "host_mode"):
        place = f"dagster._core.execution.{name}.default_system_loggers"
        patch.setattr(place, lambda instance: [])
    patch.setattr(dg.DagsterInstance, "should_store_event", _is_asked_for)


def _one_engine() -> Callable[..., Engine]:
    """``create_engine`` that makes one engine for a file, which keeps its connection."""

    @cache
    def make(url: str) -> Engine:
        engine = create_engine(
            url, pool_size=1, max_overflow=-1, connect_args={"check_same_thread": False}
        )
        listen(engine, "connect", lambda made, _: made.execute("PRAGMA synchronous=OFF"))
        return engine

    return lambda url, **_: make(url)


def _keep_first(
    patch: pytest.MonkeyPatch, owner: object, name: str, key: Callable[..., Hashable]
) -> None:
    """Let ``owner.name`` be worked out once for each ``key`` of its arguments."""
    make = getattr(owner, name)
    known: dict[Hashable, Any] = {}

    def kept(*args: Any, **kwargs: Any) -> Any:
        of = key(*args), *kwargs
        if of not in known:
            known[of] = make(*args, **kwargs)
        return known[of]

    patch.setattr(owner, name, kept)


def _scripts_of(config: Config) -> str | None:
    return config.get_main_option("script_location")


def _is_asked_for(instance: dg.DagsterInstance, event: dg.EventLogEntry) -> bool:
    return event.dagster_event_type not in UNASKED


def take_turns(patch: pytest.MonkeyPatch, seed: int) -> None:
    """Dagster throws dice for the order in which sensors have their turn: let them fall alike in
    each run of the tests."""
    patch.setattr("dagster._daemon.utils.random", random.Random(seed))


@contextmanager
def running(home: Path, clock: VirtualClock) -> Iterator[Daemon]:
    """A daemon on the instance in ``home``, with nothing in memory of one before it."""
    origin = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(module_name=location.__name__, attribute=location.repository.__name__),
        location_name="nkdash",
    )
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    with (
        dg.DagsterInstance.from_config(str(home)) as instance,
        WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as workspace,
    ):
        yield Daemon(instance, workspace, clock)
