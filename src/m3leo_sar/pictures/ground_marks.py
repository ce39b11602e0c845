"""Marks of the ground on an image: scale bar, arrows to the north and along the radar's look, coordinates."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from m3leo_sar.pictures.ground_frame import Frame, round_length
from m3leo_sar.pictures.style import INK, TICK, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Shortest and longest scale bar as a share of the width of its panel.
_SHARE = 0.32
#: Background of marks on an image.
_PAPER: dict[str, Any] = {"facecolor": "white", "alpha": 0.82, "linewidth": 0, "zorder": 3}
#: Length of an arrow in inches.
_ARROW = 0.2


def draw_scale_bar(axis: Axes, frame: Frame) -> None:
    """Draw a bar of a round number of metres along the rows, in the lower left corner of an image."""
    from matplotlib.patches import Rectangle

    length = round_length(_SHARE * frame.width)
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    wide, high = _inches(axis)
    bar = length / frame.width
    shown = max(bar, text_width(text, TICK) / wide) + 0.1 / wide
    left, low = 0.06 / wide, 0.06 / high
    axis.add_patch(Rectangle((left, low), shown, 0.25 / high, transform=axis.transAxes, **_PAPER))
    line = axis.plot(
        [left + 0.05 / wide, left + 0.05 / wide + bar], [low + 0.05 / high] * 2, transform=axis.transAxes, color=INK,
        linewidth=2.0, solid_capstyle="butt", zorder=4,
    )[0]  # fmt: skip
    line.set_gid("scale-bar")
    axis.text(
        left + 0.05 / wide, low + 0.1 / high, text, transform=axis.transAxes, fontsize=TICK, va="bottom", zorder=4
    )


def draw_north(axis: Axes, frame: Frame) -> None:
    """Draw an arrow to the north in the upper right corner of an image, unless it shows a pole."""
    if frame.north is None:
        return
    wide, high = _inches(axis)
    _draw_arrow(axis, frame.north, "N", 1 - 0.26 / wide, 1 - 0.26 / high, gid="north")


def draw_look(axis: Axes, frame: Frame) -> None:
    """Draw an arrow in the direction in which the radar looks, if the image is in radar geometry."""
    if not frame.look:
        return
    wide, high = _inches(axis)
    direction = (1.0, 0.0) if frame.look == "right" else (-1.0, 0.0)
    _draw_arrow(axis, direction, "look", 1 - 0.3 / wide, 1 - 0.72 / high, gid="look")


def _draw_arrow(axis: Axes, direction: tuple[float, float], text: str, x: float, y: float, *, gid: str) -> None:
    """Draw an arrow around a place in shares of the axes, with a text at its end."""
    from matplotlib.patches import Circle, FancyArrowPatch

    wide, high = _inches(axis)
    right, up = direction
    side = 0.2 if text == "N" else 0.24
    paper = Circle((0, 0), side, transform=_about(axis, x, y), **_PAPER)
    axis.add_patch(paper)
    reach = _ARROW / 2
    ends = [(x + sign * right * reach / wide, y + sign * up * reach / high) for sign in (-1, 1)]
    # The letter stands beyond the tip; a word, which is wider, below the arrow.
    if text == "N":
        ends = [(a - right * 0.05 / wide, b - up * 0.05 / high) for a, b in ends]
        place = (x + right * 0.12 / wide, y + up * 0.12 / high)
    else:
        ends = [(a, b + 0.05 / high) for a, b in ends]
        place = (x, y - 0.08 / high)
    arrow = FancyArrowPatch(
        *ends, transform=axis.transAxes, arrowstyle="-|>", mutation_scale=7, color=INK, linewidth=1.2, zorder=4,
        shrinkA=0, shrinkB=0,
    )  # fmt: skip
    arrow.set_gid(gid)
    axis.add_patch(arrow)
    axis.text(
        *place, text, transform=axis.transAxes, fontsize=TICK, ha="center", va="center",
        fontweight="bold" if text == "N" else "normal", zorder=4,
    )  # fmt: skip


def _about(axis: Axes, x: float, y: float) -> Any:
    """Transform of inches around a place in shares of the axes."""
    from matplotlib.transforms import ScaledTranslation

    figure = axis.get_figure(root=True)
    assert figure is not None
    return figure.dpi_scale_trans + ScaledTranslation(x, y, axis.transAxes)  # type: ignore[arg-type]


def draw_coordinates(axis: Axes, frame: Frame, *, has_labels: bool) -> None:
    """Mark round longitudes and latitudes along the lower and the left edge, with their values if wanted."""
    sides = (frame.bottom, axis.set_xticks, frame.shape[1]), (frame.left, axis.set_yticks, frame.shape[0])
    for (ticks, place, pixels), inches in zip(sides, _inches(axis), strict=True):
        # Every second or third label, where all would touch.
        widest = max((text_width(label, TICK) for label in ticks.labels), default=0.0) + 0.08
        apart = min((abs(b - a) for a, b in pairwise(ticks.places)), default=pixels) * inches / pixels
        every = int(np.ceil(widest / apart))
        shown = [label if has_labels and not number % every else "" for number, label in enumerate(ticks.labels)]
        place(ticks.places, shown)
    for label in axis.get_yticklabels():
        label.set(rotation=90, va="center", ha="right", rotation_mode="default")


def _inches(axis: Axes) -> tuple[float, float]:
    """Width and height of the part of the axes that an image fills."""
    figure = axis.get_figure(root=True)
    assert figure is not None
    axis.apply_aspect()
    box = axis.get_window_extent()
    return box.width / figure.dpi, box.height / figure.dpi
