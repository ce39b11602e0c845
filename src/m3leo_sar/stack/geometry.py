"""Positions on the ground of the pixels of a stack in radar geometry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, dataclass

import numpy as np
from numpy.typing import NDArray

from m3leo_sar import _check
from m3leo_sar.grid.annotated_timing import AnnotatedTiming
from m3leo_sar.grid.antimeridian import beside, bounds_of_all, bounds_of_points
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.heights import ellipsoidal_heights
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.projection import has_heights
from m3leo_sar.grid.radar_grid import RadarGrid

#: Latitude from which meridians are too close for a block's bounds to give its place.
_NEAR_POLE = 85


@dataclass(frozen=True, slots=True, eq=False)
class RadarGeometry:
    """Latitude and longitude of each pixel of an image in range and azimuth.

    Parameters
    ----------
    latitude, longitude : (rows, cols) float
        Degrees, WGS84. NaN where the position is unknown.
    height : (rows, cols) float, optional
        Metres above the ellipsoid.
    incidence : (rows, cols) float, optional
        Local or ellipsoidal incidence angle in degrees.

    Raises
    ------
    ValueError
        If the arrays are not two-dimensional or differ in shape, or a latitude lies outside [-90, 90].
    """

    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    height: NDArray[np.float64] | None = None
    incidence: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.latitude)
        if len(shape) != 2:
            raise ValueError(f"latitude must be (rows, cols), got shape {shape}")
        for name in ("latitude", "longitude", "height", "incidence"):
            layer = getattr(self, name)
            if layer is None:
                continue
            layer = np.asarray(layer, np.float64)
            if layer.shape != shape:
                raise ValueError(f"{name} must have the shape of latitude, {shape}, got {layer.shape}")
            object.__setattr__(self, name, layer)
        extreme = np.nanmax(np.abs(self.latitude)) if np.isfinite(self.latitude).any() else 0.0
        if extreme > 90:
            raise ValueError(f"latitude must lie in [-90, 90] degrees, got {extreme} (are the two swapped?)")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.latitude.shape

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) of the known pixel centres in degrees, NaN if none is known.

        East continues beyond 180 degrees, or west below -180, if the image lies over the 180th meridian.
        """
        # Many processors fill in 0 for both if they know none.
        known = np.isfinite(self.latitude) & np.isfinite(self.longitude)
        known &= (self.latitude != 0) | (self.longitude != 0)
        if not known.any():
            return (np.nan,) * 4
        return bounds_of_points(self.longitude[known], self.latitude[known])

    def crop(self, rows: slice, cols: slice) -> RadarGeometry:
        """Geometry of the pixels ``[rows, cols]``."""
        height = None if self.height is None else self.height[rows, cols]
        incidence = None if self.incidence is None else self.incidence[rows, cols]
        return RadarGeometry(self.latitude[rows, cols], self.longitude[rows, cols], height, incidence)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StoredRadarGeometry:
    """A :class:`RadarGeometry` on disk, of which only the part under a tile is read.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the image.
    read : callable
        ``read(rows, cols)`` returns latitude and longitude of the pixels of two slices, and with ``every=True`` all
        known layers.
    block : int
        Rows and columns of a block.
    extents : (block rows, block cols, 4) float64
        (west, south, east, north) of the known pixels of each block and of the row and column after it, as
        :func:`band_extents` gives them; NaN where none is known.

    Raises
    ------
    ValueError
        If there is not one extent per block, or no position is known.
    """

    shape: tuple[int, int]
    read: Callable[..., RadarGeometry]
    block: int
    extents: NDArray[np.float64]

    def __post_init__(self) -> None:
        blocks = (*(-(-size // self.block) for size in self.shape), 4)
        if self.extents.shape != blocks:
            raise ValueError(f"extents must have shape {blocks}, got {self.extents.shape}")
        if not np.isfinite(self.extents).any():
            raise ValueError("latitude and longitude must be known in some pixel, got no known pixel")

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) of the known pixel centres in degrees, as :attr:`RadarGeometry.bounds`."""
        return bounds_of_all(self.extents)

    def crop(self, rows: slice, cols: slice) -> RadarGeometry:
        """Geometry of the pixels ``[rows, cols]``, in memory."""
        parts = (slice(*part.indices(size)[:2]) for part, size in zip((rows, cols), self.shape, strict=True))
        return self.read(*parts, every=True)

    def around(self, bounds: tuple[float, float, float, float]) -> tuple[slice, slice] | None:
        """Rows and columns that hold every pixel within (west, south, east, north), and its neighbours.

        All of them near a pole, None if there is no pixel.
        """
        west, south, east, north = bounds
        if not -_NEAR_POLE < south < north < _NEAR_POLE:
            return slice(0, self.shape[0]), slice(0, self.shape[1])
        left, low, right, high = np.moveaxis(beside(bounds, self.extents), -1, 0)
        # A cell of four pixels may bulge a little beyond their longitudes and latitudes.
        slack_x, slack_y = (right - left) / 16 + 1e-6, (high - low) / 16 + 1e-6
        hit = (low - slack_y <= north) & (high + slack_y >= south)
        # Extents of half the globe, as in older stores over the 180th meridian, count as the whole globe.
        hit &= ((left - slack_x <= east) & (right + slack_x >= west)) | (right - left > 180)
        if not hit.any():
            return None
        rows, cols = (
            slice(int(found[0]) * self.block, min((int(found[-1]) + 1) * self.block + 1, size))
            for found, size in zip((np.flatnonzero(hit.any(axis=axis)) for axis in (1, 0)), self.shape, strict=True)
        )
        return rows, cols


def band_extents(band: RadarGeometry, block: int) -> list[tuple[float, float, float, float]]:
    """Bounds of each block of a row of blocks, where ``band`` has one row more than they have.

    Returns
    -------
    list of (west, south, east, north)
        Degrees, of the block's known pixels and of those in the row and column after it; NaN where none is known.
    """
    return [band.crop(slice(None), slice(col, col + block + 1)).bounds for col in range(0, band.shape[1], block)]


@dataclass(frozen=True, slots=True, eq=False)
class OrbitGeometry:
    """Orbit, grid and terrain of an image in range and azimuth, from which the places of its pixels follow.

    Parameters
    ----------
    orbit : Orbit
        State vectors over the image's times.
    radar_grid : RadarGrid
        Azimuth times and ranges of the pixels.
    dem : (rows, cols) float32 or float64
        NumPy; heights in metres, NaN where unknown: above the WGS 84 ellipsoid, unless the next two state another
        datum. It should reach beyond the image.
    dem_geobox : GeoBox
        Grid of the terrain. From a compound CRS, heights are converted to the ellipsoid here.
    vertical_crs : str, optional
        Vertical datum of ``dem`` where its CRS does not state it, as for
        :func:`m3leo_sar.grid.heights.ellipsoidal_heights`; heights are converted here.
    timing : AnnotatedTiming, optional
        What ``radar_grid`` leaves out. It moves the image on the map and never enters a phase.

    Raises
    ------
    TypeError
        If ``dem`` is no NumPy array of float32 or float64.
    ValueError
        If its shape is not that of its grid, or the orbit does not cover the image.
    """

    orbit: Orbit
    radar_grid: RadarGrid
    dem: NDArray[np.floating]
    dem_geobox: GeoBox
    vertical_crs: InitVar[str | None] = None
    timing: AnnotatedTiming | None = None

    def __post_init__(self, vertical_crs: str | None) -> None:
        if not isinstance(self.dem, np.ndarray):
            raise TypeError(
                f"dem must be a NumPy array, got {type(self.dem).__name__}; give its values, and vertical_crs= for the "
                "datum of its heights"
            )
        if isinstance(self.dem, np.ma.MaskedArray):
            object.__setattr__(self, "dem", _check.filled(self.dem, "dem", slc=False))
        _check.height_array(self.dem, self.dem_geobox.shape)
        if has_heights(self.dem_geobox.crs) or vertical_crs is not None:
            found = ellipsoidal_heights(self.dem, self.dem_geobox, vertical_crs=vertical_crs)
            for name, value in zip(("dem", "dem_geobox"), found, strict=True):
                object.__setattr__(self, name, value)
        self.radar_grid.arc(self.orbit)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self.radar_grid.shape

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) of the terrain in degrees, as for a :class:`RadarGeometry`: it holds the image."""
        return self.dem_geobox.bounds_in("EPSG:4326")

    def crop(self, rows: slice, cols: slice) -> OrbitGeometry:
        """Geometry of the pixels ``[rows, cols]``."""
        first = [span.indices(size)[0] for span, size in zip((rows, cols), self.shape, strict=True)]
        timing = None if self.timing is None else self.timing.crop(*first)
        return OrbitGeometry(self.orbit, self.radar_grid.crop(rows, cols), self.dem, self.dem_geobox, timing=timing)


#: Possible geometries of a stack.
Geometry = GeoBox | RadarGeometry | StoredRadarGeometry | OrbitGeometry
