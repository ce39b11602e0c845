"""Size that a TIFF must have by its own directory: GDAL opens one whose pixels are cut off."""

from __future__ import annotations

import os
import struct
from typing import IO

import numpy as np

#: Byte order by the first two bytes.
_ORDERS = {b"II": "<", b"MM": ">"}
#: Tags of the places and sizes of strips, and of tiles.
_BLOCKS = (273, 279), (324, 325)
#: NumPy's type of whole numbers by TIFF's: 16, 32 and 64 bits.
_WHOLE = {3: "u2", 4: "u4", 16: "u8"}
#: Most blocks of an image; a directory with more is damaged.
_MOST_BLOCKS = 1 << 24


def tiff_size(stream: IO[bytes], *, most: int | None = None) -> int | None:
    """Bytes that a TIFF or BigTIFF must have at least, from the places and sizes of its blocks; no pixel is read.

    Parameters
    ----------
    stream : binary file
        It can seek.
    most : int, optional
        Bytes from the beginning within which the directory must lie, for streams that unpack all that they pass.

    Returns
    -------
    int or None
        End of the last strip or tile of the first image. None if the directory lies farther than ``most``, or states
        no blocks.

    Raises
    ------
    ValueError
        If it is no TIFF, or ends before its directory does.

    References
    ----------
    Adobe, 1992, TIFF revision 6.0, section 2 (directory, strips), section 15 (tiles).
    """
    head = _read(stream, 0, 16)
    order = _ORDERS.get(head[:2])
    version = struct.unpack(f"{order}H", head[2:4])[0] if order else 0
    if order is None or version not in (42, 43):
        raise ValueError("it is no TIFF")
    is_big = version == 43
    place = struct.unpack(f"{order}Q", head[8:16])[0] if is_big else struct.unpack(f"{order}I", head[4:8])[0]
    if most is not None and place > most:
        return None
    entries = _entries(stream, place, order, is_big=is_big)
    blocks = next(([entries[tag] for tag in tags] for tags in _BLOCKS if entries.keys() >= set(tags)), [])
    if not blocks:
        return None
    if most is not None and any(at + size > most for _, at, size in blocks):
        return None
    places, sizes = (_numbers(stream, block, order) for block in blocks)
    ends = places[: sizes.size] + sizes[: places.size]
    return int(ends.max()) if ends.size else None


#: Type of the numbers of an entry, their place in the file, and their bytes.
_Entry = tuple[str, int, int]


def _entries(stream: IO[bytes], place: int, order: str, *, is_big: bool) -> dict[int, _Entry]:
    """Entries of the directory at a place that hold whole numbers, by tag."""
    head, width = ("Q", 20) if is_big else ("H", 12)
    start = place + struct.calcsize(head)
    count = struct.unpack(f"{order}{head}", _read(stream, place, start - place))[0]
    if count > 1 << 16:
        raise ValueError("its directory is damaged")
    content = _read(stream, start, count * width)
    found: dict[int, _Entry] = {}
    for first in range(0, count * width, width):
        tag, kind = struct.unpack_from(f"{order}HH", content, first)
        number, held = struct.unpack_from(f"{order}QQ" if is_big else f"{order}II", content, first + 4)
        if kind in _WHOLE and number <= _MOST_BLOCKS:
            size = number * int(_WHOLE[kind][1])
            room = 8 if is_big else 4
            # Few numbers lie in the entry itself.
            found[tag] = _WHOLE[kind], start + first + width - room if size <= room else held, size
    return found


def _numbers(stream: IO[bytes], block: _Entry, order: str) -> np.ndarray:
    kind, place, size = block
    return np.frombuffer(_read(stream, place, size), np.dtype(f"{order}{kind}")).astype(np.int64)


def _read(stream: IO[bytes], place: int, count: int) -> bytes:
    stream.seek(place, os.SEEK_SET)
    found = stream.read(count)
    if len(found) < count and not (place == 0 and len(found) >= 8):
        raise ValueError("it ends before its directory does")
    return found
