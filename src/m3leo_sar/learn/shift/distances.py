"""Distances between two samples of class shares, scalar values or embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Projected values held in memory at once; 4 million float64 are 32 MiB.
_PROJECTED = 1 << 22


def normalised_l1(first: ArrayLike, second: ArrayLike) -> float:
    """Half the L1 distance of two normalised histograms: 0 for equal shares, 1 for no class in common.

    Parameters
    ----------
    first, second : (classes,) or (chips, classes) int or float
        Pixels or shares per class, at least zero. Chips are summed first, so that a chip is weighted by its valid
        pixels; pass shares to weight all chips equally.

    Returns
    -------
    float
        In [0, 1], the total variation distance; twice this is the L1 distance in [0, 2].

    Raises
    ------
    ValueError
        If the classes differ in number, or a histogram is negative, not finite or empty.

    Examples
    --------
    >>> normalised_l1([30, 10], [10, 30])
    0.5
    """
    one, other = _shares(first, "first"), _shares(second, "second")
    _same_length(one, other, "classes")
    return float(0.5 * np.abs(one - other).sum())


def wasserstein(first: ArrayLike, second: ArrayLike) -> float:
    """Wasserstein-1 distance of two samples of a scalar, exact for any two sample sizes.

    Parameters
    ----------
    first, second : (samples,) int or float
        Finite values, equally weighted within each array.

    Returns
    -------
    float
        In the unit of the values.

    Raises
    ------
    ValueError
        If an array is empty, has more than one axis, or holds a value that is not finite.

    Notes
    -----
    The distance is the integral over q of the difference of the two quantile functions, both of which are constant
    between multiples of the inverse sample size.

    References
    ----------
    Ramdas, García Trillos and Cuturi, 2017, Entropy 19(2), 47, equation 5.

    Examples
    --------
    >>> wasserstein([0.0, 1.0], [2.0, 3.0])
    2.0
    """
    one, other = _samples(first, "first", ndim=1), _samples(second, "second", ndim=1)
    return float(_sorted_distance(np.sort(one)[None], np.sort(other)[None])[0])


def histogram_wasserstein(first: ArrayLike, second: ArrayLike, *, edges: ArrayLike) -> float:
    """Wasserstein-1 distance of two histograms on the same bins, with the mass of each bin at its centre.

    Parameters
    ----------
    first, second : (bins,) int or float
        Counts or shares, at least zero.
    edges : (bins + 1,) float
        Increasing, in the unit of the values.

    Returns
    -------
    float
        In the unit of the edges. It differs from :func:`wasserstein` of the original values by at most the width of the
        widest bin.

    Raises
    ------
    ValueError
        If the edges do not increase or do not match the counts, or a histogram is negative, not finite or empty.

    Examples
    --------
    >>> histogram_wasserstein([1, 0, 0], [0, 0, 1], edges=[0, 1, 2, 3])
    2.0
    """
    one, other = _shares(first, "first"), _shares(second, "second")
    _same_length(one, other, "bins")
    limits = np.asarray(edges, np.float64)
    if limits.shape != (len(one) + 1,) or not np.all(np.diff(limits) > 0):
        raise ValueError(f"edges must be {len(one) + 1} increasing values for {len(one)} bins, got {limits}")
    centres = (limits[:-1] + limits[1:]) / 2
    return float((np.abs(np.cumsum(one - other))[:-1] * np.diff(centres)).sum())


def sliced_wasserstein(first: ArrayLike, second: ArrayLike, *, projections: int = 512, seed: int = 0) -> float:
    """Mean Wasserstein-1 distance of two samples of embeddings along random directions.

    Parameters
    ----------
    first, second : (samples, dimensions) float
        Embeddings, all finite.
    projections : int
        Number of directions. The standard error of a distance decreases with its square root.
    seed : int
        Seed of the directions; equal seeds give equal directions for every pair of samples.

    Returns
    -------
    float
        In the unit of the embeddings. A pure shift by t gives the length of t times the mean of the absolute cosine
        between t and the directions, 2 / pi in a plane.

    Raises
    ------
    ValueError
        If the dimensions differ, an array is empty or not finite, or ``projections`` is below 1.

    References
    ----------
    Bonneel et al., 2015, Journal of Mathematical Imaging and Vision 51, 22-45, section 3.
    """
    one, other = _samples(first, "first", ndim=2), _samples(second, "second", ndim=2)
    if one.shape[1] != other.shape[1]:
        raise ValueError(f"second must have {one.shape[1]} dimensions as first has, got {other.shape[1]}")
    directions = random_directions(one.shape[1], projections=projections, seed=seed)
    step = max(1, _PROJECTED // max(len(one), len(other)))
    total = 0.0
    for start in range(0, projections, step):
        part = directions[start : start + step]
        total += _sorted_distance(np.sort(part @ one.T, axis=1), np.sort(part @ other.T, axis=1)).sum()
    return float(total / projections)


def random_directions(dimensions: int, *, projections: int, seed: int = 0) -> NDArray[np.float64]:
    """Unit vectors drawn uniformly from the sphere.

    Returns
    -------
    (projections, dimensions) float64

    Raises
    ------
    ValueError
        If ``projections`` or ``dimensions`` is below 1.
    """
    if projections < 1 or dimensions < 1:
        raise ValueError(f"projections and dimensions must be at least 1, got {projections} and {dimensions}")
    drawn = np.random.default_rng(seed).standard_normal((projections, dimensions))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def _sorted_distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each row of two arrays whose rows are sorted."""
    n, m = first.shape[1], second.shape[1]
    if n == m:
        return np.abs(first - second).mean(axis=1)
    # In units of 1 / (n m) both quantile functions step at integers, so no rounding can miss or double a step.
    stops = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    starts = np.concatenate([[0], stops[:-1]])
    return np.abs(first[:, starts // m] - second[:, starts // n]) @ ((stops - starts) / (n * m))


def _samples(array: ArrayLike, name: str, *, ndim: int) -> NDArray[np.float64]:
    values = np.asarray(array, np.float64)
    if values.ndim != ndim or 0 in values.shape:
        axes = {1: "(samples,)", 2: "(samples, dimensions)"}[ndim]
        raise ValueError(f"{name} must be {axes} and not empty, got shape {values.shape}")
    _finite(values, name)
    return values


def _shares(array: ArrayLike, name: str) -> NDArray[np.float64]:
    counts = np.asarray(array, np.float64)
    if counts.ndim not in (1, 2) or 0 in counts.shape:
        raise ValueError(f"{name} must be one histogram or one per chip, and not empty, got shape {counts.shape}")
    _finite(counts, name)
    if (counts < 0).any() or not counts.any():
        raise ValueError(f"{name} must be at least zero and not all zero, got {counts.min()} to {counts.max()}")
    summed = counts.sum(axis=0) if counts.ndim == 2 else counts
    return summed / summed.sum()


def _same_length(one: NDArray[Any], other: NDArray[Any], what: str) -> None:
    if len(one) != len(other):
        raise ValueError(f"second must have {len(one)} {what} as first has, got {len(other)}")


def _finite(values: NDArray[np.float64], name: str) -> None:
    bad = values.size - int(np.isfinite(values).sum())
    if bad:
        raise ValueError(f"{name} must be finite, got {bad} of {values.size} values that are not")
