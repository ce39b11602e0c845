"""Reading of several dates at the same time, for files on servers, of which each takes a round trip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from numpy.typing import NDArray

#: Reads the pixels [rows, cols] of the image with an index.
Read = Callable[[int, slice, slice], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class ConcurrentRead:
    """A stack's ``read`` that :meth:`m3leo_sar.SlcStack.window` calls for several images at the same time.

    Parameters
    ----------
    read : callable
        ``read(index, rows, cols)``; it must bear several threads.
    threads : int
        Most images at the same time.
    """

    read: Read
    threads: int = 8

    def __call__(self, index: int, rows: slice, cols: slice) -> NDArray[Any]:
        """Pixels of one image."""
        return self.read(index, rows, cols)


def read_each(read: Read, indices: Sequence[int], rows: slice, cols: slice) -> Iterator[NDArray[Any]]:
    """Pixels of some images in their order, at the same time if `read` is a `ConcurrentRead`."""
    if not isinstance(read, ConcurrentRead) or len(indices) < 2:
        yield from (read(index, rows, cols) for index in indices)
        return
    with ThreadPoolExecutor(min(read.threads, len(indices))) as pool:
        yield from pool.map(partial(_one, read.read, rows, cols), indices)


def derived_read(function: Callable[..., NDArray[Any]], read: Read, *arguments: Any) -> Read:
    """``function(read, *arguments, index, rows, cols)`` as a read, concurrent if `read` is."""
    if isinstance(read, ConcurrentRead):
        return ConcurrentRead(partial(function, read.read, *arguments), read.threads)
    return partial(function, read, *arguments)


def joined_read(joined: Read, reads: Sequence[Read]) -> Read:
    """A read made of others, concurrent if one of them is."""
    return ConcurrentRead(joined) if any(isinstance(read, ConcurrentRead) for read in reads) else joined


def _one(read: Read, rows: slice, cols: slice, index: int) -> NDArray[Any]:
    return read(index, rows, cols)
