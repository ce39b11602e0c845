"""Windows of local Zarr v3 arrays whose chunks are stored as they are, each followed by its CRC-32C."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

#: Bytes of a CRC-32C.
_CHECKSUM = 4
#: Codecs of such an array, in order.
_CODECS = ["bytes", "crc32c"]


def is_checked(array: Any) -> bool:
    """Whether an open array is of this machine and its chunks are stored as they are, with a checksum."""
    # Imported here, as it imports zarr, which the caller has by now.
    from m3leo_sar.io.remote.remote_zarr import RemoteZarr

    if isinstance(array.store, RemoteZarr) or array.metadata.zarr_format != 3 or array.shards is not None:
        return False
    codecs = [codec.to_dict() for codec in array.metadata.codecs]
    endian = codecs[0].get("configuration", {}).get("endian", "little")
    return [codec["name"] for codec in codecs] == _CODECS and endian == "little"


def read_checked(array: Any, folder: Path, part: Sequence[slice]) -> NDArray[Any]:
    """A part of an array that :func:`is_checked`: each chunk is read once into memory that serves them all.

    Parameters
    ----------
    array : zarr.Array
    folder : Path
        Its folder.
    part : sequence of slice
        With step 1.

    Raises
    ------
    OSError
        If a chunk cannot be read.
    ValueError
        If a chunk has another size or checksum than it should.
    """
    spans = [range(*one.indices(size)) for one, size in zip(part, array.shape, strict=True)]
    dtype = np.dtype(array.dtype).newbyteorder("<")
    out = np.empty([len(span) for span in spans], dtype)
    chunk = np.empty(int(np.prod(array.chunks)) * dtype.itemsize + _CHECKSUM, np.uint8)
    pixels = chunk[:-_CHECKSUM].view(dtype).reshape(array.chunks)
    for index, into, of in _pieces(spans, array.chunks):
        path = folder.joinpath(*array.metadata.encode_chunk_key(index).split("/"))
        out[into] = pixels[of] if _filled(chunk, path) else array.fill_value
    return out


def _pieces(
    spans: Sequence[range], chunks: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...], tuple[slice, ...]]]:
    """Each chunk that a part touches, where it lies in the part, and the pixels of it."""
    axes = []
    for span, size in zip(spans, chunks, strict=True):
        last = (span.stop - 1) // size + 1 if len(span) else 0
        parts = []
        for index in range(span.start // size, last):
            first, end = max(span.start, index * size), min(span.stop, (index + 1) * size)
            into, of = slice(first - span.start, end - span.start), slice(first - index * size, end - index * size)
            parts.append((index, into, of))
        axes.append(parts)
    for piece in itertools.product(*axes):
        index, into, of = zip(*piece, strict=True)
        yield index, into, of


def _filled(chunk: NDArray[np.uint8], path: Path) -> bool:
    """Fill the memory of a chunk from its file; False if there is none, as of a chunk of the fill value."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return False
    try:
        size = os.fstat(handle).st_size
        with open(handle, "rb", buffering=0, closefd=False) as stream:
            got = stream.readinto(chunk.data) if size == chunk.nbytes else None
    finally:
        os.close(handle)
    if got != chunk.nbytes:
        raise ValueError(f"chunk {path.parent.name}/{path.name} has {size} bytes, expected {chunk.nbytes}")
    if google_crc32c.value(chunk[:-_CHECKSUM]) != int.from_bytes(chunk[-_CHECKSUM:].tobytes(), "little"):
        raise ValueError(f"chunk {path.parent.name}/{path.name} is damaged: its checksum does not match")
    return True
