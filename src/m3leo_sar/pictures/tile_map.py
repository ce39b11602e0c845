"""A map of tiles in longitude and latitude, coloured by their splits."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.antimeridian import in_one_piece, side_by_side
from m3leo_sar.grid.footprint import outline_in_degrees
from m3leo_sar.grid.projection import ellipsoid
from m3leo_sar.grid.tiles import TileGrid
from m3leo_sar.pictures.colour_key import Classes, draw_key, key_height
from m3leo_sar.pictures.figure import finished
from m3leo_sar.pictures.ground_frame import EdgeTicks, Frame, degrees_text
from m3leo_sar.pictures.ground_marks import draw_north, draw_scale_bar
from m3leo_sar.pictures.picture_format import DPI, require_output
from m3leo_sar.pictures.readable_archive import ReadableArchive
from m3leo_sar.pictures.style import (
    MARGIN,
    axes_at,
    draw_heading,
    heading_height,
    new_figure,
    plain,
    styled,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colour-blind safe colours (Okabe and Ito, 2008).
SPLIT_COLOURS = {"train": "#0072b2", "val": "#f0e442", "test": "#d55e00", "buffer": "#999999"}
_OTHER_COLOURS = ("#cc79a7", "#009e73", "#56b4e9", "#e69f00")
#: Opacity of a tile, so that ground shared by two tiles is darker.
_OPACITY = 0.65
_NO_SPLIT = "no split"
#: Width of a map in inches, its least and largest height over width, and the smallest visible tile in points.
_INCHES, _FLATTEST, _TALLEST, _MARK = 7.2, 0.35, 1.05, 2.5
#: Space for latitudes on the left and for longitudes below, in inches.
_LEFT, _BELOW = 0.5, 0.3
#: Font size of identifiers in points, and most tiles whose identifiers are written.
_NAME, _NAMED = 6.5, 16
#: Steps of meridians and parallels in degrees, and most of each.
_STEPS, _TICKS = tuple(factor * 10.0**power for power in range(-4, 2) for factor in (1, 2, 5)), 6
#: Widest map with a scale bar in degrees; on a wider one a bar holds for a single latitude.
_SCALED = 40.0

Outlines = Mapping[str, NDArray[np.float64]]


def archive_outlines(archive: ReadableArchive, *, identifiers: Sequence[str] | None = None) -> Outlines:
    """Outlines of an archive's tiles, each read from its first readable chip.

    Parameters
    ----------
    archive : ReadableArchive
        Source of the chips.
    identifiers : sequence of str, optional
        Tiles to include; all if not given.

    Returns
    -------
    mapping of str to (points, 2) float64
        Longitude and latitude in degrees; tiles without a readable chip are omitted.
    """
    found = {}
    for identifier in archive.identifiers if identifiers is None else identifiers:
        outline = _outline(archive, identifier)
        if outline is not None:
            found[identifier] = outline
    return found


def _outline(archive: ReadableArchive, identifier: str) -> NDArray[np.float64] | None:
    for dataset in archive.datasets(identifier):
        for key in archive.keys(identifier, dataset):
            try:
                geobox = archive.read(identifier, dataset, key).geobox
            except (OSError, ValueError):
                continue
            return np.stack(outline_in_degrees(geobox, points=5), axis=1)
    return None


def grid_outlines(grid: TileGrid) -> Outlines:
    """Outlines of a grid's tiles, limited to the ground that each owns."""
    shapes = zip(grid.identifiers, grid.footprints, strict=True)
    return {identifier: np.asarray(in_one_piece(shape).exterior.coords)[:, :2] for identifier, shape in shapes}


