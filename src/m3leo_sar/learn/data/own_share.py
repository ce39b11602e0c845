"""Loaders that give each process of a run its own share of the samples, with any trainer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler
from torch.utils.data.distributed import DistributedSampler

#: Epoch of a blank sample: it has the shape of a real sample and is not counted.
BLANK = -1

# A Trainer replaces any other sampler by its own DistributedSampler, which would split a process's share again.


class EvaluationShare(DistributedSampler[tuple[int, int]]):
    """Each sample once, in one of the processes; a process without samples gets one blank sample.

    All processes must take part when scores are gathered, and a process without a batch would not.

    Parameters
    ----------
    samples : int
    rank, world : int
        Index of this process, and number of processes.
    """

    def __init__(self, samples: int, *, rank: int, world: int) -> None:
        super().__init__(range(samples), num_replicas=world, rank=rank, shuffle=False)  # type: ignore[arg-type]
        own = [(0, index) for index in range(rank, samples, world)]
        self.own = own or [(BLANK, 0)]

    def __len__(self) -> int:
        return len(self.own)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self.own)


class _EpochAnnouncer(DistributedSampler[Any]):
    """Sampler attribute of a loader, through which a trainer announces each epoch."""

    def __init__(self, on_epoch: Callable[[int], None]) -> None:
        super().__init__(range(1), num_replicas=1, rank=0)  # type: ignore[arg-type]
        self.on_epoch = on_epoch

    def set_epoch(self, epoch: int) -> None:
        """Forward the epoch."""
        self.on_epoch(epoch)


class ShareLoader(DataLoader[Any]):
    """A loader whose batch sampler yields one process's share of an epoch.

    Parameters
    ----------
    dataset : Dataset
    batch_sampler : Sampler
    on_epoch : callable
        Called with each epoch before it begins, by any trainer that calls ``set_epoch`` of its samplers.
    **options
        Of the loader.
    """

    def __init__(
        self, dataset: Dataset[Any], *, batch_sampler: Sampler[Any], on_epoch: Callable[[int], None], **options: Any
    ) -> None:
        super().__init__(dataset, batch_sampler=batch_sampler, **options)
        # A DataLoader does not allow setting its sampler, which it does not use with a batch sampler.
        object.__setattr__(self, "sampler", _EpochAnnouncer(on_epoch))
