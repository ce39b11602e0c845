"""A picture of the distribution shift between regions, and of the level expected by chance."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.pictures.colour_key import BAR_HEIGHT, Bar, draw_key
from m3leo_sar.pictures.colour_maps import OTHER_VALUES, listed_map
from m3leo_sar.pictures.figure import NO_DATA, finished
from m3leo_sar.pictures.picture_format import DPI, require_output
from m3leo_sar.pictures.style import (
    INK,
    MARGIN,
    TICK,
    axes_at,
    draw_heading,
    fitted,
    heading_height,
    new_figure,
    styled,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Side of a cell and longest name of a region in inches.
_CELL, _NAME = 0.66, 1.6


class Distances(Protocol):
    """Distances between regions, such as :class:`m3leo_sar.learn.shift.matrix.ShiftMatrix`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Regions, in the order of rows and columns."""

    @property
    def distance(self) -> NDArray[np.float64]:
        """(regions, regions), NaN for pairs of regions with nothing in common."""

    @property
    def floor(self) -> NDArray[np.float64]:
        """(regions,), the distance expected by chance."""

    @property
    def p_value(self) -> NDArray[np.float64]:
        """(regions, regions), fraction of permutations with at least this distance."""


@styled
def plot_shift(
    matrix: Distances,
    *,
    title: str = "",
    unit: str = "",
    level: float = 0.05,
    path: str | os.PathLike[str] | None = None,
    dpi: float = DPI,
    form: str | None = None,
) -> Figure:
    """Draw distances between regions as a coloured table; the diagonal shows the chance level of each region.

    Parameters
    ----------
    matrix : Distances
        Distances, chance levels (``floor``) and p-values.
    title, unit : str
        Texts above the table, and in the colour bar.
    level : float
        Distances with a p-value above this are shown in brackets, as chance alone can produce them.
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
        If ``level`` is not between 0 and 1, or the suffix names no format.
    """
    require_output(path, form, dpi)
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    shown = np.where(np.eye(len(matrix.names), dtype=bool), matrix.floor[:, None], matrix.distance)
    most = float(np.nanmax(shown)) if np.isfinite(shown).any() else 1.0
    names = [fitted(name, _NAME, TICK) for name in matrix.names]
    space = max((text_width(name, TICK) for name in names), default=0.0) + 0.12
    side = _CELL * len(names)
    width = max(MARGIN + space + side + MARGIN, 4.4)
    facts = ["diagonal: random halves of one region", f"in brackets: p > {level:g}, as by chance"]
    top = heading_height(title, facts, width) + 0.08
    figure = new_figure(width, top + side + space + BAR_HEIGHT + MARGIN)
    draw_heading(figure, title, facts)
    axis = axes_at(figure, MARGIN + space, top, side, side)
    axis.set_gid("shift")
    axis.imshow(np.ma.masked_invalid(shown), cmap=listed_map(OTHER_VALUES), vmin=0, vmax=most or 1.0)
    _write_numbers(axis, matrix, shown, most or 1.0, level)
    axis.set_xticks(range(len(names)), names, rotation=90)
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    label = f"distance ({unit})" if unit else "distance"
    draw_key(figure, Bar(0.0, most or 1.0, label, OTHER_VALUES), MARGIN, top + side + space, width - 2 * MARGIN)
    return finished(figure, path, dpi=dpi, form=form)


def _write_numbers(axis: Any, matrix: Distances, shown: Any, most: float, level: float) -> None:
    from matplotlib.patches import Rectangle

    for (row, col), value in np.ndenumerate(shown):
        options: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": TICK}
        if np.isnan(value):
            axis.add_patch(Rectangle((col - 0.5, row - 0.5), 1, 1, zorder=1, **NO_DATA))
            paper = {"facecolor": "white", "linewidth": 0, "pad": 1.0}
            axis.text(col, row, "none\nshared", color=INK, bbox=paper, **options)
            continue
        text = f"{value:.3g}" if value else "0"
        colour = "white" if _is_dark(value / most) else INK
        if row == col:
            axis.add_patch(Rectangle((col - 0.46, row - 0.46), 0.92, 0.92, fill=False, edgecolor=colour, ls="--"))
            text = f"floor\n{text}"
        elif matrix.p_value[row, col] > level:
            text = f"({text})"
        axis.text(col, row, text, color=colour, **options)


def _is_dark(share: float) -> bool:
    """Whether the colour at a share of the scale needs a light text, by its luminance (Rec. 709)."""
    return float(np.dot(listed_map(OTHER_VALUES)(float(share))[:3], (0.2126, 0.7152, 0.0722))) < 0.5
