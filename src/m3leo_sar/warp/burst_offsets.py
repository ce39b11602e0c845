"""Offsets between two acquisitions of one burst, as polynomials in row, column and height."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.height_polynomial import HeightPolynomial
from m3leo_sar.warp.geo2rdr import geo2rdr, rdr2geo
from m3leo_sar.warp.range_phase import Acquisition, GeometricOffsets, range_phase

#: Highest power of row, column and height, and the largest sum of the powers' shares of these.
POWERS, _MOST = (3, 6, 3), 1.7
#: Exact points per row, column and height, and random points per height that check the fit.
_NODES, _CHECKS = (6, 12, 5), 40
#: Largest error accepted: lines, columns, radians.
_BOUNDS = (1e-4, 1e-4, 1e-2)
#: The whole Earth at one height.
_WORLD = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")


class OffsetError(NamedTuple):
    """Largest deviation of fitted offsets from exact ones, at random points.

    Parameters
    ----------
    azimuth, range : float
        Pixels.
    phase : float
        Radians.
    """

    azimuth: float
    range: float
    phase: float


class BurstOffsets(NamedTuple):
    """Where each pixel of a reference burst lies in another acquisition of the burst, at any height.

    Parameters
    ----------
    azimuth, range : HeightPolynomial
        Pixels: the reference's (row, col) at a height is the secondary's (row + azimuth, col + range).
    phase_terms : (float, float, float)
        Radians, per column, and per column of range offset: the phase follows from the range offset.
    error : OffsetError
        Largest deviation from exact points.
    shape : (int, int)
        Rows and columns of the reference.
    """

    azimuth: HeightPolynomial
    range: HeightPolynomial
    phase_terms: tuple[float, float, float]
    error: OffsetError
    shape: tuple[int, int]

    def at(self, rows: Any, cols: Any, height: Any) -> GeometricOffsets:
        """Offsets and range phase at pixels of the reference, whose heights are metres above the ellipsoid."""
        across = self.range(rows, cols, height)
        constant, per_col, per_offset = self.phase_terms
        phase = constant + per_col * np.asarray(cols, np.float64) + per_offset * across
        return GeometricOffsets(self.azimuth(rows, cols, height), across, phase)


def burst_offsets(
    *, reference: Acquisition, secondary: Acquisition, heights: tuple[float, float] = (-100.0, 4500.0)
) -> BurstOffsets:
    """Fit offsets and range phase of a secondary burst by polynomials in row, column and height of the reference.

    The orbits separate so smoothly that a few hundred exact points give the offsets of all pixels: a pixel of the
    reference at a height is a point on the ground, whose position in the secondary is exact. The terrain is not
    required until the polynomials are evaluated.

    Parameters
    ----------
    reference, secondary : Acquisition
        The two acquisitions, each with its orbit and grid.
    heights : (float, float)
        Lowest and highest ground in metres above the ellipsoid.

    Returns
    -------
    BurstOffsets
        73 terms for each axis. For Sentinel-1 bursts and baselines up to 230 m they deviate from exact points by less
        than 1e-5 line, 1e-6 column and 1e-3 rad.

    Raises
    ------
    ValueError
        If the secondary does not image the reference's ground, the wavelengths differ, an orbit does not cover its
        burst, heights do not rise, or the polynomials deviate by more than 1e-4 pixel or 1e-2 rad.

    References
    ----------
    Sansosti et al., 2006, IEEE TGRS 44(10), 2861-2870 (geometric co-registration).
    """
    low, high = (float(height) for height in heights)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"heights must be finite and rise, (lowest, highest) in metres, got {heights}")
    shape = reference.radar_grid.shape
    extents = ((0.0, shape[0] - 1.0), (0.0, shape[1] - 1.0), (low, high))
    origin = tuple((first + last) / 2 for first, last in extents)
    scale = tuple(max((last - first) / 2, 0.5) for first, last in extents)
    nodes = [
        middle + half * np.cos(np.pi * (np.arange(count) + 0.5) / count)
        for middle, half, count in zip(origin, scale, _NODES, strict=True)
    ]
    points = [axis.ravel() for axis in np.meshgrid(*nodes, indexing="ij")]
    row, col, _ = _exact(points, reference, secondary)
    design, powers = _design(points, origin, scale)
    fitted = np.linalg.lstsq(design, np.stack([row - points[0], col - points[1]], axis=1), rcond=None)[0]
    tables = np.zeros((2, *(power + 1 for power in POWERS)))
    for index, power in enumerate(powers):
        tables[(slice(None), *power)] = fitted[index]
    azimuth, across = (HeightPolynomial(table, origin=origin, scale=scale) for table in tables)  # type: ignore[arg-type]
    found = BurstOffsets(azimuth, across, _phase_terms(reference, secondary), OffsetError(0.0, 0.0, 0.0), shape)
    return found._replace(error=_checked(found, extents, reference, secondary))


def _exact(
    points: list[NDArray[np.float64]], reference: Acquisition, secondary: Acquisition
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Row and column in the secondary and range phase of pixels of the reference at given heights."""
    found = np.empty((3, points[0].size))
    for height in np.unique(points[2]):
        chosen = points[2] == height
        ground = rdr2geo(
            orbit=reference.orbit,
            radar_grid=reference.radar_grid,
            dem=np.full((2, 2), height),
            dem_geobox=_WORLD,
            rows=points[0][chosen],
            cols=points[1][chosen],
        )
        places = ground.latitude, ground.longitude, ground.height
        found[:2, chosen] = geo2rdr(*places, orbit=secondary.orbit, radar_grid=secondary.radar_grid)
        found[2, chosen] = range_phase(*places, reference=reference, secondary=secondary)
    unseen = int((~np.isfinite(found)).any(axis=0).sum())
    if unseen:
        raise ValueError(
            "secondary must image the ground of reference, such as two dates of one burst; "
            f"{unseen} of {points[0].size} points have no position in it"
        )
    return found[0], found[1], found[2]


