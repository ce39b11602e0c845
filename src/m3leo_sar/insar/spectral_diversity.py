"""Azimuth shift between two dates of TOPS bursts, from the overlaps of neighbouring bursts."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar._backend.choose import backend_of
from m3leo_sar.grid.window import Window
from m3leo_sar.insar.coherence import coherence

#: Groups of columns whose shifts give the spread, and the least of them with samples.
_GROUPS, _LEAST_GROUPS = 16, 3
#: Steps that account for a frequency separation that varies over the overlap.
_STEPS = 3


class AzimuthShift(NamedTuple):
    """Azimuth shift of a secondary date in one overlap.

    Parameters
    ----------
    lines : float
        How much later than assumed the secondary images the ground, in lines: ``azimuth_shift`` of
        :func:`m3leo_sar.warp.coregister.coregister`. NaN if nothing is coherent.
    spread : float
        Standard error of ``lines``, from the shifts of up to 16 groups of columns, each at least two windows wide; NaN
        from fewer than three groups.
    coherence : float
        Mean coherence of the samples used, over both bursts; NaN without any.
    samples : int
        Samples used.
    limit : float
        Lines at which the shift becomes ambiguous: a true shift differs by any multiple of twice this.
    """

    lines: float
    spread: float
    coherence: float
    samples: int
    limit: float


def spectral_diversity(
    earlier: tuple[Any, Any],
    later: tuple[Any, Any],
    *,
    separation: Any,
    azimuth_interval: float,
    window: Window | None = None,
    min_coherence: float = 0.3,
) -> AzimuthShift:
    """Measure the azimuth shift of a secondary date in the overlap of two bursts (enhanced spectral diversity).

    The end of one burst and the start of the next see the same ground at azimuth frequencies some kHz apart. A
    shift of the secondary in azimuth turns both interferograms by their frequencies, so that they differ in phase.

    Parameters
    ----------
    earlier : (reference, secondary), each (rows, cols) complex64 or complex128
        The overlap in the burst that ends in it; the secondary is co-registered to the reference and flattened. NumPy
        or CuPy; NaN is no data.
    later : (reference, secondary)
        The same lines of ground in the next burst.
    separation : float or (rows, cols) float
        Frequency of the earlier burst minus that of the later one, Hz, about 4000 to 4800 for Sentinel-1: the
        difference of :meth:`m3leo_sar.grid.tops.TopsCarrier.frequency`.
    azimuth_interval : float
        Seconds per line.
    window : Window, optional
        Samples per estimate of the coherence; 5 lines and 21 samples by default.
    min_coherence : float
        Least coherence of a sample in both bursts, in [0, 1].

    Returns
    -------
    AzimuthShift

    Raises
    ------
    TypeError
        If an image is not complex, or libraries are mixed.
    ValueError
        If shapes differ, the separation is zero or not finite, or a number is out of range.

    Notes
    -----
    The double difference of the bursts' coherences is summed as complex numbers, never its angle, so that the estimate
    is not biased where the coherence is low. The windows' coherences are used instead of samples, so that a bright
    target does not outweigh the rest.

    References
    ----------
    Prats-Iraola et al., 2012, IEEE TGRS 50(8), 3019-3034, section III; Yague-Martinez et al., 2016, IEEE TGRS 54(8),
    4490-4502.

    Examples
    --------
    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> ground = random.normal(size=(2, 40, 60)) + 1j * random.normal(size=(2, 40, 60))
    >>> turn = [np.exp(-2j * np.pi * frequency * 0.004 * 0.002) for frequency in (2100.0, -2300.0)]
    >>> pairs = [(image, image * phase) for image, phase in zip(ground, turn)]
    >>> round(spectral_diversity(*pairs, separation=4400.0, azimuth_interval=0.002).lines, 6)
    0.004
    """
    images = (*earlier, *later)
    backend = backend_of(*images)
    window = Window(rows=5, cols=21) if window is None else window
    _refuse(images, separation, azimuth_interval=azimuth_interval, min_coherence=min_coherence)
    maps = [
        backend.to_host(coherence(reference, secondary, window=window, output="complex"))
        for reference, secondary in (earlier, later)
    ]
    return shift_of_coherences(
        *maps, separation=separation, azimuth_interval=azimuth_interval, window=window, min_coherence=min_coherence
    )


def shift_of_coherences(
    earlier: Any, later: Any, *, separation: Any, azimuth_interval: float, window: Window, min_coherence: float = 0.3
) -> AzimuthShift:
    """As :func:`spectral_diversity`, from the complex coherences of both bursts.

    Parameters
    ----------
    earlier, later : (rows, cols) complex64 or complex128
        Complex coherence (``output="complex"``) of the overlap in each burst; NumPy.
    separation, azimuth_interval, min_coherence
        As for :func:`spectral_diversity`.
    window : Window
        Of the coherences.

    Returns
    -------
    AzimuthShift
    """
    # NaN compares as not coherent.
    used = (np.abs(earlier) > min_coherence) & (np.abs(later) > min_coherence)
    samples, scale = int(used.sum()), 2 * math.pi * azimuth_interval
    rates = backend_of(separation).to_host(separation) if np.ndim(separation) else np.asarray(separation)
    limit = math.pi / (scale * float(np.abs(rates).mean(dtype=np.float64)))
    if samples == 0:
        return AzimuthShift(math.nan, math.nan, math.nan, 0, limit)
    both = earlier[used], later[used]
    mean = float((np.abs(both[0]).mean() + np.abs(both[1]).mean()) / 2)
    double = both[0] * both[1].conj()
    turns = scale * np.broadcast_to(rates, used.shape)[used].astype(np.float64)
    cols = np.broadcast_to(np.arange(used.shape[1], dtype=np.int32), used.shape)[used]
    # Narrower than twice the window, groups would share samples and agree too well.
    groups = cols * np.int32(max(1, min(_GROUPS, used.shape[1] // (2 * window.cols)))) // used.shape[1]
    shifts = np.array([_shift(double[groups == k], turns[groups == k]) for k in np.unique(groups)])
    spread = shifts.std(ddof=1) / math.sqrt(shifts.size) if shifts.size >= _LEAST_GROUPS else math.nan
    return AzimuthShift(_shift(double, turns), float(spread), mean, samples, limit)


def _refuse(images: tuple[Any, ...], separation: Any, *, azimuth_interval: float, min_coherence: float) -> None:
    shapes = {tuple(image.shape) for image in images}
    if len(shapes) > 1 or images[0].ndim != 2:
        raise ValueError(f"earlier and later must be images (rows, cols) of one shape, got {sorted(shapes)}")
    if np.ndim(separation) and tuple(separation.shape) not in shapes:
        raise ValueError(f"separation must be a number or have the images' shape, got {tuple(separation.shape)}")
    if not bool((abs(separation * 1.0) > 0).all() if np.ndim(separation) else 0 < abs(separation) < math.inf):
        raise ValueError("separation must be a frequency in Hz, finite and not zero")
    if not (math.isfinite(azimuth_interval) and azimuth_interval > 0):
        raise ValueError(f"azimuth_interval must be seconds above 0, got {azimuth_interval}")
    if not 0 <= min_coherence <= 1:
        raise ValueError(f"min_coherence must be in [0, 1], got {min_coherence}")


def _shift(double: Any, turns: Any) -> float:
    """Lines whose phase, at each sample's radians per line, best agrees with the double difference."""
    lines = 0.0
    mean = float(turns.mean())
    for _ in range(_STEPS):
        turned = double * np.exp(-1j * lines * turns).astype(double.dtype)
        lines += float(np.angle(turned.sum(dtype=np.complex128))) / mean
    return lines
