"""A chip as read and as written, and the checksum of its pixels."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.chips.coherence_uint8 import levels_of

#: Entry of the metadata of a chip whose values are stored in another dtype than the one that is read.
STORED = "stored"


class Chip(NamedTuple):
    """One chip as read."""

    #: (rows, cols) or (bands, rows, cols); no data is NaN.
    array: NDArray[Any]
    #: The tile's pixel grid.
    geobox: GeoBox
    #: Product, dates, polarisation, orbit, unit, window, parameters, ... as they were written.
    metadata: dict[str, Any]
    #: No-data value of integers, None if all have data.
    nodata: float | None = None

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where the chip has data, of its array's shape: neither NaN nor :attr:`nodata`."""
        if self.array.dtype.kind in "fc":
            return ~np.isnan(self.array)
        return np.ones(self.array.shape, bool) if self.nodata is None else self.array != self.nodata

    def values(self) -> NDArray[Any]:
        """The chip as floating-point or complex numbers, NaN where it has no data.

        Integers up to 16 bits and truth values become float32, longer ones float64; other arrays come as they are.
        """
        if self.array.dtype.kind in "fc":
            return self.array
        real = self.array.astype(np.float32 if self.array.dtype.itemsize <= 2 else np.float64)
        return real if self.nodata is None else np.where(self.known, real, real.dtype.type(np.nan))


class Layer(NamedTuple):
    """One chip as written: its key within the product (``VV/20230301_20230313``), its pixels and its metadata."""

    key: str
    array: NDArray[Any]
    metadata: Mapping[str, Any]
    nodata: float | None = None


def pixel_checksum(array: NDArray[Any]) -> str:
    """CRC-32 of an array's elements in order, eight hex digits."""
    return f"{zlib.crc32(np.ascontiguousarray(array).data):08x}"


def stored_checksum(array: NDArray[Any], metadata: Mapping[str, Any]) -> str:
    """Checksum of a chip's elements as they are stored: of the levels of a coherence stored as uint8."""
    is_decoded = metadata.get(STORED) is not None and array.dtype.kind == "f"
    return pixel_checksum(levels_of(array) if is_decoded else array)


class WrongPixels(ValueError):
    """Pixels that do not match their stored checksum."""


def check_pixels(chip: Chip) -> None:
    """Refuse a chip whose pixels do not have the CRC-32 of its metadata, as ``prepare`` writes it.

    A compressed GeoTIFF may decompress a changed byte without an error.

    Raises
    ------
    WrongPixels
        If they differ.
    """
    stored = chip.metadata.get("crc32")
    if stored is None or "scale" in chip.metadata:
        return
    found = stored_checksum(chip.array, chip.metadata)
    if found != stored:
        raise WrongPixels(f"its pixels have the checksum {found}, the stored one is {stored}")


def is_copied_checksum(chip: Chip, others: Iterable[Mapping[str, Any]]) -> bool:
    """Whether other chips of the tile have the same checksum: it may have been copied, and proves nothing.

    Parameters
    ----------
    chip : Chip
    others : iterable of mapping
        Metadata of the product's other chips on the tile.
    """
    return any(facts.get("crc32") == chip.metadata.get("crc32") for facts in others)
