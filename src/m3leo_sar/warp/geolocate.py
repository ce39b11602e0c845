"""Geocoding of rasters in radar geometry, from the latitude and longitude of each pixel."""

from __future__ import annotations

from typing import Any

import numpy as np

from m3leo_sar._backend.choose import backend_of
from m3leo_sar.doors.door import door
from m3leo_sar.doors.prototype import prototype
from m3leo_sar.grid.antimeridian import nearest_longitude
from m3leo_sar.grid.geobox import GeoBox, as_geobox
from m3leo_sar.grid.projection import is_geographic
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.warp.area import AREA_RESAMPLINGS, area_sample, check_resampling, corner_grid
from m3leo_sar.warp.mask import masked
from m3leo_sar.warp.outside import check_outside, refuse_outside
from m3leo_sar.warp.pixel_map import PixelMap, step_of, transformed
from m3leo_sar.warp.sample import sample

#: Radar pixels further than this from a tile in a geographic CRS, in degrees of longitude, are on the other side of the
#: globe.
_FAR = 120.0
#: Maximum latitude of a tile in longitude and latitude.
_POLE = 89.9


def _like(radar: Any, tile: Any, **_: Any) -> Any:
    return prototype(radar, (*radar.shape[:-2], *as_geobox(tile, "tile").shape))


@door(
    arrays={"radar": "*rc", "latitude": "rc", "longitude": "rc", "mask": "*rc"},
    like=_like,
    grid=lambda tile, **_: as_geobox(tile, "tile"),
)
def geolocate(
    radar: Any,
    latitude: Any,
    longitude: Any,
    tile: GeoBox | Tile,
    *,
    resampling: str = "bilinear",
    mask: Any = None,
    nodata: int | None = None,
    antialias: bool = True,
    outside: str = "empty",
) -> Any:
    """Geocode a raster in radar geometry onto the grid of a tile.

    Parameters
    ----------
    radar : (rows, cols) or (bands, rows, cols) float32, float64, complex64, complex128, bool or integer
        NumPy, CuPy, torch, dask or xarray; NaN and masked values mark no data, and so does an infinity except
        for ``"nearest"``. bool and integers support ``"nearest"`` and ``"mode"`` only.
    latitude, longitude : (rows, cols) float32 or float64
        WGS 84 degrees of each radar pixel's centre; NaN where unknown. The scene may be mirrored, rotated or sheared.
    tile : GeoBox or Tile
        Grid of the result, in any CRS.
    resampling : {"bilinear", "nearest", "cubic", "cubic_spline", "lanczos", "average", "sum", "min", "max", "mode"}
        In radar pixels. Kernels ignore pixels without data and renormalise the other weights; less than half of the
        absolute weight gives NaN. nearest rounds halves up and copies bit for bit. The last five use the whole ground
        area of a tile pixel (:func:`m3leo_sar.warp.area.area_sample`).
    mask : (rows, cols) or (bands, rows, cols) bool, optional
        Where ``radar`` has data, such as outside layover and shadow; in the library of ``radar``.
    nodata : int, optional
        No-data value, required for bool and integers.
    antialias : bool
        Stretch the kernel along rows and columns where a tile pixel spans more than 1.05 of them.
    outside : {"empty", "error"}
        Result for a tile without a pixel on the scene: a chip without data, or a ValueError.

    Returns
    -------
    (tile rows, tile cols) or (bands, tile rows, tile cols), dtype and library of ``radar``
        NaN (or ``nodata``) outside the outermost pixel centres of the scene.

    Raises
    ------
    TypeError
        If the dtype of ``radar`` is none of the above or not supported by the resampling, the mask is not bool, or the
        coordinates are not float32 or float64.
    ValueError
        If the shapes differ, a coordinate is off the globe, the resampling is unknown, the CRS is unknown to PROJ, or
        ``nodata`` is missing, given but not applicable, or does not fit the dtype.

    See Also
    --------
    m3leo_sar.warp.geolocate.geolocation_map : computes the positions alone, for several rasters of one scene.

    Notes
    -----
    Complex values are interpolated as complex numbers. Never pass wrapped phase as real numbers: the mean of +3.1 and
    -3.1 is not near pi. Pass ``numpy.exp(1j * phase)`` or the interferogram, and take the angle afterwards.

    Examples
    --------
    A scene seen from the east, so that longitude falls with range:

    >>> import numpy as np
    >>> from m3leo_sar import GeoBox, geolocate
    >>> latitude = np.repeat([[52.0], [51.0], [50.0]], 4, axis=1)
    >>> longitude = np.repeat([[8.0, 7.0, 6.0, 5.0]], 3, axis=0)
    >>> tile = GeoBox.from_bounds((4.5, 50.5, 7.5, 52.5), shape=(2, 3), crs="EPSG:4326")
    >>> geolocate(longitude, latitude, longitude, tile)
    array([[5., 6., 7.],
           [5., 6., 7.]])
    """
    tile_geobox = as_geobox(tile, "tile")
    check_resampling(resampling)
    check_outside(outside)
    radar = masked(radar, mask, nodata, names=("radar", "mask"))
    if resampling in AREA_RESAMPLINGS:
        corners = geolocation_map(latitude, longitude, corner_grid(tile_geobox))
        refuse_outside(corners, outside)
        return area_sample(radar, corners, resampling=resampling, nodata=nodata)
    positions = geolocation_map(latitude, longitude, tile_geobox)
    refuse_outside(positions, outside)
    return sample(radar, positions, resampling=resampling, nodata=nodata, antialias=antialias)


