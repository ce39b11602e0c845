"""A window of a Zarr array on a server: its chunks are fetched at the same time, then unpacked by zarr.

zarr asks for a few chunks at a time, and for one part of a shard after the other, so that each would take a round trip.
Here they are fetched band by band before zarr asks, and compared with their checksums of an earlier reading.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.remote.chunk_index import Chunk
from m3leo_sar.io.remote.ranged_file import BLOCK, Begun, RangedFile
from m3leo_sar.io.remote.remote_transfer import fetch_each
from m3leo_sar.io.remote.remote_zarr import RemoteZarr

#: Unpacked bytes of a band, of which the next is fetched while one is unpacked.
_BAND = 32 << 20
#: Offset and length of a chunk that a shard lacks; bytes of a CRC-32C.
_MISSING = 2**64 - 1
_CHECKSUM = 4

#: Place of a chunk in the grid of chunks.
Place = tuple[int, ...]
#: Refuses stored bytes of a chunk, given its name.
Check = Callable[[str, bytes], None]


class _Fetched(NamedTuple):
    """Chunks of a band under way: parts of shards, or objects of their own."""

    begun: list[tuple[RangedFile, Begun]]
    #: Number of a chunk to its shard and range, None for one that was never written.
    placed: Mapping[int, tuple[RangedFile, int, int] | None]
    #: Number of a chunk to the name of its object.
    named: Mapping[int, str]


def read_remote_part(node: RemoteZarr, part: Sequence[slice | int], *, check: Check | None = None) -> NDArray[Any]:
    """Read a part of an array.

    Parameters
    ----------
    node : RemoteZarr
        The array.
    part : sequence of slice or int
        Of step 1, one per axis.
    check : callable, optional
        ``check(name, data)`` raises a ValueError for stored bytes of a chunk that must not be unpacked.

    Raises
    ------
    OSError
        If the server fails.
    ValueError
        If a chunk is damaged or has another checksum than before, or a shard was changed since it was opened.
    """
    array = node.array
    if not array.shape:
        return np.asarray(array[()])
    spans = [
        range(one, one + 1) if isinstance(one, int) else range(*one.indices(size))
        for one, size in zip(part, array.shape, strict=True)
    ]
    out = np.empty([len(span) for span in spans], array.dtype)
    if out.size:
        _fill(out, node, spans, check)
    return out[tuple(0 if isinstance(one, int) else slice(None) for one in part)]


def _fill(out: NDArray[Any], node: RemoteZarr, spans: Sequence[range], check: Check | None) -> None:
    axis = next((axis for axis, span in enumerate(spans) if len(span) > node.array.chunks[axis]), 0)
    bands = [[*spans[:axis], band, *spans[axis + 1 :]] for band in _bands(node.array, spans, axis)]
    coming = _begin(node, bands[0])
    for position, band in enumerate(bands):
        current = coming
        if position + 1 < len(bands):
            coming = _begin(node, bands[position + 1])
        for file, begun in current.begun:
            file.take(begun)
        _check(node, current, check)
        inside = [slice(one.start - all_.start, one.stop - all_.start) for one, all_ in zip(band, spans, strict=True)]
        out[tuple(inside)] = node.array[tuple(slice(one.start, one.stop) for one in band)]


def _bands(array: Any, spans: Sequence[range], axis: int) -> Iterator[range]:
    """Parts along an axis of whole chunks, of a limited size or of one chunk each."""
    size, span = array.chunks[axis], spans[axis]
    others = [len(_touched(one, length)) for one, length in zip(spans, array.chunks, strict=True)]
    line = math.prod(others) // others[axis] * math.prod(array.chunks) * array.dtype.itemsize
    step = size * max(1, _BAND // max(line, 1))
    for first in range(span.start // size * size, span.stop, step):
        yield range(max(first, span.start), min(first + step, span.stop))


def _touched(span: range, size: int) -> range:
    return range(span.start // size, -(-span.stop // size))


def _begin(node: RemoteZarr, spans: Sequence[range]) -> _Fetched:
    """Begin to fetch the chunks that a band touches."""
    array = node.array
    counts = [-(-length // size) for length, size in zip(array.shape, array.chunks, strict=True)]
    places = list(itertools.product(*(_touched(one, size) for one, size in zip(spans, array.chunks, strict=True))))
    numbers = {place: int(np.ravel_multi_index(place, counts)) if counts else 0 for place in places}
    if array.shards is None:
        named = {number: array.metadata.encode_chunk_key(place) for place, number in numbers.items()}
        node.objects.begin(named.values())
        return _Fetched([], {}, named)
    return _of_shards(node, numbers)


def _of_shards(node: RemoteZarr, numbers: Mapping[Place, int]) -> _Fetched:
    array = node.array
    per_shard = [shard // chunk for shard, chunk in zip(array.shards, array.chunks, strict=True)]
    inside: dict[Place, list[Place]] = {}
    for place in numbers:
        shard = tuple(index // count for index, count in zip(place, per_shard, strict=True))
        inside.setdefault(shard, []).append(place)
    keys = [array.metadata.encode_chunk_key(shard) for shard in inside]
    files = node.shards(keys)
    tables = _tables(array, [file for file in files if file is not None], math.prod(per_shard))
    begun: list[tuple[RangedFile, Begun]] = []
    placed: dict[int, tuple[RangedFile, int, int] | None] = {}
    for file, within in zip(files, inside.values(), strict=True):
        table = None if file is None else tables[file]
        if file is not None and table is None:
            # An index that zarr alone can read.
            continue
        for place in within:
            placed[numbers[place]] = _range_of(
                file, table, [i % n for i, n in zip(place, per_shard, strict=True)], per_shard
            )
        ranges = [found[1:] for place in within if (found := placed[numbers[place]]) is not None]
        if file is not None:
            # zarr takes a shard of which it needs all chunks in one piece.
            whole = [(0, file.version.size)] if len(within) == math.prod(per_shard) else ranges
            begun.append((file, file.prefetch(whole)))
    return _Fetched(begun, placed, {})


def _range_of(
    file: RangedFile | None, table: NDArray[np.uint64] | None, place: Sequence[int], per_shard: Sequence[int]
) -> tuple[RangedFile, int, int] | None:
    if file is None or table is None:
        return None
    first, size = (int(value) for value in table[np.ravel_multi_index(tuple(place), per_shard)])
    if first == size == _MISSING:
        return None
    if first + size > file.version.size:
        raise ValueError(f"{file.file} is damaged: a chunk of its index would lie beyond its end")
    return file, first, first + size


def _tables(array: Any, files: Sequence[RangedFile], count: int) -> dict[RangedFile, NDArray[np.uint64] | None]:
    """Offsets and lengths of the chunks of shards, (chunks, 2); None for an index packed in a way of its own."""
    codec = array.metadata.codecs[0]
    names = [type(one).__name__ for one in codec.index_codecs]
    if names not in (["BytesCodec", "Crc32cCodec"], ["BytesCodec"]):
        return dict.fromkeys(files)
    body = 16 * count
    total = body + _CHECKSUM * (len(names) - 1)
    at_end = getattr(codec.index_location, "value", codec.index_location) == "end"
    if at_end:
        _fetch_ends(files, total)
    found: dict[RangedFile, NDArray[np.uint64] | None] = {}
    for file in files:
        first = file.version.size - total if at_end else 0
        data = file.read(max(first, 0), max(first, 0) + total)
        if len(data) != total:
            raise ValueError(f"{file.file} is cut short: {file.version.size} bytes cannot hold an index of {count}")
        if len(names) > 1 and google_crc32c.value(data[:body]) != int.from_bytes(data[body:], "little"):
            raise ValueError(f"{file.file} is damaged: the checksum of its index does not match")
        found[file] = np.frombuffer(data[:body], "<u8").reshape(count, 2)
    return found


def _fetch_ends(files: Sequence[RangedFile], size: int) -> None:
    """Fetch the ends of files at the same time, as blocks that the index keeps."""
    starts = {file: max(0, file.version.size - size) // BLOCK * BLOCK for file in files}
    new = [file for file in files if not file.is_held((starts[file], file.version.size))]
    parts = fetch_each([file.source for file in new], [(starts[file], file.version.size) for file in new])
    for file, part in zip(new, parts, strict=True):
        if isinstance(part, Exception):
            raise part
        file.keep(starts[file], part)


def _check(node: RemoteZarr, fetched: _Fetched, check: Check | None) -> None:
    """Compare the bytes with those of an earlier reading, and note the checksums of new ones."""
    document, numbers = node.document, [*fetched.named, *fetched.placed]
    known = document.index.chunks(document.file.identity, node.dataset, numbers)
    new = {}
    for number in numbers:
        chunk, data = _stored(node, fetched, number)
        if data is None:
            node.documents.confirm()
        elif check is not None:
            check(f"chunk {number} of {node.root}", data)
        before = known.get(number)
        if before is not None and before.checksum is not None and before.checksum != chunk.checksum:
            found = "is gone" if data is None else "has another checksum than before"
            raise ValueError(
                f"{node.root} was changed on its server, though its metadata was not: chunk {number} {found}; if that "
                "is meant, remove the index of remote files and what was made from the store"
            )
        if before != chunk:
            new[number] = chunk
    if new:
        document.index.keep_chunks(document.file.identity, node.dataset, new)


def _stored(node: RemoteZarr, fetched: _Fetched, number: int) -> tuple[Chunk, bytes | None]:
    """Place and bytes of a chunk."""
    if number in fetched.named:
        data, first = node.objects.get(fetched.named[number]), 0
    else:
        place = fetched.placed[number]
        data = None if place is None else place[0].read(*place[1:])
        first = 0 if place is None else place[1]
    if data is None:
        return Chunk(None, 0), None
    return Chunk(first, len(data), 0, zlib.crc32(data)), data
