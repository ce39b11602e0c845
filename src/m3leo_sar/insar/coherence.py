"""Sample coherence in a sliding window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of, module_of
from m3leo_sar._backend.coherence_request import MAPS, CoherenceRequest
from m3leo_sar.doors.blocks import Reach
from m3leo_sar.doors.door import door
from m3leo_sar.grid.window import Looks, Window
from m3leo_sar.insar.selection import MIN_VALID, check_min_valid, check_window, reference_phases, selected_pairs

#: Values of ``output``, and the maps each needs.
OUTPUTS = {
    "magnitude": ("magnitude",),
    "complex": ("complex",),
    "all": tuple(name for name in MAPS if name != "complex"),
}


class CoherenceMaps(NamedTuple):
    """All statistics of a window; each is (rows, cols), or (pairs, rows, cols) for a list of pairs."""

    #: Magnitude of the coherence in [0, 1], float.
    coherence: Any
    #: Interferometric phase of the window in radians, in (-pi, pi], float.
    phase: Any
    #: Number of window samples valid on both dates, float, also where the other maps are NaN; with weights, the number
    #: of equally weighted samples with the same variance (:attr:`m3leo_sar.Window.samples` for a whole window).
    looks: Any
    #: Mean of ``|reference|^2`` over those samples, in the square of its unit, float.
    power_reference: Any
    #: Mean of ``|secondary|^2`` over those samples, float.
    power_secondary: Any


#: Units of the maps, for labels; powers have the squared unit of the image.
UNITS = {"coherence": "1", "phase": "rad", "looks": "1", "power_reference": None, "power_secondary": None}


def wanted_maps(output: str) -> tuple[str, ...]:
    """Maps of a backend that ``output`` needs.

    Raises
    ------
    ValueError
        If it is none of ``OUTPUTS``.
    """
    if output not in OUTPUTS:
        raise ValueError(f"output must be one of {', '.join(OUTPUTS)}, got {output!r}")
    return OUTPUTS[output]


def all_maps(maps: dict[str, Any]) -> CoherenceMaps:
    """All statistics, from the maps of a backend."""
    return CoherenceMaps(
        maps["magnitude"], maps["phase"], maps["looks"], maps["power_reference"], maps["power_secondary"]
    )


@door(
    arrays={"reference": "drc", "secondary": "rc", "reference_phase": "prc"},
    images=2,
    slcs=("reference", "secondary"),
    stacks=True,
    averages=True,
    reach=lambda window, step, **_: Reach.of(window, step),
    name="coherence",
    units=UNITS,
)
def coherence(
    reference: Any,
    secondary: Any = None,
    *,
    window: Window,
    pairs: Any = None,
    step: Looks | None = None,
    output: str = "magnitude",
    reference_phase: Any = None,
    min_valid: float = MIN_VALID,
    fill_gaps: bool = False,
) -> Any:
    """Estimate the coherence in a sliding window.

    Two images give one map. A stack and a list of pairs give one map per pair, and the power of each date is computed
    once. An SlcStack is read in blocks of rows, 256 MiB at a time, so the size of the scene is not limited.

    Parameters
    ----------
    reference : (rows, cols) or (dates, rows, cols) complex64, complex128 or int16, or SlcStack
        Co-registered SLC, or a whole stack when ``pairs`` is given. NumPy, CuPy, torch, dask, or xarray over one of
        these. A masked sample, or one with a NaN or infinite part, is no data. Complex int16 has the parts
        on a last axis of length 2, and -32768 in a part is no data.
    secondary : (rows, cols) complex or int16, optional
        The other SLC, of the same shape, dtype and library. Omit it for a stack.
    window : Window
        Full size in samples, and weights; truncated at the image edge. At most twice the size of the image.
    pairs : Pair, str, two dates, two indices, or a sequence of these, optional
        Pairs of dates of a stack, in any order, repeats allowed: ``Pair``, ``"20230301_20230313"``, two
        dates (``datetime.date`` or text such as ``"2023-03-01"``), or two indices along the first axis. An array
        without dates accepts indices only. A sequence gives a leading axis of pairs, a single pair gives none. The
        coherence of an image with itself, such as ``(1, 1)``, is 1.
    step : Looks, optional
        Keep one result per block of this many rows and columns, at sample ``step // 2`` of each block; an incomplete
        block is omitted. Each value equals the full-resolution value there, bit for bit. With ``step`` as large as the
        window the results are plain looks: they have no centre sample, so ``fill_gaps`` has no effect.
    output : {"magnitude", "complex", "all"}
        ``"complex"`` keeps the interferometric phase, ``"all"`` returns :class:`CoherenceMaps`.
    reference_phase : (rows, cols) or (pairs, rows, cols) float, optional
        Phase in radians to subtract from the interferogram before averaging, such as flat earth and topography, so that
        slopes do not appear decorrelated. Use float64 above some thousand radians. NaN marks a sample as no data.
        It is reduced in double precision; for complex64 and int16 the angle removed is exact to 3e-7 rad (4e-7 rad
        at 1e9 rad), for complex128 to 1e-15 rad up to 1e6 rad.
    min_valid : float
        Share, in [0, 1], of the window's samples inside the image that must be valid; less gives NaN. The default is
        half, so that no value is based on the few products in a corner of a window, whose coherence is near 1 for any
        ground. 0 accepts any share.
    fill_gaps : bool
        Also estimate at pixels whose own sample is not valid, from the surrounding samples; they are NaN otherwise.
        ``min_valid`` still holds: with its default of half only small holes are filled, with ``min_valid=0`` also
        pixels up to half a window beyond the edge of a burst, from few samples.

    Returns
    -------
    (rows, cols) or (pairs, rows, cols) float32 or float64, same library as the input
        Coherence in [0, 1], unitless; complex64 or complex128 for ``"complex"``. NaN where the pixel's own sample is
        not valid on both dates, where too few samples of the window are valid (``min_valid``), or where the power of
        either date is exactly zero. An xarray input gives an xarray.DataArray with its coordinates and attributes, or a
        :class:`CoherenceMaps` of such arrays. So does an SlcStack, with the dates of the pairs, and with y, x and CRS
        where it is on a map grid.

    Warns
    -----
    UnflattenedWarning
        If an SlcStack in radar geometry is not known to be flattened, and there is no ``reference_phase``.

    Raises
    ------
    TypeError
        If a dtype is not supported, the dtypes differ, or libraries are mixed.
    ValueError
        If shapes differ, the window is over twice the size of the image, the step is larger than the image, no pair is
        given, a date or index is missing, or an option has an invalid value.

    Notes
    -----
    Validity is joint: a sample counts in all sums only if it is valid on both dates. The estimate is biased upwards
    for few looks [1]_; :func:`m3leo_sar.insar.bias.true_coherence` inverts the bias of a mean. Sums are trees of
    additions in the input's precision, never running differences, so a bright target does not affect pixels whose
    window excludes it, and a tile computed with its halo (:attr:`Window.before`, :attr:`Window.after`) equals the crop
    of the whole image bit for bit.

    References
    ----------
    .. [1] Touzi et al., 1999, IEEE TGRS 37(1), 135-149.

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar import Looks, Window, coherence
    >>> slc = np.exp(1j * np.arange(35.0)).astype("complex64").reshape(5, 7)
    >>> coherence(slc, 2j * slc, window=Window(rows=3, cols=5)).shape
    (5, 7)
    >>> coherence(np.stack([slc, slc, slc]), pairs=[(0, 1), (2, 0)], window=Window(rows=3, cols=5)).shape
    (2, 5, 7)
    >>> looks = Looks(rows=2, cols=3)
    >>> maps = coherence(slc, 2j * slc, window=Window(rows=2, cols=3), step=looks, output="all")
    >>> maps.phase.round(4), maps.power_secondary[0, 0]
    (array([[-1.5708, -1.5708],
           [-1.5708, -1.5708]], dtype=float32), np.float32(4.0))
    """
    options: dict[str, Any] = {
        "step": step,
        "output": output,
        "min_valid": min_valid,
        "fill_gaps": fill_gaps or _are_looks(step, window),
    }
    slcs, indices = selected_pairs(reference, secondary, pairs, int16=True)
    request = _request(window, slcs[0].shape[:2], **options)
    phases = reference_phases(reference_phase, slcs[0].shape[:2], len(indices))
    request = replace(request, phases=phases)

    def estimate(asked: CoherenceRequest) -> dict[str, Any]:
        maps: dict[str, Any] = backend_of(*slcs, *phases).coherence_pairs(slcs, indices, asked)
        return maps

    maps = estimate(request)
    if output != "all":
        result = maps[output]
    elif any(len(taps) for taps in request.weights):
        result = all_maps({**maps, "looks": _weighted_looks(maps["looks"], estimate, request)})
    else:
        result = all_maps(maps)
    if pairs is not None:
        return result
    return CoherenceMaps(*(plane[0] for plane in result)) if output == "all" else result[0]


def _request(
    window: Window, size: tuple[int, ...], *, step: Looks | None, output: str, min_valid: float, fill_gaps: bool
) -> CoherenceRequest:
    check_window(window, size, weights=True)
    if step is not None:
        if not isinstance(step, Looks):
            raise TypeError(f"step must be Looks(rows=, cols=), got {step!r}")
        _check.extent_within(step, "step", (size[0], size[1]), times=1)
    return CoherenceRequest(
        window=(window.rows, window.cols),
        step=(step.rows, step.cols) if step else (1, 1),
        weights=(np.array(window.row_weights or (), float), np.array(window.col_weights or (), float)),
        min_valid=check_min_valid(min_valid),
        centred=not fill_gaps,
        wanted=wanted_maps(output),
    )


def _are_looks(step: Any, window: Any) -> bool:
    """Whether windows share no sample, so that no result has a centre sample."""
    known = isinstance(step, Looks) and isinstance(window, Window)
    return known and step.rows >= window.rows and step.cols >= window.cols


def _weighted_looks(valid: Any, estimate: Callable[[CoherenceRequest], Any], request: CoherenceRequest) -> Any:
    """Equally weighted samples of the same variance: (sum w)^2 / sum w^2 over valid samples, also at an edge."""
    squared = tuple(taps * taps for taps in request.weights)
    asked = replace(request, weights=squared, wanted=("looks",), min_valid=0.0, centred=False)
    squares = estimate(asked)["looks"]
    # Without valid samples both sums are zero, and so are the looks.
    return valid * valid / module_of(squares).maximum(squares, np.finfo(squares.dtype).tiny)
