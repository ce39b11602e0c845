"""Threads of this process that do the jobs of a loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Generic

from m3leo_sar.run.loop import Answer, Job, heard


class ThreadPool(Generic[Job]):
    """Jobs in threads, with a short queue of waiting jobs.

    Parameters
    ----------
    do : callable
        Does one job; called from several threads.
    workers : int
        Threads.
    stopping : threading.Event
        Set once, when the run ends early, so that jobs may end their pauses.
    """

    def __init__(self, do: Callable[[Job], Answer], *, workers: int, stopping: threading.Event) -> None:
        self._do, self._workers, self._stopping = do, workers, stopping
        self._pool = ThreadPoolExecutor(workers)
        self._under_way: dict[Future[Answer], Job] = {}

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Answer]]:
        """Do the jobs; each is yielded as soon as it ends."""
        for job in jobs:
            self._under_way[self._pool.submit(heard, self._do, job)] = job
            # A million tiles must not wait in memory.
            if len(self._under_way) >= 2 * self._workers:
                yield from self._finished()
        while self._under_way:
            yield from self._finished()
        self._pool.shutdown()

    def _finished(self) -> Iterator[tuple[Job, Answer]]:
        done = wait(self._under_way, return_when=FIRST_COMPLETED).done
        for future in [future for future in self._under_way if future in done]:
            yield self._under_way[future], future.result()
            # Removed after the loop has noted it: `stop` returns the jobs that an exception leaves here.
            del self._under_way[future]

    def stop(self) -> Iterator[tuple[Job, Answer]]:
        """Wait for running jobs; the others are left to the next run."""
        self._stopping.set()
        for future in self._under_way:
            future.cancel()
        wait(self._under_way)
        for future in self._under_way:
            if not future.cancelled() and future.exception() is None:
                yield self._under_way[future], future.result()
        self._pool.shutdown()
