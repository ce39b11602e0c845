"""How one SLC lies on another's grid, measured from their amplitudes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of, module_of
from m3leo_sar.doors.door import door
from m3leo_sar.grid.pixel_polynomial import PixelPolynomial
from m3leo_sar.grid.window import Window

#: Steps between two samples that a peak is looked for at.
_FINE = 64


class Offsets(NamedTuple):
    """Offsets measured at some pixels.

    Parameters
    ----------
    rows, cols : (chips,) float64
        Middle of each chip in the reference.
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


class FittedOffsets(NamedTuple):
    """Smooth offsets through measured ones.

    Parameters
    ----------
    azimuth, range : PixelPolynomial
        For :func:`m3leo_sar.resample`.
    kept : (chips,) bool
        Measurements that the fit stands on.
    spread : (float, float)
        Standard deviation of those about it, along azimuth and range, in pixels.
    """

    azimuth: PixelPolynomial
    range: PixelPolynomial
    kept: np.ndarray
    spread: tuple[float, float]


@door(arrays={"reference": "rc", "secondary": "rc"}, images=2, eager=True, labels=False)
def measure_offsets(
    reference: Any, secondary: Any, *, chip: Window, grid: tuple[int, int], search: Window | None = None
) -> Offsets:
    """Measure offsets on a regular grid of chips by correlating amplitudes.

    Chips of both images are sampled at half steps through their spectra, as an intensity takes twice the band of its
    image; their correlation is found by FFT and its peak to a 64th of a pixel.

    Parameters
    ----------
    reference, secondary : (rows, cols) complex64 or complex128
        Of one shape, aligned to within the search. NumPy or CuPy. Samples that are not finite count as zero.
    chip : Window
        Size of a chip, even, at least 8 by 8; larger ones are surer.
    grid : (int, int)
        Number of chips along rows and columns, spread over the image.
    search : Window, optional
        Full size of the range of offsets looked at; half the chip's size by default, and at most that.

    Returns
    -------
    Offsets
        NumPy; chips without any amplitude are left out.

    Raises
    ------
    TypeError
        If the images are not complex, or the sizes are no windows.
    ValueError
        If shapes differ, the chip is odd, below 8 or larger than the image, the grid is empty, or no chip is left.

    References
    ----------
    Guizar-Sicairos et al., 2008, Optics Letters 33(2), 156-158 (refining a peak by a matrix DFT).
    """
    for name, image in (("reference", reference), ("secondary", secondary)):
        _check.complex_array(image, name, ndim=2)
    _check.same(reference, secondary, names=("reference", "secondary"))
    backend = backend_of(reference, secondary)
    search = _check_sizes(chip, grid, search, reference.shape)
    places = [
        np.unique(np.linspace(0, size - length, count).round().astype(int))
        for size, length, count in zip(reference.shape, (chip.rows, chip.cols), grid, strict=True)
    ]
    found = []
    for top in places[0]:
        for left in places[1]:
            part = (slice(top, top + chip.rows), slice(left, left + chip.cols))
            peak = _peak(module_of(reference), reference[part], secondary[part], search, backend)
            if peak is not None:
                found.append((top + (chip.rows - 1) / 2, left + (chip.cols - 1) / 2, *peak))
    if not found:
        raise ValueError("reference and secondary must have amplitudes that vary somewhere, no chip is left")
    return Offsets(*np.array(found).T)


def fit_offsets(
    offsets: Offsets, *, shape: tuple[int, int], degree: int = 1, min_quality: float = 0.1, rounds: int = 10
) -> FittedOffsets:
    """Fit polynomials through measured offsets, leaving out those that stand apart.

    In each round, measurements further from the fit than three times the spread (by the median) go or come back.

    Parameters
    ----------
    offsets : Offsets
        From :func:`measure_offsets`.
    shape : (int, int)
        Rows and columns of the image.
    degree : int
        Total degree of the polynomials.
    min_quality : float
        Measurements of less correlation do not count.
    rounds : int
        Rounds at most.

    Raises
    ------
    ValueError
        If too few measurements are left for the degree.
    """
    good = offsets.quality >= min_quality
    kept = good.copy()
    needed = (degree + 1) * (degree + 2) // 2
    fits: list[PixelPolynomial] = []
    for _ in range(rounds):
        if kept.sum() < needed:
            raise ValueError(
                f"offsets must hold at least {needed} good measurements for degree {degree}, {int(kept.sum())} are left"
            )
        fits = [
            PixelPolynomial.fit(
                offsets.rows[kept],
                offsets.cols[kept],
                axis[kept],
                degree=degree,
                shape=shape,
                weights=offsets.quality[kept],
            )
            for axis in (offsets.azimuth, offsets.range)
        ]
        left = [
            axis - fit(offsets.rows, offsets.cols)
            for axis, fit in zip((offsets.azimuth, offsets.range), fits, strict=True)
        ]
        # The median of distances from the fit, as a standard deviation of normal noise; a sixty-fourth is one step.
        limits = [3 * max(1.4826 * float(np.median(np.abs(axis[kept]))), 1 / _FINE) for axis in left]
        now = good & (np.abs(left[0]) <= limits[0]) & (np.abs(left[1]) <= limits[1])
        if (now == kept).all():
            break
        kept = now
    return FittedOffsets(fits[0], fits[1], kept, (float(left[0][kept].std()), float(left[1][kept].std())))


