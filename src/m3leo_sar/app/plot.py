"""A picture of one tile: amplitude, coherence, phase, label, prediction."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.app.prepare import COHERENCE, INTENSITY, INTERFEROGRAM, LABEL
from m3leo_sar.io.archive import ChipArchive
from m3leo_sar.io.atomic import atomic_path
from m3leo_sar.stack.pairs import Pair

#: Colours of ESA WorldCover's own legend.
WORLDCOVER_COLOURS = {
    10: ("tree cover", "#006400"),
    20: ("shrubland", "#ffbb22"),
    30: ("grassland", "#ffff4c"),
    40: ("cropland", "#f096ff"),
    50: ("built-up", "#fa0000"),
    60: ("bare", "#b4b4b4"),
    70: ("snow and ice", "#f0f0f0"),
    80: ("water", "#0064c8"),
    90: ("wetland", "#0096a0"),
    95: ("mangroves", "#00cf75"),
    100: ("moss and lichen", "#fae6a0"),
}


def plot_tile(
    archive: ChipArchive,
    identifier: str,
    path: str | os.PathLike[str],
    *,
    predictions: Mapping[str, NDArray[Any]] | None = None,
) -> list[str]:
    """Draw what an archive holds of a tile, and predictions if there are any; returns the panels' titles.

    Shown are the first date's intensity, the coherence of the shortest and the longest pair, the phase of the shortest
    pair, the label ``landcover``, and each prediction.

    Raises
    ------
    ValueError
        If the tile has no chip that can be drawn.
    """
    # Imported here: drawing is the only use, and it takes a second to load.
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = [*_measured(archive, identifier), *_mapped(archive, identifier, predictions or {})]
    if not panels:
        raise ValueError(
            f"tile {identifier} of {archive.root} has no chip to draw; has: {archive.datasets(identifier)}"
        )
    across = min(4, len(panels)) if len(panels) != 6 else 3
    down = -(-len(panels) // across)
    figure, axes = pyplot.subplots(
        down, across, figsize=(4.2 * across, 4.3 * down), squeeze=False, layout="constrained"
    )
    try:
        for axis, (title, image, style) in zip(axes.flat, panels, strict=False):
            _draw(figure, axis, title, image, dict(style))
        for axis in axes.flat[len(panels) :]:
            axis.axis("off")
        figure.suptitle(f"Tile {identifier}", fontsize=13)
        with atomic_path(path) as partial:
            figure.savefig(partial, dpi=110, format=Path(path).suffix.lstrip(".") or "png")
    finally:
        pyplot.close(figure)
    return [title for title, _, _ in panels]


def _draw(figure: Any, axis: Any, title: str, image: NDArray[Any], style: dict[str, Any]) -> None:
    unit, is_map = style.pop("unit", None), style.pop("map", False)
    if is_map:
        colours, present = _class_image(image)
        axis.imshow(colours, interpolation="nearest")
        axis.legend(handles=present, fontsize=7, loc="lower left", framealpha=0.85)
    else:
        shown = axis.imshow(image, interpolation="nearest", **style)
        figure.colorbar(shown, ax=axis, shrink=0.8, label=unit)
    axis.set_title(title, fontsize=10)
    axis.set_xticks([])
    axis.set_yticks([])


def _measured(archive: ChipArchive, identifier: str) -> list[tuple[str, NDArray[Any], dict[str, Any]]]:
    panels: list[tuple[str, NDArray[Any], dict[str, Any]]] = []
    dates = archive.keys(identifier, INTENSITY)
    if dates:
        power = archive.read(identifier, INTENSITY, dates[0]).array
        decibel = 10 * np.log10(np.where(power > 0, power, np.nan))
        low, high = np.nanpercentile(decibel, [2, 98])
        style = {"cmap": "gray", "vmin": low, "vmax": high, "unit": "dB"}
        panels.append((f"Intensity {_day(dates[0])}", decibel, style))
    for pair in _extremes(archive.keys(identifier, COHERENCE)):
        chip = archive.read(identifier, COHERENCE, str(pair)).array
        panels.append((_title("Coherence", pair), chip, {"cmap": "viridis", "vmin": 0, "vmax": 1, "unit": "coherence"}))
    for pair in _extremes(archive.keys(identifier, INTERFEROGRAM))[:1]:
        phase = np.angle(_smoothed(archive.read(identifier, INTERFEROGRAM, str(pair)).array))
        style = {"cmap": "twilight", "vmin": -np.pi, "vmax": np.pi, "unit": "rad"}
        panels.append((_title("Phase", pair), phase, style))
    return panels


def _mapped(
    archive: ChipArchive, identifier: str, predictions: Mapping[str, NDArray[Any]]
) -> list[tuple[str, NDArray[Any], dict[str, Any]]]:
    panels: list[tuple[str, NDArray[Any], dict[str, Any]]] = []
    if archive.has(identifier, LABEL, "landcover"):
        panels.append(("Land cover", archive.read(identifier, LABEL, "landcover").array, {"map": True}))
    return panels + [(title, image, {"map": True}) for title, image in predictions.items()]


def _extremes(keys: list[str]) -> list[Pair]:
    pairs = sorted((Pair.parse(key) for key in keys), key=lambda pair: (abs(pair.days), pair))
    return [pairs[0], pairs[-1]] if len(pairs) > 1 else pairs


def _smoothed(interferogram: NDArray[np.complexfloating]) -> NDArray[np.complexfloating]:
    """Single looks are noise to the eye: average the complex values over 7 by 7 pixels for the picture."""
    padded = np.pad(np.nan_to_num(interferogram), 3)
    for axis in (0, 1):
        padded = np.lib.stride_tricks.sliding_window_view(padded, 7, axis=axis).mean(axis=-1)
    return np.where(np.isfinite(interferogram), padded, np.nan)


def _class_image(codes: NDArray[np.integer]) -> tuple[NDArray[np.float64], list[Any]]:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    image, present = np.ones((*codes.shape, 3)), []
    for code, (name, colour) in WORLDCOVER_COLOURS.items():
        here = codes == code
        if here.any():
            image[here] = to_rgb(colour)
            present.append(Patch(color=colour, label=name))
    return image, present


def _title(what: str, pair: Pair) -> str:
    return f"{what} {pair.reference} / {pair.secondary} ({pair.days} days)"


def _day(key: str) -> str:
    return f"{key[:4]}-{key[4:6]}-{key[6:]}"
