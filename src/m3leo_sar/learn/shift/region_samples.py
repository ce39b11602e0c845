"""Samples of regions, one per chip, for distances between regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.land_cover import legend_of
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.io.chips.product_names import LABEL


class Region(NamedTuple):
    """A region of a comparison."""

    archive: ChipArchive
    #: Its tiles.
    tiles: list[str]


def regions_of(archives: Sequence[Path], groups: Mapping[str, str] | None = None) -> dict[str, Region]:
    """Regions to compare: the archives, or groups of tiles of a single archive.

    Parameters
    ----------
    archives : sequence of path
        Archives, named by their folder, with its parents' names where two names are equal.
    groups : mapping of str to str, optional
        Tile to group, for a single archive.

    Raises
    ------
    ValueError
        If there are fewer than two regions, an archive is given twice, or groups are given for several archives.
    """
    if groups is not None:
        if len(archives) != 1:
            raise ValueError(f"groups are of one archive, got {len(archives)} archives")
        only, found = ChipArchive(archives[0]), sorted(set(groups.values()))
        there = set(only.identifiers)
        regions = {name: Region(only, sorted(t for t in there if groups.get(t) == name)) for name in found}
    else:
        names = _names(archives)
        opened = {name: ChipArchive(path) for name, path in zip(names, archives, strict=True)}
        regions = {name: Region(archive, archive.identifiers) for name, archive in opened.items()}
    if len(regions) < 2:
        raise ValueError(f"a distance needs at least two archives or groups, got {len(regions)}")
    return regions


def class_fractions(regions: Mapping[str, Region], key: str) -> dict[str, NDArray[np.float64]]:
    """Share of each label code in each chip: region to (chips, codes), with the same codes for all regions.

    ``key`` is ``NAME`` or ``DATASET/NAME``, such as ``label/landcover``; a colon means the same as the slash. Code 0,
    which means no label, is ignored; a chip with no other code is left out.

    Raises
    ------
    ValueError
        If a region has no chip of the label.
    """
    dataset, _, name = key.replace(":", "/").rpartition("/")
    counts: dict[str, list[dict[int, int]]] = {}
    for region, (archive, tiles) in regions.items():
        labelled = [tile for tile in tiles if archive.has(tile, dataset or LABEL, name)]
        chips = [archive.read(tile, dataset or LABEL, name) for tile in labelled]
        counts[region] = [found for chip in chips if (found := _counts(chip, dataset or LABEL, name))]
        if not counts[region]:
            raise ValueError(f"labels must name a label that {region} has, got {key!r}")
    codes = sorted({code for chips in counts.values() for chip in chips for code in chip})
    table = {
        region: np.array([[chip.get(code, 0) for code in codes] for chip in chips], np.float64)
        for region, chips in counts.items()
    }
    return {region: rows / rows.sum(axis=1, keepdims=True) for region, rows in table.items()}


def chip_means(regions: Mapping[str, Region], key: str) -> dict[str, NDArray[np.float64]]:
    """Mean of the valid pixels of each chip: region to (chips,); chips without valid pixels are left out.

    Parameters
    ----------
    regions : mapping of str to Region
    key : str
        ``DATASET/KEY``, or ``DATASET`` for the mean over all its keys, such as all pairs of an archive.

    Raises
    ------
    ValueError
        If a region has no valid chip of ``key``.
    """
    # A key may hold a slash of its own, after the polarisation.
    dataset, _, name = key.replace(":", "/", 1).partition("/")
    found: dict[str, NDArray[np.float64]] = {}
    for region, (archive, tiles) in regions.items():
        means = [_mean(archive, tile, dataset, [name] if name else archive.keys(tile, dataset)) for tile in tiles]
        known = np.array([mean for mean in means if mean == mean], np.float64)
        if not len(known):
            raise ValueError(f"values must name chips that {region} has, as DATASET/KEY, got {key!r}")
        found[region] = known
    return found


def _mean(archive: ChipArchive, tile: str, dataset: str, keys: Sequence[str]) -> float:
    total, count = 0.0, 0
    for key in keys:
        if archive.has(tile, dataset, key):
            chip = archive.read(tile, dataset, key).values()
            if chip.dtype.kind == "c":
                raise ValueError(f"values must be real, {dataset}/{key} is complex; use its coherence or intensity")
            valid = chip[np.isfinite(chip)]
            total, count = total + float(valid.sum(dtype=np.float64)), count + valid.size
    return total / count if count else float("nan")


def _counts(chip: Chip, dataset: str, key: str) -> dict[int, int]:
    if chip.array.dtype.kind not in "iu":
        raise ValueError(f"labels must be codes, got a chip of {chip.array.dtype}")
    legend = legend_of(dataset, key, chip.metadata)
    nothing = legend.nodata if legend else 0
    codes, counts = np.unique(chip.array[chip.known], return_counts=True)
    return {int(code): int(count) for code, count in zip(codes, counts, strict=True) if code != nothing}


def _names(paths: Sequence[Path]) -> list[str]:
    """Shortest path suffixes that distinguish the paths."""
    whole = [path.resolve().parts for path in paths]
    if len(set(whole)) < len(whole):
        raise ValueError(f"an archive is given twice: {', '.join(map(str, paths))}")
    longest = max(map(len, whole), default=1)
    for count in range(1, longest + 1):
        names = ["/".join(parts[-count:]) for parts in whole]
        if len(set(names)) == len(names):
            return names
    return ["/".join(parts) for parts in whole]
