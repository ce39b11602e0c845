"""Terrain-flattened backscatter: the ground area that each pixel of a radar image sees, from a terrain model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.orbit import Orbit, earth_fixed
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.warp.geo2rdr import geo2rdr, known_terrain, rdr2geo
from m3leo_sar.warp.reproject import reproject

#: Facets per pixel of the radar image, at least, so that their sum is smooth.
_FACETS = 3
#: Rows of the terrain computed at once.
_BLOCK = 128


def illuminated_area(
    *,
    orbit: Orbit,
    radar_grid: RadarGrid,
    dem: NDArray[Any],
    dem_geobox: GeoBox,
    vertical_crs: str | None = None,
    shadow: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Compute the illuminated ground area of each radar pixel, projected onto the plane perpendicular to the sight.

    The terrain is divided into triangles, whose areas are added up in the pixels of the radar image that they fall
    into. In layover several slopes add up in one pixel, as they do in its intensity.

    Parameters
    ----------
    orbit : Orbit
    radar_grid : RadarGrid
        Grid of the image. Pixels much finer than the terrain cost time and gain nothing: use the grid of the
        multilooked intensity (:meth:`m3leo_sar.grid.radar_grid.RadarGrid.reduced`).
    dem, dem_geobox, vertical_crs
        Terrain as for :func:`m3leo_sar.warp.geo2rdr.rdr2geo`, which must reach beyond the image by the layover; NumPy.
        Triangles with an unknown height do not count.
    shadow : (dem rows, dem cols) bool, optional
        Ground hidden by other ground, which does not count, such as from
        :func:`m3leo_sar.warp.geo2rdr.radar_view` on the grid of the terrain. Slopes that face away never count.

    Returns
    -------
    (rows, cols) float64
        Square metres per pixel; 0 where no ground is seen.

    Raises
    ------
    TypeError, ValueError
        As for :func:`m3leo_sar.warp.geo2rdr.rdr2geo`; also if ``shadow`` has another shape than ``dem``.

    References
    ----------
    Small, 2011, IEEE TGRS 49(8), 3081-3093, section II.
    """
    dem, dem_geobox = known_terrain(dem, dem_geobox, vertical_crs)
    if shadow is not None and shadow.shape != dem.shape:
        raise ValueError(f"shadow must have the shape of dem, {dem.shape}, got {shadow.shape}")
    dem = dem.astype(np.float64)
    if shadow is not None:
        dem[shadow] = math.nan
    fine = _finer(dem_geobox, radar_grid, orbit, float(np.nanmean(dem)))
    area = np.zeros(radar_grid.shape)
    for start in range(0, fine.shape[0] - 1, _BLOCK):
        # Blocks share a row of corners.
        part = fine.crop(slice(start, min(start + _BLOCK + 1, fine.shape[0])), slice(0, fine.shape[1]))
        heights = reproject(dem, dem_geobox, part, antialias=False)
        _add_triangles(area, part, heights, orbit, radar_grid)
    return area


def flattened_gamma(
    beta: Any, area: NDArray[np.float64], *, orbit: Orbit, radar_grid: RadarGrid
) -> NDArray[np.floating[Any]]:
    """Convert radar brightness to terrain-flattened gamma nought.

    Parameters
    ----------
    beta : (rows, cols) float32 or float64
        Radar brightness (beta nought), linear.
    area : (rows, cols) float64
        :func:`illuminated_area` of the same grid.
    orbit, radar_grid
        Orbit and grid of the image.

    Returns
    -------
    (rows, cols), dtype of ``beta``
        Linear gamma nought; NaN where no ground is illuminated.

    Raises
    ------
    ValueError
        If shapes differ.
    """
    if beta.shape != area.shape or tuple(area.shape) != radar_grid.shape:
        raise ValueError(f"beta and area must have the shape of radar_grid, {radar_grid.shape}, got {beta.shape}")
    slant = radar_grid.range_spacing * _row_spacing(orbit, radar_grid)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(area > 0, slant / area, math.nan)
    return np.asarray(beta * share, beta.dtype)


