"""Memory pool for large results, reused when a result is released.

Clearing a new memory page costs the system more time than the kernel needs to fill it, so a loop that computes many
maps, as in training, would spend much of its time there. The pool is bounded, and released before any new allocation,
so that it never adds to the memory of a call. Where the system has ``MADV_FREE`` (Linux, macOS), it may take the pages
of a kept buffer when memory is short.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from contextlib import suppress
from math import prod
from threading import Lock
from typing import Any

import numpy as np

_FREE = getattr(mmap, "MADV_FREE", None)
_HUGE = getattr(mmap, "MADV_HUGEPAGE", None)
#: Smaller results are allocated by NumPy.
SMALLEST = 1 << 20
#: Maximum size of the pool: 600 maps of a tile of 448 x 448 float32, or one of 4096 x 4096 where the system cannot take
#: the pages back.
MOST_KEPT = 66 << 20 if _FREE is None else 512 << 20
_ALIGNMENT = 64


def _pages(size: int) -> mmap.mmap | None:
    """Pages of their own, or None where the system has none to give: NumPy's error then names the size."""
    if _FREE is None:
        return None
    try:
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (OSError, OverflowError):
        return None


class _Buffer:
    """Memory for one result."""

    def __init__(self, size: int) -> None:
        self.nbytes = size
        self._pages = _pages(size)
        self._advise(_HUGE)
        self.bytes = np.empty(size, np.uint8) if self._pages is None else np.frombuffer(self._pages, np.uint8)

    def lend(self) -> None:
        """Let the system take the pages, with their content, until they are written again."""
        self._advise(_FREE)

    def _advise(self, option: int | None) -> None:
        # A system may know the name and not the option; the memory is as good without it.
        if self._pages is not None and option is not None:
            with suppress(OSError):
                self._pages.madvise(option)


class _Kept:
    """Released buffers, oldest first."""

    def __init__(self) -> None:
        self.buffers: list[_Buffer] = []
        self.lock = Lock()

    def take(self, size: int) -> _Buffer:
        """A buffer of ``size`` bytes to twice that, from the pool or new."""
        with self.lock:
            fitting = [index for index, buffer in enumerate(self.buffers) if size <= buffer.nbytes <= 2 * size]
            if fitting:
                return self.buffers.pop(min(fitting, key=lambda index: self.buffers[index].nbytes))
            self.buffers.clear()
        return _Buffer(size)

    def give(self, buffer: _Buffer) -> None:
        """Keep a buffer, and release the oldest ones beyond the limit."""
        if buffer.nbytes <= MOST_KEPT:
            buffer.lend()
        with self.lock:
            self.buffers.append(buffer)
            while sum(kept.nbytes for kept in self.buffers) > MOST_KEPT:
                self.buffers.pop(0)


_kept = _Kept()


class _Lease:
    """Base of the arrays over one buffer; when the last of them is deleted, the buffer is free again."""

    def __init__(self, buffer: _Buffer, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.buffer = buffer
        address = buffer.bytes.ctypes.data
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
    size = prod(shape) * dtype.itemsize
    if size < SMALLEST:
        return np.empty(shape, dtype)
    return np.asarray(_Lease(_kept.take(size + _ALIGNMENT), shape, dtype))


def release() -> None:
    """Return the pool, and freed memory that the C library keeps for reuse, to the system."""
    with _kept.lock:
        _kept.buffers.clear()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
