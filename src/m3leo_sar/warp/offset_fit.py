"""Smooth offsets fitted to measured ones (co-registration)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from m3leo_sar.grid.pixel_polynomial import PixelPolynomial
from m3leo_sar.warp.offsets import FINE, Offsets


class FittedOffsets(NamedTuple):
    """Smooth offsets fitted to measured ones.

    Parameters
    ----------
    azimuth, range : PixelPolynomial
        For :func:`m3leo_sar.resample`.
    kept : (chips,) bool
        Measurements used by the fit.
    spread : (float, float)
        Standard deviation of their residuals, along azimuth and range, in pixels.
    """

    azimuth: PixelPolynomial
    range: PixelPolynomial
    kept: np.ndarray
    spread: tuple[float, float]


def fit_offsets(
    offsets: Offsets, *, shape: tuple[int, int], degree: int = 1, min_quality: float = 0.1, rounds: int = 10
) -> FittedOffsets:
    """Fit polynomials to measured offsets, with rejection of outliers.

    In each round, measurements with residuals above three times the spread (from the median) are rejected, the others
    are included again.

    Parameters
    ----------
    offsets : Offsets
        From :func:`m3leo_sar.measure_offsets`.
    shape : (int, int)
        Rows and columns of the image.
    degree : int
        Total degree of the polynomials.
    min_quality : float
        Measurements with a lower correlation are ignored.
    rounds : int
        Maximum number of rounds.

    Raises
    ------
    ValueError
        If too few measurements remain for the degree.
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
        # Median residual, scaled to the standard deviation of normal noise; 1/64 is one step.
        limits = [3 * max(1.4826 * float(np.median(np.abs(axis[kept]))), 1 / FINE) for axis in left]
        now = good & (np.abs(left[0]) <= limits[0]) & (np.abs(left[1]) <= limits[1])
        if (now == kept).all():
            break
        kept = now
    return FittedOffsets(fits[0], fits[1], kept, (float(left[0][kept].std()), float(left[1][kept].std())))
