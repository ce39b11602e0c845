"""Layover and shadow on a tile: ground that overlaps in slant range, and ground hidden by other ground."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar._backend.choose import backend_of
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.orbit import Orbit, earth_fixed
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.warp.pixel_map import pixel_map, transformed
from m3leo_sar.warp.reproject import reproject
from m3leo_sar.warp.tile_ground import sight_terms

#: Maximum number of pixels around a tile to search for layover and shadow.
_FURTHEST = 2000
#: Maximum relief in metres, and the margin of the search length over that for level ground of one incidence.
_MOST_RELIEF, _MORE = 9500.0, 1.1
#: Block side in pixels for a first coarse pass over the terrain.
_COARSE = 16


class Search(NamedTuple):
    """Search direction and length for layover and shadow.

    Parameters
    ----------
    stride : (float, float)
        Rows and columns per step of one pixel over the ground, away from the radar.
    reach : float
        Steps per metre of relief.
    """

    stride: tuple[float, float]
    reach: float

    def steps(self, relief: float) -> int:
        """Search length for a relief in metres."""
        return int(min(max(math.ceil(_MORE * relief * self.reach), 1), _FURTHEST))

    def rim(self, relief: float) -> tuple[int, int]:
        """Rows and columns around a tile covered by the search: as narrow as the line of sight allows."""
        rows, cols = (math.ceil(self.steps(relief) * abs(part)) + 1 for part in self.stride)
        return rows, cols


def shaded(
    tile: GeoBox, height: Any, dem: Any, dem_geobox: GeoBox, *, orbit: Orbit, radar_grid: RadarGrid
) -> tuple[Any, Any]:
    """Compute layover and shadow of every pixel of a tile.

    Parameters
    ----------
    tile : GeoBox
        Grid of the tile.
    height : (tile rows, tile cols) float64
        Height above the ellipsoid in metres, NaN where unknown.
    dem, dem_geobox
        Terrain around the tile, and its grid.
    orbit, radar_grid
        Orbit and grid of the image.

    Returns
    -------
    layover, shadow : (tile rows, tile cols) bool

    Notes
    -----
    A pixel is in layover if the slant range of nearer ground reaches that of the pixel, or that of further ground falls
    to it; in shadow if the look angle of nearer ground reaches that of the pixel. The whole search length along the
    line is compared. Blocks of ground excluded by their largest value are skipped, with larger blocks further away (a
    pyramid of maxima), so the cost per pixel hardly grows with the length and no step is lost. Only where two values
    are equal within rounding may the result differ from that of a search of every step: on no pixel of the compared
    tiles, 448 x 448 with 900 m of relief, and on at most one in a thousand in the tests.

    References
    ----------
    Kropatsch and Strobl, 1990, IEEE Transactions on Geoscience and Remote Sensing 28(1), 98-107 (layover and shadow
    from terrain); Tevs, Ihrke and Seidel, 2008, Symposium on Interactive 3D Graphics, 183-190 (maximum mipmaps).
    """
    backend = backend_of(height)
    model = radar_grid.model(orbit)
    found = _search(tile, radar_grid, model, height)
    if found is None:
        nothing = height != height
        nothing[...] = False
        return nothing, nothing.copy()
    relief = _relief_around(tile, dem, dem_geobox, found)
    rim = found.rim(relief)
    wide = tile.pad(*rim)
    ground = reproject(dem, dem_geobox, wide).astype(np.float64)
    sights = backend.geometry_sights(*sight_terms(wide, radar_grid, model), ground)
    shade = backend.geometry_shade(*sights, found.stride, found.steps(relief), rim, tile.shape)
    return (shade & 1) != 0, (shade & 2) != 0


def surroundings(
    tile: GeoBox, height: Any, dem: Any, dem_geobox: GeoBox, *, orbit: Orbit, radar_grid: RadarGrid
) -> GeoBox:
    """The tile with all ground around it that can lie over it or hide it; arguments as for :func:`shaded`."""
    search = _search(tile, radar_grid, radar_grid.model(orbit), height)
    return tile if search is None else tile.pad(*search.rim(_relief_around(tile, dem, dem_geobox, search)))


def _relief_around(tile: GeoBox, dem: Any, dem_geobox: GeoBox, search: Search) -> float:
    """Height range in metres of the ground that may hide or overlay a tile, including all ground within reach."""
    relief = _MOST_RELIEF
    for _ in range(3):
        around = tile.pad(*search.rim(relief)).reduced(_COARSE, _COARSE).pad(1, 1)
        rows, cols = pixel_map(dem_geobox, around).window(margin=2)
        ground = dem[rows, cols]
        known = ground[ground == ground]
        found = float(known.max() - known.min()) if known.size else 0.0
        if search.steps(found) >= search.steps(relief):
            break
        relief = found
    return relief


def _search(tile: GeoBox, radar_grid: RadarGrid, model: np.ndarray, height: Any) -> Search | None:
    """Line of sight over the centre of a tile at its mean height; None if no height is known or it is not seen."""
    known = height[height == height]
    if known.size == 0:
        return None
    level = float(known.mean())
    rows, cols = tile.shape
    at = np.array([[rows / 2, rows / 2 + 1, rows / 2], [cols / 2, cols / 2, cols / 2 + 1]])
    a, b, c, d, e, f = tuple(tile.affine)[:6]
    x, y = a * at[1] + b * at[0] + c, d * at[1] + e * at[0] + f
    longitude, latitude = transformed(x, y, tile.crs, "EPSG:4326")
    points = earth_fixed(longitude, latitude, level)
    middle = radar_grid.azimuth_time + (radar_grid.shape[0] - 1) / 2 * radar_grid.azimuth_interval
    row, col = backend_of(points).geometry_points(model, points, middle)
    jacobian = np.array([[row[1] - row[0], row[2] - row[0]], [col[1] - col[0], col[2] - col[0]]])
    if not np.isfinite(jacobian).all() or abs(np.linalg.det(jacobian)) < 1e-12:
        return None
    away = np.linalg.solve(jacobian, [0.0, 1.0])
    length = float(np.hypot(*away))
    # Ground and slant metres per pixel step: their ratio is the sine of the incidence.
    steps = [np.linalg.norm(points[k] - points[0]) for k in (1, 2)]
    metres = float(np.hypot(away[0] * steps[0], away[1] * steps[1])) / length
    sine = min(radar_grid.range_spacing / (metres * length), 0.999)
    # Shadow reaches relief times the tangent of the incidence, layover relief over it.
    tangent = sine / math.sqrt(1 - sine * sine)
    return Search((float(away[0]) / length, float(away[1]) / length), max(tangent, 1 / tangent) / metres)
