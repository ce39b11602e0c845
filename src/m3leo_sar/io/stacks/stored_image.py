"""One image of a stack in our container: complex numbers, or complex int16 with a scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files.checked_chunks import is_checked, read_checked
from m3leo_sar.io.files.zarr_products import open_array, read_array
from m3leo_sar.io.remote.remote_address import AnyFile
from m3leo_sar.io.stacks.zarr_group import CHUNK, chunks_of, plain_errors
from m3leo_sar.stack.complex_int16 import NO_DATA, from_complex_int16

#: Attribute of an array of complex int16: the unit of its parts.
SCALE = "scale"
#: Columns that are written at once.
_STRIP = 8 * CHUNK


def read_image(place: AnyFile, shape: tuple[int, int], rows: slice, cols: slice) -> NDArray[np.complexfloating]:
    """Pixels ``[rows, cols]`` of an image of (rows, cols).

    Raises
    ------
    OSError
        If a server fails.
    ValueError
        If it cannot be read, or is no image of that shape.
    """
    # Messages name the date, as its arrays are of no concern.
    with plain_errors(place.parent):
        array = open_array(place, zarr_format=3)
        if array.shape == (*shape, 2) and array.dtype == np.int16:
            return from_complex_int16(_read(array, place, (rows, cols, slice(None))), scale=scale_of(array.attrs))
        if array.shape != shape or array.dtype.kind != "c":
            raise ValueError(f"it has shape {array.shape} and {array.dtype}, expected complex numbers of {shape}")
        return _read(array, place, (rows, cols))


def _read(array: Any, place: AnyFile, part: tuple[slice, ...]) -> NDArray[Any]:
    # Zarr takes several times as long as the memory for chunks that need no unpacking.
    if isinstance(place, Path) and is_checked(array):
        return read_checked(array, place, part)
    return read_array(array, part)


def scale_of(attributes: Mapping[str, Any]) -> float:
    """Unit of the parts of an array of complex int16; ValueError if none is stated."""
    scale = attributes.get(SCALE)
    if not isinstance(scale, int | float) or not 0 < scale < np.inf:
        raise ValueError(f"its attribute {SCALE!r} must be a number above 0, got {scale!r}")
    return float(scale)


def write_int16_image(
    place: Path, shape: tuple[int, int], blocks: Iterable[tuple[int, NDArray[np.int16]]], *, scale: float
) -> None:
    """Write an image of complex int16 block by block.

    Parameters
    ----------
    place : path
        Array to create.
    shape : (int, int)
        Rows and columns of the image.
    blocks : iterable of (int, (rows, cols, 2) int16)
        First row of each block, and its parts; -32768 is no data. Rows that no block has are no data.
    scale : float
        Unit of a part.
    """
    import zarr
    from zarr.codecs import Crc32cCodec

    array = zarr.create_array(
        store=place,
        shape=(*shape, 2),
        chunks=(*chunks_of(shape), 2),
        dtype=np.int16,
        compressors=[Crc32cCodec()],
        fill_value=int(NO_DATA),
        attributes={SCALE: float(scale)},
        dimension_names=("y", "x", "part"),
    )
    for first, parts in blocks:
        # A few chunks at a time, as zarr copies what it is given.
        for col in range(0, shape[1], _STRIP):
            array[first : first + len(parts), col : col + _STRIP] = parts[:, col : col + _STRIP]
        # A block must be gone before the next one is made.
        del parts