@styled
def plot_map(
    outlines: Outlines,
    *,
    splits: Mapping[str, str] | None = None,
    heading: str = "Tiles",
    path: str | os.PathLike[str] | None = None,
    dpi: float = DPI,
    form: str | None = None,
) -> Figure:
    """Draw the outlines of tiles with meridians and parallels.

    Parameters
    ----------
    outlines : mapping of str to (points, 2) float
        Longitude and latitude by identifier, degrees.
    splits : mapping of str to str, optional
        Split by identifier: it determines the colour of a tile, and the legend counts the tiles. Tiles without a split
        are shown separately.
    heading : str
        Title of the figure.
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
        If there is no tile, or the suffix is not a known format.
    OSError
        If the picture cannot be written.
    """
    require_output(path, form, dpi)
    if not outlines:
        raise ValueError("outlines must hold at least one tile, got none")
    rings = _on_one_side(outlines)
    low, high, stretch = _limits(rings)
    shape = stretch * (high[1] - low[1]) / (high[0] - low[0])
    tile = 72 * _INCHES * np.median([np.ptp(ring[:, 0]) for ring in rings.values()]) / (high[0] - low[0])
    as_marks = bool(tile < _MARK)
    groups = _groups(rings, splits)
    key = Classes([(f"{name} ({len(group)})", _on_paper(colour)) for name, colour, group in groups if name])
    facts = [f"{len(rings)} tile{'s' * (len(rings) != 1)}", *["marks larger than the tiles"] * as_marks,
             "longitude and latitude"]  # fmt: skip
    width = MARGIN + _LEFT + _INCHES + MARGIN
    top = heading_height(heading, facts, width) + 0.08
    space = key_height(key, _INCHES) if key.entries else 0.0
    figure = new_figure(width, top + shape * _INCHES + _BELOW + space + 0.1)
    draw_heading(figure, heading, facts)
    axis = axes_at(figure, MARGIN + _LEFT, top, _INCHES, shape * _INCHES)
    axis.set_gid("map")
    line = float(np.clip(150 / len(rings), 0.1, 0.6))
    for _, colour, group in groups:
        _draw_tiles(axis, [rings[name] for name in group], colour, line=line, as_marks=as_marks)
    _frame(axis, low, high)
    frame = _ground(low, high, stretch)
    if high[0] - low[0] <= _SCALED:
        draw_scale_bar(axis, frame)
    draw_north(axis, frame)
    _write_names(axis, rings, (low, high), shape)
    if key.entries:
        draw_key(figure, key, MARGIN + _LEFT, top + shape * _INCHES + _BELOW, _INCHES)
    return finished(figure, path, dpi=dpi, form=form)


