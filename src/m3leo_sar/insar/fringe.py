"""Coherence where the phase has a slope inside the window."""

from __future__ import annotations

from typing import Any, NamedTuple

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of
from m3leo_sar._backend.coherence_request import CoherenceRequest
from m3leo_sar.doors.blocks import Reach
from m3leo_sar.doors.door import door
from m3leo_sar.grid.window import Window
from m3leo_sar.insar.coherence import UNITS, all_maps, wanted_maps
from m3leo_sar.insar.selection import MIN_VALID, check_min_valid, check_window, per_pair, selected_pairs


class FringeFrequency(NamedTuple):
    """Local frequency of an interferogram's phase, each (rows, cols) float in radians per sample, in [-pi, pi]."""

    #: Change of phase from one row to the next.
    rows: Any
    #: Change of phase from one column to the next.
    cols: Any


class FringeCoherence(NamedTuple):
    """Fringe-compensated coherence, and the fringe frequency."""

    #: (rows, cols) float in [0, 1], or complex with the phase in the pixel; NaN where too few samples are valid.
    coherence: Any
    #: The frequency that was removed.
    frequency: FringeFrequency


class FringeMaps(NamedTuple):
    """All statistics of a window after removal of the local fringe; each is (rows, cols), or (pairs, rows, cols)."""

    #: Magnitude of the coherence in [0, 1], float.
    coherence: Any
    #: Phase of the fringe in the pixel in radians, in (-pi, pi], float.
    phase: Any
    #: Number of window samples valid on both dates, float.
    looks: Any
    #: Mean of |reference|^2 over those samples, in the square of its unit, float.
    power_reference: Any
    #: Mean of |secondary|^2 over those samples, float.
    power_secondary: Any
    #: The frequency that was removed.
    frequency: FringeFrequency


@door(
    arrays={"reference": "drc", "secondary": "rc", "frequency": "prc"},
    images=2,
    slcs=("reference", "secondary"),
    sequences=("frequency",),
    stacks=True,
    reach=lambda window, **_: Reach.of(window),
    units={**UNITS, "frequency_rows": "rad", "frequency_cols": "rad"},
)
def fringe_coherence(
    reference: Any,
    secondary: Any = None,
    *,
    window: Window,
    pairs: Any = None,
    frequency: FringeFrequency | None = None,
    output: str = "magnitude",
    min_valid: float = MIN_VALID,
    fill_gaps: bool = False,
) -> FringeCoherence | FringeMaps:
    """Estimate the coherence after removal of the local fringe, so that a slope does not appear decorrelated.

    Parameters
    ----------
    reference : (rows, cols) or (dates, rows, cols) complex64, complex128 or int16, or SlcStack
        Co-registered SLC, or a whole stack when ``pairs`` is given, as in :func:`m3leo_sar.coherence`; a non-finite
        sample is no data.
    secondary : (rows, cols) complex or int16, optional
        The other SLC, of the same shape, dtype and library. Omit it for a stack.
    window : Window
        Full size in samples, without weights, truncated at the image edge; at most twice the size of the image.
    pairs : Pair, str, two dates, two indices, or a sequence of these, optional
        Pairs of dates of a stack; a single pair gives no axis of pairs.
    frequency : FringeFrequency, optional
        The fringe to remove, (rows, cols) or (pairs, rows, cols) in the float of the images' precision, such as one
        estimated in a larger window or derived from a terrain model. Estimated in the window itself if omitted.
    output : {"magnitude", "complex", "all"}
        ``"complex"`` keeps the interferometric phase, ``"all"`` returns :class:`FringeMaps`, as in
        :func:`m3leo_sar.coherence`.
    min_valid : float
        Share, in [0, 1], of the window's samples inside the image that must be valid, as in
        :func:`m3leo_sar.coherence`.
    fill_gaps : bool
        Also estimate at pixels whose own sample is not valid, where ``min_valid`` of their window is: with
        ``min_valid=0`` up to half a window into a gap. They are NaN otherwise.

    Returns
    -------
    FringeCoherence, or FringeMaps for ``"all"``
        In the precision and library of the images; NaN where :func:`m3leo_sar.coherence` is NaN, and so are estimated
        frequencies.

    Raises
    ------
    TypeError
        If a dtype is not supported or libraries are mixed.
    ValueError
        If shapes differ, the window is over twice the size of the image or has weights, ``output`` is unknown, or
        ``min_valid`` is outside [0, 1].

    Notes
    -----
    The complex coherence of pixel (r0, c0) is the sum over the window of

        reference conj(secondary) exp(-j (f_rows (r - r0) + f_cols (c - c0))),

    divided by the roots of both powers. It has the magnitude of the result and, on a plane fringe, the phase of the
    pair in the pixel itself; where no fringe is removed, it is the complex result of :func:`m3leo_sar.coherence`.

    The frequency is the phase of the mean product of neighbouring samples of the interferogram in the window [1]_,
    refined twice by the residual slope; where this gives less than the plain coherence, nothing is removed. So the
    result is never below :func:`m3leo_sar.coherence`; where there is no coherence, fitting the noise raises it. With
    few looks the fringe is lost in the noise: 100 looks detect it where the coherence is above about 0.7. In that case
    take it from a larger window, ``fringe_coherence(a, b, window=larger).frequency``, and remove it in the smaller one.

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
    slcs, indices = selected_pairs(reference, secondary, pairs)
    check_window(window, slcs[0].shape)
    request = CoherenceRequest(
        window=(window.rows, window.cols),
        min_valid=check_min_valid(min_valid),
        centred=not fill_gaps,
        wanted=wanted_maps(output),
    )
    backend = backend_of(*slcs, *(frequency or ()))
    given = None if frequency is None else _frequencies(frequency, slcs[0], len(indices))

    def one(place: int, first: int, second: int) -> FringeCoherence | FringeMaps:
        undone = None if given is None else given[place]
        maps, *found = backend.fringe_coherence(slcs[first], slcs[second], undone, request)
        if output == "all":
            return FringeMaps(*all_maps(maps), FringeFrequency(*found))
        return FringeCoherence(maps[output], FringeFrequency(*found))

    result: FringeCoherence | FringeMaps = per_pair(one, indices, stacked=pairs is not None)
    return result


def _frequencies(frequency: FringeFrequency, slc: Any, count: int) -> list[tuple[Any, Any]]:
    """Frequencies along rows and columns per pair; two planes apply to all pairs."""
    wanted, size = _check.REAL_OF[str(slc.dtype)], tuple(slc.shape)
    for name, axis in zip(FringeFrequency._fields, frequency, strict=True):
        shape = tuple(getattr(axis, "shape", ()))
        if str(getattr(axis, "dtype", None)) != wanted or shape not in (size, (count, *size)):
            raise ValueError(f"frequency {name} must be {wanted} of shape {size}, got {axis!r:.80}")
    rows, cols = ([axis] * count if axis.ndim == 2 else list(axis) for axis in frequency)
    return list(zip(rows, cols, strict=True))
