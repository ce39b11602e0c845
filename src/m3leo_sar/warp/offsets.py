"""Offsets between two SLCs, measured from their amplitudes (co-registration)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from m3leo_sar import _check
from m3leo_sar._backend import transforms
from m3leo_sar._backend.choose import backend_of, module_of
from m3leo_sar.doors.door import door
from m3leo_sar.grid.window import Window

#: Search steps per sample for a correlation peak.
FINE = 64
#: Samples read around a chip for its spectrum.
_MARGIN = 8


class Offsets(NamedTuple):
    """Offsets measured at a set of pixels.

    Parameters
    ----------
    rows, cols : (chips,) float64
        Centre of each chip in the reference.
    azimuth, range : (chips,) float64
        Pixels: the reference's (row, col) is the secondary's (row + azimuth, col + range).
    quality : (chips,) float64
        Correlation of the amplitudes at the peak, at most 1.
    """

    rows: np.ndarray
    cols: np.ndarray
    azimuth: np.ndarray
    range: np.ndarray
    quality: np.ndarray


@door(arrays={"reference": "rc", "secondary": "rc"}, images=2, eager=True, labels=False)
def measure_offsets(
    reference: Any, secondary: Any, *, window: Window, grid: tuple[int, int], search: Window | None = None
) -> Offsets:
    """Measure offsets on a regular grid of chips by correlating amplitudes.

    A chip of the reference is compared with the samples of the secondary at every offset of the search, with the whole
    chip where the image covers it. Both are oversampled by two through their spectra, as an intensity has twice the
    bandwidth of its image. Their normalised correlation is computed by FFT and its peak located to 1/64 pixel.

    Parameters
    ----------
    reference, secondary : (rows, cols) complex64 or complex128
        Of one shape, aligned to within the search. NumPy or CuPy. Non-finite samples are ignored.
    window : Window
        Size of a chip, even, at least 8 by 8; larger chips are more reliable.
    grid : (int, int)
        Number of chips along rows and columns, distributed over the image.
    search : Window, optional
        Full size of the search range of offsets; half the size of the chip by default, and at most that.

    Returns
    -------
    Offsets
        NumPy; chips with less than half of valid samples, or with constant amplitude, are omitted.

    Raises
    ------
    TypeError
        If the images are not complex, or a size is not a Window.
    ValueError
        If shapes differ, the window is odd, below 8 or larger than the image, the grid is empty, or no chip is left.

    References
    ----------
    Guizar-Sicairos et al., 2008, Optics Letters 33(2), 156-158 (peak refinement by a matrix DFT); Padfield, 2012, IEEE
    Transactions on Image Processing 21(5), 2706-2718 (normalised correlation of images with gaps by FFT).
    """
    for name, image in (("reference", reference), ("secondary", secondary)):
        _check.complex_array(image, name, ndim=2)
    _check.same(reference, secondary, names=("reference", "secondary"))
    backend_of(reference, secondary)
    search = _check_sizes(window, grid, search, reference.shape)
    places = [
        np.unique(np.linspace(0, size - length, count).round().astype(int))
        for size, length, count in zip(reference.shape, (window.rows, window.cols), grid, strict=True)
    ]
    # The search area contains every offset in full, and one more sample for the sides of the peak.
    reach = (search.rows // 2 + 1, search.cols // 2 + 1)
    found = []
    for top in places[0]:
        for left in places[1]:
            first = _fine(reference, (top, left), (window.rows, window.cols))
            start = (top - reach[0], left - reach[1])
            second = _fine(secondary, start, (window.rows + 2 * reach[0], window.cols + 2 * reach[1]))
            peak = _peak(first, second, search, reach)
            if peak is not None:
                found.append((top + (window.rows - 1) / 2, left + (window.cols - 1) / 2, *peak))
    if not found:
        raise ValueError("reference and secondary must have amplitudes that vary somewhere, no chip is left")
    return Offsets(*np.array(found).T)


def _check_sizes(window: Any, grid: tuple[int, int], search: Any, shape: tuple[int, ...]) -> Window:
    for name, size in (("window", window), ("search", search)):
        if not (isinstance(size, Window) or (name == "search" and size is None)):
            raise TypeError(f"{name} must be a Window(rows=, cols=), got {size!r}")
    if min(window.rows, window.cols) < 8 or window.rows % 2 or window.cols % 2:
        raise ValueError(f"window must be even and at least 8 by 8, got {window.rows} by {window.cols}")
    _check.extent_within(window, "window", (shape[0], shape[1]), times=1)
    if min(grid) < 1:
        raise ValueError(f"grid must be at least 1 by 1, got {grid}")
    most = Window(rows=window.rows // 2, cols=window.cols // 2)
    if search is None:
        return most
    return Window(rows=min(search.rows, most.rows), cols=min(search.cols, most.cols))


class _Fine(NamedTuple):
    """Amplitudes at half steps, zero for no data, and a validity of one for data."""

    amplitude: np.ndarray
    known: np.ndarray


def _peak(first: _Fine, second: _Fine, search: Window, reach: tuple[int, int]) -> tuple[float, float, float] | None:
    """Offset of the first chip in the second, larger one, and their correlation there."""
    sums = _Sums(first, second)
    # Offset k, in half samples, is at index k + 2 reach.
    spans = [np.arange(-size, size + 1) for size in (search.rows, search.cols)]
    shared = sums.correlation()
    near = shared[np.ix_(spans[0] + 2 * reach[0], spans[1] + 2 * reach[1])]
    if not np.isfinite(near).any():
        return None
    at = np.unravel_index(int(np.nanargmax(near)), near.shape)
    middle = (int(at[0] + spans[0][0] + 2 * reach[0]), int(at[1] + spans[1][0] + 2 * reach[1]))
    fine = np.arange(-FINE // 2, FINE // 2 + 1) / (FINE / 2)
    values = sums.correlation_about(middle, fine)
    if not np.isfinite(values).any():
        return None
    best = np.unravel_index(int(np.nanargmax(values)), values.shape)
    return (
        float(middle[0] + fine[best[0]]) / 2 - reach[0],
        float(middle[1] + fine[best[1]]) / 2 - reach[1],
        float(min(values[best], 1.0)),
    )


class _Sums:
    """Sums over the common samples of two chips at every offset, by FFT.

    Each offset uses the means and powers of its own samples: with those of the whole chips, an offset with fewer common
    samples would always score lower, which would bias the peak towards zero.
    """

    def __init__(self, first: _Fine, second: _Fine) -> None:
        self.shape = second.amplitude.shape
        ours, theirs = (
            [transforms.rfft2(plane, self.shape) for plane in (chip.known, chip.amplitude, chip.amplitude**2)]
            for chip in (first, second)
        )
        count, mean_a, mean_b, power_a, power_b = (
            transforms.irfft2(one.conj() * other, self.shape)
            for one, other in (
                (ours[0], theirs[0]),
                (ours[1], theirs[0]),
                (ours[0], theirs[1]),
                (ours[2], theirs[0]),
                (ours[0], theirs[2]),
            )
        )
        # Offsets with less than half of a chip are ignored, and chips of constant amplitude up to rounding.
        enough = count > 0.5 * first.known.size
        count = np.where(enough, count, 1)
        spread = np.maximum(power_a - mean_a**2 / count, 0) * np.maximum(power_b - mean_b**2 / count, 0)
        self.varies = enough & (spread > 1e-20 * power_a * power_b)
        self.by_chance = mean_a * mean_b / count
        self.norm = np.where(self.varies, np.sqrt(spread), 1)
        self.cross = transforms.fft2(first.amplitude, self.shape).conj() * transforms.fft2(second.amplitude)

    def correlation(self) -> np.ndarray:
        """Correlation at every whole offset, NaN where the chips have too few common samples."""
        product = transforms.ifft2(self.cross).real
        return np.where(self.varies, (product - self.by_chance) / self.norm, np.nan)

    def correlation_about(self, middle: tuple[int, int], fine: np.ndarray) -> np.ndarray:
        """Correlation at offsets ``fine``, in -1 ... 1, around a whole offset, along both axes."""
        kernels = [
            np.exp(2j * np.pi * np.outer(place + fine, np.fft.fftfreq(size)))
            for place, size in zip(middle, self.shape, strict=True)
        ]
        product = (kernels[0] @ self.cross @ kernels[1].T).real / self.cross.size
        # Means and powers change slowly: a parabola through three whole offsets along each axis interpolates them.
        parabola = np.stack([fine * (fine - 1) / 2, 1 - fine**2, fine * (fine + 1) / 2], axis=1)
        around = np.ix_(*(np.arange(place - 1, place + 2) for place in middle))
        if not self.varies[around].all():
            return np.full(product.shape, np.nan)
        by_chance, norm = (parabola @ plane[around] @ parabola.T for plane in (self.by_chance, self.norm))
        return np.asarray((product - by_chance) / norm)


def _fine(image: Any, start: tuple[int, int], size: tuple[int, int]) -> _Fine:
    """Amplitudes at half steps of a part of an image, which may extend beyond the image."""
    arrays = module_of(image)
    inner = [
        slice(max(first, 0), min(first + length, full))
        for first, length, full in zip(start, size, image.shape, strict=True)
    ]
    # Some more samples on each side: a spectrum is periodic and treats both ends as neighbours.
    outer = tuple(
        slice(max(part.start - _MARGIN, 0), min(part.stop + _MARGIN, full))
        for part, full in zip(inner, image.shape, strict=True)
    )
    part = image[outer]
    valid = arrays.isfinite(part)
    amplitude = _finer_amplitude(arrays, arrays.where(valid, part, 0).astype(np.complex128))
    planes = (amplitude, arrays.repeat(arrays.repeat(valid, 2, axis=0), 2, axis=1))
    found = []
    for plane in planes:
        whole = np.zeros((2 * size[0], 2 * size[1]))
        to = tuple(
            slice(2 * (part.start - first), 2 * (part.stop - first)) for part, first in zip(inner, start, strict=True)
        )
        cut = tuple(
            slice(2 * (part.start - around.start), 2 * (part.stop - around.start))
            for part, around in zip(inner, outer, strict=True)
        )
        taken = plane[cut]
        whole[to] = taken.get() if hasattr(taken, "get") else np.asarray(taken)
        found.append(whole)
    return _Fine(found[0] * found[1], found[1])


def _finer_amplitude(arrays: Any, clean: Any) -> Any:
    """Amplitude at half steps."""
    # The band is centred at zero first, or the zero padding would split it into two halves.
    for axis in (0, 1):
        neighbours = (clean[1:] * clean[:-1].conj()) if axis == 0 else (clean[:, 1:] * clean[:, :-1].conj())
        turn = arrays.exp(-1j * arrays.angle(neighbours.sum()) * arrays.arange(clean.shape[axis]))
        clean = clean * (turn[:, None] if axis == 0 else turn)
    spectrum = arrays.fft.fftshift(transforms.fft2(clean))
    rows, cols = clean.shape
    wide = arrays.zeros((2 * rows, 2 * cols), np.complex128)
    wide[rows - rows // 2 : 2 * rows - rows // 2, cols - cols // 2 : 2 * cols - cols // 2] = spectrum
    return arrays.abs(transforms.ifft2(arrays.fft.ifftshift(wide)))
