"""Stacks of one grid joined into one: those of several polarisations."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.stack.concurrent_read import joined_read
from m3leo_sar.stack.geometry import Geometry
from m3leo_sar.stack.polarisation import joined_polarisations
from m3leo_sar.stack.slc import Read, SlcStack
from m3leo_sar.stack.stack_selection import selected

#: Largest distance of the corners of two equal grids, in pixels: writers round coordinates.
_TOLERANCE = 1e-3


def join_polarisations(stacks: Sequence[SlcStack]) -> SlcStack:
    """One stack of several polarisations from stacks of the same grid.

    Parameters
    ----------
    stacks : sequence of SlcStack
        In the order of the polarisations of the result.

    Returns
    -------
    SlcStack
        With the dates that all have.

    Warns
    -----
    UserWarning
        If a date is left out, as one of the stacks lacks it.

    Raises
    ------
    ValueError
        If there is none, a polarisation occurs twice, they have no common date, or they differ in grid, dtype, orbit,
        track, wavelength or band.
    """
    if not stacks:
        raise ValueError("stacks must hold at least one stack, got none")
    first = stacks[0]
    for other in stacks[1:]:
        _require_alike(first, other)
    dates = sorted(set.intersection(*(set(stack.dates) for stack in stacks)))
    if not dates:
        raise ValueError(f"stacks must have a common date, {' and '.join(stack.name for stack in stacks)} have none")
    for stack in stacks:
        left = [str(date) for date in stack.dates if date not in dates]
        if left:
            warnings.warn(
                f"{', '.join(left[:5])} of {stack.polarisation} left out: another polarisation lacks "
                f"{'it' if len(left) == 1 else f'these {len(left)} dates'}",
                stacklevel=2,
            )
    parts = [selected(stack, dates=dates) for stack in stacks]
    reads = tuple(part.read for part in parts for _ in part.polarisations)
    starts = tuple(index * len(dates) for part in parts for index in range(len(part.polarisations)))
    return replace(
        parts[0],
        read=joined_read(partial(_read_joined, reads, starts, len(dates)), reads),
        polarisation=joined_polarisations(one for part in parts for one in part.polarisations),
    )


def is_alike(first: Geometry, second: Geometry) -> bool:
    """Whether the pixels of two geometries lie at the same places: equal grids, or radar images of one shape."""
    if not isinstance(first, GeoBox) or not isinstance(second, GeoBox):
        return type(first) is type(second) and first.shape == second.shape
    if first.shape != second.shape or first.crs != second.crs:
        return False
    rows, cols = first.shape
    between = ~first.affine @ second.affine
    moved = [np.subtract(between @ corner, corner) for corner in ((0, 0), (cols, 0), (0, rows), (cols, rows))]
    return bool(np.abs(moved).max() <= _TOLERANCE)


def _require_alike(first: SlcStack, other: SlcStack) -> None:
    if not is_alike(first.geometry, other.geometry):
        raise ValueError(f"{other.name} must lie on the grid of {first.name}")
    for name in ("dtype", "orbit", "track", "wavelength", "burst", "frequency", "flattened"):
        one, two = getattr(first, name), getattr(other, name)
        if one is not None and two is not None and one != two:
            raise ValueError(f"{name} of {other.name} must be {one}, that of {first.name}, got {two}")


def _read_joined(
    reads: tuple[Read, ...], starts: tuple[int, ...], dates: int, index: int, rows: slice, cols: slice
) -> NDArray[Any]:
    polarisation, date = divmod(index, dates)
    return reads[polarisation](starts[polarisation] + date, rows, cols)
