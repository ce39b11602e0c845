"""Regression of a value per cell, such as biomass or built-up area."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from m3leo_sar.learn.data.batch import answer
from m3leo_sar.learn.models.area_pool import area_pool
from m3leo_sar.learn.score.processes import gathered, shared_mean
from m3leo_sar.learn.score.scores import RegressionScores
from m3leo_sar.learn.score.tile_bootstrap import TileSums, rmse_interval, squares_by_tile
from m3leo_sar.learn.tasks.optimisation import Optimisation
from m3leo_sar.learn.tasks.task import Task
from m3leo_sar.learn.tasks.task_request import TaskRequest

#: Kind of targets, and number of output channels of the model.
TARGET, OUTPUTS = "values", 1


class RegressionTask(Task):
    """Mean squared error over the cells that have a target and data; scores in the target's unit.

    A batch holds ``target`` (batch, rows, cols) float32 with NaN where unknown. Its grid covers the same ground as the
    image: per-pixel outputs of the model are area-averaged per cell, over the pixels that have data.

    Parameters
    ----------
    model : torch.nn.Module
        Maps (batch, channels, rows, cols) to (batch, 1, rows, cols), or to (batch, 1, ...) on the target's grid.
    centre, scale : float
        The model learns (target - centre) / scale; use the mean and standard deviation of the training targets.
    learning_rate : float
        Learning rate of Adam; the paper's is 1e-4.
    unit : str
        Unit of the target, for the scores.

    Raises
    ------
    ValueError
        If ``scale`` is not above zero.
    """

    watched = ("val_rmse", "min")

    def __init__(
        self, model: nn.Module, *, centre: float = 0.0, scale: float = 1.0, learning_rate: float = 1e-4, unit: str = ""
    ) -> None:
        super().__init__(model, Optimisation(learning_rate=learning_rate))
        if not scale > 0:
            raise ValueError(f"scale must be above 0, got {scale}")
        self.centre, self.scale, self.unit = centre, scale, unit
        # The paper scores targets truncated to integers.
        self.seen = {kind: RegressionScores(truncate_targets=kind == "paper") for kind in ("val", "test", "paper")}
        self.by_tile = TileSums()

    def on_validation_epoch_start(self) -> None:
        """Reset the counts."""
        self.seen["val"] = RegressionScores()

    def on_validation_epoch_end(self) -> None:
        """Log the root mean square error, by which the best epoch is selected."""
        self.log("val_rmse", _together(self.seen["val"]).rmse(), prog_bar=False)

    def on_test_epoch_start(self) -> None:
        """Reset the counts."""
        self.seen["test"], self.seen["paper"] = RegressionScores(), RegressionScores(truncate_targets=True)
        self.by_tile = TileSums()

    def on_test_epoch_end(self) -> None:
        """Gather the counts of all processes."""
        self.seen |= {kind: _together(self.seen[kind]) for kind in ("test", "paper")}
        self.by_tile = self.by_tile.together()

    def scores(self) -> dict[str, Any]:
        """Errors in the target's unit, by both protocols, with the confidence interval over tiles."""
        seen, interval = self.seen["test"], rmse_interval(self.by_tile.rows())
        errors = {"rmse": seen.rmse(), "rmse_interval": [interval.low, interval.high]}
        errors["rmse_paper"] = self.seen["paper"].rmse("paper")
        return {**errors, "mae": seen.mae(), "bias": seen.bias(), "unit": self.unit}

    def predict_cells(self, batch: dict[str, Any], shape: tuple[int, int]) -> Tensor:
        """Values (batch, rows, cols) on a grid of ``shape``, in the target's unit; NaN where no pixel has data."""
        values = self.centre + self.scale * self._cells(batch, shape)
        # The model was never trained on targets there, so its output is discarded.
        return masked_target({**batch, "target": values})

    def predicted(self, batch: dict[str, Any]) -> Tensor:
        """Values (batch, rows, cols) on the target's grid, in its unit; NaN where no pixel of a cell has data."""
        return self.predict_cells(batch, tuple(batch["target"].shape[-2:]))

    def _cells(self, batch: dict[str, Any], shape: tuple[int, int]) -> Tensor:
        found, mask = answer(self.model, batch), None
        if found.shape[-2:] == batch["image"].shape[-2:]:
            mask = batch["mask"].any(dim=1, keepdim=True)
        return area_pool(found, shape, mask=mask)[:, 0]

    def _step(self, batch: dict[str, Any], stage: str, index: int) -> Tensor:
        target = masked_target(batch)
        found = self._cells(batch, (target.shape[1], target.shape[2]))
        loss = masked_square(found, (target - self.centre) / self.scale, training=stage == "train")
        values = self.centre + self.scale * found
        if stage != "train":
            self.seen[stage].update(values, target)
        if stage == "test":
            self.seen["paper"].update(values, target)
            self.by_tile.add(squares_by_tile(values, target), batch.get("identifier"))
        return self.note(stage, loss, (~torch.isnan(target)).sum())


def build(model: nn.Module, request: TaskRequest, *, unit: str = "") -> RegressionTask:
    """Regression task for values in ``unit``."""
    return RegressionTask(model, centre=request.centre, scale=request.scale, unit=unit)


def masked_target(batch: dict[str, Any]) -> Tensor:
    """Target (batch, rows, cols), NaN where no pixel of the cell has data in any channel.

    Raises
    ------
    ValueError
        If the target does not have that shape.
    """
    target, mask = batch["target"], batch["mask"].any(dim=1)
    if target.ndim != 3 or len(target) != len(mask):
        raise ValueError(f"target must be ({len(mask)}, rows, cols), got {tuple(target.shape)}")
    covered = area_pool(mask.to(target.dtype), (target.shape[1], target.shape[2])) > 0
    return torch.where(covered, target, torch.nan)


def masked_square(found: Tensor, target: Tensor, *, training: bool = False) -> Tensor:
    """Mean squared error over known targets; 0, with a gradient of 0, if there are none.

    With ``training`` the mean is over the cells of all processes.
    """
    known = ~torch.isnan(target)
    # Unknown targets are replaced before the difference: in the gradient, NaN times 0 would still be NaN.
    total = (found - torch.where(known, target, found.detach())).square().sum()
    return shared_mean(total, known.sum(), training=training)


def _together(own: RegressionScores) -> RegressionScores:
    """Combined counts of all processes."""
    whole = RegressionScores(truncate_targets=own.truncate_targets)
    for part in gathered(own):
        whole.merge(part)
    return whole