def _design(points: Any, origin: Any, scale: Any) -> tuple[NDArray[np.float64], list[tuple[int, int, int]]]:
    """Terms of the polynomials at points, (points, terms), and their powers."""
    powers = [
        (i, j, k)
        for i in range(POWERS[0] + 1)
        for j in range(POWERS[1] + 1)
        for k in range(POWERS[2] + 1)
        if i / POWERS[0] + j / POWERS[1] + k / POWERS[2] <= _MOST + 1e-9
    ]
    u, v, w = ((axis - middle) / half for axis, middle, half in zip(points, origin, scale, strict=True))
    return np.stack([u**i * v**j * w**k for i, j, k in powers], axis=1), powers


def _phase_terms(reference: Acquisition, secondary: Acquisition) -> tuple[float, float, float]:
    """Phase of the range difference: constant, per column, and per column of range offset."""
    first, second = reference.radar_grid, secondary.radar_grid
    factor = -4 * math.pi / first.wavelength
    return (
        factor * (first.slant_range - second.slant_range),
        factor * (first.range_spacing - second.range_spacing),
        -factor * second.range_spacing,
    )


def _checked(found: BurstOffsets, extents: Any, reference: Acquisition, secondary: Acquisition) -> OffsetError:
    """Deviation at random points, which must be below the bounds."""
    random = np.random.default_rng(0)
    heights = extents[2][0] + (extents[2][1] - extents[2][0]) * np.array([0.0, 0.13, 0.46, 0.78, 1.0])
    points = [random.uniform(low, high, _CHECKS * len(heights)) for low, high in extents[:2]]
    points.append(np.repeat(heights, _CHECKS))
    row, col, phase = _exact(points, reference, secondary)
    offsets = found.at(*points)
    error = OffsetError(
        *(
            float(np.abs(fitted - exact).max())
            for fitted, exact in zip(offsets, (row - points[0], col - points[1], phase), strict=True)
        )
    )
    if any(deviation > bound for deviation, bound in zip(error, _BOUNDS, strict=True)):
        raise ValueError(
            "offsets between reference and secondary must be smooth, within 1e-4 pixel and 0.01 rad of exact points; "
            f"the polynomials deviate by {error.azimuth:.2g} line, {error.range:.2g} column and {error.phase:.2g} rad"
        )
    return error
