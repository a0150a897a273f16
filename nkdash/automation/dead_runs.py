"""Runs whose process is gone: they would count as under way until their time is over.

Each run that asks Odoo is marked with its machine and process. Where Dagster's code server and run
workers share a machine, a run whose process died (kill -9, a restart) is then failed at the next
tick of the sensor for missing days. Runs of another machine are left to Dagster's run monitoring.
"""

import os
import platform
from pathlib import Path

import dagster as dg

PROCESS = "nkdash/process"
KILLED = "The process that ran this was killed."


def this_process() -> str:
    """Machine, process id and, where the system tells, when the process began."""
    return _process(os.getpid())


def mark(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Keep with a run that this process executes it, where it executes the whole run."""
    if PROCESS in run.tags:
        return
    told = instance.all_logs(run.run_id, dg.DagsterEventType.ENGINE_EVENT)
    data = [entry.dagster_event.engine_event_data for entry in told if entry.dagster_event]
    # Which Dagster's run worker says of itself; a step's own process ends before its run.
    if any(d.metadata.get("pid") == dg.MetadataValue.text(str(os.getpid())) for d in data):
        instance.add_run_tags(run.run_id, {PROCESS: this_process()})


def fail_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark as failed what killed processes of this machine left as running; run ids."""
    unfinished = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    dead = [run for run in unfinished if _is_dead(run.tags.get(PROCESS, ""))]
    for run in dead:
        instance.report_run_failed(run, KILLED)
    return [run.run_id for run in dead]


def _is_dead(process: str) -> bool:
    node, _, rest = process.partition("/")
    pid = rest.partition("/")[0]
    if not pid or node != platform.node():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    # The same number may be another process by now.
    return _process(int(pid)) != process


def _process(pid: int) -> str:
    return f"{platform.node()}/{pid}/{_began(pid)}"


def _began(pid: int) -> str:
    """When a process began, in ticks since the machine did; empty where there is no /proc."""
    try:
        # The name, in parentheses, may hold anything; the start is the 20th field behind it.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
