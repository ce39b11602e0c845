"""One pass of a Sentinel-1 satellite over a place: when its bursts begin, and what its product says of them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.simulate.repeat_orbit import REVOLUTION, RepeatOrbit
from m3leo_sar.simulate.steered_beam import RangeSeries, SteeredBeam, falling_rate, steering_frequency
from m3leo_sar.simulate.swath_numbers import CYCLE, LINE, PREAMBLE, SAMPLING, SWATHS, TO_MIDDLE, TRACK_ORBIT

#: A cycle of twelve days, counted for all missions alike.
_FIRST_DAY, _FIRST_CYCLE = datetime.date(2023, 9, 4), 286


class Track(NamedTuple):
    """Where all passes of a stack fly.

    Parameters
    ----------
    number : int
        Relative orbit, 1 to 175.
    node_clock : float
        Seconds after midnight at the ascending node.
    node_longitude : float
        Degrees of longitude of that node.
    first_burst : int
        Number of the first burst.
    ascending : bool
    """

    number: int
    node_clock: float
    node_longitude: float
    first_burst: int
    ascending: bool


@dataclass(frozen=True, kw_only=True)
class PassOptions:
    """What distinguishes one date.

    Parameters
    ----------
    date : datetime.date
        Day of the ascending node.
    mission : str
        ``"S1A"`` to ``"S1D"``.
    baseline : float
        Metres perpendicular to the line of sight from the nominal path.
    azimuth_shift : float
        Lines by which echoes lie late, such as by an error of the clock.
    burst_lines : float
        Lines by which the bursts begin later than nominal.
    range_start : float
        Columns by which the product begins further away than nominal.
    processor : str
        Version of the processor.
    orbit_source : str
        ``"Auxiliary"``, or ``"Downlink"``, whose annotated state vectors are 3 m ahead along the track.
    phase : callable, optional
        Radians of delay of this date at longitudes and latitudes.
    slices : tuple of tuples of int, optional
        Indices of the bursts in each product of this pass; by default all in one.
    timing : bool
        Whether places in the image carry what an annotation leaves out: bistatic delay, troposphere and the shift of
        range with Doppler frequency.
    """

    date: datetime.date
    mission: str = "S1A"
    baseline: float = 0.0
    azimuth_shift: float = 0.0
    burst_lines: float = 0.0
    range_start: float = 0.0
    processor: str = "003.61"
    orbit_source: str = "Auxiliary"
    phase: Callable[[Any, Any], Any] | None = None
    slices: tuple[tuple[int, ...], ...] | None = None
    timing: bool = False


class BurstStart(NamedTuple):
    """One burst of a swath.

    Parameters
    ----------
    number : int
        Of its identifier.
    azimuth_time, sensing_time : float
        Seconds since the pass's midnight of the first line, and of the start of sensing.
    """

    number: int
    azimuth_time: float
    sensing_time: float


@dataclass(frozen=True, eq=False)
class Sentinel1Pass:
    """One pass; times are seconds since midnight of the day of its ascending node."""

    track: Track
    options: PassOptions
    #: Degrees between the vertical and the line of sight at the satellite.
    look: float = 30.0
    height: float = 0.0
    _beams: dict[tuple[str, int], SteeredBeam] = field(default_factory=dict)

    @property
    def midnight(self) -> datetime.datetime:
        """Start of the day that times count from."""
        return datetime.datetime.combine(self.options.date, datetime.time())

    @cached_property
    def orbit(self) -> RepeatOrbit:
        """The path that was flown."""
        tilt = math.radians(self.look)
        return RepeatOrbit(
            node_time=self.track.node_clock,
            node_longitude=self.track.node_longitude,
            up=self.options.baseline * math.sin(tilt),
            right=self.options.baseline * math.cos(tilt),
        )

    @property
    def absolute_orbit(self) -> int:
        """Number of this revolution since launch."""
        cycle = _FIRST_CYCLE + (self.options.date - _FIRST_DAY).days // 12
        return 175 * cycle + (self.track.number - 1 + TRACK_ORBIT[self.options.mission]) % 175

    def moment(self, seconds: float) -> datetime.datetime:
        """UTC of a time, to the microsecond."""
        return self.midnight + datetime.timedelta(microseconds=round(seconds * 1e6))

    def burst(self, swath: str, index: int) -> BurstStart:
        """The bursts of a swath begin on one lattice of lines, and at whole microseconds."""
        numbers = SWATHS[swath]
        number = self.track.first_burst + index
        middle = PREAMBLE + CYCLE * (number - 0.505) - (self.track.number - 1) * REVOLUTION
        sensing = self.track.node_clock + middle - TO_MIDDLE + numbers.sensing
        shifted = sensing - numbers.delay + self.options.burst_lines * LINE
        lattice = (self.track.node_clock + self.options.burst_lines * LINE) % LINE
        line = round((shifted - lattice) / LINE) * LINE + lattice
        return BurstStart(number, round(line, 6), round(line + numbers.delay, 6))

    def range_time(self, swath: str, column: int) -> float:
        """Two-way seconds of the product's first column, that of the whole swath's ``column``."""
        return SWATHS[swath].range_time + (column + self.options.range_start) / SAMPLING

    def beam(self, swath: str, index: int, range_time: float, samples: int) -> SteeredBeam:
        """The antenna during one burst, from the motion of the satellite."""
        if (swath, index) not in self._beams:
            numbers = SWATHS[swath]
            middle = self.burst(swath, index).azimuth_time + (numbers.lines - 1) / 2 * LINE
            self._beams[swath, index] = SteeredBeam(
                middle=middle,
                middle_range=range_time + samples / 2 / SAMPLING,
                steering=steering_frequency(self.orbit, middle, numbers.steering),
                rate=self.falling_rate(middle, range_time),
                centroid=self.centroid(middle, range_time),
            )
        return self._beams[swath, index]

    def falling_rate(self, time: float, range_time: float) -> RangeSeries:
        """Annotated azimuth FM rate."""
        span = range_time - 2e-5, range_time + 1e-4
        return falling_rate(self.orbit, time, origin=range_time, two_way=span, height=self.height)

    def centroid(self, time: float, range_time: float) -> RangeSeries:
        """Annotated Doppler centroid, which wanders by some Hz from burst to burst, with an origin of its own."""
        wander = math.sin(time / 1.7 + self.options.date.toordinal())
        return RangeSeries(origin=range_time + 3.7e-6, terms=(-16.0 + 7 * wander, 2.1e4, -2.4e7))

    def vectors(self, times: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions and velocities at given times, as an orbit file has them."""
        motion = self.orbit.at(times)
        return motion.position, motion.velocity
