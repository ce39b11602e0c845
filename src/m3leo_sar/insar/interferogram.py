"""Interferograms: the phase difference between two dates."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of, module_of
from m3leo_sar._backend.coherence_request import CoherenceRequest
from m3leo_sar.doors.blocks import Reach
from m3leo_sar.doors.door import door
from m3leo_sar.doors.results import mapped
from m3leo_sar.grid.window import Looks
from m3leo_sar.insar.oversample import oversampled
from m3leo_sar.insar.selection import MIN_VALID, check_min_valid, reference_phases, selected_pairs

#: Number of oversampled samples of one image in memory at once.
_BLOCK = 1 << 22
#: Values of ``output``.
_OUTPUTS = ("complex", "magnitude", "all")


class InterferogramMaps(NamedTuple):
    """All statistics of a multilooked pixel; each is (rows, cols), or (pairs, rows, cols) for a list of pairs."""

    #: Mean of reference x conj(secondary), complex.
    interferogram: Any
    #: Its angle in radians, in (-pi, pi], float.
    phase: Any
    #: Number of samples valid on both dates, float, also where the other maps are NaN.
    looks: Any


def _reach(looks: Any, oversample: Any, **_: Any) -> Reach:
    extent = Reach.of(looks, looks)
    # Oversampling along columns needs the spectrum of whole rows.
    return extent._replace(whole_rows=oversample != 1)


@door(
    arrays={"reference": "drc", "secondary": "rc", "reference_phase": "prc"},
    images=2,
    slcs=("reference", "secondary"),
    stacks=True,
    averages=True,
    reach=_reach,
    name="interferogram",
    units={"interferogram": None, "phase": "rad", "looks": "1"},
)
def interferogram(
    reference: Any,
    secondary: Any = None,
    *,
    looks: Looks | None = None,
    pairs: Any = None,
    reference_phase: Any = None,
    oversample: int = 1,
    output: str = "complex",
    min_valid: float = MIN_VALID,
) -> Any:
    """Form the interferogram reference x conj(secondary), multilooked if requested.

    Parameters
    ----------
    reference : (rows, cols) or (dates, rows, cols) complex64, complex128 or int16, or SlcStack
        Co-registered SLC, or a whole stack when ``pairs`` is given, in any form that :func:`m3leo_sar.coherence`
        accepts; an SlcStack is read block by block. A sample with a NaN or infinite part is no data. Complex int16 has
        the parts on a last axis of length 2 and is used in its stored unit.
    secondary : (rows, cols) complex, optional
        The other SLC, of the same shape, dtype and library. Omit it for a stack.
    looks : Looks, optional
        Samples averaged per pixel, one by default. A remainder at the end of the image is omitted.
    pairs : Pair, str, two dates, two indices, or a sequence of these, optional
        Pairs of dates of a stack, as in :func:`m3leo_sar.coherence`; a single pair gives no axis of pairs.
    reference_phase : (rows, cols) or (pairs, rows, cols) float, optional
        Phase in radians to subtract from each product before multilooking, such as flat earth and topography
        (:func:`m3leo_sar.warp.range_phase.range_phase`). Use float64 above some thousand radians. NaN marks a sample as
        no data. It is reduced in double precision; for complex64 and int16 the angle removed is exact to 3e-7 rad
        (4e-7 rad at 1e9 rad), for complex128 to 1e-15 rad up to 1e6 rad.
    oversample : int
        Oversampling factor of both images along columns before multiplication. The product of two images has twice
        their bandwidth, so at 1 a signal beyond half of the sampled band is aliased; 2 avoids this along columns
        (range), at a multiple of the run time.
    output : {"complex", "magnitude", "all"}
        ``"magnitude"`` omits the phase, ``"all"`` returns :class:`InterferogramMaps`.
    min_valid : float
        Share, in [0, 1], of a pixel's samples that must be valid on both dates; less gives NaN. 0 accepts any share.

    Returns
    -------
    (rows, cols) or (pairs, rows, cols) complex, dtype and library of the input
        Mean over the samples valid on both dates, NaN where there are too few; float for ``"magnitude"``. Its angle is
        the phase in radians, reference minus secondary; swapping the dates gives the conjugate.

    Warns
    -----
    UnflattenedWarning
        If looks average an SlcStack in radar geometry that is not known to be flattened, without a ``reference_phase``.

    Raises
    ------
    TypeError
        If an array is not complex64 or complex128, the dtypes differ, or NumPy and CuPy are mixed.
    ValueError
        If shapes differ, the looks are larger than the image, no pair is given, a date or index is missing,
        ``oversample`` is below 1, ``output`` is unknown, or ``min_valid`` is outside [0, 1].

    Notes
    -----
    Flat earth and topography are removed only if ``reference_phase`` is given. Multilooking a steep fringe lowers its
    magnitude.

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
    phases = reference_phases(reference_phase, slcs[0].shape, len(indices))
    if operator.index(oversample) < 1:
        raise ValueError(f"oversample must be a whole number of at least 1, got {oversample}")
    if output not in _OUTPUTS:
        raise ValueError(f"output must be one of {', '.join(_OUTPUTS)}, got {output!r}")
    check_min_valid(min_valid)
    if oversample == 1:
        size = (looks.rows, looks.cols)
        maps = backend_of(*slcs, *phases).interferogram_pairs(slcs, indices, size, min_valid, phases)
    else:
        maps = _oversampled(slcs, indices, looks, phases, oversample, min_valid)
    result = _result(maps, output, slcs, indices, looks, phases)
    return result if pairs is not None else mapped(result, lambda plane: plane[0])


