"""Base class of all training tasks."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torchmetrics import Metric

from m3leo_sar.learn.tasks.optimisation import Optimisation


class MeanLoss(Metric):
    """Mean of losses weighted by their counts, over all processes; MeanMetric itself drops either NaN or weights."""

    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(()), dist_reduce_fx="sum")

    def update(self, loss: Tensor, count: Tensor) -> None:
        """Add a loss that is the mean over ``count`` values; with a count of 0 the loss is ignored, even if NaN."""
        self.total += torch.where(count > 0, loss.detach().float() * count, 0)
        self.count += count

    def compute(self) -> Tensor:
        """Mean, NaN if nothing was counted."""
        return self.total / self.count


class Task(L.LightningModule):
    """A model in training: a subclass defines the loss of a batch with ``_step(batch, stage, index)``.

    Parameters
    ----------
    model : torch.nn.Module
    optimisation : Optimisation
    """

    #: Score by which the best epoch is selected, and whether ``"max"`` or ``"min"`` is best.
    watched = ("val_loss", "min")

    def __init__(self, model: nn.Module, optimisation: Optimisation) -> None:
        super().__init__()
        self.model, self.optimisation = model, optimisation
        self.losses = nn.ModuleDict({f"{stage}_loss": MeanLoss() for stage in ("train", "val", "test")})

    def _step(self, batch: dict[str, Any], stage: str, index: int) -> Tensor:
        raise NotImplementedError

    def training_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Loss of one batch."""
        return self._step(batch, "train", index)

    def validation_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Loss of one batch, which is scored."""
        return self._step(batch, "val", index)

    def test_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Loss of one batch, which is scored."""
        return self._step(batch, "test", index)

    def configure_optimizers(self) -> Any:
        """Optimizer and schedule of :attr:`optimisation`."""
        return self.optimisation.configured(self.parameters())

    def note(self, stage: str, loss: Tensor, count: int | Tensor) -> Tensor:
        """Log the loss of a batch and return it.

        The loss of an epoch is the mean over all counted values of all processes, however they are distributed.

        Parameters
        ----------
        stage : str
            ``"train"``, ``"val"`` or ``"test"``.
        loss : scalar float
            Mean over the batch.
        count : int
            Number of pixels, cells or samples in the mean.
        """
        mean: Any = self.losses[f"{stage}_loss"]
        mean.update(loss, torch.as_tensor(count, dtype=torch.float32, device=loss.device))
        self.log(f"{stage}_loss", mean, on_step=False, on_epoch=True)
        return loss

    def scores(self) -> dict[str, Any]:
        """Scores of the most recently tested split, in JSON-compatible types."""
        return {}

    def predicted(self, batch: dict[str, Any]) -> Tensor:
        """Predictions for a batch, (batch, rows, cols).

        Raises
        ------
        ValueError
            If the task does not predict a map.
        """
        raise ValueError(f"{type(self).__name__} predicts no map; it pretrains an encoder")

    @torch.no_grad()
    def load_encoder(self, weights: dict[str, Tensor], *, source: str, freeze: bool) -> None:
        """Initialise the encoder from weights; ValueError if the model has no such encoder."""
        encoder = getattr(self.model, "encoder", None)
        if encoder is None:
            raise ValueError(f"encoder was given, but model {type(self.model).__name__} has none; use vit_head")
        check_shapes(encoder.state_dict(), weights, source)
        encoder.load_state_dict(weights)
        encoder.requires_grad_(not freeze)


def check_shapes(own: dict[str, Tensor], given: dict[str, Tensor], source: str) -> None:
    """Reject weights of another network.

    Raises
    ------
    ValueError
        If a name or a shape differs; the message gives the file's value and the expected one.
    """
    for name, weight in own.items():
        if name not in given:
            raise ValueError(f"{source} has no weights {name}; it is from another network than the configuration's")
        if given[name].shape != weight.shape:
            raise ValueError(
                f"{source} has {name} of shape {tuple(given[name].shape)}, the configuration needs "
                f"{tuple(weight.shape)}; input and model must be those it was trained with"
            )
    more = sorted(given.keys() - own.keys())
    if more:
        raise ValueError(f"{source} has weights {more[0]} that the configuration's network lacks")
