"""Figures of maps on the pixel grid of one tile, which zoom together."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import (
    BoxAnnotation,
    ColumnDataSource,
    CustomJS,
    Image,
    LinearColorMapper,
    PanTool,
    Plot,
    Range1d,
    ScaleBar,
    Scatter,
)
from numpy.typing import NDArray

from m3leo_sar.view.panels.colour_codes import NO_DATA, palette

#: Colour of pixels below the threshold.
MASKED = "#7d828a"
#: The events of a pointer on a figure, and the functions of the page's script that take them.
_EVENTS = {"mousemove": "moved", "mouseleave": "left", "tap": "tapped"}


class RasterFrame:
    """Ranges, cursor and mask that the figures of one tile share; coordinates are metres from the lower left corner."""

    def __init__(self, shape: tuple[int, int], spacing: tuple[float, float]) -> None:
        self.shape, self.spacing = shape, spacing
        height, width = self.extent
        self.x_range, self.y_range = Range1d(0, width, bounds=(0, width)), Range1d(0, height, bounds=(0, height))
        self.cursor = ColumnDataSource({"x": [], "y": []})
        self.mask = self.source(np.zeros(shape, np.uint8))

    @property
    def extent(self) -> tuple[float, float]:
        """Height and width in metres."""
        return self.shape[0] * self.spacing[0], self.shape[1] * self.spacing[1]

    def data(self, codes: NDArray[np.uint8]) -> dict[str, list[Any]]:
        """Columns of a source: an image of the whole tile, of which Bokeh draws row 0 at the bottom."""
        height, width = codes.shape[0] * self.spacing[0], codes.shape[1] * self.spacing[1]
        return {"image": [np.ascontiguousarray(codes[::-1])], "x": [0], "y": [0], "dw": [width], "dh": [height]}

    def source(self, codes: NDArray[np.uint8]) -> ColumnDataSource:
        """Source of one image."""
        return ColumnDataSource(self.data(codes))

    def empty(self) -> dict[str, list[Any]]:
        """Columns of a source without an image."""
        return self.data(np.zeros(self.shape, np.uint8))

    def resize(self, shape: tuple[int, int], spacing: tuple[float, float]) -> None:
        """Show tiles of another size from now on."""
        if (shape, spacing) == (self.shape, self.spacing):
            return
        self.shape, self.spacing = shape, spacing
        height, width = self.extent
        self.x_range.update(start=0, end=width, bounds=(0, width))
        self.y_range.update(start=0, end=height, bounds=(0, height))
        self.mask.data = self.empty()


def raster_figure(
    name: str, source: ColumnDataSource, frame: RasterFrame, *, colours: str, is_masked: bool = False
) -> Plot:
    """Figure of a map of codes: hatched where there is no data, with a scale bar and the shared cursor.

    Parameters
    ----------
    name : str
        Name of the figure in the page, such as ``"coherence"``.
    source : ColumnDataSource
        Columns as :meth:`RasterFrame.data` gives them.
    frame : RasterFrame
    colours : str
        Palette, as in :func:`m3leo_sar.view.panels.colour_codes.palette`.
    is_masked : bool
        Whether pixels below the threshold are covered.
    """
    height, width = frame.extent
    # Not by bokeh.plotting, whose axes and glyphs of a selection take most of the time to open the page.
    plot = Plot(
        name=name,
        x_range=frame.x_range,
        y_range=frame.y_range,
        toolbar_location=None,
        sizing_mode="stretch_width",
        aspect_ratio=width / height,
        min_border=0,
        outline_line_color=None,
        background_fill_color=None,
        border_fill_color=None,
    )
    plot.add_tools(PanTool())
    # Panning begins with zooming in; before, a finger on a map scrolls the page.
    plot.toolbar.active_drag = None
    hatch(plot)
    draw_codes(plot, source, palette(colours))
    if is_masked:
        draw_codes(plot, frame.mask, (NO_DATA, *[MASKED] * 255))
    for colour, line in (("#000000", 4), ("#ffffff", 1.8)):
        ring = Scatter(x="x", y="y", size=13, fill_color=None, line_color=colour, line_width=line)
        plot.add_glyph(frame.cursor, ring)
    plot.add_layout(
        ScaleBar(
            unit="m", range=frame.x_range, location="bottom_left", label_text_font_size="11px", bar_length=0.25,
            background_fill_alpha=0.85, border_line_color=None, padding=5, margin=6,
        )
    )  # fmt: skip
    listen(plot, name)
    return plot


def hatch(plot: Plot) -> None:
    """Hatch the figure under its images, where they have no data."""
    # Not the background of the figure: its hatching fails in Bokeh 3.9.2, as it is built before the canvas.
    plot.add_layout(
        BoxAnnotation(
            name="blank", level="underlay", fill_color="#f2f2f2", fill_alpha=1, line_color=None,
            hatch_pattern="right_diagonal_line", hatch_color="#bdbdbd", hatch_alpha=1, hatch_scale=8, hatch_weight=1,
        )
    )  # fmt: skip


def draw_codes(plot: Plot, source: ColumnDataSource, colours: tuple[str, ...]) -> None:
    """Draw an image of codes, each in the colour of its number."""
    mapper = LinearColorMapper(palette=list(colours), low=-0.5, high=len(colours) - 0.5)
    plot.add_glyph(source, Image(image="image", x="x", y="y", dw="dw", dh="dh", color_mapper=mapper))


def listen(plot: Plot, name: str) -> None:
    """Send the events of a pointer on a figure to the page's script, which runs in the browser."""
    for event, function in _EVENTS.items():
        plot.js_on_event(event, CustomJS(args={"name": name}, code=f"window.m3leo.{function}(name, cb_obj)"))