def _result(
    maps: Any, output: str, slcs: list[Any], indices: list[tuple[int, int]], looks: Looks, phases: list[Any]
) -> Any:
    """Requested form of interferograms (pairs, rows, cols)."""
    if output != "all":
        return maps if output == "complex" else abs(maps)
    size = (looks.rows, looks.cols)
    request = CoherenceRequest(window=size, step=size, phases=phases, wanted=("looks",))
    valid = backend_of(*slcs, *phases).coherence_pairs(slcs, indices, request)["looks"]
    return InterferogramMaps(maps, module_of(maps).angle(maps), valid)


def _oversampled(
    slcs: list[Any],
    indices: list[tuple[int, int]],
    looks: Looks,
    phases: list[Any],
    factor: int,
    min_valid: float,
) -> Any:
    """Process blocks of rows: oversampled images, with proportionally more looks along columns."""
    backend, arrays = backend_of(*slcs, *phases), module_of(slcs[0])
    rows, cols = slcs[0].shape
    step = looks.rows * max(1, _BLOCK // (looks.rows * cols * factor))
    out = arrays.empty((len(indices), rows // looks.rows, cols // looks.cols), slcs[0].dtype)
    for start in range(0, rows // looks.rows * looks.rows, step):
        block = slice(start, min(start + step, rows // looks.rows * looks.rows))
        fine = [oversampled(slc[block], factor) for slc in slcs]
        turns = [_finer(arrays, phase[block], factor) for phase in phases]
        maps = backend.interferogram_pairs(fine, indices, (looks.rows, looks.cols * factor), min_valid, turns)
        out[:, block.start // looks.rows : block.stop // looks.rows] = maps
    return out


def _finer(arrays: Any, phase: Any, factor: int) -> Any:
    """Phase at the oversampled columns, from its slope along them."""
    phase = phase.astype("float64")
    slope = arrays.gradient(phase, axis=1) if phase.shape[1] > 1 else arrays.zeros_like(phase)
    at = (arrays.arange(factor) + 0.5) / factor - 0.5
    return (phase[..., None] + slope[..., None] * at).reshape(phase.shape[0], -1)
