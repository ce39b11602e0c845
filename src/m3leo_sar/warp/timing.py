"""Timing that the annotation of an image leaves out: it moves pixels on the map and never enters the phase."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.orbit import Orbit, earth_fixed
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.grid.tops import TopsCarrier
from m3leo_sar.warp.pixel_map import PixelMap

_LIGHT = 299_792_458.0


class TimingCorrection(NamedTuple):
    """Corrections of the image positions of Sentinel-1 TOPS bursts.

    Parameters
    ----------
    middle_time : float
        Two-way time of the middle of the swath IW2, seconds: the processor corrected the echo's travel for it alone.
        About 5.853e-3 for all three swaths.
    echo_delay : float
        Seconds between a pulse and the reception of its echo's window: rank over pulse repetition frequency, by swath.
    chirp_rate : float
        Frequency rate of the pulse, Hz per second (``txPulseRampRate``).
    carrier : TopsCarrier
        Of the burst, whose azimuth frequency the pulse was received at.
    troposphere : bool
        Whether to include the delay of a standard atmosphere.
    """

    middle_time: float
    echo_delay: float
    chirp_rate: float
    carrier: TopsCarrier
    troposphere: bool = True


class ImageOffsets(NamedTuple):
    """What to add to geometric image positions.

    Parameters
    ----------
    rows, cols : float64
        Pixels.
    """

    rows: NDArray[np.float64]
    cols: NDArray[np.float64]


def timing_offsets(
    correction: TimingCorrection, *, rows: Any, cols: Any, height: Any, orbit: Orbit, radar_grid: RadarGrid
) -> ImageOffsets:
    """Compute where ground appears in an image, relative to its position from orbit and ranges.

    Parameters
    ----------
    correction : TimingCorrection
    rows, cols : array_like
        Positions in the image, such as those of :func:`m3leo_sar.warp.geo2rdr.geo2rdr`.
    height : array_like
        Metres above the ellipsoid.
    orbit, radar_grid
        Orbit and grid of the burst.

    Returns
    -------
    ImageOffsets
        NaN where a position or height is NaN. For Sentinel-1 -0.25 to 0 rows and 1 to 1.7 columns.

    Notes
    -----
    Rows: the platform moves while the echo travels, which the processor accounts for at one range only (bistatic
    term); left uncorrected, swaths differ by 2 to 3 m. Columns: the delay of a standard atmosphere at the terrain
    height, and the shift of a chirp that is received at an azimuth frequency f: -f / chirp rate in time. The last one
    is subtracted from the range, as the matched filter of a rising chirp answers early to a higher frequency.

    References
    ----------
    Gisinger et al., 2021, IEEE TGRS 59(2), 1126-1144, equations 21 and 26 (bistatic term, Doppler); Jehle et al., 2008,
    Sensors 8, 8479-8491 (troposphere).
    """
    rows, cols, height = np.broadcast_arrays(*(np.asarray(axis, np.float64) for axis in (rows, cols, height)))
    slant = radar_grid.slant_range + cols * radar_grid.range_spacing
    bistatic = correction.middle_time / 2 + slant / _LIGHT - correction.echo_delay
    early = correction.carrier.frequency(rows, cols) / correction.chirp_rate * _LIGHT / 2
    delay = -early + 0.0 * height
    if correction.troposphere:
        zenith = height**2 / 8.55e7 - height / 3411 + 2.41
        delay = delay + zenith / _cosine(slant, height, orbit, radar_grid)
    return ImageOffsets(
        -bistatic / radar_grid.azimuth_interval + 0.0 * (rows + height), delay / radar_grid.range_spacing
    )


def with_timing(
    positions: PixelMap, correction: TimingCorrection, *, height: Any, orbit: Orbit, radar_grid: RadarGrid
) -> PixelMap:
    """Positions of a tile's pixels in an image, with timing corrections added.

    Use it to place tiles. For phases and baselines use the uncorrected positions: corrected ranges would add steps at
    the edges of bursts.

    Parameters
    ----------
    positions : PixelMap
        From :func:`m3leo_sar.warp.geo2rdr.radar_map` or :func:`m3leo_sar.warp.geo2rdr.radar_view`; NumPy.
    correction, orbit, radar_grid
        As for :func:`timing_offsets`.
    height : (tile rows, tile cols) float
        Metres above the ellipsoid.
    """
    moved = timing_offsets(
        correction, rows=positions.rows, cols=positions.cols, height=height, orbit=orbit, radar_grid=radar_grid
    )
    return PixelMap(
        positions.rows + moved.rows, positions.cols + moved.cols, positions.source_shape, scale=positions.scale
    )


def _cosine(slant: Any, height: Any, orbit: Orbit, radar_grid: RadarGrid) -> Any:
    """Cosine of the incidence angle, on a sphere through the ground below the satellite."""
    middle = radar_grid.azimuth_time + (radar_grid.shape[0] - 1) / 2 * radar_grid.azimuth_interval
    position, _ = orbit.at(middle)
    far = float(np.linalg.norm(position))
    latitude = np.degrees(np.arcsin(position[2] / far))
    ground = float(np.linalg.norm(earth_fixed(0.0, latitude, 0.0))) + height
    return (far**2 - ground**2 - slant**2) / (2 * ground * slant)
