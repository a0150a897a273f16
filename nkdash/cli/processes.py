"""Child processes of ``up`` and ``demo``: started together, healthy together, ended together.

Each child leads a process group of its own, so that what it started ends with it, and Ctrl-C
reaches us alone.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from nkdash.cli.errors import CommandError

POLL_SECONDS = 0.2
STOP_SECONDS = 10.0
TAIL_LINES = 15
PR_SET_PDEATHSIG = 1
# Loaded here: after a fork it is too late to load a library.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Program:
    """What to start and how to tell that it works. ``healthy`` must not raise."""

    name: str
    argv: Sequence[str]
    healthy: Callable[[], bool]


class Processes:
    """Running children, each with a log file; leaving the ``with`` ends them all."""

    def __init__(self, logs: Path, environment: Mapping[str, str], folder: Path) -> None:
        self._logs = logs
        self._environment = dict(environment)
        self._folder = folder
        self._running: list[tuple[Program, subprocess.Popen[bytes]]] = []
        logs.mkdir(parents=True, exist_ok=True)

    def log_of(self, program: Program) -> Path:
        """Where a program's output goes."""
        return self._logs / f"{program.name}.log"

    def start(self, program: Program) -> None:
        """Start a program in a process group of its own; its log begins anew."""
        with self.log_of(program).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603
                [*program.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=self._folder,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        self._running.append((program, process))

    def wait_healthy(self, seconds: float, *programs: Program) -> None:
        """Wait until ``programs`` (all by default) work.

        Raises CommandError when any program dies or these take too long.
        """
        deadline = time.monotonic() + seconds
        waiting = list(programs) or [program for program, _ in self._running]
        while True:
            self.check()
            waiting = [program for program in waiting if not program.healthy()]
            if not waiting:
                return
            if time.monotonic() > deadline:
                names = ", ".join(program.name for program in waiting)
                raise CommandError(
                    f"{names} did not answer within {seconds:.0f} s.\n"
                    + "\n".join(self._last_words(program) for program in waiting)
                )
            time.sleep(POLL_SECONDS)

    def run(self, argv: Sequence[str]) -> int:
        """Run a program to its end on our own terminal; its exit code.

        An interruption is handed on, and the program given time to end in good order.
        """
        process = subprocess.Popen(  # noqa: S603
            [*argv],
            env=self._environment,
            cwd=self._folder,
            process_group=0,
            preexec_fn=_end_with_parent,
        )
        try:
            while process.poll() is None:
                self.check()
                time.sleep(POLL_SECONDS / 4)
        finally:
            with _deaf():
                process.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)
                _send(process.pid, signal.SIGKILL)
        return process.wait()

    def watch(self, say: Callable[[str], object]) -> None:
        """Return when interrupted (Ctrl-C). Raises CommandError when a program dies."""
        try:
            say("Ctrl-C stops everything.")
            while True:
                self.check()
                time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            say("Stopping …")

    def check(self) -> None:
        """Raises CommandError with its last log lines when a program has ended."""
        for program, process in self._running:
            if (code := process.poll()) is not None:
                how = f"exit code {code}" if code >= 0 else f"signal {-code}"
                raise CommandError(
                    f"{program.name} ended by itself ({how}); the others were stopped.\n"
                    + self._last_words(program)
                )

    def _last_words(self, program: Program) -> str:
        path = self.log_of(program)
        lines = path.read_text("utf-8", "replace").splitlines()[-TAIL_LINES:]
        return f"Last lines of {path}:\n" + "\n".join(f"  {line}" for line in lines)

    def stop(self) -> None:
        """End every process group: politely, after ten seconds by force."""
        groups = [process.pid for _, process in self._running]
        for group in reversed(groups):
            _send(group, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while any(self._alive(group) for group in groups) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS / 4)
        for group in groups:
            _send(group, signal.SIGKILL)
        for _, process in self._running:
            process.wait()
        self._running.clear()

    def _alive(self, group: int) -> bool:
        for _, process in self._running:
            process.poll()
        return _send(group, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _deaf():
            self.stop()


def _end_with_parent() -> None:
    """In the child: have Linux end it when we are killed in a way that lets us end nothing."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _send(group: int, number: int) -> bool:
    """Signal a process group; False where it is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


@contextmanager
def _deaf() -> Iterator[None]:
    """Ignore impatient further signals while children are being stopped."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block as Ctrl-C does: with a KeyboardInterrupt.

    They become a SIGINT, since Dagster catches that one to end its steps in good order.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.raise_signal(signal.SIGINT)

    numbers = (signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, interrupt) for number in numbers}
    # A shell's background job ignores SIGINT; Ctrl-C must stop us all the same.
    previous[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def python(*arguments: str) -> list[str]:
    """A command line of this Python."""
    return [sys.executable, *arguments]
