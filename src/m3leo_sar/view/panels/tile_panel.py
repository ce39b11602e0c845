"""Map of the tiles, one of which is selected."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.projection import transformer_between
from m3leo_sar.view.panels.raster_figure import listen

#: Points per side of an outline, enough for a tile of some kilometres.
_POINTS = 3


class TilePanel:
    """Outlines of all tiles on a map, in web Mercator with axes in degrees; no background map is loaded.

    Parameters
    ----------
    boxes : mapping of str to GeoBox
        Pixel grid of each tile.
    """

    def __init__(self, boxes: Mapping[str, GeoBox]) -> None:
        self.boxes = dict(boxes)
        self._outlines = outlines = {tile: _outline(box) for tile, box in self.boxes.items()}
        self.centres = {tile: (float(x.mean()), float(y.mean())) for tile, (x, y) in outlines.items()}
        self.source = ColumnDataSource(
            {
                "tile": list(outlines),
                "xs": [x for x, _ in outlines.values()],
                "ys": [y for _, y in outlines.values()],
                "x": [x for x, _ in self.centres.values()],
                "y": [y for _, y in self.centres.values()],
            }
        )
        self.chosen = ColumnDataSource({"xs": [], "ys": []})
        self.figure = self._drawn()

    def first(self, bounds: tuple[float, float, float, float]) -> str:
        """The tile with the largest share inside bounds in degrees; of several, the nearest to their middle."""
        west, south, east, north = transformer_between("EPSG:4326", "EPSG:3857").transform_bounds(*bounds)
        middle = (west + east) / 2, (south + north) / 2

        def order(tile: str) -> tuple[int, float]:
            x, y = self._outlines[tile]
            wide = min(east, x.max()) - max(west, x.min())
            high = min(north, y.max()) - max(south, y.min())
            share = max(wide, 0.0) * max(high, 0.0) / (np.ptp(x) * np.ptp(y))
            away = np.hypot(self.centres[tile][0] - middle[0], self.centres[tile][1] - middle[1])
            # In steps of 5 %: which of the tiles that are nearly covered does not matter.
            return -round(20 * share), float(away)

        return min(self._outlines, key=order)

    def select(self, tile: str) -> None:
        """Mark a tile."""
        place = self.source.data["tile"].index(tile)
        self.chosen.data = {"xs": [self.source.data["xs"][place]], "ys": [self.source.data["ys"][place]]}

    def _drawn(self) -> figure:
        plot = figure(
            name="tiles", x_axis_type="mercator", y_axis_type="mercator", match_aspect=True, tools=[],
            toolbar_location=None, sizing_mode="stretch_width", aspect_ratio=1.5, min_border=2,
            border_fill_color=None, background_fill_color=None,
        )  # fmt: skip
        plot.patches("xs", "ys", source=self.source, fill_color="#4a86c5", fill_alpha=0.3, line_color="#4a86c5")
        plot.patches("xs", "ys", source=self.chosen, fill_color="#d55e00", fill_alpha=0.75, line_color="#d55e00",
                     line_width=3)  # fmt: skip
        for axis, label in ((plot.xaxis, "longitude (degrees)"), (plot.yaxis, "latitude (degrees)")):
            axis.ticker.desired_num_ticks, axis.axis_label = 4, label
        listen(plot, "tiles")
        return plot


def _outline(box: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = box.transformer_to("EPSG:3857").transform(*box.outline(points=_POINTS))
    return np.asarray(x), np.asarray(y)
