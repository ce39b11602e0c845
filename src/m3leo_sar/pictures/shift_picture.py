"""A picture of the distribution shift between regions, and of the level expected by chance."""

from __future__ import annotations

import os
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files.atomic import atomic_path
from m3leo_sar.pictures.picture_format import require_picture_name


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


def plot_shift(
    path: str | os.PathLike[str], matrix: Distances, *, title: str = "", unit: str = "", level: float = 0.05
) -> None:
    """Draw distances between regions as a coloured table; the diagonal shows the chance level of each region.

    Parameters
    ----------
    path : str or path
        Picture to write; its suffix selects the format.
    matrix : Distances
        Distances, chance levels (``floor``) and p-values.
    title, unit : str
        Texts above the table, and next to the colour bar.
    level : float
        Distances with a p-value above this are shown in brackets, as chance alone can produce them.

    Raises
    ------
    ValueError
        If ``level`` is not between 0 and 1, or the suffix names no format.
    """
    form = require_picture_name(path, "path")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    size = len(matrix.names)
    side = 2.6 + 0.85 * size
    figure, axis = pyplot.subplots(figsize=(side + 1.2, side), layout="constrained")
    try:
        shown = np.where(np.eye(size, dtype=bool), matrix.floor[:, None], matrix.distance)
        top = float(np.nanmax(shown)) if np.isfinite(shown).any() else 1.0
        colours = pyplot.get_cmap("cividis").with_extremes(bad="0.85")
        image = axis.imshow(np.ma.masked_invalid(shown), cmap=colours, vmin=0, vmax=top or 1.0)
        _write_numbers(axis, matrix, shown, top, level)
        for ticks in (axis.set_xticks, axis.set_yticks):
            ticks(range(size), matrix.names)
        axis.tick_params(length=0)
        pyplot.setp(axis.get_xticklabels(), rotation=35, ha="right", rotation_mode="anchor")
        axis.set_title(title, fontsize=12)
        axis.set_xlabel(f"diagonal: random halves of one region; in brackets: p > {level:g}", fontsize=9)
        figure.colorbar(image, ax=axis, shrink=0.8, label=f"distance ({unit})" if unit else "distance")
        with atomic_path(path) as partial:
            figure.savefig(partial, dpi=110, format=form)
    finally:
        pyplot.close(figure)


def _write_numbers(axis: Any, matrix: Distances, shown: Any, top: float, level: float) -> None:
    from matplotlib.patches import Rectangle

    for (row, col), value in np.ndenumerate(shown):
        if np.isnan(value):
            axis.text(col, row, "none\nshared", ha="center", va="center", color="0.35", fontsize=8)
            continue
        text = f"{value:.3g}" if value else "0"
        if row == col:
            axis.add_patch(Rectangle((col - 0.46, row - 0.46), 0.92, 0.92, fill=False, edgecolor="white", ls="--"))
            text = f"floor\n{text}"
        elif matrix.p_value[row, col] > level:
            text = f"({text})"
        axis.text(col, row, text, ha="center", va="center", color="white" if value < 0.55 * top else "black")
