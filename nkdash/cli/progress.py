"""Progress of a backfill: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

# Told what was done, of how many, and what is at hand.
Tell = Callable[[int, int, str], None]

LINE_SECONDS = 5.0


@contextmanager
def progress(console: Console, title: str) -> Iterator[Tell]:
    """Show progress until the block ends, in the way that ``console`` can show it."""
    if not console.is_terminal:
        yield lines(console.print, title, time.monotonic)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[what]}"),
    )
    with Progress(*columns, console=console) as shown:
        task = shown.add_task(title, total=None, what="")

        def tell(done: int, total: int, what: str) -> None:
            shown.update(task, completed=done, total=total, what=what)

        yield tell


def lines(say: Callable[[str], object], title: str, clock: Callable[[], float]) -> Tell:
    """A line at the start, at the end, and every five seconds in between."""
    said_at = float("-inf")

    def tell(done: int, total: int, what: str) -> None:
        nonlocal said_at
        if done >= total or clock() - said_at >= LINE_SECONDS:
            said_at = clock()
            say(f"{title}: {done:,} of {total:,} {what}".rstrip())

    return tell
