"""Pretraining by reconstruction of masked patches."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from m3leo_sar.learn.data.batch import image_of, present_of, step_generator
from m3leo_sar.learn.models.mae import MaskedAutoencoder, reconstruction_loss
from m3leo_sar.learn.tasks.optimisation import Optimisation
from m3leo_sar.learn.tasks.task import Task
from m3leo_sar.learn.tasks.task_request import TaskRequest

#: Kind of targets, and number of output channels of the model.
TARGET, OUTPUTS = "none", 0


class ReconstructionTask(Task):
    """Mean squared error over the masked pixels that have data; needs no target.

    Parameters
    ----------
    model : MaskedAutoencoder
    learning_rate, weight_decay : float
        Parameters of AdamW; the paper's learning rate is 1e-4.
    seed : int
        The masked patches depend only on the seed, the epoch and the index of the batch, and in validation not on the
        epoch.
    """

    model: MaskedAutoencoder

    def __init__(
        self, model: MaskedAutoencoder, *, learning_rate: float = 1e-4, weight_decay: float = 0.05, seed: int = 0
    ) -> None:
        # The betas are the paper's.
        rates = Optimisation(
            optimizer="adamw", learning_rate=learning_rate, weight_decay=weight_decay, betas=(0.9, 0.95)
        )
        super().__init__(model, rates)
        self.seed = seed

    def _step(self, batch: dict[str, Any], stage: str, index: int) -> Tensor:
        image = image_of(batch)
        generator = step_generator(self.seed, stage, epoch=self.current_epoch, index=index, rank=self.global_rank)
        found = self.model(image, generator=generator)
        loss = reconstruction_loss(found, image, batch["mask"], patch=self.model.encoder.patch)
        return self.note(stage, loss, present_of(batch).sum())


def build(model: MaskedAutoencoder, request: TaskRequest) -> ReconstructionTask:
    """Task for the model ``mae``."""
    if not isinstance(model, MaskedAutoencoder):
        raise ValueError(f"task reconstruction needs the model mae, got {type(model).__name__}")
    return ReconstructionTask(model, seed=request.seed)
