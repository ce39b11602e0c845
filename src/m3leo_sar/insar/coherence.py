"""Sample coherence in a sliding window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of
from m3leo_sar.grid.window import Window
from m3leo_sar.insar.selection import selected_pairs


def coherence(reference: Any, secondary: Any = None, *, window: Window, pairs: Sequence[Any] | None = None) -> Any:
    """Estimate the magnitude of the coherence in a sliding window.

    Two images give one map; a stack and a list of pairs give one map a pair, the power of each date being computed
    once.

    Parameters
    ----------
    reference : (rows, cols) or (dates, rows, cols) complex64 or complex128, or SlcStack
        Co-registered SLC, or a whole stack when ``pairs`` is given. NumPy or CuPy. A sample with a part that is NaN
        or infinite is no data.
    secondary : (rows, cols) complex, optional
        The other SLC, of the same shape, dtype and library. Leave it out with a stack.
    window : Window
        Full size in samples; cut at the image's edge. At most twice the image.
    pairs : sequence of Pair or of (int, int), optional
        With a stack: which dates to compare, in any order, repeats allowed. ``Pair`` for an SlcStack, indices
        (reference, secondary) along the first axis for an array.

    Returns
    -------
    (rows, cols) or (pairs, rows, cols) float32 or float64, same library as the input
        Coherence in [0, 1], unitless. NaN where the window holds no sample that both dates have, or where the power
        of either is exactly zero.

    Raises
    ------
    TypeError
        If an array is not complex64 or complex128, the dtypes differ, or NumPy and CuPy are mixed.
    ValueError
        If shapes differ, the window is over twice the image, no pair is given, or a date or index is missing.

    Notes
    -----
    Validity is joint: a sample counts in all three sums only where both dates have it. The estimate is biased upwards
    for few looks [1]_; :func:`m3leo_sar.insar.bias.true_coherence` inverts the bias of a mean. Sums are
    trees of additions in the input's precision, never running differences, so a bright target does not harm pixels
    whose window it is not in, and a tile computed with its halo (:attr:`Window.before`, :attr:`Window.after`) is the
    crop of the whole bit for bit.

    References
    ----------
    .. [1] Touzi et al., 1999, IEEE TGRS 37(1), 135-149.

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar import Window, coherence
    >>> slc = np.exp(1j * np.arange(35.0)).astype("complex64").reshape(5, 7)
    >>> coherence(slc, 2j * slc, window=Window(rows=3, cols=5)).shape
    (5, 7)
    >>> coherence(np.stack([slc, slc, slc]), pairs=[(0, 1), (2, 0)], window=Window(rows=3, cols=5)).shape
    (2, 5, 7)
    """
    slcs, indices = selected_pairs(reference, secondary, pairs)
    if not isinstance(window, Window):
        raise TypeError(f"window must be a Window(rows=, cols=), got {window!r}")
    _check.extent_within(window, "window", slcs[0].shape, times=2)
    maps = backend_of(*slcs).coherence_pairs(slcs, indices, window.rows, window.cols)
    return maps if pairs is not None else maps[0]
