"""Equivalent number of looks of a window of correlated samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of, module_of
from m3leo_sar.doors.door import door
from m3leo_sar.grid.window import Window


@door(arrays={"slc": "rc"}, eager=True)
def equivalent_looks(slc: Any, *, window: Window) -> float:
    """Estimate the equivalent number of looks (ENL) of a window of correlated samples.

    The samples of an SLC that is oversampled or weighted are correlated, so a window holds fewer independent looks than
    samples. Their number follows from the autocorrelation of the speckle,
    ``L = 1 / sum over pairs of samples of w_i w_j |rho_ij|^2``, with weights that sum to one.

    Parameters
    ----------
    slc : (rows, cols) complex64 or complex128
        A homogeneous area, at least twice the size of the window and preferably some ten thousand samples, without a
        dominant target, since the brightest samples count most. Non-finite samples are ignored. NumPy or CuPy.
    window : Window
        The window, with its weights.

    Returns
    -------
    float
        Between 1 and :attr:`m3leo_sar.Window.samples`.

    Raises
    ------
    TypeError
        If the dtype is not supported.
    ValueError
        If the image is smaller than twice the window, or holds no power.

    References
    ----------
    Goodman, 2007, Speckle Phenomena in Optics, section 4.6 (degrees of freedom of a sum of correlated intensities).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> white = rng.standard_normal((128, 160)) + 1j * rng.standard_normal((128, 160))
    >>> round(equivalent_looks(white, window=Window(rows=3, cols=5)), 1)
    15.0
    """
    _check.complex_array(slc, "slc", ndim=2)
    _check.extent_within(window, "2 x window", (slc.shape[0] // 2, slc.shape[1] // 2), times=1)
    backend_of(slc)
    xp = module_of(slc)
    image = xp.where(xp.isfinite(slc), slc, 0).astype(np.complex128)
    power = float((abs(image) ** 2).sum())
    if power == 0:
        raise ValueError("slc must hold power, got none")
    # Padded by the window, so that no lag wraps around.
    size = (slc.shape[0] + window.rows, slc.shape[1] + window.cols)
    spectrum = xp.fft.fft2(image, size)
    correlation = xp.fft.ifft2(abs(spectrum) ** 2) / power
    lags = [xp.arange(-extent + 1, extent) for extent in (window.rows, window.cols)]
    squared = abs(correlation[xp.ix_(*lags)]) ** 2
    squared = squared.get() if hasattr(squared, "get") else np.asarray(squared)
    # Squared correlation expected by chance alone, for the share of the samples that a lag overlaps.
    fourth = float((abs(image) ** 4).sum()) / power**2
    squared = np.maximum(squared - fourth / 2, 0)
    squared[window.rows - 1, window.cols - 1] = 1.0
    taps = [
        np.array(weights or (1.0,) * extent)
        for weights, extent in ((window.row_weights, window.rows), (window.col_weights, window.cols))
    ]
    shared = [np.correlate(tap, tap, "full") / tap.sum() ** 2 for tap in taps]
    return float(1 / (shared[0] @ squared @ shared[1]))
