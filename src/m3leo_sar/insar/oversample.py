"""Oversampling of images along range, so that their product does not alias."""

from __future__ import annotations

from typing import Any

import numpy as np

from m3leo_sar._backend.choose import module_of


def oversampled(image: Any, factor: int) -> Any:
    """Oversample a complex image along columns by ``factor``, through its spectrum.

    Parameters
    ----------
    image : (rows, cols) complex
        A non-finite sample counts as zero for the others.
    factor : int
        At least 1. Column c becomes the columns of ``factor`` samples centred on it, at c + (k + 1/2) / factor - 1/2.

    Returns
    -------
    (rows, factor * cols), dtype and library of ``image``
        NaN for the samples of columns that were not finite.

    Examples
    --------
    >>> import numpy as np
    >>> fringe = np.exp(2j * np.pi * 3 / 16 * np.arange(16))[None]
    >>> at = np.arange(32) / 2 - 0.25
    >>> bool(np.allclose(oversampled(fringe, 2), np.exp(2j * np.pi * 3 / 16 * at)))
    True
    """
    arrays = module_of(image)
    rows, cols = image.shape
    known = arrays.isfinite(image)
    # In double precision: a spectrum in single precision would lose a digit of the phase.
    spectrum = arrays.fft.fft(arrays.where(known, image, 0).astype(np.complex128), axis=1)
    frequency = arrays.fft.fftfreq(cols)
    out = arrays.full((rows, cols, factor), complex(np.nan, np.nan), image.dtype)
    for step in range(factor):
        turn = arrays.exp(2j * np.pi * frequency * ((step + 0.5) / factor - 0.5))
        out[..., step] = arrays.fft.ifft(spectrum * turn, axis=1).astype(image.dtype)
    out[~known] = complex(np.nan, np.nan)
    return out.reshape(rows, cols * factor)
