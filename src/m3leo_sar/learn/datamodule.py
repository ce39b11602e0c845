"""Splits, statistics and loaders of an archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightning as L
import numpy as np
from torch.utils.data import DataLoader

from m3leo_sar.chips.accumulate import StatisticsAccumulator
from m3leo_sar.chips.statistics import BandStatistics, Statistics
from m3leo_sar.io.archive import ChipArchive
from m3leo_sar.learn.channel import Channel
from m3leo_sar.learn.dataset import ChipDataset

Batch = dict[str, Any]


class ChipDataModule(L.LightningDataModule):
    """Loaders for the train, val and test tiles of an archive.

    Parameters
    ----------
    archive : ChipArchive
    channels : sequence of Channel
    splits : mapping of str to str
        Identifier to ``"train"``, ``"val"`` or ``"test"``.
    statistics : Statistics, optional
        Those a model was trained with; fitted on the train tiles if None.
    batch, workers : int
        Samples a step; loader processes.
    crop, crops : int
        Random training squares; val and test always see whole tiles.
    **options
        ``target``, ``missing`` and ``seed`` of :class:`ChipDataset`.

    Raises
    ------
    ValueError
        If a split has no tile.
    """

    def __init__(
        self,
        archive: ChipArchive,
        channels: Sequence[Channel],
        splits: Mapping[str, str],
        *,
        statistics: Statistics | None = None,
        batch: int = 8,
        workers: int = 0,
        crop: int = 0,
        crops: int = 8,
        **options: Any,
    ) -> None:
        super().__init__()
        self.batch, self.workers = batch, workers
        tiles = {name: sorted(i for i, split in splits.items() if split == name) for name in ("train", "val", "test")}
        for name, identifiers in tiles.items():
            if not identifiers:
                raise ValueError(f"splits must name at least one tile for {name}, got none")
        self.statistics = statistics or fit_statistics(archive, tiles["train"], channels)
        common = {"channels": channels, "statistics": self.statistics, **options}
        self.sets = {name: ChipDataset(archive, tiles[name], **common) for name in ("val", "test")}
        self.sets["train"] = ChipDataset(archive, tiles["train"], crop=crop or None, crops=crops, **common)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled by (seed, epoch), whatever the worker count."""
        data = self.sets["train"]
        data.epoch = self.trainer.current_epoch if self.trainer is not None else data.epoch
        order = np.random.default_rng((data.seed, 1, data.epoch)).permutation(len(data)).tolist()
        return self._loader("train", sampler=order)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Whole tiles in order."""
        return self._loader("val")

    def test_dataloader(self) -> DataLoader[Batch]:
        """Whole tiles in order."""
        return self._loader("test")

    def _loader(self, name: str, sampler: list[int] | None = None) -> DataLoader[Batch]:
        # Never fork: OpenMP may have run in this process, and its threads do not survive a fork.
        context = "spawn" if self.workers else None
        batch = self.batch if name == "train" else 1
        return DataLoader(
            self.sets[name], batch, sampler=sampler, num_workers=self.workers, multiprocessing_context=context
        )


def fit_statistics(archive: ChipArchive, identifiers: Sequence[str], channels: Sequence[Channel]) -> Statistics:
    """Robust statistics of each channel over the tiles that have it.

    Raises
    ------
    ValueError
        If a channel has no valid pixel in any tile.
    """
    bands: list[BandStatistics] = []
    for channel in channels:
        seen = StatisticsAccumulator([BandStatistics(str(channel), channel.encoding)])
        for identifier in identifiers:
            if archive.has(identifier, channel.dataset, channel.key):
                seen.update(archive.read(identifier, channel.dataset, channel.key).array[None])
        bands += seen.finish().bands
    return Statistics(tuple(bands))
