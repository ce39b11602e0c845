"""What a word of two dates is asked to compare: two images, or pairs of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from m3leo_sar import _check
from m3leo_sar.grid.window import Window


def selected_pairs(
    reference: Any, secondary: Any, pairs: Sequence[Any] | None, *, int16: bool = False
) -> tuple[list[Any], list[tuple[int, int]]]:
    """Images to read and, for each result, the indices of its two images among them.

    ``int16`` allows complex int16 storage as well.

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
    check = _check.slc_array if int16 else _check.complex_array
    if pairs is None:
        check(reference, "reference", ndim=2)
        check(secondary, "secondary", ndim=2)
        _check.same(reference, secondary, names=("reference", "secondary"))
        return [reference, secondary], [(0, 1)]
    check(reference, "reference", ndim=3)
    return list(reference), list(pairs)


def reference_phases(reference_phase: Any, size: tuple[int, ...], count: int) -> list[Any]:
    """One plane a pair, of radians to take off; a single plane serves all.

    Raises
    ------
    TypeError
        If the phase is not float32 or float64.
    ValueError
        If its shape is neither that of an image nor that of an image a pair.
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
    """Refuse what is no Window, is over twice an image of ``size``, or has weights where there must be none.

    Raises
    ------
    TypeError
        If it is no Window.
    ValueError
        If it is too large, or weighted and ``weights`` are not allowed.
    """
    if not isinstance(window, Window):
        raise TypeError(f"window must be a Window(rows=, cols=), got {window!r}")
    if not weights and (window.row_weights or window.col_weights):
        raise ValueError("window must have no weights here, got a weighted one")
    _check.extent_within(window, "window", (size[0], size[1]), times=2)
