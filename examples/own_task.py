"""A task of your own: ``m3leo-sar train ARCHIVE task=examples/own_task.py task.quantile=0.9 target=biomass-2020:agb``.

It learns a quantile of a value instead of its mean, by the pinball loss.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from m3leo_sar.learn.tasks.optimisation import Optimisation
from m3leo_sar.learn.tasks.task import Task
from m3leo_sar.learn.tasks.task_request import TaskRequest

#: Targets are values as they are, and a model gives one channel.
TARGET, OUTPUTS = "values", 1


class QuantileTask(Task):
    """Pinball loss over the pixels that have data."""

    def __init__(self, model: nn.Module, request: TaskRequest, quantile: float) -> None:
        super().__init__(model, Optimisation())
        self.request, self.quantile = request, quantile

    def _step(self, batch: dict[str, Any], stage: str, index: int) -> Tensor:
        target = (batch["target"] - self.request.centre) / self.request.scale
        known = torch.isfinite(target) & batch["mask"].any(dim=1)
        short = torch.where(known, target, 0) - self.model(batch["image"])[:, 0]
        loss = torch.maximum(self.quantile * short, (self.quantile - 1) * short)
        return self.note(stage, (loss * known).sum() / known.sum().clamp(min=1), len(target))

    def predicted(self, batch: dict[str, Any]) -> Tensor:
        """Quantile (batch, rows, cols) in the unit of the target."""
        values: Tensor = self.model(batch["image"])[:, 0] * self.request.scale + self.request.centre
        return values


def build(model: nn.Module, request: TaskRequest, *, quantile: float = 0.5) -> QuantileTask:
    """Task for a model of any kind that gives one channel on the input's grid."""
    return QuantileTask(model, request, quantile)
