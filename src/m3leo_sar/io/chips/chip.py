"""A chip as it is read and as it is written, its name, and the checksum of its pixels."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox

#: What an identifier, a product or a key may be.
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Chip(NamedTuple):
    """One chip as it was read."""

    #: (rows, cols) or (bands, rows, cols); no data is NaN.
    array: NDArray[Any]
    #: The tile's pixel grid.
    geobox: GeoBox
    #: Product, dates, polarisation, orbit, unit, window, parameters, ... as they were written.
    metadata: dict[str, Any]
    #: Value of integers without data, None if all have data.
    nodata: float | None = None


class Layer(NamedTuple):
    """One chip as it is written: the key within its product, its pixels and what is known of it."""

    key: str
    array: NDArray[Any]
    metadata: Mapping[str, Any]
    nodata: float | None = None


def pixel_checksum(array: NDArray[Any]) -> str:
    """CRC-32 of an array's elements in order, eight hex digits."""
    return f"{zlib.crc32(np.ascontiguousarray(array).data):08x}"


def check_pixels(chip: Chip) -> None:
    """Refuse a chip whose pixels are not those its metadata tell the CRC-32 of, as ``prepare`` writes it.

    A compressed GeoTIFF may unpack a changed byte without a word.

    Raises
    ------
    ValueError
        If they differ.
    """
    stored = chip.metadata.get("crc32")
    if stored is None or "scale" in chip.metadata:
        return
    found = pixel_checksum(chip.array)
    if found != stored:
        raise ValueError(f"its pixels have the checksum {found}, {stored} was written")
