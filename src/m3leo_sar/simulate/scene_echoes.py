"""The pixels of a scene's bursts, summed from the echoes of random scatterers on its ground."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.simulate.decorrelation import mixing_matrix
from m3leo_sar.simulate.focused_echo import Band, Points, focused_image
from m3leo_sar.simulate.safe_scene import SafeScene
from m3leo_sar.simulate.sentinel1_pass import Sentinel1Pass
from m3leo_sar.simulate.swath_numbers import LIGHT, LINE, SAMPLING, SWATHS, WAVELENGTH
from m3leo_sar.simulate.unannotated_shift import unannotated_shift
from m3leo_sar.simulate.zero_doppler import Echo, on_earth, zero_doppler

#: Samples beyond the centre of a spot in azimuth and range.
_REACH = 10, 16
#: Counts for an amplitude of 1, which is a backscatter of 0 dB.
GAIN = 331.0
#: Places in the seeds of noise, one per swath and polarisation.
_KEYS = ("IW1", "IW2", "IW3", "VV", "VH", "HH", "HV")


class Scatterers(NamedTuple):
    """Points on the ground, single bright ones last.

    Parameters
    ----------
    longitude, latitude, height : (points,) float64
        Degrees, and metres above the ellipsoid.
    position : (points, 3) float64
        Earth-fixed metres.
    time : (points,) float64
        About when they are seen, seconds.
    cover : (scatterers,) int
        Class of all but the bright ones.
    weight : float
        Amplitude of each for a backscatter of 0 dB per sample.
    """

    longitude: NDArray[np.float64]
    latitude: NDArray[np.float64]
    height: NDArray[np.float64]
    position: NDArray[np.float64]
    time: NDArray[np.float64]
    cover: NDArray[np.intp]
    weight: float


class BurstImage(NamedTuple):
    """One burst of a product: pixels (lines, columns, 2) int16, real and imaginary."""

    swath: str
    polarisation: str
    burst: int
    pixels: NDArray[np.int16]


def burst_images(scene: SafeScene, date: int) -> Iterator[BurstImage]:
    """Every burst of every swath and polarisation of a date, by its index.

    A date's pixels do not depend on the dates after it.
    """
    flown, points = scene.sentinel1_pass(date), scatterers(scene)
    seen = zero_doppler(flown.orbit, points.position, near=points.time, steps=2)
    turn = np.exp(-4j * math.pi / WAVELENGTH * seen.range)
    if flown.options.phase is not None:
        turn *= np.exp(-1j * flown.options.phase(points.longitude, points.latitude))
    for polarisation in scene.polarisations:
        echo = (reflectivity(scene, date, polarisation) * turn).astype(np.complex64)
        for swath in scene.swaths:
            for index in range(scene.bursts):
                pixels = _image(scene, flown, (swath, index), seen, echo)
                key = date, swath, polarisation, index
                yield BurstImage(swath, polarisation, index, _stored(scene, pixels, key))


@lru_cache(maxsize=1)
def scatterers(scene: SafeScene) -> Scatterers:
    """Random points on the ground, the same for all dates."""
    places, times, distances = scene.spread(9)
    per_axis = math.sqrt(scene.density)
    duration, depth = float(np.ptp(times)), float(np.ptp(distances))
    rows = round(duration / LINE * per_axis)
    cols = round(depth * 2 * SAMPLING / LIGHT * per_axis)
    random = np.random.default_rng((scene.seed, 6))
    # One per cell of a regular grid, anywhere in it: as random as needed, without gaps and clusters.
    row = ((np.arange(rows)[:, None] + random.random((rows, cols))) / rows).ravel()
    col = ((np.arange(cols) + random.random((rows, cols))) / cols).ravel()
    longitude, latitude = (_smooth(plane, row, col) for plane in places[:2])
    cover = scene.ground.cover_at(longitude, latitude)
    time = times[0] + row * duration
    for target in scene.targets:
        longitude, latitude = np.append(longitude, target[0]), np.append(latitude, target[1])
        time = np.append(time, times.mean())
    height = scene.ground.height_at(longitude, latitude)
    position = on_earth(longitude, latitude, height)
    weight = math.sqrt(duration * depth / (rows * cols) / (LINE * LIGHT / 2 / SAMPLING))
    return Scatterers(longitude, latitude, height, position, time, cover, weight)


def reflectivity(scene: SafeScene, date: int, polarisation: str) -> NDArray[np.complex64]:
    """Complex echo of each scatterer on a date; an amplitude of 1 is a backscatter of 0 dB per sample."""
    points = scatterers(scene)
    mixing = np.array([mixing_matrix(matrix)[date] for matrix in scene.coherence_matrices], np.float32)
    cross = polarisation[0] != polarisation[1]
    decibel = np.array([cover.backscatter + cross * cover.cross for cover in scene.classes])
    out = np.zeros(points.cover.shape, np.complex64)
    for layer in range(date + 1):
        out += mixing[points.cover, layer] * _layer(scene.seed, points.cover.size, layer, polarisation)
    out *= (10 ** (decibel / 20) * points.weight).astype(np.float32)[points.cover]
    return np.append(out, np.array([target[2] for target in scene.targets], np.complex64))


def _layer(seed: int, size: int, layer: int, polarisation: str) -> NDArray[np.complex64]:
    """Independent circular Gaussian numbers of unit power."""
    random = np.random.default_rng((seed, 7, layer, _KEYS.index(polarisation)))
    return random.standard_normal((size, 2), np.float32).view(np.complex64)[:, 0] * np.float32(math.sqrt(0.5))


def _image(
    scene: SafeScene, flown: Sentinel1Pass, which: tuple[str, int], seen: Echo, echo: NDArray[np.complex64]
) -> NDArray[np.complex64]:
    """Valid pixels of one burst, before noise."""
    swath, index = which
    numbers, (low, high), (left, right) = SWATHS[swath], scene.valid_lines(swath, index), scene.valid_columns
    start = flown.range_time(swath, scene.start_column(swath))
    # The annotation's clock is off by this, for the burst as for the echo.
    time = seen.time + flown.options.azimuth_shift * LINE
    line = (time - flown.burst(swath, index).azimuth_time) / LINE - low
    # Most scatterers belong to other bursts.
    near = np.flatnonzero((line > -2 * _REACH[0]) & (line < high - low + 2 * _REACH[0]))
    time, line, two_way = time[near], line[near], 2 * seen.range[near] / LIGHT
    column = (two_way - start) * SAMPLING - left
    frequency = flown.beam(swath, index, start, scene.columns).frequency(time, two_way)
    if flown.options.timing:
        heights = scatterers(scene).height[near]
        lines, columns = unannotated_shift(swath, two_way, frequency, heights, incidence=scene.incidence)
        line, column = line + lines, column + columns
    azimuth = Band(numbers.azimuth_band * LINE, numbers.azimuth_window, _REACH[0])
    across = Band(numbers.range_band / SAMPLING, numbers.range_window, _REACH[1])
    gain = np.float32(GAIN / math.sqrt(azimuth.energy * across.energy))
    points = Points(line, column, frequency * LINE, echo[near] * gain)
    return focused_image(points, (high - low, right - left), azimuth=azimuth, range=across)


def _stored(scene: SafeScene, pixels: NDArray[np.complex64], key: tuple[int, str, str, int]) -> NDArray[np.int16]:
    """A whole burst as stored: (lines, columns, 2) int16, zero where nothing is valid."""
    date, swath, polarisation, index = key
    if scene.noise is not None:
        seeds = scene.dates[date].toordinal(), _KEYS.index(swath), _KEYS.index(polarisation), index
        random = np.random.default_rng((scene.seed, 8, *seeds))
        parts = random.standard_normal((*pixels.shape, 2), np.float32).view(np.complex64)[..., 0]
        pixels = pixels + parts * np.float32(GAIN * 10 ** (scene.noise / 20) * math.sqrt(0.5))
    (low, high), (left, right) = scene.valid_lines(swath, index), scene.valid_columns
    out = np.zeros((SWATHS[swath].lines, scene.columns, 2), np.int16)
    whole = np.rint(np.stack([pixels.real, pixels.imag], axis=-1))
    out[low:high, left:right] = np.clip(whole, -32_768, 32_767)
    return out


def _smooth(plane: NDArray[np.float64], row: NDArray[np.float64], col: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values between nodes on the unit square, by the polynomial of degree 4 in both that fits them best."""
    nodes = np.linspace(0, 1, len(plane))
    down, over = (axis.ravel() for axis in np.meshgrid(nodes, nodes, indexing="ij"))
    middle = plane.mean()
    table = np.polynomial.polynomial.polyvander2d(down, over, (4, 4))
    terms = np.linalg.lstsq(table, (plane - middle).ravel(), rcond=None)[0].reshape(5, 5)
    return middle + np.asarray(np.polynomial.polynomial.polyval2d(row, col, terms), np.float64)
