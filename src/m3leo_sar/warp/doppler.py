"""Doppler centroid and azimuth carrier of an SLC, estimated from its pixels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from m3leo_sar import _check
from m3leo_sar._backend.choose import module_of
from m3leo_sar.doors.door import door

#: Rows per block for the centroid, maximum number of blocks along rows and columns, and samples wanted per block.
_ROWS, _MOST_DOWN, _MOST_ACROSS, _SAMPLES = 16, 96, 8, 2000
#: Minimum ratio of a centroid to its noise.
_OUTSTANDING = 4.0
#: Cycles per row: a smaller carrier is harmless, and blocks that deviate from a model by more than this beyond their
#: noise contradict it.
_QUIET, _APART = 0.02, 0.04
#: Powers of the normalised row and column in the model of a varying centroid.
_TERMS = ((0, 0), (1, 0), (0, 1), (1, 1), (2, 0))


@door(arrays={"slc": "rc"}, eager=True)
def doppler_centroid(slc: Any) -> float:
    """Estimate the centre of the azimuth spectrum from the mean phase change between rows.

    Parameters
    ----------
    slc : (rows, cols) complex64 or complex128
        At least two rows; samples with a non-finite part are ignored.

    Returns
    -------
    float
        Cycles per row (frequency / pulse repetition frequency), in (-0.5, 0.5]: ``doppler`` of
        :func:`m3leo_sar.resample`.

    Raises
    ------
    TypeError
        If ``slc`` is not complex64 or complex128.
    ValueError
        If it has fewer than two rows, or no two vertically adjacent valid samples.

    References
    ----------
    Madsen, 1989, IEEE Transactions on Aerospace and Electronic Systems 25(2), 134-140.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.arange(50)[:, None]
    >>> round(doppler_centroid(np.exp(2j * np.pi * 0.13 * rows) * np.ones((50, 4))), 6)
    0.13
    """
    _check.complex_array(slc, "slc", ndim=2)
    if slc.shape[0] < 2:
        raise ValueError(f"slc must have at least two rows, got {slc.shape[0]}")
    arrays = module_of(slc)
    turn = slc[1:] * slc[:-1].conj()
    total = complex(arrays.where(arrays.isfinite(turn), turn, 0).sum(dtype="complex128"))
    if total == 0:
        raise ValueError("slc must have valid samples below each other, got none")
    return math.atan2(total.imag, total.real) / (2 * math.pi)


def azimuth_carrier(slc: Any) -> Callable[[Any, Any], Any] | None:
    """Estimate the azimuth carrier: that of a squint, or the quadratic one of a TOPS burst.

    The Doppler centroid of blocks of rows is unwrapped along the image, and a smooth model of it is integrated.

    Parameters
    ----------
    slc : (rows, cols) complex64 or complex128
        NumPy or CuPy; samples with a non-finite part are ignored.

    Returns
    -------
    callable or None
        Phase in radians at (row, col), as ``carrier`` of :func:`m3leo_sar.resample`; None where the centroid is below
        0.02 cycles per row everywhere, or not measurable, as for white noise.

    Raises
    ------
    TypeError
        If ``slc`` is not complex64 or complex128.
    ValueError
        If the carrier is not smooth, such as that of merged TOPS bursts. One that jumps by whole cycles appears smooth.

    References
    ----------
    Madsen, 1989, IEEE Transactions on Aerospace and Electronic Systems 25(2), 134-140 (the centroid);
    Prats-Iraola et al., 2012, IEEE TGRS 50(8), 3019-3034 (the carrier of TOPS bursts).

    Examples
    --------
    >>> import numpy as np
    >>> row = np.arange(200.0)[:, None]
    >>> burst = np.exp(1j * np.pi * 0.006 * (row - 90) ** 2) * np.ones((200, 30))
    >>> still = burst * np.exp(-1j * azimuth_carrier(burst)(row, np.arange(30.0)))
    >>> bool(abs(doppler_centroid(still)) < 0.005)
    True
    """
    _check.complex_array(slc, "slc", ndim=2)
    rows, cols, turns, noise = _block_turns(slc)
    known = turns != 0
    if not known.any():
        return None
    cycles = _unwrapped(np.angle(turns) / (2 * np.pi), known)
    half = (max(slc.shape[0] - 1, 1) / 2, max(slc.shape[1] - 1, 1) / 2)
    u, v = (rows / half[0] - 1)[:, None], (cols / half[1] - 1)[None]
    near = _APART + 2 * float(np.sqrt(np.mean(noise[known] ** 2)))
    model, spread, fitted = _smooth_model(u, v, cycles, known, near / 2)
    if spread > near:
        raise ValueError(
            f"slc has a carrier along azimuth that is not smooth: its Doppler centroid lies {spread:.2f} cycles per "
            "row off any; give carrier= or doppler=, or resample burst by burst; doppler=0.0 takes the image as it is"
        )
    if np.abs(fitted[known]).max() < _QUIET:
        return None

    def phase(row: Any, col: Any) -> Any:
        down, along = np.asarray(row) / half[0] - 1, np.asarray(col) / half[1] - 1
        return 2 * np.pi * half[0] * sum(f * down ** (i + 1) / (i + 1) * along**j for (i, j), f in model.items())

    return phase


def _block_turns(slc: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Centre rows and columns of blocks, the phase change per row in each, and its noise in cycles.

    A phase change not above the noise is zero.
    """
    arrays, (high, wide) = module_of(slc), slc.shape
    tops = np.unique(np.linspace(0, max(high - _ROWS - 1, 0), min(_MOST_DOWN, max(high // _ROWS, 1))).astype(int))
    count = int(np.clip(wide * _ROWS // _SAMPLES, 1, _MOST_ACROSS))
    edges = np.linspace(0, wide, count + 1).astype(int)
    turns, noise = np.zeros((len(tops), count), complex), np.zeros((len(tops), count))
    for k, top in enumerate(tops):
        block = slc[top : top + _ROWS + 1]
        valid = arrays.isfinite(block)
        block = arrays.where(valid, block, 0).astype(np.complex128)
        turn, power = block[1:] * block[:-1].conj(), abs(block) ** 2
        for n in range(count):
            part = slice(edges[n], edges[n + 1])
            total, strength = complex(turn[:, part].sum()), float(power[:, part].sum())
            samples = max(int((valid[1:, part] & valid[:-1, part]).sum()), 1)
            if abs(total) * math.sqrt(samples) > _OUTSTANDING * strength:
                likeness = min(abs(total) / strength, 1.0)
                turns[k, n] = total
                noise[k, n] = math.sqrt((1 - likeness**2) / (2 * samples)) / likeness / (2 * np.pi)
    return tops + _ROWS / 2, (edges[1:] + edges[:-1] - 1) / 2, turns, noise


def _unwrapped(cycles: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Cycles unwrapped along rows and then columns; an unknown value takes the last known one."""
    filled = cycles.copy()
    for k in range(1, len(filled)):
        filled[k] = np.where(known[k], filled[k], filled[k - 1])
    down = np.unwrap(filled, axis=0, period=1)
    middle = down.mean(axis=0)
    across = down + np.unwrap(middle, period=1) - middle
    # Of the aliased frequencies, those around zero: between samples they differ.
    return np.asarray(across - np.rint(across[known].mean()))


def _smooth_model(
    u: np.ndarray, v: np.ndarray, cycles: np.ndarray, known: np.ndarray, near: float
) -> tuple[dict[tuple[int, int], float], float, np.ndarray]:
    """Coefficients of the powers of row and column, a constant if it suffices, the residuals in cycles, and the fit."""
    for terms in (_TERMS[:1], _TERMS[:2], _TERMS):
        if terms != _TERMS[:1] and known.sum() < 2 * len(terms):
            break
        basis = np.stack([np.broadcast_to(u**i * v**j, cycles.shape) for i, j in terms], axis=-1)
        factors = np.linalg.lstsq(basis[known], cycles[known], rcond=None)[0]
        left = (cycles - basis @ factors)[known]
        spread = float(np.sqrt(np.mean((left - np.rint(left)) ** 2)))
        found = dict(zip(terms, map(float, factors), strict=True)), spread, basis @ factors
        if spread < near:
            break
    return found
