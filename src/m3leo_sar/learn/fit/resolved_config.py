"""A configuration with its inputs, splits and classes resolved."""

from __future__ import annotations

import copy
from dataclasses import replace
from importlib.util import find_spec

import torch

from m3leo_sar.chips.land_cover import WORLDCOVER, read_legend, stated_legend
from m3leo_sar.chips.legend import Legend
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.tables.split_file import read_splits
from m3leo_sar.learn.data.channel import of_polarisations
from m3leo_sar.learn.data.datamodule import SPLITS as SPLIT_NAMES
from m3leo_sar.learn.data.labels import archive_legend, require_classes
from m3leo_sar.learn.fit.compose import distinct_inputs, expanded
from m3leo_sar.learn.fit.config import checked_config
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.fit.parts import part
from m3leo_sar.stack.pair_product import PairProduct, of_product_polarisations


def resolved(config: FitConfig) -> FitConfig:
    """Copy of a configuration with inputs resolved to channels and splits read.

    Raises
    ------
    ValueError
        If a value is not usable.
    """
    config = checked_config(copy.deepcopy(config))
    if not config.input:
        raise ValueError("input must name at least one channel, got none")
    if config.splits_file and not config.splits:
        config = replace(config, splits=read_splits(config.splits_file))
    if config.sync_norm and not torch.cuda.is_available():
        raise ValueError("sync_norm needs GPUs; on CPUs use model.norm=group, which needs no other samples")
    if "tensorboard" in config.loggers and not (find_spec("tensorboard") or find_spec("tensorboardX")):
        raise ValueError("loggers names tensorboard, which needs the package tensorboard; csv needs none")
    unknown = sorted(set(config.loggers) - {"csv", "tensorboard"})
    if unknown:
        raise ValueError(f"loggers must be csv or tensorboard, got {', '.join(unknown)}")
    return replace(config, input=_channels_of(config))


def _channels_of(config: FitConfig) -> list[str]:
    """Inputs as channels, one per polarisation where they name none."""
    if not config.pairs:
        return expanded(of_polarisations(expanded(config.input), config.polarisations))
    products = of_product_polarisations(config.input, config.polarisations)
    return distinct_inputs(products, lambda text: str(PairProduct.parse(text)))


def legend_of_config(config: FitConfig) -> Legend:
    """Classes of a run; WorldCover's for configurations of earlier versions, which do not name classes."""
    return read_legend(config.classes) if config.classes else WORLDCOVER


def with_classes(config: FitConfig) -> FitConfig:
    """Configuration with the classes of its labels; some of them must occur in every split."""
    if part("task", config.task).TARGET != "classes":
        if config.classes:
            raise ValueError(
                f"classes must be left out for task {config.task.get('name', 'given')}, whose targets are not classes"
            )
        return config
    archive = ChipArchive(config.archive)
    tiles = {name: sorted(tile for tile, split in config.splits.items() if split == name) for name in SPLIT_NAMES}
    legend = read_legend(config.classes) if config.classes else None
    legend = legend or archive_legend(archive, [tile for names in tiles.values() for tile in names], config.target)
    # Without labels to train on or to select the best epoch by, a run would succeed but be meaningless.
    needed = ("train",) if config.missing in ("mask", "fill") else SPLIT_NAMES
    for name in needed:
        if tiles[name]:
            require_classes(archive, tiles[name], config.target, legend)
    return replace(config, classes=stated_legend(legend))
