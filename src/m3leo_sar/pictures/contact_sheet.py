"""A contact sheet: one product of many tiles."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.legend import Legend
from m3leo_sar.io.chips.chip_pairs import pairs_of
from m3leo_sar.io.chips.product_names import COHERENCE
from m3leo_sar.pictures.chip_picture import (
    Bar,
    Classes,
    Key,
    Plane,
    Wheel,
    chip_title,
    limits_of,
    picture_of,
    plane_of,
    reduced,
)
from m3leo_sar.pictures.class_colours import label_legend
from m3leo_sar.pictures.figure import (
    HEADING,
    KEY_HEIGHT,
    MARGIN,
    draw_image,
    draw_key,
    hatch_empty,
    new_figure,
    panel_axes,
    save_figure,
    set_heading,
    set_title,
)
from m3leo_sar.pictures.readable_archive import ReadableArchive

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Side of a chip on the sheet in inches, its maximum in pixels, and height of its title in inches.
_SIDE, _PIXELS, _TITLE = 1.7, 160, 0.3


def plot_sheet(
    archive: ReadableArchive,
    dataset: str,
    key: str,
    path: str | os.PathLike[str],
    *,
    identifiers: Sequence[str] | None = None,
) -> None:
    """Write the picture of :func:`sheet_figure`.

    Raises
    ------
    ValueError
        If no tile has the chip, or the suffix names no format.
    OSError
        If the picture cannot be written.
    """
    save_figure(sheet_figure(archive, dataset, key, identifiers=identifiers), path)


def sheet_figure(
    archive: ReadableArchive, dataset: str, key: str, *, identifiers: Sequence[str] | None = None
) -> Figure:
    """Draw one chip per tile, all on one scale.

    Parameters
    ----------
    archive : ReadableArchive
        Source of the chips.
    dataset, key : str
        Product, and date, pair or name.
    identifiers : sequence of str, optional
        Tiles in the order of the sheet; all if not given. A tile whose chip is missing or damaged keeps its place,
        hatched and marked.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If no tile has the chip.
    """
    tiles = list(archive.identifiers if identifiers is None else identifiers)
    key = _full_key(archive, tiles, dataset, key)
    found = {tile: _read(archive, tile, dataset, key) for tile in tiles}
    planes = {tile: plane for tile, plane in found.items() if isinstance(plane, Plane)}
    if not planes:
        raise ValueError(f"no tile of {archive.root} has {dataset} {key} to draw, of {len(tiles)} asked for")
    limits, darkening = limits_of(planes.values()), _darkening(archive, planes, key)
    across = min(len(tiles), max(4, int(np.ceil(np.sqrt(1.5 * len(tiles))))), 12)
    down = -(-len(tiles) // across)
    # Space for the heading and the key if the sheet itself is narrow.
    width = max(across * (_SIDE + MARGIN) + MARGIN, 6.0)
    figure = new_figure(width, HEADING + down * (_SIDE + _TITLE) + KEY_HEIGHT + MARGIN)
    bands = next(iter(planes.values())).bands
    shown = f"{len(planes)} of {len(tiles)} tiles" if len(planes) < len(tiles) else f"{len(tiles)} tiles"
    pair = pairs_of(archive, next(iter(planes)), dataset, [key]).get(key)
    set_heading(figure, f"{chip_title(dataset, key, bands=bands, pair=pair)}, {shown}")
    axes = panel_axes(figure, len(tiles), across, (_SIDE, _SIDE), title=_TITLE)
    for axis, tile in zip(axes, tiles, strict=True):
        set_title(axis, tile, size=7.5, length=24)
        plane = found[tile]
        if isinstance(plane, Plane):
            draw_image(axis, picture_of(plane, tile, limits=limits, brightness=darkening.get(tile)).image)
        else:
            hatch_empty(axis, text=plane)
            axis.set_box_aspect(1)
    height = figure.get_size_inches()[1]
    keyed = figure.add_axes((0.5 - 2 / width, 0, 4 / width, KEY_HEIGHT / height))
    key_of_all = Wheel(COHERENCE) if darkening else _common_key(list(planes.values()), limits)
    draw_key(keyed, key_of_all, is_hatched=any(not plane.known.all() for plane in planes.values()))
    return figure


def _full_key(archive: ReadableArchive, tiles: Sequence[str], dataset: str, key: str) -> str:
    """The key with its polarisation, if it names none and the tiles have the chip in one."""
    if "/" in key or any(key in archive.keys(tile, dataset) for tile in tiles):
        return key
    found = {full for tile in tiles for full in archive.keys(tile, dataset) if full.rpartition("/")[2] == key}
    if len(found) > 1:
        raise ValueError(f"{dataset}/{key} is there in several polarisations: name one of {', '.join(sorted(found))}")
    return found.pop() if found else key


def _read(archive: ReadableArchive, identifier: str, dataset: str, key: str) -> Plane | str:
    """The reduced chip, or the reason why there is none."""
    # Look in the listing: for some archives, ``has`` means that a chip is readable, not only listed.
    if key not in archive.keys(identifier, dataset):
        return "missing"
    try:
        return reduced(plane_of(dataset, key, archive.read(identifier, dataset, key)), _PIXELS)
    except (OSError, ValueError):
        return "damaged"


def _darkening(archive: ReadableArchive, planes: Mapping[str, Plane], key: str) -> dict[str, NDArray[Any]]:
    """Coherence of the same pair that darkens phases; for all tiles or none, so that they are comparable."""
    if any(plane.kind != "phase" for plane in planes.values()):
        return {}
    found: dict[str, NDArray[Any]] = {}
    for tile, plane in planes.items():
        coherence = _read(archive, tile, COHERENCE, key)
        if not isinstance(coherence, Plane) or coherence.values.shape != plane.values.shape:
            return {}
        found[tile] = coherence.values
    return found


def _common_key(planes: Sequence[Plane], limits: tuple[float, float] | None) -> Key:
    """The common key of all chips: their scale, or every class present in any of them."""
    first = picture_of(planes[0], "", limits=limits).key
    if isinstance(first, Bar | Wheel) or planes[0].kind == "mask":
        return first
    legend = reduce(Legend.joined, (plane.legend for plane in planes))
    codes = np.unique(np.concatenate([plane.values[plane.known] for plane in planes]))
    return Classes(label_legend(codes[None], legend=legend))
