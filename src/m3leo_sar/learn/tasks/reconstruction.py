"""Pretraining by saying hidden patches again."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch import Tensor

from m3leo_sar.learn.batch import image_of, step_generator
from m3leo_sar.learn.models.mae import MaskedAutoencoder, reconstruction_loss


class ReconstructionTask(L.LightningModule):
    """Mean squared error over the pixels that were hidden and have data; needs no target.

    Parameters
    ----------
    model : MaskedAutoencoder
    learning_rate, weight_decay : float
        Of AdamW; the paper's rate is 1e-4.
    seed : int
        What is hidden depends on it, the epoch and the place of the batch alone, and in validation not on the epoch.
    """

    def __init__(
        self, model: MaskedAutoencoder, *, learning_rate: float = 1e-4, weight_decay: float = 0.05, seed: int = 0
    ) -> None:
        super().__init__()
        self.model, self.seed = model, seed
        self.learning_rate, self.weight_decay = learning_rate, weight_decay

    def training_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Loss of one batch."""
        return self._step(batch, "train", index)

    def validation_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Loss of one batch."""
        return self._step(batch, "val", index)

    def test_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Loss of one batch."""
        return self._step(batch, "test", index)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW, as in the paper."""
        return torch.optim.AdamW(
            self.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay, betas=(0.9, 0.95)
        )

    def _step(self, batch: dict[str, Any], stage: str, index: int) -> Tensor:
        image = image_of(batch)
        generator = step_generator(self.seed, stage, epoch=self.current_epoch, index=index, rank=self.global_rank)
        found = self.model(image, generator=generator)
        loss = reconstruction_loss(found, image, batch["mask"], patch=self.model.encoder.patch)
        self.log(f"{stage}_loss", loss, on_step=False, on_epoch=True, batch_size=len(image))
        return loss
