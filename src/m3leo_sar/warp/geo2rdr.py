"""Transforms between ground and radar coordinates (azimuth, range), from the orbit and a terrain model."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of, module_of
from m3leo_sar.doors.door import door
from m3leo_sar.grid.geobox import GeoBox, as_geobox
from m3leo_sar.grid.heights import ellipsoidal_heights
from m3leo_sar.grid.orbit import Orbit, earth_fixed
from m3leo_sar.grid.projection import has_heights, is_geographic
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.warp.pixel_map import PixelMap, step_of
from m3leo_sar.warp.reproject import reproject
from m3leo_sar.warp.shade import shaded
from m3leo_sar.warp.tile_ground import ground_terms

#: Valid heights in metres; values outside are voids that a file did not declare, such as -32768.
_GROUND = (-500.0, 9000.0)


class GroundPoints(NamedTuple):
    """Ground positions of radar pixels, each array in the requested shape.

    Parameters
    ----------
    latitude, longitude : float64
        WGS 84 degrees; NaN where the range circle meets no known terrain.
    height : float64
        Metres above the ellipsoid.
    incidence : float64
        Degrees between the line of sight and the vertical.
    """

    latitude: Any
    longitude: Any
    height: Any
    incidence: Any


class RadarView(NamedTuple):
    """Viewing geometry of a tile.

    Parameters
    ----------
    positions : PixelMap
        Position of each pixel in the image, for :func:`m3leo_sar.warp.sample.sample` on every date of the stack.
    height : (tile rows, tile cols) float64
        Terrain height on the tile's grid, in metres.
    incidence : (tile rows, tile cols) float64
        Local incidence angle: degrees between the line of sight and the terrain normal.
    layover, shadow : (tile rows, tile cols) bool
        Pixels with other ground at the same range, and pixels hidden by ground nearer to the radar.
    """

    positions: PixelMap
    height: Any
    incidence: Any
    layover: Any
    shadow: Any


@door(
    arrays={"latitude": "*", "longitude": "*", "height": "*"},
    array_like=("latitude", "longitude", "height"),
    eager=True,
    labels=False,
)
def geo2rdr(
    latitude: Any, longitude: Any, height: Any, *, orbit: Orbit, radar_grid: RadarGrid
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the positions of ground points in a radar image.

    Parameters
    ----------
    latitude, longitude : array_like
        WGS 84 degrees.
    height : array_like
        Metres above the ellipsoid.
    orbit : Orbit
        It must cover the times of the image.
    radar_grid : RadarGrid
        Grid of the image.

    Returns
    -------
    rows, cols : float64
        Fractional pixels, 0.0 being the centre of the first; NaN where a point is not seen: on the other side of the
        track, or before or after the image by more than a fifth of its duration, at least one second. NumPy, in the
        broadcast shape.

    Raises
    ------
    ValueError
        If the orbit does not cover the image or a latitude is off the globe.

    Notes
    -----
    Newton's method on the Doppler equation in double precision. It stops after a step below a thousandth of a row; the
    next would be below 1e-9 row.

    References
    ----------
    Curlander and McDonough, 1991, Synthetic Aperture Radar, chapter 8 (range and Doppler equations).
    """
    latitude = np.asarray(latitude, np.float64)
    if (np.abs(latitude) > 90).any():
        raise ValueError(f"latitude must be degrees from -90 to 90, got {latitude[np.abs(latitude) > 90].flat[0]}")
    points = earth_fixed(np.asarray(longitude, np.float64), latitude, np.asarray(height, np.float64))
    backend = backend_of(points)
    rows, cols = backend.geometry_points(radar_grid.model(orbit), points.reshape(-1, 3), _middle(radar_grid))
    return rows.reshape(points.shape[:-1]), cols.reshape(points.shape[:-1])


