"""Temporal decorrelation: the coherence of the echoes of two dates."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def decayed_coherence(days: ArrayLike, *, rho_inf: float, tau: float) -> NDArray[np.float64]:
    """Coherence after a time, ``rho_inf + (1 - rho_inf) exp(-|days| / tau)``.

    References
    ----------
    Kellndorfer et al., 2022, Scientific Data 9, 73: the model of the global seasonal coherence data set.

    Examples
    --------
    >>> decayed_coherence([0, 12], rho_inf=0.2, tau=12.0).round(3)
    array([1.   , 0.494])
    """
    return rho_inf + (1 - rho_inf) * np.exp(-np.abs(np.asarray(days, np.float64)) / tau)


def coherence_matrix(
    dates: Sequence[datetime.date],
    *,
    rho_inf: float,
    tau: float,
    event: datetime.date | None = None,
    kept: float = 1.0,
) -> NDArray[np.float64]:
    """Coherence of each date with every other, (dates, dates), symmetric with ones on the diagonal.

    Between a date before ``event`` and one from it on, only the share ``kept`` of the coherence remains. The matrix
    is positive semidefinite, as the elementwise product of two such matrices.
    """
    days = np.array([date.toordinal() for date in dates], np.float64)
    matrix = decayed_coherence(days[:, None] - days, rho_inf=rho_inf, tau=tau)
    if event is not None:
        after = np.array([date >= event for date in dates])
        matrix = np.where(after[:, None] == after, matrix, kept * matrix)
    return matrix


def mixing_matrix(coherence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower triangular matrix that turns independent echoes into echoes of this coherence.

    A coherence of one between two dates makes the matrix singular, which Cholesky refuses; a hair of the
    diagonal, below what float32 resolves, is added then.
    """
    lifted = coherence + 1e-9 * np.eye(len(coherence))
    factor = np.linalg.cholesky(lifted)
    return factor / np.linalg.norm(factor, axis=1, keepdims=True)
