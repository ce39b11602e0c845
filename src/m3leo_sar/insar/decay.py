"""Temporal decay of coherence, fitted per pixel, and medians per temporal baseline (lag)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of, module_of
from m3leo_sar.doors.blocks import Reach
from m3leo_sar.doors.door import door

#: Lags in days of the global seasonal coherence data set.
GLOBAL_LAGS = (6, 12, 18, 24, 36, 48)
_TAUS = 257


class DecayModel(NamedTuple):
    """rho(t) = rho_inf + (1 - rho_inf) exp(-t / tau), each (rows, cols) float."""

    #: Long-term coherence, in [0, 1].
    rho_inf: Any
    #: Time in days after which the rest has decayed to 1 / e.
    tau: Any
    #: Root mean square of the coherence residuals of all pairs.
    rmse: Any

    def at(self, days: float) -> Any:
        """Coherence after a number of days, (rows, cols)."""
        xp = module_of(self.rho_inf)
        return self.rho_inf + (1 - self.rho_inf) * xp.exp(-days / self.tau)

    def digital_numbers(self) -> DecayModel:
        """The model as uint16 in the global data set's units: all three times 1000 (tau in days); NaN is 0.

        A tau above 65.535 days is stored as 65.535 days.
        """
        xp = module_of(self.rho_inf)
        scaled = (xp.nan_to_num(plane * 1000) for plane in self)
        return DecayModel(*(xp.clip(xp.rint(plane), 0, 65_535).astype(np.uint16) for plane in scaled))


@door(
    arrays={"coherence": "prc"},
    reach=lambda **_: Reach(),
    units={"rho_inf": "1", "tau": "days", "rmse": "1"},
)
def fit_decay(
    coherence: Any,
    days: Sequence[float],
    *,
    tau_range: tuple[float, float] = (1.0, 1000.0),
    robust_scale: float | None = 0.1,
) -> DecayModel:
    """Fit the decay model to the coherence of any set of pairs, per pixel.

    Parameters
    ----------
    coherence : (pairs, rows, cols) float32 or float64
        In [0, 1], NaN for no data; NumPy or CuPy. Correct the bias first if the number of looks is small, as the bias
        would end up in ``rho_inf``: :func:`m3leo_sar.insar.bias.true_coherence` with ``statistic="median"`` of a median
        per lag.
    days : sequence of float
        Temporal baseline of each pair in days, above 0; the caller handles the sign of a swapped pair.
    tau_range : (float, float)
        Search range of tau, in days.
    robust_scale : float, optional
        Coherence residual beyond which a pair is down-weighted (pseudo-Huber loss), for snow and floods. None for plain
        least squares.

    Returns
    -------
    DecayModel
        (rows, cols) of the input's dtype and library; NaN where fewer than 3 pairs or 2 different lags are valid. A tau
        at an end of the range means that the pairs do not constrain it.

    Raises
    ------
    TypeError
        If the dtype is not supported.
    ValueError
        If shapes do not fit, a number of days is not above 0, or an option has an invalid value.

    Notes
    -----
    The model is that of the global seasonal Sentinel-1 coherence data set [1]_. For a given tau, rho_inf follows in
    closed form, so the search has one dimension; it begins with values over the whole range and cannot end in a local
    minimum. Its accuracy is 0.1 % of tau for exact data.

    References
    ----------
    .. [1] Kellndorfer et al., 2022, Scientific Data 9, 73.

    Examples
    --------
    >>> import numpy as np
    >>> days = [12, 24, 36, 48, 12, 24]
    >>> truth = 0.2 + 0.8 * np.exp(-np.array(days) / 20.0)
    >>> model = fit_decay(truth[:, None, None], days)
    >>> model.rho_inf.round(3), model.tau.round(2)
    (array([[0.2]]), array([[20.]]))
    """
    shape: tuple[int, ...]
    dtype, shape = getattr(coherence, "dtype", None), tuple(getattr(coherence, "shape", ()))
    if str(dtype) not in _check.REAL_OF.values():
        raise TypeError(f"coherence must be float32 or float64, got {dtype or type(coherence).__name__}")
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"coherence must be (pairs, rows, cols) and not empty, got shape {tuple(shape)}")
    lags = np.asarray(days, np.float64)
    if lags.shape != (shape[0],) or not (np.isfinite(lags) & (lags > 0)).all():
        raise ValueError(f"days must be {shape[0]} numbers above 0, one per pair, got {list(days)}")
    low, high = (float(value) for value in tau_range)
    if not (0 < low < high and np.isfinite(high)):
        raise ValueError(f"tau_range must be two finite numbers, 0 < low < high, got {tau_range}")
    if robust_scale is not None and not (np.isfinite(robust_scale) and robust_scale > 0):
        raise ValueError(f"robust_scale must be a finite number above 0 or None, got {robust_scale}")
    distinct, lag_of_pair = np.unique(lags, return_inverse=True)
    ratio = (high / low) ** (1 / (_TAUS - 1))
    table = -np.expm1(-distinct / (low * ratio ** np.arange(_TAUS))[:, None])
    planes = backend_of(coherence).fit_decay(
        coherence.reshape(shape[0], -1),
        lag_of_pair.astype(np.int32),
        distinct,
        table,
        (low, ratio),
        robust_scale or 0.0,
    )
    return DecayModel(*planes.reshape(3, *shape[1:]))


@door(arrays={"coherence": "prc"}, reach=lambda **_: Reach())
def median_by_lag(coherence: Any, days: Sequence[int], *, lags: Sequence[int] = GLOBAL_LAGS) -> dict[int, Any]:
    """Median coherence of the pairs of each lag, as in the global seasonal coherence data set.

    For a season, pass the pairs of :func:`m3leo_sar.stack.pairs.pairs_by_days` with ``season=``.

    Parameters
    ----------
    coherence : (pairs, rows, cols) float
        NaN for no data; NumPy or CuPy.
    days : sequence of int
        Temporal baseline of each pair in days.
    lags : sequence of int
        Requested lags in days.

    Returns
    -------
    dict of int to (rows, cols) float
        Lags without a pair are omitted; NaN where no pair of a lag is valid.

    Raises
    ------
    ValueError
        If there is not one number of days per pair.

    Examples
    --------
    >>> import numpy as np
    >>> maps = median_by_lag(np.array([0.5, 0.7, 0.9, 0.2]).reshape(4, 1, 1), [12, 12, 12, 24])
    >>> {lag: float(plane[0, 0]) for lag, plane in maps.items()}
    {12: 0.7, 24: 0.2}
    """
    if len(days) != len(coherence):
        raise ValueError(f"days must hold {len(coherence)} numbers, one per pair, got {len(days)}")
    backend_of(coherence)
    found = {}
    for lag in lags:
        chosen = [index for index, value in enumerate(days) if value == lag]
        if chosen:
            found[int(lag)] = _median(coherence[chosen])
    return found


def _median(planes: Any) -> Any:
    """Median of the values other than NaN over the first axis; NaN sorts last, so their count gives the middle."""
    xp = module_of(planes)
    ordered, count = xp.sort(planes, axis=0), xp.sum(~xp.isnan(planes), axis=0)
    low, high = xp.maximum((count - 1) // 2, 0), xp.minimum(count // 2, len(planes) - 1)
    at_low, at_high = (xp.take_along_axis(ordered, index[None], axis=0)[0] for index in (low, high))
    return (at_low + at_high) / 2
