"""Chunks of a Zarr array that are objects of their own on a server, fetched many at once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from functools import partial

from m3leo_sar.io.remote.piece_cache import pieces
from m3leo_sar.io.remote.remote_address import RemoteFile
from m3leo_sar.io.remote.remote_transfer import Part, Source, start

#: Most bytes of a chunk as stored.
_LARGEST = (1 << 30) + (1 << 27)


class ChunkObjects:
    """Objects below a folder; those that have come are in the cache of the process.

    Parameters
    ----------
    root : RemoteFile
        Folder of the array.
    source : HttpSource or ObjectSource
        Reader of another file of the same server.
    """

    _numbers = itertools.count()

    def __init__(self, root: RemoteFile, source: Source) -> None:
        self.root, self._source = root, source
        self._number = next(self._numbers)
        self._begun: dict[str, Future[list[Part]]] = {}
        self._absent: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, keys: Iterable[str]) -> None:
        """Begin to fetch the objects that are not at hand."""
        for key in keys:
            if not self.is_at_hand(key):
                self._begin(key)

    def is_at_hand(self, key: str) -> bool:
        """Whether :meth:`get` need not wait."""
        return key in self._absent or pieces.at((self._number, key), 0) is not None

    def get(self, key: str) -> bytes | None:
        """Bytes of an object, None if the server has none.

        Raises
        ------
        OSError
            If the server fails.
        ValueError
            If it is too large for a chunk.
        """
        held = pieces.at((self._number, key), 0)
        if held is not None:
            return held[1]
        if key in self._absent:
            return None
        try:
            ((data, version),) = self._begin(key).result()
        except FileNotFoundError:
            return None
        if version.size > _LARGEST:
            raise ValueError(f"{self.root / key} must be a chunk of at most {_LARGEST} bytes, got {version.size}")
        return data

    def _begin(self, key: str) -> Future[list[Part]]:
        """The request for an object; several readers of it, such as those of several dates, share one."""
        with self._lock:
            begun = self._begun.get(key)
            if begun is not None:
                return begun
            begun = self._begun[key] = start(self._source.beside(self.root / key), [(0, _LARGEST)])
        # Without the lock: a request that has ended already calls back at once.
        begun.add_done_callback(partial(self._arrived, key))
        return begun

    def _arrived(self, key: str, begun: Future[list[Part]]) -> None:
        error = begun.exception()
        if isinstance(error, FileNotFoundError):
            self._absent.add(key)
        elif error is None:
            pieces.put((self._number, key), 0, begun.result()[0][0])
        with self._lock:
            self._begun.pop(key, None)
