"""Scores over a whole split, and by the paper's protocol as a mean over batches."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from m3leo_sar.learn.score.metrics import Confusion

#: ``"global"`` counts every pixel of a split once; ``"paper"`` is the mean of one score per batch.
PROTOCOLS = ("global", "paper")


class SegmentationScores:
    """Mean intersection over union of a split, by both protocols.

    Parameters
    ----------
    classes : int

    Notes
    -----
    The protocol ``"paper"`` is that of the M3LEO baselines: torchmetrics' ``JaccardIndex`` per batch, averaged over
    the classes that occur in its target or its prediction, and then over batches. It depends on the batch size and
    order; the published values are for batches of 8. ``"global"`` is
    :meth:`m3leo_sar.learn.score.metrics.Confusion.mean_iou`, over the classes that occur in the target.

    References
    ----------
    M3LEO, arXiv 2406.04230, 2024, appendix D.

    Examples
    --------
    >>> scores = SegmentationScores(2)
    >>> scores.update(torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 0, 0]))
    >>> scores.update(torch.tensor([1, 1, 1, 1]), torch.tensor([1, 1, 1, 1]))
    >>> scores.mean_iou("paper"), scores.mean_iou("global")
    (0.6875, 0.775)
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.confusion = Confusion(classes)
        self.batches: list[float] = []

    def update(self, predicted: Tensor, target: Tensor) -> None:
        """Count one batch.

        Parameters
        ----------
        predicted, target : (batch, ...) int64
            Classes; the target may contain :data:`m3leo_sar.learn.data.labels.IGNORE`. A batch with only this value has
            no score.
        """
        batch = Confusion(self.classes)
        batch.update(predicted, target)
        self.confusion.counts += batch.counts
        scores = [score for score in batch.iou() if not math.isnan(score)]
        if scores:
            self.batches.append(sum(scores) / len(scores))

    def mean_iou(self, protocol: str = "global") -> float:
        """Mean intersection over union, 0 to 1, by ``"global"`` or ``"paper"``; NaN if nothing was counted.

        Raises
        ------
        ValueError
            If the protocol is another.
        """
        return self.confusion.mean_iou() if _is_global(protocol) else _mean(self.batches)


class RegressionScores:
    """Root mean square error, mean absolute error and bias of a split, in the unit of the target.

    Sums are float64, so a split of 1e9 pixels keeps 6 digits and more.

    Parameters
    ----------
    truncate_targets : bool
        Truncate targets to integers, towards zero, as the released baselines do before scoring. This adds an error of
        up to 1 unit; its purpose is comparison with published values.

    Notes
    -----
    The protocol ``"paper"`` is the mean of the root mean square errors of the batches; for batches of equal size it
    cannot exceed the global one.

    References
    ----------
    M3LEO, arXiv 2406.04230, 2024, appendix D.

    Examples
    --------
    >>> scores = RegressionScores()
    >>> scores.update(torch.tensor([1.0, 5.0]), torch.tensor([1.0, torch.nan]))
    >>> scores.update(torch.tensor([1.0]), torch.tensor([3.0]))
    >>> scores.rmse("paper"), scores.mae(), scores.bias()
    (1.0, 1.0, -1.0)
    """

    def __init__(self, *, truncate_targets: bool = False) -> None:
        self.truncate_targets = truncate_targets
        self.count, self.error, self.absolute, self.squared = 0, 0.0, 0.0, 0.0
        self.batches: list[float] = []

    def update(self, predicted: Tensor, target: Tensor, mask: Tensor | None = None) -> None:
        """Count one batch; a batch without valid values has no score.

        Parameters
        ----------
        predicted, target : (batch, ...) float
            In the same unit. A NaN in the target is ignored; a NaN in the prediction makes the scores NaN.
        mask : (batch, ...) bool, optional
            Valid values; all by default.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        errors = errors_that_count(predicted, target, mask, truncate_targets=self.truncate_targets)
        if not len(errors):
            return
        squared = float(errors.square().sum())
        self.count += len(errors)
        self.error += float(errors.sum())
        self.absolute += float(errors.abs().sum())
        self.squared += squared
        self.batches.append(math.sqrt(squared / len(errors)))

    def merge(self, other: RegressionScores) -> None:
        """Add the counts of another instance, as if its batches had been counted here.

        Raises
        ------
        ValueError
            If only one of the two truncates targets.
        """
        if self.truncate_targets != other.truncate_targets:
            raise ValueError(f"other must have truncate_targets={self.truncate_targets}, got {other.truncate_targets}")
        for name in ("count", "error", "absolute", "squared", "batches"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def rmse(self, protocol: str = "global") -> float:
        """Root mean square error by ``"global"`` or ``"paper"``; NaN if nothing was counted.

        Raises
        ------
        ValueError
            If the protocol is another.
        """
        return math.sqrt(self._per_value(self.squared)) if _is_global(protocol) else _mean(self.batches)

    def mae(self) -> float:
        """Mean absolute error."""
        return self._per_value(self.absolute)

    def bias(self) -> float:
        """Mean of prediction minus target: positive if the model overestimates."""
        return self._per_value(self.error)

    def _per_value(self, total: float) -> float:
        return total / self.count if self.count else math.nan


def errors_that_count(
    predicted: Tensor, target: Tensor, mask: Tensor | None = None, *, truncate_targets: bool = False
) -> Tensor:
    """Errors (values,) float64 where the target is known and the mask, if given, is True.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    for name, other in (("predicted", predicted), ("mask", mask)):
        if other is not None and other.shape != target.shape:
            raise ValueError(f"{name} must have the shape of target, {tuple(target.shape)}, got {tuple(other.shape)}")
    counted = ~torch.isnan(target) if mask is None else mask & ~torch.isnan(target)
    wanted = target[counted].double()
    return predicted.detach()[counted].double() - (wanted.trunc() if truncate_targets else wanted)


def _is_global(protocol: str) -> bool:
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol must be one of {', '.join(PROTOCOLS)}, got {protocol!r}")
    return protocol == "global"


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
