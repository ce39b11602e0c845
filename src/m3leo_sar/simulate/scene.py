"""A stack of SLCs whose coherence, phase and land cover are known."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.simulate.decorrelation import coherence_matrix, mixing_matrix
from m3leo_sar.simulate.field import RandomField
from m3leo_sar.simulate.landcover import CLASSES, LandCover, class_indices
from m3leo_sar.simulate.speckle import speckle
from m3leo_sar.stack.pairs import Pair
from m3leo_sar.stack.slc import SlcStack

#: Co-polarised and cross-polarised channel of one sensor.
POLARISATIONS = ("VV", "VH")
#: Speckle of the cross-polarised channel starts at this layer, far above any date's.
_CROSS = 1 << 20
#: Rows of a band of labels, as of a band of chunks of a stored stack.
_BAND = 512
#: Units of the labels that are no codes.
LABEL_UNITS = {"height": "m"}


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event between two acquisitions, such as a flood or an earthquake.

    Parameters
    ----------
    date : datetime.date
        First day after the event: acquisitions from it on are affected.
    kept : float
        Remaining share of the coherence between a date before and one after, in [0, 1].
    change : float
        Change of backscatter in dB.
    share : float
        Affected share of a large scene, in (0, 1); a scene of few patches may have more or less.
    """

    date: datetime.date
    kept: float = 0.15
    change: float = 1.0
    share: float = 0.15


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A simulated scene: the stack as from a reader, and the truth behind it.

    An echo is sqrt(backscatter) x speckle x exp(-j phase). Speckle is circular Gaussian, independent between pixels;
    between dates it has the coherence of the pixel's class, rho_inf + (1 - rho_inf) exp(-days / tau), less across an
    event. The phase is topographic, 4 pi / wavelength x baseline x height / (range sin(incidence)), plus that of a
    bowl that sinks at a constant rate and the steps of the classes. Scenes that differ in polarisation alone show the
    same ground at the same instants. Any window of any date is computed alone, and always with the same bits.

    Parameters
    ----------
    geobox : GeoBox
        Pixel grid, usually of a UTM zone.
    dates : sequence of datetime.date
        Acquisition days, increasing.
    classes : sequence of LandCover
    event : Event, optional
    patch : float
        Typical size of a land-cover patch in pixels.
    relief : float
        Standard deviation of the terrain in metres.
    baseline : float
        Standard deviation of the perpendicular baselines in metres.
    sinking : float
        Rate at the centre of the bowl along the line of sight, metres per year, away from the radar.
    polarisation : str
        ``"VV"`` or ``"VH"``, whose echo has the ``cross_coherence`` of the pixel's class with that of ``"VV"``.
    seed : int

    Raises
    ------
    ValueError
        If the polarisation is another.
    """

    geobox: GeoBox
    dates: tuple[datetime.date, ...]
    classes: tuple[LandCover, ...] = CLASSES
    event: Event | None = None
    patch: float = 24.0
    relief: float = 30.0
    baseline: float = 60.0
    sinking: float = 0.05
    polarisation: str = "VV"
    seed: int = 0

    #: Sentinel-1: wavelength and mid-swath range in metres, incidence in radians.
    wavelength = 0.05546576
    slant_range = 850_000.0
    incidence = np.deg2rad(39.0)

    def __post_init__(self) -> None:
        if self.polarisation not in POLARISATIONS:
            raise ValueError(f"polarisation must be one of {', '.join(POLARISATIONS)}, got {self.polarisation!r}")

    @property
    def stack(self) -> SlcStack:
        """The images, complex64."""
        return SlcStack(
            dates=self.dates,
            read=self._read,
            geometry=self.geobox,
            polarisation=self.polarisation,
            orbit="ascending",
            track=1,
            wavelength=self.wavelength,
            name="simulated stack",
        )

    def labels(self) -> dict[str, tuple[NDArray[np.generic], GeoBox]]:
        """Rasters on the scene's grid: ``landcover`` (uint8), ``height`` (float32, m), ``event`` (bool)."""
        height, width = self.geobox.shape
        everything = slice(0, height), slice(0, width)
        # Ground of bands is kept, and used again when the images are written band by band.
        bands = [(slice(top, min(top + _BAND, height)), everything[1]) for top in range(0, height, _BAND)]
        codes = np.array([cover.code for cover in self.classes], np.uint8)
        rasters: dict[str, NDArray[np.generic]] = {
            "landcover": np.concatenate([codes[self._classes(*band)] for band in bands]),
            "height": np.concatenate([self._height(*band).astype(np.float32) for band in bands]),
        }
        if self.event is not None:
            rasters["event"] = self._hit(*everything).astype(bool)
        return {name: (raster, self.geobox) for name, raster in rasters.items()}

    def true_coherence(self, pair: Pair, rows: slice, cols: slice) -> NDArray[np.float64]:
        """Coherence of a pair at each pixel of a window."""
        first, second = self.dates.index(pair.reference), self.dates.index(pair.secondary)
        values = np.array([[matrix[first, second] for matrix in side] for side in self._matrices])
        return values[self._hit(rows, cols).astype(int), self._classes(rows, cols)]

    def true_phase(self, pair: Pair, rows: slice, cols: slice) -> NDArray[np.float64]:
        """Unwrapped phase of reference x conj(secondary) in radians at each pixel of a window."""
        first, second = self.dates.index(pair.reference), self.dates.index(pair.secondary)
        return self._phase(second, rows, cols) - self._phase(first, rows, cols)

    @cached_property
    def _matrices(self) -> list[list[NDArray[np.float64]]]:
        """Coherence matrix of each class, outside and inside the event's area."""
        event = self.event
        return [
            [
                coherence_matrix(self.dates, rho_inf=cover.rho_inf, tau=cover.tau, event=day, kept=kept)
                for cover in self.classes
            ]
            for day, kept in ((None, 1.0), (event.date, event.kept) if event else (None, 1.0))
        ]

    @cached_property
    def _baselines(self) -> NDArray[np.float64]:
        return np.random.default_rng((self.seed, 3)).standard_normal(len(self.dates)) * self.baseline

    def _classes(self, rows: slice, cols: slice) -> NDArray[np.intp]:
        return class_indices(self.classes, rows, cols, patch=self.patch, seed=self.seed)

    def _height(self, rows: slice, cols: slice) -> NDArray[np.float64]:
        return self.relief * _hills(self.seed, self.patch, (rows.start, rows.stop), (cols.start, cols.stop))

    def _hit(self, rows: slice, cols: slice) -> NDArray[np.bool_]:
        size = (rows.stop - rows.start, cols.stop - cols.start)
        if self.event is None:
            return np.zeros(size, bool)
        # The field is standard normal, so a normal quantile sets the share.
        field = RandomField((self.seed, 5), 4 * self.patch).window(rows, cols)
        return field > NormalDist().inv_cdf(1 - self.event.share)

    def _phase(self, index: int, rows: slice, cols: slice) -> NDArray[np.float64]:
        per_metre = 4 * np.pi / self.wavelength
        topography = self._baselines[index] * self._height(rows, cols) / (self.slant_range * np.sin(self.incidence))
        years = (self.dates[index] - self.dates[0]).days / 365.25
        down, across = np.arange(rows.start, rows.stop), np.arange(cols.start, cols.stop)
        centre_row, centre_col = self.geobox.shape[0] / 2, self.geobox.shape[1] / 2
        radius = max(self.geobox.shape) / 6
        bowl = np.outer(*(np.exp(-0.5 * (away / radius) ** 2) for away in (down - centre_row, across - centre_col)))
        phase = per_metre * (topography + self.sinking * years * bowl)
        steps = np.array([item.phase_step for item in self.classes])
        return phase + index * steps[self._classes(rows, cols)] if steps.any() else phase

    def _read(self, index: int, rows: slice, cols: slice) -> NDArray[np.complex64]:
        cover, hit = self._classes(rows, cols), self._hit(rows, cols)
        # Row of each pixel in tables with a row per class, outside and inside the event's area.
        kind = cover + len(self.classes) * hit
        mixing = np.array([mixing_matrix(matrix)[index] for side in self._matrices for matrix in side], np.float32)
        # In parts: NumPy rounds products of complex numbers by their place in a row.
        re, im = np.zeros((2, *cover.shape), np.float32)
        for layer in range(index + 1):
            weight, echo = mixing[:, layer][kind], self._speckle(layer, cover, rows, cols)
            re += weight * echo.real
            im += weight * echo.imag
        is_cross = self.polarisation != POLARISATIONS[0]
        decibel = np.array([item.backscatter + is_cross * item.cross for item in self.classes])
        is_after = self.event is not None and self.dates[index] >= self.event.date
        change = self.event.change if self.event is not None and is_after else 0.0
        amplitude = np.sqrt(10 ** (np.concatenate([decibel, decibel + change]) / 10))[kind]
        phase = self._phase(index, rows, cols)
        cosine, sine = np.cos(phase), np.sin(phase)
        out = np.empty(cover.shape, np.complex64)
        out.real, out.imag = amplitude * (re * cosine + im * sine), amplitude * (im * cosine - re * sine)
        return out

    def _speckle(self, layer: int, cover: NDArray[np.intp], rows: slice, cols: slice) -> NDArray[np.complex64]:
        """Independent echoes of one layer in this polarisation."""
        if self.polarisation == POLARISATIONS[0]:
            return speckle(self.seed, layer, rows, cols)
        shared = np.array([item.cross_coherence for item in self.classes], np.float32)[cover]
        own = speckle(self.seed, _CROSS + layer, rows, cols)
        mixed = shared * speckle(self.seed, layer, rows, cols) + np.sqrt(1 - shared**2) * own
        return mixed.astype(np.complex64, copy=False)


