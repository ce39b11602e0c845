"""Splits, statistics and loaders of an archive."""

from __future__ import annotations

import hashlib
import multiprocessing
import signal
from collections.abc import Mapping, Sequence
from functools import partial
from multiprocessing.context import BaseContext
from typing import Any, NamedTuple, Protocol

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from m3leo_sar.chips.accumulate import Span, StatisticsAccumulator, fitted
from m3leo_sar.chips.statistics import BandStatistics, Statistics
from m3leo_sar.chips.stored_unit import StoredUnits
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.learn.data.channel import Channel
from m3leo_sar.learn.data.dataset import ChipDataset
from m3leo_sar.learn.data.epoch_batches import EpochBatches
from m3leo_sar.learn.data.labels import label_key
from m3leo_sar.learn.data.own_share import EvaluationShare, ShareLoader
from m3leo_sar.learn.data.required_chips import require_chips

Batch = dict[str, Any]
SPLITS = ("train", "val", "test")


class HasTargets(Protocol):
    """A data set whose targets can be read without the inputs."""

    @property
    def identifiers(self) -> list[str]:
        """Tiles."""

    @property
    def label(self) -> Any:
        """Name of the target."""

    def read_target(self, identifier: str) -> NDArray[Any]:
        """Target (rows, cols) of a tile."""


class TargetScale(NamedTuple):
    """Mean and standard deviation of targets, in their unit."""

    centre: float
    scale: float


