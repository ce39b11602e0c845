"""Panels side by side: images of the ground with titles, keys, a scale bar and an arrow to the north."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from m3leo_sar.pictures.colour_key import Key, draw_key, draw_no_data, joined_key, key_height
from m3leo_sar.pictures.figure import finished, hatch_empty
from m3leo_sar.pictures.ground_frame import Frame
from m3leo_sar.pictures.ground_marks import draw_coordinates, draw_look, draw_north, draw_scale_bar
from m3leo_sar.pictures.picture_format import DPI, require_output
from m3leo_sar.pictures.rgba import Rgba
from m3leo_sar.pictures.style import (
    MARGIN,
    SOFT,
    SUBTITLE,
    TITLE,
    axes_at,
    draw_heading,
    fitted,
    heading_height,
    new_figure,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Side of a panel, space between panels and left of the first for its latitudes, in inches.
PANEL, _BETWEEN, _LATITUDES = 2.6, 0.14, 0.2
#: Heights in inches: a title, the line below it, longitudes, the space between rows, and the foot.
_TITLE, _SUBTITLE, _LONGITUDES, _ROW, _FOOT = 0.2, 0.15, 0.16, 0.12, 0.3
#: Narrowest figure in inches, so that headings and keys have room.
_NARROWEST = 4.4
#: Height over width of the tallest and the flattest panel.
_TALLEST, _FLATTEST = 1.8, 0.3


class Picture(NamedTuple):
    """An image with its title and key."""

    title: str
    #: Image, or the reason why there is none, such as ``"missing"``.
    image: Rgba | str
    #: None without an image, or where one key of the figure serves all.
    key: Key | None
    #: Below the title: dates, score, share.
    subtitle: str = ""
    #: The ground below the image, if it is known.
    frame: Frame | None = None
    #: Whether neighbouring colours may be mixed where an image has more pixels than the paper; not those of classes.
    is_smooth: bool = True


class _Group(NamedTuple):
    """A key of some neighbouring panels of a row."""

    key: Key
    first: int
    panels: int


_Row = list[Picture | None]


@dataclass(frozen=True)
class _Layout:
    """Places of a figure in inches."""

    rows: list[_Row]
    side: float
    heights: list[float]
    top: float
    width: float
    height: float
    left: float
    titles: float

    def place(self, row: int, column: int) -> tuple[float, float]:
        """Left and upper edge of a panel's image."""
        return self.left + column * (self.side + _BETWEEN), self.top + sum(self.heights[:row]) + self.titles


@styled
def plot_panels(
    pictures: Sequence[Picture | None],
    *,
    across: int | None = None,
    heading: str = "",
    facts: Sequence[str] = (),
    notes: Sequence[str] = (),
    key: Key | None = None,
    side: float = PANEL,
    path: str | os.PathLike[str] | None = None,
    dpi: float = DPI,
    form: str | None = None,
) -> Figure:
    """Draw images side by side, each with a title, and with the ground they show.

    Neighbours with the same key share it. The first panel of each row has longitudes and latitudes; the first panel has
    a scale bar and an arrow to the north, and so has every panel where the ground differs in size. In radar geometry a
    second arrow shows the direction in which the radar looks. Pixels without data are hatched.

    Parameters
    ----------
    pictures : sequence of Picture or None
        From left to right and from top to bottom, as :mod:`m3leo_sar.pictures.array_pictures` makes them; None leaves
        a place empty.
    across : int, optional
        Panels per row; chosen by their number if not given.
    heading : str
        Title of the figure.
    facts : sequence of str
        Short facts below the heading, such as window, orbit and track.
    notes : sequence of str
        At the foot, beside the explanation of no data.
    key : Key, optional
        One key for all panels, instead of their own.
    side : float
        Width of a panel in inches.
    path : path, optional
        Picture to write.
    dpi : float
        Pixels per inch.
    form : str, optional
        ``"svg"``, ``"pdf"`` or ``"png"``; by default, the suffix of ``path`` selects it.

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window; a notebook shows it.

    Raises
    ------
    ValueError
        If there is no picture, ``across`` is below 1, or the picture cannot be written in this format.
    """
    require_output(path, form, dpi)
    drawn = [picture for picture in pictures if picture is not None]
    if not drawn:
        raise ValueError("pictures must hold at least one, got none")
    if across is not None and across < 1:
        raise ValueError(f"across must be at least 1, got {across}")
    columns = across or columns_of(len(pictures))
    rows = [list(pictures[first : first + columns]) for first in range(0, len(pictures), columns)]
    all_facts = [*facts, *_ground_facts(drawn)]
    layout = _layout(rows, columns, side, heading, all_facts, key)
    figure = new_figure(layout.width, layout.height)
    draw_heading(figure, heading, all_facts)
    axes = [_draw_row(figure, layout, number, is_keyed=key is None) for number in range(len(rows))]
    _draw_ground(rows, axes)
    if key is not None:
        space = layout.width - 2 * MARGIN
        draw_key(figure, key, MARGIN, layout.height - _FOOT - key_height(key, space), space)
    draw_no_data(figure, MARGIN, 0.1, notes)
    return finished(figure, path, dpi=dpi, form=form)


def panel_titles(figure: Figure) -> list[str]:
    """Titles of the panels of a figure, in the order of drawing."""
    return [str(axis.get_label()) for axis in figure.axes if axis.get_gid() == "panel"]


def columns_of(count: int) -> int:
    """Panels per row for a number of panels.

    Examples
    --------
    >>> [columns_of(count) for count in (1, 3, 5, 6, 7, 9, 30)]
    [1, 3, 3, 3, 4, 3, 6]
    """
    if count <= 4:
        return max(count, 1)
    return 3 if count in (5, 6, 9) else 4 if count <= 16 else 6


