"""Runs whose process is gone are freed; those that are at work are left alone."""

import os
import subprocess
import sys

import dagster as dg
import pytest

from nkdash.automation.dead_runs import PROCESS, fail_dead_runs, mark, this_process


@dg.job
def some_job() -> None:
    """Nothing."""


def started(instance: dg.DagsterInstance, process: str) -> str:
    run = instance.create_run_for_job(
        some_job, tags={PROCESS: process}, status=dg.DagsterRunStatus.STARTED
    )
    return run.run_id


def test_only_runs_of_this_machine_whose_process_is_gone_are_failed() -> None:
    node, _, rest = this_process().partition("/")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with dg.DagsterInstance.ephemeral() as instance:
        dead = started(instance, f"{node}/{gone.pid}/1")
        reused = started(instance, f"{node}/{os.getpid()}/1")
        for process in (this_process(), f"elsewhere/{rest}", ""):
            started(instance, process)
        assert set(fail_dead_runs(instance)) == {dead, reused}
        assert fail_dead_runs(instance) == []


@pytest.mark.parametrize(("beside", "marked"), [(0, True), (1, False)])
def test_only_the_process_of_the_whole_run_is_kept(beside: int, marked: bool) -> None:
    from dagster._core.events import EngineEventData

    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(some_job)
        instance.report_engine_event(
            "Started", run, EngineEventData.in_process(os.getpid() + beside)
        )
        mark(instance, run)
        found = instance.get_run_by_id(run.run_id)
        assert found is not None
        assert (found.tags.get(PROCESS) == this_process()) is marked
