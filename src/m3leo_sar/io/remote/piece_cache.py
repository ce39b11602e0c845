"""Pieces of files on servers in memory, of all files together at most a number of bytes."""

from __future__ import annotations

import bisect
import threading
from collections import OrderedDict
from collections.abc import Hashable

from m3leo_sar.io.remote import remote_options

#: Name of a file in this process, and first byte of a piece.
_Key = tuple[Hashable, int]


class PieceCache:
    """Pieces by file and first byte; those least recently used leave first."""

    def __init__(self) -> None:
        self._pieces: OrderedDict[_Key, bytes] = OrderedDict()
        self._starts: dict[Hashable, list[int]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, file: Hashable, start: int, data: bytes) -> None:
        """Keep a piece; pieces of other files or places leave for it."""
        with self._lock:
            self._drop((file, start))
            self._pieces[file, start] = data
            bisect.insort(self._starts.setdefault(file, []), start)
            self._bytes += len(data)
            while self._bytes > remote_options.options.memory and len(self._pieces) > 1:
                self._drop(next(iter(self._pieces)))

    def at(self, file: Hashable, place: int) -> tuple[int, bytes] | None:
        """First byte and bytes of a piece that holds the byte at ``place``, None if there is none."""
        with self._lock:
            starts = self._starts.get(file, [])
            position = bisect.bisect_right(starts, place) - 1
            # Overlapping pieces: the one that begins last may end before the place.
            for start in reversed(starts[max(0, position - 3) : position + 1]):
                data = self._pieces[file, start]
                if place < start + len(data):
                    self._pieces.move_to_end((file, start))
                    return start, data
        return None

    def clear(self) -> None:
        """Drop all pieces."""
        with self._lock:
            self._pieces.clear()
            self._starts.clear()
            self._bytes = 0

    @property
    def bytes(self) -> int:
        """Bytes of all pieces."""
        return self._bytes

    def _drop(self, key: _Key) -> None:
        data = self._pieces.pop(key, None)
        if data is not None:
            self._bytes -= len(data)
            starts = self._starts[key[0]]
            starts.remove(key[1])
            if not starts:
                del self._starts[key[0]]


#: Pieces of this process.
pieces = PieceCache()
