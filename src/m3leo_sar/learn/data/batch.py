"""What tasks read of a batch, and the random numbers of a step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

#: Stages of a run, a stream of random numbers each.
_STAGES = ("train", "val", "test")


def image_of(batch: dict[str, Any]) -> Tensor:
    """Images (batch, channels, rows, cols) with 0 where there is no data, whatever stood there.

    Raises
    ------
    ValueError
        If ``image`` and ``mask`` are not of one shape of four axes.
    """
    image, mask = batch["image"], batch["mask"]
    if image.ndim != 4 or mask.shape != image.shape:
        raise ValueError(
            f"image and mask must be (batch, channels, rows, cols), got {tuple(image.shape)} and {tuple(mask.shape)}"
        )
    return torch.where(mask, image, 0)


def answer(model: nn.Module, batch: dict[str, Any]) -> Tensor:
    """What a model says of a batch; one with ``takes_mask`` is told where there are data too."""
    image = image_of(batch)
    return model(image, batch["mask"]) if getattr(model, "takes_mask", False) else model(image)


def present_of(batch: dict[str, Any]) -> Tensor:
    """Which images (batch,) bool have data at all."""
    return batch["mask"].flatten(1).any(dim=1)


def step_generator(seed: int, stage: str, *, epoch: int, index: int, rank: int = 0) -> torch.Generator:
    """Random numbers of one step, on the CPU: the same however a run was interrupted, and on any device.

    Epochs differ while training alone, so that validation asks the same of each epoch.
    """
    key = (seed, _STAGES.index(stage), epoch if stage == "train" else 0, index, rank)
    state = np.random.SeedSequence(key).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 32 | int(state[1]))
