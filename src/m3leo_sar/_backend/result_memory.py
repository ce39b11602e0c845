"""Memory pool for large results, reused when a result is released.

Clearing a new memory page costs the system more time than the kernel needs to fill it, so a loop that computes many
maps, as in training, would spend much of its time there. The pool is bounded, and released before any new allocation,
so that it never adds to the memory of a call.
"""

from __future__ import annotations

from math import prod
from threading import Lock
from typing import Any

import numpy as np

#: Smaller results are allocated by NumPy; maximum size of the pool, enough for one map of 4096 x 4096 float32.
SMALLEST, MOST_KEPT = 1 << 20, 66 << 20
_ALIGNMENT = 64


class _Kept:
    """Released buffers, oldest first."""

    def __init__(self) -> None:
        self.buffers: list[np.ndarray] = []
        self.lock = Lock()

    def take(self, size: int) -> np.ndarray:
        """A buffer of ``size`` bytes to twice that, from the pool or new."""
        with self.lock:
            fitting = [index for index, buffer in enumerate(self.buffers) if size <= buffer.nbytes <= 2 * size]
            if fitting:
                return self.buffers.pop(min(fitting, key=lambda index: self.buffers[index].nbytes))
            self.buffers.clear()
        return np.empty(size, np.uint8)

    def give(self, buffer: np.ndarray) -> None:
        """Keep a buffer, and release the oldest ones beyond the limit."""
        with self.lock:
            self.buffers.append(buffer)
            while sum(kept.nbytes for kept in self.buffers) > MOST_KEPT:
                self.buffers.pop(0)


_kept = _Kept()


class _Lease:
    """Base of the arrays over one buffer; when the last of them is deleted, the buffer is free again."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.buffer = _kept.take(prod(shape) * dtype.itemsize + _ALIGNMENT)
        address = self.buffer.ctypes.data
        self.__array_interface__: dict[str, Any] = {
            "shape": shape,
            "typestr": dtype.str,
            "data": (address + -address % _ALIGNMENT, False),
            "version": 3,
        }

    def __del__(self) -> None:
        _kept.give(self.buffer)


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """New array in C order, not initialised."""
    dtype = np.dtype(dtype)
    if prod(shape) * dtype.itemsize < SMALLEST:
        return np.empty(shape, dtype)
    return np.asarray(_Lease(shape, dtype))
