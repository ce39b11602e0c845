"""Assignment of samples to the batches of each epoch, from any starting batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class EpochBatches(Sampler[list[tuple[int, int]]]):
    """Batches of (epoch, index), in a random order that depends only on (seed, epoch).

    With several processes, each gets its share of every global batch: two processes with a batch of 4 see the samples
    of one process with a batch of 8. A last batch that cannot be split evenly is dropped, since all processes must
    take the same number of steps.

    Parameters
    ----------
    samples : int
    batch : int
        Samples per step and process.
    seed : int
    rank, world : int
        Index of this process, and number of processes.

    Raises
    ------
    ValueError
        If there are several processes and fewer samples than one global batch.

    Notes
    -----
    In a custom training loop, call :meth:`set_epoch` before each epoch, as with PyTorch's DistributedSampler.
    :attr:`epoch` and :attr:`start` specify where iteration begins. The length remains that of a whole epoch, as
    Lightning expects when a run resumes in the middle of an epoch.
    """

    def __init__(self, samples: int, batch: int, *, seed: int, rank: int = 0, world: int = 1) -> None:
        if world > 1 and samples < batch * world:
            raise ValueError(f"batch must be at most {samples // world} for {world} devices and {samples} samples")
        self.samples, self.batch, self.seed, self.rank, self.world = samples, batch, seed, rank, world
        self.epoch, self.start = 0, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; iteration starts at its beginning unless it is the current epoch."""
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
