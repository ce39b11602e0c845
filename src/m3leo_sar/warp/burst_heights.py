"""Terrain heights of a burst's pixels, on posts between which they are interpolated."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.warp.geo2rdr import ground_points, terrain_table

#: Rows and columns from post to post: about 30 m on the ground each way for Sentinel-1, as fine as global terrain
#: models.
STEPS = (2, 8)
#: Rows of posts per call, so that a burst takes tens of megabytes.
_BLOCK = 64


class BurstHeights(NamedTuple):
    """Heights of a radar image's pixels, on a coarser grid of posts.

    Parameters
    ----------
    height : (post rows, post cols) float32
        Metres above the ellipsoid, NaN where unknown. Post (i, j) is pixel (i * row_step, j * col_step); the last posts
        lie on the last row and column of the image or beyond.
    row_step, col_step : int
        Pixels from post to post.
    """

    height: NDArray[np.float32]
    row_step: int
    col_step: int

    def at(self, rows: Any, cols: Any) -> NDArray[np.float64]:
        """Bilinear heights at rows and columns of the image that broadcast against each other; float64."""
        position = [np.asarray(rows, np.float64) / self.row_step, np.asarray(cols, np.float64) / self.col_step]
        corner = [
            np.clip(np.floor(axis), 0, max(size - 2, 0)).astype(int)
            for axis, size in zip(position, self.height.shape, strict=True)
        ]
        after = [np.minimum(axis + 1, size - 1) for axis, size in zip(corner, self.height.shape, strict=True)]
        down, along = (axis - first for axis, first in zip(position, corner, strict=True))
        posts = self.height.astype(np.float64, copy=False)
        left = (1 - down) * posts[corner[0], corner[1]] + down * posts[after[0], corner[1]]
        right = (1 - down) * posts[corner[0], after[1]] + down * posts[after[0], after[1]]
        return np.asarray((1 - along) * left + along * right)


def burst_heights(
    *,
    orbit: Orbit,
    radar_grid: RadarGrid,
    dem: Any,
    dem_geobox: GeoBox,
    vertical_crs: str | None = None,
    row_step: int = STEPS[0],
    col_step: int = STEPS[1],
) -> BurstHeights:
    """Compute the terrain heights that the pixels of a burst show, once for all dates.

    Parameters
    ----------
    orbit, radar_grid
        Orbit and grid of the burst.
    dem : (rows, cols) float32 or float64
        Heights in metres, NaN where unknown.
    dem_geobox, vertical_crs
        Grid of ``dem`` and vertical datum, as for :func:`m3leo_sar.warp.geo2rdr.rdr2geo`.
    row_step, col_step : int
        Pixels from post to post. The defaults are about 30 m on the ground each way for Sentinel-1, as fine as global
        terrain models.

    Returns
    -------
    BurstHeights
        In layover a post has the height of one of the points at its range.

    Raises
    ------
    TypeError, ValueError
        As for :func:`m3leo_sar.warp.geo2rdr.rdr2geo`; also if a step is below 1.
    """
    if min(row_step, col_step) < 1:
        raise ValueError(f"row_step and col_step must be at least 1, got {row_step} and {col_step}")
    steps = row_step, col_step
    lines = [
        step * np.arange(-(-(size - 1) // step) + 1, dtype=np.float64)
        for size, step in zip(radar_grid.shape, steps, strict=True)
    ]
    heights = np.empty((lines[0].size, lines[1].size), np.float32)
    terrain = terrain_table(dem, dem_geobox, vertical_crs)
    for first in range(0, lines[0].size, _BLOCK):
        block = slice(first, first + _BLOCK)
        rows, cols = np.meshgrid(lines[0][block], lines[1], indexing="ij")
        ground = ground_points(terrain, orbit=orbit, radar_grid=radar_grid, rows=rows, cols=cols)
        heights[block] = ground.height
    return BurstHeights(heights, *steps)
