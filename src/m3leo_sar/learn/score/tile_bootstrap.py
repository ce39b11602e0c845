"""Bootstrap confidence intervals of scores, resampled over tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from m3leo_sar.learn.score.metrics import Confusion
from m3leo_sar.learn.score.processes import gathered
from m3leo_sar.learn.score.scores import errors_that_count

#: Tile weights held in memory at once; 4 million float64 are 32 MiB.
_WEIGHTS = 1 << 22
#: Totals (draws, counts) to scores (draws,).
_Score = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class Interval(NamedTuple):
    """A score and its bootstrap confidence interval over tiles."""

    #: Score of the original tiles.
    score: float
    #: Ends of the central interval of the resampled scores.
    low: float
    high: float


class TileSums:
    """Rows of counts, one per tile: the counts of all samples of a tile are summed, from any batch or process.

    A tile contributes one sample per pair or crop, and these are as correlated as its pixels are: resampling them
    individually would make the interval far too narrow.

    Examples
    --------
    >>> sums = TileSums()
    >>> sums.add(np.array([[4, 1], [9, 1], [25, 2]]), ["a", "b", "a"])
    >>> sums.rows().tolist()
    [[29, 3], [9, 1]]
    """

    def __init__(self) -> None:
        self._tiles: dict[str, NDArray[Any]] = {}
        self._unnamed: list[NDArray[Any]] = []

    def add(self, rows: NDArray[Any], identifiers: Sequence[str] | None = None) -> None:
        """Count the samples of a batch.

        Parameters
        ----------
        rows : (samples, ...) int or float
            As returned by :func:`confusion_by_tile` or :func:`squares_by_tile`.
        identifiers : sequence of str, optional
            Tile of each sample; without them, each sample counts as a separate tile.

        Raises
        ------
        ValueError
            If the numbers of identifiers and rows differ.
        """
        if identifiers is None:
            self._unnamed += list(rows)
            return
        if len(identifiers) != len(rows):
            raise ValueError(f"identifiers must be one per row, {len(rows)}, got {len(identifiers)}")
        for name, row in zip(identifiers, rows, strict=True):
            self._tiles[name] = self._tiles.get(name, 0) + row

    def together(self) -> TileSums:
        """Combined counts of all processes; all processes must call it."""
        whole = TileSums()
        for part in gathered(self):
            for name, row in part._tiles.items():
                whole.add(row[None], [name])
            whole._unnamed += part._unnamed
        return whole

    def rows(self) -> NDArray[Any]:
        """Rows (tiles, ...) sorted by identifier, independently of the order of batches and processes, then the others.

        Raises
        ------
        ValueError
            If nothing was counted.
        """
        rows = [self._tiles[name] for name in sorted(self._tiles)] + self._unnamed
        if not rows:
            raise ValueError("rows must be of at least one sample, got none")
        return np.stack(rows)


def confusion_by_tile(predicted: Tensor, target: Tensor, *, classes: int) -> NDArray[np.int64]:
    """Counts (tiles, true class, predicted class) of tiles (tiles, ...), for :func:`miou_interval`."""
    counts = np.zeros((len(target), classes, classes), np.int64)
    for index, (guess, truth) in enumerate(zip(predicted, target, strict=True)):
        seen = Confusion(classes)
        seen.update(guess, truth)
        counts[index] = seen.counts.numpy()
    return counts


def squares_by_tile(predicted: Tensor, target: Tensor, mask: Tensor | None = None) -> NDArray[np.float64]:
    """Sum of squared errors and number of values (tiles, 2) of tiles (tiles, ...), for :func:`rmse_interval`."""
    masks = torch.ones_like(target, dtype=torch.bool) if mask is None else mask
    rows = [errors_that_count(*parts) for parts in zip(predicted, target, masks, strict=True)]
    return np.array([(float(errors.square().sum()), len(errors)) for errors in rows])


def miou_interval(confusion: ArrayLike, *, draws: int = 2000, level: float = 0.95, seed: int = 0) -> Interval:
    """Mean intersection over union of a split with its bootstrap interval over tiles.

    Whole tiles are drawn with replacement: pixels of a tile are correlated, and resampling them would make the interval
    far too narrow.

    Parameters
    ----------
    confusion : (tiles, classes, classes) int
        Counts of (true, predicted) class of each tile.
    draws : int
        Number of bootstrap resamples.
    level : float
        Share of the resampled scores inside the interval.
    seed : int

    Returns
    -------
    Interval
        Scores as defined by :meth:`m3leo_sar.learn.score.metrics.Confusion.mean_iou`, the mean over the classes that
        occur in the target: a rare class is ignored in a draw without it, and a draw without any label is left out. NaN
        if no tile has a label.

    Raises
    ------
    ValueError
        If the counts have another shape, are negative or hold no tile, ``draws`` is below 1 or ``level`` is not
        between 0 and 1.

    References
    ----------
    Efron and Tibshirani, 1993, An Introduction to the Bootstrap, section 13.3.
    """
    counts = np.asarray(confusion)
    if counts.ndim != 3 or counts.shape[1] != counts.shape[2]:
        raise ValueError(f"confusion must be (tiles, classes, classes), got shape {counts.shape}")
    classes = counts.shape[1]
    return _interval(counts.reshape(len(counts), classes**2), lambda totals: _miou(totals, classes), "confusion",
                     draws=draws, level=level, seed=seed)  # fmt: skip


def rmse_interval(squares: ArrayLike, *, draws: int = 2000, level: float = 0.95, seed: int = 0) -> Interval:
    """Root mean square error of a split with its bootstrap interval over tiles.

    Parameters
    ----------
    squares : (tiles, 2) float
        Sum of squared errors, and number of values, of each tile.
    draws, level, seed
        As for :func:`miou_interval`.

    Returns
    -------
    Interval
        In the unit of the errors.

    Raises
    ------
    ValueError
        For the reasons of :func:`miou_interval`.
    """
    sums = np.asarray(squares)
    if sums.ndim != 2 or sums.shape[1] != 2:
        raise ValueError(f"squares must be (tiles, 2), got shape {sums.shape}")
    return _interval(sums, _rmse, "squares", draws=draws, level=level, seed=seed)


def _interval(sums: NDArray[Any], score: _Score, name: str, *, draws: int, level: float, seed: int) -> Interval:
    if not len(sums) or not (sums >= 0).all():
        raise ValueError(f"{name} must hold at least one tile and nothing below zero, got {len(sums)} tiles")
    if draws < 1 or not 0 < level < 1:
        raise ValueError(f"draws must be at least 1 and level between 0 and 1, got {draws} and {level}")
    known = sums.astype(np.float64)
    rng, even = np.random.default_rng(seed), np.full(len(known), 1 / len(known))
    scores, step = [], max(1, _WEIGHTS // len(known))
    for start in range(0, draws, step):
        # Number of draws per tile; integers below 2**53, so the totals are exact.
        weights = rng.multinomial(len(known), even, size=min(step, draws - start))
        scores.append(score(weights.astype(np.float64) @ known))
    drawn = np.concatenate(scores)
    drawn = drawn[~np.isnan(drawn)]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]) if len(drawn) else (np.nan, np.nan)
    return Interval(float(score(known.sum(axis=0, keepdims=True))[0]), float(low), float(high))


def _miou(totals: NDArray[np.float64], classes: int) -> NDArray[np.float64]:
    counts = totals.reshape(-1, classes, classes)
    hit, truth = np.diagonal(counts, axis1=1, axis2=2), counts.sum(axis=2)
    union = truth + counts.sum(axis=1) - hit
    occurs = truth > 0
    return _ratio(np.where(occurs, _ratio(hit, union), 0).sum(axis=1), occurs.sum(axis=1))


def _rmse(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(_ratio(totals[:, 0], totals[:, 1]))


def _ratio(above: NDArray[Any], below: NDArray[Any]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0)