@door(arrays={"latitude": "rc", "longitude": "rc"}, eager=True, labels=False)
def geolocation_map(latitude: Any, longitude: Any, tile: GeoBox | Tile) -> PixelMap:
    """Compute the position of each pixel centre of a tile in a radar image.

    The coordinates are projected to the tile's grid, where four neighbouring radar pixels form a cell. Each tile pixel
    is located in a cell, and the bilinear map of that cell is inverted in closed form, in double precision. There is no
    gridding, triangulation or iteration.

    Parameters
    ----------
    latitude, longitude : (rows, cols) float32 or float64
        WGS 84 degrees of each radar pixel's centre, at least 2 by 2; NaN where unknown, or 0 for both, the fill value
        of many processors; cells that touch such a pixel are ignored. NumPy or CuPy: the search runs on the device of
        the arrays; the coordinates, never the pixels, pass through host memory for PROJ.
    tile : GeoBox or Tile
        Grid of the tile, in any CRS.

    Returns
    -------
    PixelMap
        Positions in radar pixels; NaN outside the outermost pixel *centres* (nothing is extrapolated by half a
        pixel). Within 1e-7 of a radar pixel's centre row or column they are snapped to it. In layover, the cell of
        lowest row, then lowest column, is used on any device.

    Raises
    ------
    TypeError
        If the coordinates are not float32 or float64, or one is NumPy and the other CuPy.
    ValueError
        If the shapes differ, are not 2-D or are below 2 by 2, a latitude is outside -90 to 90 or a longitude outside
        -360 to 360 degrees, no position is known, the CRS is unknown to PROJ, or the tile reaches a pole in longitude
        and latitude.
    """
    tile_geobox = as_geobox(tile, "tile")
    _check_coordinates(latitude, longitude)
    _check_poles(tile_geobox)
    backend = backend_of(latitude, longitude)
    shape = (int(latitude.shape[0]), int(latitude.shape[1]))
    latitude, longitude = (_known(backend.to_host(axis)) for axis in (latitude, longitude))
    unknown = np.isnan(latitude) | np.isnan(longitude) | ((latitude == 0) & (longitude == 0))
    if unknown.all():
        raise ValueError("latitude and longitude must be known in some pixel, all pixels are NaN or at 0 N, 0 E")
    part = _around(latitude, longitude, unknown, tile_geobox)
    latitude, longitude = (np.where(unknown[part], np.nan, axis[part]) for axis in (latitude, longitude))
    tile_row, tile_col = _on_tile(latitude, longitude, tile_geobox)
    rows, cols = backend.geolocate_inverse(backend.to_device(tile_row), backend.to_device(tile_col), tile_geobox.shape)
    rows, cols = rows + part[0].start, cols + part[1].start
    return PixelMap(rows, cols, shape, scale=step_of(backend.to_host(rows), backend.to_host(cols)))