def _ground_facts(pictures: Sequence[Picture]) -> list[str]:
    """Place and grid of the ground, where they are those of all panels."""
    frames = [picture.frame for picture in pictures if picture.frame is not None]
    named = [dict.fromkeys(frame.place for frame in frames), dict.fromkeys(frame.grid for frame in frames)]
    return [next(iter(names)) for names in named if len(names) == 1]


def _layout(
    rows: list[_Row], columns: int, side: float, heading: str, facts: Sequence[str], key: Key | None
) -> _Layout:
    drawn = [picture for row in rows for picture in row if picture is not None]
    is_framed = any(picture.frame for picture in drawn)
    left = MARGIN + _LATITUDES * is_framed
    width = max(left + columns * side + (columns - 1) * _BETWEEN + MARGIN, _NARROWEST)
    has_lines = any(picture.subtitle for picture in drawn)
    titles = _TITLE + _SUBTITLE * has_lines
    heights = []
    for row in rows:
        keys = [key_height(group.key, _span(side, group.panels)) for group in _groups(row)] if key is None else []
        heights.append(titles + side * _shape(row) + _LONGITUDES * is_framed + max(keys, default=0.0) + _ROW)
    top = heading_height(heading, facts, width) + 0.06
    below = key_height(key, width - 2 * MARGIN) if key is not None else 0.0
    # A figure that is wider than its panels for the heading's sake has them in the middle.
    left += (width - MARGIN - left - columns * side - (columns - 1) * _BETWEEN) / 2
    return _Layout(rows, side, heights, top, width, top + sum(heights) + below + _FOOT, left, titles)


def _shape(row: _Row) -> float:
    """Height over width of the tallest image of a row."""
    shapes = []
    for picture in row:
        if picture is not None and not isinstance(picture.image, str):
            rows, cols = picture.frame.shape if picture.frame else picture.image.shape[:2]
            shapes.append(rows * (picture.frame.aspect if picture.frame else 1.0) / cols)
    return float(min(max(max(shapes, default=1.0), _FLATTEST), _TALLEST))


def _span(side: float, count: int) -> float:
    return count * side + (count - 1) * _BETWEEN


def _groups(row: _Row) -> list[_Group]:
    """Keys of a row, each for as many neighbouring panels as can share it."""
    found: list[_Group] = []
    members: list[Key] = []
    for column, picture in enumerate(row):
        if picture is None or picture.key is None:
            members = []
            continue
        members.append(picture.key)
        joined = joined_key(members)
        if joined is None or len(members) == 1:
            members = [picture.key]
            found.append(_Group(picture.key, column, 1))
        else:
            found[-1] = _Group(joined, found[-1].first, len(members))
    return found


def _draw_row(figure: Figure, layout: _Layout, number: int, *, is_keyed: bool) -> dict[int, Axes]:
    """Draw the panels of a row and their keys; axes by column."""
    row = layout.rows[number]
    high = layout.side * _shape(row)
    axes = {}
    for column, picture in enumerate(row):
        if picture is not None:
            axes[column] = _draw_panel(figure, picture, *layout.place(number, column), layout.side, high)
    below = high + _LONGITUDES * any(picture.frame for picture in row if picture is not None)
    for group in _groups(row) if is_keyed else ():
        left, top = layout.place(number, group.first)
        draw_key(figure, group.key, left, top + below, _span(layout.side, group.panels))
    return axes


def _draw_panel(figure: Figure, picture: Picture, left: float, top: float, side: float, high: float) -> Axes:
    axis = axes_at(figure, left, top, side, high)
    axis.set_gid("panel")
    axis.set_label(picture.title)
    width, height = figure.get_size_inches()
    over = 0.05 + _SUBTITLE * bool(picture.subtitle)
    for text, size, above, weight, colour in (
        (picture.title, TITLE if side > 2 else SUBTITLE, over, "bold", None),
        (picture.subtitle, SUBTITLE if side > 2 else SUBTITLE - 1, 0.05, "normal", SOFT),
    ):
        if text:
            shown = fitted(text, side, size, is_bold=weight == "bold")
            style: dict[str, Any] = {"fontsize": size, "fontweight": weight} | ({"color": colour} if colour else {})
            figure.text(left / width, 1 - (top - above) / height, shown, va="baseline", **style)
    axis.set(xticks=[], yticks=[])
    if isinstance(picture.image, str):
        hatch_empty(axis, text=picture.image)
        return axis
    hatch_empty(axis)
    # A chip that was reduced still has the pixels of its ground.
    rows, cols = picture.frame.shape if picture.frame else picture.image.shape[:2]
    axis.imshow(
        picture.image, extent=(0, cols, rows, 0), zorder=1,
        interpolation="antialiased" if picture.is_smooth else "nearest",
    )  # fmt: skip
    axis.set_aspect(picture.frame.aspect if picture.frame else 1.0, anchor="NW")
    return axis


def _draw_ground(rows: Sequence[_Row], axes: Sequence[dict[int, Axes]]) -> None:
    """Coordinates of the first panel of each row, and the scale and the north where they are not yet known."""
    drawn: Frame | None = None
    for row, row_axes in zip(rows, axes, strict=True):
        for column, axis in row_axes.items():
            picture = row[column]
            frame = picture.frame if picture is not None else None
            if picture is None or frame is None or isinstance(picture.image, str):
                continue
            draw_coordinates(axis, frame, has_labels=column == 0)
            if drawn is None or abs(frame.width / drawn.width - 1) > 0.02:
                draw_scale_bar(axis, frame)
                draw_north(axis, frame)
                draw_look(axis, frame)
                drawn = frame
