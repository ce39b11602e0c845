"""Headers of blosc chunks, checked before they are unpacked: the library trusts them and crashes on damaged ones."""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

#: Version, version of the codec, flags, bytes of an element; bytes unpacked, of a block, and packed.
_HEADER = struct.Struct("<BBBBIII")
#: Bit of the flags of a chunk that is stored as it is.
_STORED = 0x2


def require_sound_blosc(array: Any, folder: Path, part: Sequence[slice | int]) -> None:
    """Refuse blosc chunks of a local array whose header contradicts their size.

    Parameters
    ----------
    array : zarr.Array
        Of Zarr v2 or v3; arrays that are not packed by blosc, or whose chunks share files, are accepted.
    folder : Path
        Its folder.
    part : sequence of slice or int
        Part to be read; only its chunks are inspected.

    Raises
    ------
    ValueError
        If a header is damaged; the message names the chunk.
    """
    if not is_blosc(array) or array.shards is not None:
        return
    size = prod(array.chunks) * np.dtype(array.dtype).itemsize
    for path in _chunks(array, folder, part):
        try:
            with open(path, "rb") as stream:
                header, packed = stream.read(_HEADER.size), os.fstat(stream.fileno()).st_size
        except FileNotFoundError:
            continue
        require_sound_header(f"chunk {path.name} of {path.parent.name}", header, packed, size)


def require_sound_header(name: str, header: bytes, packed: int, size: int) -> None:
    """Refuse a blosc chunk whose header contradicts its size.

    Parameters
    ----------
    name : str
        Of the chunk, for the message.
    header : bytes
        The chunk, or its first 16 bytes.
    packed, size : int
        Bytes of the chunk as stored and unpacked.

    Raises
    ------
    ValueError
        If it does.
    """
    if len(header) < _HEADER.size:
        raise ValueError(f"{name} is cut short: it has {packed} bytes")
    version, codec, flags, element, unpacked, block, stated = _HEADER.unpack_from(header)
    blocks = -(-unpacked // block) if block else 0
    # A chunk that is not stored as it is begins with the place of each block.
    least = _HEADER.size + (unpacked if flags & _STORED else 4 * blocks)
    sound = 1 <= version <= 2 and codec == 1 and element > 0 and 0 < block <= max(unpacked, 1)
    if not sound or stated != packed or unpacked != size or packed < least:
        raise ValueError(
            f"{name} is damaged: its header states {stated} bytes that unpack to "
            f"{unpacked}, it has {packed} and must unpack to {size}"
        )


def is_blosc(array: Any) -> bool:
    """Whether the chunks of an array, or those within its shards, are packed by blosc without a checksum after it."""
    if array.metadata.zarr_format == 2:
        return getattr(array.metadata.compressor, "codec_id", "") == "blosc"
    codec = array.metadata.codecs[-1]
    return type(getattr(codec, "codecs", [codec])[-1]).__name__ == "BloscCodec"


def _chunks(array: Any, folder: Path, part: Sequence[slice | int]) -> Iterator[Path]:
    """Files of the chunks that a part touches."""
    spans = []
    for one, size, chunk in zip(part, array.shape, array.chunks, strict=True):
        places = range(one, one + 1) if isinstance(one, int) else range(*one.indices(size))
        spans.append(range(places.start // chunk, (places[-1] // chunk + 1) if len(places) else 0))
    for index in itertools.product(*spans):
        yield folder.joinpath(*array.metadata.encode_chunk_key(index).split("/"))
