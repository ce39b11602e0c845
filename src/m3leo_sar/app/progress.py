"""Progress bars and lines on a terminal; only lines elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from m3leo_sar._progress import LogLines
from m3leo_sar._progress import Progress as Steps
from m3leo_sar.app.manner import manner

_LOGGER = logging.getLogger(__name__)


class _Sentences(Console):
    """Sentences on a result: none if the command is quiet, nor on standard output beside JSON."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as :meth:`rich.console.Console.print`, where the manner allows it."""
        if not (manner().quiet or (manner().as_json and not self.stderr)):
            super().print(*objects, **options)


#: Results go to standard output, everything else to standard error.
OUT, ERR = _Sentences(highlight=False), _Sentences(stderr=True, highlight=False)
#: Lists and faults, which a quiet command prints too.
LISTS, FAULTS = Console(highlight=False), Console(stderr=True, highlight=False)


def shows_bar() -> bool:
    """Whether progress is a bar: on a terminal, unless the command is quiet, or its log lines would cut the bar."""
    return ERR.is_terminal and not (manner().quiet or manner().verbose)


def log_lines(title: str, total: int | None) -> Steps:
    """Progress that is a line now and then, for a log; a verbose command logs each step instead."""
    lines = LogLines(lambda text: ERR.print(text, markup=False, soft_wrap=True))
    is_shown = not (ERR.is_terminal or manner().verbose)
    return Steps(title, total, lines if is_shown else lambda steps, last: None)


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[..., None]]:
    """Yield a function to call after each of ``total`` steps (None: unknown); a terminal shows a bar with time left."""
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    lines = log_lines(what, total)
    with Progress(*columns, *times, console=ERR, disable=not shows_bar()) as bar:
        task = bar.add_task(what, total=total)

        def advance(*_: object) -> None:
            bar.advance(task)
            lines.advance()
            _LOGGER.info("%s", lines)

        yield advance
