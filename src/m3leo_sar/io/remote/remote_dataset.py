"""A window of a dataset of an HDF5 file on a server: its chunks are fetched at the same time and unpacked here.

HDF5 itself asks for one chunk after the other, so that each would take a round trip. Here the chunks' places come from
the index, or else from the dataset's own tree. What is packed with other filters than HDF5's usual ones is unpacked by
HDF5, which finds the bytes in memory.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.remote.byte_ranges import ByteRange
from m3leo_sar.io.remote.chunk_filters import filters_of, is_plain, unpack
from m3leo_sar.io.remote.chunk_index import Chunk
from m3leo_sar.io.remote.chunk_tree import ChunkTree, find_tree, tree_chunks
from m3leo_sar.io.remote.ranged_file import RangedFile

#: Stored bytes of a band, of which the next is fetched while one is unpacked.
_BAND = 16 << 20
#: Chunks whose places are looked up at once.
_LOOKED_UP = 4096
#: Bytes of a dataset that is read as a part of the header.
_SMALL = 1 << 20
#: Largest expansion of a byte by deflate.
_DEFLATE = 1032


class _Band(NamedTuple):
    """Rows that are read at once, and the bytes of the file that hold them."""

    rows: range
    ranges: list[ByteRange]
    chunks: dict[int, Chunk]


def read_remote(dataset: Any, file: RangedFile, spans: Sequence[range], *, largest: int) -> NDArray[Any]:
    """Read a part of a dataset.

    Parameters
    ----------
    dataset : h5py.Dataset
        Of an open file over ``file``, with at least one axis.
    file : RangedFile
    spans : sequence of range
        Indices along each axis, with step 1.
    largest : int
        Most bytes of a chunk, unpacked; stored chunks that need more are refused.

    Raises
    ------
    OSError
        If the server fails.
    ValueError
        If a chunk is too large or lies beyond the end of the file, or the file was changed since its chunks were found.
    """
    if math.prod(dataset.shape) * dataset.dtype.itemsize <= _SMALL:
        # Coordinates and the like: the index keeps the blocks that they lie in.
        return np.asarray(dataset[tuple(slice(span.start, span.stop) for span in spans)])
    out = np.empty([len(span) for span in spans], dataset.dtype)
    if not out.size:
        return out
    bands = list(_in_chunks(dataset, file, spans) if dataset.chunks else _in_rows(dataset, spans))
    begun = file.prefetch(bands[0].ranges)
    for position, band in enumerate(bands):
        current = begun
        if position + 1 < len(bands):
            begun = file.prefetch(bands[position + 1].ranges)
        file.take(current)
        _check(dataset, file, band.chunks, largest)
        first = band.rows.start - spans[0].start
        target = out[first : first + len(band.rows)]
        if not _unpack_into(target, dataset, file, (band.rows, *spans[1:]), band.chunks):
            part = tuple(slice(span.start, span.stop) for span in (band.rows, *spans[1:]))
            dataset.read_direct(out, part, np.s_[first : first + len(band.rows)])
    return out


def _unpack_into(
    out: NDArray[Any], dataset: Any, file: RangedFile, spans: Sequence[range], chunks: dict[int, Chunk]
) -> bool:
    """Fill a part from its chunks; False if HDF5 has to do it."""
    shape, dtype = dataset.chunks, dataset.dtype
    filters = filters_of(dataset) if shape and is_plain(dataset) else None
    if filters is None:
        return False
    for number, start in _touched(dataset, spans).items():
        inner = [
            slice(max(span.start - first, 0), min(span.stop - first, size))
            for span, first, size in zip(spans, start, shape, strict=True)
        ]
        place = tuple(
            slice(first + part.start - span.start, first + part.stop - span.start)
            for span, first, part in zip(spans, start, inner, strict=True)
        )
        chunk = chunks[number]
        if chunk.start is None:
            out[place] = dataset.fillvalue
            continue
        data = file.read(chunk.start, chunk.start + chunk.size)
        try:
            out[place] = unpack(data, filters, chunk.mask, shape, dtype)[tuple(inner)]
        except ValueError:
            # HDF5 knows exceptions, such as chunks at the edge that are not packed, and has words for damage.
            return False
    return True


def chunks_of(dataset: Any, file: RangedFile, spans: Sequence[range]) -> dict[int, Chunk]:
    """Chunks that a part of a dataset touches, by number in row-major order; the index keeps them.

    Raises
    ------
    ValueError
        If a stored chunk is larger than an unpacked one can be, or would lie beyond the end of the file.
    """
    numbers = _touched(dataset, spans)
    known = file.index.chunks(file.file.identity, dataset.name, list(numbers))
    lacking = {number: start for number, start in numbers.items() if number not in known}
    if not lacking:
        return known
    new = _looked_up(dataset, file, lacking)
    raw = math.prod(dataset.chunks) * dataset.dtype.itemsize
    for chunk in new.values():
        # Filters add at most a few bytes to incompressible data.
        if chunk.size > raw + raw // 8 + 4096:
            raise ValueError(f"{file.file} is damaged: a chunk of {dataset.name} takes {chunk.size} bytes for {raw}")
        if chunk.start is not None and chunk.start + chunk.size > file.version.size:
            raise ValueError(f"{file.file} is damaged: a chunk of {dataset.name} would lie beyond its end")
    file.index.keep_chunks(file.file.identity, dataset.name, new)
    return known | {number: new[number] for number in lacking}


def _looked_up(dataset: Any, file: RangedFile, lacking: dict[int, tuple[int, ...]]) -> dict[int, Chunk]:
    """The lacking chunks, and others that were found on the way."""
    known_facts = file.index.dataset(file.file.identity, dataset.name)
    if known_facts is None:
        tree = find_tree(file, dataset.name)
        file.index.keep_dataset(file.file.identity, dataset.name, _description(dataset, tree))
    else:
        tree = None if known_facts["tree"] is None else ChunkTree(*known_facts["tree"])
    if tree is None:
        return {number: _chunk(dataset, start) for number, start in lacking.items()}
    found = tree_chunks(file, tree, list(lacking.values()))
    steps, sizes, shape = _steps(dataset), dataset.chunks, dataset.shape
    placed = {
        sum(first // size * step for first, size, step in zip(start, sizes, steps, strict=True)): chunk
        for start, chunk in found.items()
        if all(first < length for first, length in zip(start, shape, strict=True))
    }
    return {number: Chunk(None, 0) for number in lacking} | placed


def _in_chunks(dataset: Any, file: RangedFile, spans: Sequence[range]) -> Iterator[_Band]:
    rows = spans[0]
    band = _Band(range(rows.start, rows.start), [], {})
    stored = 0
    for line, found in _lines(dataset, file, spans):
        ranges = [(chunk.start, chunk.start + chunk.size) for chunk in found.values() if chunk.start is not None]
        weight = sum(stop - first for first, stop in ranges)
        if band.rows and stored + weight > _BAND:
            yield band
            band, stored = _Band(range(line.start, line.start), [], {}), 0
        band = _Band(range(band.rows.start, line.stop), band.ranges + ranges, band.chunks | found)
        stored += weight
    yield band


def _lines(dataset: Any, file: RangedFile, spans: Sequence[range]) -> Iterator[tuple[range, dict[int, Chunk]]]:
    """Rows of each line of chunks and the chunks in it; many lines are looked up at once, as each takes round trips."""
    size, rows = dataset.chunks[0], spans[0]
    across = len(_touched(dataset, (range(rows.start, rows.start + 1), *spans[1:])))
    step = size * max(1, _LOOKED_UP // across)
    for first in range(rows.start // size * size, rows.stop, step):
        starts = range(first, min(first + step, rows.stop), size)
        lines = [range(max(start, rows.start), min(start + size, rows.stop)) for start in starts]
        found = chunks_of(dataset, file, (range(lines[0].start, lines[-1].stop), *spans[1:]))
        for line in lines:
            yield line, {number: found[number] for number in _touched(dataset, (line, *spans[1:]))}


def _in_rows(dataset: Any, spans: Sequence[range]) -> Iterator[_Band]:
    """Bands of a dataset that lies in the file as one piece, or in the header or nowhere yet."""
    begin, rows = dataset.id.get_offset(), spans[0]
    row_bytes = math.prod(dataset.shape[1:]) * dataset.dtype.itemsize
    step = max(1, _BAND // max(row_bytes, 1))
    for start in range(rows.start, rows.stop, step):
        line = range(start, min(start + step, rows.stop))
        # Of a matrix, only the columns that are wanted.
        cols = spans[1] if len(spans) == 2 else range(math.prod(dataset.shape[1:]))
        ranges = [
            (begin + row * row_bytes + cols.start * dataset.dtype.itemsize,
             begin + row * row_bytes + cols.stop * dataset.dtype.itemsize)
            for row in line
        ] if begin is not None else []  # fmt: skip
        yield _Band(line, ranges, {})


def _touched(dataset: Any, spans: Sequence[range]) -> dict[int, tuple[int, ...]]:
    """Number and first index of each chunk that a part touches."""
    steps, sizes = _steps(dataset), dataset.chunks
    axes = [range(span.start // size, -(-span.stop // size)) for span, size in zip(spans, sizes, strict=True)]
    return {
        sum(index * step for index, step in zip(place, steps, strict=True)): tuple(
            index * size for index, size in zip(place, sizes, strict=True)
        )
        for place in itertools.product(*axes)
    }


def _steps(dataset: Any) -> list[int]:
    """Chunks from one to the next along each axis, in row-major order."""
    counts = [-(-length // size) for length, size in zip(dataset.shape, dataset.chunks, strict=True)]
    return [math.prod(counts[axis + 1 :]) for axis in range(len(counts))]


def _chunk(dataset: Any, start: tuple[int, ...]) -> Chunk:
    found = dataset.id.get_chunk_info_by_coord(start)
    return Chunk(found.byte_offset, int(found.size or 0), int(found.filter_mask or 0))


def _check(dataset: Any, file: RangedFile, chunks: dict[int, Chunk], largest: int) -> None:
    """Compare the bytes with those of an earlier reading, and note the checksums of new ones."""
    new = {}
    for number, chunk in chunks.items():
        if chunk.start is None:
            continue
        data = file.read(chunk.start, chunk.start + chunk.size)
        found = zlib.crc32(data)
        if chunk.checksum is None:
            _check_deflate(dataset, chunk, data, largest)
            new[number] = chunk._replace(checksum=found)
        elif chunk.checksum != found:
            raise ValueError(
                f"{file.file} was changed on its server, though its size and date were not: chunk {number} of "
                f"{dataset.name} has another checksum than before"
            )
    if new:
        file.index.keep_chunks(file.file.identity, dataset.name, new)


def _check_deflate(dataset: Any, chunk: Chunk, data: bytes, largest: int) -> None:
    """Refuse a packed chunk that unpacks to more than a chunk: HDF5 allocates any size that it requests."""
    if chunk.size * _DEFLATE <= largest or chunk.mask or dataset.compression != "gzip":
        return
    raw = math.prod(dataset.chunks) * dataset.dtype.itemsize
    try:
        unpacked = len(zlib.decompressobj().decompress(data, raw + 4097))
    except zlib.error as error:
        raise ValueError(f"{dataset.name} is damaged: {error}") from error
    if unpacked > raw + 4096:
        raise ValueError(f"{dataset.name} is damaged: a chunk of {raw} bytes unpacks to more")


def _description(dataset: Any, tree: ChunkTree | None) -> dict[str, Any]:
    creation = dataset.id.get_create_plist()
    filters = [creation.get_filter(position) for position in range(creation.get_nfilters())]
    return {
        "shape": list(dataset.shape),
        "dtype": str(dataset.dtype),
        "chunks": list(dataset.chunks),
        "filters": [{"id": number, "name": name.decode(errors="replace")} for number, _, _, name in filters],
        "tree": None if tree is None else list(tree),
    }