@door(
    arrays={"dem": "rc", "rows": "*", "cols": "*"},
    array_like=("rows", "cols"),
    eager=True,
    labels=False,
    heights="dem",
)
def rdr2geo(
    *,
    orbit: Orbit,
    radar_grid: RadarGrid,
    dem: Any,
    dem_geobox: GeoBox,
    vertical_crs: str | None = None,
    rows: Any = None,
    cols: Any = None,
) -> GroundPoints:
    """Compute the ground positions of radar image pixels.

    Parameters
    ----------
    orbit : Orbit
        It must cover the times of the image.
    radar_grid : RadarGrid
        Grid of the image.
    dem : (rows, cols) float32 or float64
        Heights in metres; NaN where unknown; heights outside -500 to 9000 m are treated as unknown. A plain array holds
        heights above the WGS 84 *ellipsoid*, unless ``dem_geobox`` or ``vertical_crs`` states another datum. An xarray
        array with a CRS must have its datum stated by that CRS, ``dem_geobox`` or ``vertical_crs``.
    dem_geobox : GeoBox
        Grid of ``dem``. A grid that is not in longitude and latitude is resampled to them. If its CRS is compound, such
        as EPSG:4326+3855, heights are converted from its vertical datum to the ellipsoid at every call. Most terrain
        models give heights above the geoid without stating it in their CRS: use
        :func:`m3leo_sar.grid.heights.ellipsoidal_heights` first, once for many tiles.
    vertical_crs : str, optional
        Vertical datum of ``dem`` where no CRS states it, such as ``"EPSG:3855"``, or ``"ellipsoid"``.
    rows, cols : array_like, optional
        Fractional pixels to compute, of one shape; every pixel of the image if omitted.

    Returns
    -------
    GroundPoints
        In the library of ``dem``. In layover the result is one of the points at that range.

    Raises
    ------
    TypeError
        If ``dem`` is not float32 or float64.
    ValueError
        If the orbit does not cover the image, the shape of ``dem`` is not that of its grid, it has no known height,
        its vertical datum is not stated, PROJ lacks the grid of its geoid, or only one of ``rows`` and ``cols`` is
        given.
    """
    terrain = terrain_table(dem, dem_geobox, vertical_crs)
    if (rows is None) != (cols is None):
        raise ValueError("rows and cols must be given together")
    if rows is None:
        rows, cols = (axis.astype(np.float64) for axis in np.indices(radar_grid.shape))
    rows, cols = (np.asarray(axis, np.float64, order="C") for axis in np.broadcast_arrays(rows, cols))
    return ground_points(terrain, orbit=orbit, radar_grid=radar_grid, rows=rows, cols=cols)


class TerrainTable(NamedTuple):
    """Terrain as the kernels take it.

    Parameters
    ----------
    dem : (rows, cols) float64
        Metres above the ellipsoid, NaN where unknown, on a north-up grid of longitude and latitude.
    facts : tuple of float
        Longitude and latitude of the first post, steps in degrees, lowest and highest height.
    """

    dem: Any
    facts: tuple[float, ...]


def terrain_table(dem: Any, dem_geobox: GeoBox, vertical_crs: str | None) -> TerrainTable:
    """Terrain for many calls of :func:`ground_points`; arguments and errors as for :func:`rdr2geo`."""
    dem, dem_geobox = _geographic(*known_terrain(dem, dem_geobox, vertical_crs))
    if not bool((dem == dem).any()):
        raise ValueError("dem must have a known height, all are NaN")
    a, _, c, _, e, f = tuple(dem_geobox.affine)[:6]
    module = module_of(dem)
    low, high = float(module.nanmin(dem)), float(module.nanmax(dem))
    return TerrainTable(dem.astype(np.float64, copy=False), (c + a / 2, f + e / 2, a, e, low, high))


def ground_points(
    terrain: TerrainTable, *, orbit: Orbit, radar_grid: RadarGrid, rows: np.ndarray, cols: np.ndarray
) -> GroundPoints:
    """Ground positions of radar pixels, float64 and of one shape; see :func:`rdr2geo`."""
    backend = backend_of(terrain.dem)
    found = backend.geometry_ground(radar_grid.model(orbit), rows.ravel(), cols.ravel(), *terrain)
    longitude, latitude, height, incidence = (plane.reshape(rows.shape) for plane in found)
    for angle in (longitude, latitude, incidence):
        angle *= 180 / math.pi
    return GroundPoints(latitude, longitude, height, incidence)


@door(arrays={"dem": "rc"}, eager=True, labels=False, heights="dem")
def radar_map(
    tile: GeoBox | Tile,
    *,
    orbit: Orbit,
    radar_grid: RadarGrid,
    dem: Any,
    dem_geobox: GeoBox,
    vertical_crs: str | None = None,
) -> PixelMap:
    """Compute the position of each pixel centre of a tile in a radar image.

    Ground positions and a first guess of the time follow from polynomials through a few nodes; each pixel, at its own
    height, then needs one step of Newton's method, or several far from the image. The map applies to every date of a
    stack that is co-registered to this grid.

    Parameters
    ----------
    tile : GeoBox or Tile
        Grid of the tile, in any CRS.
    orbit, radar_grid, dem, dem_geobox, vertical_crs
        As for :func:`rdr2geo`; the terrain may be in any CRS.

    Returns
    -------
    PixelMap
        Positions in radar pixels; NaN where the height is unknown or the ground is not seen.

    Raises
    ------
    TypeError, ValueError
        As for :func:`rdr2geo`.
    """
    tile_geobox = as_geobox(tile, "tile")
    dem, dem_geobox = known_terrain(dem, dem_geobox, vertical_crs)
    positions, _, _ = _placed(tile_geobox, orbit, radar_grid, dem, dem_geobox)
    return positions


