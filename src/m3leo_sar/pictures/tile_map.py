"""A map of tiles in longitude and latitude, coloured by their splits."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.antimeridian import in_one_piece, side_by_side
from m3leo_sar.grid.footprint import outline_in_degrees
from m3leo_sar.grid.tiles import TileGrid
from m3leo_sar.pictures.figure import draw_legend, new_figure, plain, save_figure
from m3leo_sar.pictures.readable_archive import ReadableArchive

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colour-blind safe colours (Okabe and Ito, 2008).
SPLIT_COLOURS = {"train": "#0072b2", "val": "#f0e442", "test": "#d55e00", "buffer": "#999999"}
_OTHER_COLOURS = ("#cc79a7", "#009e73", "#56b4e9", "#e69f00")
#: Opacity of a tile, so that ground shared by two tiles is darker.
_OPACITY = 0.65
_NO_SPLIT = "no split"
#: Width of a map without margins in inches, and of the smallest visible tile in points.
_INCHES, _MARK = 7.4, 2.5
#: Maximum number of tiles for maps with identifiers, which would otherwise be unreadable.
_NAMED = 16

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


def plot_map(
    outlines: Outlines, path: str | os.PathLike[str], *, splits: Mapping[str, str] | None = None, title: str = ""
) -> None:
    """Write the picture of :func:`map_figure`.

    Raises
    ------
    ValueError
        If there is no tile, or the suffix is not a known format.
    OSError
        If the picture cannot be written.
    """
    save_figure(map_figure(outlines, splits=splits, title=title), path)


def map_figure(outlines: Outlines, *, splits: Mapping[str, str] | None = None, title: str = "") -> Figure:
    """Draw the outlines of tiles with meridians and parallels.

    Parameters
    ----------
    outlines : mapping of str to (points, 2) float
        Longitude and latitude by identifier, degrees.
    splits : mapping of str to str, optional
        Split by identifier: it determines the colour of a tile, and the legend counts the tiles. Tiles without a split
        are shown separately.
    title : str
        Title, followed by the number of tiles.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no tile.
    """
    if not outlines:
        raise ValueError("outlines must hold at least one tile, got none")
    rings = _on_one_side(outlines)
    corners = np.concatenate(list(rings.values()))
    low, high = corners.min(axis=0), corners.max(axis=0)
    stretch = 1 / max(np.cos(np.radians((low[1] + high[1]) / 2)), 0.05)
    figure = new_figure(9, float(np.clip(1.6 + _INCHES * stretch * (high[1] - low[1]) / (high[0] - low[0]), 3.6, 9.5)))
    figure.set_layout_engine("constrained")
    axis = figure.subplots()
    names = (
        {identifier: (splits or {}).get(identifier, _NO_SPLIT) for identifier in rings} if splits is not None else {}
    )
    colours = _colours(names.values())
    points = 72 * _INCHES * np.median([np.ptp(ring[:, 0]) for ring in rings.values()]) / (high[0] - low[0])
    as_marks = bool(points < _MARK)
    for name in colours or [""]:
        group = [ring for identifier, ring in rings.items() if not names or names[identifier] == name]
        face = colours.get(name, "#0072b2")
        line = float(np.clip(150 / len(rings), 0.1, 0.6))
        _draw_tiles(axis, group, face, line=line, as_marks=as_marks)
    _frame(axis, low, high, stretch)
    if len(rings) <= _NAMED:
        for identifier, ring in rings.items():
            x, y = (ring.min(axis=0) + ring.max(axis=0)) / 2
            label = plain(identifier, length=18)
            axis.text(x, y, label, ha="center", va="center", fontsize=6.5, parse_math=False, clip_on=True)
    count = f"{len(rings)} tile{'s' * (len(rings) != 1)}{', marks larger than they are' * as_marks}"
    axis.set_title(plain(f"{title}: {count}" if title else count, length=90), fontsize=11, parse_math=False)
    if colours:
        counts = Counter(names.values())
        entries = [(f"{name} ({counts[name]})", colour) for name, colour in colours.items()]
        draw_legend(figure, entries, columns=5, loc="outside lower center", opacity=_OPACITY)
    return figure


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


def _frame(axis: Axes, low: NDArray[np.float64], high: NDArray[np.float64], stretch: float) -> None:
    margin = 0.04 * np.maximum(high - low, 1e-6)
    axis.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axis.set_ylim(low[1] - margin[1], high[1] + margin[1])
    axis.set_aspect(stretch)
    axis.locator_params(nbins=7)
    axis.xaxis.set_major_formatter(lambda value, _: _degrees((value + 180) % 360 - 180, "EW"))
    axis.yaxis.set_major_formatter(lambda value, _: _degrees(value, "NS"))
    axis.grid(color="#808080", linewidth=0.4, linestyle=":")
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=8)
    axis.set_xlabel("longitude", fontsize=9)
    axis.set_ylabel("latitude", fontsize=9)


def _degrees(value: float, letters: str) -> str:
    rounded = round(float(value), 4)
    return f"{abs(rounded):g}°{letters[rounded < 0] if rounded else ''}"
