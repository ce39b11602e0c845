"""What the processes of a run tell each other."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

_Value = TypeVar("_Value")


def several() -> bool:
    """Whether this is one process of several."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def gathered(value: _Value) -> list[_Value]:
    """Every process' value in their order; this one's alone if there is no other. All must call it."""
    if not several():
        return [value]
    values: list[_Value | None] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(values, value)
    return values  # type: ignore[return-value]


def shared_mean(total: Tensor, count: Tensor, *, training: bool) -> Tensor:
    """Sum over the values that count by their number, such that processes together learn from the mean over all.

    Gradients are averaged over processes, so where they count unlike many values the mean of each would not do: here
    each sum is divided by the mean number. Without any value that counts it is 0, with a gradient of 0.

    Parameters
    ----------
    total : scalar float
        Sum of this process.
    count : scalar int
        How many values it is of.
    training : bool
        Whether all processes take this step; only then may they wait for each other.
    """
    if training and several():
        share = count.detach().to(total.dtype)
        torch.distributed.all_reduce(share)
        return total / (share / torch.distributed.get_world_size()).clamp(min=torch.finfo(total.dtype).tiny)
    return total / count.clamp(min=1)
