"""Coherence where the phase slopes inside the window."""

from __future__ import annotations

from typing import Any, NamedTuple

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of
from m3leo_sar.grid.window import Window
from m3leo_sar.insar.selection import check_window, selected_pairs


class FringeFrequency(NamedTuple):
    """Local frequency of an interferogram's phase, each (rows, cols) float in radians a sample, in [-pi, pi]."""

    #: Change of phase from one row to the next.
    rows: Any
    #: Change of phase from one column to the next.
    cols: Any


class FringeCoherence(NamedTuple):
    """Coherence along the fringe, and the fringe."""

    #: (rows, cols) float in [0, 1], NaN where no sample is valid.
    coherence: Any
    #: The frequency that was undone.
    frequency: FringeFrequency


def fringe_coherence(
    reference: Any, secondary: Any, *, window: Window, frequency: FringeFrequency | None = None
) -> FringeCoherence:
    """Estimate the coherence after undoing the local fringe, so that a slope does not look decorrelated.

    Parameters
    ----------
    reference, secondary : (rows, cols) complex64 or complex128
        Co-registered SLCs of one shape, dtype and library, NumPy or CuPy; a sample that is not finite is no data.
    window : Window
        Full size in samples, without weights, cut at the image's edge; at most twice the image.
    frequency : FringeFrequency, optional
        The fringe to undo, in the float of the images' precision, such as one estimated in a larger window or derived
        from a terrain model. Estimated in the window itself if left out.

    Returns
    -------
    FringeCoherence
        Of the images' precision and library; frequencies are NaN where no sample is valid.

    Raises
    ------
    TypeError
        If a dtype is another or libraries are mixed.
    ValueError
        If shapes differ, the window is over twice the image or has weights.

    Notes
    -----
    The frequency is the phase of the mean product of neighbouring samples of the interferogram in the window [1]_,
    refined twice by the slope that is left; where that gives less than the plain coherence, nothing is undone. So the
    result is never below :func:`m3leo_sar.coherence`, and to follow the noise raises it where there is no coherence.
    Over few looks the fringe is lost in the noise: 100 looks find it where the coherence is above about 0.7. Take it
    from a larger window then, ``fringe_coherence(a, b, window=larger).frequency``, and undo it in the smaller one.

    References
    ----------
    .. [1] Spagnolini, 1995, IEEE TGRS 33(3), 579-589.

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar import Window, coherence
    >>> ramp = np.exp(1j * (0.5 * np.arange(24)[:, None] - 0.3 * np.arange(30))).astype("complex64")
    >>> flat, window = np.ones((24, 30), "complex64"), Window(rows=5, cols=9)
    >>> round(float(coherence(ramp, flat, window=window)[12, 15]), 3)
    0.557
    >>> found = fringe_coherence(ramp, flat, window=window)
    >>> [round(float(value[12, 15]), 3) for value in (found.coherence, found.frequency.rows, found.frequency.cols)]
    [1.0, 0.5, -0.3]
    """
    slcs, _ = selected_pairs(reference, secondary, None)
    check_window(window, slcs[0].shape)
    if frequency is not None:
        for name, axis in zip(FringeFrequency._fields, frequency, strict=True):
            wanted = _check.REAL_OF[str(slcs[0].dtype)]
            if str(getattr(axis, "dtype", None)) != wanted or tuple(axis.shape) != tuple(slcs[0].shape):
                raise ValueError(f"frequency {name} must be {wanted} of shape {tuple(slcs[0].shape)}, got {axis!r:.80}")
    backend = backend_of(*slcs, *(frequency or ()))
    given = None if frequency is None else (frequency.rows, frequency.cols)
    value, *found = backend.fringe_coherence(*slcs, window.rows, window.cols, given)
    return FringeCoherence(value, FringeFrequency(*found))