@door(
    arrays={"dem": "rc"},
    eager=True,
    grid=lambda tile, **_: as_geobox(tile, "tile"),
    units={"height": "m", "incidence": "degrees", "layover": None, "shadow": None},
    heights="dem",
)
def radar_view(
    tile: GeoBox | Tile,
    *,
    orbit: Orbit,
    radar_grid: RadarGrid,
    dem: Any,
    dem_geobox: GeoBox,
    vertical_crs: str | None = None,
) -> RadarView:
    """Compute a tile's position in a radar image, its local incidence angle, layover and shadow.

    Layover and shadow are searched along the line of sight over the ground, as far around the tile as the relief
    requires, up to 2000 pixels, where ``dem`` is known (:func:`m3leo_sar.warp.shade.shaded`). The search itself costs
    about the same in hills and in high mountains; only the required ground around the tile grows.

    Parameters
    ----------
    tile, orbit, radar_grid, dem, dem_geobox, vertical_crs
        As for :func:`radar_map`.

    Returns
    -------
    RadarView

    Raises
    ------
    TypeError, ValueError
        As for :func:`rdr2geo`.
    """
    tile_geobox = as_geobox(tile, "tile")
    dem, dem_geobox = known_terrain(dem, dem_geobox, vertical_crs)
    # One more pixel on each side, as the terrain slope at the edge needs both neighbours.
    wide_positions, wide_height, terms = _placed(tile_geobox.pad(1, 1), orbit, radar_grid, dem, dem_geobox)
    backend = backend_of(wide_height)
    incidence = backend.geometry_incidence(radar_grid.model(orbit), *terms, wide_height, wide_positions.rows)
    inner = (slice(1, -1), slice(1, -1))
    rows, cols, height = (plane[inner].copy() for plane in (wide_positions.rows, wide_positions.cols, wide_height))
    positions = PixelMap(rows, cols, radar_grid.shape, scale=wide_positions.scale)
    layover, shadow = shaded(tile_geobox, height, dem, dem_geobox, orbit=orbit, radar_grid=radar_grid)
    seen = rows == rows
    return RadarView(positions, height, incidence[inner] * (180 / math.pi), layover & seen, shadow & seen)


def _middle(radar_grid: RadarGrid) -> float:
    return radar_grid.azimuth_time + (radar_grid.shape[0] - 1) / 2 * radar_grid.azimuth_interval


def known_terrain(dem: Any, dem_geobox: GeoBox, vertical_crs: str | None) -> tuple[Any, GeoBox]:
    """Heights above the ellipsoid, NaN outside the valid range, on a grid in its horizontal CRS."""
    _check.height_array(dem, dem_geobox.shape)
    if has_heights(dem_geobox.crs) or vertical_crs is not None:
        backend = backend_of(dem)
        heights, dem_geobox = ellipsoidal_heights(backend.to_host(dem), dem_geobox, vertical_crs=vertical_crs)
        dem = backend.to_device(heights)
    void = (dem < _GROUND[0]) | (dem > _GROUND[1])
    if bool(void.any()):
        dem = dem.copy()
        dem[void] = math.nan
    return dem, dem_geobox


def _geographic(dem: Any, dem_geobox: GeoBox) -> tuple[Any, GeoBox]:
    """Terrain on a north-up grid of longitude and latitude, at about its own resolution."""
    if is_geographic(dem_geobox.crs) and dem_geobox.is_axis_aligned:
        return dem, dem_geobox
    west, south, east, north = dem_geobox.bounds_in("EPSG:4326")
    rows, cols = dem_geobox.shape
    box = GeoBox.from_bounds((west, south, east, north), shape=(rows, cols), crs="EPSG:4326")
    return reproject(dem, dem_geobox, box, antialias=False), box


def _placed(
    tile_geobox: GeoBox, orbit: Orbit, radar_grid: RadarGrid, dem: Any, dem_geobox: GeoBox
) -> tuple[PixelMap, Any, tuple[np.ndarray, np.ndarray]]:
    """Radar positions and heights of a tile's pixels, and the terms of their ground positions."""
    model = radar_grid.model(orbit)
    terms = ground_terms(tile_geobox, radar_grid, model)
    height = reproject(dem, dem_geobox, tile_geobox).astype(np.float64)
    rows, cols = backend_of(height).geometry_tile(model, *terms, height)
    return PixelMap(rows, cols, radar_grid.shape, scale=step_of(*_host(height, rows, cols))), height, terms


def _host(height: Any, rows: Any, cols: Any) -> tuple[np.ndarray, np.ndarray]:
    backend = backend_of(height)
    return backend.to_host(rows), backend.to_host(cols)
