"""Dagster's own daemons, one iteration at a time, at the virtual clock's instant."""

import logging
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

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

from nkdash_tests.simulation import location
from nkdash_tests.simulation.clock import VirtualClock
from nkdash_tests.simulation.launcher import SimulatedLauncher

LOGGER = get_default_daemon_logger("SimulatedDaemon")


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
    of a storage (Dagster opens an instance for each tick of each sensor), and events as text."""
    read = ScriptDirectory.from_config
    known: dict[str | None, ScriptDirectory] = {}

    def from_config(config: Config) -> ScriptDirectory:
        where = config.get_main_option("script_location")
        if where not in known:
            known[where] = read(config)
        return known[where]

    patch.setattr(ScriptDirectory, "from_config", from_config)
    patch.setattr("dagster._core.execution.context_creation_job.default_loggers", dict)
    for module in ("context_creation_job", "host_mode"):
        place = f"dagster._core.execution.{module}.default_system_loggers"
        patch.setattr(place, lambda instance: [])


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
