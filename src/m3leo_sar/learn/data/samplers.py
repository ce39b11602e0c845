"""Order of an epoch: shuffled, yet each tile is read once and used for all its pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

#: Stream of random numbers for the order, separate from those of augmentations.
_STREAM = 1


class TileBatches(Sampler[list[int]]):
    """Batches of samples for a DataLoader's ``batch_sampler``, determined by (seed, epoch) only.

    Tiles are shuffled and distributed over lanes; batch b belongs to lane b modulo ``lanes``. Within a lane, the
    samples of ``hold`` consecutive tiles are shuffled together. A loader assigns batch b to worker b modulo the number
    of workers. If that number divides ``lanes``, each tile is read once by a single worker, provided that the worker
    holds ``hold`` tiles for each of its lanes. Any other number gives the same batches but reads some tiles more than
    once. Samples that do not fill a round of all lanes come last.

    Parameters
    ----------
    tile : (samples,) int
        Tile number of each sample.
    batch : int
        Samples per batch; the last batch may be smaller.
    hold : int
        Number of tiles whose samples are mixed within a lane.
    lanes : int
        Number of lanes; a multiple of the number of workers if tiles are to be read once.
    seed : int
    shuffle : bool
        If False, tiles and their samples keep their order, but are still distributed over lanes.
    rank, world : int
        Index of this part, and number of parts.
    even : bool
        If True, all parts have the same number of samples, as training requires, and fewer than ``world`` samples are
        dropped in total; if False, no sample is dropped.

    Attributes
    ----------
    epoch : int
        Epoch of the order, set by :meth:`set_epoch`.
    start : int
        Batches to skip at the beginning, when a run resumes in the middle of an epoch. The length remains that of a
        whole epoch, as Lightning expects.

    Raises
    ------
    ValueError
        If there is no sample, a count is below 1, or ``rank`` is not below ``world``.

    Examples
    --------
    >>> order = TileBatches([0, 0, 0, 0, 1, 1, 1, 1], batch=2, hold=1, lanes=1, seed=3)
    >>> [sorted({index // 4 for index in batch}) for batch in order]
    [[0], [0], [1], [1]]
    """

    def __init__(
        self,
        tile: Any,
        *,
        batch: int,
        hold: int = 16,
        lanes: int = 8,
        seed: int = 0,
        shuffle: bool = True,
        rank: int = 0,
        world: int = 1,
        even: bool = True,
    ) -> None:
        for name, count in (("batch", batch), ("hold", hold), ("lanes", lanes), ("world", world)):
            if count < 1:
                raise ValueError(f"{name} must be at least 1, got {count}")
        if not 0 <= rank < world:
            raise ValueError(f"rank must be 0 to {world - 1}, got {rank}")
        self.tile: NDArray[np.intp] = np.asarray(tile, np.intp).reshape(-1)
        if len(self.tile) < world:
            raise ValueError(f"there must be at least {world} samples, one per part, got {len(self.tile)}")
        self.batch, self.hold, self.lanes, self.seed, self.shuffle = batch, hold, lanes, seed, shuffle
        self.rank, self.world, self.even, self.epoch, self.start = rank, world, even, 0, 0
        self._known: tuple[int, NDArray[np.intp]] | None = None

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, starting at its beginning."""
        self.epoch, self.start = epoch, 0

    def __len__(self) -> int:
        return -(-len(self._order()) // self.batch)

    def __iter__(self) -> Iterator[list[int]]:
        order = self._order()
        for first in range(self.start * self.batch, len(order), self.batch):
            yield order[first : first + self.batch].tolist()

    def _order(self) -> NDArray[np.intp]:
        if self._known is None or self._known[0] != self.epoch:
            self._known = (self.epoch, self._planned())
        return self._known[1]

    def _planned(self) -> NDArray[np.intp]:
        """Samples of this part: one batch per lane in turn, then the samples that do not fill a round of all lanes."""
        present, which = np.unique(self.tile, return_inverse=True)
        lanes = min(self.lanes, max(1, len(present) // self.world))
        random = np.random.default_rng((self.seed, _STREAM, self.epoch))
        places, key, hold = np.arange(len(present)), np.arange(len(which)), 1
        if self.shuffle:
            places, key, hold = random.permutation(len(present)), random.permutation(len(which)), self.hold
        turn, lane = np.divmod(places[which], lanes * self.world)
        order = np.lexsort((key, turn // hold, lane))
        sizes = np.bincount(lane, minlength=lanes * self.world)
        starts = np.cumsum(sizes) - sizes
        full = int(sizes.min()) // self.batch * self.batch
        own = starts.reshape(self.world, lanes)[self.rank]
        rounds = order[own[:, None] + np.arange(full)].reshape(lanes, -1, self.batch).transpose(1, 0, 2)
        rest = np.concatenate([order[start + full : start + size] for start, size in zip(starts, sizes, strict=True)])
        if self.even:
            rest = rest[: len(rest) // self.world * self.world]
        ends = [len(rest) * part // self.world for part in (self.rank, self.rank + 1)]
        return np.concatenate([rounds.reshape(-1), rest[ends[0] : ends[1]]])
