"""Estimators for :func:`m3leo_sar.insar.window_map.window_map`, written in plain Python as examples."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np


class CoherenceOfMeans(NamedTuple):
    """Coherence of a window, as returned by :func:`coherence_of_means`."""

    #: Magnitude in [0, 1], unitless.
    coherence: float
    #: Interferometric phase in radians, in (-pi, pi].
    phase: float


def coherence_terms(reference: complex, secondary: complex) -> tuple[complex, float, float]:
    """Interferogram of one sample and the powers of both images; their window means give the coherence.

    Parameters
    ----------
    reference, secondary : complex
        One sample of each image.

    Returns
    -------
    (complex, float, float)
        reference x conj(secondary), power of the reference, power of the secondary.
    """
    product = reference * np.conj(secondary)
    return product, reference.real**2 + reference.imag**2, secondary.real**2 + secondary.imag**2


def coherence_of_means(product: complex, power: float, other_power: float, count: int) -> CoherenceOfMeans:
    """Sample coherence from window means, as :func:`m3leo_sar.coherence` defines it.

    Parameters
    ----------
    product : complex
        Mean of reference x conj(secondary).
    power, other_power : float
        Mean powers of the reference and of the secondary.
    count : int
        Samples in the means.

    Returns
    -------
    CoherenceOfMeans
        NaN where a power is zero.

    References
    ----------
    .. [1] Touzi et al., 1999, IEEE TGRS 37(1), 135-149.
    """
    root = math.sqrt(power) * math.sqrt(other_power)
    magnitude = abs(product) / root if root > 0 else math.nan
    return CoherenceOfMeans(magnitude, math.atan2(product.imag, product.real))


def log_cumulant_looks(samples: Any) -> float:
    """Equivalent number of looks from the spread of log intensities, independent of the mean level.

    The second log-cumulant of gamma distributed intensities of L looks is the trigamma function at L [1]_. It is
    estimated per date, as dates may differ in level, averaged, and inverted by Newton's method.

    Parameters
    ----------
    samples : (dates, samples) complex
        Valid samples of one window, all dates.

    Returns
    -------
    float
        Equivalent number of looks, 1 for single-look speckle over homogeneous ground; less over textured ground. NaN
        for fewer than two samples, or where a sample is zero.

    References
    ----------
    .. [1] Anfinsen, Doulgeris and Eltoft, 2009, IEEE TGRS 47(11), 3795-3809; Tison et al., 2004, IEEE TGRS 42(10),
       2046-2057.
    """
    dates, count = samples.shape
    if count < 2:
        return math.nan
    spread = 0.0
    for date in range(dates):
        mean, square = 0.0, 0.0
        # Welford's update: the mean of logarithms may be far from zero.
        for index in range(count):
            value = samples[date, index]
            power = float(value.real) ** 2 + float(value.imag) ** 2
            if power <= 0:
                return math.nan
            change = math.log(power) - mean
            mean += change / (index + 1)
            square += change * (math.log(power) - mean)
        spread += square / (count - 1) / dates
    if spread <= 0:
        return math.inf
    looks = 0.5 / spread + math.sqrt(0.25 / spread**2 + 0.5 / spread)
    for _ in range(20):
        # Trigamma and its derivative: shifted up by recurrence, then the asymptotic series.
        value, slope, at = 0.0, 0.0, looks
        while at < 8:
            value, slope, at = value + 1 / at**2, slope - 2 / at**3, at + 1
        value += 1 / at + 1 / (2 * at**2) + 1 / (6 * at**3) - 1 / (30 * at**5) + 1 / (42 * at**7)
        slope -= 1 / at**2 + 1 / at**3 + 1 / (2 * at**4) - 1 / (6 * at**6) + 1 / (6 * at**8)
        looks = max(looks - (value - spread) / slope, looks / 2)
    return looks


def entropy_distance(reference: Any, secondary: Any) -> float:
    """Symmetric Kullback-Leibler distance of two windows of speckle, a measure of change that ignores phase.

    For exponentially distributed intensities with means m and n it is (m - n)^2 / (2 m n) [1]_.

    Parameters
    ----------
    reference, secondary : (samples,) complex
        Valid samples of one window on two dates.

    Returns
    -------
    float
        At least 0, unitless; 0 for equal mean powers, NaN where a power is zero.

    References
    ----------
    .. [1] Nascimento, Cintra and Frery, 2010, IEEE TGRS 48(1), 373-385.
    """
    power, other_power = 0.0, 0.0
    for index in range(len(reference)):
        power += float(reference[index].real) ** 2 + float(reference[index].imag) ** 2
        other_power += float(secondary[index].real) ** 2 + float(secondary[index].imag) ** 2
    if power <= 0 or other_power <= 0:
        return math.nan
    # As a ratio, since the product of two small powers could vanish; and without the difference of two numbers near 1.
    ratio = power / other_power
    return (ratio - 1) ** 2 / (2 * ratio)


def phase_variance(reference: Any, secondary: Any) -> float:
    """Circular variance of the interferometric phase in a window, independent of amplitude.

    Parameters
    ----------
    reference, secondary : (samples,) complex
        Valid samples of one window on two dates.

    Returns
    -------
    float
        In radians squared, -2 log of the length of the mean phasor [1]_: 0 for one phase throughout; NaN where a
        sample of every pair is zero.

    References
    ----------
    .. [1] Mardia and Jupp, 2000, Directional Statistics, equation 2.3.11.
    """
    total, count = 0j, 0
    for index in range(len(reference)):
        product = complex(reference[index]) * np.conj(complex(secondary[index]))
        size = abs(product)
        if size > 0:
            total += product / size
            count += 1
    if count == 0:
        return math.nan
    length = abs(total) / count
    return max(0.0, -2 * math.log(length)) if length > 0 else math.inf
