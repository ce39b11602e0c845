"""Class codes as colours, and the legend of the classes present."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3leo_sar.chips.land_cover import WORLDCOVER
from m3leo_sar.chips.legend import UNKNOWN_COLOUR, Legend
from m3leo_sar.pictures.rgba import Rgba, as_plane, rgba_of


def label_image(codes: ArrayLike, *, legend: Legend = WORLDCOVER) -> Rgba:
    """Draw class codes in the colours of their legend.

    Parameters
    ----------
    codes : (rows, cols) integer
        The legend's ``nodata``, 0 unless that is a class, is no data; codes that are not in the legend are black.
    legend : Legend
        ESA WorldCover's by default.

    Returns
    -------
    (rows, cols, 4) uint8
        Transparent where the code is the no-data code.

    Raises
    ------
    TypeError
        If the codes are not integers.
    ValueError
        If the array is not (rows, cols).

    Examples
    --------
    >>> label_image([[80, 0, 33]]).tolist()
    [[[0, 100, 200, 255], [0, 0, 0, 0], [0, 0, 0, 255]]]
    """
    array = _codes(codes)
    image = np.zeros((*array.shape, 4), np.uint8)
    image[array != legend.nodata] = rgba_of(UNKNOWN_COLOUR)
    places = legend.positions(array)
    colours = np.array([rgba_of(entry.colour) for entry in legend.classes], np.uint8)
    image[places >= 0] = colours[places[places >= 0]]
    return image


def label_legend(codes: ArrayLike, *, legend: Legend = WORLDCOVER) -> list[tuple[str, str]]:
    """Name and colour ``#rrggbb`` of each class present, in the order of the legend, unknown codes last.

    Raises
    ------
    TypeError
        If the codes are not integers.
    ValueError
        If the array is not (rows, cols).

    Examples
    --------
    >>> label_legend([[80, 0, 33, 10]])
    [('tree cover', '#006400'), ('water', '#0064c8'), ('unknown code 33', '#000000')]
    """
    present = {int(code) for code in np.unique(_codes(codes))} - {legend.nodata}
    entries = [(entry.name, entry.colour) for entry in legend.classes if entry.code in present]
    unknown = [str(code) for code in sorted(present - set(legend.codes))]
    if unknown:
        more = f" and {len(unknown) - 4} more" if len(unknown) > 4 else ""
        name = f"unknown code{'s' if len(unknown) > 1 else ''} {', '.join(unknown[:4])}{more}"
        entries.append((name, UNKNOWN_COLOUR))
    return entries


def _codes(codes: ArrayLike) -> NDArray[np.integer]:
    array = as_plane("codes", codes)
    if array.dtype.kind not in "iu":
        raise TypeError(f"codes must be integers, got {array.dtype}")
    return array
