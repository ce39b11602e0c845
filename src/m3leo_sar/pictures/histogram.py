"""Histogram of the values of a product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.land_cover import WORLDCOVER
from m3leo_sar.chips.legend import UNKNOWN_COLOUR, Legend
from m3leo_sar.pictures.figure import new_figure, plain, set_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOUR = "#0072b2"


def histogram_figure(
    values: NDArray[Any], *, kind: str, label: str, title: str = "", legend: Legend = WORLDCOVER
) -> Figure:
    """Draw the relative frequency of values.

    Parameters
    ----------
    values : (values,) array
        In the units of their key: dB of power, radians of phase, codes of classes.
    kind : str
        That of a :class:`m3leo_sar.pictures.chip_picture.Plane`: coherence has the range 0 to 1, phase ±pi, classes
        one bar each; all other kinds range from the 0.5th to the 99.5th percentile.
    label : str
        Quantity and unit.
    title : str
        Title above the histogram.
    legend : Legend
        Names and colours of classes.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If no value is finite.
    """
    values = np.asarray(values)
    values = values[np.isfinite(values)]
    if not values.size:
        raise ValueError("values must hold a finite value, got none")
    figure = new_figure(4.6, 3.0)
    figure.set_layout_engine("constrained")
    axis = figure.subplots()
    axis.tick_params(labelsize=8)
    set_title(axis, title)
    if kind in ("classes", "mask"):
        _draw_classes(axis, values, legend)
    else:
        _draw_values(axis, values, kind, label)
    return figure


def _draw_classes(axis: Axes, codes: NDArray[Any], legend: Legend) -> None:
    present, counts = np.unique(codes.astype(np.int64), return_counts=True)
    # The twelve most frequent classes: more bars are not readable.
    order = np.sort(np.argsort(-counts, kind="stable")[:12])
    known = {entry.code: entry for entry in legend.classes}
    names = [known[code].name if code in known else f"code {code}" for code in present[order].tolist()]
    colours = [known[code].colour if code in known else UNKNOWN_COLOUR for code in present[order].tolist()]
    axis.barh(names, 100 * counts[order] / codes.size, color=colours, edgecolor="#606060", linewidth=0.6)
    axis.invert_yaxis()
    axis.set_xlabel("share of pixels (%)", fontsize=9)


def _draw_values(axis: Axes, values: NDArray[Any], kind: str, label: str) -> None:
    ranges = {"coherence": (0.0, 1.0), "phase": (-np.pi, np.pi)}
    low, high = ranges.get(kind) or np.percentile(values, [0.5, 99.5]).tolist()
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    counts, edges = np.histogram(values, bins=48, range=(low, high))
    axis.stairs(100 * counts / values.size, edges, fill=True, color=_COLOUR)
    axis.set_xlim(low, high)
    axis.set_ylim(bottom=0)
    if kind == "phase":
        axis.set_xticks([-np.pi, -np.pi / 2, 0, np.pi / 2, np.pi], ["−π", "−π/2", "0", "π/2", "π"])
    axis.set_xlabel(plain(label), fontsize=9, parse_math=False)
    axis.set_ylabel("share of pixels (%)", fontsize=9)
