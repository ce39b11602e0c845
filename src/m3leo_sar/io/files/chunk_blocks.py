"""Small blocks all over a local Zarr v3 array whose chunks are stored as they are, without reading the whole chunks."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Rows between two needed ones that are read rather than left out.
_GAP = 16


def read_chunk_blocks(array: Any, folder: Path, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[Any]:
    """Elements at some rows and columns of an array of :func:`m3leo_sar.io.files.checked_chunks.is_checked`.

    Checksums are of whole chunks and are not compared: this is for a view, not for products.

    Parameters
    ----------
    array : zarr.Array
        (rows, cols, ...), in chunks along the first two axes.
    folder : Path
        Its folder.
    rows, cols : (n,) int
        Increasing.

    Raises
    ------
    OSError
        If a chunk cannot be read.
    ValueError
        If a chunk is too short.
    """
    dtype = np.dtype(array.dtype).newbyteorder("<")
    out = np.empty((len(rows), len(cols), *array.shape[2:]), dtype)
    for down, along in itertools.product(_by_chunk(rows, array.chunks[0]), _by_chunk(cols, array.chunks[1])):
        index = (down[0], along[0], *(0,) * (array.ndim - 2))
        path = f"{folder}/{array.metadata.encode_chunk_key(index)}"
        place = (down[1], along[1])
        try:
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except FileNotFoundError:
            out[place] = array.fill_value
            continue
        try:
            out[place] = _elements(handle, array.chunks, dtype, down[2], along[2], path)
        finally:
            os.close(handle)
    return out


def _by_chunk(places: NDArray[np.intp], size: int) -> list[tuple[int, slice, NDArray[np.intp]]]:
    """Index of each chunk along an axis, which of the places lie in it, and where."""
    chunks = places // size
    edges = [0, *(np.flatnonzero(np.diff(chunks)) + 1).tolist(), len(places)]
    return [
        (int(chunks[first]), slice(first, last), places[first:last] - int(chunks[first]) * size)
        for first, last in itertools.pairwise(edges)
        if first < last
    ]


def _elements(
    handle: int, chunks: Sequence[int], dtype: Any, rows: NDArray[np.intp], cols: NDArray[np.intp], path: str
) -> NDArray[Any]:
    line = int(np.prod(chunks[1:])) * dtype.itemsize
    edges = [0, *(np.flatnonzero(np.diff(rows) > _GAP) + 1).tolist(), len(rows)]
    found = []
    for first, last in itertools.pairwise(edges):
        low, high = int(rows[first]), int(rows[last - 1]) + 1
        content = _at(handle, low * line, (high - low) * line)
        if len(content) < (high - low) * line:
            raise ValueError(f"chunk {path.rpartition('/c/')[2]} is too short")
        lines = np.frombuffer(content, dtype).reshape(high - low, *chunks[1:])
        lines = lines if last - first == high - low else lines[rows[first:last] - low]
        found.append(lines.take(cols, axis=1))
    return found[0] if len(found) == 1 else np.concatenate(found)


def _at(handle: int, place: int, size: int) -> bytes:
    """Bytes of an open file from a place on."""
    if hasattr(os, "pread"):
        return os.pread(handle, size, place)
    os.lseek(handle, place, os.SEEK_SET)
    return os.read(handle, size)
