"""Distances between all regions, each with the level expected by chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3leo_sar.learn.shift.conditional import Distance, conditional_distance
from m3leo_sar.learn.shift.distances import wasserstein


class ShiftMatrix(NamedTuple):
    """Distances between regions, and their noise floor."""

    #: Regions, in the order of rows and columns.
    names: tuple[str, ...]
    #: (regions, regions) float64, symmetric, 0 on the diagonal; NaN where no bin is shared.
    distance: NDArray[np.float64]
    #: (regions,) float64: mean distance between random halves of one region.
    floor: NDArray[np.float64]
    #: (regions, regions) float64: share of label permutations with at least this distance; NaN on the diagonal.
    p_value: NDArray[np.float64]
    #: (regions, regions) float64: share of samples that were compared; 1 without a condition.
    coverage: NDArray[np.float64]


class _Sample(NamedTuple):
    values: NDArray[np.float64]
    bins: NDArray[np.int64]

    def take(self, index: NDArray[np.intp]) -> _Sample:
        return _Sample(self.values[index], self.bins[index])


def shift_matrix(
    samples: Mapping[str, ArrayLike],
    *,
    distance: Distance = wasserstein,
    bins: Mapping[str, ArrayLike] | None = None,
    least: int = 10,
    splits: int = 20,
    permutations: int = 99,
    seed: int = 0,
) -> ShiftMatrix:
    """Distance of each pair of regions, the floor of each region, and the p value of each distance.

    Parameters
    ----------
    samples : mapping of str to (samples, ...) float
        Region to its samples, as arguments of ``distance``. A sample should be a chip: pixels of one chip are
        correlated, and permuting them would make every difference appear significant.
    distance : callable
        Distance of two samples.
    bins : mapping of str to (samples,) int, optional
        Condition of each sample, see :func:`m3leo_sar.learn.shift.conditional.conditional_distance`; labels are then
        permuted within each bin, so that different shares of bins do not count as a shift.
    least : int
        As in :func:`m3leo_sar.learn.shift.conditional.conditional_distance`.
    splits : int
        Number of random halvings per floor. A half has half the samples, so the floor is somewhat higher than the
        distance of whole regions with the same distribution.
    permutations : int
        Number of label permutations per p value, which cannot be below 1 / (permutations + 1); 0 gives NaN.
    seed : int

    Returns
    -------
    ShiftMatrix

    Raises
    ------
    ValueError
        If there are fewer than two regions, a region has fewer than 4 samples, bins do not fit the samples, or
        ``splits`` is below 1 or ``permutations`` below 0.

    References
    ----------
    Phipson and Smyth, 2010, Statistical Applications in Genetics and Molecular Biology 9(1), 39, on the p value.
    """
    regions = _regions(samples, bins)
    if splits < 1 or permutations < 0:
        raise ValueError(f"splits must be at least 1 and permutations 0, got {splits} and {permutations}")

    def measure(one: _Sample, other: _Sample) -> tuple[float, float]:
        if bins is None:
            return distance(one.values, other.values), 1.0
        pair = one.bins, other.bins
        return conditional_distance(one.values, other.values, bins=pair, distance=distance, least=least)

    size = len(regions)
    far, certain, covered = np.zeros((size, size)), np.full((size, size), np.nan), np.ones((size, size))
    floor = np.zeros(size)
    for i, one in enumerate(regions.values()):
        rng = np.random.default_rng((seed, 0, i))
        floor[i] = _mean([measure(*_halves(one, rng))[0] for _ in range(splits)])
        for j, other in enumerate(list(regions.values())[:i]):
            far[i, j], covered[i, j] = measure(one, other)
            rng = np.random.default_rng((seed, 1, i, j))
            drawn = np.array([measure(*_exchanged(one, other, rng))[0] for _ in range(permutations)])
            if permutations and far[i, j] == far[i, j]:
                # Distances that are equal up to summation order count as reached.
                certain[i, j] = (1 + np.sum(drawn >= far[i, j] * (1 - 1e-12))) / (1 + permutations)
            for matrix in (far, certain, covered):
                matrix[j, i] = matrix[i, j]
    return ShiftMatrix(tuple(regions), far, floor, certain, covered)


def _regions(samples: Mapping[str, ArrayLike], bins: Mapping[str, ArrayLike] | None) -> dict[str, _Sample]:
    if len(samples) < 2:
        raise ValueError(f"samples must hold at least two regions, got {len(samples)}")
    if bins is not None and bins.keys() != samples.keys():
        raise ValueError(f"bins must hold the regions of samples, {', '.join(samples)}, got {', '.join(bins)}")
    found = {}
    for name, array in samples.items():
        values = np.asarray(array, np.float64)
        if values.ndim < 1 or len(values) < 4:
            count = len(np.atleast_1d(values))
            raise ValueError(
                f"a distance needs 4 samples (chips with valid pixels) or more per region, {name} has {count}"
            )
        cells = np.zeros(len(values), np.int64) if bins is None else np.asarray(bins[name])
        if cells.shape != (len(values),):
            raise ValueError(f"bins of {name} must be ({len(values)},), one per sample, got {cells.shape}")
        found[name] = _Sample(values, cells)
    return found


def _halves(region: _Sample, rng: np.random.Generator) -> tuple[_Sample, _Sample]:
    order = rng.permutation(len(region.values))
    middle = len(order) // 2
    return region.take(order[:middle]), region.take(order[middle:])


def _exchanged(one: _Sample, other: _Sample, rng: np.random.Generator) -> tuple[_Sample, _Sample]:
    """Both regions with their values permuted among the samples of the same bin."""
    values, bins = np.concatenate([one.values, other.values]), np.concatenate([one.bins, other.bins])
    dealt = np.empty_like(values)
    dealt[np.argsort(bins, kind="stable")] = values[np.lexsort((rng.random(len(bins)), bins))]
    middle = len(one.values)
    return _Sample(dealt[:middle], bins[:middle]), _Sample(dealt[middle:], bins[middle:])


def _mean(values: list[float]) -> float:
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")
