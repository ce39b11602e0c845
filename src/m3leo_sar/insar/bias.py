"""Distribution of the sample coherence, and inversion of its mean or median to the true coherence."""

from __future__ import annotations

import math
from functools import lru_cache
from math import lgamma
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3leo_sar.doors.door import door

#: Share of the mixture's mass that a truncated sum may omit on either side.
_TAIL = 1e-14
#: Above this true coherence the moments are computed from their expansion.
_NEAR_ONE = 0.9995
#: Steps of a table of the distribution: fine enough for a linear interpolation error below 1e-8.
_STEPS = 1 << 14


@door(arrays={"true": "*"}, array_like=("true",), name="coherence", units={"coherence": "1"})
def expected_coherence(true: ArrayLike, *, equivalent_looks: float) -> NDArray[np.float64]:
    """Mean of the sample coherence of ``equivalent_looks`` independent looks.

    Parameters
    ----------
    true : array_like of float
        True coherence in [0, 1].
    equivalent_looks : float
        Equivalent number of looks (ENL), that of independent looks, above 1. Pixels of an oversampled image are
        correlated, so it is smaller than the number of samples in the window
        (:func:`m3leo_sar.insar.equivalent_looks.equivalent_looks`).

    Returns
    -------
    float64 array of the shape of ``true``
        Mean in [0, 1], never below ``true``, within 1e-7 of the exact distribution. The first call for a number of
        looks computes a table, which later calls reuse.

    Raises
    ------
    ValueError
        If a coherence lies outside [0, 1] or ``equivalent_looks`` is not above 1.

    References
    ----------
    Touzi et al., 1999, IEEE TGRS 37(1), 135-149, equation (11).

    Examples
    --------
    >>> expected_coherence([0.0, 0.3, 0.9], equivalent_looks=25).round(5)
    array([0.17813, 0.33101, 0.90043])
    """
    rho = _true_values(true, equivalent_looks)
    law = _law(float(equivalent_looks))
    spread = _between_steps(law.from_truth, rho)
    return np.clip(np.hypot(law.floor, np.sqrt(1 - law.floor**2) * spread), rho, 1.0)


@door(arrays={"true": "*"}, array_like=("true",), name="variance", units={"variance": None})
def coherence_variance(true: ArrayLike, *, equivalent_looks: float) -> NDArray[np.float64]:
    """Variance of the sample coherence of ``equivalent_looks`` independent looks.

    Parameters, errors and source are those of :func:`expected_coherence`.

    Examples
    --------
    >>> float(np.sqrt(coherence_variance(0.7, equivalent_looks=100)).round(3))
    0.036
    """
    rho = _true_values(true, equivalent_looks)
    return (1 - rho * rho) ** 2 * _between_steps(_law(float(equivalent_looks)).variance, rho)


@door(arrays={"sample": "*"}, array_like=("sample",), name="density", units={"density": None})
def coherence_density(sample: ArrayLike, true: float, *, equivalent_looks: float) -> NDArray[np.float64]:
    """Probability density of the sample coherence.

    Parameters
    ----------
    sample : array_like of float
        Sample coherence at which to evaluate the density, in [0, 1].
    true : float
        True coherence in [0, 1).
    equivalent_looks : float
        Equivalent number of looks, above 1.

    Returns
    -------
    float64 array of the shape of ``sample``

    Raises
    ------
    ValueError
        If a value is outside its range.

    References
    ----------
    Touzi et al., 1999, IEEE TGRS 37(1), 135-149, equation (8).
    """
    where = np.asarray(sample, np.float64)
    _in_unit_interval(where, "sample")
    rho = float(true)
    if not 0 <= rho < 1:
        raise ValueError(f"true must be in [0, 1) for a density, got {true}")
    _check_looks(equivalent_looks)
    looks = float(equivalent_looks)
    weight, k = _mixture(rho, looks)
    # d squared given k is Beta(k + 1, looks - 1); its normalising constant comes from a recurrence in k.
    log_constant = np.concatenate([[0.0], np.cumsum(np.log((np.arange(k[-1]) + looks) / (np.arange(k[-1]) + 1.0)))])
    constant = (looks - 1) * np.exp(log_constant[k])
    squared = np.clip(where, 0.0, 1.0)[..., None] ** 2
    with np.errstate(divide="ignore"):
        shape = squared**k * (1.0 - squared) ** (looks - 2)
    return 2.0 * where * np.sum(weight * constant * shape, axis=-1)


