"""Selection of the images to compare: two images, or pairs of a stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from m3leo_sar import _check
from m3leo_sar._backend.choose import module_of
from m3leo_sar.doors.results import leaves, rebuilt
from m3leo_sar.grid.window import Window

#: Default share of a window's samples inside the image that must be valid.
MIN_VALID = 0.5


def selected_pairs(
    reference: Any, secondary: Any, pairs: Sequence[Any] | None, *, int16: bool = False
) -> tuple[list[Any], list[tuple[int, int]]]:
    """Images to compare and, per result, the indices of its two images among them.

    Complex int16 storage stays as it is if ``int16`` allows computing on it, and becomes complex64 otherwise.

    Raises
    ------
    TypeError
        If both or neither of ``secondary`` and ``pairs`` are given, or an array has the wrong dtype.
    ValueError
        If shapes differ, no pair is given or an index does not exist.
    """
    if (secondary is None) == (pairs is None):
        came = "neither" if pairs is None else "both"
        raise TypeError(f"give a second image (secondary) or a stack with pairs=, got {came}")
    if pairs is None:
        _check.slc_array(reference, "reference", ndim=2)
        _check.slc_array(secondary, "secondary", ndim=2)
        _check.same(reference, secondary, names=("reference", "secondary"))
        images, indices = [reference, secondary], [(0, 1)]
    else:
        _check.slc_array(reference, "reference", ndim=3)
        images, indices = list(reference), list(pairs)
    return images if int16 else [as_complex(image) for image in images], indices


def as_complex(slc: Any) -> Any:
    """SLC as complex numbers: complex int16, (..., 2), as complex64 in its stored unit, NaN where it has no data."""
    if slc.dtype != np.int16:
        return slc
    xp = module_of(slc)
    parts = xp.where((slc == _check.INT16_NO_DATA).any(axis=-1, keepdims=True), np.float32(np.nan), slc).astype(
        np.float32
    )
    return xp.ascontiguousarray(parts).view(np.complex64)[..., 0].view(type(slc))


def per_pair(function: Callable[[int, int, int], Any], indices: Sequence[tuple[int, int]], *, stacked: bool) -> Any:
    """Results of ``function(place, reference, secondary)``, stacked along a first axis if pairs were given."""
    results = [function(place, *pair) for place, pair in enumerate(indices)]
    if not stacked:
        return results[0]
    columns = zip(*([leaf.value for leaf in leaves(result)] for result in results), strict=True)
    xp = module_of(leaves(results[0])[0].value)
    kind = type(leaves(results[0])[0].value)
    return rebuilt(results[0], (xp.stack(column).view(kind) for column in columns))


def reference_phases(reference_phase: Any, size: tuple[int, ...], count: int) -> list[Any]:
    """One plane of radians to subtract per pair; a single plane applies to all pairs.

    Raises
    ------
    TypeError
        If the phase is not float32 or float64.
    ValueError
        If its shape is neither that of one image nor that of one image per pair.
    """
    if reference_phase is None:
        return []
    dtype = getattr(reference_phase, "dtype", None)
    if str(dtype) not in ("float32", "float64"):
        raise TypeError(f"reference_phase must be float32 or float64, got {dtype or type(reference_phase).__name__}")
    shape = tuple(reference_phase.shape)
    if shape == tuple(size):
        return [reference_phase] * count
    if shape == (count, *size):
        return list(reference_phase)
    raise ValueError(f"reference_phase must have shape {tuple(size)} or {(count, *size)}, got {shape}")


def check_window(window: Any, size: tuple[int, ...], *, weights: bool = False) -> None:
    """Refuse a window that is not a Window, is over twice an image of ``size``, or has weights where none are allowed.

    Raises
    ------
    TypeError
        If it is not a Window.
    ValueError
        If it is too large, or weighted and ``weights`` are not allowed.
    """
    if not isinstance(window, Window):
        raise TypeError(f"window must be a Window(rows=, cols=), got {window!r}")
    if not weights and (window.row_weights or window.col_weights):
        raise ValueError("window must have no weights here, got a weighted one")
    _check.extent_within(window, "window", (size[0], size[1]), times=2)


def check_min_valid(min_valid: float) -> float:
    """Share of valid samples as a float; an invalid one is refused.

    Raises
    ------
    ValueError
        If it is outside [0, 1].
    """
    if not 0 <= min_valid <= 1:
        raise ValueError(f"min_valid must lie in [0, 1], got {min_valid}")
    return float(min_valid)
