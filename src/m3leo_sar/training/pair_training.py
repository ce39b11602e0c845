"""Data of training runs whose samples are computed from a store of SLC tiles."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar._machine import within_memory
from m3leo_sar.chips.transfer import to_gpu
from m3leo_sar.grid.splits import ordered_split
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.io.chips.product_names import LABEL
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.products.pair_products import pair_products
from m3leo_sar.stack.pair_product import PairProduct, polarisations_of
from m3leo_sar.stack.pairs import of_season, pairs_by_days, sequential_pairs

if TYPE_CHECKING:
    from m3leo_sar.chips.statistics import Statistics
    from m3leo_sar.grid.geobox import GeoBox
    from m3leo_sar.learn.data.archive_target import ArchiveTarget
    from m3leo_sar.learn.data.pair_datamodule import PairDataModule
    from m3leo_sar.learn.data.pair_index import PairIndex
    from m3leo_sar.learn.fit.fit_config import FitConfig

_SPLITS = ("train", "val", "test")
#: Number of tiles from which the tile size of a store is estimated.
_LOOKED_AT = 64
#: Maximum number of tiles per worker whose samples are mixed; more do not mix better and only use memory.
_MOST_MIXED = 16


def pair_data(config: FitConfig, kind: str, statistics: Statistics | None) -> PairDataModule:
    """Loaders of a configuration with ``pairs``, as the argument ``pair_data`` of :func:`m3leo_sar.learn.fit.fit.fit`.

    Labels are read from the archive, whose tiles lie on the same grids as those of the store. A tile of the splits that
    lacks its samples or a pair is left out with ``missing="drop"`` and an error otherwise, before any computation. The
    same applies to a tile without a label, unless ``missing`` is ``"mask"`` or ``"fill"``.

    Raises
    ------
    FileNotFoundError
        If the store, or the archive of the labels, does not exist.
    ValueError
        If no pair matches, a tile lacks required data, or for the reasons of
        :class:`m3leo_sar.learn.data.pair_datamodule.PairDataModule`.
    """
    from m3leo_sar.learn.data.augment import Augmentation
    from m3leo_sar.learn.data.pair_datamodule import PairDataModule

    chosen, products = config.pairs, [PairProduct.parse(text) for text in config.input]
    store = opened_store(config)
    target = _target(config, kind)
    index = _labelled(pair_index(config, store), config, target)
    lanes, hold = _mixing(config, store, index.used)
    on_gpu = chosen["device"] == "gpu"
    options = {"redraw": chosen["redraw"], "swap": chosen["swap"], "flips": tuple(chosen["flips"])}
    return PairDataModule(
        store,
        index,
        config.splits,
        compute=pair_products,
        products=products,
        statistics=statistics,
        draw=chosen["draw"],
        batch=config.batch,
        workers=config.workers,
        # The order of samples follows from the setting alone, on any machine.
        memory_bytes=within_memory(chosen["memory_mib"] << 20, parts=2),
        device_bytes=chosen["device_mib"] << 20 if on_gpu else 0,
        to_device=to_gpu if on_gpu else None,
        lanes=lanes,
        hold=hold,
        augmentation=Augmentation(**options) if any(options.values()) else None,
        target=target,
        kind=kind,
        missing=config.missing,
        seed=config.seed,
    )


def opened_store(config: FitConfig) -> SlcTileStore:
    """Store of a configuration with the polarisations that its inputs name, those of ``pairs.polarisation`` first.

    Raises
    ------
    FileNotFoundError, ValueError
        As :class:`m3leo_sar.io.chips.slc_tile_store.SlcTileStore`.
    """
    named = polarisations_of([PairProduct.parse(text) for text in config.input])
    first = [config.pairs["polarisation"]] if config.pairs.get("polarisation") else []
    wanted = dict.fromkeys([*first, *(config.polarisations or ()), *named])
    return SlcTileStore(config.pairs["store"], polarisation="+".join(wanted) or None)


def pair_index(config: FitConfig, store: SlcTileStore) -> PairIndex:
    """Pairs of the tiles of the splits; every tile must have pairs unless tiles may be dropped.

    Raises
    ------
    ValueError
        If no pair fits the rule, or a tile that may not be dropped is not in the store or has no pair.
    """
    from m3leo_sar.learn.data.pair_index import PairIndex

    chosen = config.pairs
    wanted = {tile for tile, split in config.splits.items() if split in _SPLITS}
    dates = {tile: store.passings(tile) for tile in store.identifiers if tile in wanted}
    # A tile without a grid or a sample cannot be masked.
    raises = config.missing != "drop"
    if raises:
        _require_none(wanted - set(dates), wanted, f"are not in {store.root}{_in_all(store)}")
    index = PairIndex.of_pairs(dates, partial(_pairs, days=chosen["days"], season=chosen["season"]))
    rule = f"is {chosen['days']} days apart" if chosen["days"] else "is of a date and the next"
    rule += f" in {chosen['season']}" if chosen["season"] else ""
    if not len(index):
        raise ValueError(f"no pair of {store.root} {rule}")
    if raises:
        _require_none(set(dates) - set(index.used), wanted, f"have no pair in {store.root} that {rule}")
    return index


def _in_all(store: SlcTileStore) -> str:
    """Several polarisations in words."""
    return f" in {' and '.join(store.facts.polarisation.split('+'))}" if "+" in store.facts.polarisation else ""


def _labelled(index: PairIndex, config: FitConfig, target: ArchiveTarget | None) -> PairIndex:
    """Samples with a label, or all samples if labels are optional."""
    if target is None or config.missing in ("mask", "fill"):
        return index
    have = [tile for tile in index.used if target.has(tile)]
    if config.missing == "raise":
        _require_none(set(index.used) - set(have), index.used, f"lack the label {config.target} in {config.archive}")
    return index.by_tile(have)


def _require_none(lacking: Collection[str], tiles: Collection[str], what: str) -> None:
    if lacking:
        raise ValueError(
            f"{len(lacking)} of {len(tiles)} tiles of the splits {what}, first {', '.join(sorted(lacking)[:3])}; "
            "leave them out, or choose missing='drop'"
        )


def _mixing(config: FitConfig, store: SlcTileStore, tiles: Sequence[str]) -> tuple[int, int]:
    """Lanes, one per worker, and tiles per lane: as many as fit its share of the memory, so that each is read once."""
    chosen, lanes = config.pairs, max(1, config.workers)
    # Each worker has its own share of host memory; a device is used by one process.
    budget = chosen["device_mib"] << 20 if chosen["device"] == "gpu" else (chosen["memory_mib"] << 20) // lanes
    # Tiles of one grid differ little in size, and checking all tiles of a large store would delay the start.
    largest = max((store.held_bytes(tile) for tile in tiles[:: 1 + len(tiles) // _LOOKED_AT]), default=1)
    return lanes, min(_MOST_MIXED, max(1, budget // largest))


def pair_splits(config: FitConfig) -> Mapping[str, str]:
    """Split the store's labelled tiles into train, val and test from west to east.

    Raises
    ------
    ValueError
        If there are fewer than three such tiles.
    """
    store = opened_store(config)
    tiles = store.identifiers
    if config.target:
        archive = ChipArchive(config.archive)
        tiles = [tile for tile in tiles if archive.has(tile, *label_of(config.target))]
    if len(tiles) < 3:
        raise ValueError(f"at least three tiles of {store.root} must have the label {config.target}, {len(tiles)} have")
    bounds = np.array([store.frame(tile).geobox.bounds_in("EPSG:4326") for tile in tiles])
    return dict(zip(tiles, ordered_split(bounds).tolist(), strict=True))


def _pairs(dates: Any, *, days: list[int], season: str) -> Any:
    pairs = pairs_by_days(dates, days=days) if days else sequential_pairs(dates)
    return of_season(pairs, season) if season else pairs


def label_of(target: str) -> tuple[str, str]:
    """Product and key of the chips named by a target: ``KEY`` of a label, ``PRODUCT/KEY`` or ``PRODUCT:KEY``."""
    named = target if ":" in target else target.replace("/", ":", 1)
    dataset, _, key = named.rpartition(":")
    return dataset or LABEL, key


def _target(config: FitConfig, kind: str) -> ArchiveTarget | None:
    from m3leo_sar.learn.data.archive_target import ArchiveTarget
    from m3leo_sar.learn.data.labels import class_target
    from m3leo_sar.learn.fit.resolved_config import legend_of_config

    if kind == "none":
        return None
    dataset, key = label_of(config.target)
    cells = (config.cells[0], config.cells[1]) if config.cells else None
    encode = partial(class_target, legend=legend_of_config(config)) if kind == "classes" else partial(_means, cells)
    nothing = partial(_no_label, kind=kind, cells=cells) if config.missing in ("mask", "fill") else None
    return ArchiveTarget(ChipArchive(config.archive), key, dataset=dataset, encode=encode, nothing=nothing)


def _means(cells: tuple[int, int] | None, chip: Chip) -> NDArray[np.float32]:
    from m3leo_sar.learn.data.labels import cell_means

    return cell_means(chip.values(), cells)


def _no_label(geobox: GeoBox, *, kind: str, cells: tuple[int, int] | None) -> NDArray[Any]:
    from m3leo_sar.learn.data.labels import IGNORE

    if kind == "classes":
        return np.full(geobox.shape, IGNORE, np.int64)
    return np.full(cells or geobox.shape, np.nan, np.float32)