@door(arrays={"observed": "*"}, array_like=("observed",), name="coherence", units={"coherence": "1"})
def true_coherence(observed: ArrayLike, *, equivalent_looks: float, statistic: str = "mean") -> NDArray[np.float64]:
    """Compute the true coherence whose sample coherence has the mean, or the median, ``observed``.

    Apply it to means or medians over pairs or looks, not to single estimates: an estimate below the mean at zero
    coherence (0.178 for 25 looks) has no corresponding true value and gives 0, so a correction per pixel turns noise
    into a peak at zero.

    Parameters
    ----------
    observed : array_like of float
        Mean or median of the sample coherence, in [0, 1]; NaN stays NaN.
    equivalent_looks : float
        Equivalent number of looks, above 1.
    statistic : {"mean", "median"}
        The distribution is skewed, so the two differ for few looks: at 4 looks and a true coherence of 0.6 they are
        0.67 and 0.70.

    Returns
    -------
    float64 array of the shape of ``observed``
        True coherence in [0, 1], within 1e-7 of the exact inverse.

    Raises
    ------
    ValueError
        If a value lies outside [0, 1], ``equivalent_looks`` is not above 1 or ``statistic`` is unknown.

    Examples
    --------
    >>> true_coherence([0.1, 0.33101, 1.0], equivalent_looks=25).round(4)
    array([0. , 0.3, 1. ])
    """
    wanted = np.asarray(observed, np.float64)
    _in_unit_interval(wanted[~np.isnan(wanted)], "observed")
    _check_looks(equivalent_looks)
    if statistic not in ("mean", "median"):
        raise ValueError(f"statistic must be mean or median, got {statistic!r}")
    if statistic == "median":
        found = [_true_of_median(float(value), equivalent_looks) for value in wanted.ravel()]
        return np.array(found, np.float64).reshape(wanted.shape)
    law = _law(float(equivalent_looks))
    above = np.maximum(wanted, law.floor)
    spread = np.sqrt((above - law.floor) * (above + law.floor) / (1 - law.floor**2))
    return _between_steps(law.to_truth, spread)


def _true_of_median(median: float, looks: float) -> float:
    """True coherence at which half of the sample coherences are below ``median``."""
    from scipy.special import betainc, betaincinv

    if math.isnan(median):
        return math.nan
    square = median * median
    # Close to one, (1 - d^2) / (1 - rho^2) is the ratio of two gamma variables of shapes looks - 1 and looks.
    share = float(betaincinv(looks - 1, looks, 0.5))
    near = 1 - (1 - square) * (1 - share) / share
    if near > _NEAR_ONE**2:
        return math.sqrt(min(near, 1.0))

    def below(rho: float) -> float:
        weight, k = _mixture(rho, looks)
        return float(np.sum(weight * betainc(k + 1.0, looks - 1.0, square)))

    if below(0.0) <= 0.5:
        # A median below that of zero coherence has no corresponding true value.
        return 0.0
    low, high = 0.0, 1 - (1 - _NEAR_ONE) / 2
    for _ in range(32):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if below(middle) > 0.5 else (low, middle)
    return 0.5 * (low + high)


def _check_looks(looks: float) -> None:
    if not (np.isfinite(looks) and looks > 1):
        raise ValueError(f"equivalent_looks must be a finite number above 1, got {looks}")


def _in_unit_interval(values: NDArray[np.float64], name: str) -> None:
    outside = ~((values >= 0) & (values <= 1))
    if outside.any():
        raise ValueError(f"{name} must lie in [0, 1], got {values[outside].flat[0]}")


