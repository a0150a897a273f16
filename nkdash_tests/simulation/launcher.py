"""How simulated runs are executed: in this process, or in one that is killed in the middle."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._cli.api import _execute_run_command_body
from dagster._core.execution.api import execute_run
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._utils.hosted_user_process import recon_job_from_origin

from nkdash_tests.simulation.clock import VirtualClock

PROJECT = Path(__file__).parents[2]


class SimulatedLauncher(RunLauncher[dg.DagsterInstance]):
    """Executes each run at once; the next one is killed at its n-th file where ``dies_at`` says so,
    and ``at_next_run`` happens when it begins.

    Nobody tells Dagster of the killed run, as after a power cut: it stays there as running.
    """

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._clock = clock
        self.dies_at: int | None = None
        self.at_next_run: Callable[[], object] | None = None
        self.deaths: list[int] = []

    def launch_run(self, context: LaunchRunContext) -> None:
        run = context.dagster_run
        if self.at_next_run is not None:
            begin, self.at_next_run = self.at_next_run, None
            begin()
        if self.dies_at is None:
            assert run.job_code_origin is not None
            execute_run(recon_job_from_origin(run.job_code_origin), run, self._instance)
            return
        files, self.dies_at = self.dies_at, None
        done = subprocess.run(
            [sys.executable, "-m", __name__, run.run_id, str(files), self._clock.now.isoformat()],
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
        )
        # Raised here it would only be one more error that a daemon logs.
        self.deaths.append(done.returncode)

    def terminate(self, run_id: str) -> bool:
        return False


def die_at(files: int) -> None:
    """Kill this process with -9 when the n-th file is put into place."""
    left = files
    replace = os.replace

    def counted(*args: object) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        replace(*args)  # type: ignore[arg-type]

    os.replace = counted  # type: ignore[assignment]


def main(run_id: str, files: str, now: str) -> None:
    """Execute a run as Dagster's own run worker does, and die."""
    VirtualClock(datetime.fromisoformat(now)).install(pytest.MonkeyPatch())
    with dg.DagsterInstance.get() as instance:
        die_at(int(files))
        _execute_run_command_body(run_id, instance, lambda _: None, set_exit_code_on_failure=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
