"""A picture of one tile with all its products."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.land_cover import WORLDCOVER
from m3leo_sar.chips.legend import Legend
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.chips.chip_name import by_polarisation
from m3leo_sar.io.chips.chip_pairs import pairs_of
from m3leo_sar.io.chips.product_names import COHERENCE, INTENSITY, INTERFEROGRAM, LABEL
from m3leo_sar.pictures.chip_picture import (
    Classes,
    Picture,
    Plane,
    chip_title,
    mask_picture,
    picture_of,
    plane_of,
    smoothed,
)
from m3leo_sar.pictures.class_colours import label_image, label_legend
from m3leo_sar.pictures.coherence_rgb import coherence_rgb, rgb_groups
from m3leo_sar.pictures.figure import (
    HEADING,
    KEY_HEIGHT,
    MARGIN,
    PANEL,
    TITLE_HEIGHT,
    draw_panel,
    draw_scale_bar,
    new_figure,
    panel_axes,
    save_figure,
    set_heading,
)
from m3leo_sar.pictures.readable_archive import ReadableArchive
from m3leo_sar.pictures.rgba import overlay
from m3leo_sar.stack.pairs import Pair

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Order of products in the picture; all others follow, by name.
_ORDER = (INTENSITY, COHERENCE, INTERFEROGRAM, LABEL)


def plot_tile(
    archive: ReadableArchive,
    identifier: str,
    path: str | os.PathLike[str],
    *,
    predictions: Mapping[str, NDArray[Any]] | None = None,
    legend: Legend = WORLDCOVER,
) -> list[str]:
    """Write the picture of :func:`tile_figure`; returns the panels' titles.

    Raises
    ------
    ValueError
        If the tile has no chip that can be drawn, or the suffix is not a known format.
    OSError
        If the picture cannot be written.
    """
    figure, titles = tile_figure(archive, identifier, predictions=predictions, legend=legend)
    save_figure(figure, path)
    return titles


def tile_figure(
    archive: ReadableArchive,
    identifier: str,
    *,
    predictions: Mapping[str, NDArray[Any]] | None = None,
    legend: Legend = WORLDCOVER,
) -> tuple[Figure, list[str]]:
    """Draw all products of a tile in an archive, each with its key, and predictions if given.

    Panels: the intensity of the first date; the coherence of the shortest and the longest pair, and of three lags and
    three seasons if available; the phase of the shortest pair darkened by its coherence; every label; land cover over
    the intensity; the first chip of every other product; pixels without data in any drawn chip; and each prediction.

    Parameters
    ----------
    archive : ReadableArchive
        Source of the chips.
    identifier : str
        The tile.
    predictions : mapping of str to (rows, cols) integer, optional
        Codes by title.
    legend : Legend
        Of the predictions.

    Returns
    -------
    (matplotlib.figure.Figure, list of str)
        The figure and the titles of its panels in order.

    Raises
    ------
    ValueError
        If the tile has no chip that can be drawn, or one of them is damaged.
    """
    drawn = _Drawn(archive, identifier)
    for dataset in sorted(archive.datasets(identifier), key=lambda name: (*(name != item for item in _ORDER), name)):
        drawn.add_dataset(dataset)
    if not drawn.pictures:
        raise ValueError(
            f"tile {identifier} of {archive.root} has no chip to draw; has: {archive.datasets(identifier)}"
        )
    drawn.add_derived()
    for title, codes in (predictions or {}).items():
        drawn.pictures.append(_classes_picture(title, codes, legend))
    return _figure(f"Tile {identifier}{drawn.radar()}", drawn.pictures, drawn.geobox), [
        picture.title for picture in drawn.pictures
    ]


def _figure(heading: str, pictures: list[Picture], geobox: GeoBox | None) -> Figure:
    across = min(4, len(pictures)) if len(pictures) not in (5, 6, 9) else 3
    down = -(-len(pictures) // across)
    height = PANEL + KEY_HEIGHT
    figure = new_figure(across * (PANEL + MARGIN) + MARGIN, HEADING + down * (height + TITLE_HEIGHT))
    set_heading(figure, heading, length=28 * across)
    axes = panel_axes(figure, len(pictures), across, (PANEL, height), title=TITLE_HEIGHT)
    images = [draw_panel(axis, picture) for axis, picture in zip(axes, pictures, strict=True)]
    if geobox is not None:
        draw_scale_bar(images[0], geobox)
    return figure


def _classes_picture(title: str, codes: NDArray[Any], legend: Legend) -> Picture:
    return Picture(title, label_image(codes, legend=legend), Classes(label_legend(codes, legend=legend)))


class _Drawn:
    """Pictures of one tile during collection, and their common properties."""

    def __init__(self, archive: ReadableArchive, identifier: str) -> None:
        self.archive, self.identifier = archive, identifier
        self.pictures: list[Picture] = []
        self.geobox: GeoBox | None = None
        self._facts: dict[str, set[str]] = {"polarisation": set(), "orbit": set(), "track": set()}
        self._known: dict[str, NDArray[np.bool_]] = {}
        self._images: dict[str, Any] = {}

    def add_dataset(self, dataset: str) -> None:
        keys = self.archive.keys(self.identifier, dataset)
        pairs = pairs_of(self.archive, self.identifier, dataset, keys)
        for key in (key for some in by_polarisation(keys).values() for key in _chosen(dataset, some, pairs)):
            plane, is_complex = self._read(dataset, key)
            title, brightness = chip_title(dataset, key, bands=plane.bands, pair=pairs.get(key)), None
            if plane.kind == "phase":
                brightness = self._coherence(key, plane)
            if is_complex:
                plane = smoothed(plane)
                title = f"{title.replace(INTERFEROGRAM.capitalize(), 'Phase')}, mean of 7 x 7"
            picture = picture_of(plane, title, brightness=brightness)
            self.pictures.append(picture)
            self._images.setdefault(plane.kind, (picture, plane))
            if plane.kind != "classes":
                self._known[title] = plane.known
        if dataset == COHERENCE:
            for over in ("lags", "seasons"):
                if rgb_groups(pairs, over=over):
                    self.pictures.append(coherence_rgb(self.archive, self.identifier, over=over))

    def add_derived(self) -> None:
        """Add land cover over the intensity, and the mask of missing data."""
        if "decibel" in self._images and "classes" in self._images:
            (below, _), (above, _) = self._images["decibel"], self._images["classes"]
            if below.image.shape == above.image.shape:
                title = f"{above.title} over {below.title[:1].lower()}{below.title[1:]}"
                self.pictures.append(Picture(title, overlay(below.image, above.image), above.key))
        masks = list(self._known.values())
        shapes = {mask.shape for mask in masks}
        if len(shapes) == 1 and not np.all(masks):
            lacking = ~np.all(masks, axis=0)
            names = f"no data in some panel, {lacking.mean():.1%}", "data in every panel"
            self.pictures.append(mask_picture(lacking, "Missing data", names=names))

    def radar(self) -> str:
        """Polarisation, orbit and track of the chips drawn."""
        words = [" and ".join(sorted(values)) for values in self._facts.values() if values]
        return ": " + ", ".join(words) if words else ""

    def _read(self, dataset: str, key: str) -> tuple[Plane, bool]:
        chip = self.archive.read(self.identifier, dataset, key)
        self.geobox = self.geobox or chip.geobox
        for name, values in self._facts.items():
            if chip.metadata.get(name) is not None:
                values.add(f"track {chip.metadata[name]}" if name == "track" else str(chip.metadata[name]))
        return plane_of(dataset, key, chip), chip.array.dtype.kind == "c"

    def _coherence(self, key: str, plane: Plane) -> NDArray[Any] | None:
        """Coherence of the same pair, if the archive has it on the same pixels."""
        if not self.archive.has(self.identifier, COHERENCE, key):
            return None
        array = self.archive.read(self.identifier, COHERENCE, key).values()
        return array if array.shape == plane.values.shape else None


def _chosen(dataset: str, keys: list[str], pairs: Mapping[str, Pair]) -> list[str]:
    """Keys that represent a product: all labels; the shortest pair, and for coherence the longest; else the first."""
    if dataset == LABEL:
        return keys
    paired = [key for key in keys if key in pairs]
    ordered = sorted(paired, key=lambda key: (abs(pairs[key].days), pairs[key])) or keys
    return [ordered[0], ordered[-1]] if dataset == COHERENCE and len(ordered) > 1 else ordered[:1]
