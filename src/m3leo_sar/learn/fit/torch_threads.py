"""CPU threads of torch for a training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from m3leo_sar._machine import available_cpus

#: Parameters below which a network trains in one thread. A step of such a network is some hundred layers of a few
#: milliseconds; with two threads each ends with a wait for the other one, which on a machine with other work is not
#: running for several times as long.
SMALL = 200_000


def default_threads(model: nn.Module) -> int:
    """Threads with which a network trains: one for a small one, else torch's number within the CPUs of this process."""
    small = sum(weight.numel() for weight in model.parameters()) < SMALL
    return 1 if small else min(torch.get_num_threads(), available_cpus())


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Set torch's number of threads for a block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
