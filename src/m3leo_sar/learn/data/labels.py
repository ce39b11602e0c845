"""Labels of an archive as targets of a network."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from m3leo_sar.chips.land_cover import legend_of
from m3leo_sar.chips.legend import Legend
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.learn.models.area_pool import area_pool

#: Class of a pixel that has no label; losses and metrics leave it out.
IGNORE = 255
#: What a task may want of a label: ``"classes"`` of a legend's codes, ``"values"`` as they are, or ``"none"``.
TARGETS = ("classes", "values", "none")


class LabelKey(NamedTuple):
    """Which chip of a tile is its label."""

    dataset: str
    key: str


def label_key(text: str) -> LabelKey:
    """Data set and key of a label: ``dataset:key``, or the key of a chip of the data set ``label``.

    Raises
    ------
    ValueError
        If the text is neither.

    Examples
    --------
    >>> label_key("landcover"), label_key("biomass-2020:agb")
    (LabelKey(dataset='label', key='landcover'), LabelKey(dataset='biomass-2020', key='agb'))
    """
    parts = text.split(":") if ":" in text else ["label", text]
    if len(parts) != 2 or not all(parts):
        raise ValueError(f"target must read dataset:key or name a label, got {text!r}")
    return LabelKey(*parts)


def archive_legend(archive: ChipArchive, identifiers: Collection[str], target: str) -> Legend:
    """Legend that the label chips of some tiles state.

    Parameters
    ----------
    archive : ChipArchive
    identifiers : collection of str
        Tiles; those without the label do not count.
    target : str
        As :func:`label_key` reads it.

    Raises
    ------
    ValueError
        If no tile has the label, its chips state no classes and it is not named after a published legend, or two tiles
        state different ones.
    """
    label, found = label_key(target), dict[Legend | None, str]()
    for identifier in identifiers:
        try:
            _, metadata = archive.facts(identifier, *label)
        except FileNotFoundError:
            continue
        found.setdefault(legend_of(label.dataset, label.key, metadata), identifier)
    if not found:
        raise ValueError(f"none of the {len(identifiers)} tiles of the splits has the label {target} in {archive.root}")
    if len(found) > 1:
        raise ValueError(
            f"chips of the label {target} must state one legend, tiles {' and '.join(list(found.values())[:2])} of "
            f"{archive.root} do not; state classes in the configuration"
        )
    legend, identifier = next(iter(found.items()))
    if legend is None:
        codes = _some_codes(archive.read(identifier, *label))
        raise ValueError(
            f"chips of the label {target} state no classes; tile {identifier} holds the codes {codes}. State them in "
            "the configuration, such as classes={1: water, 2: forest}, or classes=worldcover for ESA WorldCover's"
        )
    return legend


def require_classes(archive: ChipArchive, identifiers: Collection[str], target: str, legend: Legend) -> None:
    """Refuse labels that hold no code of the legend in any of the tiles; those without the label do not count.

    Raises
    ------
    ValueError
        If there is no pixel to learn from.
    """
    label, codes = label_key(target), set[str]()
    for identifier in identifiers:
        try:
            chip = archive.read(identifier, *label)
        except FileNotFoundError:
            continue
        if (class_target(chip, legend) != IGNORE).any():
            return
        codes.add(_some_codes(chip))
    stated = ", ".join(f"{entry.code} {entry.name}" for entry in legend.classes[:12])
    raise ValueError(
        f"label {target} of {len(identifiers)} tiles, first {next(iter(identifiers))}, holds no pixel of a class; it "
        f"holds {'; '.join(sorted(codes)[:3]) or 'nothing'}, the classes are {stated}"
    )


def _some_codes(chip: Chip) -> str:
    codes = np.unique(chip.array[chip.known])
    return ", ".join(f"{code:g}" for code in codes[:10].tolist()) + ", ..." * (len(codes) > 10) or "none"


def class_target(chip: Chip, legend: Legend) -> NDArray[np.int64]:
    """Class of each pixel of a label, its position in the legend; :data:`IGNORE` for no data and for other codes.

    Examples
    --------
    >>> from m3leo_sar.chips.land_cover import WORLDCOVER
    >>> class_target(Chip(np.array([[10, 95, 0, 33]]), None, {}), WORLDCOVER)
    array([[  0,   9, 255, 255]])

    Raises
    ------
    ValueError
        If the legend has a class of the code that the chip declares as no data.
    """
    if chip.nodata in legend.codes:
        raise ValueError(f"classes must leave out code {chip.nodata:g}, which the label declares as no data")
    found = legend.positions(chip.array)
    return np.where((found >= 0) & chip.known, found, IGNORE)


def unknown_codes(chip: Chip, legend: Legend) -> NDArray[np.int64]:
    """Pixels of each code (257,) that has data and is no class; the last counts codes below 0 and beyond 255.

    What the legend itself has for no data, such as WorldCover's 0, does not count.

    Examples
    --------
    >>> from m3leo_sar.chips.land_cover import WORLDCOVER
    >>> np.flatnonzero(unknown_codes(Chip(np.array([[10, 0, 33, 300, -1]]), None, {}), WORLDCOVER))
    array([ 33, 256])
    """
    codes = chip.array[chip.known & (legend.positions(chip.array) < 0) & (chip.array != legend.nodata)]
    inside = (codes >= 0) & (codes < 256)
    return np.bincount(np.where(inside, codes, 256).astype(np.intp), minlength=257).astype(np.int64)


def cell_means(values: NDArray[np.floating], shape: tuple[int, int] | None) -> NDArray[np.float32]:
    """Means (rows, cols) of values over the cells of another grid of the same ground, by area.

    Parameters
    ----------
    values : (rows, cols) float
        NaN where none is known; a cell is the mean of what is known in it, NaN if nothing is.
    shape : pair of int, optional
        Rows and columns of cells; the values as they are if None.
    """
    wide = torch.from_numpy(np.asarray(values, np.float64))
    if shape is None:
        return wide.float().numpy()
    known = torch.isfinite(wide)
    covered = area_pool(known.double(), shape) > 0
    return torch.where(covered, area_pool(wide, shape, mask=known), torch.nan).float().numpy()
