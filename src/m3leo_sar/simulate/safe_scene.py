"""A place seen by Sentinel-1 on several dates, with known truth."""

from __future__ import annotations

import datetime
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.simulate.decorrelation import coherence_matrix
from m3leo_sar.simulate.landcover import CLASSES, LandCover
from m3leo_sar.simulate.repeat_orbit import REVOLUTION, RepeatOrbit
from m3leo_sar.simulate.rough_ground import POSTS, RoughGround
from m3leo_sar.simulate.sentinel1_pass import PassOptions, Sentinel1Pass, Track
from m3leo_sar.simulate.swath_numbers import CYCLE, FIRST_COLUMN, LIGHT, LINE, PREAMBLE, SAMPLING, SWATHS, TO_MIDDLE
from m3leo_sar.simulate.zero_doppler import Place, ground_place, on_earth

#: Lines and columns of ground beyond the images, for passes elsewhere than nominal and spots that reach in.
_MARGIN = 24, 24
#: Columns without data at either edge of a product.
_BLANK = 5, 4
#: Columns by which neighbouring swaths overlap.
_SHARED = 100


@dataclass(frozen=True, kw_only=True)
class SafeScene:
    """A place, its ground and the passes over it.

    The echo of a scatterer is a spot with the phase ``-4 pi / wavelength x range`` at its own centre and the Doppler
    frequency at which the steered antenna saw it. Carriers of bursts, offsets between dates and phases of
    interferograms are not put in: they follow.

    Parameters
    ----------
    passes : tuple of PassOptions
        One per date.
    swaths : tuple of str
        Such as ``("IW1", "IW2")``; neighbours overlap.
    polarisations : tuple of str
        Such as ``("VV",)``; cross-polarised ones are darker, with speckle of their own.
    bursts : int
        Per swath.
    lines : int
        Valid lines of the first burst, its last ones, and of the last burst, its first ones; bursts between are whole.
    columns : int
        Columns of each swath.
    first_column : int, optional
        Column of the first swath's whole product at which a product of one swath begins.
    latitude, longitude : float
        About the middle of the scene, degrees.
    ascending : bool
    track : int
        Relative orbit, 1 to 175.
    node_clock : float
        Seconds after midnight at the ascending node.
    coherence : float or tuple of tuples of float, optional
        Of all ground: between any two dates, or of each date with every other; by default it decays by land cover.
    classes : tuple of LandCover
    height, relief : float
        Mean terrain height above the ellipsoid and its standard deviation, metres.
    noise : float, optional
        Backscatter in dB to which the noise of the receiver is equivalent; None for none.
    targets : tuple of (longitude, latitude, amplitude)
        Single bright points on the ground.
    density : float
        Scatterers per sample.
    seed : int

    Raises
    ------
    ValueError
        If there is no pass, dates do not increase, or a swath is unknown.
    """

    passes: tuple[PassOptions, ...]
    swaths: tuple[str, ...] = ("IW1",)
    polarisations: tuple[str, ...] = ("VV",)
    bursts: int = 2
    lines: int = 420
    columns: int = 1300
    first_column: int | None = None
    latitude: float = 31.6
    longitude: float = -8.3
    ascending: bool = False
    track: int = 52
    node_clock: float = 21_406.99239
    coherence: float | tuple[tuple[float, ...], ...] | None = None
    classes: tuple[LandCover, ...] = CLASSES
    height: float = 320.0
    relief: float = 60.0
    noise: float | None = -25.0
    targets: tuple[tuple[float, float, float], ...] = ()
    density: float = 1.25
    seed: int = 0

    def __post_init__(self) -> None:
        dates = [options.date for options in self.passes]
        if not dates or any(a >= b for a, b in itertools.pairwise(dates)):
            raise ValueError(f"passes must hold one date or more, increasing, got {[str(date) for date in dates]}")
        if not self.swaths or not set(self.swaths) <= set(SWATHS) or sorted(set(self.swaths)) != list(self.swaths):
            raise ValueError(f"swaths must be of IW1, IW2 and IW3 in this order, got {' '.join(self.swaths) or 'none'}")
        if self.swaths == ("IW1", "IW3"):
            raise ValueError("swaths must be neighbours, got IW1 and IW3 without IW2")
        if self.columns < _BLANK[0] + _BLANK[1] + 2 * _SHARED:
            raise ValueError(f"columns must be at least {_BLANK[0] + _BLANK[1] + 2 * _SHARED}, got {self.columns}")

    @property
    def dates(self) -> tuple[datetime.date, ...]:
        """Day of each pass."""
        return tuple(options.date for options in self.passes)

    def start_column(self, swath: str) -> int:
        """Column of the swath's whole product at which this scene begins."""
        if self.first_column is not None and len(self.swaths) == 1:
            return self.first_column
        if len(self.swaths) == 1:
            return 9000
        # The second swath begins at its own first columns, and the first ends a little beyond.
        joint = {"IW1": FIRST_COLUMN["IW2"], "IW2": FIRST_COLUMN["IW2"], "IW3": FIRST_COLUMN["IW3"]}
        if self.swaths == ("IW2", "IW3"):
            joint["IW2"] = FIRST_COLUMN["IW3"]
        first = joint[swath] + _SHARED
        return (first - self.columns if swath == self.swaths[0] else first - _SHARED) - FIRST_COLUMN[swath]

    @cached_property
    def geometry(self) -> Track:
        """The path that all passes fly."""
        tilt = math.radians(RepeatOrbit(node_time=0.0, node_longitude=0.0).inclination)
        latitude = self.latitude
        # The scene lies beside the track, and by its sphere's latitude: corrected by what comes out.
        for _ in range(3):
            above = math.asin(max(-1.0, min(1.0, math.sin(math.radians(latitude)) / math.sin(tilt))))
            angle = (above if self.ascending else math.pi - above) % (2 * math.pi)
            since = (angle / (2 * math.pi) + self.track - 1) * REVOLUTION
            number = round((since + TO_MIDDLE - PREAMBLE) / CYCLE + 0.505 - self.bursts / 2)
            draft = Track(self.track, self.node_clock, 0.0, number, self.ascending)
            place = self._middle(draft)
            latitude += self.latitude - float(place.latitude)
        return draft._replace(node_longitude=float((self.longitude - place.longitude + 180) % 360 - 180))

    def _middle(self, track: Track) -> Place:
        """Ground in the middle of the scene."""
        nominal = Sentinel1Pass(track, PassOptions(date=self.passes[0].date))
        times, distances = self._extent(nominal)
        return ground_place(nominal.orbit, sum(times) / 2, sum(distances) / 2, self.height)

    def _extent(self, nominal: Sentinel1Pass) -> tuple[tuple[float, float], tuple[float, float]]:
        """First and last time and range of the valid pixels."""
        times, ranges = [], []
        for swath in self.swaths:
            start = nominal.range_time(swath, self.start_column(swath)) * LIGHT / 2
            ranges += [start, start + self.columns / SAMPLING * LIGHT / 2]
            for index in (0, self.bursts - 1):
                begins = nominal.burst(swath, index).azimuth_time
                times += [begins + line * LINE for line in self.valid_lines(swath, index)]
        return (min(times), max(times)), (min(ranges), max(ranges))

    def valid_lines(self, swath: str, index: int) -> tuple[int, int]:
        """First valid line of a burst, and the one after the last."""
        numbers = SWATHS[swath]
        low, high = numbers.first_valid, numbers.first_valid + numbers.valid
        if self.bursts > 1 and index == 0:
            low = max(low, high - self.lines)
        if index == self.bursts - 1 and (self.bursts > 1 or self.lines < numbers.valid):
            high = min(high, low + self.lines)
        return low, high

    @property
    def valid_columns(self) -> tuple[int, int]:
        """First valid column, and the one after the last."""
        return _BLANK[0], self.columns - _BLANK[1]

    @property
    def look(self) -> float:
        """Degrees between the vertical and the line of sight at the satellite, in the middle of the scene."""
        return self._angles[0]

    @property
    def incidence(self) -> float:
        """Degrees between the vertical and the line of sight on the ground, in the middle of the scene."""
        return self._angles[1]

    @cached_property
    def _angles(self) -> tuple[float, float]:
        nominal = Sentinel1Pass(self.geometry, PassOptions(date=self.passes[0].date))
        (start, stop), distances = self._extent(nominal)
        position = nominal.orbit.at((start + stop) / 2).position
        place = ground_place(nominal.orbit, (start + stop) / 2, sum(distances) / 2, self.height)
        point = on_earth(*place)
        up = on_earth(place.longitude, place.latitude, place.height + 1.0) - point
        away = position - point
        away /= np.linalg.norm(away)
        verticals = position / np.linalg.norm(position), up / np.linalg.norm(up)
        look, incidence = (math.degrees(math.acos(float((away * vertical).sum()))) for vertical in verticals)
        return look, incidence

    def sentinel1_pass(self, date: int) -> Sentinel1Pass:
        """The pass of a date, by its index."""
        return Sentinel1Pass(self.geometry, self.passes[date], look=self.look, height=self.height)

    @cached_property
    def ground(self) -> RoughGround:
        """Terrain and land cover, with room around the images."""
        places = self.spread(3)[0]
        edges = [np.floor(places.longitude.min() * POSTS) - 90, np.ceil(places.latitude.max() * POSTS) + 90]
        cols = round(np.ptp(places.longitude) * POSTS) + 182
        rows = round(np.ptp(places.latitude) * POSTS) + 182
        return RoughGround(
            west=int(edges[0]),
            north=int(edges[1]),
            shape=(rows, cols),
            classes=self.classes,
            height=self.height,
            relief=self.relief,
            seed=self.seed,
        )

    def spread(self, nodes: int) -> tuple[Place, NDArray[np.float64], NDArray[np.float64]]:
        """Ground at a mean height under nodes of time and range, with those times and ranges."""
        nominal = Sentinel1Pass(self.geometry, PassOptions(date=self.passes[0].date))
        (start, stop), (near, far) = self._extent(nominal)
        # Relief moves ground in range.
        across = _MARGIN[1] * LIGHT / 2 / SAMPLING + 4 * self.relief
        times = np.linspace(start - _MARGIN[0] * LINE, stop + _MARGIN[0] * LINE, nodes)
        distances = np.linspace(near - across, far + across, nodes)
        place = ground_place(nominal.orbit, times[:, None], distances, self.height)
        # Continuous where the scene lies on the antimeridian.
        longitude = self.longitude + (place.longitude - self.longitude + 180) % 360 - 180
        return place._replace(longitude=longitude), times, distances

    def coherence_of(self, first: int, second: int) -> NDArray[np.float64]:
        """True coherence of two dates, by their indices, for each class of land cover."""
        return np.array([matrix[first, second] for matrix in self.coherence_matrices])

    @cached_property
    def coherence_matrices(self) -> list[NDArray[np.float64]]:
        """Coherence of each date with every other, for each class of land cover."""
        if self.coherence is not None:
            size = len(self.dates)
            alike = np.array(np.broadcast_to(self.coherence, (size, size)), np.float64)
            np.fill_diagonal(alike, 1.0)
            return [alike] * len(self.classes)
        return [coherence_matrix(self.dates, rho_inf=cover.rho_inf, tau=cover.tau) for cover in self.classes]


def simulate_passes(
    count: int, *, start: datetime.date, every: int = 12, seed: int = 0, missions: Sequence[str] = ("S1A",)
) -> tuple[PassOptions, ...]:
    """Options of ordinary passes: tens of metres of baseline, bursts a line apart, clocks that agree to 0.004 line.

    Examples
    --------
    >>> [str(options.date) for options in simulate_passes(2, start=datetime.date(2023, 9, 4))]
    ['2023-09-04', '2023-09-16']
    """
    random = np.random.default_rng((seed, 9))
    drawn = random.standard_normal((count, 3))
    drawn[0] = 0
    return tuple(
        PassOptions(
            date=start + datetime.timedelta(days=every * index),
            mission=missions[index % len(missions)],
            baseline=round(float(55 * drawn[index, 0]), 1),
            azimuth_shift=round(float(np.clip(0.002 * drawn[index, 1], -0.004, 0.004)), 5),
            burst_lines=round(float(0.8 * drawn[index, 2]), 3),
        )
        for index in range(count)
    )
