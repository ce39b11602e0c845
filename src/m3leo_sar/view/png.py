"""A picture of few colours as the bytes of a PNG."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.pictures.rgba import Rgba

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Bits of a pixel, and colours of a palette; compressed with filters, not interlaced.
_FORMAT = (8, 3, 0, 0, 0)


def png_bytes(codes: NDArray[np.uint8], palette: Rgba) -> bytes:
    r"""PNG of pixels that number colours, compressed for speed.

    Parameters
    ----------
    codes : (rows, cols) uint8
    palette : (colours, 4) uint8
        At most 256.

    References
    ----------
    PNG (Portable Network Graphics), third edition, W3C, 2025; also ISO/IEC 15948.

    Examples
    --------
    >>> png_bytes(np.zeros((2, 3), np.uint8), np.zeros((1, 4), np.uint8))[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    rows, cols = codes.shape
    # Each line begins with the number of its filter: 0, none.
    lines = np.zeros((rows, 1 + cols), np.uint8)
    lines[:, 1:] = codes
    # Measurements have no repetitions to search for; their values are not equally frequent.
    packer = zlib.compressobj(1, strategy=zlib.Z_HUFFMAN_ONLY)
    content = packer.compress(lines.data) + packer.flush()
    head = _chunk(b"IHDR", struct.pack(">II5B", cols, rows, *_FORMAT))
    colours = _chunk(b"PLTE", palette[:, :3].tobytes()) + _chunk(b"tRNS", palette[:, 3].tobytes())
    return _SIGNATURE + head + colours + _chunk(b"IDAT", content) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
