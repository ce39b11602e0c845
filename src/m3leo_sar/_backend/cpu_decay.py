"""Decay fits of NumPy stacks."""

from __future__ import annotations

import numpy as np

from m3leo_sar._ext import decay as kernel


def fit_decay(
    coherence: np.ndarray,
    lag_of_pair: np.ndarray,
    lag_days: np.ndarray,
    table: np.ndarray,
    taus: tuple[float, float],
    scale: float,
) -> np.ndarray:
    """rho_inf, tau and rmse, (3, pixels), of coherence (pairs, pixels); ``taus`` is the first tau and the ratio."""
    coherence = np.ascontiguousarray(coherence)
    out = np.empty((3, coherence.shape[1]), coherence.dtype)
    kernel.fit_decay(coherence, lag_of_pair, lag_days, table, *taus, scale, out)
    return out
