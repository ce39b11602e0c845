"""Optimizer and learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """An optimizer and its learning-rate schedule.

    Parameters
    ----------
    optimizer : str
        ``"adam"``, ``"adamw"`` or ``"sgd"`` with a momentum of 0.9.
    learning_rate, weight_decay : float
    betas : pair of float
        Coefficients of Adam and AdamW.
    schedule : str
        ``"constant"``, or ``"cosine"`` down to 0 at the last step.
    warmup : float
        Share of the steps over which the learning rate rises linearly.
    steps : int
        Steps of the whole run; required unless the rate is constant throughout.

    Raises
    ------
    ValueError
        If ``optimizer`` or ``schedule`` is unknown, or a schedule has no steps.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: str = "constant"
    warmup: float = 0.0
    steps: int = 0

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS or self.schedule not in SCHEDULES:
            raise ValueError(
                f"optimizer must be one of {', '.join(OPTIMIZERS)} and schedule of {', '.join(SCHEDULES)}, got "
                f"{self.optimizer!r} and {self.schedule!r}"
            )
        if self.steps < 1 and (self.warmup or self.schedule != "constant"):
            raise ValueError(f"steps must be at least 1 for a schedule, got {self.steps}")

    def rate(self, step: int) -> float:
        """Factor of the learning rate at a step, counted from 0.

        Examples
        --------
        >>> course = Optimisation(schedule="cosine", warmup=0.2, steps=10)
        >>> [round(course.rate(step), 2) for step in (0, 1, 2, 6, 10)]
        [0.5, 1.0, 1.0, 0.5, 0.0]
        """
        rising = math.ceil(self.warmup * self.steps)
        if step < rising:
            return (step + 1) / rising
        if self.schedule == "constant":
            return 1.0
        done = min(1.0, (step - rising) / max(1, self.steps - rising))
        return (1 + math.cos(math.pi * done)) / 2

    def configured(self, parameters: Iterable[nn.Parameter]) -> Any:
        """Return value for Lightning's ``configure_optimizers``, for the trainable parameters."""
        learning = [weight for weight in parameters if weight.requires_grad]
        common: dict[str, Any] = {"lr": self.learning_rate, "weight_decay": self.weight_decay}
        optimizer: torch.optim.Optimizer
        if self.optimizer == "sgd":
            optimizer = torch.optim.SGD(learning, momentum=0.9, **common)
        else:
            kind = torch.optim.Adam if self.optimizer == "adam" else torch.optim.AdamW
            optimizer = kind(learning, betas=self.betas, **common)
        if self.schedule == "constant" and not self.warmup:
            return optimizer
        course = torch.optim.lr_scheduler.LambdaLR(optimizer, self.rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": course, "interval": "step"}}
