"""Coherence change across an event."""

from __future__ import annotations

from typing import Any

from m3leo_sar._backend.choose import backend_of, module_of
from m3leo_sar.doors.door import door
from m3leo_sar.doors.prototype import prototype

KINDS = ("difference", "ratio", "normalised")


@door(arrays={"before": "*", "across": "*"}, images=2, name="coherence_change", units={"coherence_change": "1"})
def coherence_change(before: Any, across: Any, *, kind: str = "difference") -> Any:
    """Compare the coherence across an event with that of an earlier pair of the same temporal baseline.

    Parameters
    ----------
    before, across : (..., rows, cols) float
        Coherence in [0, 1] of the two pairs, for example from :func:`m3leo_sar.stack.events.event_triplets`; NumPy or
        CuPy, of one shape.
    kind : {"difference", "ratio", "normalised"}
        before - across in [-1, 1]; 1 - across / before, the lost share, at most 1; or (before - across) /
        (before + across) in [-1, 1].

    Returns
    -------
    array of the shape and library of the input
        Positive where coherence was lost; NaN where either input is NaN, or where a denominator is zero.

    Raises
    ------
    TypeError
        If libraries are mixed.
    ValueError
        If the shapes differ or ``kind`` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> coherence_change(np.array([[0.8, 0.5]]), np.array([[0.2, 0.5]]), kind="ratio")
    array([[0.75, 0.  ]])
    """
    backend_of(before, across)
    if before.shape != across.shape:
        raise ValueError(f"across must have the shape of before, {before.shape}, got {across.shape}")
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    lost = before - across
    if kind == "difference":
        return lost
    whole = before if kind == "ratio" else before + across
    xp = module_of(before)
    return xp.where(whole > 0, lost / xp.where(whole > 0, whole, 1), xp.nan).astype(lost.dtype)


def _threshold_like(quiet: Any, per_pixel: bool, **_: Any) -> Any:
    return prototype(quiet, quiet.shape[-2:] if per_pixel else ())


@door(arrays={"quiet": "*rc"}, like=_threshold_like, name="threshold", units={"threshold": "1"})
def change_threshold(quiet: Any, *, false_alarm: float = 0.01, per_pixel: bool = False) -> Any:
    """Calibrate a change threshold from changes between pairs that both precede the event.

    Parameters
    ----------
    quiet : (changes, rows, cols) or (rows, cols) float
        :func:`coherence_change` of pairs without an event between them; NaN is ignored.
    false_alarm : float
        Share, in (0, 1), of the quiet changes that may exceed the threshold.
    per_pixel : bool
        One threshold per pixel, from the changes along the first axis, instead of one for all pixels.

    Returns
    -------
    float or (rows, cols) float
        The quantile 1 - ``false_alarm``, interpolated linearly; NaN at a pixel with fewer than 1 / ``false_alarm``
        valid changes, for which this quantile is undefined.

    Raises
    ------
    ValueError
        If ``false_alarm`` is outside its range, no value is valid, or there are too few changes for the quantile.

    Examples
    --------
    >>> import numpy as np
    >>> change_threshold(np.linspace(-0.5, 0.5, 101).reshape(1, 101), false_alarm=0.1)
    0.4
    """
    if not 0 < false_alarm < 1:
        raise ValueError(f"false_alarm must lie in (0, 1), got {false_alarm}")
    backend_of(quiet)
    xp = module_of(quiet)
    valid = ~xp.isnan(quiet)
    if not bool(valid.any()):
        raise ValueError("quiet must hold at least one valid change, got none")
    if not per_pixel:
        return float(xp.quantile(quiet[valid], 1 - false_alarm))
    if quiet.ndim != 3 or len(quiet) * false_alarm < 1:
        raise ValueError(
            f"quiet must be (changes, rows, cols) with at least {1 / false_alarm:.0f} changes for one threshold per "
            f"pixel at a false alarm of {false_alarm}, got shape {quiet.shape}"
        )
    enough = valid.sum(axis=0) * false_alarm >= 1
    return xp.where(enough, _quantile(quiet, 1 - false_alarm), xp.nan).astype(quiet.dtype)


def _quantile(planes: Any, share: float) -> Any:
    """Quantile of the values other than NaN over the first axis; NaN sorts last."""
    xp = module_of(planes)
    ordered, count = xp.sort(planes, axis=0), xp.sum(~xp.isnan(planes), axis=0)
    place = share * xp.maximum(count - 1, 0)
    low = xp.floor(place).astype(xp.int64)
    high = xp.minimum(low + 1, xp.maximum(count - 1, 0))
    at_low, at_high = (xp.take_along_axis(ordered, index[None], axis=0)[0] for index in (low, high))
    return at_low + (place - low) * (at_high - at_low)
