"""Loaders that give each process of a run its own share, with any trainer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler
from torch.utils.data.distributed import DistributedSampler

#: Epoch of a sample that stands for none: it has the shape of another, and counts nowhere.
BLANK = -1

# A Trainer puts a DistributedSampler of its own in the place of any other sampler, which would share a share out again.


class EvaluationShare(DistributedSampler[tuple[int, int]]):
    """Each sample once, in one of the processes; a process that gets none has one blank sample.

    All processes must take part when scores are put together, and a loop without a batch would not.

    Parameters
    ----------
    samples : int
    rank, world : int
        Which process of how many.
    """

    def __init__(self, samples: int, *, rank: int, world: int) -> None:
        super().__init__(range(samples), num_replicas=world, rank=rank, shuffle=False)  # type: ignore[arg-type]
        own = [(0, index) for index in range(rank, samples, world)]
        self.own = own or [(BLANK, 0)]

    def __len__(self) -> int:
        return len(self.own)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self.own)


class _Told(DistributedSampler[Any]):
    """Stands where a trainer looks for the sampler, which it tells each epoch."""

    def __init__(self, told: Callable[[int], None]) -> None:
        super().__init__(range(1), num_replicas=1, rank=0)  # type: ignore[arg-type]
        self.told = told

    def set_epoch(self, epoch: int) -> None:
        """Pass the epoch on."""
        self.told(epoch)


class ShareLoader(DataLoader[Any]):
    """A loader whose batch sampler gives one process's share of an epoch.

    Parameters
    ----------
    dataset : Dataset
    batch_sampler : Sampler
    told : callable
        Called with each epoch before it begins, by any trainer that tells samplers their epoch.
    **options
        Of the loader.
    """

    def __init__(
        self, dataset: Dataset[Any], *, batch_sampler: Sampler[Any], told: Callable[[int], None], **options: Any
    ) -> None:
        super().__init__(dataset, batch_sampler=batch_sampler, **options)
        # A DataLoader lets nobody set its sampler, which it has no use for beside a batch sampler.
        object.__setattr__(self, "sampler", _Told(told))
