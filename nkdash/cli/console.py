"""Where output goes: rich consoles that keep to what the terminal, a pipe or NO_COLOR can take."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

# A pipe has no width; wide enough that no table of ours loses a column.
PIPE_WIDTH = 200


def console() -> Console:
    """Standard output as it is now."""
    return _fitted(Console(highlight=False))


@contextmanager
def steady_console() -> Iterator[Console]:
    """Standard output through a descriptor of its own.

    While a step runs, Dagster sends descriptors 1 and 2 to its log files; a progress display
    written to them would stand still.
    """
    try:
        descriptor = os.dup(sys.stdout.fileno())
    except (OSError, ValueError):
        yield console()
        return
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        yield _fitted(Console(file=file, highlight=False))


def error_console() -> Console:
    """Standard error as it is now."""
    return _fitted(Console(stderr=True, highlight=False))


def _fitted(made: Console) -> Console:
    if not made.is_terminal:
        made.width = PIPE_WIDTH
    return made
