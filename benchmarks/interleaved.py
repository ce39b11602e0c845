"""Timing several ways of one job so that a busy machine treats them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

#: Seconds between jobs.
REST = 0.05


def interleaved(jobs: dict[str, Callable[[], Any]], *, rounds: int = 5) -> dict[str, float]:
    """Median seconds of each job, taken in turns after one call of each that does not count.

    A rest before each lets the thread pool of the job before, which spins for a while, go to sleep.
    """
    for job in jobs.values():
        job()
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            time.sleep(REST)
            started = time.perf_counter()
            job()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(times) for name, times in seconds.items()}
