"""A picture as the bytes of a PNG."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from m3leo_sar.pictures.rgba import Rgba

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Bits of a channel, and red, green, blue with opacity; compressed with filters, not interlaced.
_FORMAT = (8, 6, 0, 0, 0)


def png_bytes(image: Rgba) -> bytes:
    r"""PNG of (rows, cols, 4) uint8, compressed for speed.

    References
    ----------
    PNG (Portable Network Graphics), third edition, W3C, 2025; also ISO/IEC 15948.

    Examples
    --------
    >>> png_bytes(np.zeros((2, 3, 4), np.uint8))[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    rows, cols = image.shape[:2]
    # Each line begins with the number of its filter: 0, none.
    lines = np.zeros((rows, 1 + 4 * cols), np.uint8)
    lines[:, 1:] = image.reshape(rows, 4 * cols)
    head = _chunk(b"IHDR", struct.pack(">II5B", cols, rows, *_FORMAT))
    return _SIGNATURE + head + _chunk(b"IDAT", zlib.compress(lines.data, 1)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
