"""Where output goes: rich consoles that keep to what the terminal, a pipe or NO_COLOR can take."""

from rich.console import Console

# A pipe has no width; wide enough that no table of ours loses a column.
PIPE_WIDTH = 200


def console() -> Console:
    """Standard output as it is now."""
    return _fitted(Console(highlight=False))


def error_console() -> Console:
    """Standard error as it is now."""
    return _fitted(Console(stderr=True, highlight=False))


def _fitted(made: Console) -> Console:
    if not made.is_terminal:
        made.width = PIPE_WIDTH
    return made
