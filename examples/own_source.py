"""A source of your own: ``m3leo-sar retile slope.npz ARCHIVE --dataset slope --kind examples/own_source.py``.

It reads a NumPy archive with ``values`` (rows, cols), the ``bounds`` (west, south, east, north) and the ``crs``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar import GeoBox
from m3leo_sar.io.components.band import Band
from m3leo_sar.io.sources.tile_source import Piece, cover


class NumpySource:
    """Values of one band, held in memory; see :class:`m3leo_sar.io.sources.tile_source.TileSource`."""

    resampling = "bilinear"

    def __init__(self, path: str | Path) -> None:
        self.name = Path(path).name
        with np.load(path, allow_pickle=False) as file:
            self.values = file["values"].astype(np.float32)
            bounds, crs = tuple(file["bounds"].tolist()), str(file["crs"])
        self.geobox = GeoBox.from_bounds(bounds, shape=self.values.shape, crs=crs)
        self.bands = (Band(name="slope", quantity="slope", unit="degree", product="slope"),)

    def parameters(self, geobox: GeoBox) -> dict[str, Any]:
        """What a tile's chips depend on: other values make other chips."""
        return {"source": self.name, "sum": float(np.nansum(self.values))}

    def read(self, geobox: GeoBox) -> list[Piece]:
        """The source's own pixels around a tile; none where the source does not cover it."""
        around = cover(self.geobox, geobox)
        if around is None:
            return []
        values = around.gather(lambda rows, cols: self.values[None, rows, cols], np.nan)
        return [Piece(values, around.geobox, self.bands)]


def open(path: str, **options: Any) -> NumpySource:
    """Open a source; ``retile`` passes the options of its command that were given."""
    return NumpySource(path)
