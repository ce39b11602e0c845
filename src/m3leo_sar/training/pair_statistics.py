"""Statistics of products of pairs, computed from a store of SLC tiles before any training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from m3leo_sar._machine import within_memory
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.products.pair_products import pair_products
from m3leo_sar.stack.pair_product import PairProduct, polarisations_of
from m3leo_sar.training.pair_training import pair_index

if TYPE_CHECKING:
    from m3leo_sar.chips.statistics import Statistics


def pair_statistics(
    store: str,
    inputs: Sequence[str],
    *,
    splits: Mapping[str, str] | None = None,
    days: Sequence[int] = (),
    season: str = "",
    rule: str = "robust",
) -> Statistics:
    """Statistics of products of a store's pairs, one band per input: those that a training run computes by default.

    Parameters
    ----------
    store : str
        Folder of SLC tiles.
    inputs : sequence of str
        Products such as ``coherence:5x20``, in the order of the training's inputs; from a store of several
        polarisations ``coherence/VV:5x20``.
    splits : mapping of str to str, optional
        Only the tiles of ``train`` are counted; all by default.
    days, season
        Rule for the pairs, as ``pairs.days`` and ``pairs.season`` of a configuration.
    rule : str
        As in :meth:`m3leo_sar.chips.accumulate.StatisticsAccumulator.finish`.

    Raises
    ------
    FileNotFoundError
        If the store does not exist.
    ValueError
        If there is no input, no pair fits the rule, no tile belongs to the train split, or a band has no valid pixel.
    """
    # Imported here: torch and Lightning take seconds.
    from m3leo_sar.chips.statistics import Statistics
    from m3leo_sar.learn.data.pair_datamodule import fit_pair_statistics, starting_bands
    from m3leo_sar.learn.data.pair_dataset import PairDataset
    from m3leo_sar.learn.data.tile_tiers import TileTiers
    from m3leo_sar.learn.fit.config import checked_config
    from m3leo_sar.learn.fit.fit_config import FitConfig

    if not inputs:
        raise ValueError("input must name at least one product of pairs, such as coherence:5x20, got none")
    products = [PairProduct.parse(text) for text in inputs]
    opened = SlcTileStore(store, polarisation="+".join(polarisations_of(products)) or None)
    tiles = [tile for tile, split in splits.items() if split == "train"] if splits else opened.identifiers
    chosen = dict.fromkeys(tiles, "train")
    pairs = {"store": store, "days": list(days), "season": season}
    config = checked_config(FitConfig(input=list(inputs), pairs=pairs, splits=chosen))
    index = pair_index(config, opened).by_split(chosen, "train")
    data = PairDataset(
        TileTiers(opened, memory_bytes=within_memory(config.pairs["memory_mib"] << 20, parts=2)),
        index,
        compute=pair_products,
        products=products,
        statistics=Statistics(tuple(starting_bands(products))),
        seed=config.seed,
    )
    return fit_pair_statistics(data, draw=config.pairs["draw"], rule=rule)
