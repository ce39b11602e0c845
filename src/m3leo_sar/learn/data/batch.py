"""Access of tasks to the contents of a batch, and the random numbers of a step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

#: Stages of a run, with one stream of random numbers per stage.
_STAGES = ("train", "val", "test")


def image_of(batch: dict[str, Any]) -> Tensor:
    """Images (batch, channels, rows, cols) with every pixel without data set to 0.

    Raises
    ------
    ValueError
        If ``image`` and ``mask`` do not have the same four-dimensional shape.
    """
    image, mask = batch["image"], batch["mask"]
    if image.ndim != 4 or mask.shape != image.shape:
        raise ValueError(
            f"image and mask must be (batch, channels, rows, cols), got {tuple(image.shape)} and {tuple(mask.shape)}"
        )
    return torch.where(mask, image, 0)


def answer(model: nn.Module, batch: dict[str, Any]) -> Tensor:
    """Output of a model for a batch; a model with ``takes_mask`` also receives the mask of valid data."""
    image = image_of(batch)
    return model(image, batch["mask"]) if getattr(model, "takes_mask", False) else model(image)


def present_of(batch: dict[str, Any]) -> Tensor:
    """Mask (batch,) bool of the images with any valid data."""
    return batch["mask"].flatten(1).any(dim=1)


def step_generator(seed: int, stage: str, *, epoch: int, index: int, rank: int = 0) -> torch.Generator:
    """Random generator of one step, on the CPU: identical after any interruption, and on any device.

    The random numbers differ between epochs only in training, so that validation is the same in each epoch.
    """
    key = (seed, _STAGES.index(stage), epoch if stage == "train" else 0, index, rank)
    state = np.random.SeedSequence(key).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 32 | int(state[1]))
