"""Conditional shift of two regions: distances within bins of similar terrain or land cover."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3leo_sar.learn.shift.distances import wasserstein

#: Returns the distance of two samples.
Distance = Callable[[NDArray[np.float64], NDArray[np.float64]], float]
#: Bin of a sample whose condition is unknown.
UNKNOWN = -1
#: Below this width relative to the first, a principal component is only rounding error and not used for binning.
_NARROW = 1e-9


class ConditionalShift(NamedTuple):
    """Distance of two regions within the bins they share."""

    #: Mean over the shared bins, NaN if there are none.
    distance: float
    #: Share of the two regions' samples in shared bins, 0 to 1.
    coverage: float


def terrain_bins(values: ArrayLike, *, bins: int = 100, spacing: str = "quantile") -> NDArray[np.int64]:
    """Bin of each value of terrain, such as mean height or slope.

    Parameters
    ----------
    values : (samples,) float
        Values of all regions together, so that a bin means the same ground everywhere. NaN means unknown.
    bins : int
        Maximum number of bins; equal values never fall into different bins.
    spacing : str
        ``"quantile"`` for about equal numbers of samples per bin, or ``"even"`` for bins of equal width.

    Returns
    -------
    (samples,) int64
        0 to ``bins`` - 1, or :data:`UNKNOWN`.

    Raises
    ------
    ValueError
        If ``bins`` is below 1, ``spacing`` is unknown, or no value is known.

    Examples
    --------
    >>> terrain_bins([0.0, 10.0, 20.0, np.nan, 1000.0], bins=2)
    array([ 0,  0,  1, -1,  1])
    """
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or not np.isfinite(array).any():
        raise ValueError(f"values must be (samples,) with one that is finite, got shape {array.shape}")
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    if spacing not in ("quantile", "even"):
        raise ValueError(f"spacing must be 'quantile' or 'even', got {spacing!r}")
    known = np.isfinite(array)
    steps = np.arange(1, bins) / bins
    if spacing == "quantile":
        limits = np.quantile(array[known], steps)
    else:
        limits = array[known].min() + steps * np.ptp(array[known])
    return np.where(known, np.searchsorted(limits, array, side="right"), UNKNOWN).astype(np.int64)


def fraction_bins(
    fractions: ArrayLike, *, components: int = 3, bins: int = 10, spacing: str = "quantile"
) -> NDArray[np.int64]:
    """Bin of each chip by land cover: the first principal components of the class fractions, each divided into bins.

    Parameters
    ----------
    fractions : (samples, classes) float
        Share of each class in each chip, of all regions together. A chip with a NaN is unknown.
    components, bins : int
        Number of principal components, and of bins per component: at most ``bins ** components`` cells.
    spacing : str
        As for :func:`terrain_bins`.

    Returns
    -------
    (samples,) int64
        0 to ``bins ** components`` - 1, or :data:`UNKNOWN`.

    Raises
    ------
    ValueError
        If ``components`` exceeds the classes or a number is below 1, or no chip is known.
    """
    array = np.asarray(fractions, np.float64)
    if array.ndim != 2 or not 1 <= components <= array.shape[1]:
        raise ValueError(f"fractions must be (samples, classes) with components among 1 to the classes, "
                         f"got shape {array.shape} and {components} components")  # fmt: skip
    known = np.isfinite(array).all(axis=1)
    if not known.any():
        raise ValueError(f"fractions must hold a chip that is finite in every class, got {len(array)} that are not")
    scores = np.full((len(array), components), np.nan)
    scores[known] = _principal_scores(array[known], components)
    cells = np.zeros(len(array), np.int64)
    for column in scores.T:
        cells = cells * bins + terrain_bins(column, bins=bins, spacing=spacing)
    return np.where(known, cells, UNKNOWN)


def conditional_distance(
    first: ArrayLike,
    second: ArrayLike,
    *,
    bins: tuple[ArrayLike, ArrayLike],
    distance: Distance = wasserstein,
    least: int = 10,
) -> ConditionalShift:
    """Mean distance of two regions within the bins of a condition that occur in both.

    A bin is weighted by the mean of its shares in the two regions. Regions that look alike on similar ground, and
    differ only in the proportions of ground types, have a distance at the floor of
    :func:`m3leo_sar.learn.shift.matrix.shift_matrix`.

    Parameters
    ----------
    first, second : (samples, ...) float
        Arguments of ``distance``.
    bins : pair of (samples,) int
        Bin of each sample of ``first`` and of ``second``; negative means unknown, and such samples are not compared.
    distance : callable
        Distance of two samples; :func:`m3leo_sar.learn.shift.distances.wasserstein` by default.
    least : int
        Minimum number of samples per region in a compared bin. Distances of few samples are biased upwards.

    Returns
    -------
    ConditionalShift

    Raises
    ------
    ValueError
        If bins and samples differ in number, or ``least`` is below 1.

    References
    ----------
    M3LEO, arXiv 2406.04230, 2024, section 4.
    """
    if least < 1:
        raise ValueError(f"least must be at least 1, got {least}")
    one, other = (_by_bin(*parts) for parts in ((first, bins[0], "first"), (second, bins[1], "second")))
    sizes = len(np.asarray(first)), len(np.asarray(second))
    shared = [cell for cell in sorted(one.keys() & other.keys()) if min(len(one[cell]), len(other[cell])) >= least]
    weights = np.array([(len(one[cell]) / sizes[0] + len(other[cell]) / sizes[1]) / 2 for cell in shared])
    if not shared:
        return ConditionalShift(float("nan"), 0.0)
    distances = np.array([distance(one[cell], other[cell]) for cell in shared])
    return ConditionalShift(float(weights @ distances / weights.sum()), float(weights.sum()))


def _principal_scores(array: NDArray[np.float64], components: int) -> NDArray[np.float64]:
    centred = array - array.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = np.concatenate([axes, np.zeros((max(0, components - len(axes)), array.shape[1]))])[:components]
    # The sign of an axis is arbitrary; the same data must give the same bins on any machine.
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    scores = centred @ (axes * np.where(largest < 0, -1, 1)).T
    spread = scores.std(axis=0)
    return np.where(spread > _NARROW * max(spread.max(), np.finfo(float).tiny), scores, 0.0)


def _by_bin(samples: ArrayLike, bins: ArrayLike, name: str) -> dict[int, NDArray[np.float64]]:
    values, cells = np.asarray(samples, np.float64), np.asarray(bins)
    if cells.shape != values.shape[:1] or cells.dtype.kind not in "iu":
        raise ValueError(
            f"bins must be integers, one per sample of {name}: ({len(values)},), got {cells.dtype} {cells.shape}"
        )
    order = np.argsort(cells, kind="stable")
    names, starts = np.unique(cells[order], return_index=True)
    parts = np.split(values[order], starts[1:])
    return {int(cell): part for cell, part in zip(names, parts, strict=True) if cell >= 0}
