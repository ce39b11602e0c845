"""Whether the dates of a stack are flat, and flattening: the phase of flat earth and terrain lowers coherence."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.grid.window import Window
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.geometry import OrbitGeometry
from m3leo_sar.stack.slc import Read, SlcStack
from m3leo_sar.warp.burst_heights import burst_heights
from m3leo_sar.warp.burst_offsets import BurstOffsets, burst_offsets
from m3leo_sar.warp.range_phase import Acquisition


def is_flat(stack: SlcStack | BurstSet) -> bool | None:
    """Whether the phase of flat earth and terrain is taken off the dates of a stack.

    Returns
    -------
    bool or None
        What the stack states; without a word, True on a map grid, as producers flatten before they geocode, and None in
        radar geometry, where it is unknown.
    """
    bursts = [stack] if isinstance(stack, SlcStack) else stack.bursts
    stated = [burst.flattened for burst in bursts]
    if False in stated:
        return False
    on_map = all(isinstance(burst.geometry, GeoBox) for burst in bursts)
    return True if all(stated) or on_map else None


def with_word(stack: SlcStack | BurstSet, flattened: bool | None) -> SlcStack | BurstSet:
    """The stack with the caller's word on its flattening; unchanged without one.

    Raises
    ------
    ValueError
        If the stack states the contrary.
    """
    if flattened is None:
        return stack
    if is_flat(stack) not in (None, flattened) and not (flattened is False and _states_nothing(stack)):
        raise ValueError(f"flattened must be {not flattened}, as {stack.name} states, got {flattened}")
    if isinstance(stack, SlcStack):
        return replace(stack, flattened=flattened)
    return replace(stack, bursts=tuple(replace(burst, flattened=flattened) for burst in stack.bursts))


def _states_nothing(stack: SlcStack | BurstSet) -> bool:
    return (stack.flattened if isinstance(stack, SlcStack) else stack.bursts[0].flattened) is None


def flat_stack(stack: SlcStack | BurstSet) -> SlcStack | BurstSet:
    """The stack, flattened as it is read if it states that it is not and its orbits are known.

    Parameters
    ----------
    stack : SlcStack or BurstSet
        With ``flattened=False``, an OrbitGeometry and ``acquisitions``; any other is returned as it is.
    """
    if isinstance(stack, BurstSet):
        bursts = tuple(_flat_burst(burst) for burst in stack.bursts)
        return stack if bursts == stack.bursts else replace(stack, bursts=bursts)
    return _flat_burst(stack)


def _flat_burst(stack: SlcStack) -> SlcStack:
    if stack.flattened is not False or not stack.acquisitions or not isinstance(stack.geometry, OrbitGeometry):
        return stack
    read = _FlatRead(stack.read, stack.geometry, stack.acquisitions)
    return replace(stack, read=read, flattened=True)


class _FlatRead:
    """Pixels of a stack times the phasor of flat earth and terrain of their date."""

    def __init__(self, read: Read, geometry: OrbitGeometry, acquisitions: Sequence[tuple[Orbit, RadarGrid]]) -> None:
        self._read, self._geometry, self._acquisitions = read, geometry, acquisitions
        self._offsets: dict[int, BurstOffsets] = {}
        self._held: tuple[tuple[int, ...], Any] = ((), None)

    def __call__(self, index: int, rows: slice, cols: slice) -> NDArray[Any]:
        pixels = self._read(index, rows, cols)
        date = index % len(self._acquisitions)
        if date not in self._offsets:
            reference = Acquisition(self._geometry.orbit, self._geometry.radar_grid)
            heights = float(np.nanmin(self._geometry.dem)) - 50, float(np.nanmax(self._geometry.dem)) + 50
            secondary = Acquisition(*self._acquisitions[date])
            self._offsets[date] = burst_offsets(reference=reference, secondary=secondary, heights=heights)
        row, col = np.arange(rows.start, rows.stop)[:, None], np.arange(cols.start, cols.stop)[None]
        phase = self._offsets[date].at(row, col, self._heights(rows, cols)).phase
        turned: NDArray[Any] = (pixels * np.exp(1j * phase)).astype(pixels.dtype)
        return turned

    def _heights(self, rows: slice, cols: slice) -> NDArray[np.float64]:
        """Heights of a window, from posts at whole steps of the image, so that no window differs from another."""
        key, held = (rows.start, rows.stop, cols.start, cols.stop), self._held
        if held[0] != key:
            place, steps = self._geometry, (2, 8)
            first = [span.start // step * step for span, step in zip((rows, cols), steps, strict=True)]
            part = place.radar_grid.crop(slice(first[0], rows.stop), slice(first[1], cols.stop))
            posts = burst_heights(orbit=place.orbit, radar_grid=part, dem=place.dem, dem_geobox=place.dem_geobox,
                                  row_step=steps[0], col_step=steps[1])  # fmt: skip
            row, col = (np.arange(span.start - start, span.stop - start) for span, start in
                        zip((rows, cols), first, strict=True))  # fmt: skip
            held = (key, posts.at(row[:, None], col[None]))
            # Replaced as a whole, as another thread may read another window meanwhile.
            self._held = held
        heights: NDArray[np.float64] = held[1]
        return heights


def warn_unless_flat(stack: SlcStack | BurstSet, window: Window, *, stacklevel: int = 3) -> None:
    """Warn of a coherence window over a stack that is not flat, or does not say.

    Warns
    -----
    UserWarning
        If it is not known to be flat, and the window has several samples.
    """
    flat = is_flat(stack)
    if flat or window.rows * window.cols == 1:
        return
    state = "states that its dates are not flattened" if flat is False else (
        "is in radar geometry and does not state whether its dates are flattened"
    )  # fmt: skip
    remedy = "take it off before" if flat is False else "if they are, state it (flattened=True, --flattened)"
    warnings.warn(
        f"{stack.name} {state}: the phase of flat earth and terrain within a window of {window.rows} x {window.cols} "
        f"samples lowers coherence, over 20 columns of Sentinel-1 by a third at 150 m of baseline; {remedy}; m3leo-sar "
        "coregister writes flattened stacks",
        stacklevel=stacklevel,
    )
