"""Unpacking of HDF5 chunks without HDF5, whose lock lets one thread read at a time."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numcodecs import Fletcher32, Shuffle
from numpy.typing import NDArray

#: Numbers of HDF5's own filters.
_DEFLATE, _SHUFFLE, _FLETCHER32 = 1, 2, 3


def filters_of(dataset: Any) -> list[int] | None:
    """Numbers of a dataset's filters in the order of packing, None if one is not among those that are unpacked here."""
    creation = dataset.id.get_create_plist()
    found = [creation.get_filter(position)[0] for position in range(creation.get_nfilters())]
    return found if set(found) <= {_DEFLATE, _SHUFFLE, _FLETCHER32} else None


def is_plain(dataset: Any) -> bool:
    """Whether the bytes of a dataset are those of its numbers in memory."""
    dtype = dataset.dtype
    parts = [dtype[name] for name in dtype.names] if dtype.names else [dtype]
    same_size = dataset.id.get_type().get_size() == dtype.itemsize
    return same_size and all(part.kind in "fiuc" and not part.shape for part in parts)


def unpack(
    data: bytes, filters: Sequence[int], mask: int, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Array of a chunk.

    Parameters
    ----------
    data : bytes
        As stored.
    filters : sequence of int
        From :func:`filters_of`.
    mask : int
        Bits of the filters that were left out.
    shape, dtype
        Of an unpacked chunk. The caller limits the packed size, and so what deflate may expand it to.

    Raises
    ------
    ValueError
        If the bytes do not unpack to such a chunk.
    """
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    try:
        for position, number in reversed(list(enumerate(filters))):
            if not mask >> position & 1:
                data = _unpacked(data, number, size, dtype.itemsize)
    except (zlib.error, RuntimeError, ValueError) as error:
        raise ValueError(f"a chunk cannot be unpacked: {error}") from error
    if len(data) != size:
        raise ValueError(f"a chunk must unpack to {size} bytes, got {len(data)}")
    return np.frombuffer(data, dtype).reshape(shape)


def _unpacked(data: Any, number: int, size: int, itemsize: int) -> Any:
    if number == _DEFLATE:
        # A checksum may follow the chunk; a buffer of the right size is not copied.
        return zlib.decompress(data, bufsize=size + 4)
    if number == _SHUFFLE:
        return memoryview(Shuffle(itemsize).decode(data)).cast("B")
    return Fletcher32().decode(data)
