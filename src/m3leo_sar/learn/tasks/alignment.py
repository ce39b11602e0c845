"""Pretraining by contrastive alignment of the modalities of a place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from m3leo_sar.learn.data.batch import image_of, present_of
from m3leo_sar.learn.models.contrastive import ModalityAligner, alignment_loss, retrieval
from m3leo_sar.learn.score.processes import gathered
from m3leo_sar.learn.tasks.optimisation import Optimisation
from m3leo_sar.learn.tasks.task import Task
from m3leo_sar.learn.tasks.task_request import TaskRequest

#: Kind of targets, and number of output channels of the model.
TARGET, OUTPUTS = "none", 0


class AlignmentTask(Task):
    """Symmetric cross-entropy between the modalities of the places in a batch; needs no target.

    A place is included in a pair of modalities if both have data there.

    Parameters
    ----------
    model : ModalityAligner
    channels : mapping of str to sequence of int
        Image channels of each modality; their number must match the modality's encoder.
    learning_rate, weight_decay : float
        Parameters of AdamW.

    Raises
    ------
    ValueError
        If the modalities differ from those of the model.
    """

    model: ModalityAligner
    watched = ("val_retrieval", "max")

    def __init__(
        self,
        model: ModalityAligner,
        channels: Mapping[str, Sequence[int]],
        *,
        learning_rate: float = 1e-4,
        weight_decay: float = 0.05,
    ) -> None:
        rates = Optimisation(optimizer="adamw", learning_rate=learning_rate, weight_decay=weight_decay)
        super().__init__(model, rates)
        if channels.keys() != model.encoders.keys():
            raise ValueError(f"channels must be of {', '.join(model.encoders)}, got {', '.join(channels)}")
        self.channels = {name: list(indices) for name, indices in channels.items()}
        self.seen: list[tuple[dict[str, Tensor], ...]] = []
        self.found = math.nan

    def on_validation_epoch_start(self) -> None:
        """Reset the collected embeddings."""
        self.seen = []

    def on_validation_epoch_end(self) -> None:
        """Log the share of places whose partner is retrieved among all places of the split."""
        self.log("val_retrieval", self._retrieval(), prog_bar=False)
        self.seen = []

    def on_test_epoch_start(self) -> None:
        """Reset the collected embeddings."""
        self.seen = []

    def on_test_epoch_end(self) -> None:
        """Gather the embeddings of all processes."""
        self.found = self._retrieval()

    def scores(self) -> dict[str, Any]:
        """Share of places whose partner in another modality is retrieved."""
        return {"retrieval": self.found}

    def _step(self, batch: dict[str, Any], stage: str, index: int) -> Tensor:
        image = image_of(batch)
        embeddings = self.model({name: image[:, indices] for name, indices in self.channels.items()})
        present = {name: batch["mask"][:, indices].flatten(1).any(dim=1) for name, indices in self.channels.items()}
        loss = alignment_loss(embeddings, present, self.model.scale)
        if stage != "train":
            self.seen.append(
                tuple({name: part[name].cpu() for name in self.channels} for part in (embeddings, present))
            )
        return self.note(stage, loss, present_of(batch).sum())

    def _retrieval(self) -> float:
        seen = [batch for part in gathered(self.seen) for batch in part]
        if not seen:
            return math.nan
        embeddings, present = (
            {name: torch.cat([part[kind][name] for part in seen]) for name in self.channels} for kind in (0, 1)
        )
        return retrieval(embeddings, present)


def build(model: ModalityAligner, request: TaskRequest) -> AlignmentTask:
    """Task for the model ``contrastive``; each input data set is a modality."""
    if not isinstance(model, ModalityAligner):
        raise ValueError(f"task alignment needs the model contrastive, got {type(model).__name__}")
    return AlignmentTask(model, request.modalities)
