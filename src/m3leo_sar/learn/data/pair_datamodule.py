"""Splits, statistics and loaders of pairs computed on the fly."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import lightning as L
import numpy as np
from torch.utils.data import DataLoader

from m3leo_sar.chips.accumulate import Span, StatisticsAccumulator, fitted
from m3leo_sar.chips.statistics import BandStatistics, Statistics
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.learn.data.augment import Augmentation
from m3leo_sar.learn.data.channel import Channel
from m3leo_sar.learn.data.datamodule import loader_options
from m3leo_sar.learn.data.own_share import ShareLoader
from m3leo_sar.learn.data.pair_dataset import Compute, PairDataset, as_fetched
from m3leo_sar.learn.data.pair_index import PairIndex
from m3leo_sar.learn.data.samplers import TileBatches
from m3leo_sar.learn.data.tile_tiers import TileTiers
from m3leo_sar.stack.pair_product import PairProduct

Batch = dict[str, Any]
#: Default encoding of each product.
ENCODINGS = {"coherence": "linear", "interferogram": "phasor", "intensity": "decibel", "change": "linear"}
#: Ranges of encoded values that differ from those of the encoding.
_RANGES = {"change": (-1.0, 1.0)}
_STREAM = 3
#: Further encodings that statistics may specify for a product, but a configuration may not.
_OTHER_ENCODINGS = {"coherence": ("fisher",), "intensity": ("linear",)}
#: Number of samples formatted as text at a time.
_CHUNK = 1 << 16


class PairDataModule(L.LightningDataModule):
    """Loaders for the train, val and test samples of a store of SLC tiles.

    They work with any ``Trainer``, also on several processes: each process gets its own share, and each epoch its own
    order and augmentations. A custom training loop calls :meth:`move_to` before each epoch.

    Parameters
    ----------
    store : SlcTileStore
    index : PairIndex
        Samples of all splits.
    splits : mapping of str to str
        Identifier to ``"train"``, ``"val"`` or ``"test"``; tiles of other splits are left out.
    compute : callable
        ``m3leo_sar.products.pair_products.pair_products``.
    products : sequence of PairProduct
    statistics : Statistics, optional
        Statistics that a model was trained with; fitted to a random draw of training samples if None.
    bands : sequence of BandStatistics, optional
        Bands with the encodings to fit; those of :data:`ENCODINGS` by default.
    draw : int
        Number of samples to which statistics are fitted.
    batch, workers : int
        Batch size in samples; number of loader processes.
    memory_bytes, device_bytes, to_device
        Parameters of :class:`TileTiers`; ``memory_bytes`` is shared among the workers. A device requires ``workers=0``.
    hold, lanes : int
        As in :class:`TileBatches`.
    augmentation : Augmentation, optional
        Augmentation of the training samples.
    **options
        ``target``, ``kind``, ``missing`` and ``seed`` of :class:`PairDataset`.

    Raises
    ------
    ValueError
        If a split has no sample, ``workers`` are combined with a device, or for the reasons of :class:`PairDataset`.
    """

    def __init__(
        self,
        store: SlcTileStore,
        index: PairIndex,
        splits: Mapping[str, str],
        *,
        compute: Compute,
        products: Sequence[PairProduct],
        statistics: Statistics | None = None,
        bands: Sequence[BandStatistics] | None = None,
        draw: int = 256,
        batch: int = 8,
        workers: int = 0,
        memory_bytes: int = 1 << 30,
        device_bytes: int = 0,
        to_device: Callable[[Any], Any] | None = None,
        hold: int = 16,
        lanes: int = 8,
        augmentation: Augmentation | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if workers and to_device is not None:
            raise ValueError(f"workers must be 0 where products are computed on a device, got {workers}")
        self.batch, self.workers, self.hold, self.lanes = batch, workers, hold, lanes
        budget = memory_bytes // max(1, workers)
        tiers = TileTiers(store, memory_bytes=budget, device_bytes=device_bytes, to_device=to_device)
        parts = {name: index.by_split(splits, name) for name in ("train", "val", "test")}
        for name, part in parts.items():
            if not len(part):
                raise ValueError(f"splits must leave at least one sample for {name}, got none")
        common = {"compute": compute, "products": products, **options}
        found = tuple(bands or starting_bands(products))
        if statistics is None:
            unscaled = Statistics(found)
            training = PairDataset(tiers, parts["train"], statistics=unscaled, **common)
            statistics = fit_pair_statistics(training, draw=draw)
        self.statistics = statistics
        self.sets: dict[str, PairDataset] = {
            name: PairDataset(tiers, part, statistics=statistics, **common) for name, part in parts.items()
        }
        self.sets["train"].augmentation = augmentation
        #: Epoch and batch at which the next training loader begins, if set by :meth:`move_to`.
        self.position: tuple[int, int] | None = None
        self._batches: TileBatches | None = None

    @cached_property
    def digest(self) -> str:
        """Digest (16 hex digits) of the samples' sources: tiles and pairs per split, products and statistics."""
        train, found = self.sets["train"], hashlib.sha256()
        facts = ([str(product) for product in train.products], train.label, train.kind, train.missing)
        # Python's repr of (samples by split, *facts), piece by piece: checkpoints contain digests of that text.
        for number, (name, part) in enumerate(self.sets.items()):
            found.update(f"{', ' if number else '({'}{name!r}: [".encode())
            for text in _sample_texts(part.index):
                found.update(text.encode())
            found.update(b"]")
        found.update(("}, " + repr((*facts, train.augmentation, self.statistics.digest))[1:]).encode())
        return found.hexdigest()[:16]

    def move_to(self, epoch: int, batch: int = 0) -> None:
        """Set the epoch and batch at which the next iteration of the training loader begins."""
        self.position = (epoch, batch)
        self.sets["train"].epoch = epoch
        if self._batches is not None:
            self._batches.set_epoch(epoch)
            self._batches.start = batch

    def train_batches(self, world: int) -> int:
        """Training batches per epoch and process, for ``world`` processes."""
        return -(-(len(self.sets["train"]) // world) // self.batch)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled by (seed, epoch), independently of the number of workers; one part per distributed process."""
        data = self.sets["train"]
        if self.position is None and self.trainer is not None:
            data.epoch = self.trainer.current_epoch
        loader = self._loader("train")
        self._batches = loader.batch_sampler  # type: ignore[assignment]
        if self.position is not None:
            self.move_to(*self.position)
        return loader

    def val_dataloader(self) -> DataLoader[Batch]:
        """Samples by tile."""
        return self._loader("val")

    def test_dataloader(self) -> DataLoader[Batch]:
        """Samples by tile."""
        return self._loader("test")

    def _loader(self, name: str) -> DataLoader[Batch]:
        data, trains = self.sets[name], name == "train"
        order = TileBatches(
            data.index.tile,
            batch=self.batch,
            hold=self.hold,
            lanes=self.lanes,
            seed=data.seed,
            shuffle=trains,
            even=trains,
            rank=self.trainer.global_rank if self.trainer is not None else 0,
            world=self.trainer.world_size if self.trainer is not None else 1,
        )
        order.set_epoch(data.epoch)
        # Workers end with their epoch: the next epoch reaches the augmentations only through the data set that workers
        # start with, and persistent workers of train and val would hold tiles in memory at the same time.
        options = {"collate_fn": as_fetched, **loader_options(self.workers, data.seed)}
        return ShareLoader(data, batch_sampler=order, on_epoch=self._on_epoch if trains else _ignored, **options)

    def _on_epoch(self, epoch: int) -> None:
        # The current epoch continues from its current batch.
        if epoch != self.sets["train"].epoch:
            self.move_to(epoch)


def _ignored(epoch: int) -> None:
    """Whole tiles in order, in every epoch."""


def _sample_texts(index: PairIndex) -> Iterator[str]:
    """Python's repr of the list of (identifier, *pairs) of all samples, without its brackets, in parts."""
    names = np.array([f"({name!r}, " for name in index.identifiers], object)
    groups = np.array([", ".join(repr(str(pair)) for pair in group) + ")" for group in index.groups], object)
    for start in range(0, len(index), _CHUNK):
        part = slice(start, start + _CHUNK)
        yield (", " if start else "") + ", ".join(names[index.tile[part]] + groups[index.group[part]])


@dataclass(frozen=True)
class _ProductChannel(Channel):
    """A product as an input."""

    @property
    def name(self) -> str:
        """Name of the product."""
        return f"{self.dataset}:{self.key}".rstrip(":")

    def __str__(self) -> str:
        return self.name


def pair_channels(inputs: Sequence[str]) -> list[Channel]:
    """Channels of a configuration whose inputs are products of pairs.

    Raises
    ------
    ValueError
        If an input is not a product.

    Examples
    --------
    >>> [channel.encoding for channel in pair_channels(["coherence:5x20", "interferogram"])]
    ['linear', 'phasor']
    """
    products = [str(PairProduct.parse(text)) for text in inputs]
    return [_ProductChannel(*text.partition(":")[::2], ENCODINGS[text.partition(":")[0]]) for text in products]


def encodings_of(channel: Channel) -> tuple[str, ...]:
    """Encodings that statistics may specify for a product, the default first."""
    return (channel.encoding, *_OTHER_ENCODINGS.get(channel.dataset, ()))


def starting_bands(products: Sequence[PairProduct]) -> list[BandStatistics]:
    """One band per product with its default encoding, not yet scaled."""
    return [BandStatistics(str(product), ENCODINGS[product.kind]) for product in products]


def fit_pair_statistics(data: PairDataset, *, draw: int = 256, rule: str = "robust") -> Statistics:
    """Statistics of a data set's products over a seeded draw of its samples; each pass reads every tile once.

    Parameters
    ----------
    data : PairDataset
        Its statistics specify the encoding of each band; their scaling is not used.
    draw : int
        Samples to draw without replacement; all samples if there are fewer.
    rule : str
        As in :meth:`m3leo_sar.chips.accumulate.StatisticsAccumulator.finish`.

    Raises
    ------
    ValueError
        If ``draw`` is below 1, a band has no valid pixel, or for the reasons of
        :func:`m3leo_sar.chips.accumulate.fitted`.
    """
    if draw < 1:
        raise ValueError(f"draw must be at least 1, got {draw}")
    random = np.random.default_rng((data.seed, _STREAM))
    chosen = random.permutation(len(data))[:draw]
    bands = data.statistics.bands
    read = data.statistics.planes
    kinds = [data.products[places[0]].kind for places in read]
    ranges = [_RANGES.get(kind) if band.encoding == "linear" else None for kind, band in zip(kinds, bands, strict=True)]
    order = chosen[np.argsort(data.index.tile[chosen], kind="stable")]
    planes = [replace(band, planes=places) for band, places in zip(bands, read, strict=True)]

    def count(spans: Sequence[Span | None]) -> StatisticsAccumulator:
        seen = StatisticsAccumulator(planes, ranges=spans)
        for index in order:
            seen.update(data.planes(int(index)))
        return seen

    found = fitted(count, ranges, rule=rule).bands
    return Statistics(tuple(replace(new, planes=band.planes) for new, band in zip(found, bands, strict=True)))
