"""Which samples make which batch of which epoch, from any place on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class EpochBatches(Sampler[list[tuple[int, int]]]):
    """Batches of (epoch, index), shuffled by (seed, epoch) alone.

    A process of several gets its share of each batch of all of them, so that two with a batch of 4 see what one with a
    batch of 8 does. Where the last batch cannot be shared evenly it is left out, as all must take as many steps.

    Parameters
    ----------
    samples : int
    batch : int
        Samples a step of one process.
    seed : int
    rank, world : int
        Which process of how many.

    Raises
    ------
    ValueError
        If several processes have less than a batch for all.

    Notes
    -----
    In a loop of one's own, call :meth:`set_epoch` before each epoch, as with PyTorch's DistributedSampler.
    :attr:`epoch` and :attr:`start` say where iterating begins; the length stays that of a whole epoch, which is what
    Lightning counts in when a run goes on in the middle of one.
    """

    def __init__(self, samples: int, batch: int, *, seed: int, rank: int = 0, world: int = 1) -> None:
        if world > 1 and samples < batch * world:
            raise ValueError(f"batch must be at most {samples // world} for {world} devices and {samples} samples")
        self.samples, self.batch, self.seed, self.rank, self.world = samples, batch, seed, rank, world
        self.epoch, self.start = 0, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from its beginning unless it is the one that is under way."""
        if epoch != self.epoch:
            self.epoch, self.start = epoch, 0

    def __len__(self) -> int:
        whole, rest = divmod(self.samples, self.batch * self.world)
        return whole + (1 if rest and self.world == 1 else 0)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = np.random.default_rng((self.seed, 1, self.epoch)).permutation(self.samples).tolist()
        for step in range(self.start, len(self)):
            first = (step * self.world + self.rank) * self.batch
            yield [(self.epoch, index) for index in order[first : first + self.batch]]
