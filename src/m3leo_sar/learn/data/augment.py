"""Augmentations of pair samples: another pair with the same temporal baseline, exchanged dates, mirrored tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.learn.data.pair_index import Group, PairIndex

_STREAM = 2
FLIPS = ("rows", "cols")


class Change(NamedTuple):
    """Augmentation of one sample."""

    #: Pairs to compute in place of the sample's own.
    pairs: Group
    #: Axes of the planes to reverse: 0 for rows, 1 for columns.
    flips: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Seeded augmentation of training samples; it depends only on (seed, epoch, sample).

    Parameters
    ----------
    redraw : bool
        Draw, with equal probability, one of the tile's pairs in the index with the same temporal baseline and order of
        dates, including the sample's own. Pairs excluded from the index, such as those of another season, are never
        drawn. Samples of several pairs, such as those of an event, are not changed.
    swap : float
        Probability of exchanging reference and secondary of all pairs, which changes the sign of the phase but not
        that of a coherence change.
    flips : sequence of str
        ``"rows"`` mirrors vertically, ``"cols"`` horizontally, each with probability one half. The row axis of a
        north-up tile is nearly parallel to the track, so mirroring it preserves near and far range. Mirroring columns
        exchanges near and far range, and thereby the side of layover and shadow; it is only allowed if ``both_orbits``
        states that the samples come from ascending and descending orbits. Tiles are never rotated by 90 degrees.
    both_orbits : bool
        Whether samples come from both ascending and descending orbits.

    Raises
    ------
    ValueError
        If the probability is not in [0, 1], or a flip is unknown or not allowed.
    """

    redraw: bool = False
    swap: float = 0.0
    flips: Sequence[str] = ()
    both_orbits: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.swap <= 1:
            raise ValueError(f"swap must be a probability in [0, 1], got {self.swap}")
        for flip in self.flips:
            if flip not in FLIPS:
                raise ValueError(f"flips must be of {', '.join(FLIPS)}, got {flip!r}")
        if "cols" in self.flips and not self.both_orbits:
            raise ValueError("flips may mirror cols only with both_orbits: it exchanges near and far range")

    def change(self, index: PairIndex, sample: int, *, key: tuple[int, int]) -> Change:
        """Augmentation of a sample of an index; ``key`` is (seed, epoch)."""
        seed, epoch = key
        random = np.random.default_rng((seed, _STREAM, epoch, sample))
        # All numbers are always drawn, so that one option does not change the draws of another.
        which, swapped, mirrored = random.random(), random.random(), random.random(len(FLIPS))
        alike = index.alike(sample) if self.redraw else [sample]
        pairs = index[int(alike[int(which * len(alike))])].pairs
        if swapped < self.swap:
            pairs = tuple(pair.swapped() for pair in pairs)
        flips = tuple(axis for axis, name in enumerate(FLIPS) if name in self.flips and mirrored[axis] < 0.5)
        return Change(pairs, flips)


def flip_planes(planes: NDArray[np.generic], flips: Sequence[int]) -> None:
    """Mirror (..., rows, cols) planes in place; NumPy or CuPy."""
    if flips:
        planes[...] = np.flip(planes, tuple(planes.ndim - 2 + axis for axis in flips)).copy()
