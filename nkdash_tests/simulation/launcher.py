"""How simulated runs are executed: in this process, or in one that is killed in the middle."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
from dagster._core.execution.api import execute_run
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._core.storage.dagster_run import DagsterRun
from dagster._utils.hosted_user_process import recon_job_from_origin

from nkdash_tests.simulation.clock import VirtualClock

PROJECT = Path(__file__).parents[2]


class SimulatedLauncher(RunLauncher[dg.DagsterInstance]):
    """Executes each run at once; the next one dies at its n-th file where ``dies_at`` says so."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock
        self.dies_at: int | None = None
        self.killed: list[str] = []

    def launch_run(self, context: LaunchRunContext) -> None:
        run = context.dagster_run
        if self.dies_at is None:
            execute(self._instance, run)
            return
        files, self.dies_at = self.dies_at, None
        done = subprocess.run(
            [sys.executable, "-m", __name__, run.run_id, str(files), self.clock.now.isoformat()],
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        self.killed.append(run.run_id)
        # What Dagster's code server does as soon as the process of a run is gone.
        self._instance.report_run_failed(run, "The process of the run was killed.")

    def terminate(self, run_id: str) -> bool:
        return False


def execute(instance: dg.DagsterInstance, run: DagsterRun) -> None:
    """Execute a run with definitions built anew."""
    assert run.job_code_origin is not None
    execute_run(recon_job_from_origin(run.job_code_origin), run, instance)


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
    from datetime import datetime

    import pytest

    VirtualClock(datetime.fromisoformat(now)).install(pytest.MonkeyPatch())
    with dg.DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        die_at(int(files))
        execute(instance, run)


if __name__ == "__main__":
    main(*sys.argv[1:])
