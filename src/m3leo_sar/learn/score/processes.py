"""Communication between the processes of a run."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

_Value = TypeVar("_Value")


def several() -> bool:
    """Whether this is one process of several."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def gathered(value: _Value) -> list[_Value]:
    """Values of all processes in rank order; only this one's if there is no other. All processes must call it."""
    if not several():
        return [value]
    values: list[_Value | None] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(values, value)
    return values  # type: ignore[return-value]


def shared_mean(total: Tensor, count: Tensor, *, training: bool) -> Tensor:
    """Sum divided by the number of values, such that all processes together train on the mean over all values.

    Gradients are averaged over processes, so per-process means would be wrong if the processes count different numbers
    of values: here each sum is divided by the mean count. Without any counted value the result is 0, with a gradient
    of 0.

    Parameters
    ----------
    total : scalar float
        Sum of this process.
    count : scalar int
        Number of values in the sum.
    training : bool
        Whether all processes take this step; only then may they wait for each other.
    """
    if training and several():
        share = count.detach().to(total.dtype)
        torch.distributed.all_reduce(share)
        return total / (share / torch.distributed.get_world_size()).clamp(min=torch.finfo(total.dtype).tiny)
    return total / count.clamp(min=1)