def _mixture(rho: float, looks: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Weights of the mixture over k, negative binomial with mean looks rho^2 / (1 - rho^2).

    The hypergeometric sum of the closed form is this mixture term by term; as probabilities the terms neither
    overflow nor cancel, and the omitted tails are bounded.
    """
    q = rho * rho
    if q == 0.0:
        return np.ones(1), np.zeros(1, np.int64)
    mean, spread = looks * q / (1 - q), np.sqrt(looks * q) / (1 - q)
    last = int(mean + 12 * spread + 60 + 40 * q / (1 - q))
    k = np.arange(last + 1, dtype=np.int64)
    steps = np.log((k[:-1] + looks) / (k[:-1] + 1.0)) + np.log(q)
    log_weight = looks * np.log1p(-q) + np.concatenate([[0.0], np.cumsum(steps)])
    weight = np.exp(log_weight)
    kept = weight > _TAIL * weight.max()
    return weight[kept] / weight[kept].sum(), k[kept]


def _true_values(true: ArrayLike, looks: float) -> NDArray[np.float64]:
    rho = np.asarray(true, np.float64)
    _in_unit_interval(rho, "true")
    _check_looks(looks)
    return rho


class _Law(NamedTuple):
    """Distribution for one number of looks, tabulated in even steps from 0 to 1.

    Near zero the mean is flat in the true coherence. Its excess over the mean at zero coherence, sqrt((mean^2 -
    floor^2) / (1 - floor^2)), is not: it starts linearly, so that the mapping between excess and true coherence is
    smooth in both directions.
    """

    floor: float
    from_truth: NDArray[np.float64]
    to_truth: NDArray[np.float64]
    variance: NDArray[np.float64]  # by truth, over (1 - truth^2)^2


@lru_cache(maxsize=16)
def _law(looks: float) -> _Law:
    from scipy.interpolate import CubicSpline

    floor = _moment_at(0.0, looks, 1)
    # Denser where the curvature is high: towards one, and over a few times the mean at zero coherence.
    truth = np.union1d(np.sin(np.linspace(0, np.pi / 2, 129)), np.linspace(0, min(12 * floor, 1.0), 97))
    truth = np.append(truth[:-1][np.diff(truth) > 1e-9], 1.0)
    mean, square = (np.array([_moment_at(value, looks, order) for value in truth.tolist()]) for order in (1, 2))
    spread = np.sqrt(np.maximum((mean - floor) * (mean + floor), 0.0) / (1 - floor**2))
    far = truth <= _NEAR_ONE
    ratio = (square - mean * mean)[far] / (1 - truth[far] ** 2) ** 2
    steps = np.linspace(0.0, 1.0, _STEPS + 1)
    odd = ((2, 0.0), "not-a-knot")
    return _Law(
        floor,
        CubicSpline(truth, spread, bc_type=odd)(steps),
        CubicSpline(spread, truth, bc_type=odd)(steps),
        CubicSpline(truth[far], ratio)(np.minimum(steps, truth[far][-1])),
    )


def _between_steps(table: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear interpolation in a table, at positions in [0, 1]; NaN stays NaN."""
    position = place * _STEPS
    before = np.nan_to_num(np.minimum(position, _STEPS - 1)).astype(np.intp)
    low = table[before]
    return low + (table[before + 1] - low) * (position - before)


def _moment_at(rho: float, looks: float, order: int) -> float:
    # Close to one the mixture needs looks / (1 - rho^2) terms, while the expansion in 1 - rho^2 needs one.
    if rho > _NEAR_ONE and looks >= 4:
        return rho**order + (1 - rho * rho) ** 2 / (looks - 2) * (1 / (4 * rho) if order == 1 else 1.0)
    if rho > 0.99999:
        return rho**order
    weight, k = _mixture(rho, looks)
    half = order / 2
    # Mean of d^order given k, Gamma(k + 1 + half) Gamma(k + looks) / (Gamma(k + 1) Gamma(k + looks + half)).
    index = np.arange(k[-1])
    steps = np.log1p(half / (index + 1.0)) - np.log1p(half / (index + looks))
    at_zero = lgamma(1 + half) + lgamma(looks) - lgamma(looks + half)
    given_k = np.exp(at_zero + np.concatenate([[0.0], np.cumsum(steps)])[k])
    return float(np.sum(weight * given_k))
