"""Input sets by name, default splits, and a training run of an archive."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from m3leo_sar.app.prepare import COHERENCE, INTENSITY, LABEL
from m3leo_sar.app.progress import ERR, progress_bar
from m3leo_sar.grid.splits import ordered_split
from m3leo_sar.io.archive import ChipArchive

if TYPE_CHECKING:
    from m3leo_sar.learn.config import FitConfig
    from m3leo_sar.learn.fit import FitResult

#: Input sets that stand for all chips of a product, and for the first date alone.
SETS = ("amplitude", "amplitudes", "coherence")


def input_names(archive: ChipArchive, wanted: list[str], *, target: str) -> list[str]:
    """Channels for input sets and names: ``amplitude`` is the first date, ``amplitudes`` all, ``coherence`` all pairs.

    Only dates and pairs that every labelled tile has are taken.

    Raises
    ------
    ValueError
        If a set is empty.
    """
    tiles = labelled_tiles(archive, target)
    names: list[str] = []
    for item in wanted:
        if item not in SETS:
            names.append(item)
            continue
        dataset = COHERENCE if item == "coherence" else INTENSITY
        keys = set.intersection(*(set(archive.keys(tile, dataset)) for tile in tiles))
        if not keys:
            raise ValueError(f"inputs {item}: no {dataset} chip is there for every labelled tile of {archive.root}")
        names += [f"{dataset}:{key}" for key in sorted(keys)[: 1 if item == "amplitude" else None]]
    return names


def labelled_tiles(archive: ChipArchive, target: str) -> list[str]:
    """Tiles that have the label.

    Raises
    ------
    ValueError
        If there are none.
    """
    tiles = [identifier for identifier in archive.identifiers if archive.has(identifier, LABEL, target)]
    if not tiles:
        raise ValueError(f"no tile of {archive.root} has the label {target}")
    return tiles


def default_splits(archive: ChipArchive, target: str) -> dict[str, str]:
    """Train, val and test from west to east over the labelled tiles.

    Raises
    ------
    ValueError
        If there are fewer than three.
    """
    tiles = labelled_tiles(archive, target)
    boxes = [archive.read(identifier, LABEL, target).geobox for identifier in tiles]
    # In degrees, as tiles of the exact lattice lie in the UTM zones of their ground.
    bounds = [box.bounds_in("EPSG:4326") for box in boxes]
    return dict(zip(tiles, ordered_split(np.array(bounds)).tolist(), strict=True))


def run_fit(config: FitConfig, *, what: str, resume: bool = False) -> FitResult:
    """Train with a bar; inputs and splits that are left open are filled in from the archive."""
    # Imported here: torch and Lightning take seconds, and only training needs them.
    from m3leo_sar.learn.fit import fit

    archive = ChipArchive(config.archive)
    inputs = input_names(archive, list(config.inputs) or ["coherence"], target=config.target)
    splits = dict(config.splits) or default_splits(archive, config.target)
    config = replace(config, inputs=inputs, splits=splits)
    with progress_bar(what, config.epochs) as advance:

        def report(epoch: int, scores: dict[str, float]) -> None:
            advance()
            if not ERR.is_terminal and (epoch == config.epochs or epoch % 10 == 0):
                ERR.print(
                    f"{what}: epoch {epoch} of {config.epochs}, val mIoU {scores.get('val_miou', float('nan')):.3f}"
                )

        return fit(config, report=report, resume=resume)
