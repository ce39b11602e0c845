"""Pretraining by bringing the modalities of a place together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightning as L
import torch
from torch import Tensor

from m3leo_sar.learn.batch import image_of
from m3leo_sar.learn.models.contrastive import ModalityAligner, alignment_loss, retrieval


class AlignmentTask(L.LightningModule):
    """Symmetric cross-entropy between the modalities of the places of a batch; needs no target.

    A place takes part in a pair of modalities if both have data there.

    Parameters
    ----------
    model : ModalityAligner
    channels : mapping of str to sequence of int
        Channels of the image that make each modality, as many as its encoder takes.
    learning_rate, weight_decay : float
        Of AdamW.

    Raises
    ------
    ValueError
        If the modalities are not those of the model.
    """

    def __init__(
        self,
        model: ModalityAligner,
        channels: Mapping[str, Sequence[int]],
        *,
        learning_rate: float = 1e-4,
        weight_decay: float = 0.05,
    ) -> None:
        super().__init__()
        if channels.keys() != model.encoders.keys():
            raise ValueError(f"channels must be of {', '.join(model.encoders)}, got {', '.join(channels)}")
        self.model, self.channels = model, {name: list(indices) for name, indices in channels.items()}
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.seen: list[tuple[dict[str, Tensor], dict[str, Tensor]]] = []

    def training_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Loss of one batch."""
        return self._step(batch, "train")

    def validation_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Loss of one batch; its embeddings are kept."""
        return self._step(batch, "val")

    def on_validation_epoch_start(self) -> None:
        """Start collecting anew."""
        self.seen = []

    def on_validation_epoch_end(self) -> None:
        """Note the share of places that find their partner among all of the split."""
        if self.seen:
            embeddings, present = (
                {name: torch.cat([part[kind][name] for part in self.seen]) for name in self.channels} for kind in (0, 1)
            )
            self.log("val_retrieval", retrieval(embeddings, present), prog_bar=False)
        self.seen = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW."""
        return torch.optim.AdamW(self.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)

    def _step(self, batch: dict[str, Any], stage: str) -> Tensor:
        image = image_of(batch)
        embeddings = self.model({name: image[:, indices] for name, indices in self.channels.items()})
        present = {name: batch["mask"][:, indices].flatten(1).any(dim=1) for name, indices in self.channels.items()}
        loss = alignment_loss(embeddings, present, self.model.scale)
        if stage == "val":
            self.seen.append((embeddings, present))
        self.log(f"{stage}_loss", loss, on_step=False, on_epoch=True, batch_size=len(image))
        return loss
