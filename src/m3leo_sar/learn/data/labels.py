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

#: Class of a pixel without a label; losses and metrics ignore it.
IGNORE = 255
#: Kinds of target: ``"classes"`` of a legend's codes, ``"values"`` unchanged, or ``"none"``.
TARGETS = ("classes", "values", "none")


class LabelKey(NamedTuple):
    """Data set and key of a tile's label chip."""

    dataset: str
    key: str


def label_key(text: str) -> LabelKey:
    """Data set and key of a label: ``dataset/key``, ``dataset:key``, or the key of a chip of the data set ``label``.

    Raises
    ------
    ValueError
        If the text is neither.

    Examples
    --------
    >>> label_key("landcover"), label_key("biomass-2020/agb")
    (LabelKey(dataset='label', key='landcover'), LabelKey(dataset='biomass-2020', key='agb'))
    """
    # A key of a product may hold a slash of its own, after the polarisation.
    named = text if ":" in text else text.replace("/", ":", 1)
    parts = named.split(":") if ":" in named else ["label", text]
    if len(parts) != 2 or not all(parts):
        raise ValueError(f"target must read dataset/key or name a label, got {text!r}")
    return LabelKey(*parts)


def archive_legend(archive: ChipArchive, identifiers: Collection[str], target: str) -> Legend:
    """Legend stated by the label chips of the given tiles.

    Parameters
    ----------
    archive : ChipArchive
    identifiers : collection of str
        Tiles; those without the label are ignored.
    target : str
        In the notation of :func:`label_key`.

    Raises
    ------
    ValueError
        If no tile has the label, its chips state no classes and it is not named after a published legend, or two tiles
        state different classes.
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
    """Reject labels without any code of the legend in all of the tiles; tiles without the label are ignored.

    Raises
    ------
    ValueError
        If there is no labelled pixel to train on.
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
    """Class of each pixel of a label, as its index in the legend; :data:`IGNORE` for no data and for other codes.

    Examples
    --------
    >>> from m3leo_sar.chips.land_cover import WORLDCOVER
    >>> class_target(Chip(np.array([[10, 95, 0, 33]]), None, {}), WORLDCOVER)
    array([[  0,   9, 255, 255]])

    Raises
    ------
    ValueError
        If the chip's nodata code is a class of the legend.
    """
    if chip.nodata in legend.codes:
        raise ValueError(f"classes must leave out code {chip.nodata:g}, which the label declares as no data")
    found = legend.positions(chip.array)
    return np.where((found >= 0) & chip.known, found, IGNORE)


def unknown_codes(chip: Chip, legend: Legend) -> NDArray[np.int64]:
    """Pixel count (257,) of each code that is data but not a class; the last entry counts codes outside 0 to 255.

    The legend's own nodata code, such as WorldCover's 0, is not counted.

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
    """Area-weighted means (rows, cols) of values over the cells of another grid of the same ground.

    Parameters
    ----------
    values : (rows, cols) float
        NaN where unknown; each cell is the mean of its known values, or NaN if it has none.
    shape : pair of int, optional
        Rows and columns of cells; if None, the values are returned unchanged.
    """
    wide = torch.from_numpy(np.asarray(values, np.float64))
    if shape is None:
        return wide.float().numpy()
    known = torch.isfinite(wide)
    covered = area_pool(known.double(), shape) > 0
    return torch.where(covered, area_pool(wide, shape, mask=known), torch.nan).float().numpy()
