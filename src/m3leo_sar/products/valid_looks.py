"""Looks behind each value of a tile's coherence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.window import Window
from m3leo_sar.insar.coherence import coherence


class ValidLooks:
    """Valid samples of both dates in the window of each tile pixel.

    They follow from where the dates have no data, which is the same for most of them: pairs of dates that lack the same
    samples share one plane.

    Parameters
    ----------
    images : (dates, rows, cols) complex
        The dates of a tile, NumPy or CuPy.
    window : Window
        Of the coherence.
    to_tile : callable
        Brings a plane to the tile's pixels, in host memory.
    """

    def __init__(self, images: Any, window: Window, to_tile: Callable[[Any], NDArray[Any]]) -> None:
        self.images, self.window, self.to_tile = images, window, to_tile
        self._holes: list[Any] = []
        self._kinds: dict[int, int] = {}
        self._planes: dict[tuple[int, int], NDArray[Any]] = {}

    def of(self, first: int, second: int) -> NDArray[Any]:
        """(tile rows, tile cols) float32 of two dates by their indices; NaN off the stack."""
        kinds = sorted((self._kind(first), self._kind(second)))
        key = (kinds[0], kinds[1])
        if key not in self._planes:
            pair = (self.images[first], self.images[second])
            maps = coherence(*pair, window=self.window, output="all", min_valid=0, fill_gaps=True)
            self._planes[key] = self.to_tile(maps.looks).astype(np.float32, copy=False)
        return self._planes[key]

    def _kind(self, index: int) -> int:
        """Number of a date's missing samples among those that were seen."""
        if index not in self._kinds:
            # NumPy's word takes arrays of other libraries to theirs.
            holes = ~np.isfinite(self.images[index])
            alike = (kind for kind, known in enumerate(self._holes) if bool((known == holes).all()))
            self._kinds[index] = next(alike, len(self._holes))
            if self._kinds[index] == len(self._holes):
                self._holes.append(holes)
        return self._kinds[index]


def looks_facts(counts: NDArray[Any], known: NDArray[np.bool_]) -> dict[str, Any]:
    """Least and median number of looks behind the values of a coherence chip, for its metadata; {} without values.

    Parameters
    ----------
    counts : (tile rows, tile cols) float32
        From :class:`ValidLooks`.
    known : (tile rows, tile cols) bool
        Where the chip has data.
    """
    if not known.any():
        return {}
    low, high = float(counts.min()), float(counts.max())
    # Most tiles have the same looks everywhere; to select some of them takes longer than a map of coherence.
    counted = counts if low == high else counts[known]
    low, high = float(counted.min()), float(counted.max())
    middle = low if low == high else float(np.median(counted))
    return {"valid_looks": {"min": round(low, 2), "median": round(middle, 2)}}
