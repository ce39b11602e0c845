"""Flattening: the phase of flat earth and terrain is taken off the dates of a stack as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.flatness import is_flat
from m3leo_sar.stack.geometry import OrbitGeometry
from m3leo_sar.stack.slc import Read, SlcStack

# Most stacks need no geometry of the radar, which takes a tenth of a second to import.
if TYPE_CHECKING:
    from m3leo_sar.warp.burst_offsets import BurstOffsets


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
            from m3leo_sar.warp.burst_offsets import burst_offsets
            from m3leo_sar.warp.range_phase import Acquisition

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
            from m3leo_sar.warp.burst_heights import burst_heights

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
