"""The ground under a burst: its outline at a height, and the terrain that its pixels need."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.antimeridian import bounds_of_all, bounds_of_points
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.warp.burst_heights import BurstHeights
from m3leo_sar.warp.geo2rdr import rdr2geo
from m3leo_sar.warp.range_phase import Acquisition

#: Points along each side of a burst: it is straight to metres between them.
_POINTS = 9
#: Degrees of terrain around the outline: interpolation, and slopes at the edge.
_MARGIN = 0.02
#: Least share of a burst's heights that the terrain must give.
_LEAST_TERRAIN = 0.99
#: The whole Earth at one height, beyond its edges in longitude, so that no point lies off the grid.
_WORLD = GeoBox.from_bounds((-200, -90, 200, 90), shape=(2, 2), crs="EPSG:4326")


class Extent(NamedTuple):
    """First and last row and column of an image that are valid."""

    rows: tuple[int, int]
    cols: tuple[int, int]

    @classmethod
    def of(cls, valid: NDArray[np.integer[Any]]) -> Extent:
        """From the first and last valid column of each row, (rows, 2), -1 for a row without any.

        Raises
        ------
        ValueError
            If no sample is valid.

        Examples
        --------
        >>> Extent.of(np.array([[-1, -1], [3, 8], [2, 9], [-1, -1]]))
        Extent(rows=(1, 2), cols=(2, 9))
        """
        rows = np.flatnonzero(np.asarray(valid)[:, 0] >= 0)
        if not rows.size:
            raise ValueError("the burst has no valid sample")
        return cls((int(rows[0]), int(rows[-1])), (int(valid[rows, 0].min()), int(valid[rows, 1].max())))


def outline_on_ground(image: Acquisition, extent: Extent, *, height: float = 0.0) -> NDArray[np.float64]:
    """Points (longitude, latitude) around the valid part of an image at one height, in order.

    Parameters
    ----------
    image : Acquisition
    extent : Extent
    height : float
        Metres above the ellipsoid.

    Raises
    ------
    ValueError
        If the orbit does not cover the image.
    """
    rows, cols = (np.linspace(*ends, _POINTS) for ends in extent)
    first, last = np.full(_POINTS, rows[0]), np.full(_POINTS, rows[-1])
    down = np.concatenate([first, rows, last, rows[::-1]])
    along = np.concatenate([cols, np.full(_POINTS, cols[-1]), cols[::-1], np.full(_POINTS, cols[0])])
    found = rdr2geo(
        orbit=image.orbit,
        radar_grid=image.radar_grid,
        dem=np.full(_WORLD.shape, float(height)),
        dem_geobox=_WORLD,
        rows=down,
        cols=along,
    )
    return np.stack([found.longitude, found.latitude], axis=1)


def terrain_bounds(
    image: Acquisition, extent: Extent, *, heights: tuple[float, float]
) -> tuple[float, float, float, float]:
    """(west, south, east, north) in degrees that hold the ground of an image between two heights, with a margin.

    East continues beyond 180 degrees over the antimeridian.
    """
    points = np.concatenate([outline_on_ground(image, extent, height=height) for height in heights])
    west, south, east, north = bounds_of_points(points[:, 0], points[:, 1])
    wide = _MARGIN / max(np.cos(np.radians(max(abs(south), abs(north)))), 0.05)
    return west - wide, south - _MARGIN, east + wide, north + _MARGIN


def terrain_of(image: Acquisition, extent: Extent, terrain: Any) -> tuple[NDArray[np.floating], GeoBox]:
    """Heights above the ellipsoid under an image, read from as much of a terrain model as its relief requires.

    Parameters
    ----------
    image : Acquisition
    extent : Extent
    terrain : Terrain
        From :func:`m3leo_sar.io.sources.terrain.open_terrain`.

    Raises
    ------
    ValueError
        If the terrain has no height there.
    """
    bounds = terrain_bounds(image, extent, heights=(0.0, 0.0))
    dem, _ = terrain.window(bounds, minimum_share=0.0)
    if not np.isfinite(dem).any():
        edges = ", ".join(f"{edge:.3f}" for edge in bounds)
        raise ValueError(f"dem must cover the bursts, it has no height within {edges} (west, south, east, north)")
    # High ground lies farther from the radar than sea level at the same range.
    low, high = float(np.nanmin(dem)), float(np.nanmax(dem))
    del dem
    wider = terrain_bounds(image, extent, heights=(low, high))
    # Near the antimeridian the two may lie a turn apart.
    union = bounds_of_all([bounds, wider])
    found: tuple[NDArray[np.floating], GeoBox] = terrain.window(union, minimum_share=0.0)
    return found


def known_share(heights: BurstHeights, extent: Extent) -> float:
    """Share of the heights under the valid part of an image that are known."""
    parts = (
        slice(first // step, last // step + 1)
        for (first, last), step in zip(extent, (heights.row_step, heights.col_step), strict=True)
    )
    return float(np.isfinite(heights.height[tuple(parts)]).mean())


def require_known(heights: BurstHeights, extent: Extent, box: GeoBox) -> None:
    """Refuse heights that are known for too few pixels of an image.

    Raises
    ------
    ValueError
        With the share, and the bounds that the terrain must cover.
    """
    known = known_share(heights, extent)
    if known < _LEAST_TERRAIN:
        edges = ", ".join(f"{edge:.3f}" for edge in box.bounds)
        raise ValueError(
            f"dem must cover the bursts, it has heights for {known:.0%} of this one, whose ground lies within "
            f"{edges} (west, south, east, north)"
        )
