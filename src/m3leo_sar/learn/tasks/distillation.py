"""Pretraining by self-distillation over views of one chip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import lightning as L
import torch
from torch import Tensor

from m3leo_sar.learn.batch import image_of, present_of, step_generator
from m3leo_sar.learn.models.dino import SelfDistillation, random_views, spread


class DistillationTask(L.LightningModule):
    """Cross-entropy between what student and teacher say of different cuts of a chip; needs no target.

    Chips without data do not count.

    Parameters
    ----------
    model : SelfDistillation
    whole_side, local_side : int
        Sides of the cuts the teacher and the student see, and of those the student alone sees; multiples of the patch.
    whole, local : int
        Cuts of each kind.
    momentum : float
        Of the teacher at the start; it rises to 1 along half a cosine.
    learning_rate, weight_decay : float
        Of AdamW.
    seed : int
        Cuts depend on it, the epoch and the place of the batch alone, and in validation not on the epoch.

    Raises
    ------
    ValueError
        If there are fewer than two cuts or none for the teacher, or ``momentum`` is not from 0 to 1.
    """

    def __init__(
        self,
        model: SelfDistillation,
        *,
        whole_side: int = 224,
        local_side: int = 96,
        whole: int = 2,
        local: int = 4,
        momentum: float = 0.996,
        learning_rate: float = 1e-4,
        weight_decay: float = 0.04,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if whole < 1 or whole + local < 2 or not 0 <= momentum <= 1:
            raise ValueError(f"whole must be at least 1, cuts 2, momentum 0 to 1, got {whole}, {local}, {momentum}")
        self.model, self.whole, self.momentum, self.seed = model, whole, momentum, seed
        self.sides: Sequence[int] = [whole_side] * whole + [local_side] * local
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.seen: list[Tensor] = []

    def training_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Loss of one batch."""
        return self._step(batch, "train", index)

    def validation_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Loss of one batch; its embeddings are kept."""
        return self._step(batch, "val", index)

    def on_train_batch_end(self, outputs: Any, batch: dict[str, Any], batch_idx: int) -> None:
        """Let the teacher follow."""
        done = min(1.0, self.global_step / max(1, self.trainer.estimated_stepping_batches))
        self.model.update_teacher(1 - (1 - self.momentum) * (1 + math.cos(math.pi * done)) / 2)

    def on_validation_epoch_start(self) -> None:
        """Start collecting anew."""
        self.seen = []

    def on_validation_epoch_end(self) -> None:
        """Note how widely embeddings spread: near 0 the model has collapsed."""
        known = torch.cat(self.seen) if self.seen else torch.zeros(0, 1)
        self.log("val_spread", spread(known) if len(known) else math.nan, prog_bar=False)
        self.seen = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW over the student; the teacher has no gradient."""
        return torch.optim.AdamW(self.model.student.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)

    def _step(self, batch: dict[str, Any], stage: str, index: int) -> Tensor:
        image, present = image_of(batch), present_of(batch)
        generator = step_generator(self.seed, stage, epoch=self.current_epoch, index=index, rank=self.global_rank)
        views = random_views(image, sides=self.sides, generator=generator)
        loss = self.model(views, present, whole=self.whole)
        if stage == "val":
            self.seen.append(self.model.embed(image)[present].cpu())
        self.log(f"{stage}_loss", loss, on_step=False, on_epoch=True, batch_size=len(image))
        return loss
