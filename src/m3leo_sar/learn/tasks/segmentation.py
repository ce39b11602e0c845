"""Semantic segmentation: the class of each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from m3leo_sar.learn.data.batch import answer
from m3leo_sar.learn.data.labels import IGNORE
from m3leo_sar.learn.score.processes import gathered, shared_mean
from m3leo_sar.learn.score.scores import SegmentationScores
from m3leo_sar.learn.score.tile_bootstrap import TileSums, confusion_by_tile, miou_interval
from m3leo_sar.learn.tasks.optimisation import Optimisation
from m3leo_sar.learn.tasks.task import Task
from m3leo_sar.learn.tasks.task_request import TaskRequest

#: Kind of targets, and number of output channels of the model: None for one per class.
TARGET, OUTPUTS = "classes", None


class SegmentationTask(Task):
    """Cross-entropy over the pixels that have a label and data.

    Parameters
    ----------
    model : torch.nn.Module
        Maps (batch, channels, rows, cols) to logits (batch, classes, rows, cols).
    classes : int
    names : sequence of str
        Names of the classes, for the scores; their numbers if empty.
    learning_rate : float
        Learning rate of Adam; the paper's is 1e-4.
    """

    watched = ("val_miou", "max")

    def __init__(
        self, model: nn.Module, *, classes: int, names: Sequence[str] = (), learning_rate: float = 1e-4
    ) -> None:
        super().__init__(model, Optimisation(learning_rate=learning_rate))
        self.classes, self.names = classes, tuple(names) or tuple(map(str, range(classes)))
        self.seen = {stage: SegmentationScores(classes) for stage in ("val", "test")}
        self.by_tile = TileSums()

    def on_validation_epoch_start(self) -> None:
        """Reset the counts."""
        self.seen["val"] = SegmentationScores(self.classes)

    def on_validation_epoch_end(self) -> None:
        """Log the scores, by which the best epoch is selected."""
        self.log("val_miou", _together(self.seen["val"]).mean_iou(), prog_bar=False)

    def on_test_epoch_start(self) -> None:
        """Reset the counts."""
        self.seen["test"], self.by_tile = SegmentationScores(self.classes), TileSums()

    def on_test_epoch_end(self) -> None:
        """Gather the counts of all processes."""
        self.seen["test"] = _together(self.seen["test"])
        self.by_tile = self.by_tile.together()

    def scores(self) -> dict[str, Any]:
        """Mean intersection over union by both protocols, with its confidence interval over tiles, and per class."""
        seen, interval = self.seen["test"], miou_interval(self.by_tile.rows())
        return {
            "miou": seen.mean_iou(),
            "miou_interval": [interval.low, interval.high],
            "miou_paper": seen.mean_iou("paper"),
            "accuracy": seen.confusion.accuracy(),
            "iou": {
                name: score for name, score in zip(self.names, seen.confusion.iou(), strict=True) if score == score
            },
        }

    def predicted(self, batch: dict[str, Any]) -> Tensor:
        """Classes (batch, rows, cols), :data:`IGNORE` where no channel has data."""
        classes = answer(self.model, batch).argmax(dim=1)
        return torch.where(batch["mask"].any(dim=1), classes, IGNORE)

    def _step(self, batch: dict[str, Any], stage: str, index: int) -> Tensor:
        logits = answer(self.model, batch)
        target = masked_target(batch)
        loss = masked_cross_entropy(logits, target, training=stage == "train")
        if stage != "train":
            self.seen[stage].update(logits.argmax(1), target)
        if stage == "test":
            counts = confusion_by_tile(logits.argmax(1), target, classes=self.classes)
            self.by_tile.add(counts, batch.get("identifier"))
        return self.note(stage, loss, (target != IGNORE).sum())


def build(model: nn.Module, request: TaskRequest) -> SegmentationTask:
    """Segmentation task for the classes of a legend."""
    return SegmentationTask(model, classes=len(request.classes), names=request.classes)


def masked_target(batch: dict[str, Any]) -> Tensor:
    """Target classes, :data:`IGNORE` where no channel of the input has data."""
    return torch.where(batch["mask"].any(dim=1), batch["target"], IGNORE)


def masked_cross_entropy(logits: Tensor, target: Tensor, *, training: bool = False) -> Tensor:
    """Mean cross-entropy over the pixels with a target; 0, with a gradient of 0, if there are none.

    With ``training`` the mean is over the pixels of all processes.
    """
    total = nn.functional.cross_entropy(logits, target, ignore_index=IGNORE, reduction="sum")
    return shared_mean(total, (target != IGNORE).sum(), training=training)


def _together(own: SegmentationScores) -> SegmentationScores:
    """Combined counts of all processes."""
    whole = SegmentationScores(own.classes)
    for part in gathered(own):
        whole.confusion.counts += part.confusion.counts
        whole.batches += part.batches
    return whole
