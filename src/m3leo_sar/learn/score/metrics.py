"""Classification metrics over a whole split."""

from __future__ import annotations

import torch
from torch import Tensor

from m3leo_sar.learn.data.labels import IGNORE


class Confusion:
    """Confusion matrix: counts of (true, predicted) class over all valid pixels.

    Scores are computed from the counts of the whole split, so unlike a mean over batches they do not depend on the
    batch size.

    Parameters
    ----------
    classes : int

    Examples
    --------
    >>> seen = Confusion(3)
    >>> seen.update(torch.tensor([0, 1, 1, 0]), torch.tensor([0, 1, 0, 255]))
    >>> seen.mean_iou()
    0.5
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.counts = torch.zeros(classes, classes, dtype=torch.int64)

    def update(self, predicted: Tensor, target: Tensor) -> None:
        """Count pixels; ``target`` is a class or :data:`m3leo_sar.learn.data.labels.IGNORE`."""
        kept = target != IGNORE
        flat = target[kept] * self.classes + predicted[kept]
        self.counts += torch.bincount(flat.cpu(), minlength=self.classes**2).reshape(self.classes, self.classes)

    def iou(self) -> list[float]:
        """Intersection over union per class, NaN for a class that neither occurs nor is predicted."""
        hit = self.counts.diagonal()
        union = self.counts.sum(0) + self.counts.sum(1) - hit
        return [float(h) / float(u) if u else float("nan") for h, u in zip(hit, union, strict=True)]

    def mean_iou(self) -> float:
        """Mean over the classes that occur in the target, NaN if there are none."""
        present = self.counts.sum(1) > 0
        scores = [score for score, there in zip(self.iou(), present, strict=True) if there]
        return sum(scores) / len(scores) if scores else float("nan")

    def accuracy(self) -> float:
        """Share of correctly classified pixels, NaN if there are none."""
        total = int(self.counts.sum())
        return float(self.counts.diagonal().sum()) / total if total else float("nan")
