"""Files on servers, read by ranges: only the bytes that are asked for are transferred.

What a library reads of its own accord, such as headers and trees of chunks, comes in blocks that an index keeps. Chunks
are fetched before the library asks for them, many at once, by :meth:`RangedFile.prefetch`.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from m3leo_sar.io.remote.byte_ranges import ByteRange, coalesced
from m3leo_sar.io.remote.chunk_index import ChunkIndex
from m3leo_sar.io.remote.http_source import Version
from m3leo_sar.io.remote.piece_cache import pieces
from m3leo_sar.io.remote.remote_address import RemoteFile
from m3leo_sar.io.remote.remote_transfer import Part, Source, fetch, start

#: Bytes of a block, which is the least that is transferred of a header.
BLOCK = 64 << 10
#: Most blocks of one request ahead of a reader that goes on and on, and blocks of a file in memory.
_AHEAD, _HELD = 16, 512
#: Bytes of a read from which it is not part of a header, so that the index does not keep them.
_LARGE = 1 << 20


class Begun(NamedTuple):
    """Ranges under way."""

    ranges: list[ByteRange]
    parts: Future[list[Part]] | None


class RangedFile:
    """A file on a server, of one version.

    Parameters
    ----------
    file : RemoteFile
    source : HttpSource or ObjectSource
    version : Version
        An answer of another version is refused.
    index : ChunkIndex
        Keeps the blocks.
    """

    _numbers = itertools.count()

    def __init__(self, file: RemoteFile, source: Source, version: Version, index: ChunkIndex) -> None:
        self.file, self.version, self.index, self.source = file, version, index, source
        self._number = next(self._numbers)
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._next, self._ahead = -1, 1
        self._lock = threading.RLock()

    def prefetch(self, ranges: Iterable[ByteRange]) -> Begun:
        """Begin to fetch the ranges that are not in memory; :meth:`take` waits for them."""
        wanted = coalesced(one for one in ranges if not self.is_held(one))
        return Begun(wanted, start(self.source, wanted) if wanted else None)

    def take(self, begun: Begun) -> None:
        """Keep in memory what :meth:`prefetch` has begun to fetch.

        Raises
        ------
        OSError
            If the server fails.
        ValueError
            If the file was changed.
        """
        if begun.parts is None:
            return
        for (first, _), data in zip(begun.ranges, self._checked(begun.parts.result()), strict=True):
            pieces.put(self._number, first, data)

    def read(self, first: int, stop: int) -> bytes:
        """Bytes of a range, which were prefetched or are fetched now; fewer at the end of the file.

        Raises
        ------
        OSError, ValueError
            As :meth:`take`.
        """
        stop = min(stop, self.version.size)
        if stop <= first:
            return b""
        found = []
        while first < stop:
            part = self._piece(first, stop) or self._of_blocks(first, stop)
            found.append(part)
            first += len(part)
        return found[0] if len(found) == 1 else b"".join(found)

    def keep(self, first: int, part: Part) -> None:
        """Keep bytes from ``first`` on, a multiple of `BLOCK`, as blocks; raises as :meth:`take`."""
        (data,) = self._checked([part])
        self._keep({first + place: data[place : place + BLOCK] for place in range(0, len(data), BLOCK)})

    def is_held(self, one: ByteRange) -> bool:
        """Whether the bytes of a range are in memory or in the index, so that :meth:`read` asks no server."""
        first, stop = one
        if stop - first <= BLOCK and all(map(self._is_at_hand, {first // BLOCK * BLOCK, (stop - 1) // BLOCK * BLOCK})):
            return True
        # Of a large range, several pieces lie one after the other.
        while first < stop:
            held = pieces.at(self._number, first)
            if held is None:
                return False
            first = held[0] + len(held[1])
        return True

    def _is_at_hand(self, place: int) -> bool:
        """Whether a block is in memory or in the index."""
        return place in self._blocks or self._stored(place) is not None

    def _stored(self, place: int) -> bytes | None:
        """A block of the index, which is then in memory."""
        data = self.index.block(self.file.identity, place)
        if data is None or len(data) != min(BLOCK, self.version.size - place):
            return None
        self._hold({place: data})
        return data

    def _piece(self, first: int, stop: int) -> bytes | None:
        held = pieces.at(self._number, first)
        return None if held is None else held[1][first - held[0] : stop - held[0]]

    def _of_blocks(self, first: int, stop: int) -> bytes:
        """Bytes from ``first`` on, of blocks or, for a large read, fetched as they are."""
        if stop - first >= _LARGE:
            ranges = coalesced([(first, stop)])
            return b"".join(self._checked(fetch(self.source, ranges)))
        place = first // BLOCK * BLOCK
        with self._lock:
            data = self._blocks.get(place)
            if data is not None:
                self._blocks.move_to_end(place)
        if data is None:
            # Without the lock, so that a slow block holds up no other.
            data = self._fetched(place, -(-stop // BLOCK) * BLOCK)
        return data[first - place : stop - place]

    def _fetched(self, place: int, stop: int) -> bytes:
        """A block of the index, or of the server together with those after it that will be needed."""
        stored = self._stored(place)
        if stored is not None:
            return stored
        # Reading on and on, as through a list of coordinates, takes fewer and larger requests.
        self._ahead = min(2 * self._ahead, _AHEAD) if place == self._next else 1
        stop = min(max(stop, place + self._ahead * BLOCK), self.version.size)
        self._next = -(-stop // BLOCK) * BLOCK
        (data,) = self._checked(fetch(self.source, [(place, stop)]))
        blocks = {place + offset: data[offset : offset + BLOCK] for offset in range(0, len(data), BLOCK)}
        self._keep(blocks)
        return blocks[place]

    def _keep(self, blocks: dict[int, bytes]) -> None:
        self._hold(blocks)
        self.index.keep_blocks(self.file.identity, blocks)

    def _hold(self, blocks: dict[int, bytes]) -> None:
        with self._lock:
            self._blocks.update(blocks)
            while len(self._blocks) > _HELD:
                self._blocks.popitem(last=False)

    def _checked(self, parts: Sequence[Part]) -> list[bytes]:
        for _, version in parts:
            if not version.is_same(self.version):
                raise ValueError(f"{self.file} was changed on its server while it was being read; run again")
        return [data for data, _ in parts]
