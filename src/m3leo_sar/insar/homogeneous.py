"""Adaptive windows: statistically homogeneous neighbours of each pixel, and the coherence over them."""

from __future__ import annotations

import operator
from functools import cache
from math import comb
from typing import Any

import numpy as np

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of, module_of
from m3leo_sar._backend.coherence_request import CoherenceRequest
from m3leo_sar.doors.blocks import Reach
from m3leo_sar.doors.door import door
from m3leo_sar.grid.window import Window
from m3leo_sar.insar.coherence import UNITS, all_maps, wanted_maps
from m3leo_sar.insar.selection import MIN_VALID, as_complex, check_min_valid, check_window, per_pair, selected_pairs

TESTS = ("ks", "glrt")
#: Minimum number of neighbours for a coherence estimate.
MIN_NEIGHBOURS = 4


@door(
    arrays={"amplitude": "drc"},
    slcs=("amplitude",),
    stacks=True,
    reach=lambda window, **_: Reach.of(window),
    axes="rcw",
    name="neighbours",
    units={"neighbours": None},
)
def homogeneous_pixels(amplitude: Any, *, window: Window, test: str = "glrt", alpha: float = 0.01) -> Any:
    """Find, per pixel, the neighbours whose amplitudes over the dates are consistent with its distribution.

    Parameters
    ----------
    amplitude : (dates, rows, cols) float32, float64, complex64, complex128 or int16, or SlcStack
        Non-negative amplitudes of a co-registered stack of at least 2 dates, or the complex stack itself, in any form
        that :func:`m3leo_sar.coherence` accepts. A pixel that is not finite on any date has no neighbours and is no
        neighbour of another.
    window : Window
        Search window for neighbours; without weights.
    test : {"glrt", "ks"}
        ``"glrt"``, the likelihood ratio of two Rayleigh distributions, is the more powerful one for stationary speckle;
        ``"ks"``, Kolmogorov-Smirnov, assumes no distribution.
    alpha : float
        Probability, in (0, 0.5], of rejecting a homogeneous neighbour, for independent dates. The Kolmogorov-Smirnov
        test is discrete and rejects at most this share.

    Returns
    -------
    (rows, cols, words) uint64, same library
        Bit k % 64 of word k // 64 is the k-th sample of the window, row by row; the centre is always set.

    Raises
    ------
    TypeError
        If the dtype is not supported.
    ValueError
        If the shape, the window or an option is invalid.

    References
    ----------
    Parizzi and Brcic, 2011, IEEE GRSL 8(3), 441-445 (the tests); Gnedenko and Korolyuk, 1951, Doklady 80, 525-528
    (the exact distribution of the distance between two samples of equal size).

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar import Window
    >>> rng = np.random.default_rng(0)
    >>> amplitude = rng.rayleigh(np.where(np.arange(20) < 10, 1.0, 5.0), (40, 15, 20))
    >>> window = Window(rows=5, cols=7)
    >>> count = neighbour_count(homogeneous_pixels(amplitude, window=window))
    >>> int(count[7, 4]) > 30, int(count[7, 9]) < 24
    (True, True)
    """
    shape: tuple[int, ...]
    if str(getattr(amplitude, "dtype", "")) in ("int16", *_check.REAL_OF):
        _check.slc_array(amplitude, "amplitude", ndim=3)
        amplitude = abs(as_complex(amplitude))
    dtype, shape = getattr(amplitude, "dtype", None), tuple(getattr(amplitude, "shape", ()))
    if str(dtype) not in _check.REAL_OF.values():
        raise TypeError(f"amplitude must be float32 or float64, got {dtype or type(amplitude).__name__}")
    if len(shape) != 3 or shape[0] < 2 or 0 in shape:
        raise ValueError(f"amplitude must be (dates, rows, cols) with at least 2 dates, got shape {tuple(shape)}")
    check_window(window, shape[1:])
    if test not in TESTS:
        raise ValueError(f"test must be one of {', '.join(TESTS)}, got {test!r}")
    if not 0 < alpha <= 0.5:
        raise ValueError(f"alpha must lie in (0, 0.5], got {alpha}")
    xp, backend = module_of(amplitude), backend_of(amplitude)
    if test == "ks":
        return backend.homogeneous_ks(amplitude, _ks_limit(shape[0], alpha), window.rows, window.cols)
    intensity = xp.mean(amplitude * amplitude, axis=0)
    return backend.homogeneous_glrt(intensity, _share_limit(shape[0], alpha), window.rows, window.cols)


@door(arrays={"mask": "rcw"}, reach=lambda **_: Reach(), name="neighbours", units={"neighbours": "1"})
def neighbour_count(mask: Any) -> Any:
    """Number of neighbours of each pixel, including itself, (rows, cols) int64."""
    xp = module_of(mask)
    octets = xp.ascontiguousarray(mask).view(np.uint8)
    return xp.unpackbits(octets.ravel()).reshape(*mask.shape[:2], -1).sum(axis=-1).astype(np.int64)


