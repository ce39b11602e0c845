"""A pause of Python's collection of cycles while files on servers are read.

h5py holds a lock while HDF5 waits for bytes. A collection in another thread, such as the one of the requests, waits
for that lock as soon as it meets a forgotten h5py object: then neither goes on. (The same can happen to h5py over any
Python file that another thread feeds, fsspec's among them.)
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class CollectionPause:
    """Counts who needs the pause; the last one ends it."""

    def __init__(self) -> None:
        self._count, self._was_on = 0, False
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Pause, or prolong a pause."""
        # Nothing in here allocates what could start a collection.
        with self._lock:
            if self._count == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._count += 1

    def end(self) -> None:
        """End one's own need of the pause."""
        with self._lock:
            self._count -= 1
            if self._count == 0 and self._was_on:
                gc.enable()

    def reset(self) -> None:
        """Forget who needs the pause: in the fork of a process, its threads are not there."""
        if self._count and self._was_on:
            gc.enable()
        self.__init__()  # type: ignore[misc]

    @contextmanager
    def during(self) -> Iterator[None]:
        """Pause inside the block."""
        self.begin()
        try:
            yield
        finally:
            self.end()


#: Pause of this process.
pause = CollectionPause()