def _limits(rings: Outlines) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Corners of a map that is neither tall nor flat, and the degrees of longitude as long as one of latitude."""
    corners = np.concatenate(list(rings.values()))
    low, high = corners.min(axis=0), corners.max(axis=0)
    stretch = float(1 / max(np.cos(np.radians((low[1] + high[1]) / 2)), 0.05))
    size = 1.08 * np.maximum(high - low, 1e-6)
    shape = stretch * size[1] / size[0]
    size[0] *= max(shape / _TALLEST, 1.0)
    size[1] *= max(_FLATTEST / shape, 1.0)
    middle = (low + high) / 2
    return middle - size / 2, middle + size / 2, stretch


def _groups(rings: Outlines, splits: Mapping[str, str] | None) -> list[tuple[str, str, list[str]]]:
    """Name and colour of each split, and its tiles; one group without a name if there are no splits."""
    if splits is None:
        return [("", SPLIT_COLOURS["train"], list(rings))]
    names = {identifier: splits.get(identifier, _NO_SPLIT) for identifier in rings}
    return [
        (name, colour, [tile for tile in rings if names[tile] == name])
        for name, colour in _colours(names.values()).items()
    ]


def _on_paper(colour: str) -> str:
    """A colour at the opacity of a tile on white."""
    parts = bytes.fromhex(colour.removeprefix("#"))
    return "#" + "".join(f"{round(255 - _OPACITY * (255 - part)):02x}" for part in parts)


def _ground(low: NDArray[np.float64], high: NDArray[np.float64], stretch: float) -> Frame:
    """Scale and north of the map in its middle."""
    none, middle = EdgeTicks((), ()), float(low[1] + high[1]) / 2
    degree = float(ellipsoid().inv(0.0, middle, 1.0, middle)[2])
    metres = degree * stretch * float(high[1] - low[1]), degree * float(high[0] - low[0])
    return Frame((1, 1), metres, (0.0, 1.0), "", "", none, none)


def _write_names(
    axis: Axes, rings: Outlines, limits: tuple[NDArray[np.float64], NDArray[np.float64]], shape: float
) -> None:
    """Write the identifiers on their tiles, if all have room."""
    if len(rings) > _NAMED:
        return
    low, high = limits
    scale = np.array([_INCHES, shape * _INCHES]) / (high - low)
    labels = {identifier: plain(identifier, length=18) for identifier in rings}
    middles = {identifier: (ring.min(axis=0) + ring.max(axis=0)) / 2 for identifier, ring in rings.items()}
    halves = {identifier: np.array([text_width(label, _NAME) / 2, 0.06]) for identifier, label in labels.items()}
    # The scale bar and the arrow to the north have their corners.
    corners = [
        np.array([0, 0, 2.6, 0.36]),
        np.array([_INCHES - 0.52, shape * _INCHES - 0.52, _INCHES, shape * _INCHES]),
    ]
    boxes = [np.concatenate([centre - half, centre + half]) for centre, half in
             (((middles[name] - low) * scale, halves[name]) for name in rings)]  # fmt: skip
    for number, box in enumerate(boxes):
        if any((box[:2] < other[2:]).all() and (other[:2] < box[2:]).all() for other in [*corners, *boxes[:number]]):
            return
    for identifier, (x, y) in middles.items():
        axis.text(x, y, labels[identifier], ha="center", va="center", fontsize=_NAME)


def _draw_tiles(axis: Axes, rings: Sequence[NDArray[np.float64]], colour: str, *, line: float, as_marks: bool) -> None:
    """Draw outlines in one colour, or a mark in the centre of each."""
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgba

    style: dict[str, Any] = {"facecolors": [to_rgba(colour, _OPACITY)], "edgecolors": "#202020"}
    if as_marks:
        middles = np.array([(ring.min(axis=0) + ring.max(axis=0)) / 2 for ring in rings])
        axis.scatter(middles[:, 0], middles[:, 1], s=4 * _MARK**2, marker="s", linewidths=0.4, **style)
    else:
        axis.add_collection(PolyCollection(rings, linewidths=line, **style))


def _on_one_side(outlines: Outlines) -> dict[str, NDArray[np.float64]]:
    """Outlines shifted by full turns, so that neighbours across the 180th meridian are adjacent."""
    rings = {identifier: np.array(outline, np.float64) for identifier, outline in outlines.items()}
    boxes = np.array([(*ring.min(axis=0), *ring.max(axis=0)) for ring in rings.values()])
    for ring, turn in zip(rings.values(), boxes[:, 0] - side_by_side(boxes)[:, 0], strict=True):
        ring[:, 0] -= turn
    return rings


def _colours(names: object) -> dict[str, str]:
    """Colour of each split present: known ones first, then others by name, then tiles without one."""
    present = set(names)  # type: ignore[call-overload]
    known = [name for name in SPLIT_COLOURS if name in present]
    others = sorted(present - {*SPLIT_COLOURS, _NO_SPLIT})
    found = {name: SPLIT_COLOURS[name] for name in known}
    found |= {name: _OTHER_COLOURS[place % len(_OTHER_COLOURS)] for place, name in enumerate(others)}
    return found | ({_NO_SPLIT: "#ffffff"} if _NO_SPLIT in present else {})


def _frame(axis: Axes, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
    axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axis.grid(color="#808080", linewidth=0.4, linestyle=":")
    axis.set_axisbelow(True)
    for place, limits, letters in (
        (axis.set_xticks, (low[0], high[0]), "EW"),
        (axis.set_yticks, (low[1], high[1]), "NS"),
    ):
        step = next((step for step in _STEPS if (limits[1] - limits[0]) / step <= _TICKS), _STEPS[-1])
        values = step * np.arange(np.ceil(limits[0] / step), np.floor(limits[1] / step) + 1)
        # Not at the very ends, where labels of both axes would meet.
        values = values[(values > limits[0] + 0.2 * step) & (values < limits[1] - 0.2 * step)]
        decimals = max(0, int(np.ceil(-np.log10(step) - 1e-9)))
        turned = (values + 180) % 360 - 180 if letters == "EW" else values
        place(values, [degrees_text(value, decimals, letters) for value in turned])