def _check_sizes(chip: Any, grid: tuple[int, int], search: Any, shape: tuple[int, ...]) -> Window:
    for name, window in (("chip", chip), ("search", search)):
        if not (isinstance(window, Window) or (name == "search" and window is None)):
            raise TypeError(f"{name} must be a Window(rows=, cols=), got {window!r}")
    if min(chip.rows, chip.cols) < 8 or chip.rows % 2 or chip.cols % 2:
        raise ValueError(f"chip must be even and at least 8 by 8, got {chip.rows} by {chip.cols}")
    _check.extent_within(chip, "chip", (shape[0], shape[1]), times=1)
    if min(grid) < 1:
        raise ValueError(f"grid must be at least 1 by 1, got {grid}")
    most = Window(rows=chip.rows // 2, cols=chip.cols // 2)
    if search is None:
        return most
    return Window(rows=min(search.rows, most.rows), cols=min(search.cols, most.cols))


def _peak(arrays: Any, first: Any, second: Any, search: Window, backend: Any) -> tuple[float, float, float] | None:
    """Offset of the second chip against the first, and their correlation there."""
    a, b = (_varying(arrays, image) for image in (first, second))
    norm = float(arrays.sqrt((a * a).sum() * (b * b).sum()))
    if not norm > 0:
        return None
    # Zeros around both, so that what leaves a chip on one side does not come in on the other.
    shape = tuple(2 * size for size in a.shape)
    spectrum = arrays.fft.fft2(a, shape).conj() * arrays.fft.fft2(b, shape)
    surface = backend.to_host(arrays.fft.ifft2(spectrum).real)
    # Half samples, wrapped: offset k stands at index k, or at the size + k where it is negative.
    spans = [np.arange(-size, size + 1) for size in (search.rows, search.cols)]
    near = surface[np.ix_(spans[0] % shape[0], spans[1] % shape[1])]
    at = np.unravel_index(int(near.argmax()), near.shape)
    coarse = spans[0][at[0]], spans[1][at[1]]
    fine = np.arange(-_FINE // 2, _FINE // 2 + 1) / (_FINE / 2)
    host = backend.to_host(spectrum)
    kernels = [
        np.exp(2j * np.pi * np.outer(middle + fine, np.fft.fftfreq(size)))
        for middle, size in zip(coarse, shape, strict=True)
    ]
    values = (kernels[0] @ host @ kernels[1].T).real / host.size
    best = np.unravel_index(int(values.argmax()), values.shape)
    return (
        float(coarse[0] + fine[best[0]]) / 2,
        float(coarse[1] + fine[best[1]]) / 2,
        float(values[best]) / norm,
    )


def _varying(arrays: Any, image: Any) -> Any:
    """Amplitude at half steps without its mean."""
    clean = arrays.where(arrays.isfinite(image), image, 0).astype(np.complex128)
    # The middle of the band is brought to zero first, or half steps would fall between its two halves.
    for axis in (0, 1):
        neighbours = (clean[1:] * clean[:-1].conj()) if axis == 0 else (clean[:, 1:] * clean[:, :-1].conj())
        turn = arrays.exp(-1j * arrays.angle(neighbours.sum()) * arrays.arange(clean.shape[axis]))
        clean = clean * (turn[:, None] if axis == 0 else turn)
    spectrum = arrays.fft.fftshift(arrays.fft.fft2(clean))
    rows, cols = image.shape
    wide = arrays.zeros((2 * rows, 2 * cols), np.complex128)
    wide[rows // 2 : rows // 2 + rows, cols // 2 : cols // 2 + cols] = spectrum
    amplitude = arrays.abs(arrays.fft.ifft2(arrays.fft.ifftshift(wide)))
    return amplitude - amplitude.mean()