# Hills are those of every date, as classes are.
@lru_cache(maxsize=4)
def _hills(seed: int, patch: float, rows: tuple[int, int], cols: tuple[int, int]) -> NDArray[np.float64]:
    heights = RandomField((seed, 4), 12 * patch).window(slice(*rows), slice(*cols))
    heights.flags.writeable = False
    return heights


def simulate_scene(
    geobox: GeoBox,
    *,
    dates: Sequence[datetime.date],
    event: Event | None = None,
    seed: int = 0,
    **options: object,
) -> Scene:
    """Simulate a stack with known truth; ``options`` are those of :class:`Scene`.

    Raises
    ------
    ValueError
        If there are no dates, they do not increase, or the event leaves no date on one side.

    Examples
    --------
    >>> import datetime
    >>> from m3leo_sar import GeoBox
    >>> box = GeoBox.from_bounds((500000, 0, 500600, 400), shape=(40, 60), crs="EPSG:32631")
    >>> scene = simulate_scene(box, dates=[datetime.date(2023, 1, 1), datetime.date(2023, 1, 13)])
    >>> scene.stack.window().shape
    (2, 40, 60)
    """
    scene = Scene(geobox=geobox, dates=tuple(dates), event=event, seed=seed, **options)  # type: ignore[arg-type]
    days = scene.stack.dates
    if event is not None and not days[0] < event.date <= days[-1]:
        raise ValueError(f"event must fall between two dates of {days[0]} to {days[-1]}, got {event.date}")
    return scene