@door(
    arrays={"reference": "drc", "secondary": "rc", "mask": "rcw"},
    images=2,
    slcs=("reference", "secondary"),
    stacks=True,
    averages=True,
    reach=lambda window, **_: Reach.of(window),
    name="coherence",
    units=UNITS,
)
def homogeneous_coherence(
    reference: Any,
    secondary: Any = None,
    *,
    window: Window,
    mask: Any,
    pairs: Any = None,
    output: str = "magnitude",
    min_valid: float = MIN_VALID,
    min_neighbours: int = MIN_NEIGHBOURS,
    fill_gaps: bool = False,
) -> Any:
    """Estimate the coherence over the homogeneous neighbours of each pixel instead of over a whole window.

    Parameters
    ----------
    reference : (rows, cols) or (dates, rows, cols) complex64, complex128 or int16, or SlcStack
        Co-registered SLC, or a whole stack when ``pairs`` is given, as in :func:`m3leo_sar.coherence`; a non-finite
        sample is no data.
    secondary : (rows, cols) complex or int16, optional
        The other SLC, of the same shape, dtype and library. Omit it for a stack.
    window : Window
        The window that the mask was computed with.
    mask : (rows, cols, words) uint64
        From :func:`homogeneous_pixels`; the same for all pairs of a stack.
    pairs : Pair, str, two dates, two indices, or a sequence of these, optional
        Pairs of dates of a stack; a single pair gives no axis of pairs.
    output : {"magnitude", "complex", "all"}
        ``"complex"`` keeps the interferometric phase, that of the sum over the neighbours; ``"all"`` returns
        :class:`m3leo_sar.insar.coherence.CoherenceMaps`, whose statistics are of the valid neighbours.
    min_valid : float
        Share, in [0, 1], of a pixel's neighbours inside the image that must be valid on both dates.
    min_neighbours : int
        Minimum number of valid neighbours, including the pixel itself: the estimate over one sample is always 1, over
        few samples far too high.
    fill_gaps : bool
        Also estimate at pixels whose own sample is not valid, where ``min_valid`` of their window is: with
        ``min_valid=0`` up to half a window into a gap. They are NaN otherwise.

    Returns
    -------
    (rows, cols) or (pairs, rows, cols) float32 or float64
        Coherence in [0, 1], complex64 or complex128 for ``"complex"``; NaN where a pixel's own sample or too many of
        its neighbours are not valid.

    Raises
    ------
    TypeError
        If a dtype is not supported or libraries are mixed.
    ValueError
        If shapes do not match each other or the window, ``output`` is unknown, ``min_valid`` is outside [0, 1] or
        ``min_neighbours`` is below 1.
    """
    slcs, indices = selected_pairs(reference, secondary, pairs)
    check_window(window, slcs[0].shape)
    words = -(-window.rows * window.cols // 64)
    wanted = (*slcs[0].shape, words)
    if str(getattr(mask, "dtype", None)) != "uint64" or tuple(mask.shape) != wanted:
        raise ValueError(f"mask must be uint64 of shape {wanted} for this window, got {mask!r:.80}")
    if operator.index(min_neighbours) < 1:
        raise ValueError(f"min_neighbours must be at least 1, got {min_neighbours}")
    request = CoherenceRequest(
        window=(window.rows, window.cols),
        min_valid=check_min_valid(min_valid),
        centred=not fill_gaps,
        wanted=wanted_maps(output),
    )
    backend = backend_of(*slcs, mask)

    def one(_: int, first: int, second: int) -> Any:
        maps = backend.homogeneous_coherence(slcs[first], slcs[second], mask, int(min_neighbours), request)
        return all_maps(maps) if output == "all" else maps[output]

    return per_pair(one, indices, stacked=pairs is not None)


@cache
def _ks_limit(dates: int, alpha: float) -> int:
    """Distance times the number of dates that two samples of one distribution exceed with probability at most alpha."""
    for distance in range(1, dates + 1):
        exceeded = 2 * sum(
            (-1) ** (turn + 1) * comb(2 * dates, dates - turn * distance) for turn in range(1, dates // distance + 1)
        )
        if exceeded <= alpha * comb(2 * dates, dates):
            return distance - 1
    return dates


@cache
def _share_limit(dates: int, alpha: float) -> float:
    """Share of the sum of two equal mean intensities below which the smaller one falls with probability alpha.

    The share of one of two gamma variables of shape ``dates`` is Beta(dates, dates).
    """
    # Imported here, so that the package imports without SciPy.
    from scipy.special import betaincinv

    return float(betaincinv(dates, dates, alpha / 2))
