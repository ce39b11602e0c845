"""The order of an epoch: shuffled, and yet each tile is read once and used for all its pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

#: Stream of random numbers of the order, beside those of augmentations.
_STREAM = 1


class TileBatches(Sampler[list[int]]):
    """Batches of samples for a DataLoader's ``batch_sampler``, a function of (seed, epoch) alone.

    Tiles are shuffled and dealt to lanes; batch b is of lane b modulo ``lanes``. In a lane, the samples of ``hold``
    tiles after another are shuffled together. A loader gives batch b to worker b modulo the worker count, so with a
    count that divides ``lanes`` each tile is read by one worker once, if that worker holds ``hold`` tiles for each of
    its lanes. Any other count gives the same batches and reads some tiles more than once. What does not fill a round
    of all lanes comes last.

    Parameters
    ----------
    tile : (samples,) int
        Number of the tile of each sample.
    batch : int
        Samples a batch; the last may hold fewer.
    hold : int
        Tiles whose samples are mixed in a lane.
    lanes : int
        A multiple of the worker count, if tiles are to be read once.
    seed : int
    shuffle : bool
        Off, tiles and their samples come in their own order, dealt to lanes all the same.
    rank, world : int
        Which part of how many.
    even : bool
        Give each part as many samples as the others, leaving out fewer than ``world`` in all, as training needs; off,
        none is left out.

    Attributes
    ----------
    epoch : int
        Epoch whose order is given; :meth:`set_epoch` sets it.
    start : int
        Batches to leave out at the beginning, when a run goes on in the middle of an epoch; the length stays that of a
        whole epoch, which is what Lightning counts in then.

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
            raise ValueError(f"there must be at least {world} samples, one a part, got {len(self.tile)}")
        self.batch, self.hold, self.lanes, self.seed, self.shuffle = batch, hold, lanes, seed, shuffle
        self.rank, self.world, self.even, self.epoch, self.start = rank, world, even, 0, 0
        self._known: tuple[int, NDArray[np.intp]] | None = None

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from its beginning."""
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
        """Samples of this part: a batch of each of its lanes in turn, then what does not fill a round of all lanes."""
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
