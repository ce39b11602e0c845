"""Phase steps between overlapping bursts, per date, from the interferograms that both have of the same ground."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.tiles import Tile
from m3leo_sar.grid.window import Window
from m3leo_sar.insar.coherence import coherence
from m3leo_sar.products.placement import _positions_or_none, span_on
from m3leo_sar.stack.burst_set import BurstSet, burst_label
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.stack.valid_area import margin_within, pixel_spacing
from m3leo_sar.warp.pixel_map import PixelMap
from m3leo_sar.warp.sample import sample

#: Most tiles per pair of bursts: some hundred thousand windows give a step to a hundredth of a radian.
_TILES = 32
#: A mean of unit phasors of random phase is shorter than this many times one over the root of their number.
_SURE = 3.0


class PhaseStep(NamedTuple):
    """Step from one burst to its neighbour of one date, relative to the date before."""

    first: str
    second: str
    date: datetime.date
    #: Radians: phase of the first burst less that of the second, relative to the first date; 0 if unknown.
    step: float
    #: Circular standard deviation of one window, radians.
    spread: float
    #: Independent windows in the overlap.
    windows: float
    #: Whether the overlap is coherent enough to show it.
    is_known: bool


@dataclass(frozen=True)
class PhaseSteps:
    """Steps of all neighbours and dates, and the phase of each burst that explains them.

    Parameters
    ----------
    steps : tuple of PhaseStep
    phases : mapping of str to mapping of date to float
        Radians by burst and date, 0 for the first burst: the argument of
        :meth:`m3leo_sar.stack.burst_set.BurstSet.without_steps`.
    """

    steps: tuple[PhaseStep, ...]
    phases: Mapping[str, Mapping[datetime.date, float]]

    @property
    def largest(self) -> float:
        """Largest known step in radians, 0 if there is none."""
        return max((abs(step.step) for step in self.steps if step.is_known), default=0.0)


@dataclass
class _Sums:
    """Sums over the overlap of two bursts, one per pair of consecutive dates."""

    products: NDArray[np.complex128]
    sizes: NDArray[np.float64]
    windows: NDArray[np.float64]
    tiles: int = field(default=0)


def measured_steps(bursts: BurstSet, tiles: Sequence[Tile], *, window: Window) -> PhaseSteps:
    """Measure the phase of each burst and date that differs from its neighbours'.

    Interferograms of consecutive dates are averaged over a window in each burst and brought to the tiles; where two
    bursts overlap, the phase of one less that of the other is the difference of their steps, summed up from date to
    date. Where an overlap is not coherent, its step is 0 and marked as unknown.

    Parameters
    ----------
    bursts : BurstSet
        Its first polarisation is used.
    tiles : sequence of Tile
        Those over two or more bursts are used, up to 32 per pair of bursts, evenly chosen.
    window : Window
        Averaging window in pixels of the bursts.

    Returns
    -------
    PhaseSteps
    """
    sums: dict[tuple[int, int], _Sums] = {}
    count = len(bursts.dates) - 1
    for found in _overlaps(bursts, tiles, window):
        planes = {index: _interferograms(bursts.bursts[index], positions, window) for index, positions in found.items()}
        masks = _masks(bursts, found, window)
        for pair, mask in masks.items():
            kept = sums.setdefault(pair, _Sums(np.zeros(count, np.complex128), np.zeros(count), np.zeros(count)))
            if kept.tiles < _TILES:
                _add(kept, planes[pair[0]], planes[pair[1]], mask, found[pair[0]], window)
    return _solved(bursts, sums)


def _overlaps(bursts: BurstSet, tiles: Sequence[Tile], window: Window) -> Iterator[dict[int, PixelMap]]:
    """Positions on each burst of tiles over several, spread over the area."""
    step = max(1, len(tiles) // (8 * _TILES))
    for tile in [tiles[index] for index in range(0, len(tiles), step)]:
        places = {index: _positions_or_none(burst, tile) for index, burst in enumerate(bursts.bursts)}
        found = {index: place for index, place in places.items() if place is not None}
        if len(found) > 1 and _masks(bursts, found, window):
            yield found


def _masks(bursts: BurstSet, found: Mapping[int, PixelMap], window: Window) -> dict[tuple[int, int], NDArray[np.bool_]]:
    """Pixels of a tile whose window lies within both of two bursts, so that it has the same samples in both."""
    spacing = pixel_spacing(bursts.bursts[0].geometry)
    # Half a window, and the neighbour that a bilinear kernel takes too.
    reach = max((size / 2 + 1) * metres for size, metres in zip((window.rows, window.cols), spacing, strict=True))
    inside = {
        index: margin_within(bursts.outlines[index], place.rows, place.cols, spacing=spacing) > reach
        for index, place in found.items()
    }
    masks = {(one, two): inside[one] & inside[two] for one, two in combinations(sorted(found), 2)}
    return {pair: mask for pair, mask in masks.items() if mask.any()}


def _interferograms(burst: SlcStack, positions: PixelMap, window: Window) -> NDArray[Any]:
    """Complex coherence of consecutive dates on a tile, (dates - 1, tile rows, tile cols)."""
    rows, cols = span_on(burst, positions, window=window, resampling="bilinear")
    pixels = burst.images([(burst.polarisations[0], date) for date in burst.dates], rows, cols)
    maps = coherence(pixels, pairs=list(pairwise(range(len(pixels)))), window=window, output="complex")
    taken: NDArray[Any] = sample(maps, positions.relative_to(rows, cols), resampling="bilinear")
    return taken


def _add(
    sums: _Sums, first: NDArray[Any], second: NDArray[Any], mask: NDArray[np.bool_], place: PixelMap, window: Window
) -> None:
    products = (first[:, mask] * second[:, mask].conj()).astype(np.complex128)
    known = np.isfinite(products)
    products[~known] = 0
    sums.products += products.sum(axis=1)
    sums.sizes += np.abs(products).sum(axis=1)
    scale = place.scale or (1.0, 1.0)
    sums.windows += known.sum(axis=1) * abs(scale[0] * scale[1]) / (window.rows * window.cols)
    sums.tiles += 1


def _solved(bursts: BurstSet, sums: Mapping[tuple[int, int], _Sums]) -> PhaseSteps:
    names = [burst_label(burst) for burst in bursts.bursts]
    steps: list[PhaseStep] = []
    between: dict[tuple[int, int], NDArray[np.float64]] = {}
    for (one, two), some in sorted(sums.items()):
        lengths = np.divide(np.abs(some.products), some.sizes, out=np.zeros_like(some.sizes), where=some.sizes > 0)
        known = lengths * np.sqrt(np.maximum(some.windows, 1e-9)) > _SURE
        # The phase of reference less secondary falls by what the secondary's step grows.
        change = np.where(known, -np.angle(some.products), 0.0)
        between[one, two] = np.concatenate([[0.0], np.cumsum(change)])
        spread = np.sqrt(-2 * np.log(np.clip(lengths, 1e-12, 1.0)))
        wrapped = np.angle(np.exp(1j * between[one, two]))
        steps += [
            PhaseStep(names[one], names[two], date, float(wrapped[index + 1]), float(spread[index]),
                      float(some.windows[index]), bool(known[index]))
            for index, date in enumerate(bursts.dates[1:])
        ]  # fmt: skip
    return PhaseSteps(tuple(steps), _phases(bursts, names, between, sums))


def _phases(
    bursts: BurstSet,
    names: Sequence[str],
    between: Mapping[tuple[int, int], NDArray[np.float64]],
    sums: Mapping[tuple[int, int], _Sums],
) -> dict[str, dict[datetime.date, float]]:
    """Phase of each burst, from neighbour to neighbour over the largest overlaps first; 0 where none is reached."""
    phases: dict[int, NDArray[np.float64]] = {}
    links = sorted(between, key=lambda pair: -float(sums[pair].windows.sum()))
    for start in range(len(names)):
        # A burst that no other overlaps keeps its phase.
        phases.setdefault(start, np.zeros(len(bursts.dates)))
        while link := next((pair for pair in links if (pair[0] in phases) != (pair[1] in phases)), None):
            one, two = link
            if one in phases:
                phases[two] = phases[one] - between[link]
            else:
                phases[one] = phases[two] + between[link]
    wrapped = {index: np.angle(np.exp(1j * phase)) for index, phase in phases.items()}
    return {
        names[index]: dict(zip(bursts.dates, (float(value) for value in wrapped[index]), strict=True))
        for index in range(len(names))
    }
