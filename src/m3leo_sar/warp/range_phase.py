"""Flat-earth and topographic phase of an interferogram, from orbits and terrain."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar.doors.door import door
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.pixel_polynomial import bilinear_grid
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.warp.geo2rdr import geo2rdr, rdr2geo


class Acquisition(NamedTuple):
    """Orbit and grid of one image.

    Parameters
    ----------
    orbit : Orbit
        State vectors that cover its times.
    radar_grid : RadarGrid
        Its own azimuth times and ranges.
    """

    orbit: Orbit
    radar_grid: RadarGrid


@door(
    arrays={"latitude": "*", "longitude": "*", "height": "*"},
    array_like=("latitude", "longitude", "height"),
    name="reference_phase",
    units={"reference_phase": "rad"},
)
def range_phase(
    latitude: Any, longitude: Any, height: Any, *, reference: Acquisition, secondary: Acquisition
) -> np.ndarray:
    """Compute the phase of stable ground in reference x conj(secondary): flat earth and topography together.

    Parameters
    ----------
    latitude, longitude, height : array_like
        Position of each pixel: WGS 84 degrees and metres above the ellipsoid, such as from
        :func:`m3leo_sar.warp.geo2rdr.rdr2geo`. Terrain heights give both terms, height 0 the flat earth alone.
    reference, secondary : Acquisition
        The two images, each with its orbit and grid.

    Returns
    -------
    float64
        Radians, not wrapped, in the shape of the positions: ``-4 pi / wavelength * (range to reference - range to
        secondary)``; NaN where a point is not seen by both. Pass it as ``reference_phase`` to
        :func:`m3leo_sar.interferogram` and :func:`m3leo_sar.coherence`.

    Raises
    ------
    ValueError
        If the wavelengths differ, or an orbit does not cover its image.

    References
    ----------
    Rosen et al., 2000, Proceedings of the IEEE 88(3), 333-382, section II.

    Examples
    --------
    A pair with identical orbits has zero phase:

    >>> import numpy as np
    >>> time = np.arange(0.0, 60.0, 10.0)
    >>> turn = np.radians(40) + 1e-3 * time
    >>> circle = 7.07e6 * np.stack([np.cos(turn), 0 * turn, np.sin(turn)], axis=1)
    >>> tangent = 7.07e3 * np.stack([-np.sin(turn), 0 * turn, np.cos(turn)], axis=1)
    >>> grid = RadarGrid((1000, 90), azimuth_time=20.0, azimuth_interval=0.01, slant_range=8e5, range_spacing=3.0,
    ...                  wavelength=0.0555)
    >>> image = Acquisition(Orbit(time, circle, tangent), grid)
    >>> range_phase([41.6], [5.0], [100.0], reference=image, secondary=image).tolist()
    [-0.0]
    """
    wavelengths = reference.radar_grid.wavelength, secondary.radar_grid.wavelength
    if not math.isclose(*wavelengths, rel_tol=1e-9):
        raise ValueError(f"secondary must have the wavelength of reference, {wavelengths[0]} m, got {wavelengths[1]} m")
    ranges = []
    for orbit, grid in (reference, secondary):
        _, cols = geo2rdr(latitude, longitude, height, orbit=orbit, radar_grid=grid)
        ranges.append(grid.slant_range + cols * grid.range_spacing)
    return -4 * math.pi / wavelengths[0] * (ranges[0] - ranges[1])


class GeometricOffsets(NamedTuple):
    """Geometric co-registration of a secondary image to the reference's grid, for :func:`m3leo_sar.resample`.

    Parameters
    ----------
    azimuth, range : (rows, cols) float64
        Pixels: the reference's (row, col) is the secondary's (row + azimuth, col + range).
    phase : (rows, cols) float64
        :func:`range_phase` at each pixel of the reference: pass it as ``flatten`` with a minus sign for the secondary,
        or as ``reference_phase`` of the interferogram.
    """

    azimuth: np.ndarray
    range: np.ndarray
    phase: np.ndarray


@door(arrays={"dem": "rc"}, eager=True, labels=False, heights="dem")
def geometric_offsets(
    *,
    reference: Acquisition,
    secondary: Acquisition,
    dem: Any,
    dem_geobox: GeoBox,
    vertical_crs: str | None = None,
    node_spacing: int = 1,
) -> GeometricOffsets:
    """Compute offsets and phase of every pixel of a reference image from both orbits and a terrain model.

    Parameters
    ----------
    reference, secondary : Acquisition
        The two images, each with its orbit and grid, such as two acquisitions of one burst.
    dem : (rows, cols) float32 or float64
        Heights in metres, which must cover the reference image.
    dem_geobox, vertical_crs
        Grid of ``dem`` and vertical datum, as for :func:`m3leo_sar.warp.geo2rdr.rdr2geo`.
    node_spacing : int
        Spacing of the computed pixels; offsets and phase are interpolated bilinearly between them, which loses
        topographic phase where the terrain is finer. 1 computes every pixel, at some microseconds per pixel.

    Raises
    ------
    TypeError, ValueError
        As for :func:`m3leo_sar.warp.geo2rdr.rdr2geo`; also where ground of the reference is unknown or is not seen
        from the secondary.

    References
    ----------
    Sansosti et al., 2006, IEEE TGRS 44(10), 2861-2870.
    """
    if node_spacing < 1:
        raise ValueError(f"node_spacing must be at least 1, got {node_spacing}")
    shape = reference.radar_grid.shape
    lines = [np.unique(np.append(np.arange(0, size, node_spacing), size - 1)).astype(np.float64) for size in shape]
    rows, cols = np.meshgrid(*lines, indexing="ij")
    ground = rdr2geo(orbit=reference.orbit, radar_grid=reference.radar_grid, dem=dem, dem_geobox=dem_geobox,
                     vertical_crs=vertical_crs, rows=rows, cols=cols)  # fmt: skip
    places = ground.latitude, ground.longitude, ground.height
    row, col = geo2rdr(*places, orbit=secondary.orbit, radar_grid=secondary.radar_grid)
    if not np.isfinite(row).all():
        raise ValueError(
            "dem must cover the reference image, and secondary must image the same ground; "
            f"{int((~np.isfinite(row)).sum())} of {row.size} pixels have no position"
        )
    phase = range_phase(*places, reference=reference, secondary=secondary)
    planes = [row - rows, col - cols, phase]
    if node_spacing > 1:
        planes = [bilinear_grid(plane, list(lines[0]), list(lines[1]), shape) for plane in planes]
    return GeometricOffsets(*planes)
