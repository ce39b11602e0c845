"""One layer of a pair on a grid, from samples in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.window import Window
from m3leo_sar.insar.coherence import coherence
from m3leo_sar.view.grid_part import RESAMPLING, GridPart
from m3leo_sar.view.stopwatch import Stopwatch
from m3leo_sar.warp.pixel_map import PixelMap
from m3leo_sar.warp.sample import sample

#: Maps of a pair.
LAYERS = ("coherence", "phase", "intensity_first", "intensity_second")


def dates_of(layer: str) -> tuple[int, ...]:
    """Which dates of a pair a layer needs: 0 the first, 1 the second."""
    return {"intensity_first": (0,), "intensity_second": (1,)}.get(layer, (0, 1))


def pair_map(
    parts: Sequence[GridPart],
    images: Sequence[Sequence[NDArray[Any]]],
    shape: tuple[int, int],
    *,
    layer: str,
    window: Window,
    watch: Stopwatch,
) -> NDArray[np.float32]:
    """A layer on the pixels of a grid.

    Parameters
    ----------
    parts : sequence of GridPart
    images : sequence of sequences of (rows, cols) complex
        Samples of each part, of the dates that :func:`dates_of` names.
    shape : (int, int)
        Rows and columns of the grid.
    layer : str
        One of ``LAYERS``.
    window : Window
        In samples; intensities are of single looks.
    watch : Stopwatch

    Returns
    -------
    (rows, cols) float32
        Coherence in [0, 1]; phase of first x conj(second), averaged over the window, in radians; intensity in the
        square of the stack's unit. NaN where there is no data.
    """
    whole = np.full(shape, np.nan, np.float32)
    for part, held in zip(parts, images, strict=True):
        plane = on_grid(estimated(held, layer, window, watch), part.positions, layer, watch)
        if part.mask is None and len(parts) == 1:
            return plane
        np.copyto(whole, plane, where=True if part.mask is None else part.mask)
    return whole


def estimated(images: Sequence[NDArray[Any]], layer: str, window: Window, watch: Stopwatch) -> NDArray[Any]:
    """A layer on the samples; a phase as complex numbers, of which a mean is one."""
    with watch.step("kernel"):
        if layer.startswith("intensity"):
            power: NDArray[Any] = (images[0].real ** 2 + images[0].imag ** 2).astype(np.float32)
            return power
        output = "magnitude" if layer == "coherence" else "complex"
        found: NDArray[Any] = coherence(*images, window=window, output=output)
        return found


def on_grid(values: NDArray[Any], positions: PixelMap, layer: str, watch: Stopwatch) -> NDArray[np.float32]:
    """A layer of :func:`estimated` on the pixels of a grid."""
    with watch.step("warp"):
        taken = sample(values, positions, resampling=RESAMPLING)
        if layer == "coherence":
            # Weights sum to one up to rounding.
            np.clip(taken, 0, 1, out=taken)
        elif layer == "phase":
            taken = np.angle(taken)
        return taken.astype(np.float32, copy=False)
