"""Progress of a long call: a bar in a notebook, a line on a terminal, a line now and then in a log."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

#: Least seconds between two states of a bar, and between the first lines of a log; later lines come less often.
_REFRESH, _FIRST_LINE, _LATER_LINES = 0.2, 10.0, 60.0


class Progress:
    """Steps of a long call, shown while it runs; call it, or :meth:`advance`, after each step.

    Parameters
    ----------
    title : str
        Such as ``"making tiles"``.
    total : int, optional
        Number of steps, if it is known; it may be set later.
    draw : callable
        Draws a state; gets this object and whether it is the last state.
    """

    def __init__(self, title: str, total: int | None, draw: Callable[[Progress, bool], Any]) -> None:
        self.title, self.total, self.count = title, total, 0
        self._draw, self._started = draw, time.monotonic()

    def advance(self, *_: object) -> None:
        """One more step is done."""
        self.count += 1
        self._draw(self, False)

    __call__ = advance

    def finish(self) -> None:
        """Draw the last state."""
        self._draw(self, True)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    @property
    def share(self) -> float | None:
        """Share that is done, in [0, 1]; None if the number of steps is unknown."""
        return min(1.0, self.count / self.total) if self.total else None

    def __str__(self) -> str:
        share = self.share
        known = "" if share is None else f" of {self.total} ({share:.0%})"
        left = ""
        if share and share < 1:
            left = f", about {_clock(self.seconds * (1 - share) / share)} left"
        return f"{self.title}: {self.count}{known}, {_clock(self.seconds)}{left}"


def where() -> str:
    """``"notebook"``, ``"terminal"`` or ``"log"``: what standard error of this process is read in."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    # The shell of a kernel, unlike that of a terminal, has one.
    if getattr(shell, "kernel", None) is not None:
        return "notebook"
    return "terminal" if sys.stderr is not None and sys.stderr.isatty() else "log"


@contextmanager
def progress(title: str, total: int | None, *, shown: bool | None = None) -> Iterator[Progress]:
    """Show the progress of the steps of a block, on standard error or in the cell of a notebook.

    Parameters
    ----------
    title : str
    total : int, optional
        Number of steps, if it is known.
    shown : bool, optional
        By default in a notebook and on a terminal. True adds a line now and then elsewhere, such as in a log; False
        shows nothing.

    Examples
    --------
    >>> from m3leo_sar._progress import progress
    >>> with progress("making tiles", 3, shown=False) as done:
    ...     done()
    >>> str(done)[:27]
    'making tiles: 1 of 3 (33%),'
    """
    place = where()
    draw: Callable[[Progress, bool], Any]
    if shown is False or (shown is None and place == "log"):
        draw = _nothing
    else:
        drawings: dict[str, Callable[[], Callable[[Progress, bool], Any]]]
        drawings = {"notebook": _Cell, "terminal": _Line, "log": LogLines}
        draw = drawings[place]()
    steps = Progress(title, total, draw)
    try:
        yield steps
    finally:
        steps.finish()


@contextmanager
def reported(
    title: str, total: int | None, report: Callable[..., Any] | None, *, shown: bool | None
) -> Iterator[tuple[Callable[..., None], Callable[[int], None]]]:
    """A callback that shows progress and calls the caller's own ``report``, and a function that sets the total.

    A caller with a ``report`` of its own sees progress where ``shown`` is True only.
    """
    if report is not None and shown is None:
        shown = False
    with progress(title, total, shown=shown) as steps:

        def step(*facts: Any) -> None:
            steps.advance()
            if report is not None:
                report(*facts)

        yield step, lambda count: setattr(steps, "total", count)


def _nothing(steps: Progress, last: bool) -> None:
    """Draw nothing."""


class LogLines:
    """Lines on a stream, the first after ten seconds, later ones each minute; nothing of a short run.

    Parameters
    ----------
    write : callable, optional
        Writes a line; by default to standard error.
    """

    def __init__(self, write: Callable[[str], Any] | None = None) -> None:
        self._write = write or (lambda text: print(text, file=sys.stderr, flush=True))
        self._next = _FIRST_LINE

    def __call__(self, steps: Progress, last: bool) -> None:
        if not last and steps.seconds >= self._next:
            self._next = steps.seconds + max(_FIRST_LINE, min(_LATER_LINES, steps.seconds))
            self._write(str(steps))


class _Line:
    """One line of a terminal, rewritten; it is removed at the end."""

    def __init__(self) -> None:
        self._width, self._next = 0, 0.0

    def __call__(self, steps: Progress, last: bool) -> None:
        if last and self._width:
            self._put("")
            print("\r", end="", file=sys.stderr, flush=True)
        elif not last and steps.seconds >= self._next:
            self._next = steps.seconds + _REFRESH
            self._put(str(steps))

    def _put(self, text: str) -> None:
        print("\r" + text.ljust(self._width), end="", file=sys.stderr, flush=True)
        self._width = len(text)


class _Cell:
    """A bar in the output of a notebook's cell; the last state stays in the saved notebook."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._next = 0.0

    def __call__(self, steps: Progress, last: bool) -> None:
        if not last and steps.seconds < self._next:
            return
        self._next = steps.seconds + _REFRESH
        if self._handle is not None:
            self._handle.update(_Bar(steps))
        else:
            # Not an import: a kernel has loaded it.
            self._handle = sys.modules["IPython.display"].display(_Bar(steps), display_id=True)


class _Bar:
    """A state as text and as HTML."""

    def __init__(self, steps: Progress) -> None:
        self._text, self._share = str(steps), steps.share

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        value = "" if self._share is None else f' value="{self._share:.4f}" max="1"'
        return f'<progress{value} style="width: 16em; vertical-align: middle"></progress> {escape(self._text)}'


def _clock(seconds: float) -> str:
    """Seconds as 0:00:07."""
    return str(datetime.timedelta(seconds=round(seconds)))
