"""Telling a value of each cell, such as biomass or built-up area."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from m3leo_sar.learn.batch import image_of
from m3leo_sar.learn.models.area_pool import area_pool
from m3leo_sar.learn.scores import RegressionScores


class RegressionTask(L.LightningModule):
    """Mean squared error over the cells that have a target and data; scores in the target's unit.

    A batch holds ``target`` (batch, rows, cols) float32 with NaN where none is known. Its grid covers the ground of the
    image: a model's answer for each pixel is averaged over each cell by area, over the pixels that have data.

    Parameters
    ----------
    model : torch.nn.Module
        (batch, channels, rows, cols) to (batch, 1, rows, cols), or to (batch, 1, ...) of the target's grid.
    centre, scale : float
        The model learns (target - centre) / scale; take the mean and the spread of the training targets.
    learning_rate : float
        Of Adam; the paper's is 1e-4.

    Raises
    ------
    ValueError
        If ``scale`` is not above zero.
    """

    def __init__(
        self, model: nn.Module, *, centre: float = 0.0, scale: float = 1.0, learning_rate: float = 1e-4
    ) -> None:
        super().__init__()
        if not scale > 0:
            raise ValueError(f"scale must be above 0, got {scale}")
        self.model, self.centre, self.scale, self.learning_rate = model, centre, scale, learning_rate
        self.seen = {stage: RegressionScores() for stage in ("val", "test")}

    def training_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Loss of one batch."""
        return self._step(batch, "train")

    def validation_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Score one batch."""
        return self._step(batch, "val")

    def test_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """Score one batch."""
        return self._step(batch, "test")

    def on_validation_epoch_start(self) -> None:
        """Start counting anew."""
        self.seen["val"] = RegressionScores()

    def on_validation_epoch_end(self) -> None:
        """Note the root mean square error, by which the best epoch is kept."""
        self.log("val_rmse", self.seen["val"].rmse(), prog_bar=False)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, as in the paper."""
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)

    def predict_cells(self, batch: dict[str, Any], shape: tuple[int, int]) -> Tensor:
        """Values (batch, rows, cols) on a grid of that shape, in the target's unit."""
        return self.centre + self.scale * self._cells(batch, shape)

    def _cells(self, batch: dict[str, Any], shape: tuple[int, int]) -> Tensor:
        image = image_of(batch)
        found = self.model(image)
        mask = batch["mask"].any(dim=1, keepdim=True) if found.shape[-2:] == image.shape[-2:] else None
        return area_pool(found, shape, mask=mask)[:, 0]

    def _step(self, batch: dict[str, Any], stage: str) -> Tensor:
        target = masked_target(batch)
        found = self._cells(batch, (target.shape[1], target.shape[2]))
        loss = masked_square(found, (target - self.centre) / self.scale)
        if stage != "train":
            self.seen[stage].update(self.centre + self.scale * found, target)
        self.log(f"{stage}_loss", loss, on_step=False, on_epoch=True, batch_size=len(target))
        return loss


def masked_target(batch: dict[str, Any]) -> Tensor:
    """Target (batch, rows, cols), NaN where no pixel of the cell has data in any channel.

    Raises
    ------
    ValueError
        If the target is not of that shape.
    """
    target, mask = batch["target"], batch["mask"].any(dim=1)
    if target.ndim != 3 or len(target) != len(mask):
        raise ValueError(f"target must be ({len(mask)}, rows, cols), got {tuple(target.shape)}")
    covered = area_pool(mask.to(target.dtype), (target.shape[1], target.shape[2])) > 0
    return torch.where(covered, target, torch.nan)


def masked_square(found: Tensor, target: Tensor) -> Tensor:
    """Mean squared error where the target is known; 0, with a gradient of 0, where none is."""
    known = ~torch.isnan(target)
    # The unknown is replaced before the difference: a NaN times 0 would still be one in the gradient.
    return (found - torch.where(known, target, found.detach())).square().sum() / known.sum().clamp(min=1)
