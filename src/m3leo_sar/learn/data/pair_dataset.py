"""Samples whose products are computed on request; no pair is ever stored."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, default_collate, get_worker_info

from m3leo_sar.chips.normalise import NormalisedChip, normalise
from m3leo_sar.chips.statistics import Statistics
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.learn.data.augment import Augmentation, Change, flip_planes
from m3leo_sar.learn.data.pair_index import Group, PairIndex
from m3leo_sar.learn.data.tile_tiers import TileTiers
from m3leo_sar.stack.pair_product import PairProduct
from m3leo_sar.stack.tile_samples import TileSamples

MISSING = ("raise", "mask", "fill", "drop")

#: Returns the label of a tile (rows, cols) for its identifier and pixel grid.
Target = Callable[[str, GeoBox], NDArray[Any]]


class Compute(Protocol):
    """Computes the planes of several samples of one tile; provided by ``m3leo_sar.training``."""

    def __call__(
        self,
        tile: TileSamples,
        groups: Sequence[Group],
        /,
        *,
        products: Sequence[PairProduct],
        resampling: str,
        missing: str,
    ) -> list[list[Any]]:
        """One list per sample of one plane (rows, cols) per product; NaN for missing dates with ``missing="nan"``.

        ``resampling`` is that of the store, from SLC samples to the tile's pixels.
        """


class PairDataset(Dataset[dict[str, Any]]):
    """Samples of a tile and its pairs: normalised products, their mask, and an optional label.

    A sample depends only on (seed, epoch, index) and is bit-identical for any worker, order, batch size and memory
    tier. A damaged tile is an error, and no tile is ever replaced by another.

    Parameters
    ----------
    tiers : TileTiers
    index : PairIndex
        The samples.
    compute : callable
        ``m3leo_sar.products.pair_products.pair_products``, or a function with the same arguments that can be sent to
        another process.
    products : sequence of PairProduct
        Products of a sample, in the order of the statistics.
    statistics : Statistics
        Encoding and scaling of each band.
    target : callable, optional
        Such as :class:`ArchiveTarget`; without it, samples have no ``target``.
    missing : str
        Policy for samples that lack a date: ``"raise"``; ``"mask"``, no data in the planes that need it; ``"fill"``, as
        in M3LEO: zeros after normalisation, that is, the mean, wherever there is no data, marked as valid in the mask;
        or ``"drop"`` the sample. A tile that is not in the store has no grid to mask: it is dropped with ``"drop"`` and
        an error otherwise.
    augmentation : Augmentation, optional
    seed : int
    dates : mapping of str to sequence of datetime.date, optional
        Dates of each tile; read from the store by default.
    kind : str
        Kind of the targets, ``"classes"`` or ``"values"``.

    Attributes
    ----------
    epoch : int
        Epoch of the augmentation.

    Raises
    ------
    ValueError
        If ``missing`` is unknown, a sample is incomplete although ``missing`` requires all dates, no sample remains, or
        the number of products does not match the statistics.
    """

    def __init__(
        self,
        tiers: TileTiers,
        index: PairIndex,
        *,
        compute: Compute,
        products: Sequence[PairProduct],
        statistics: Statistics,
        target: Target | None = None,
        missing: str = "raise",
        augmentation: Augmentation | None = None,
        seed: int = 0,
        dates: Mapping[str, Sequence[datetime.date]] | None = None,
        kind: str = "classes",
    ) -> None:
        if missing not in MISSING:
            raise ValueError(f"missing must be one of {', '.join(MISSING)}, got {missing!r}")
        planes = 1 + max((max(places) for places in statistics.planes), default=-1)
        if planes != len(products):
            raise ValueError(f"products must be the {planes} planes that the statistics read, got {len(products)}")
        self.tiers, self.compute, self.products, self.statistics = tiers, compute, tuple(products), statistics
        self.target, self.missing, self.augmentation = target, missing, augmentation
        self.seed, self.epoch = seed, 0
        self.kind = kind if target is not None else "none"
        self.index = _usable(index, tiers, missing, dates)

    @property
    def identifiers(self) -> list[str]:
        """Tiles with at least one sample, in order."""
        return self.index.used

    @property
    def label(self) -> str:
        """Name of the target."""
        return str(getattr(self.target, "key", "target"))

    def read_target(self, identifier: str) -> NDArray[Any]:
        """Target (rows, cols) of a tile, without computing its samples; (1, 1) of NaN without targets."""
        if self.target is None:
            return np.full((1, 1), np.nan, np.float32)
        return self.target(identifier, self.tiers.store.frame(identifier).geobox)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, index: int) -> dict[str, Any]:
        arrays, facts = self._fetch([index])
        return {**{name: array[0] for name, array in arrays.items()}, **facts[0]}

    def __getitems__(self, indices: Sequence[int]) -> dict[str, Any]:
        """A whole batch, already collated; a loader uses it unchanged with :func:`as_fetched`."""
        arrays, facts = self._fetch(indices)
        return {**arrays, **default_collate(facts)}

    def planes(self, index: int) -> list[Any]:
        """Products of a sample in their physical units, without augmentation."""
        sample = self.index[index]
        return self._computed(self.tiers.get(sample.identifier), [sample.pairs])[0]

    def _fetch(self, indices: Sequence[int]) -> tuple[dict[str, torch.Tensor], list[dict[str, Any]]]:
        samples = [self.index[index] for index in indices]
        facts: list[dict[str, Any]] = [{} for _ in indices]
        batch: _Batch | None = None
        places: dict[str, list[int]] = {}
        for place, sample in enumerate(samples):
            places.setdefault(sample.identifier, []).append(place)
        for identifier, own in places.items():
            tile = self.tiers.get(identifier)
            changes = [self._change(indices[place]) for place in own]
            label = None if self.target is None else self.target(identifier, tile.frame.geobox)
            planes = self._computed(tile, [change.pairs for change in changes])
            if batch is None:
                batch = _Batch(len(indices), self.statistics, planes[0][0], label)
            for place, change, parts in zip(own, changes, planes, strict=True):
                batch.put(place, parts, label, change.flips, identifier, fills=self.missing == "fill")
                facts[place] = self._facts(tile, change)
        if batch is None:
            raise ValueError("indices must hold at least one sample, got none")
        return batch.tensors(), facts

    def _computed(self, tile: TileSamples, groups: list[Group]) -> list[list[Any]]:
        missing = "nan" if self.missing in ("mask", "fill") else "raise"
        resampling = self.tiers.store.facts.resampling
        return self.compute(tile, groups, products=self.products, resampling=resampling, missing=missing)

    def _change(self, index: int) -> Change:
        if self.augmentation is None:
            return Change(self.index[index].pairs)
        return self.augmentation.change(self.index, index, key=(self.seed, self.epoch))

    def _facts(self, tile: TileSamples, change: Change) -> dict[str, Any]:
        geobox, pair = tile.frame.geobox, change.pairs[0]
        return {
            "bounds": geobox.bounds,
            "crs": geobox.crs,
            "identifier": tile.identifier,
            "reference": pair.reference.isoformat(),
            "secondary": pair.secondary.isoformat(),
            "days": pair.days,
            "pairs": " ".join(str(pair) for pair in change.pairs),
            "looks": tuple(product.samples for product in self.products),
            "flipped_rows": 0 in change.flips,
            "flipped_cols": 1 in change.flips,
        }


def as_fetched(batch: Any) -> Any:
    """Return a batch unchanged: the ``collate_fn`` of a loader over :class:`PairDataset`."""
    return batch


class _Batch:
    """Arrays of a batch, filled sample by sample and then shared with torch without a copy."""

    def __init__(self, count: int, statistics: Statistics, like: Any, label: Any) -> None:
        self.statistics, self.shape = statistics, tuple(like.shape)
        size = (count, statistics.channels, *like.shape)
        self.owners: list[torch.Tensor] = []
        self.values, self.mask = self._empty(size, np.float32, like), self._empty(size, np.bool_, like)
        self.labels = None if label is None else np.empty((count, *label.shape), label.dtype)

    def _empty(self, size: tuple[int, ...], dtype: Any, like: Any) -> Any:
        if type(like) is not np.ndarray:
            made = like.__array_namespace__().empty(size, dtype)
            # Emulated GPU arrays have NumPy's namespace; their own type selects the backend.
            return made.view(type(like)) if isinstance(like, np.ndarray) else made
        owner = torch.empty(size, dtype=torch.bool if dtype is np.bool_ else torch.float32)
        # A worker's shared memory reaches the trainer without a copy.
        self.owners.append(owner.share_memory_() if get_worker_info() is not None else owner)
        return self.owners[-1].numpy()

    def put(
        self, place: int, planes: list[Any], label: Any, flips: tuple[int, ...], identifier: str, *, fills: bool
    ) -> None:
        if tuple(planes[0].shape) != self.shape:
            raise ValueError(
                f"tiles of a batch must have one shape, {self.shape}, got {tuple(planes[0].shape)} for {identifier}"
            )
        out = NormalisedChip(self.values[place], self.mask[place])
        normalise(planes, self.statistics, out=out)
        flip_planes(out.values, flips)
        flip_planes(out.mask, flips)
        if fills:
            out.mask[...] = True
        if self.labels is not None:
            self.labels[place] = label
            flip_planes(self.labels[place], flips)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The filled arrays as tensors without a copy; on a device by DLPack."""
        if self.owners:
            found = {"image": self.owners[0], "mask": self.owners[1]}
        else:
            # As bytes, since not every DLPack producer supports bool.
            parts = self.values, self.mask.view(np.uint8)
            image, mask = (torch.from_dlpack(part) for part in parts)
            found = {"image": image, "mask": mask.view(torch.bool)}
        return found if self.labels is None else {**found, "target": torch.from_numpy(self.labels)}


def _usable(
    index: PairIndex, tiers: TileTiers, missing: str, dates: Mapping[str, Sequence[datetime.date]] | None
) -> PairIndex:
    """Samples that may be requested under a policy for missing dates."""
    if not len(index):
        raise ValueError("index must hold at least one sample, got none")
    known = {name: tiers.store.dates(name) for name in index.used} if dates is None else dates
    whole = index.complete(known)
    if missing == "drop":
        if not whole.any():
            raise ValueError(f"none of the {len(index)} samples has its dates in {tiers.store.root}")
        return index.where(whole)
    absent = [name for name in index.used if not known.get(name)]
    if absent:
        raise ValueError(
            f"{len(absent)} of {len(index.used)} tiles are not in {tiers.store.root}, first {absent[0]}; "
            "leave them out, or choose missing='drop'"
        )
    if missing == "raise" and not whole.all():
        first = index[int(np.flatnonzero(~whole)[0])]
        raise ValueError(
            f"{(~whole).sum()} of {len(index)} samples lack a date in {tiers.store.root}, first tile "
            f"{first.identifier} for {' '.join(map(str, first.pairs))}; choose missing='mask', 'fill' or 'drop'"
        )
    return index