class ChipDataModule(L.LightningDataModule):
    """Loaders for the train, val and test tiles of an archive.

    They work with any ``Trainer``, also on several processes: each process gets its own share, and each epoch its own
    order. A custom training loop calls :meth:`move_to` before each epoch.

    Parameters
    ----------
    archive : ChipArchive
    channels : sequence of Channel
    splits : mapping of str to str
        Identifier to ``"train"``, ``"val"`` or ``"test"``.
    statistics : Statistics, optional
        Statistics that a model was trained with; fitted to the train tiles if None.
    batch, eval_batch, workers : int
        Batch size of training in samples; batch size of val and test in whole tiles; number of loader processes.
    crop, crops : int
        Side and number of random training crops; val and test always use whole tiles.
    hide : float
        Probability of hiding each input data set of a training sample.
    **options
        ``target``, ``kind``, ``cells``, ``missing`` and ``seed`` of :class:`ChipDataset`.

    Raises
    ------
    FileNotFoundError
        If a tile of any split lacks a chip and ``missing`` is ``"raise"``.
    ValueError
        If a split is unknown or has no tile, or the chips of a channel are stored in an incompatible unit.
    """

    def __init__(
        self,
        archive: ChipArchive,
        channels: Sequence[Channel],
        splits: Mapping[str, str],
        *,
        statistics: Statistics | None = None,
        batch: int = 8,
        eval_batch: int = 1,
        workers: int = 0,
        crop: int = 0,
        crops: int = 8,
        hide: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__()
        self.batch, self.eval_batch, self.workers, self.seed = batch, eval_batch, workers, options.get("seed", 0)
        for identifier, split in splits.items():
            if split not in SPLITS:
                raise ValueError(f"splits must be {', '.join(SPLITS)}, got {split!r} for {identifier}")
        tiles = {name: sorted(i for i, split in splits.items() if split == name) for name in SPLITS}
        for name, identifiers in tiles.items():
            if not identifiers:
                raise ValueError(f"splits must name at least one tile for {name}, got none")
        self.archive, self.tiles, self.channels = archive, tiles, tuple(channels)
        label = label_key(options["target"]) if options.get("kind", "classes") != "none" else None
        named = [identifier for name in SPLITS for identifier in tiles[name]]
        require_chips(archive, named, channels, label, missing=options.get("missing", "raise"))
        self.statistics = statistics or fit_statistics(archive, tiles["train"], channels)
        common = {"channels": channels, "statistics": self.statistics, **options}
        self.sets = {name: ChipDataset(archive, tiles[name], **common) for name in ("val", "test")}
        self.sets["train"] = ChipDataset(archive, tiles["train"], crop=crop or None, crops=crops, hide=hide, **common)
        #: Epoch and batch at which the next training loader begins.
        self.position = (0, 0)
        self._batches: EpochBatches | None = None

    @property
    def digest(self) -> str:
        """Digest (16 hex digits) of the samples' sources: tiles per split, channels, target and statistics."""
        train = self.sets["train"]
        facts = (self.tiles, [str(channel) for channel in self.channels], train.label, train.kind, train.cells)
        text = repr((*facts, train.missing, self.statistics.digest))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def move_to(self, epoch: int, batch: int = 0) -> None:
        """Set the epoch and batch at which the next iteration of the training loader begins."""
        self.position = (epoch, batch)
        if self._batches is not None:
            self._batches.epoch, self._batches.start = self.position

    def train_batches(self, world: int) -> int:
        """Training batches per epoch and process, for ``world`` processes."""
        return len(EpochBatches(len(self.sets["train"]), self.batch, seed=self.seed, world=world))

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled by (seed, epoch), independently of the number of workers."""
        data, (rank, world) = self.sets["train"], self._place()
        self._batches = EpochBatches(len(data), self.batch, seed=data.seed, rank=rank, world=world)
        self.move_to(*self.position)
        on_epoch = self._batches.set_epoch
        return ShareLoader(data, batch_sampler=self._batches, on_epoch=on_epoch, **self._options())

    def val_dataloader(self) -> DataLoader[Batch]:
        """Whole tiles in order, each in one process."""
        return self._evaluation("val")

    def test_dataloader(self) -> DataLoader[Batch]:
        """Whole tiles in order, each in one process."""
        return self._evaluation("test")

    def _evaluation(self, name: str) -> DataLoader[Batch]:
        rank, world = self._place()
        own = EvaluationShare(len(self.sets[name]), rank=rank, world=world)
        return DataLoader(self.sets[name], batch_size=self.eval_batch, sampler=own, **self._options())

    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)

    def _options(self) -> dict[str, Any]:
        return {**loader_options(self.workers, self.seed), "persistent_workers": bool(self.workers)}


def loader_options(workers: int, seed: int) -> dict[str, Any]:
    """Options common to all loaders of a run: start and end of worker processes, and a separate random generator."""
    return {
        "num_workers": workers,
        "multiprocessing_context": worker_context() if workers else None,
        "worker_init_fn": _leave_stopping_to_the_main_process if workers else None,
        # A separate generator, so that creating an iterator does not advance the random state of training.
        "generator": torch.Generator().manual_seed(seed),
    }


def worker_context() -> BaseContext:
    """How worker processes start: as forks of a process that imported what they need and did nothing else.

    Never as forks of this one: OpenMP may have run in it, and its threads do not survive a fork. A process per worker
    that starts afresh would import torch again, for seconds, for each worker of each of a run's loaders.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _leave_stopping_to_the_main_process(_: int) -> None:
    # Ctrl-C reaches all processes; a worker that exits while its batch is awaited would cause a crash.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def fit_statistics(archive: ChipArchive, identifiers: Sequence[str], channels: Sequence[Channel]) -> Statistics:
    """Robust statistics per channel, over the tiles that have the channel.

    Raises
    ------
    ValueError
        If a channel has no valid pixel in any tile, its chips are stored in an incompatible unit, or for the reasons of
        :func:`m3leo_sar.chips.accumulate.fitted`.
    """
    found = [fitted(partial(_counted, archive, identifiers, channel), [None]) for channel in channels]
    return Statistics(tuple(band for statistics in found for band in statistics.bands))


def _counted(
    archive: ChipArchive, identifiers: Sequence[str], channel: Channel, ranges: Sequence[Span | None]
) -> StatisticsAccumulator:
    seen, units = StatisticsAccumulator([BandStatistics(str(channel), channel.rule)], ranges=ranges), StoredUnits()
    for identifier in identifiers:
        if archive.has(identifier, channel.dataset, channel.key):
            chip = archive.read(identifier, channel.dataset, channel.key)
            units.check(str(channel), channel.rule, chip.metadata.get("unit"), where=f"tile {identifier}")
            seen.update(channel.encoded(chip.values())[None])
    return seen


def target_scale(data: HasTargets) -> TargetScale:
    """Mean and standard deviation of the targets over all tiles of a data set.

    Raises
    ------
    ValueError
        If no tile has a known target.
    """
    count, total, squares = 0, 0.0, 0.0
    for identifier in data.identifiers:
        values = data.read_target(identifier)
        known = values[np.isfinite(values)].astype(np.float64)
        count, total, squares = count + known.size, total + float(known.sum()), squares + float((known**2).sum())
    if not count:
        raise ValueError(f"target {data.label} has no known value in any train tile")
    mean = total / count
    # A constant target has no spread to divide by.
    return TargetScale(mean, max(squares / count - mean**2, 0.0) ** 0.5 or 1.0)
