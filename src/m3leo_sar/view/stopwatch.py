"""Seconds of the steps of an answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

#: Steps of a map: samples from the disk, the estimate, and the way from the stack's pixels to those of the map.
STEPS = ("read", "kernel", "warp")


class Stopwatch:
    """Seconds by step; steps of several threads are added.

    Examples
    --------
    >>> watch = Stopwatch()
    >>> with watch.step("read"):
    ...     pass
    >>> sorted(watch.seconds), watch.seconds["kernel"]
    (['kernel', 'read', 'warp'], 0.0)
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STEPS, 0.0)
        self._lock = threading.Lock()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add the time of a block to a step."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add({name: time.perf_counter() - started})

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add the seconds of some steps."""
        with self._lock:
            for name, value in seconds.items():
                self.seconds[name] = self.seconds.get(name, 0.0) + value
