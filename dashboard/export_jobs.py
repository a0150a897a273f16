"""Long exports: made by a process of their own, watched by whichever worker is asked.

A job is a folder of the state directory, named by a secret that only its reader was told.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from dashboard import workbook

KEPT_SECONDS = 3600
MOST_RUNNING = 2
# Of one reader: one is made at a time, and the last three are kept.
KEPT_OF_ONE = 3
_JOB = "job.json"
_FAILED = "failed.txt"
_PID = "pid"


class BusyError(Exception):
    """As many exports are being made as one machine should, or (``own``) as one reader may."""

    def __init__(self, own: bool) -> None:
        self.own = own
        super().__init__("an export of this reader" if own else "other exports")


class NoJobError(Exception):
    """There is no such export, or its file is gone."""


@dataclass(frozen=True)
class Progress:
    """How far an export is; ``words`` say why one failed."""

    state: Literal["running", "done", "failed"]
    rows: int
    written: int
    words: str = ""


class Jobs:
    """The exports below ``root``. Threads and processes may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def start(
        self,
        user: str,
        file: str,
        total: int,
        sheet: workbook.Sheet,
        frames: Iterable[pl.DataFrame],
    ) -> str:
        """Begin one; its name. The rows are read before this returns. Raises BusyError, OSError."""
        name = secrets.token_urlsafe(24)
        folder = self._root / name
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Of two that are asked for at once the second must see the first.
            with FileLock(self._root.with_name(f"{self._root.name}.lock")):
                self._make_room(user)
                folder.mkdir(mode=0o700)
                _write(folder / _PID, str(os.getpid()))
                workbook.tell(folder, 0)
                said = {"user": user, "file": file, "rows": total}
                _write(folder / _JOB, json.dumps(said))
            workbook.prepare(folder, sheet)
            _keep(folder / workbook.ROWS, frames)
            child = subprocess.Popen(  # noqa: S603 - our own program on our own folder
                [sys.executable, "-m", "dashboard.workbook", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        _write(folder / _PID, str(child.pid))
        threading.Thread(target=_watch, args=(child, folder), daemon=True).start()
        return name

    def progress(self, user: str, name: str) -> Progress:
        """How far it is. Raises NoJobError, also for an export of somebody else."""
        return _progress(self._folder(user, name))

    def file(self, user: str, name: str) -> tuple[Path, str]:
        """The workbook and the name to save it by. Raises NoJobError."""
        folder = self._folder(user, name)
        made = folder / workbook.FILE
        if not made.exists():
            raise NoJobError
        return made, str(_said(folder)["file"])

    def _folder(self, user: str, name: str) -> Path:
        folder = self._root / name
        safe = name.replace("-", "").replace("_", "").isalnum()
        if not safe or not folder.joinpath(_JOB).exists() or _said(folder)["user"] != user:
            raise NoJobError
        return folder

    def _make_room(self, user: str) -> None:
        """Remove what is old, or more than one reader keeps. Raises BusyError."""
        for folder in self._root.glob("*"):
            if folder.stat().st_mtime < time.time() - KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
        jobs = [told.parent for told in self._root.glob(f"*/{_JOB}")]
        running = {job for job in jobs if _progress(job).state == "running"}
        mine = {job for job in jobs if _said(job)["user"] == user}
        if running & mine:
            raise BusyError(own=True)
        if len(running) >= MOST_RUNNING:
            raise BusyError(own=False)
        for folder in sorted(mine, key=lambda job: job.stat().st_mtime)[: 1 - KEPT_OF_ONE]:
            shutil.rmtree(folder, ignore_errors=True)


def _said(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(folder.joinpath(_JOB).read_text(encoding="utf-8"))
    return found


def _progress(folder: Path) -> Progress:
    rows = int(_said(folder)["rows"])
    if folder.joinpath(workbook.FILE).exists():
        return Progress("done", rows, rows)
    failed = folder / _FAILED
    if failed.exists():
        return Progress("failed", rows, 0, failed.read_text(encoding="utf-8"))
    written = int(json.loads(folder.joinpath(workbook.WRITTEN).read_text()))
    if not _alive(folder / _PID):
        return Progress("failed", rows, written, "it was interrupted; ask for it again")
    return Progress("running", rows, written)


def _alive(pid: Path) -> bool:
    """Whether the process is there: the worker that reads the rows, then the one that writes."""
    try:
        os.kill(int(pid.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


def _write(path: Path, text: str) -> None:
    half = path.with_suffix(".part")
    half.write_text(text, encoding="utf-8")
    half.replace(path)


def _keep(path: Path, frames: Iterable[pl.DataFrame]) -> None:
    writer: pq.ParquetWriter | None = None
    for frame in frames:
        table: pa.Table = frame.to_arrow()
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def _watch(child: subprocess.Popen[str], folder: Path) -> None:
    _, errors = child.communicate()
    if child.returncode and folder.exists():
        lines = errors.strip().splitlines() or [f"ended with {child.returncode}"]
        folder.joinpath(_FAILED).write_text(lines[-1], encoding="utf-8")
    folder.joinpath(workbook.ROWS).unlink(missing_ok=True)
