"""Progress bars and lines on a terminal; only lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

#: Results go to standard output, everything else to standard error.
OUT, ERR = Console(highlight=False), Console(stderr=True, highlight=False)


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[..., None]]:
    """Yield a function to call after each of ``total`` steps (None: unknown); a terminal shows a bar with time left."""
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, *times, console=ERR, disable=not ERR.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda *_: bar.advance(task)
