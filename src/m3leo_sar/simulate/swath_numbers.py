"""Sentinel-1's own numbers for its interferometric wide swath mode."""

from __future__ import annotations

from dataclasses import dataclass

LIGHT = 299_792_458.0
#: Hz of the carrier, samples per second of range and seconds per line.
FREQUENCY = 5.405000454334350e9
SAMPLING = 6.434523812571428e7
LINE = 2.0555563e-3
WAVELENGTH = LIGHT / FREQUENCY
#: Seconds from one burst of a swath to its next, and from a cycle's start of sensing to the middle of the second
#: swath's burst.
CYCLE, TO_MIDDLE = 2.758273, 0.832 + 0.539
#: Seconds from a reference point of the orbit to the first burst of all, for the numbers of bursts.
PREAMBLE = 2.299849


@dataclass(frozen=True, kw_only=True)
class SwathNumbers:
    """What differs between the three swaths.

    Parameters
    ----------
    lines : int
        Lines of a burst.
    first_valid, valid : int
        First line with data, and the number of those lines.
    range_time : float
        Two-way seconds to the first column of a whole product.
    steering : float
        Degrees per second by which the antenna turns during a burst.
    azimuth_band, range_band : float
        Hz of the processed bands.
    azimuth_window, range_window : float
        Coefficients of their Hamming windows.
    pulse_rate, rank : float, int
        Pulses per second, and pulses in flight.
    ramp : float
        Hz per second of the transmitted pulse.
    sensing : float
        Seconds of the burst's start of sensing after that of the first swath in the same cycle.
    delay : float
        Seconds from a burst's first line to its start of sensing.
    """

    lines: int
    first_valid: int
    valid: int
    range_time: float
    steering: float
    azimuth_band: float
    range_band: float
    azimuth_window: float
    range_window: float
    pulse_rate: float
    rank: int
    ramp: float
    sensing: float
    delay: float


#: From an annotation of 2023; the source is the product specification S1-RS-MDA-52-7441.
SWATHS = {
    "IW1": SwathNumbers(
        lines=1507,
        first_valid=21,
        valid=1467,
        range_time=5.334431164884956e-3,
        steering=1.590368784,
        azimuth_band=327.0,
        range_band=56.5e6,
        azimuth_window=0.70,
        range_window=0.75,
        pulse_rate=1717.128973878037,
        rank=9,
        ramp=1.078230321255894e12,
        sensing=0.0,
        delay=1.148511,
    ),
    "IW2": SwathNumbers(
        lines=1519,
        first_valid=26,
        valid=1468,
        range_time=5.644353088882477e-3,
        steering=0.979863325,
        azimuth_band=313.0,
        range_band=48.3e6,
        azimuth_window=0.75,
        range_window=0.75,
        pulse_rate=1451.627112193990,
        rank=8,
        ramp=7.792817275120481e11,
        sensing=0.832,
        delay=1.035157,
    ),
    "IW3": SwathNumbers(
        lines=1524,
        first_valid=30,
        valid=1467,
        range_time=6.015320711278467e-3,
        steering=1.397440818,
        azimuth_band=314.0,
        range_band=42.78991840322842e6,
        azimuth_window=0.75,
        range_window=0.75,
        pulse_rate=1685.817302492702,
        rank=10,
        ramp=8.014509490705804e11,
        sensing=1.910,
        delay=1.159696,
    ),
}
#: Columns of whole products, on the lattice of the first swath: where each begins.
FIRST_COLUMN = {"IW1": 0, "IW2": 19_942, "IW3": 43_812}
#: Mission to the orbit of its counting that lies before track 1.
TRACK_ORBIT = {"S1A": 73, "S1B": 27, "S1C": 172, "S1D": 42}
