"""A figure that a notebook shows."""

from __future__ import annotations

from matplotlib.figure import Figure

from m3leo_sar.pictures.figure import picture_bytes


class ShownFigure(Figure):
    """A figure without a window or global state, which a notebook shows as the last value of a cell."""

    def _repr_png_(self) -> bytes:
        return picture_bytes(self, dpi=self.dpi)
