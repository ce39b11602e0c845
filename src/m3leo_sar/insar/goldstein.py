"""Goldstein filter of interferograms."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from m3leo_sar import _check
from m3leo_sar._backend import transforms
from m3leo_sar._backend.choose import module_of
from m3leo_sar.doors.door import door
from m3leo_sar.doors.prototype import like_first

#: Number of samples, over all patches, that are transformed at once.
_BLOCK = 1 << 22


@door(arrays={"interferogram": "rc", "coherence": "rc"}, like=like_first("interferogram"))
def goldstein(interferogram: Any, *, alpha: float | None = 0.5, size: int = 32, coherence: Any = None) -> Any:
    """Smooth the phase of an interferogram by amplifying the dominant fringes of each patch.

    Patches half a size apart are transformed. Each frequency is multiplied by the spectral magnitude, smoothed over 3 x
    3 frequencies, to the power ``alpha``. The results are blended with triangular weights.

    Parameters
    ----------
    interferogram : (rows, cols) complex64 or complex128
        NumPy or CuPy. A sample with a non-finite part is no data and counts as zero for its neighbours.
    alpha : float, optional
        From 0, no filtering, to 1, the strongest. None uses 1 - the mean coherence of each patch.
    size : int
        Rows and columns of a patch, even, at least 4.
    coherence : (rows, cols) float, optional
        Needed for ``alpha=None``. Non-finite values, and those without an interferogram, are excluded from a patch's
        mean; a patch without valid values is not filtered.

    Returns
    -------
    (rows, cols), dtype and library of the input
        Filtered phase with the magnitude of the input; NaN where the input has no data.

    Raises
    ------
    TypeError
        If the interferogram is not complex64 or complex128.
    ValueError
        If alpha is outside [0, 1], the size is odd or below 4, or the coherence is missing, not needed or of another
        shape.

    References
    ----------
    Goldstein and Werner, 1998, Geophysical Research Letters 25(21), 4035-4038; Baran et al., 2003, IEEE TGRS 41(9),
    2114-2118 (alpha from coherence).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> fringes = np.exp(0.2j * np.arange(96) + 0.1j * np.arange(80)[:, None])
    >>> noisy = fringes * np.exp(1j * rng.normal(0, 0.8, fringes.shape))
    >>> left = [np.angle(image * fringes.conj()).std() for image in (noisy, goldstein(noisy, alpha=0.8))]
    >>> bool(left[1] < 0.5 * left[0])
    True
    """
    _check.complex_array(interferogram, "interferogram", ndim=2)
    _check_options(interferogram, alpha, size, coherence)
    arrays = module_of(interferogram)
    known = arrays.isfinite(interferogram)
    rows, cols = interferogram.shape
    half = size // 2
    # Half a patch on each side, so that each sample is in four patches.
    high, wide = (-(-axis // half) * half + 2 * half for axis in (rows, cols))
    padded = arrays.zeros((high, wide), interferogram.dtype)
    padded[half : half + rows, half : half + cols] = arrays.where(known, interferogram, 0)
    trust = None
    if alpha is None:
        # Sums and counts: samples beyond the image must not affect the mean coherence.
        trust = arrays.zeros((2, high, wide), np.float64)
        usable = known & arrays.isfinite(coherence)
        trust[0, half : half + rows, half : half + cols] = arrays.where(usable, coherence, 0)
        trust[1, half : half + rows, half : half + cols] = usable
    total = arrays.zeros_like(padded)
    ramp = (arrays.arange(size) + 0.5) / half
    triangle = arrays.minimum(ramp, 2 - ramp)
    window = (triangle[:, None] * triangle).astype(interferogram.real.dtype)
    lines = max(1, _BLOCK // (2 * wide * size))
    tops = list(range(0, high - size + 1, half))
    for first in range(0, len(tops), lines):
        for top in tops[first : first + lines]:
            _filter_line(
                arrays, padded[top : top + size], total[top : top + size], window, alpha, _row(trust, top, size)
            )
    phase = arrays.angle(total[half : half + rows, half : half + cols])
    out = arrays.abs(interferogram) * arrays.exp(1j * phase)
    # Where the patches cancel there is no phase to use, nor any to lose.
    quiet = total[half : half + rows, half : half + cols] == 0
    out = arrays.where(quiet, interferogram, out).astype(interferogram.dtype)
    out[~known] = complex(np.nan, np.nan)
    return out


def _row(plane: Any, top: int, size: int) -> Any:
    return None if plane is None else plane[:, top : top + size]


def _filter_line(arrays: Any, strip: Any, total: Any, window: Any, alpha: float | None, trust: Any) -> None:
    """Filter the patches of one strip of rows and add them to its total."""
    size = strip.shape[0]
    half = size // 2
    count = strip.shape[1] // half - 1
    patches = arrays.stack([strip[:, k * half : k * half + size] for k in range(count)])
    spectrum = transforms.fft2(patches)
    strength = _smoothed(arrays, arrays.abs(spectrum))
    peak = strength.max(axis=(1, 2), keepdims=True)
    strength = strength / arrays.where(peak > 0, peak, 1)
    if trust is None:
        power: Any = alpha
    else:
        sums = arrays.stack([trust[:, :, k * half : k * half + size].sum(axis=(1, 2)) for k in range(count)])
        means = arrays.where(sums[:, 1] > 0, sums[:, 0] / arrays.maximum(sums[:, 1], 1), 1)
        power = (1 - arrays.clip(means, 0, 1))[:, None, None]
    filtered = transforms.ifft2(spectrum * strength**power) * window
    for k in range(count):
        total[:, k * half : k * half + size] += filtered[k].astype(total.dtype)


def _smoothed(arrays: Any, magnitude: Any) -> Any:
    """Mean over 3 x 3 frequencies, which wrap around."""
    for axis in (1, 2):
        magnitude = (magnitude + arrays.roll(magnitude, 1, axis) + arrays.roll(magnitude, -1, axis)) / 3
    return magnitude


def _check_options(interferogram: Any, alpha: float | None, size: int, coherence: Any) -> None:
    if operator.index(size) < 4 or size % 2:
        raise ValueError(f"size must be an even number of at least 4, got {size}")
    if alpha is not None and not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie in [0, 1] or be None, got {alpha}")
    if (alpha is None) != (coherence is not None):
        raise ValueError("coherence must be given with alpha=None and left out otherwise")
    if coherence is not None and tuple(coherence.shape) != tuple(interferogram.shape):
        raise ValueError(
            f"coherence must have the shape of interferogram, {tuple(interferogram.shape)}, "
            f"got {tuple(coherence.shape)}"
        )
