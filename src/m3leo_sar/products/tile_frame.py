"""Window of a stack that a tile needs, with the positions of the tile's pixels in it."""

from __future__ import annotations

from m3leo_sar.grid.tiles import Tile
from m3leo_sar.grid.window import Window
from m3leo_sar.products.placement import span_on
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.stack.tile_samples import TileFrame
from m3leo_sar.warp.pixel_map import PixelMap


def tile_frame(positions: PixelMap, stack: SlcStack, tile: Tile, window: Window, resampling: str) -> TileFrame:
    """Window of the stack that a tile needs, with the halo of a window and the margin of a resampling, and positions.

    Raises
    ------
    ValueError
        If no pixel of the tile lies on the stack.
    """
    rows, cols = span_on(stack, positions, window=window, resampling=resampling)
    inside = positions.relative_to(rows, cols)
    places = inside.places
    return TileFrame(
        geobox=tile.geobox,
        rows=rows,
        cols=cols,
        down=places.rows,
        along=places.cols,
        terms=places.terms,
        origin=(float(places.origin[0]), float(places.origin[1])),
        error=inside.error,
        scale=inside.scale,
    )
