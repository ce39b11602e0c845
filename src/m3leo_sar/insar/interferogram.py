"""Interferograms: what two dates differ by in phase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of
from m3leo_sar.grid.window import Looks
from m3leo_sar.insar.selection import selected_pairs


def interferogram(
    reference: Any, secondary: Any = None, *, looks: Looks | None = None, pairs: Sequence[Any] | None = None
) -> Any:
    """Form reference x conj(secondary) and average it over looks.

    Parameters
    ----------
    reference : (rows, cols) or (dates, rows, cols) complex64 or complex128, or SlcStack
        Co-registered SLC, or a whole stack when ``pairs`` is given. A sample with a part that is NaN or infinite is no
        data.
    secondary : (rows, cols) complex, optional
        The other SLC, of the same shape, dtype and library. Leave it out with a stack.
    looks : Looks, optional
        Samples averaged into one pixel, one by default. A remainder at the end of the image is left out.
    pairs : sequence of Pair or of (int, int), optional
        With a stack: which dates to compare, as in :func:`m3leo_sar.coherence`.

    Returns
    -------
    (rows, cols) or (pairs, rows, cols) complex, dtype and library of the input
        Mean over the samples that both dates have, NaN where there are none. Its angle is the phase in radians,
        reference minus secondary; swapping the dates gives the conjugate.

    Raises
    ------
    TypeError
        If an array is not complex64 or complex128, the dtypes differ, or NumPy and CuPy are mixed.
    ValueError
        If shapes differ, the looks are larger than the image, no pair is given, or a date or index is missing.

    Notes
    -----
    Flat earth and topography are not removed. Averaging a steep fringe over a look lowers its magnitude.

    References
    ----------
    Bamler and Hartl, 1998, Inverse Problems 14(4), R1-R54, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar import Looks, interferogram
    >>> slc = np.ones((6, 10), "complex64")
    >>> np.angle(interferogram(slc, slc * np.complex64(1j), looks=Looks(rows=2, cols=5))).round(3)
    array([[-1.571, -1.571],
           [-1.571, -1.571],
           [-1.571, -1.571]], dtype=float32)
    """
    slcs, indices = selected_pairs(reference, secondary, pairs)
    looks = Looks(rows=1, cols=1) if looks is None else looks
    if not isinstance(looks, Looks):
        raise TypeError(f"looks must be a Looks(rows=, cols=), got {looks!r}")
    _check.extent_within(looks, "looks", slcs[0].shape, times=1)
    maps = backend_of(*slcs).interferogram_pairs(slcs, indices, looks.rows, looks.cols)
    return maps if pairs is not None else maps[0]
