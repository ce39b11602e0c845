"""Telling the class of each pixel."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from m3leo_sar.learn.labels import IGNORE
from m3leo_sar.learn.metrics import Confusion


class SegmentationTask(L.LightningModule):
    """Cross-entropy over the pixels that have a label and data.

    Parameters
    ----------
    model : torch.nn.Module
        (batch, channels, rows, cols) to logits (batch, classes, rows, cols).
    classes : int
    learning_rate : float
        Of Adam; the paper's is 1e-4.
    """

    def __init__(self, model: nn.Module, *, classes: int, learning_rate: float = 1e-4) -> None:
        super().__init__()
        self.model, self.classes, self.learning_rate = model, classes, learning_rate
        self.seen = {stage: Confusion(classes) for stage in ("val", "test")}

    def training_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Loss of one batch."""
        return self._step(batch, "train")

    def validation_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Count one batch."""
        return self._step(batch, "val")

    def test_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Count one batch."""
        return self._step(batch, "test")

    def on_validation_epoch_start(self) -> None:
        """Start counting anew."""
        self.seen["val"] = Confusion(self.classes)

    def on_validation_epoch_end(self) -> None:
        """Note the scores, by which the best epoch is kept."""
        score = self.seen["val"].mean_iou()
        self.log("val_miou", score, prog_bar=False)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, as in the paper."""
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)

    def _step(self, batch: dict[str, Any], stage: str) -> Tensor:
        logits = self.model(batch["image"])
        target = masked_target(batch)
        loss = masked_cross_entropy(logits, target)
        if stage != "train":
            self.seen[stage].update(logits.argmax(1), target)
        self.log(f"{stage}_loss", loss, on_step=False, on_epoch=True, batch_size=len(target))
        return loss


def masked_target(batch: dict[str, Any]) -> Tensor:
    """Target classes, :data:`IGNORE` where no channel of the input has data."""
    return torch.where(batch["mask"].any(dim=1), batch["target"], IGNORE)


def masked_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy over the pixels that count; 0, with a gradient of 0, where none does."""
    total = nn.functional.cross_entropy(logits, target, ignore_index=IGNORE, reduction="sum")
    return total / (target != IGNORE).sum().clamp(min=1)
