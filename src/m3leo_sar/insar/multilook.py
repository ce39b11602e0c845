"""Multilooking."""

from __future__ import annotations

from typing import Any

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of
from m3leo_sar.doors.blocks import Reach
from m3leo_sar.doors.door import door
from m3leo_sar.grid.window import Looks
from m3leo_sar.insar.selection import MIN_VALID, check_min_valid


@door(arrays={"array": "*rc"}, reach=lambda looks, **_: Reach.of(looks, looks), stacks=True)
def multilook(array: Any, *, looks: Looks, min_valid: float = MIN_VALID) -> Any:
    """Multilook an image: average the valid samples of each block.

    Parameters
    ----------
    array : (..., rows, cols) float32, float64, complex64 or complex128
        Image or images. A sample with a NaN or infinite part is no data. Average power, not amplitude, and the complex
        interferogram, never its phase.
    looks : Looks
        Samples averaged per pixel. A remainder at the end of the image is omitted.
    min_valid : float
        Share, in [0, 1], of a pixel's samples that must be valid; less gives NaN. 0 accepts any share.

    Returns
    -------
    (..., rows, cols) of the dtype and library of the input
        Mean of the valid samples in the unit of the input, NaN where there are too few.

    Raises
    ------
    TypeError
        If the dtype is not supported or ``looks`` is not a Looks.
    ValueError
        If the array has fewer than two axes, is empty, the looks are larger than the image, or ``min_valid`` is outside
        [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar import Looks, multilook
    >>> multilook(np.array([[1.0, 3.0, np.nan, 8.0, np.nan, np.nan]]), looks=Looks(rows=1, cols=2))
    array([[ 2.,  8., nan]])
    """
    _check.image_array(array, "array")
    if not isinstance(looks, Looks):
        raise TypeError(f"looks must be a Looks(rows=, cols=), got {looks!r}")
    _check.extent_within(looks, "looks", array.shape[-2:], times=1)
    check_min_valid(min_valid)
    out = backend_of(array).multilook(array.reshape(-1, *array.shape[-2:]), looks.rows, looks.cols, min_valid)
    return out.reshape(*array.shape[:-2], *out.shape[1:])
