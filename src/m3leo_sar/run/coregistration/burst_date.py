"""One date of a burst on the grid of the reference, block by block of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.sentinel1.burst_lines import BurstLines
from m3leo_sar.io.stacks.burst_stack import BurstStack
from m3leo_sar.stack.complex_int16 import NO_DATA
from m3leo_sar.warp.burst_heights import BurstHeights
from m3leo_sar.warp.burst_offsets import BurstOffsets, burst_offsets
from m3leo_sar.warp.coregister import CoregisteredBurst, coregister, int16_scale
from m3leo_sar.warp.range_phase import Acquisition

#: Rows that are in memory at once.
BLOCK = 512
#: Swaths whose range band nearly fills the sampling: 12 samples along range keep 0.9998 of coherence, 8 keep 0.9988.
_WIDE = ("IW1",)
#: Metres by which heights may exceed those of the terrain, so that the polynomials hold at its extremes.
_SLACK = 50.0


class ReferenceGrid(NamedTuple):
    """The grid of a reference: its acquisition, and the heights of its pixels."""

    acquisition: Acquisition
    heights: BurstHeights

    @classmethod
    def of(cls, stack: BurstStack) -> ReferenceGrid:
        """That of a stack."""
        height, steps = stack.heights()
        return cls(Acquisition(stack.orbit, stack.radar_grid), BurstHeights(height, *steps))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.acquisition.radar_grid.shape

    def offsets(self, secondary: Acquisition) -> BurstOffsets:
        """Where its pixels lie in another acquisition of the burst.

        Raises
        ------
        ValueError
            As of :func:`m3leo_sar.warp.burst_offsets.burst_offsets`.
        """
        low, high = (float(value) for value in (np.nanmin(self.heights.height), np.nanmax(self.heights.height)))
        return burst_offsets(reference=self.acquisition, secondary=secondary, heights=(low - _SLACK, high + _SLACK))


class PlacedBurst(NamedTuple):
    """One burst of a date, read as it is needed, and where the reference's pixels lie in it."""

    image: Any
    grid: ReferenceGrid
    offsets: BurstOffsets

    def rows(self, rows: slice, *, shift: float, scale: float | None = None, flatten: bool = True) -> CoregisteredBurst:
        """Rows of the reference: complex64, or complex int16 with a scale."""
        return coregister(
            BurstLines(self.image),
            offsets=self.offsets,
            heights=self.grid.heights,
            carrier=self.image.carrier,
            valid=self.image.valid,
            azimuth_shift=shift,
            flatten=flatten,
            resampling="sinc12" if self.image.swath in _WIDE else "sinc",
            rows=rows,
            output="complex64" if scale is None else "int16",
            scale=scale,
        )


def write_secondary(
    stack: BurstStack, image: Any, offsets: BurstOffsets, *, shift: float, facts: dict[str, Any]
) -> None:
    """Bring a burst to the grid of its stack's reference and write it.

    Parameters
    ----------
    stack : BurstStack
    image : SafeBurst
    offsets : BurstOffsets
        Of the burst against the reference.
    shift : float
        Lines to add to the azimuth offsets.
    facts : dict
        Attributes of the date; gets those that are known at the end.

    Raises
    ------
    ValueError, OSError
        If it cannot be read, does not fit the reference, or cannot be written; nothing of it remains then.
    """
    burst = PlacedBurst(image, ReferenceGrid.of(stack), offsets)
    scale = int16_scale(BurstLines(image), valid=image.valid)
    counts = {"saturated": 0, "known": 0}

    def block(rows: slice) -> NDArray[np.int16]:
        made = burst.rows(rows, shift=shift, scale=scale, flatten=stack.is_flattened)
        counts["saturated"] += made.saturated
        counts["known"] += int((made.pixels[..., 0] != NO_DATA).sum())
        return np.asarray(made.pixels)

    def blocks() -> Iterator[tuple[int, NDArray[np.int16]]]:
        for rows in row_blocks(stack.shape[0]):
            # Without a name, so that a block is gone before the next one is made.
            yield rows.start, block(rows)
        _add_counts(facts, counts, stack)

    stack.write(image.date, blocks(), scale=scale, facts=facts)


def write_reference(stack: BurstStack, image: Any, *, facts: dict[str, Any]) -> None:
    """Write the reference's own samples, which are whole numbers, as they are.

    Raises
    ------
    ValueError, OSError
        If it cannot be read or written; nothing of it remains then.
    """
    counts = {"saturated": 0, "known": 0}

    lines = BurstLines(image)

    def block(rows: slice) -> NDArray[np.int16]:
        parts = lines[rows]
        counts["known"] += int((parts[..., 0] != NO_DATA).sum())
        return parts

    def blocks() -> Iterator[tuple[int, NDArray[np.int16]]]:
        for rows in row_blocks(stack.shape[0]):
            yield rows.start, block(rows)
        _add_counts(facts, counts, stack)

    stack.write(stack.reference, blocks(), scale=1.0, facts=facts)


def row_blocks(rows: int) -> Iterator[slice]:
    """Blocks of rows of an image."""
    return (slice(first, min(first + BLOCK, rows)) for first in range(0, rows, BLOCK))


def _add_counts(facts: dict[str, Any], counts: dict[str, int], stack: BurstStack) -> None:
    facts["saturated"] = counts["saturated"]
    facts["coverage"] = round(counts["known"] / math.prod(stack.shape), 5)