def _check_coordinates(latitude: Any, longitude: Any) -> None:
    for name, degrees, limit in (("latitude", latitude, 90), ("longitude", longitude, 360)):
        dtype = str(getattr(degrees, "dtype", type(degrees).__name__))
        if dtype not in ("float32", "float64"):
            raise TypeError(f"{name} must be an array of float32 or float64, got {dtype}")
        if degrees.ndim != 2 or min(degrees.shape) < 2:
            raise ValueError(f"{name} must be (rows, cols), at least 2 by 2, got shape {tuple(degrees.shape)}")
        if degrees.shape != latitude.shape:
            raise ValueError(
                f"longitude must have the shape of latitude, {tuple(latitude.shape)}, got {tuple(degrees.shape)}"
            )
        # Infinities are refused too: only NaN means unknown.
        beyond = abs(degrees) > limit
        if bool(beyond.any()):
            came = float(degrees[beyond][0])
            raise ValueError(f"{name} must be degrees from -{limit} to {limit}, or NaN, got {came}")


def _check_poles(tile_geobox: GeoBox) -> None:
    """Refuse a tile in longitude and latitude where meridians meet: its pixels have no neighbours across the pole."""
    if not is_geographic(tile_geobox.crs):
        return
    _, south, _, north = tile_geobox.bounds
    if max(-south, north) > _POLE:
        raise ValueError(
            f"tile must lie within {_POLE} degrees of latitude in {tile_geobox.crs}, got {south} to {north}; "
            "use a polar CRS such as EPSG:3413 or EPSG:3031"
        )


def _known(axis: np.ndarray) -> np.ndarray:
    return axis.astype(np.float64, copy=False)


def _around(
    latitude: np.ndarray, longitude: np.ndarray, unknown: np.ndarray, tile_geobox: GeoBox
) -> tuple[slice, slice]:
    """Rows and columns of the radar image that may contain a tile: one comparison per pixel instead of a projection.

    The corners of a cell that overlaps the tile are no further from it than the largest step between neighbours.
    """
    whole = (slice(0, latitude.shape[0]), slice(0, latitude.shape[1]))
    west, south, east, north = tile_geobox.bounds_in("EPSG:4326")
    # Tiles around a pole use the exact search.
    if not -85 < south < north < 85:
        return whole
    middle = (west + east) / 2
    if (np.abs(longitude - middle) > 180).any():
        longitude = nearest_longitude(longitude, middle)
    near = ~unknown
    reach = [_largest_step(axis, near) for axis in (latitude, longitude)]
    if max(reach) > 1:
        return whole
    near &= (latitude >= south - reach[0]) & (latitude <= north + reach[0])
    near &= (longitude >= west - reach[1]) & (longitude <= east + reach[1])
    if not near.any():
        return slice(0, 2), slice(0, 2)
    spans = []
    for axis in (1, 0):
        hit = np.flatnonzero(near.any(axis=axis))
        first, last = max(int(hit[0]) - 1, 0), min(int(hit[-1]) + 2, near.shape[1 - axis])
        spans.append(slice(first if last - first > 1 else last - 2, last))
    return spans[0], spans[1]


def _largest_step(axis: np.ndarray, known: np.ndarray) -> float:
    """Twice the largest difference between known neighbours, in degrees."""
    largest = 0.0
    for after, before in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        steps = np.abs(axis[after] - axis[before])[known[after] & known[before]]
        largest = max(largest, float(steps.max(initial=0.0)))
    return 2 * largest + 1e-9


def _on_tile(latitude: np.ndarray, longitude: np.ndarray, tile_geobox: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Fractional tile (row, col) of each radar pixel, NaN where unknown."""
    x, y = longitude.astype(np.float64), latitude.astype(np.float64)
    if tile_geobox.crs != "EPSG:4326":
        x, y = transformed(x, y, "EPSG:4326", tile_geobox.crs)
    if is_geographic(tile_geobox.crs):
        left, _, right, _ = tile_geobox.bounds
        x = nearest_longitude(x, (left + right) / 2)
        # At the longitude wrap, opposite to the tile, neighbours would span a cell around the globe.
        x[np.abs(x - (left + right) / 2) > _FAR] = np.nan
    return tile_geobox.to_pixels(x, y)
