"""Goldstein filter of interferograms."""

from __future__ import annotations

import itertools
import operator
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from m3leo_sar import _check
from m3leo_sar._backend import transforms
from m3leo_sar._backend.choose import module_of
from m3leo_sar.doors.door import door
from m3leo_sar.doors.prototype import like_first

#: Lines of patches that are transformed at once: more of them leave the caches of a processor.
_LINES = 4


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
    ramp = (arrays.arange(size) + 0.5) / half
    triangle = arrays.minimum(ramp, 2 - ramp)
    window = (triangle[:, None] * triangle).astype(interferogram.real.dtype)
    tops = range(0, high - size + 1, half)

    def lines(first: int) -> Any:
        rows = slice(tops[first], tops[min(first + _LINES, len(tops)) - 1] + size)
        return _filtered_lines(arrays, padded[rows], window, alpha, None if trust is None else trust[:, rows])

    total, out = arrays.zeros_like(padded), arrays.empty_like(interferogram)
    groups = _in_threads(arrays, lines, range(0, len(tops), _LINES))
    for top, filtered in zip(tops, itertools.chain.from_iterable(groups), strict=True):
        total[top : top + size] += filtered

    def finish(top: int) -> None:
        own = slice(top, min(top + size, rows))
        filtered = total[half : half + rows, half : half + cols][own]
        out[own] = _with_phase(arrays, interferogram[own], filtered, known[own])

    for _ in _in_threads(arrays, finish, range(0, rows, size)):
        pass
    return out


def _in_threads(arrays: Any, one: Callable[[int], Any], tops: range) -> Iterator[Any]:
    """Results in order, a few ahead: NumPy and its transforms run beside each other, a GPU has one queue."""
    workers = 1 if arrays is not np else min(transforms.threads(), len(tops))
    if workers == 1:
        yield from map(one, tops)
        return
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Any] = deque()
        for top in tops:
            ahead.append(pool.submit(one, top))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _patches(arrays: Any, lines: Any, size: int) -> Any:
    """The square patches of some lines, half a size apart, (..., lines x patches of a line, size, size)."""
    views = arrays.lib.stride_tricks.sliding_window_view(lines, (size, size), axis=(-2, -1))
    views = views[..., :: size // 2, :: size // 2, :, :]
    return views.reshape(*views.shape[:-4], -1, size, size)


def _filtered_lines(arrays: Any, lines: Any, window: Any, alpha: float | None, trust: Any) -> Any:
    """The filtered patches of some lines, each line's added up, (lines, size, cols)."""
    size, (high, wide) = len(window), lines.shape
    spectrum = transforms.fft2(_patches(arrays, lines, size), workers=1)
    strength = _smoothed(arrays, arrays.abs(spectrum))
    peak = strength.max(axis=(1, 2), keepdims=True)
    strength /= arrays.where(peak > 0, peak, 1)
    if trust is None:
        power: Any = alpha
    else:
        sums = _patches(arrays, trust, size).sum(axis=(2, 3))
        means = arrays.where(sums[1] > 0, sums[0] / arrays.maximum(sums[1], 1), 1)
        power = (1 - arrays.clip(means, 0, 1))[:, None, None].astype(strength.dtype)
    strength **= power
    spectrum *= strength
    filtered = transforms.ifft2(spectrum, workers=1)
    filtered *= window
    half = size // 2
    count = high // half - 1
    filtered = filtered.reshape(count, -1, size, size)
    out = arrays.zeros((count, size, wide), lines.dtype)
    for first in (0, 1):
        # Every second patch begins where the one before ends.
        beside = arrays.moveaxis(filtered[:, first::2], 1, 2).reshape(count, size, -1)
        out[:, :, first * half : first * half + beside.shape[-1]] += beside
    return out


def _smoothed(arrays: Any, magnitude: Any) -> Any:
    """Sum over 3 x 3 frequencies, which wrap around."""
    for axis in (1, 2):
        wrapped = [arrays.take(magnitude, [end], axis=axis) for end in (-1, 0)]
        around = arrays.concatenate([wrapped[0], magnitude, wrapped[1]], axis=axis)
        rest = (slice(None),) * axis
        magnitude += around[(*rest, slice(0, -2))]
        magnitude += around[(*rest, slice(2, None))]
    return magnitude


def _with_phase(arrays: Any, interferogram: Any, filtered: Any, known: Any) -> Any:
    """The interferogram with the phase of what is filtered, NaN where it has no data."""
    size = arrays.abs(filtered)
    # Where the patches cancel there is no phase to use, nor any to lose.
    quiet = size == 0
    times = arrays.abs(interferogram)
    times /= arrays.where(quiet, 1, size)
    out = filtered * times
    for gone, value in ((quiet, interferogram), (~known, arrays.asarray(complex(np.nan, np.nan), out.dtype))):
        if gone.any():
            out = arrays.where(gone, value, out)
    return out


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
