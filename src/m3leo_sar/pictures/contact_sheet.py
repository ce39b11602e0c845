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
from m3leo_sar.pictures.array_pictures import extend_of
from m3leo_sar.pictures.chip_picture import panel_title, picture_of, radar_facts
from m3leo_sar.pictures.chip_plane import Plane, limits_of, plane_of, reduced, shown_values
from m3leo_sar.pictures.class_colours import label_legend
from m3leo_sar.pictures.colour_key import Bar, Classes, Key, Turn
from m3leo_sar.pictures.ground_frame import Frame, map_frame
from m3leo_sar.pictures.panel_grid import Picture, plot_panels
from m3leo_sar.pictures.picture_format import DPI, require_output
from m3leo_sar.pictures.readable_archive import ReadableArchive

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Side of a chip on the sheet in inches, and its maximum in pixels.
_SIDE, _PIXELS = 1.55, 240


class _Found:
    """A chip on the sheet: what is drawn of it, the ground below it, and what its metadata say."""

    def __init__(self, plane: Plane, frame: Frame, facts: Mapping[str, str]) -> None:
        self.plane, self.frame, self.facts = plane, frame, facts


def plot_sheet(
    archive: ReadableArchive,
    dataset: str,
    key: str,
    *,
    identifiers: Sequence[str] | None = None,
    path: str | os.PathLike[str] | None = None,
    dpi: float = DPI,
    form: str | None = None,
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
    path : path, optional
        Picture to write.
    dpi : float
        Pixels per inch.
    form : str, optional
        ``"svg"``, ``"pdf"`` or ``"png"``; by default, the suffix of ``path`` selects it.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If no tile has the chip, or the suffix names no format.
    OSError
        If the picture cannot be written.
    """
    require_output(path, form, dpi)
    tiles = list(archive.identifiers if identifiers is None else identifiers)
    key = _full_key(archive, tiles, dataset, key)
    found = {tile: _read(archive, tile, dataset, key) for tile in tiles}
    chips = {tile: chip for tile, chip in found.items() if isinstance(chip, _Found)}
    if not chips:
        raise ValueError(f"no tile of {archive.root} has {dataset} {key} to draw, of {len(tiles)} asked for")
    planes = [chip.plane for chip in chips.values()]
    limits, darkening = limits_of(planes), _darkening(archive, chips, key)
    pictures = [_picture(tile, found[tile], limits, darkening.get(tile)) for tile in tiles]
    pair = pairs_of(archive, next(iter(chips)), dataset, [key]).get(key)
    title, dates = panel_title(dataset, key, bands=planes[0].bands, pair=pair)
    shown = f"{len(chips)} of {len(tiles)} tiles" if len(chips) < len(tiles) else f"{len(tiles)} tiles"
    facts = [*dict.fromkeys(text for chip in chips.values() for text in chip.facts.values())]
    return plot_panels(
        pictures,
        across=_across(len(tiles)),
        heading=title,
        facts=[dates, shown, *facts[:8]],
        key=Turn(COHERENCE) if darkening else _common_key(planes, limits),
        side=_SIDE,
        path=path,
        dpi=dpi,
        form=form,
    )


def _across(count: int) -> int:
    """Tiles per row: wider than high, and with few empty places in the last row."""
    least = min(count, max(4, int(np.ceil(np.sqrt(1.5 * count)))), 12)
    return min(range(least, min(least + 3, count, 12) + 1), key=lambda across: (-count % across, across))


def _picture(
    tile: str, found: _Found | str, limits: tuple[float, float] | None, brightness: NDArray[Any] | None
) -> Picture:
    if isinstance(found, str):
        return Picture(tile, found, None)
    drawn = picture_of(found.plane, tile, subtitle=found.frame.place, limits=limits, brightness=brightness)
    return drawn._replace(key=None, frame=found.frame)


def _full_key(archive: ReadableArchive, tiles: Sequence[str], dataset: str, key: str) -> str:
    """The key with its polarisation, if it names none and the tiles have the chip in one."""
    if "/" in key or any(key in archive.keys(tile, dataset) for tile in tiles):
        return key
    found = {full for tile in tiles for full in archive.keys(tile, dataset) if full.rpartition("/")[2] == key}
    if len(found) > 1:
        raise ValueError(f"{dataset}/{key} is there in several polarisations: name one of {', '.join(sorted(found))}")
    return found.pop() if found else key


def _read(archive: ReadableArchive, identifier: str, dataset: str, key: str) -> _Found | str:
    """The reduced chip, or the reason why there is none."""
    # Look in the listing: for some archives, ``has`` means that a chip is readable, not only listed.
    if key not in archive.keys(identifier, dataset):
        return "missing"
    try:
        chip = archive.read(identifier, dataset, key)
        plane = reduced(plane_of(dataset, key, chip), _PIXELS)
        return _Found(plane, map_frame(chip.geobox), radar_facts(chip.metadata))
    except (OSError, ValueError):
        return "damaged"


def _darkening(archive: ReadableArchive, chips: Mapping[str, _Found], key: str) -> dict[str, NDArray[Any]]:
    """Coherence of the same pair that darkens phases; for all tiles or none, so that they are comparable."""
    if any(chip.plane.kind != "phase" for chip in chips.values()):
        return {}
    found: dict[str, NDArray[Any]] = {}
    for tile, chip in chips.items():
        coherence = _read(archive, tile, COHERENCE, key)
        if not isinstance(coherence, _Found) or coherence.plane.values.shape != chip.plane.values.shape:
            return {}
        found[tile] = coherence.plane.values
    return found


def _common_key(planes: Sequence[Plane], limits: tuple[float, float] | None) -> Key | None:
    """The common key of all chips: their scale, or every class present in any of them."""
    first = picture_of(planes[0], limits=limits).key
    if isinstance(first, Bar) and limits is not None:
        return first._replace(extend=extend_of(np.concatenate([shown_values(plane) for plane in planes]), limits))
    if isinstance(first, Bar | Turn) or planes[0].kind == "mask":
        return first
    legend = reduce(Legend.joined, (plane.legend for plane in planes))
    codes = np.unique(np.concatenate([plane.values[plane.known] for plane in planes]))
    return Classes(label_legend(codes[None], legend=legend))
