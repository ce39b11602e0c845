"""Drawing basics: figures without a window, panels with keys, scale bars."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.projection import ellipsoid
from m3leo_sar.io.files.atomic import atomic_path
from m3leo_sar.pictures.chip_picture import Bar, Classes, Key, Picture, Wheel
from m3leo_sar.pictures.colours import phase_image
from m3leo_sar.pictures.picture_format import require_picture_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Sides of a panel, height of its key and of the titles, in inches.
PANEL, KEY_HEIGHT, TITLE_HEIGHT = 3.6, 1.25, 0.38
#: Height of the figure's own title and margin around everything, in inches.
HEADING, MARGIN = 0.5, 0.15

#: Colours and lines of what has no data.
_HATCHED: dict[str, Any] = {"facecolor": "#f2f2f2", "edgecolor": "#bdbdbd"}
_NOTHING: dict[str, Any] = {"hatch": "///"}
#: End of Latin, Greek and Cyrillic; the default font of the drawing library lacks most other scripts.
_SCRIPTS = 0x530


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure with its size in inches; it belongs to no window and need not be closed."""
    # Imported here: only drawing needs it, and it takes a second to load.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor="white")


def save_figure(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 110) -> None:
    """Write a figure atomically; the suffix selects the format.

    Raises
    ------
    ValueError
        If the suffix names no format.
    OSError
        If the file cannot be written.
    """
    form = require_picture_name(path, "output")
    with atomic_path(path) as partial:
        figure.savefig(partial, dpi=dpi, format=form)


def png_bytes(figure: Figure, *, dpi: int = 90) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=dpi, format="png")
    return buffer.getvalue()


def plain(text: str, *, length: int = 46) -> str:
    r"""Text from a file in drawable form: unprintable characters become ``?``, an overlong rest an ellipsis.

    Examples
    --------
    >>> plain("a\x00b"), plain("abcdefgh", length=5)
    ('a?b', 'abcd…')
    """
    drawn = "".join(letter if letter.isprintable() and ord(letter) < _SCRIPTS else "?" for letter in text)
    return drawn if len(drawn) <= length else f"{drawn[: length - 1]}…"


def set_title(axis: Axes, text: str, *, size: float = 9.0, length: int = 56) -> None:
    """Set the title of a panel; a dollar sign from a file is literal, not a formula."""
    axis.set_title(plain(text, length=length), fontsize=size, parse_math=False)


def set_heading(figure: Figure, text: str, *, length: int = 110) -> None:
    """Set the title of a figure, in smaller letters if it is wider than the figure."""
    width, height = figure.get_size_inches()
    heading = figure.text(
        0.5, 1 - MARGIN / height, plain(text, length=length), ha="center", va="top", fontsize=12.5, parse_math=False
    )
    # In steps, as hinted letters do not scale evenly.
    size = 12.5
    while heading.get_window_extent().width > (width - 2 * MARGIN) * figure.dpi and size > 5:
        size -= 0.5
        heading.set_fontsize(size)


def panel_axes(figure: Figure, count: int, across: int, size: tuple[float, float], *, title: float) -> list[Axes]:
    """Axes of ``size`` inches (width, height), ``across`` per row, each with ``title`` inches above for its title."""
    width, height = figure.get_size_inches()
    first = (width - across * size[0] - (across - 1) * MARGIN) / 2
    places = [divmod(number, across) for number in range(count)]
    corners = [
        (first + column * (size[0] + MARGIN), height - HEADING - (row + 1) * (size[1] + title))
        for row, column in places
    ]
    return [
        figure.add_axes((left / width, bottom / height, size[0] / width, size[1] / height)) for left, bottom in corners
    ]


def draw_image(axis: Axes, image: Any) -> None:
    """Show an image without interpolation over a hatching that marks pixels without data."""
    hatch_empty(axis)
    axis.imshow(image, interpolation="nearest", zorder=1)
    axis.set_xticks([])
    axis.set_yticks([])


