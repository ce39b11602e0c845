"""Input sets by name, default splits, and a training run of an archive."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from m3leo_sar.training.pair_training import label_of, pair_data, pair_splits
from m3leo_sar.run.prepare import COHERENCE, INTENSITY
from m3leo_sar.app.progress import ERR, progress_bar
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.splits import ordered_split
from m3leo_sar.io.chips.archive import ChipArchive

if TYPE_CHECKING:
    from m3leo_sar.learn.fit.config import FitConfig
    from m3leo_sar.learn.fit.fit import FitResult

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
    """Tiles that have the label; all tiles if the target is "".

    Raises
    ------
    ValueError
        If there are none.
    """
    tiles = [tile for tile in archive.identifiers if not target or archive.has(tile, *label_of(target))]
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
    # In degrees, as tiles of the exact lattice lie in the UTM zones of their ground.
    bounds = [_any_geobox(archive, identifier, target).bounds_in("EPSG:4326") for identifier in tiles]
    return dict(zip(tiles, ordered_split(np.array(bounds)).tolist(), strict=True))


def _any_geobox(archive: ChipArchive, identifier: str, target: str) -> GeoBox:
    if target:
        return archive.facts(identifier, *label_of(target))[0]
    dataset = archive.datasets(identifier)[0]
    return archive.facts(identifier, dataset, archive.keys(identifier, dataset)[0])[0]


def settings_of(settings: list[str], *, output: Path | None, inputs: str | None) -> list[str]:
    """Overrides of a configuration for what the command was given; the first setting may be the archive."""
    named = [f"archive={settings[0]}", *settings[1:]] if settings and "=" not in settings[0] else list(settings)
    named += [f"output={output}"] if output else []
    return named + ([f"input={inputs}"] if inputs else [])


def score_lines(metrics: dict[str, Any]) -> list[str]:
    """What a run scored, for a person; the interval is that of 95 % over tiles."""
    lines = []
    for name, word in (("miou", "mIoU"), ("rmse", "RMSE"), ("retrieval", "retrieval"), ("spread", "spread")):
        if name in metrics:
            low, high = metrics.get(f"{name}_interval", (None, None))
            between = f" ({low:.3g} to {high:.3g})" if low is not None else ""
            lines.append(
                f"{word} {metrics[name]:.3f}{between} {metrics.get('unit', '')}".rstrip() + " on the test tiles"
            )
    lines += [] if lines else [f"loss {metrics['loss']:.4f} on the test tiles"]
    if metrics["unknown_codes"]:
        told = ", ".join(f"{code} ({count} pixels)" for code, count in metrics["unknown_codes"].items())
        lines.append(f"labels hold codes that are no class, and were left out: {told}")
    return lines


def run_fit(config: FitConfig, *, what: str, resume: bool = False) -> FitResult:
    """Train with a bar; inputs and splits that are left open are filled in from the archive."""
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
        inputs = input_names(archive, list(config.input) or ["coherence"], target=config.target)
        splits = config.splits if named else default_splits(archive, config.target)
        config = replace(config, input=inputs, splits=splits)
    with progress_bar(what, config.epochs) as advance:

        def report(epoch: int, scores: dict[str, float]) -> None:
            advance()
            if not ERR.is_terminal and (epoch == config.epochs or epoch % 10 == 0):
                told = ", ".join(
                    f"{name.replace('_', ' ')} {scores[name]:.4g}" for name in sorted(scores) if "val_" in name
                )
                ERR.print(f"{what}: epoch {epoch} of {config.epochs}, {told}")

        return fit(config, report=report, resume=resume, pair_data=pair_data)
