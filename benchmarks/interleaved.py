"""Timing several ways of one job so that a busy machine treats them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def interleaved(
    jobs: dict[str, Callable[[], Any]],
    *,
    rounds: int = 5,
    rest: float = 0.0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Median seconds of each job, taken in turns after one call of each that does not count.

    ``rest`` seconds before each let the thread pool of the job before go to sleep, where it is one that spins; short
    jobs then start cold. ``clock`` gives seconds: ``time.process_time`` for the work of all threads.
    """
    for job in jobs.values():
        job()
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            time.sleep(rest)
            started = clock()
            job()
            seconds[name].append(clock() - started)
    return {name: statistics.median(times) for name, times in seconds.items()}
