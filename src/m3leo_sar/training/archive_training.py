"""Named input sets, default splits, and training runs on an archive."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.splits import ordered_split
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_name import by_polarisation, parse_key
from m3leo_sar.io.chips.product_names import COHERENCE, INTENSITY, LABEL
from m3leo_sar.training.pair_training import label_of, pair_data, pair_splits

if TYPE_CHECKING:
    from m3leo_sar.learn.fit.fit import FitResult
    from m3leo_sar.learn.fit.fit_config import FitConfig


#: Names of input sets: all chips of a product, or only the first date.
SETS = ("amplitude", "amplitudes", "coherence")


def input_names(
    archive: ChipArchive, wanted: list[str], *, target: str, polarisations: Sequence[str] = ()
) -> list[str]:
    """Channels for input sets and names: ``amplitude`` is the first date, ``amplitudes`` all, ``coherence`` all pairs.

    Only dates and pairs available for every labelled tile are used: in the given polarisations those that are there in
    each of them, in their order; by default in every polarisation.

    Raises
    ------
    ValueError
        If a set is empty, or a tile lacks a polarisation.
    """
    tiles = labelled_tiles(archive, target)
    names: list[str] = []
    for item in wanted:
        if item not in SETS:
            names.append(item)
            continue
        dataset = COHERENCE if item == "coherence" else INTENSITY
        common = set.intersection(*(set(archive.keys(tile, dataset)) for tile in tiles))
        # Products of two polarisations are inputs by their own names only.
        groups = by_polarisation(key for key in sorted(common) if "-" not in (parse_key(key).polarisation or ""))
        if polarisations:
            _require_polarisations(archive, tiles, dataset, polarisations)
            named = [{parse_key(key).name for key in groups.get(one, ())} for one in polarisations]
            both = sorted(set.intersection(*named))[: 1 if item == "amplitude" else None]
            keys = [f"{one}/{name}" for one in polarisations for name in both]
        else:
            keys = [key for group in groups.values() for key in group][: 1 if item == "amplitude" else None]
        if not keys:
            raise ValueError(f"inputs {item}: no {dataset} chip is there for every labelled tile of {archive.root}")
        names += [f"{dataset}:{key}" for key in keys]
    return names


def _require_polarisations(
    archive: ChipArchive, tiles: Sequence[str], dataset: str, polarisations: Sequence[str]
) -> None:
    for tile in tiles:
        lacking = [one for one in polarisations if one not in archive.polarisations(tile, dataset)]
        if lacking:
            raise ValueError(
                f"polarisations {', '.join(polarisations)}: tile {tile} of {archive.root} has no {dataset} chip in "
                f"{lacking[0]}; leave it out, or prepare it (--polarisation {'+'.join(polarisations)})"
            )


def labelled_tiles(archive: ChipArchive, target: str) -> list[str]:
    """Tiles that have the label; all tiles if the target is "".

    Raises
    ------
    ValueError
        If there are none.
    """
    tiles = [tile for tile in archive.identifiers if not target or archive.has(tile, *label_of(target))]
    if not tiles:
        raise ValueError(f"no tile of {archive.root} has the label {target}; {_other_labels(archive)}")
    return tiles


def _other_labels(archive: ChipArchive) -> str:
    """What an archive has in place of a missing label, or how it gets one."""
    held = sorted({f"{LABEL}/{key}" for tile in archive.identifiers for key in archive.keys(tile, LABEL)})
    others = sorted({dataset for tile in archive.identifiers for dataset in archive.datasets(tile)} - {LABEL})
    if held:
        return f"it has {', '.join(held[:5])}: state one as target=, such as target={held[0]}"
    return (
        f"it has {', '.join(others[:5]) or 'no chip'}: m3leo-sar retile MAP {archive.root} --dataset NAME makes chips "
        "of a map, which target=NAME/BAND names"
    )


def default_splits(archive: ChipArchive, target: str) -> dict[str, str]:
    """Split the labelled tiles into train, val and test from west to east.

    Raises
    ------
    ValueError
        If there are fewer than three such tiles.
    """
    tiles = labelled_tiles(archive, target)
    # In degrees, as tiles of the exact lattice lie in different UTM zones.
    bounds = [_any_geobox(archive, identifier, target).bounds_in("EPSG:4326") for identifier in tiles]
    return dict(zip(tiles, ordered_split(np.array(bounds)).tolist(), strict=True))


def _any_geobox(archive: ChipArchive, identifier: str, target: str) -> GeoBox:
    if target:
        return archive.facts(identifier, *label_of(target))[0]
    dataset = archive.datasets(identifier)[0]
    return archive.facts(identifier, dataset, archive.keys(identifier, dataset)[0])[0]


def run_fit(
    config: FitConfig, *, report: Callable[[int, dict[str, float]], None] | None = None, resume: bool = False
) -> FitResult:
    """Train from a configuration; unspecified inputs and splits are derived from the archive.

    Parameters
    ----------
    config : FitConfig
    report : callable, optional
        Called after each epoch with its number and scores.
    resume : bool
        Whether to continue an interrupted run in the same folder.

    Raises
    ------
    FileNotFoundError, ValueError
        If the archive is missing, or does not match the configuration.
    """
    # Imported here: torch and Lightning take seconds, and only training needs them.
    from m3leo_sar.learn.fit.config import checked_config
    from m3leo_sar.learn.fit.fit import fit

    config = checked_config(copy.deepcopy(config))
    named = config.splits or config.splits_file
    if config.pairs:
        splits = config.splits if named else dict(pair_splits(config))
        config = replace(config, input=list(config.input) or ["coherence:5x20"], splits=splits)
    else:
        archive = ChipArchive(config.archive)
        inputs = input_names(
            archive, list(config.input) or ["coherence"], target=config.target, polarisations=config.polarisations
        )
        splits = config.splits if named else default_splits(archive, config.target)
        config = replace(config, input=inputs, splits=splits)
    return fit(config, report=report, resume=resume, pair_data=pair_data)
