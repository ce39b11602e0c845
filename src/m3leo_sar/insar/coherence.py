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

#: What ``output`` may be, and the maps it takes.
OUTPUTS = {
    "magnitude": ("magnitude",),
    "complex": ("complex",),
    "all": tuple(name for name in MAPS if name != "complex"),
}


class CoherenceMaps(NamedTuple):
    """All that a window tells; each is (rows, cols), or (pairs, rows, cols) for a list of pairs."""

    #: Magnitude of the coherence in [0, 1], float.
    coherence: Any
    #: Interferometric phase of the window in radians, in (-pi, pi], float.
    phase: Any
    #: Samples in the window that both dates have, float, also where the others are NaN; with weights, the number of
    #: equally weighted samples that would vary as much (:attr:`m3leo_sar.Window.samples` for a whole window).
    looks: Any
    #: Mean of |reference|^2 over those samples, in the square of its unit, float.
    power_reference: Any
    #: Mean of |secondary|^2 over those samples, float.
    power_secondary: Any


#: Units of the maps, for labels; powers have that of the image, squared.
UNITS = {"coherence": "1", "phase": "rad", "looks": "1", "power_reference": None, "power_secondary": None}


@door(
    arrays={"reference": "drc", "secondary": "rc", "reference_phase": "prc"},
    images=2,
    slcs=("reference", "secondary"),
    stacks=True,
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

    Two images give one map; a stack and a list of pairs give one map per pair, the power of each date being computed
    once. An SlcStack is read block by block of rows, 256 MiB at a time, so a scene of any size will do.

    Parameters
    ----------
    reference : (rows, cols) or (dates, rows, cols) complex64, complex128 or int16, or SlcStack
        Co-registered SLC, or a whole stack when ``pairs`` is given. NumPy, CuPy, torch, dask, or xarray over one of
        these. A sample with a part that is NaN or infinite, or that is masked, is no data. Complex int16 has the parts
        on a last axis of length 2, and -32768 in a part is no data.
    secondary : (rows, cols) complex or int16, optional
        The other SLC, of the same shape, dtype and library. Leave it out with a stack.
    window : Window
        Full size in samples and weights; cut at the image's edge. At most twice the image.
    pairs : Pair, str, two dates, two indices, or a sequence of these, optional
        With a stack: which dates to compare, in any order, repeats allowed: ``Pair``, ``"20230301_20230313"``, two
        dates (``datetime.date`` or text such as ``"2023-03-01"``), or two indices along the first axis. An array
        without dates takes indices only. A sequence gives a leading axis of pairs, a single pair gives none.
    step : Looks, optional
        Keep one result every so many rows and columns, that of the sample ``step // 2`` of each block; what does not
        fill a block is left out. Each value is the one that full resolution has there, bit for bit. With ``step`` as
        large as the window these are plain looks: they have no centre, so ``fill_gaps`` has no meaning.
    output : {"magnitude", "complex", "all"}
        ``"complex"`` keeps the interferometric phase, ``"all"`` gives :class:`CoherenceMaps`.
    reference_phase : (rows, cols) or (pairs, rows, cols) float, optional
        Radians to take off the interferogram before it is averaged, such as flat earth and topography, so that slopes
        do not look decorrelated. Give float64 where it grows beyond some thousand radians. NaN makes a sample no data.
    min_valid : float
        Share, in [0, 1], of the window's samples on the image that must be valid; less gives NaN. The default is half,
        so that no value rests on the few products in a corner of a window, whose coherence is near 1 whatever the
        ground. 0 takes any.
    fill_gaps : bool
        Also estimate at pixels whose own sample is not valid, from the samples around it: in holes and beyond the edge
        of a burst, by up to half a window. They are NaN otherwise.

    Returns
    -------
    (rows, cols) or (pairs, rows, cols) float32 or float64, same library as the input
        Coherence in [0, 1], unitless; complex64 or complex128 for ``"complex"``. NaN where the pixel's own sample is
        not valid in both dates, where too few of the window's are (``min_valid``), or where the power of either date is
        exactly zero. An xarray input gives an xarray.DataArray with its coordinates and attributes, or such a
        :class:`CoherenceMaps`; so does an SlcStack, with the pairs' dates, and y, x and CRS where it lies on a map.

    Raises
    ------
    TypeError
        If an array has another dtype, the dtypes differ, or libraries are mixed.
    ValueError
        If shapes differ, the window is over twice the image, the step is larger than the image, no pair is given, a
        date or index is missing, or an option has a value it cannot have.

    Notes
    -----
    Validity is joint: a sample counts in all sums only where both dates have it. The estimate is biased upwards
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
        result = _all_maps(maps, _weighted_looks(maps["looks"], estimate, request))
    else:
        result = _all_maps(maps, maps["looks"])
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
    if output not in OUTPUTS:
        raise ValueError(f"output must be one of {', '.join(OUTPUTS)}, got {output!r}")
    check_min_valid(min_valid)
    return CoherenceRequest(
        window=(window.rows, window.cols),
        step=(step.rows, step.cols) if step else (1, 1),
        weights=(np.array(window.row_weights or (), float), np.array(window.col_weights or (), float)),
        min_valid=float(min_valid),
        centred=not fill_gaps,
        wanted=OUTPUTS[output],
    )


def _are_looks(step: Any, window: Any) -> bool:
    """Whether results share no sample, so that none has a sample of its own."""
    known = isinstance(step, Looks) and isinstance(window, Window)
    return known and step.rows >= window.rows and step.cols >= window.cols


def _all_maps(maps: dict[str, Any], looks: Any) -> CoherenceMaps:
    return CoherenceMaps(maps["magnitude"], maps["phase"], looks, maps["power_reference"], maps["power_secondary"])


def _weighted_looks(valid: Any, estimate: Callable[[CoherenceRequest], Any], request: CoherenceRequest) -> Any:
    """Equally weighted samples that vary as much: (sum w)^2 / sum w^2 over what is valid, at an edge as anywhere."""
    squared = tuple(taps * taps for taps in request.weights)
    asked = replace(request, weights=squared, wanted=("looks",), min_valid=0.0, centred=False)
    squares = estimate(asked)["looks"]
    # Where nothing is valid, both sums are zero, and so are the looks.
    return valid * valid / module_of(squares).maximum(squares, np.finfo(squares.dtype).tiny)
