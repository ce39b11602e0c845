"""Chips of coherence between their values and the dtype of their archive."""

from __future__ import annotations

from typing import Any

from m3leo_sar.io.chips.chip import STORED, Chip, Layer, pixel_checksum
from m3leo_sar.io.chips.coherence_uint8 import LARGEST_ERROR, NO_DATA, from_uint8, to_uint8
from m3leo_sar.io.chips.product_names import COHERENCE

#: Dtypes of the coherence of an archive, the default first.
DTYPES = ("float32", "uint8")
#: Metadata of a chip of levels.
FACTS = {STORED: "uint8", "quantisation_error": LARGEST_ERROR}


def require_known(dtype: str | None) -> None:
    """Refuse a dtype in which no archive keeps coherence; None is the default.

    Raises
    ------
    ValueError
        If it is none of :data:`DTYPES`.
    """
    if dtype not in (None, *DTYPES):
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")


def of_archive(layer: Layer, dataset: str, dtype: str) -> Layer:
    """A layer in the dtype in which its archive keeps it: coherence in that of the archive, others as they are.

    Raises
    ------
    ValueError
        If a coherence of an archive of uint8 lies outside [0, 1].
    """
    if dtype == "uint8" and dataset == COHERENCE and layer.array.dtype.kind == "f":
        levels = encoded(layer._replace(metadata={**layer.metadata, **FACTS}))
        return levels._replace(metadata=_checked(levels))
    is_levels = layer.metadata.get(STORED) is not None
    if not is_levels or (dtype == "uint8" and dataset == COHERENCE):
        return layer
    array = from_uint8(layer.array) if layer.array.dtype.kind == "u" else layer.array
    # Values of levels are no longer the result of the parameters.
    gone = (*FACTS, "parameters")
    metadata = {name: value for name, value in layer.metadata.items() if name not in gone}
    plain = layer._replace(array=array, metadata=metadata, nodata=None)
    return plain._replace(metadata=_checked(plain))


def encoded(layer: Layer) -> Layer:
    """A layer with its pixels as stored: levels where its metadata state them."""
    if layer.metadata.get(STORED) is None or layer.array.dtype.kind != "f":
        return layer
    return layer._replace(array=to_uint8(layer.array), nodata=NO_DATA)


def decoded(chip: Chip) -> Chip:
    """A chip with its values in place of levels.

    Raises
    ------
    ValueError
        If its metadata state another dtype than its pixels have.
    """
    stated = chip.metadata.get(STORED)
    if stated is None:
        return chip
    if not stated == FACTS[STORED] == chip.array.dtype.name:
        raise ValueError(f"its metadata state pixels stored as {stated!r}, they are {chip.array.dtype}")
    return chip._replace(array=from_uint8(chip.array), nodata=None)


def _checked(layer: Layer) -> dict[str, Any]:
    """Metadata of a layer, whose checksum, if it has one, is that of its pixels."""
    known = {"crc32": pixel_checksum(layer.array)} if "crc32" in layer.metadata else {}
    return {**layer.metadata, **known}
