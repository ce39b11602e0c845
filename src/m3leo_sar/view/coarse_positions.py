"""Position of a wide grid's pixels on a stack, from a few posts where exact positions would read the whole scene."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.products.placement import positions_on
from m3leo_sar.stack.geometry import OrbitGeometry, StoredRadarGeometry
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.warp.geo2rdr import rdr2geo
from m3leo_sar.warp.geolocate import geolocation_map
from m3leo_sar.warp.pixel_map import PixelMap

#: Most posts along an axis.
_POSTS = 129


def coarse_positions(stack: SlcStack, geobox: GeoBox) -> PixelMap:
    """Positions as :func:`m3leo_sar.products.placement.positions_on`, of a stack in radar geometry between posts.

    They are for pixels of hundreds of metres: between posts, heights are those of a plane.
    """
    if isinstance(stack.geometry, GeoBox):
        return positions_on(stack, geobox)
    latitude, longitude, first, step = _posts(stack)
    found = geolocation_map(latitude, longitude, geobox)
    rows, cols = (start + size * axis for start, size, axis in zip(first, step, (found.rows, found.cols), strict=True))
    scale = None if found.scale is None else (found.scale[0] * step[0], found.scale[1] * step[1])
    return PixelMap(rows, cols, stack.shape[1:], scale=scale)


def _posts(stack: SlcStack) -> tuple[NDArray[Any], NDArray[Any], tuple[float, float], tuple[float, float]]:
    """Latitude and longitude of posts, the place of the first one, and the pixels between two of them."""
    place, shape = stack.geometry, stack.shape[1:]
    if isinstance(place, StoredRadarGeometry):
        # The middle of the bounds of a block that is small beside the scene is the place of its middle.
        west, south, east, north = np.moveaxis(place.extents, -1, 0)
        middle = place.block / 2
        return (south + north) / 2, (west + east) / 2, (middle, middle), (place.block, place.block)
    counts = [min(size, _POSTS) for size in shape]
    axes = [np.linspace(0, size - 1, count) for size, count in zip(shape, counts, strict=True)]
    step = tuple((size - 1) / max(1, count - 1) for size, count in zip(shape, counts, strict=True))
    if isinstance(place, OrbitGeometry):
        row, col = np.meshgrid(*axes, indexing="ij")
        ground = rdr2geo(
            orbit=place.orbit,
            radar_grid=place.radar_grid,
            dem=place.dem,
            dem_geobox=place.dem_geobox,
            rows=row,
            cols=col,
        )
        return ground.latitude, ground.longitude, (0.0, 0.0), (step[0], step[1])
    assert not isinstance(place, GeoBox)
    down, along = (np.rint(axis).astype(np.intp) for axis in axes)
    some = np.ix_(down, along)
    return place.latitude[some], place.longitude[some], (0.0, 0.0), (step[0], step[1])
