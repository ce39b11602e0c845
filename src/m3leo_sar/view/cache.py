"""Values in memory by key, within a number of bytes; several threads compute each value once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any


class ByteCache:
    """Values by key; the least recently used ones give way when all of them exceed a number of bytes.

    Parameters
    ----------
    most_bytes : int
        At least 0; 0 keeps nothing.

    Raises
    ------
    ValueError
        If ``most_bytes`` is below 0.

    Examples
    --------
    >>> cache = ByteCache(1000)
    >>> cache.get("a", lambda: b"123"), cache.get("a", lambda: b"456"), cache.nbytes
    ((b'123', False), (b'123', True), 3)
    """

    def __init__(self, most_bytes: int) -> None:
        if most_bytes < 0:
            raise ValueError(f"most_bytes must be at least 0, got {most_bytes}")
        self.most_bytes = most_bytes
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._waited_for: dict[Hashable, Future[Any]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of the values in memory."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._held

    def get(self, key: Hashable, make: Callable[[], Any]) -> tuple[Any, bool]:
        """Value of a key, and whether it was there; ``make()`` computes it otherwise.

        Threads that ask for a key while another computes it wait for that result, or for its exception. An exception
        is not kept. ``make`` must not ask for its own key.
        """
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key][0], True
            waited_for = self._waited_for.get(key)
            own = Future[Any]()
            if waited_for is None:
                self._waited_for[key] = own
        if waited_for is not None:
            return waited_for.result(), True
        try:
            value = make()
        except BaseException as error:
            self._finish(key)
            own.set_exception(error)
            raise
        self._keep(key, value)
        own.set_result(value)
        return value, False

    def peek(self, key: Hashable) -> Any:
        """Value of a key that is in memory, None otherwise."""
        with self._lock:
            if key not in self._held:
                return None
            self._held.move_to_end(key)
            return self._held[key][0]

    def clear(self) -> None:
        """Forget all values."""
        with self._lock:
            self._held.clear()
            self._bytes = 0

    def _finish(self, key: Hashable) -> None:
        with self._lock:
            del self._waited_for[key]

    def _keep(self, key: Hashable, value: Any) -> None:
        size = bytes_of(value)
        with self._lock:
            del self._waited_for[key]
            if size > self.most_bytes:
                return
            self._held[key] = value, size
            self._bytes += size
            while self._bytes > self.most_bytes:
                self._bytes -= self._held.popitem(last=False)[1][1]


def bytes_of(value: Any) -> int:
    """Bytes of a value: its ``nbytes``, the length of bytes, or those of all parts of a tuple; 0 of anything else.

    Examples
    --------
    >>> import numpy as np
    >>> bytes_of((np.zeros((3, 5), "complex64"), b"ab", None))
    122
    """
    if isinstance(value, bytes | bytearray):
        return len(value)
    if isinstance(value, tuple) and not hasattr(value, "nbytes"):
        return sum(bytes_of(part) for part in value)
    return int(getattr(value, "nbytes", 0))
