"""A picture of one tile with all its products."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.land_cover import WORLDCOVER
from m3leo_sar.chips.legend import Legend
from m3leo_sar.io.chips.chip_name import by_polarisation
from m3leo_sar.io.chips.chip_pairs import pairs_of
from m3leo_sar.io.chips.product_names import COHERENCE, INTENSITY, INTERFEROGRAM, LABEL
from m3leo_sar.pictures.array_pictures import mask_picture
from m3leo_sar.pictures.chip_picture import panel_title, picture_of, radar_facts
from m3leo_sar.pictures.chip_plane import Plane, limits_of, plane_of, smoothed
from m3leo_sar.pictures.coherence_rgb import coherence_rgb, rgb_groups
from m3leo_sar.pictures.ground_frame import Frame, map_frame
from m3leo_sar.pictures.panel_grid import Picture, columns_of, plot_panels
from m3leo_sar.pictures.picture_format import DPI, require_output
from m3leo_sar.pictures.prediction_pictures import prediction_pictures
from m3leo_sar.pictures.readable_archive import ReadableArchive
from m3leo_sar.pictures.rgba import overlay
from m3leo_sar.stack.pairs import Pair

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Order of products in the picture; all others follow, by name.
_ORDER = (INTENSITY, COHERENCE, INTERFEROGRAM, LABEL)
#: Opacity of land cover over an intensity.
_OVERLAY = 0.5


def plot_tile(
    archive: ReadableArchive,
    identifier: str,
    *,
    predictions: Mapping[str, NDArray[Any]] | None = None,
    scores: Mapping[str, str] | None = None,
    target: str = "",
    legend: Legend = WORLDCOVER,
    path: str | os.PathLike[str] | None = None,
    dpi: float = DPI,
    form: str | None = None,
) -> Figure:
    """Draw all products of a tile in an archive, each with its key, and predictions with their errors.

    Panels: the intensity of the first date; the coherence of the shortest and the longest pair, and of three lags and
    three seasons if available; the phase of the shortest pair darkened by its coherence; every label; land cover over
    the intensity; the first chip of every other product; pixels without data in any drawn chip; and each prediction,
    followed by the map of its errors.

    Parameters
    ----------
    archive : ReadableArchive
        Source of the chips.
    identifier : str
        The tile.
    predictions : mapping of str to (rows, cols) integer or float, optional
        Codes or values by title.
    scores : mapping of str to str, optional
        A score of each prediction by the same titles, such as ``"test mIoU 0.87"``.
    target : str
        Label that was predicted, such as ``"landcover"``; by default the first one of the right kind and shape.
    legend : Legend
        Of the predictions.
    path : path, optional
        Picture to write.
    dpi : float
        Pixels per inch.
    form : str, optional
        ``"svg"``, ``"pdf"`` or ``"png"``; by default, the suffix of ``path`` selects it.

    Returns
    -------
    matplotlib.figure.Figure
        :func:`m3leo_sar.pictures.panel_grid.panel_titles` lists its panels.

    Raises
    ------
    ValueError
        If the tile has no chip that can be drawn, one of them is damaged, or the suffix is not a known format.
    OSError
        If the picture cannot be written.
    """
    require_output(path, form, dpi)
    drawn = TileChips(archive, identifier)
    for dataset in sorted(archive.datasets(identifier), key=lambda name: (*(name != item for item in _ORDER), name)):
        drawn.add_dataset(dataset)
    if not drawn.pictures:
        raise ValueError(
            f"tile {identifier} of {archive.root} has no chip to draw; has: {archive.datasets(identifier)}"
        )
    drawn.add_derived()
    inputs, drawn.pictures = drawn.pictures, []
    for title, found in (predictions or {}).items():
        drawn.add_label(found, target)
        drawn.add_prediction(title, found, legend=legend, score=(scores or {}).get(title, ""), target=target)
    across = max(columns_of(len(inputs)), 3 if predictions else 0)
    # Predictions begin a row: each stands between its label and its errors.
    pictures = [*inputs, *[None] * (-len(inputs) % across if predictions else 0), *drawn.pictures]
    heading = f"Tile {identifier}"
    return plot_panels(
        pictures, across=across, heading=heading, facts=drawn.facts(), path=path, dpi=dpi, form=form
    )  # fmt: skip


class TileChips:
    """Pictures of one tile during collection, and their common properties.

    Parameters
    ----------
    archive : ReadableArchive
        Source of the chips.
    identifier : str
        The tile.
    """

    def __init__(self, archive: ReadableArchive, identifier: str) -> None:
        self.archive, self.identifier = archive, identifier
        self.pictures: list[Picture] = []
        self._facts: dict[str, dict[str, None]] = {}
        self._known: dict[str, NDArray[np.bool_]] = {}
        self._images: dict[str, tuple[Picture, Plane]] = {}
        self._labels: dict[str, Plane] = {}
        self._panels: dict[str, Picture] = {}
        self._frame: Frame | None = None

    def add_dataset(self, dataset: str) -> None:
        """Add the chips that represent a product."""
        keys = self.archive.keys(self.identifier, dataset)
        pairs = pairs_of(self.archive, self.identifier, dataset, keys)
        for key in (key for some in by_polarisation(keys).values() for key in _chosen(dataset, some, pairs)):
            self.add_chip(dataset, key, pair=pairs.get(key))
        if dataset == COHERENCE:
            for over in ("lags", "seasons"):
                if rgb_groups(pairs, over=over):
                    self.pictures.append(coherence_rgb(self.archive, self.identifier, over=over, frame=self._frame))

    def add_chip(self, dataset: str, key: str, *, pair: Pair | None = None) -> None:
        """Add one chip."""
        plane, frame, is_complex = self._read(dataset, key)
        title, subtitle = panel_title(dataset, key, bands=plane.bands, pair=pair)
        subtitle = subtitle or (_contents(plane) if dataset == LABEL else "")
        brightness = self._coherence(key, plane) if plane.kind == "phase" else None
        if is_complex:
            plane = smoothed(plane)
            title = title.replace(INTERFEROGRAM.capitalize(), "Phase")
            subtitle = f"{subtitle}, mean of 7 × 7"
        picture = picture_of(plane, title, subtitle=subtitle, brightness=brightness, frame=frame)
        self.pictures.append(picture)
        self._images.setdefault(plane.kind, (picture, plane))
        if plane.kind != "classes":
            self._known[f"{dataset}/{key}"] = plane.known
        if dataset == LABEL:
            self._labels[key] = plane
            self._panels[key] = picture

    def add_derived(self) -> None:
        """Add land cover over the intensity, and the mask of missing data."""
        if "decibel" in self._images and "classes" in self._images:
            (below, plane), (above, _) = self._images["decibel"], self._images["classes"]
            if plane.values.shape == self._images["classes"][1].values.shape:
                image = overlay(below.image, above.image, opacity=_OVERLAY)  # type: ignore[arg-type]
                title = f"{above.title} over intensity"
                self.pictures.append(above._replace(title=title, image=image, subtitle=below.subtitle))
        masks = list(self._known.values())
        if len({mask.shape for mask in masks}) == 1 and not np.all(masks):
            lacking = ~np.all(masks, axis=0)
            names, share = ("no data in some panel", "data in every panel"), f"{lacking.mean():.1%} of pixels"
            self.pictures.append(
                mask_picture(lacking, title="Missing data", names=names, subtitle=share, ground=self._frame)
            )

    def add_label(self, found: NDArray[Any], target: str = "") -> None:
        """Add the label that a prediction is compared with, once."""
        label = self.label_of(found, target)
        panel = next((self._panels[key] for key, plane in self._labels.items() if plane is label), None)
        if panel is not None and not any(panel is picture for picture in self.pictures):
            self.pictures.append(panel)

    def add_prediction(
        self, title: str, found: NDArray[Any], *, legend: Legend, score: str = "", target: str = ""
    ) -> None:
        """Add a prediction, and the map of its errors if the tile has the label."""
        label = self.label_of(found, target)
        limits = limits_of([label]) if label is not None and label.kind == "value" else None
        options: dict[str, Any] = {"title": title, "legend": legend, "score": score, "limits": limits}
        self.pictures += prediction_pictures(found, label, ground=self._frame, **options)

    def label_of(self, found: NDArray[Any], target: str = "") -> Plane | None:
        """The label that a prediction is compared with; None if the tile has none of its kind and shape."""
        if target in self._labels:
            return self._labels[target]
        is_class = found.dtype.kind in "iu"
        right = (
            plane
            for plane in self._labels.values()
            if plane.values.shape == found.shape and (plane.kind == "classes") == is_class
        )
        return None if target else next(right, None)

    def facts(self) -> list[str]:
        """Polarisation, orbit, track and window of the chips drawn."""
        return [" and ".join(values) for values in self._facts.values()]

    def _read(self, dataset: str, key: str) -> tuple[Plane, Frame, bool]:
        chip = self.archive.read(self.identifier, dataset, key)
        frame = map_frame(chip.geobox)
        self._frame = self._frame or frame
        for name, text in radar_facts(chip.metadata).items():
            self._facts.setdefault(name, {})[text] = None
        return plane_of(dataset, key, chip), frame, chip.array.dtype.kind == "c"

    def _coherence(self, key: str, plane: Plane) -> NDArray[Any] | None:
        """Coherence of the same pair, if the archive has it on the same pixels."""
        if not self.archive.has(self.identifier, COHERENCE, key):
            return None
        array = self.archive.read(self.identifier, COHERENCE, key).values()
        return array if array.shape == plane.values.shape else None


def _contents(plane: Plane) -> str:
    """Number of classes of a label, or its lowest and highest value."""
    values = plane.values[plane.known]
    if plane.kind == "classes":
        count = len(np.unique(values))
        return f"{count} class{'es' * (count != 1)}"
    if plane.kind == "value" and values.size:
        return f"{values.min():.3g} to {values.max():.3g}".replace("-", "−")
    return ""


def _chosen(dataset: str, keys: list[str], pairs: Mapping[str, Pair]) -> list[str]:
    """Keys that represent a product: all labels; the shortest pair, and for coherence the longest; else the first."""
    if dataset == LABEL:
        return keys
    paired = [key for key in keys if key in pairs]
    ordered = sorted(paired, key=lambda key: (abs(pairs[key].days), pairs[key])) or keys
    return [ordered[0], ordered[-1]] if dataset == COHERENCE and len(ordered) > 1 else ordered[:1]
