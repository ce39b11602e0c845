"""Azimuth shifts of dates from those of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class DateShifts(NamedTuple):
    """Azimuth shifts of all dates.

    Parameters
    ----------
    lines : (dates,) float64
        Shift against the reference date, which has 0; NaN for dates that no chain of pairs connects to it.
    residual : float
        Root mean square of what is left of the pairs' shifts, lines; 0 if there are no more pairs than dates.
    """

    lines: NDArray[np.float64]
    residual: float


def azimuth_network(
    pairs: Sequence[tuple[int, int]], lines: ArrayLike, *, dates: int, reference: int, weights: ArrayLike | None = None
) -> DateShifts:
    """Estimate the azimuth shift of each date from those of pairs, by least squares.

    Parameters
    ----------
    pairs : sequence of (int, int)
        Indices of the dates of each pair, reference date first.
    lines : (pairs,) float
        Shift of the second date of a pair against the first; NaN where it is not known.
    dates : int
        Number of dates.
    reference : int
        Index of the date whose shift is 0.
    weights : (pairs,) float, optional
        Inverse variances; equal by default.

    Returns
    -------
    DateShifts

    Raises
    ------
    ValueError
        If numbers of pairs, shifts and weights differ, or an index is not that of a date.

    Examples
    --------
    >>> azimuth_network([(0, 1), (1, 2), (0, 2)], [0.004, -0.001, 0.003], dates=4, reference=0).lines.round(4).tolist()
    [0.0, 0.004, 0.003, nan]
    """
    shifts = np.asarray(lines, np.float64)
    importance = np.ones(len(pairs)) if weights is None else np.asarray(weights, np.float64)
    if shifts.shape != (len(pairs),) or importance.shape != (len(pairs),):
        raise ValueError(
            f"lines and weights must have one entry per pair, {len(pairs)}, got {shifts.shape} and {importance.shape}"
        )
    wrong = [index for pair in (*pairs, (reference, reference)) for index in pair if not 0 <= index < dates]
    if wrong:
        raise ValueError(f"pairs and reference must be indices of {dates} dates, got {wrong[0]}")
    known = np.isfinite(shifts) & (importance > 0)
    used = [pair for pair, keep in zip(pairs, known, strict=True) if keep]
    found = np.full(dates, np.nan)
    connected = sorted(_connected(used, reference))
    column = {date: index for index, date in enumerate(connected)}
    rows = [k for k, pair in enumerate(used) if pair[0] in column]
    design = np.zeros((len(rows) + 1, len(connected)))
    for row, k in enumerate(rows):
        design[row, column[used[k][1]]] += 1
        design[row, column[used[k][0]]] -= 1
    design[-1, column[reference]] = 1
    root = np.append(np.sqrt(importance[known][rows]), 1.0)
    wanted = np.append(shifts[known][rows], 0.0)
    found[connected] = np.linalg.lstsq(design * root[:, None], wanted * root, rcond=None)[0]
    found[reference] = 0.0
    left = design[:-1] @ found[connected] - wanted[:-1]
    return DateShifts(found, float(np.sqrt(np.mean(left**2))) if left.size else 0.0)


def _connected(pairs: Sequence[tuple[int, int]], reference: int) -> set[int]:
    """Dates that pairs connect to the reference."""
    reached, grew = {reference}, True
    while grew:
        more = {date for pair in pairs if reached & set(pair) for date in pair} - reached
        grew = bool(more)
        reached |= more
    return reached