def hatch_empty(axis: Axes, *, text: str = "") -> None:
    """Fill a panel with a hatching, and with a text if it is otherwise empty."""
    from matplotlib.patches import Rectangle

    axis.add_patch(
        Rectangle((0, 0), 1, 1, transform=axis.transAxes, hatch="xx" if text else _NOTHING["hatch"],
                  linewidth=0, zorder=0, **_HATCHED)
    )  # fmt: skip
    axis.set_xticks([])
    axis.set_yticks([])
    if text:
        box = {"facecolor": "white", "edgecolor": "#808080", "boxstyle": "round"}
        axis.text(0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", fontsize=8, bbox=box)


def draw_panel(axis: Axes, picture: Picture) -> Axes:
    """Draw a picture in the upper part of a panel and its key below; returns the axes of the picture."""
    set_title(axis, picture.title)
    axis.axis("off")
    share = KEY_HEIGHT / _inches(axis)[1]
    image = axis.inset_axes((0, share, 1, 1 - share))
    draw_image(image, picture.image)
    draw_key(axis.inset_axes((0, 0, 1, share)), picture.key)
    return image


def draw_key(axis: Axes, key: Key, *, is_hatched: bool = False) -> None:
    """Draw the key of the colours of a picture; ``is_hatched`` explains the hatching of pixels without data too."""
    axis.axis("off")
    if is_hatched:
        _explain_hatching(axis)
    if isinstance(key, Bar):
        _draw_bar(axis, key)
    elif isinstance(key, Wheel):
        _draw_wheel(axis, key)
    else:
        _draw_classes(axis, key)


def _explain_hatching(axis: Axes) -> None:
    from matplotlib.patches import Patch

    axis.figure.legend(
        handles=[Patch(linewidth=0.6, **_HATCHED, **_NOTHING)], labels=["no data"], loc="lower right", fontsize=8,
        frameon=False, handlelength=1.8, handleheight=1.2,
    )  # fmt: skip


def _draw_bar(axis: Axes, key: Bar) -> None:
    height = _inches(axis)[1]
    bar = axis.inset_axes((0.05, 1 - 0.3 / height, 0.9, 0.16 / height))
    low, high = (key.low, key.high) if key.high > key.low else (key.low - 0.5, key.high + 0.5)
    bar.imshow(key.strip, extent=(low, high, 0, 1), aspect="auto")
    bar.set_yticks([])
    bar.locator_params(axis="x", nbins=6)
    bar.tick_params(labelsize=8)
    bar.set_xlabel(plain(key.label), fontsize=9, parse_math=False)


def _draw_wheel(axis: Axes, key: Wheel) -> None:
    width, height = _inches(axis)
    side = height - 0.52
    disc = axis.inset_axes((0.5 - side / width / 2, 0.24 / height, side / width, side / height))
    # Up is +pi/2, as for mathematical angles; rows are counted downwards.
    rows, cols = np.mgrid[1:-1:161j, -1:1:161j]
    radius = np.hypot(rows, cols)
    inside = radius <= 1 if key.brightness else (radius <= 1) & (radius >= 0.45)
    angle = np.where(inside, np.arctan2(rows, cols), np.nan)
    disc.imshow(phase_image(angle, brightness=radius if key.brightness else None), extent=(-1, 1, -1, 1))
    disc.axis("off")
    for x, y, text, place in ((1.1, 0, "0", "left"), (-1.1, 0, "±π", "right")):
        disc.text(x, y, text, ha=place, va="center", fontsize=8)
    disc.text(0, 1.08, "π/2", ha="center", va="bottom", fontsize=8)
    disc.text(0, -1.08, "−π/2", ha="center", va="top", fontsize=8)
    axis.text(
        0.5 + side / width / 2 + 0.3 / width, 0.5, "phase (rad)", fontsize=9, va="center", transform=axis.transAxes
    )
    if key.brightness:
        words = f"{key.brightness}:\nmiddle 0, rim 1"
        left = 0.5 - side / width / 2 - 0.35 / width
        axis.text(left, 0.5, words, fontsize=8, ha="right", va="center", transform=axis.transAxes)


def _draw_classes(axis: Axes, key: Classes) -> None:
    longest = max((len(name) for name, _ in key.entries), default=0)
    columns = 1 if longest > 24 else 2 if longest > 13 or len(key.entries) < 7 else 3
    draw_legend(axis, key.entries, columns=columns, loc="upper center")


def draw_legend(
    place: Axes | Figure, entries: Sequence[tuple[str, str]], *, columns: int, loc: Any, opacity: float = 1.0
) -> None:
    """List names with their colours."""
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=to_rgba(colour, opacity), edgecolor="#606060", linewidth=0.6) for _, colour in entries]
    legend = place.legend(
        handles=handles, labels=["-"] * len(entries), ncols=columns, loc=loc, fontsize=8, frameon=False,
        handlelength=1.2, handleheight=1.0, columnspacing=1.0, labelspacing=0.35,
    )  # fmt: skip
    for text, (name, _) in zip(legend.get_texts(), entries, strict=True):
        # Set afterwards: a name that starts with an underscore would be omitted, one with dollars parsed as a formula.
        text.set_parse_math(False)
        text.set_text(plain(name))


def draw_scale_bar(axis: Axes, geobox: GeoBox) -> None:
    """Draw a bar of a round number of metres along the middle row, at most a third of it, in the lower left corner.

    Raises
    ------
    ValueError
        If the CRS is invalid.
    """
    width = ground_width(geobox)
    length = round_length(width / 3)
    share = length / width
    for colour, line in (("black", 5.0), ("white", 2.5)):
        axis.plot(
            [0.04, 0.04 + share], [0.05, 0.05], transform=axis.transAxes, color=colour, linewidth=line,
            solid_capstyle="butt", zorder=3,
        )  # fmt: skip
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    box = {"facecolor": "black", "alpha": 0.6, "edgecolor": "none", "pad": 1.5}
    axis.text(0.04, 0.08, text, transform=axis.transAxes, color="white", fontsize=8, bbox=box, zorder=3)


def ground_width(geobox: GeoBox) -> float:
    """Metres on the ellipsoid from the left to the right end of the middle row.

    Examples
    --------
    >>> box = GeoBox.from_bounds((500_000, 0, 504_480, 4480), shape=(448, 448), crs="EPSG:32631")
    >>> round(ground_width(box))
    4482
    """
    rows, cols = geobox.shape
    ends = [geobox.affine @ (col, rows / 2) for col in (0, cols)]
    x, y = zip(*ends, strict=True)
    longitude, latitude = geobox.transformer_to("EPSG:4326").transform(x, y)
    return float(ellipsoid().inv(longitude[0], latitude[0], longitude[1], latitude[1])[2])


def round_length(longest: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is at most ``longest``.

    Examples
    --------
    >>> round_length(1493.3), round_length(70.0)
    (1000.0, 50.0)
    """
    power = 10.0 ** np.floor(np.log10(longest))
    return float(power * max(step for step in (1, 2, 5) if step * power <= longest))


def _inches(axis: Axes) -> tuple[float, float]:
    box = axis.get_window_extent()
    dpi = axis.get_figure(root=True).dpi  # type: ignore[union-attr]
    return box.width / dpi, box.height / dpi
