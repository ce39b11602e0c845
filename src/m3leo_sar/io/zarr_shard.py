"""One chunk of a sharded Zarr v3 array, without the store's machinery: an open, three reads and a decompression."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numcodecs import blosc
from numpy.typing import NDArray

#: Where and how long a chunk that is not written lies.
_MISSING = 2**64 - 1
_CHECKSUM = 4


def read_chunk(shard: str | os.PathLike[str], index: int, count: int, out: NDArray[Any]) -> bool:
    """Fill ``out`` from a chunk of a shard whose chunks are blosc with a CRC-32C and whose index ends it.

    Parameters
    ----------
    shard : path
    index : int
        Number of the chunk within the shard, of ``count``.
    count : int
        Chunks of the shard.
    out : numpy.ndarray
        C-contiguous, of the chunk's size.

    Returns
    -------
    bool
        False if the chunk was not written, as all of it is the fill value.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the shard is cut short or a checksum does not fit.
    """
    path = Path(shard)
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        size = os.fstat(handle).st_size
        table_bytes = 16 * count + _CHECKSUM
        if size < table_bytes:
            raise ValueError(f"{path} is cut short: {size} bytes cannot hold the index of {count} chunks")
        table = _checked(os.pread(handle, table_bytes, size - table_bytes), path, "index")
        start, length = (int(number) for number in np.frombuffer(table, "<u8")[2 * index : 2 * index + 2])
        if start == length == _MISSING:
            return False
        if start + length > size - table_bytes or length <= _CHECKSUM:
            raise ValueError(f"{path} is damaged: chunk {index} would lie beyond its end")
        packed = _checked(os.pread(handle, length, start), path, f"chunk {index}")
    finally:
        os.close(handle)
    # Blosc's header names the size that comes out: a damaged one must not lead beyond the array.
    if len(packed) < 16 or int.from_bytes(packed[4:8], "little") != out.nbytes:
        raise ValueError(f"{path} is damaged: chunk {index} does not hold {out.nbytes} bytes")
    try:
        blosc.decompress(packed, out)
    except RuntimeError as error:
        raise ValueError(f"{path} is damaged: chunk {index}: {error}") from error
    return True


def _checked(data: bytes, path: Path, what: str) -> bytes:
    body, stored = data[:-_CHECKSUM], int.from_bytes(data[-_CHECKSUM:], "little")
    if google_crc32c.value(body) != stored:
        raise ValueError(f"{path} is damaged: the checksum of its {what} does not fit")
    return body
