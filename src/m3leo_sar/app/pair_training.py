"""Data of a training run whose samples are computed from a store of SLC tiles."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from m3leo_sar.app.pair_products import pair_products
from m3leo_sar.app.prepare import LABEL
from m3leo_sar.chips.device import to_gpu
from m3leo_sar.grid.splits import ordered_split
from m3leo_sar.io.archive import ChipArchive
from m3leo_sar.io.slc_tiles import SlcTileStore
from m3leo_sar.stack.pairs import pairs_by_days, sequential_pairs

if TYPE_CHECKING:
    from m3leo_sar.chips.statistics import Statistics
    from m3leo_sar.learn.config import FitConfig
    from m3leo_sar.learn.pair_datamodule import PairDataModule


def pair_data(config: FitConfig, kind: str, statistics: Statistics | None) -> PairDataModule:
    """Loaders of a configuration with ``pairs``; :func:`m3leo_sar.learn.fit.fit` takes it.

    Labels come from the archive, whose tiles lie on the same grids as those of the store.

    Raises
    ------
    FileNotFoundError
        If there is no store, or no archive to take labels from.
    ValueError
        If no pair fits, or as :class:`m3leo_sar.learn.pair_datamodule.PairDataModule`.
    """
    from m3leo_sar.learn.augment import Augmentation
    from m3leo_sar.learn.pair_datamodule import PairDataModule
    from m3leo_sar.learn.pair_index import PairIndex
    from m3leo_sar.stack.pair_product import PairProduct

    chosen = config.pairs
    store = SlcTileStore(chosen["store"])
    dates = {tile: store.dates(tile) for tile in store.identifiers if tile in config.splits}
    index = PairIndex.of_pairs(dates, partial(_pairs, days=chosen["days"], season=chosen["season"]))
    if not len(index):
        raise ValueError(
            f"no pair of {store.root} is {chosen['days'] or 'of two dates'} days apart in the wanted season"
        )
    on_gpu = chosen["device"] == "gpu"
    options = {"redraw": chosen["redraw"], "swap": chosen["swap"], "flips": tuple(chosen["flips"])}
    return PairDataModule(
        store,
        index,
        config.splits,
        compute=pair_products,
        products=[PairProduct.parse(text) for text in config.input],
        statistics=statistics,
        draw=chosen["draw"],
        batch=config.batch,
        workers=config.workers,
        memory_bytes=chosen["memory_mib"] << 20,
        device_bytes=chosen["device_mib"] << 20 if on_gpu else 0,
        to_device=to_gpu if on_gpu else None,
        augmentation=Augmentation(**options) if any(options.values()) else None,
        target=_target(config, kind),
        kind=kind,
        missing=config.missing,
        seed=config.seed,
    )


def pair_splits(config: FitConfig) -> Mapping[str, str]:
    """Train, val and test from west to east over the store's tiles that have the label.

    Raises
    ------
    ValueError
        If there are fewer than three.
    """
    store = SlcTileStore(config.pairs["store"])
    tiles = store.identifiers
    if config.target:
        archive = ChipArchive(config.archive)
        tiles = [tile for tile in tiles if archive.has(tile, *label_of(config.target))]
    if len(tiles) < 3:
        raise ValueError(f"at least three tiles of {store.root} must have the label {config.target}, {len(tiles)} have")
    bounds = np.array([store.frame(tile).geobox.bounds_in("EPSG:4326") for tile in tiles])
    return dict(zip(tiles, ordered_split(bounds).tolist(), strict=True))


def _pairs(dates: Any, *, days: list[int], season: str) -> Any:
    if days or season:
        gaps = days or sorted({(b - a).days for a in dates for b in dates if b > a})
        return pairs_by_days(dates, days=gaps, season=season or None)
    return sequential_pairs(dates)


def label_of(target: str) -> tuple[str, str]:
    """Product and key of the chips that a target names: ``KEY`` of the labels, or ``PRODUCT:KEY``."""
    dataset, _, key = target.rpartition(":")
    return dataset or LABEL, key


def _target(config: FitConfig, kind: str) -> Any:
    from m3leo_sar.learn.labels import cell_means, worldcover_classes
    from m3leo_sar.learn.pair_dataset import ArchiveTarget

    if kind == "none":
        return None
    dataset, key = label_of(config.target)
    cells = (config.cells[0], config.cells[1]) if config.cells else None
    encode = worldcover_classes if kind == "classes" else partial(cell_means, shape=cells)
    return ArchiveTarget(ChipArchive(config.archive), key, dataset=dataset, encode=encode)
