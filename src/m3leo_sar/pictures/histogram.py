"""Histogram of the values of a product."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.land_cover import WORLDCOVER
from m3leo_sar.chips.legend import UNKNOWN_COLOUR, Legend
from m3leo_sar.pictures.colour_maps import SEQUENTIAL, listed_map
from m3leo_sar.pictures.figure import finished
from m3leo_sar.pictures.picture_format import DPI, require_output
from m3leo_sar.pictures.style import (
    MARGIN,
    TICK,
    TITLE,
    axes_at,
    fitted,
    new_figure,
    styled,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOUR = "#4d4d4d"
#: Sizes in inches: width of the figure, height of values, of one class, and space of the title and of the axis below.
_WIDTH, _HEIGHT, _CLASS, _TOP, _BELOW = 4.6, 1.9, 0.2, 0.42, 0.42
#: Widest name of a class in inches, and most classes: the most frequent ones.
_NAME, _CLASSES = 1.5, 40


@styled
def plot_histogram(
    values: NDArray[Any],
    *,
    kind: str,
    label: str,
    title: str = "",
    legend: Legend = WORLDCOVER,
    path: str | os.PathLike[str] | None = None,
    dpi: float = DPI,
    form: str | None = None,
) -> Figure:
    """Draw the relative frequency of values.

    Parameters
    ----------
    values : (values,) array
        In the units of their key: dB of power, radians of phase, codes of classes.
    kind : str
        That of a :class:`m3leo_sar.pictures.chip_plane.Plane`: coherence has the range 0 to 1, phase ±pi, classes
        one bar each; all other kinds range from the 0.5th to the 99.5th percentile.
    label : str
        Quantity and unit.
    title : str
        Title above the histogram.
    legend : Legend
        Names and colours of classes.
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
        If no value is finite, or the suffix names no format.
    """
    require_output(path, form, dpi)
    values = np.asarray(values)
    values = values[np.isfinite(values)]
    if not values.size:
        raise ValueError("values must hold a finite value, got none")
    if kind in ("classes", "mask"):
        return finished(_class_figure(values, legend, title), path, dpi=dpi, form=form)
    figure = new_figure(_WIDTH, _TOP + _HEIGHT + _BELOW)
    _write_title(figure, title)
    axis = axes_at(figure, 0.55, _TOP, _WIDTH - 0.55 - MARGIN, _HEIGHT)
    axis.set_gid("histogram")
    _draw_values(axis, values, kind, label)
    return finished(figure, path, dpi=dpi, form=form)


def _write_title(figure: Figure, title: str) -> None:
    width, height = figure.get_size_inches()
    text = fitted(title, width - 2 * MARGIN, TITLE, is_bold=True)
    figure.text(MARGIN / width, 1 - 0.15 / height, text, fontsize=TITLE, fontweight="bold", va="top")


def _class_figure(codes: NDArray[Any], legend: Legend, title: str) -> Figure:
    present, counts = np.unique(codes.astype(np.int64), return_counts=True)
    order = np.sort(np.argsort(-counts, kind="stable")[:_CLASSES])
    known = {entry.code: entry for entry in legend.classes}
    names = [known[code].name if code in known else f"code {code}" for code in present[order].tolist()]
    colours = [known[code].colour if code in known else UNKNOWN_COLOUR for code in present[order].tolist()]
    shown = [fitted(name, _NAME, TICK) for name in names]
    left, high = MARGIN + max(text_width(name, TICK) for name in shown) + 0.06, max(_CLASS * len(names), 0.4)
    figure = new_figure(_WIDTH, _TOP + high + _BELOW)
    _write_title(figure, title)
    axis = axes_at(figure, left, _TOP, _WIDTH - left - MARGIN, high)
    axis.set_gid("histogram")
    # By place, not by name: two shortened names may be equal.
    axis.barh(range(len(names)), 100 * counts[order] / codes.size, color=colours, edgecolor="#606060", linewidth=0.5)
    axis.set_yticks(range(len(names)), shown)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right"]].set_visible(False)
    axis.locator_params(axis="x", nbins=5)
    axis.set_xlabel("share of pixels (%)", labelpad=1)
    return figure


def _draw_values(axis: Axes, values: NDArray[Any], kind: str, label: str) -> None:
    ranges = {"coherence": (0.0, 1.0), "phase": (-np.pi, np.pi)}
    low, high = ranges.get(kind) or np.percentile(values, [0.5, 99.5]).tolist()
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    counts, edges = np.histogram(values, bins=48, range=(low, high))
    shares = 100 * counts / values.size
    if kind == "coherence":
        # In the colours of coherence, as in the maps.
        colours = listed_map(SEQUENTIAL)((edges[:-1] + edges[1:]) / 2)
        axis.bar(edges[:-1], shares, width=np.diff(edges), align="edge", color=colours)
    axis.stairs(shares, edges, fill=kind != "coherence", color=_COLOUR, linewidth=0.6)
    axis.set_xlim(low, high)
    axis.set_ylim(bottom=0)
    axis.spines[["top", "right"]].set_visible(False)
    axis.locator_params(nbins=5)
    if kind == "phase":
        axis.set_xticks([-np.pi, -np.pi / 2, 0, np.pi / 2, np.pi], ["−π", "−π/2", "0", "π/2", "π"])
    axis.set_xlabel(fitted(label, 3.6, 8.0), labelpad=1)
    axis.set_ylabel("share of pixels (%)", labelpad=2)
