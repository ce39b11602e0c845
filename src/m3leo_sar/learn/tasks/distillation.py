"""Pretraining by self-distillation between views of one chip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from m3leo_sar.learn.data.batch import image_of, present_of, step_generator
from m3leo_sar.learn.models.dino import SelfDistillation, random_views, spread
from m3leo_sar.learn.score.processes import gathered
from m3leo_sar.learn.tasks.optimisation import Optimisation
from m3leo_sar.learn.tasks.task import Task
from m3leo_sar.learn.tasks.task_request import TaskRequest

#: Kind of targets, and number of output channels of the model.
TARGET, OUTPUTS = "none", 0


class DistillationTask(Task):
    """Cross-entropy between the outputs of student and teacher for different crops of a chip; needs no target.

    Chips without data are ignored.

    Parameters
    ----------
    model : SelfDistillation
    whole_side, local_side : int
        Sides of the crops for both teacher and student, and of the crops for the student only; multiples of the patch
        size.
    whole, local : int
        Number of crops of each kind.
    momentum : float
        Initial momentum of the teacher; it rises to 1 along half a cosine.
    learning_rate, weight_decay : float
        Parameters of AdamW.
    seed : int
        Crops depend only on the seed, the epoch and the index of the batch, and in validation not on the epoch.

    Raises
    ------
    ValueError
        If there are fewer than two crops or none for the teacher, or ``momentum`` is not in [0, 1].
    """

    model: SelfDistillation

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
        rates = Optimisation(optimizer="adamw", learning_rate=learning_rate, weight_decay=weight_decay)
        super().__init__(model, rates)
        if whole < 1 or whole + local < 2 or not 0 <= momentum <= 1:
            raise ValueError(f"whole must be at least 1, cuts 2, momentum 0 to 1, got {whole}, {local}, {momentum}")
        self.whole, self.momentum, self.seed = whole, momentum, seed
        self.sides: Sequence[int] = [whole_side] * whole + [local_side] * local
        self.seen: list[Tensor] = []
        self.widely = math.nan

    def optimizer_step(self, *place: Any, **options: Any) -> None:
        """Update the teacher after each step of the student."""
        super().optimizer_step(*place, **options)
        done = min(1.0, (self.global_step + 1) / max(1, self.trainer.estimated_stepping_batches))
        self.model.update_teacher(1 - (1 - self.momentum) * (1 + math.cos(math.pi * done)) / 2)

    def on_validation_epoch_start(self) -> None:
        """Reset the collected embeddings."""
        self.seen = []

    def on_validation_epoch_end(self) -> None:
        """Log the spread of the embeddings; near 0 the model has collapsed."""
        self.log("val_spread", self._spread(), prog_bar=False)
        self.seen = []

    def on_test_epoch_start(self) -> None:
        """Reset the collected embeddings."""
        self.seen = []

    def on_test_epoch_end(self) -> None:
        """Gather the embeddings of all processes."""
        self.widely = self._spread()

    def scores(self) -> dict[str, Any]:
        """Spread of the embeddings, from 0 for collapse to about 1."""
        return {"spread": self.widely}

    def _step(self, batch: dict[str, Any], stage: str, index: int) -> Tensor:
        image, present = image_of(batch), present_of(batch)
        generator = step_generator(self.seed, stage, epoch=self.current_epoch, index=index, rank=self.global_rank)
        views = random_views(image, sides=self.sides, generator=generator)
        loss = self.model(views, present, whole=self.whole)
        if stage != "train":
            self.seen.append(self.model.embed(image)[present].cpu())
        return self.note(stage, loss, present.sum())

    def _spread(self) -> float:
        known = torch.cat([part for parts in gathered(self.seen) for part in parts] or [torch.zeros(0, 1)])
        return spread(known) if len(known) else math.nan


def build(
    model: SelfDistillation,
    request: TaskRequest,
    *,
    whole_side: int = 224,
    local_side: int = 96,
    whole: int = 2,
    local: int = 4,
    momentum: float = 0.996,
) -> DistillationTask:
    """Task for the model ``dino``."""
    if not isinstance(model, SelfDistillation):
        raise ValueError(f"task distillation needs the model dino, got {type(model).__name__}")
    sides = {"whole_side": whole_side, "local_side": local_side}
    return DistillationTask(model, **sides, whole=whole, local=local, momentum=momentum, seed=request.seed)
