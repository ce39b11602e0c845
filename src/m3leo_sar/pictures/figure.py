"""Writing of figures, and pixels without data."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

from m3leo_sar.io.files.atomic import atomic_path
from m3leo_sar.pictures.picture_format import DPI, picture_form, require_output

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours and lines of what has no data.
NO_DATA: dict[str, Any] = {"facecolor": "#f2f2f2", "edgecolor": "#a6a6a6", "hatch": "////", "linewidth": 0}
#: The same file for the same figure, with letters as outlines (SVG) or as embedded fonts (PDF).
_VECTOR: dict[Any, Any] = {"svg.hashsalt": "m3leo_sar", "svg.fonttype": "path", "pdf.fonttype": 42, "ps.fonttype": 42}
#: Files that hold the time of writing unless it is left out.
_TIME: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def save_figure(figure: Figure, path: str | os.PathLike[str], *, dpi: float = DPI, form: str | None = None) -> None:
    """Write a figure atomically; equal figures give equal files.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
        Picture to write.
    dpi : float
        Pixels per inch.
    form : str, optional
        ``"svg"``, ``"pdf"`` or ``"png"``; by default, the suffix selects the format.

    Raises
    ------
    ValueError
        If the suffix names no format or another than ``form``, or ``dpi`` is out of range.
    OSError
        If the file cannot be written.
    """
    require_output(path, form, dpi)
    with atomic_path(path) as partial:
        _write(figure, partial, picture_form(path, form), dpi)


def finished(
    figure: Figure, path: str | os.PathLike[str] | None, *, dpi: float = DPI, form: str | None = None
) -> Figure:
    """The figure, written if there is a path; it shows itself at the same resolution in a notebook."""
    figure.set_dpi(dpi)
    if path is not None:
        save_figure(figure, path, dpi=dpi, form=form)
    return figure


def picture_bytes(figure: Figure, *, dpi: float = DPI, form: str = "png") -> bytes:
    """The figure as a PNG, SVG or PDF file."""
    buffer = io.BytesIO()
    _write(figure, buffer, form, dpi)
    return buffer.getvalue()


def _write(figure: Figure, file: Any, form: str, dpi: float) -> None:
    from matplotlib import rc_context

    with rc_context(_VECTOR):
        figure.savefig(file, dpi=dpi, format=form, metadata=_TIME.get(form))


def hatch_empty(axis: Axes, *, text: str = "") -> None:
    """Fill a panel with the hatching of what has no data, and with a text if it is otherwise empty."""
    from matplotlib.patches import Rectangle

    axis.add_patch(Rectangle((0, 0), 1, 1, transform=axis.transAxes, zorder=0, **NO_DATA))
    if text:
        box = {"facecolor": "white", "edgecolor": "#808080", "boxstyle": "round"}
        axis.text(0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", bbox=box)
