"""Mean coherence of every pair of a tile, from a part of its ground."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.window import Looks, Window
from m3leo_sar.insar.coherence import coherence
from m3leo_sar.stack.pairs import Pair, span_of
from m3leo_sar.view.grid_part import GridPart
from m3leo_sar.view.held_samples import HeldSamples
from m3leo_sar.view.stopwatch import Stopwatch
from m3leo_sar.view.stored_chips import StoredChips

#: Pairs whose looks are in memory at once.
_AT_ONCE = 256


class PairMatrix(NamedTuple):
    """Every pair of a tile."""

    #: (dates, dates) float32: mean coherence, symmetric, 1 on the diagonal; NaN where it is unknown.
    coherence: NDArray[np.float32]
    #: (dates, dates) float32: days from the date of the row to that of the column.
    days: NDArray[np.float32]
    #: (dates, dates) float32: perpendicular baseline in metres; None if unknown.
    baselines: NDArray[np.float32] | None
    dates: tuple[datetime.date, ...]


def days_between(passings: Sequence[datetime.date]) -> NDArray[np.float32]:
    """(dates, dates) float32: days from the date of a row to that of a column."""
    return np.array([[span_of(first, second) for second in passings] for first in passings], np.float32)


def mean_coherence(
    held: HeldSamples, parts: Sequence[GridPart], polarisation: str, window: Window, watch: Stopwatch
) -> NDArray[np.float32]:
    """Mean over the looks in the middle quarter of a tile: windows side by side, each sample in one of them.

    Parameters
    ----------
    held : HeldSamples
    parts : sequence of GridPart
        Of the tile; the largest one is used.
    polarisation : str
    window : Window
    watch : Stopwatch

    Returns
    -------
    (dates, dates) float32
        NaN where no look of a pair has data.
    """
    dates = held.source.dates
    found = np.full((len(dates), len(dates)), np.nan, np.float32)
    np.fill_diagonal(found, 1)
    if not parts or len(dates) < 2:
        return found
    part = max(parts, key=lambda part: part.shape[0] * part.shape[1])
    spans = _middle(part, window)
    images = held.windows(part, polarisation, dates, spans, watch)
    first, second = np.triu_indices(len(dates), 1)
    looks = Looks(rows=min(window.rows, images.shape[1]), cols=min(window.cols, images.shape[2]))
    with watch.step("kernel"):
        for start in range(0, len(first), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            pairs = list(zip(first[some].tolist(), second[some].tolist(), strict=True))
            maps = coherence(images, pairs=pairs, window=Window(rows=looks.rows, cols=looks.cols), step=looks)
            found[first[some], second[some]] = found[second[some], first[some]] = _means(maps)
    return found


def stored_means(
    chips: StoredChips, held: HeldSamples, tile: str, polarisation: str, watch: Stopwatch
) -> NDArray[np.float32]:
    """Mean of each stored coherence of a tile, (dates, dates) float32; NaN for pairs that are not stored."""
    place = {date: index for index, date in enumerate(chips.dates)}
    found = np.full((len(place), len(place)), np.nan, np.float32)
    np.fill_diagonal(found, 1)
    with watch.step("read"):
        for pair in chips.held[tile].get(polarisation, []):
            values, _ = held.safely(chips.chip, tile, polarisation, pair, "coherence")
            both = place[pair.reference], place[pair.secondary]
            found[both] = found[both[::-1]] = _means(values[None])[0]
    return found


def pairs_of_dates(passings: Sequence[datetime.date]) -> list[Pair]:
    """Every pair of an earlier and a later date, in the order of ``numpy.triu_indices``."""
    return [Pair(first, second) for first, second in itertools.combinations(passings, 2)]


def _means(maps: NDArray[np.floating]) -> NDArray[np.float64]:
    known = ~np.isnan(maps)
    count = known.sum(axis=(1, 2))
    total = np.where(known, maps, 0).sum(axis=(1, 2), dtype=np.float64)
    return np.divide(total, count, out=np.full(len(maps), np.nan), where=count > 0)


def _middle(part: GridPart, window: Window) -> tuple[slice, slice]:
    """The middle half of the rows and columns under a tile, at least a window."""
    spans = []
    for own, size, least in zip(part.positions.window(), part.shape, (window.rows, window.cols), strict=True):
        length = min(size, max((own.stop - own.start) // 2, least))
        first = max(0, min(own.start + (own.stop - own.start - length) // 2, size - length))
        spans.append(slice(first, first + length))
    return spans[0], spans[1]