def _finer(geobox: GeoBox, radar_grid: RadarGrid, orbit: Orbit, height: float) -> GeoBox:
    """Grid of a terrain, divided so that several facets fall into a pixel of the image."""
    rows, cols = geobox.shape
    middle = np.array([[rows / 2, cols / 2], [rows / 2 + 1, cols / 2], [rows / 2, cols / 2 + 1]]).T
    a, b, c, d, e, f = tuple(geobox.affine)[:6]
    x, y = a * middle[1] + b * middle[0] + c, d * middle[1] + e * middle[0] + f
    longitude, latitude = geobox.transformer_to("EPSG:4326").transform(x, y)
    row, col = geo2rdr(latitude, longitude, height, orbit=orbit, radar_grid=radar_grid)
    # Pixels of the image per facet: the parallelogram of the steps along both axes.
    pixels = abs((row[1] - row[0]) * (col[2] - col[0]) - (row[2] - row[0]) * (col[1] - col[0]))
    times = min(max(math.ceil(math.sqrt(_FACETS * pixels)), 1), 16) if math.isfinite(pixels) else 1
    affine = geobox.affine * type(geobox.affine).scale(1 / times)
    return GeoBox((rows * times, cols * times), affine, geobox.crs)


def _add_triangles(
    area: NDArray[np.float64], part: GeoBox, heights: NDArray[np.float64], orbit: Orbit, radar_grid: RadarGrid
) -> None:
    """Add the areas of a block of terrain to the pixels they fall into."""
    longitude, latitude = part.transformer_to("EPSG:4326").transform(*part.centres())
    points = earth_fixed(longitude, latitude, heights)
    rows, cols = geo2rdr(latitude, longitude, np.nan_to_num(heights), orbit=orbit, radar_grid=radar_grid)
    arc = radar_grid.arc(orbit)
    first, second = (slice(None, -1), slice(None, -1)), (slice(1, None), slice(1, None))
    for third in ((slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))):
        corners = [points[first], points[second], points[third]]
        row = (rows[first] + rows[second] + rows[third]) / 3
        col = (cols[first] + cols[second] + cols[third]) / 3
        middle = sum(corners) / 3
        time = radar_grid.azimuth_time + row * radar_grid.azimuth_interval
        at = np.polynomial.polynomial.polyval((time - arc.centre) / arc.half, arc.terms.T)
        sight = np.moveaxis(at, 0, -1) - middle
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0]) / 2
        normal *= np.sign((normal * middle).sum(axis=-1))[..., None]
        facing = (normal * sight).sum(axis=-1) / np.linalg.norm(sight, axis=-1)
        _spread(area, row, col, np.where(facing > 0, facing, 0.0))


def _spread(area: NDArray[np.float64], row: Any, col: Any, amount: Any) -> None:
    """Add amounts at fractional positions to the four pixels around each."""
    seen = np.isfinite(row) & np.isfinite(col) & np.isfinite(amount) & (amount > 0)
    row, col, amount = row[seen], col[seen], amount[seen]
    top, left = np.floor(row).astype(int), np.floor(col).astype(int)
    down, along = row - top, col - left
    for r, weight_row in ((top, 1 - down), (top + 1, down)):
        for c, weight_col in ((left, 1 - along), (left + 1, along)):
            inside = (r >= 0) & (r < area.shape[0]) & (c >= 0) & (c < area.shape[1])
            flat = r[inside] * area.shape[1] + c[inside]
            shares = (amount * weight_row * weight_col)[inside]
            area += np.bincount(flat, shares, minlength=area.size).reshape(area.shape)


def _row_spacing(orbit: Orbit, radar_grid: RadarGrid) -> NDArray[np.float64]:
    """Metres on the ground from row to row, by column."""
    world = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")
    cols = np.linspace(0, radar_grid.shape[1] - 1, 5)
    middle = (radar_grid.shape[0] - 1) / 2
    rows = np.array([[middle - 0.5], [middle + 0.5]])
    ground = rdr2geo(
        orbit=orbit,
        radar_grid=radar_grid,
        dem=np.zeros((2, 2)),
        dem_geobox=world,
        rows=np.broadcast_to(rows, (2, 5)),
        cols=np.broadcast_to(cols, (2, 5)),
    )
    points = earth_fixed(ground.longitude, ground.latitude, ground.height)
    spacing = np.linalg.norm(points[1] - points[0], axis=-1)
    return np.interp(np.arange(radar_grid.shape[1]), cols, spacing)
