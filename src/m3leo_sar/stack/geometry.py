"""Where the pixels of a stack in radar geometry lie on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m3leo_sar import _check
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid


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
        """(west, south, east, north) of the known pixel centres in degrees."""
        return (
            float(np.nanmin(self.longitude)),
            float(np.nanmin(self.latitude)),
            float(np.nanmax(self.longitude)),
            float(np.nanmax(self.latitude)),
        )

    def crop(self, rows: slice, cols: slice) -> RadarGeometry:
        """Geometry of the pixels ``[rows, cols]``."""
        height = None if self.height is None else self.height[rows, cols]
        incidence = None if self.incidence is None else self.incidence[rows, cols]
        return RadarGeometry(self.latitude[rows, cols], self.longitude[rows, cols], height, incidence)


@dataclass(frozen=True, slots=True, eq=False)
class OrbitGeometry:
    """Orbit, grid and terrain of an image in range and azimuth, from which its pixels' places follow.

    Parameters
    ----------
    orbit : Orbit
        State vectors over the image's times.
    radar_grid : RadarGrid
        Azimuth times and ranges of the pixels.
    dem : (rows, cols) float32 or float64
        Heights in metres above the WGS 84 ellipsoid; NaN where unknown. It should reach beyond the image.
    dem_geobox : GeoBox
        Grid of the terrain.

    Raises
    ------
    TypeError
        If ``dem`` is not float32 or float64.
    ValueError
        If its shape is not that of its grid, or the orbit does not cover the image.
    """

    orbit: Orbit
    radar_grid: RadarGrid
    dem: NDArray[np.floating]
    dem_geobox: GeoBox

    def __post_init__(self) -> None:
        _check.height_array(self.dem, self.dem_geobox.shape)
        self.radar_grid.arc(self.orbit)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self.radar_grid.shape

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) of the terrain in degrees: the image lies within."""
        return self.dem_geobox.bounds_in("EPSG:4326")

    def crop(self, rows: slice, cols: slice) -> OrbitGeometry:
        """Geometry of the pixels ``[rows, cols]``."""
        return OrbitGeometry(self.orbit, self.radar_grid.crop(rows, cols), self.dem, self.dem_geobox)


#: What a stack may lie on.
Geometry = GeoBox | RadarGeometry | OrbitGeometry
