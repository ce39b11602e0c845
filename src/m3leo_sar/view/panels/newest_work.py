"""Computations beside the server's loop, of which the newest of each name is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from bokeh.document import Document

from m3leo_sar.run.threads import limit_openmp
from m3leo_sar.view.panels.page_state import PageState

log = logging.getLogger(__name__)

#: A first map and what belongs to it; more would compete for the same cores.
_THREADS = 2
#: Errors whose text is a sentence for the user.
_EXPECTED = (KeyError, ValueError, OSError, TypeError, ImportError)


class NewestWork:
    """Runs computations in threads and shows their results in a document, under its lock.

    A computation that waits while a newer one of its name begins is never run; one that ends after a newer one of its
    name has begun is not shown. A document without a session, as in tests, computes at once.

    Parameters
    ----------
    doc : bokeh.document.Document
    state : PageState
        Its ``busy`` and ``problems`` say what is being computed and what failed.
    """

    def __init__(self, doc: Document, state: PageState) -> None:
        self._doc, self._state = doc, state
        self._newest: dict[str, int] = {}
        self._pool = self._threads() if doc.session_context else None
        #: Callbacks of the document may still run after its session has ended.
        self._is_closed = False
        if self._pool:
            doc.on_session_destroyed(lambda _: self.close())

    def start(
        self,
        name: str,
        compute: Callable[[], Any],
        show: Callable[[Any], None],
        *,
        clear: Callable[[], None] = lambda: None,
    ) -> None:
        """Compute a value beside the loop and show it.

        Parameters
        ----------
        name : str
            Of the computation, for the user.
        compute : callable
            Runs in a thread and must not touch the document.
        show : callable
            Takes the value, under the lock of the document.
        clear : callable
            Called under the lock instead of ``show`` after an error.
        """
        number = self._newest[name] = self._newest.get(name, 0) + 1
        self._state.busy = [*(other for other in self._state.busy if other != name), name]
        run = partial(self._run, name, number, compute, show, clear)
        if self._pool is None:
            run()
        elif not self._is_closed:
            self._pool.submit(run)

    def cancel(self, name: str) -> None:
        """Show neither the value nor the error of a computation that was started."""
        self._newest[name] = self._newest.get(name, 0) + 1
        self._forget(name)
        self._state.busy = [other for other in self._state.busy if other != name]

    def close(self) -> None:
        """Drop the computations that wait, and start none."""
        self._is_closed = True
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def fail(self, name: str, error: Exception) -> None:
        """Tell the user why something was not shown."""
        if not isinstance(error, _EXPECTED):
            log.error("%s failed", name, exc_info=error)
        self._state.problems = {**self._state.problems, name: sentence(error)}

    @staticmethod
    def _threads() -> ThreadPoolExecutor:
        # One thread of a kernel each, as several pages may compute at once.
        return ThreadPoolExecutor(_THREADS, "m3leo-page", initializer=limit_openmp, initargs=(1,))

    def _run(
        self,
        name: str,
        number: int,
        compute: Callable[[], Any],
        show: Callable[[Any], None],
        clear: Callable[[], None],
    ) -> None:
        if self._newest[name] != number:
            return
        try:
            outcome: Callable[[], None] = partial(show, compute())
        except Exception as error:  # whatever it is, the page lives on
            outcome = partial(self._failed, name, error, clear)
        finish = partial(self._finish, name, number, outcome)
        if self._pool is None:
            finish()
        else:
            self._doc.add_next_tick_callback(finish)

    def _failed(self, name: str, error: Exception, clear: Callable[[], None]) -> None:
        clear()
        self.fail(name, error)

    def _finish(self, name: str, number: int, outcome: Callable[[], None]) -> None:
        if self._newest[name] != number:
            return
        self._forget(name)
        outcome()
        self._state.busy = [other for other in self._state.busy if other != name]

    def _forget(self, name: str) -> None:
        if name in self._state.problems:
            self._state.problems = {other: text for other, text in self._state.problems.items() if other != name}


def sentence(error: Exception) -> str:
    """Text of an error for the user; that of a KeyError without its quotes.

    Examples
    --------
    >>> from m3leo_sar.view.panels.newest_work import sentence
    >>> sentence(KeyError("tile 'a' is not here")), sentence(RuntimeError())
    ("tile 'a' is not here", 'RuntimeError')
    """
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return text or type(error).__name__
